import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { renderHtml } from '../../src/report/html.ts'
import { STYLE } from '../../src/report/style.ts'
import type { Report } from '../../src/report/types.ts'
import { summarize } from '../../src/stats/histogram.ts'
import { hasChromium, linesSeen, useBrowser } from '../helpers/browser.ts'
import { faultyReport } from '../helpers/sample-faults.ts'
import { hourReport } from '../helpers/sample-hour.ts'
import { emptyLatency, latency, sampleReport } from '../helpers/sample-report.ts'

/** The page on other screens and on paper, of long runs and of odd ones. */
const sample = sampleReport()
const CHARTS = 7
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }

describe('colours', () => {
  const [light, dark] = STYLE.split('@media screen and (prefers-color-scheme: dark)').map(colorsOf)
  const ON_PLAIN = ['text', 'muted', 'good', 'bad', 'warn', 'line-1']

  test.each([
    ['light', light!],
    ['dark', dark!],
  ])('of the %s scheme can be read: WCAG 2.2 §1.4.3 and §1.4.11', (_, colors) => {
    const pairs = [
      ...ON_PLAIN.flatMap((text) => ['page', 'card'].map((behind) => [text, behind, 4.5] as const)),
      ...['good', 'bad', 'warn'].flatMap((tone) => [tone, 'text'].map((text) => [text, `${tone}-soft`, 4.5] as const)),
      ...[1, 2, 3, 4, 5].map((step) => ['text', `heat-${step}`, 4.5] as const),
      ...['line-1', 'line-2', 'line-3', 'line-4'].flatMap((line) => ['card', 'shade', 'fault'].map((behind) => [line, behind, 3] as const)),
      ['focus', 'page', 3] as const,
    ]
    const poor = pairs.filter(([text, behind, least]) => contrast(colors[text]!, colors[behind]!) < least)
    expect(poor).toEqual([])
  })
})

