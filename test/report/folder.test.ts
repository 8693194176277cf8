import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { EnvironmentError } from '../../src/errors.ts'
import { makeFolder, ReportFolder } from '../../src/report/folder.ts'

const reportIn = (path: string) => new ReportFolder(path, false, new Date(0))

test('a report folder is made with those above it, and again', () => {
  const root = mkdtempSync(join(tmpdir(), 'mqtt-scale-folder-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const _ of [1, 2]) expect(existsSync(join(reportIn(join(root, 'a/b/c')).path, 'timeline.ndjson'))).toBe(true)
  makeFolder('.')
})

test('where it can’t be, that is said at once: on a file, and below /proc, where Node would try for ever', () => {
  const root = mkdtempSync(join(tmpdir(), 'mqtt-scale-folder-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  writeFileSync(join(root, 'file'), '')
  for (const [path, code] of [
    [join(root, 'file'), 'EEXIST'],
    [join(root, 'file/a/b'), 'ENOTDIR'],
    ['/proc/nope', 'ENOENT'],
    ['/proc/nope/a', 'ENOENT'],
  ] as const) {
    expect(() => reportIn(path)).toThrow(EnvironmentError)
    expect(() => reportIn(path)).toThrow(`can't write to ${path} (${code})`)
  }
})
