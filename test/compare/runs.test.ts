import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readRuns } from '../../src/compare/runs.ts'
import { UsageError } from '../../src/errors.ts'
import { side } from './sample-runs.ts'

const root = mkdtempSync(join(tmpdir(), 'mqtt-scale-runs-'))
afterAll(() => rmSync(root, { recursive: true }))

/** A file below the root, with the folders it needs. */
function put(path: string, text: string): string {
  const file = join(root, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text)
  return file
}

const texts = side('base', { count: 3 }).map(({ report }) => JSON.stringify(report))
for (const [i, text] of texts.entries()) put(`base/${[10, 9, 2][i]}/report.json`, text)
put('flat/report-1.json', texts[0]!)
put('flat/notes.json', '{}')

describe('runs are named', () => {
  test.each([
    { what: 'by a folder of report folders', paths: ['base'], found: ['base/10', 'base/9', 'base/2'] },
    { what: 'by report folders', paths: ['base/9', 'base/10'], found: ['base/10', 'base/9'] },
    { what: 'by report.json', paths: ['base/2/report.json'], found: ['base/2/report.json'] },
    { what: 'by a folder of report files', paths: ['flat'], found: ['flat/report-1.json'] },
  ])('$what, and come in the order of their starts', ({ paths, found }) => {
    const runs = readRuns(paths.map((path) => join(root, path)))
    expect(runs.map(({ path }) => path)).toEqual(found.map((path) => join(root, path)))
  })
})

describe('what is no run', () => {
  const example = readFileSync('test/report/before-agents.json', 'utf8')
  test.each([
    { what: 'nothing', path: 'nowhere', text: null, message: /can't read .*nowhere \(ENOENT\)/ },
    { what: 'a folder without reports', path: 'empty/note.txt', text: 'hello', inside: 'empty', message: /empty holds no report$/ },
    {
      what: 'a report that was cut short',
      path: 'cut/report.json',
      text: example.slice(0, 5000),
      message: /cut\/report\.json is not JSON/,
    },
    {
      what: 'somebody else’s JSON',
      path: 'k6.json',
      text: '{"metrics":{}}',
      message: /k6\.json is no report of mqtt-scale$/,
    },
    {
      what: 'a report of a version that is to come',
      path: 'v9/report.json',
      text: example.replace('report@1', 'report@9'),
      message: /v9\/report\.json .*mqtt-scale\/report@9/,
    },
    {
      what: 'a report of another schema',
      path: 'v0/report.json',
      text: example.replace('report@1', 'report@0'),
      message: /v0\/report\.json .*mqtt-scale\/report@0/,
    },
    {
      what: 'a report without its parts',
      path: 'half/report.json',
      text: '{"schema":"mqtt-scale/report@1","run":{}}',
      message: /half\/report\.json lacks/,
    },
    { what: 'text', path: 'page/report.json', text: '<html>', message: /page\/report\.json is not JSON/ },
  ])('is named: $what', ({ path, text, inside, message }) => {
    const file = text === null ? join(root, path) : put(path, text)
    const read = () => readRuns([inside === undefined ? file : join(root, inside)])
    expect(read).toThrow(UsageError)
    expect(read).toThrow(message)
  })
})
