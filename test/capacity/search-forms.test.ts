/** A search in each of its forms. */
import { describe, expect, test } from 'vitest'
import { rendered } from '../../src/capacity/search-forms.ts'
import { CAPACITY_FORMATS, SEARCH_SCHEMA, type SearchReport, type SearchResult, type Trial } from '../../src/capacity/types.ts'
import { hasChromium, useBrowser } from '../helpers/browser.ts'

const plainText = { color: false, width: 200 }
const EVIL = `<img src="x" onerror="document.title='owned'">`

function trial(number: number, load: number, p99Us: number | null, change: Partial<Trial> = {}): Trial {
  const isGood = p99Us !== null && p99Us < 20_000
  return {
    number,
    phase: 'ramp',
    factor: load / 1000,
    load,
    verdict: isGood ? 'good' : 'bad',
    criteria: isGood ? [] : ['endToEnd.p99 < 20ms does not hold: 30 ms'],
    figures: { 'endToEnd.p99': p99Us },
    sentPerSec: load,
    receivedPerSec: load,
    lengthS: 5,
    path: `trials/${number}`,
    ...change,
  }
}

const found: SearchResult = {
  nodes: null,
  status: 'found',
  low: 1200,
  high: 1260,
  hasHysteresis: false,
  limit: 'endToEnd.p99 < 20ms does not hold: 30 ms',
  trials: [
    trial(1, 1000, 3000),
    trial(2, 1500, null),
    trial(3, 1200, 5000),
    trial(4, 1200, 7000),
    trial(5, 1200, 900_000),
    trial(6, 1260, 30_000),
  ],
}
const LATE = trial(3, 2250, 4000, { verdict: 'invalid', criteria: ['the generator sent late'] })
const limited: SearchResult = {
  ...found,
  status: 'generatorLimited',
  low: 1500,
  high: null,
  limit: null,
  trials: [trial(1, 1000, 3000), trial(2, 1500, 4000), LATE, LATE, LATE],
}

const searchOf = (series: readonly SearchResult[], change: Partial<SearchReport> = {}): SearchReport => ({
  schema: SEARCH_SCHEMA,
  scenario: 'rate',
  scenarioHash: 'x',
  vary: 'rate',
  slo: ['endToEnd.p99 < 20ms'],
  asked: { nodes: null, repeat: 1, from: 1, width: 0.05, trialS: 5, confirmS: 10, brokers: [] },
  startedAt: '',
  series,
  scaling: null,
  tool: '0.0.0',
  ...change,
})
const pageOf = (report: SearchReport) => rendered(report, 'html', plainText)
const textOf = (report: SearchReport, width = 200) => rendered(report, 'text', { color: false, width })

