/** A comparison in each of its forms. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { compareWithThemselves } from '../../src/compare/aa.ts'
import { type CompareOptions, compare } from '../../src/compare/compare.ts'
import { rendered, renderedSelf } from '../../src/compare/formats.ts'
import type { Comparison } from '../../src/compare/types.ts'
import { AA_FORMATS, COMPARISON_FORMATS } from '../../src/compare/types.ts'
import { formatDuration } from '../../src/units.ts'
import { hasChromium, hover, legendOf, linesSeen, useBrowser } from '../helpers/browser.ts'
import { sampleReport } from '../helpers/sample-report.ts'
import { counts, side } from './sample-runs.ts'

const NONE: CompareOptions = { gates: [], allowed: [] }
const plainText = { color: false, width: 100 }
const EVIL = `</script><img src="x" onerror="document.title='owned'">|@everyone *bold*`

/** A regression of p99, a loss that MQTT forbids, a broken threshold, and something that was let pass. */
function worse(): Comparison {
  const { host } = sampleReport()
  const candidate = side('candidate', {
    scatter: [1.18, 1.22, 1.2, 1.19, 1.21],
    changes: (i) => ({
      host: { ...host, cores: 4 },
      qos: { 0: { deliveries: counts() }, 1: { deliveries: counts({ lost: i === 3 ? 2 : 0 }) }, 2: { deliveries: counts() } },
      ...(i === 1 && { status: 'failed' as const, thresholds: [{ expression: 'endToEnd.p99 < 5ms', actual: 6000, ok: false }] }),
    }),
  })
  return compare(side('base'), candidate, { ...NONE, allowed: ['host'] })
}

test('as text it is as it was looked at', () => {
  expect(rendered(worse(), 'text', plainText)).toBe(readFileSync(new URL('comparison.golden.txt', import.meta.url), 'utf8'))
})

test('as text no line is longer than the terminal is wide', () => {
  for (const width of [80, 100])
    for (const line of rendered(worse(), 'text', { color: false, width }).split('\n')) expect(line.length).toBeLessThanOrEqual(width)
})

test('as JSON it is the comparison, and ∞ is null', () => {
  const infinite = compare(side('base'), side('candidate', { lost: [400] }), NONE)
  const read = JSON.parse(rendered(infinite, 'json', plainText))
  expect(read).toMatchObject({ schema: 'mqtt-scale/comparison@1', verdict: 'regression' })
  expect(read.gates[1].candidate).toEqual([null, null, null, null, null])
})