describe.skipIf(!hasChromium)('the page', () => {
  const openText = useBrowser()
  const open = (report: Report, options = {}) => openText(renderHtml(report), options)
  /** A phone's own `innerWidth` grows with what is too wide. */
  const overflow = (page: Page) => page.evaluate(`document.documentElement.scrollWidth - ${page.viewportSize()!.width}`)
  const unreached = async (page: Page) => {
    const areas = await page.locator('.scroll').evaluateAll(REACH)
    expect(areas.some(({ scrolls }) => scrolls)).toBe(true)
    return areas.filter(({ scrolls, reached }) => scrolls !== reached)
  }

  test.each([
    ['one', faultyReport()],
    ['one of an hour', hourReport()],
  ])('of a run, %s, does not scroll sideways on a phone; its tables do', async (_, report) => {
    const { page, faults } = await open(report, PHONE)
    expect(await overflow(page)).toBe(0)
    expect(await unreached(page)).toEqual([])
    for (const details of await page.locator('details').all()) await details.evaluate(OPEN)
    expect(await overflow(page)).toBe(0)
    await expect.poll(() => unreached(page)).toEqual([])
    expect(faults).toEqual([])
    await page.close()
  })

  test('follows when the system turns dark, with as many charts as before', async () => {
    const { page, faults } = await open(sample)
    const before = await page.evaluate('getComputedStyle(document.body).backgroundColor')
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).not.toBe(before)
    // The page hears of it with its next frame.
    await expect.poll(() => linesSeen(page, { latency: ['--line-3'] })).toEqual({ latency: [true] })
    expect(await page.locator('canvas').count()).toBe(CHARTS)
    expect(faults).toEqual([])
    await page.close()
  })

  test.each([
    ['one', faultyReport()],
    ['one of an hour', hourReport()],
  ])('of a run, %s, is printed in light colours, with nothing cut off and its charts drawn for paper', async (_, report) => {
    const { page, faults } = await open(report, { colorScheme: 'dark' })
    const dark = await page.evaluate(INK)
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    expect(await page.evaluate(INK)).not.toBe(dark)
    await expect.poll(() => linesSeen(page, { latency: ['--line-1', '--line-3'] })).toEqual({ latency: [true, true] })
    // A4 at 96 dots an inch, less the margins.
    await page.setViewportSize({ width: 688, height: 900 })
    expect(await overflow(page)).toBe(0)
    expect(await page.locator('.scroll, .plot').evaluateAll(CLIPPED)).toEqual([])
    for (const hidden of ['.contents', '.hint', '.data']) expect(await page.locator(hidden).first().isVisible()).toBe(false)
    await page.emulateMedia({ media: 'screen', colorScheme: 'dark' })
    await expect.poll(() => page.evaluate(INK)).toBe(dark)
    expect(await page.locator('canvas').count()).toBe(CHARTS)
    expect(faults).toEqual([])
    await page.close()
  })

  test('of an hour with 8 nodes and 20 groups is small, and its charts are there at once', async () => {
    const text = renderHtml(hourReport())
    expect(Buffer.byteLength(text)).toBeLessThan(3_000_000)
    const { page, faults } = await openText(text)
    // Charts are drawn before the page counts as loaded.
    expect(await page.evaluate('performance.timing.loadEventEnd - performance.timing.navigationStart')).toBeLessThan(3_000)
    expect(await linesSeen(page, { latency: ['--line-3'], percentiles: ['--line-1'] })).toEqual({ latency: [true], percentiles: [true] })
    expect(await page.locator('.heat td.number').count()).toBe(128)
    for (const table of await page.locator('.chart .data').all()) expect(await table.locator('tbody tr').count()).toBeLessThanOrEqual(60)
    expect(faults).toEqual([])
    await page.close()
  })

  const { run, timeline } = sample
  const silent = timeline.map((row) => ({ ...row, receivedPerSec: 0, endToEndP50Us: null, endToEndP99Us: null }))
  const connecting = timeline.slice(0, 15)
  test.each([
    { why: 'ended before its first second', changes: { timeline: [], run: { ...run, phases: [] } }, charts: 1 },
    { why: 'lasted one second', changes: { timeline: timeline.slice(30, 31) }, charts: CHARTS },
    { why: 'had no deliveries', changes: { timeline: silent, endToEndUs: emptyLatency() }, charts: CHARTS - 1 },
    { why: 'lost all', changes: { timeline: silent, endToEndUs: summarize(null, 100), ackUs: emptyLatency() }, charts: CHARTS - 2 },
    { why: 'had no acks', changes: { ackUs: emptyLatency() }, charts: CHARTS },
    { why: 'had one delivery', changes: { endToEndUs: latency(1, 900, 0.5), ackUs: emptyLatency() }, charts: CHARTS },
    {
      why: 'was interrupted while it connected',
      changes: {
        timeline: connecting,
        run: { ...run, phases: run.phases.slice(0, 1) },
        endToEndUs: emptyLatency(),
        ackUs: emptyLatency(),
        pairs: [],
        thresholds: [],
        reasonCodes: {},
        errors: {},
      },
      // Nothing was sent: no latency, no lag, no percentiles.
      charts: CHARTS - 3,
    },
  ])('complains of nothing when the run $why', async ({ changes, charts }) => {
    const { page, faults } = await open(sampleReport(changes))
    expect(await page.locator('canvas').count()).toBe(charts)
    expect(await page.locator('.plot').count()).toBe(charts)
    expect(await page.locator('main').textContent()).not.toMatch(/NaN|undefined|null ms/)
    expect(faults).toEqual([])
    await page.close()
  })
})

/** Variables of a part of the style, by name. */
function colorsOf(style: string): Record<string, string> {
  return Object.fromEntries([...style.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, color]) => [name!, color!]))
}

/** WCAG 2.2: 1 to 21. */
function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (light! + 0.05) / (dark! + 0.05)
}

function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

// Made from text, since the project's types know no DOM.
const INK = `getComputedStyle(document.body).color`
const OPEN = new Function('details', 'details.open = true') as (details: unknown) => void
const REACH = new Function(
  'all',
  'return all.filter((one) => one.clientWidth > 0).map((one) => ({ scrolls: one.scrollWidth > one.clientWidth, reached: one.tabIndex === 0 }))',
) as (all: unknown) => { scrolls: boolean; reached: boolean }[]
/** Labels and ids of what is wider than its place. */
const CLIPPED = new Function(
  'all',
  `return all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.id || one.getAttribute('aria-label'))`,
) as (all: unknown) => string[]