describe('as text', () => {
  test('it begins with the interval and what the limit was, and has each trial', () => {
    const lines = textOf(searchOf([found])).split('\n')
    expect(lines[0]).toBe(
      '✓ found  the SLO holds up to somewhere between 1,200/s and 1,260/s messages; above that endToEnd.p99 < 20ms does not hold: 30 ms',
    )
    expect(lines[2]).toBe('rate · on the embedded broker, whose figures these are · at endToEnd.p99 < 20ms · 6 trials · mqtt-scale 0.0.0')
    const asked = { ...searchOf([]).asked, brokers: ['mqtt://a:1883', 'mqtt://b:1883', 'mqtt://c:1883'] }
    expect(textOf(searchOf([found], { asked }))).toContain('rate · on mqtt://a:1883 and 2 more · at')
    expect(lines.filter((line) => /^ +\d +ramp +1,/.test(line))).toHaveLength(6)
    expect(lines.find((line) => line.startsWith('  2'))).toMatch(/1,500\/s +bad +∞ /)
  })

  test('where the generator was the limit it says what is sure, and by what the generator was', () => {
    expect(textOf(searchOf([limited]))).toMatch(
      /^! limited by the generator {2}capacity is at least 1,500\/s messages: at 2,250\/s the generator was the limit \(the generator sent late\)\n/,
    )
    const none = { ...limited, low: null, trials: [LATE, LATE, LATE] }
    expect(textOf(searchOf([none]))).toMatch(
      /^! limited by the generator {2}no load was good: at 2,250\/s the generator was the limit \(the generator sent late\)\n/,
    )
  })

  test('of several searches each has a row and a table of its own, and what is not found comes first', () => {
    const other: SearchResult = { ...found, status: 'inconclusive', hasHysteresis: true }
    const text = textOf(searchOf([found, other]))
    expect(text).toMatch(/^! inconclusive {2}search 2: good up to 1,200\/s, bad from 1,260\/s messages, not confirmed\n/)
    expect(text).toMatch(/\n {2}search 1 +1,200\/s +1,260\/s +found .*\n {2}search 2 +1,200\/s +1,260\/s +inconclusive /)
    expect(text).toMatch(/Trials of search 2\n/)
    expect(text).toMatch(/Note {2}Search 2: a load that was good on the way up was not any more at the end/)
  })

  test('no line is longer than the terminal is wide', () => {
    for (const width of [60, 80, 120])
      for (const line of textOf(searchOf([found, limited]), width).split('\n')) expect(line.length, line).toBeLessThanOrEqual(width)
  })
})

test.each(CAPACITY_FORMATS)('as %s what others wrote stays the text it is', (format) => {
  const text = rendered(searchOf([found], { scenario: EVIL }), format, plainText)
  if (format === 'html') {
    expect(text).not.toContain('<img')
    expect(text).toContain('&lt;img')
  } else expect(text).toContain(format === 'json' ? JSON.stringify(EVIL) : EVIL)
})

describe('as a page it draws latency against load', () => {
  test('with a mark for each trial, the curve through the medians, and what the SLO lets it be', () => {
    const page = pageOf(searchOf([found]))
    expect(page.match(/<circle /g)).toHaveLength(5)
    expect(page).toContain('<title>1,500/s: ∞ or no sample, bad</title>')
    const [, points = ''] = /<polyline points="([^"]*)"/.exec(page) ?? []
    const curve = points.split(' ').map((point) => point.split(',').map(Number))
    expect(curve).toHaveLength(4)
    const at = (load: string, ms: string) => {
      const [, cx, cy] = new RegExp(`<circle cx="([\\d.]+)" cy="([\\d.]+)"[^>]*><title>${load}: ${ms}`).exec(page)!
      return [Number(cx), Number(cy)]
    }
    // Of 5, 7 and 900 ms.
    expect(curve[1]).toEqual(at('1,200/s', '7 ms'))
    expect(curve[3]![1]).toBe(10)
    const [, limit] = /<line [^>]*y1="([\d.]+)"[^>]*stroke-dasharray/.exec(page)!
    expect(Number(limit)).toBeGreaterThan(at('1,260/s', '30 ms')[1]!)
    expect(Number(limit)).toBeLessThan(at('1,200/s', '7 ms')[1]!)
  })

  test('and no such line where the SLO says nothing of a latency, nor a drawing', () => {
    const lossless = { ...found, trials: found.trials.map((one) => ({ ...one, figures: { 'clients.failed': 0 } })) }
    expect(pageOf(searchOf([lossless], { slo: ['clients.failed == 0'] }))).not.toContain('<svg viewBox="0 0 960')
  })
})

describe.skipIf(!hasChromium)('the page in a browser', () => {
  const openPage = useBrowser()

  test('fits a window, and complains of nothing', async () => {
    const { page, faults } = await openPage(pageOf(searchOf([found, limited])), { viewport: { width: 400, height: 800 } })
    expect(await page.locator('.verdict strong').textContent()).toBe('limited by the generator')
    expect(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')).toBe(0)
    expect(faults).toEqual([])
    await page.close()
  })
})
