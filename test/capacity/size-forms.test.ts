/** A sizing in each of its forms. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { rendered } from '../../src/capacity/size-formats.ts'
import type { Sizing } from '../../src/capacity/sizing.ts'
import { CAPACITY_FORMATS } from '../../src/capacity/types.ts'
import { hasChromium, useBrowser } from '../helpers/browser.ts'
import { gauge, plateau, search, sized, TARGET } from './sample-evidence.ts'

const plainText = { color: false, width: 100 }
const EVIL = `</script><img src="x" onerror="document.title='owned'">`
const worked = sized()
const open = () => sized({ searches: [search([1])], set: ['availability.others={load balancer: 99.99%}'] })

test('as text the worked case is as it was looked at', () => {
  const text = rendered({ ...worked, tool: '0.0.0' }, 'text', plainText)
  expect(text).toBe(readFileSync(new URL('worked-case.golden.txt', import.meta.url), 'utf8'))
})

test('as text no line is longer than the terminal is wide', () => {
  for (const width of [80, 100]) {
    for (const sizing of [worked, open()])
      for (const line of rendered(sizing, 'text', { color: false, width }).split('\n')) expect(line.length, line).toBeLessThanOrEqual(width)
  }
})

test('as text what is not decided begins with why, what surely is too few, and the run it takes', () => {
  const text = rendered(open(), 'text', { color: false, width: 400 })
  expect(text).toMatch(/^! inconclusive {2}at least 15 nodes, 5 in each of 3 zones; throughput at the SLO: a scaling law needs four sizes/)
  expect(text).toMatch(
    / 1 {2}search at 3 more sizes, three times each; the largest size has to be 8 nodes or more: .*; without it there is no decision/,
  )
  expect(text).toMatch(/59 min a year is over the 52.56 min that 99.99 % leaves: more nodes don’t change that\./)
})

test('as text it says what a client takes with all it has, where inputs come from, and that a cost without a decision is the least', () => {
  const text = rendered(sized({ set: ['subscriptions=2'], load: { basis: 'scenario x' } }), 'text', { color: false, width: 400 })
  expect(text).toMatch(/clients +10,000,000 +assumed +target file\n/)
  expect(text).toMatch(/\nCost\n/)
  expect(rendered(open(), 'text', plainText)).toMatch(/\nCost, of the least that it takes\n/)
  // Three subscriptions at most, at several numbers of them.
  const runs = [1, 2, 3, 1, 2].map((each, i) => {
    const { path, report } = plateau((i + 1) * 1e5, 1e9 + 1000 * (i + 1) * 1e5 + 500 * each * (i + 1) * 1e5)
    const metrics = { ...report.nodes.a!.metrics!, subscriptions: gauge(each * (i + 1) * 1e5) }
    return { path, report: { ...report, nodes: { a: { metrics } } } }
  })
  const subscribed = rendered(sized({ runs, set: ['subscriptions=2'] }), 'text', { color: false, width: 400 })
  expect(subscribed).toMatch(/memory +1 .*1\.95 KiB a client with its subscriptions, /)
  // Without clients in the target they are its scenario's.
  const noClients = rendered(
    sized({ target: TARGET.replace('clients: 10M', 'load: x'), load: { clients: 5, basis: 'scenario x' } }),
    'text',
    plainText,
  )
  expect(noClients).toMatch(/ {2}clients +5 +assumed +scenario x\n/)
})

test('as text a search that the generator ended is not said to be none', () => {
  const one = search([1], { repeats: 1 })
  const series = one.report.series.map((result) => ({ ...result, status: 'generatorLimited' as const }))
  const text = rendered(sized({ searches: [{ ...one, report: { ...one.report, series } }] }), 'text', { color: false, width: 400 })
  expect(text).toMatch(
    /no search for a rate with endToEnd\.p99 < 100ms has found one \(rate\/search\.json with 1 node: the generator was the limit/,
  )
})

test('as text what is not decided has only what would be, and what is far away no number', () => {
  const text = rendered(sized({ searches: [] }), 'text', { color: false, width: 400 })
  expect(text).not.toMatch(/Otherwise|± 20 %|Infinity/)
  expect(text).toMatch(/network +1 +> 100 /)
})

test('as JSON it is the sizing', () => {
  const read = JSON.parse(rendered(worked, 'json', plainText)) as Sizing
  expect(read).toMatchObject({ schema: 'mqtt-scale/size@1', verdict: 'decided', answer: { nodes: 15, perZone: 5 }, binding: 'connections' })
  expect(read.scaling.law!.fit.gamma).toBeCloseTo(40_000, 0)
})

test.each(CAPACITY_FORMATS)('as %s what others wrote stays the text it is', (format) => {
  const text = rendered(sized({ set: [`name=${JSON.stringify(EVIL)}`, 'price.currency="<u>"'] }), format, plainText)
  if (format === 'html') {
    expect(text).not.toContain('<img')
    expect(text).not.toContain('<u>')
    expect(text).toContain('&lt;img')
  } else expect(text).toContain(format === 'json' ? JSON.stringify(EVIL) : EVIL)
})

describe.skipIf(!hasChromium)('the page in a browser', () => {
  const openPage = useBrowser()

  test.each([
    { what: 'a decision', sizing: worked, headline: '15 nodes, 5 in each of 3 zones' },
    { what: 'none', sizing: open(), headline: 'inconclusive' },
  ])('says $what, has a bar for each constraint, and complains of nothing', async ({ sizing, headline }) => {
    const { page, faults } = await openPage(rendered(sizing, 'html', plainText))
    expect(await page.locator('.verdict strong').textContent()).toBe(headline)
    expect(await page.locator('.bars p').count()).toBe(5)
    const widths = await page.locator('.bars i').evaluateAll(WIDTHS)
    expect(Math.max(...widths)).toBe(widths[2])
    expect(widths[2]! / widths[0]!).toBeCloseTo(10 / 3, 1)
    expect(faults).toEqual([])
    await page.close()
  })

  test.each([1200, 360])('is not wider than a window of %i', async (width) => {
    const { page } = await openPage(rendered(worked, 'html', plainText), { viewport: { width, height: 800 } })
    expect(await page.evaluate(OVERFLOW)).toBe(0)
    await page.close()
  })
})

// Made from text, since the project's types know no DOM.
const WIDTHS = new Function('bars', 'return bars.map((bar) => bar.getBoundingClientRect().width)') as (bars: unknown) => number[]
const OVERFLOW = new Function('return document.documentElement.scrollWidth - document.documentElement.clientWidth') as () => number