describe('as Markdown', () => {
  test('begins with the verdict, folds away what does not decide, and fits a comment', () => {
    const lines = rendered(worse(), 'md', plainText).split('\n')
    expect(lines[0]).toMatch(/^### ❌ REGRESSION: endToEnd\.p99 &lt; 5ms does not hold in 1 of 5 runs of candidate$/)
    expect(lines.indexOf('<details><summary>More</summary>')).toBeGreaterThan(lines.findIndex((line) => line.startsWith('| Gates |')))
    expect(lines.join('\n').length).toBeLessThan(65_536 / 4)
    expect(lines.find((line) => line.startsWith('| endToEnd.p99 |'))).toContain('| ❌ regression |')
  })

  test('has rows as wide as their heads', () => {
    const tables = rendered(worse(), 'md', plainText)
      .split('\n\n')
      .filter((block) => block.startsWith('|'))
    expect(tables.length).toBeGreaterThan(5)
    for (const table of tables) expect(new Set(table.split('\n').map((line) => line.split('|').length)).size).toBe(1)
  })
})

test('as JUnit it has a case for each gate, count and threshold; what is inconclusive fails', () => {
  const xml = rendered(worse(), 'junit', plainText)
  expect(xml).toContain('tests="10" failures="4"')
  expect(xml).toContain('name="endToEnd.p99 is not worse by more than 10 %"')
  expect(xml).toContain('<failure message="in 1 of 5 runs"/>')
  const scatter = [0.9, 1.1, 1, 0.95, 1.05]
  const open = rendered(compare(side('base', { scatter }), side('candidate', { scatter }), NONE), 'junit', plainText)
  expect(open).toMatch(/failure message="inconclusive: .*more runs a side should tell"/)
})

test.each(COMPARISON_FORMATS)('as %s what others wrote stays the text it is', (format) => {
  const { run, plan } = sampleReport()
  const changes = () => ({
    run: { ...run, scenario: EVIL },
    plan: { ...plan, thresholds: [] },
    thresholds: [{ expression: EVIL, actual: 1, ok: false }],
    status: 'failed' as const,
  })
  const one = side('base', { count: 1, changes: () => ({ ...changes(), run: { ...run, scenario: EVIL, id: 'other' } }) })
  const text = rendered(compare(one, side('candidate', { count: 1, changes }), NONE), format, plainText)
  if (format !== 'text' && format !== 'json') expect(text).not.toContain('<img')
  if (format === 'md') expect(text).not.toContain('@everyone')
})

describe('runs against themselves', () => {
  const self = compareWithThemselves(side('base', { count: 12 }), NONE)

  test('find nothing where they scatter little, and say what they could find', () => {
    expect(self).toMatchObject({ runs: 12, runsASide: 6, deals: 1000, falseAlarms: 0, inconclusive: 0 })
    const [median] = self.gates
    expect(median!.spread).toBeCloseTo(0.0074, 3)
    expect(median!.sees.map(({ runs }) => runs)).toEqual([3, 5, 10, 20])
    expect(median!.sees[1]!.difference).toBeGreaterThan(0.05)
  })

  test('warn of a margin that is lost in the scatter', () => {
    const loud = compareWithThemselves(side('base', { count: 12, scatter: [0.9, 1.1, 1] }), NONE)
    expect(loud.inconclusive).toBeGreaterThan(0.2)
    const note = /^- endToEnd\.p50: a margin of 5 % is less than twice the scatter of these runs; .* Take 1\d %, or longer runs\.$/m
    expect(renderedSelf(loud, 'md', plainText)).toMatch(note)
    const wild = compareWithThemselves(side('base', { count: 12, scatter: [0.5, 2, 1] }), NONE)
    expect(renderedSelf(wild, 'md', plainText)).toMatch(
      /^- endToEnd\.p50: .* Make longer runs on a quieter machine, or gate by a median\.$/m,
    )
    expect(renderedSelf(self, 'text', plainText)).not.toContain('Note')
  })

  test('say that too few of them say too little', () => {
    expect(() => compareWithThemselves(side('base'), NONE)).toThrow('5 runs say too little about themselves')
  })

  test.each(AA_FORMATS)('can be had as %s', (format) => {
    expect(renderedSelf(self, format, plainText)).toContain(format === 'json' ? '"mqtt-scale/aa@1"' : '0 % of 1,000 comparisons')
  })
})

describe.skipIf(!hasChromium)('the page in a browser', () => {
  const open = useBrowser()

  test('draws both curves, says under the mouse what the comparison has, and complains of nothing', async () => {
    const comparison = worse()
    const { page, faults } = await open(rendered(comparison, 'html', plainText))
    expect(await linesSeen(page, { curves: ['--line-1', '--line-3'] })).toEqual({ curves: [true, true] })
    const points = new Map(comparison.curve!.points.map((point) => [`p${point.percent}`, point]))
    const seen = new Set<string>()
    for (const share of [0.05, 0.2, 0.35, 0.5, 0.65]) {
      await hover(page, 'curves', share)
      const { base, candidate, ...rest } = await legendOf(page, 'curves')
      const percentile = Object.values(rest)[0]!
      const point = points.get(percentile) ?? points.get(`p${percentile.replace(/ ?%|p/g, '')}`)!
      expect([base, candidate]).toEqual([formatDuration(point.base!), formatDuration(point.candidate!)])
      seen.add(percentile)
    }
    expect(seen.size).toBe(5)
    const text = await page.locator('main').textContent()
    for (const words of ['REGRESSION', 'which MQTT forbids', '--allow host', 'Both curves', 'candidate 5']) expect(text).toContain(words)
    expect(faults).toEqual([])
    await page.close()
  })

  test('is as wide as a phone, and scrolls only its tables', async () => {
    const { page, faults } = await open(rendered(worse(), 'html', plainText), { viewport: { width: 390, height: 800 } })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
    expect(faults).toEqual([])
    await page.close()
  })
})
