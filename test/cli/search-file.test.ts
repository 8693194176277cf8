/**
 * The file of a search: which one goes on, which is let be, and that it is whole whatever happens.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SEARCH_SCHEMA, type SearchReport, type SearchResult } from '../../src/capacity/types.ts'
import { openSearch, type Wanted, writeSearch } from '../../src/cli/search-file.ts'
import { folder } from './tool.ts'

const WANTED: Wanted = {
  schema: SEARCH_SCHEMA,
  scenario: 'own',
  scenarioHash: 'abc',
  vary: 'rate',
  slo: ['endToEnd.p99 < 1s'],
  asked: { nodes: [1, 2], repeat: 1, from: 1, width: 0.05, trialS: 10, confirmS: 20, brokers: ['mqtt://a:1883', 'mqtt://b:1883'] },
  tool: '0.1.0',
}
const result = (nodes: number, status: SearchResult['status']): SearchResult => ({
  nodes,
  status,
  low: null,
  high: null,
  hasHysteresis: false,
  limit: null,
  trials: [],
})

function kept(series: readonly SearchResult[]): { root: string; before: SearchReport } {
  const root = join(folder(), 's')
  const before = { ...openSearch(root, WANTED, false), series }
  writeSearch(root, before)
  return { root, before }
}

describe('a search that was cut short', () => {
  test('goes on, also between two sizes', () => {
    for (const series of [[], [result(1, 'interrupted')], [result(1, 'found')]]) {
      const { root, before } = kept(series)
      expect(openSearch(root, WANTED, false)).toEqual(before)
    }
  })

  test.each([
    { change: { scenarioHash: 'other' }, words: 'scenario' },
    { change: { vary: 'clients' as const }, words: '--vary' },
    { change: { slo: ['endToEnd.p99 < 2s'] }, words: '--slo' },
    { change: { tool: '0.2.0' }, words: 'version of mqtt-scale' },
    { change: { asked: { ...WANTED.asked, nodes: [2, 4] } }, words: '--nodes' },
    { change: { asked: { ...WANTED.asked, repeat: 2, width: 0.1 } }, words: '--repeat, --width' },
    { change: { asked: { ...WANTED.asked, trialS: 5 } }, words: '--trial' },
    { change: { asked: { ...WANTED.asked, brokers: ['mqtt://c:1883'] } }, words: '--broker' },
  ])('does not as one of another $words', ({ change, words }) => {
    const { root } = kept([result(1, 'interrupted')])
    expect(() => openSearch(root, { ...WANTED, ...change }, false)).toThrow(`${root} has another search: not the same ${words}`)
  })

  test('goes on under another name of the same scenario', () => {
    const { root } = kept([result(1, 'interrupted')])
    expect(openSearch(root, { ...WANTED, scenario: 'renamed' }, false).series).toHaveLength(1)
  })
})

describe('a folder', () => {
  test('with a search that is over is let be, unless forced', () => {
    const { root } = kept([result(1, 'found'), result(2, 'inconclusive')])
    mkdirSync(join(root, 'trials/1'))
    expect(() => openSearch(root, WANTED, false)).toThrow(`${root} has a search that is over`)
    expect(openSearch(root, WANTED, true).series).toEqual([])
    expect(readdirSync(join(root, 'trials'))).toEqual([])
  })

  test.each(['null', '{', '{"schema":"mqtt-scale/report@1"}', '{"schema":"mqtt-scale/search@1"}'])(
    'with %s in its file is let be',
    (text) => {
      const root = folder()
      writeFileSync(join(root, 'search.json'), text)
      expect(() => openSearch(root, WANTED, false)).toThrow('search.json is not that of a search')
      expect(existsSync(join(root, 'trials'))).toBe(false)
    },
  )

  test('that can’t be made is said', () => {
    const root = join(folder(), 'file')
    writeFileSync(root, '')
    for (const force of [false, true]) expect(() => openSearch(root, WANTED, force)).toThrow(`can't make the folder ${root} (ENOTDIR)`)
  })

  test('that can’t be written has the file of before', () => {
    const { root, before } = kept([result(1, 'found')])
    mkdirSync(join(root, 'search.json.new'))
    expect(() => writeSearch(root, { ...before, series: [] })).toThrow(/can't write to .* \(EISDIR\)/)
    expect(JSON.parse(readFileSync(join(root, 'search.json'), 'utf8'))).toEqual(before)
  })
})
