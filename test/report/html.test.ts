import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { ReportFolder } from '../../src/report/folder.ts'
import { renderHtml } from '../../src/report/html.ts'
import type { Report } from '../../src/report/types.ts'
import { hasChromium, linesSeen, useBrowser } from '../helpers/browser.ts'
import { fault, faultyReport } from '../helpers/sample-faults.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const sample = sampleReport()
/** Six over time, and the percentile curves. */
const CHARTS = 7
/** Ends an element, an attribute, a script and a comment, and would leave traces if it ran. */
const EVIL = `</script></pre>--><img src="x" onerror="document.title='owned'"><script>document.title='owned'</script>'"&amp;`

describe('the page', () => {
  test('is whole in itself: it names nothing to fetch', () => {
    const page = renderHtml(sample)
    expect(page).not.toMatch(/<link|<img|<iframe|@import|url\(|src=|\bfetch\(|XMLHttpRequest/)
    expect(page.match(/<script[ >]/g)).toHaveLength(3)
  })

  test('has nobody else’s markup, wherever their text is shown', () => {
    const page = renderHtml(evilReport())
    expect(page).not.toContain('<img')
    expect(page.match(/<script[ >]/g)).toHaveLength(3)
    expect(page.match(/<\/script>/g)).toHaveLength(3)
  })
})

test('the page in a report’s folder names the files that are there, and a page elsewhere none', () => {
  const path = mkdtempSync(join(tmpdir(), 'mqtt-scale-folder-'))
  const folder = new ReportFolder(path, false, new Date(sample.run.startedAt))
  folder.finish(sample)
  const links = (page: string) => [...page.matchAll(/<a href="([^#"]+)"/g)].map(([, name]) => name!)
  expect([...links(readFileSync(join(path, 'report.html'), 'utf8')), 'report.html'].sort()).toEqual(readdirSync(path).sort())
  expect(links(renderHtml(sample))).toEqual([])
  expect(folder.failure).toBeNull()
  rmSync(path, { recursive: true })
})

describe.skipIf(!hasChromium)('the page in a browser', () => {
  const openText = useBrowser()
  const open = (report: Report) => openText(renderHtml(report))

  test('draws its charts, each with every line in its colour, and complains of nothing', async () => {
    const { page, faults } = await open(sample)
    const shares = await linesSeen(page, {
      rates: ['--line-quiet', '--line-1', '--line-2', '--shade'],
      latency: ['--line-1', '--line-3'],
      percentiles: ['--line-1', '--line-3'],
      connects: ['--line-quiet', '--line-1'],
      connected: ['--line-2'],
      lag: ['--line-3'],
      busy: ['--line-4'],
    })
    expect(Object.entries(shares).filter(([, seen]) => seen.includes(false))).toEqual([])
    expect(await page.locator('canvas').count()).toBe(CHARTS)
    expect(faults).toEqual([])
    await page.close()
  })

  test('marks faults in both charts, in words too, and only where there are some', async () => {
    const colors = { rates: ['--fault', '--warn'], latency: ['--fault', '--warn'] }
    const { page, faults } = await open(faultyReport())
    expect(await linesSeen(page, colors)).toEqual({ rates: [true, true], latency: [true, true] })
    expect(await page.locator('#rates').getAttribute('aria-label')).toBe(
      'Messages planned, sent and received each second; planned: 0 at 1 s to 10,000 at 22 s; received: 0 at 1 s to 15,900 at 42 s; ' +
        'sent: 0 at 1 s to 10,000 at 22 s; phase connect from 0 s; phase warmUp from 21.2 s; phase measure from 26.2 s; ' +
        'phase drain from 56.2 s; phase cleanUp from 59.3 s; ' +
        'fault node-b-dies from 34.2 s to its recovery at 40.5 s; fault carrier-out from 46.2 s to the end',
    )
    expect(faults).toEqual([])
    await page.close()
    const { page: calm } = await open(sample)
    expect(await linesSeen(calm, colors)).toEqual({ rates: [false, false], latency: [false, false] })
    const titles = (of: Page) => of.locator('h2').allTextContents()
    expect((await titles(calm)).filter((title) => /faults|windows/i.test(title))).toEqual([])
    await calm.close()
  })

  test('has all of faults and windows in tables, and what their commands said', async () => {
    const { page } = await open(faultyReport())
    const row = (name: string) => page.locator('tr', { has: page.locator(`th:text-is("${name}")`) }).allTextContents()
    expect(await row('node-b-dies-during')).toEqual(['node-b-dies-during8 s – 15 s10,000/s9,994/s2.9 ms77.4 ms290 ms413'])
    expect(await row('reconnect p99')).toEqual(['reconnect p994.2 s∞'])
    expect(await row('lost, duplicated of owed: persistent session, QoS 1')).toEqual([
      'lost, duplicated of owed: persistent session, QoS 10, 3 of 14,000-',
    ])
    expect(await row('clients on b afterwards')).toEqual(['clients on b afterwards1,8101,810'])
    expect(await page.locator('details pre').first().textContent()).toBe('$ ./kill-node b\nstopping b\n')
    await page.close()
  })

  test('shows the words of the verdict, thresholds, groups and machine', async () => {
    const { page } = await open(sample)
    const text = await page.locator('main').textContent()
    for (const words of [
      'FAILED',
      'deliveries.lost == 0 does not hold: 12',
      '✓ holds',
      'dashboards',
      'a → b',
      'from a',
      'of deliveries crossed nodes',
      'ECONNRESET7',
      'PUBACK0x00Success45,000',
      'SUBACK0x01Granted QoS 140',
      'sentinel3001.79 ms5.2 ms',
      'Xeon',
      '∞',
    ]) {
      expect(text).toContain(words)
    }
    await page.close()
  })

  test('shows a name that is a script as the text it is', async () => {
    const { page, faults } = await open(evilReport())
    expect(await page.locator('h1').textContent()).toBe(EVIL)
    expect(await page.title()).toContain('<script>')
    for (const text of await page.locator('pre').allTextContents()) expect(text).toContain('onerror')
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.locator('canvas').count()).toBe(CHARTS)
    for (const name of [EVIL, `from ${EVIL}`]) expect(await page.locator('th').allTextContents()).toContain(name)
    expect(faults).toEqual([])
    await page.close()
  })

  test('names the files beside it, and only where they are', async () => {
    const names = ['report.json', 'timeline.ndjson', 'events.ndjson', 'histograms.hlog']
    const { page } = await openText(renderHtml(sample, { files: names }))
    const links = page.locator('#files ~ .panel a')
    expect(await links.allTextContents()).toEqual(names)
    expect(await links.evaluateAll(HREFS)).toEqual(names)
    await page.close()
    const { page: alone } = await open(sample)
    expect(await alone.locator('a:not([href^="#"])').count()).toBe(0)
    for (const name of names) expect(await alone.locator('#files ~ .panel').textContent()).toContain(name)
    await alone.close()
  })

  test('can be read by its structure: one title, headings in order, tables with captions and heads', async () => {
    const { page } = await open(faultyReport())
    const headings = await page.locator('h1, h2, h3').evaluateAll(LEVELS)
    expect(headings.filter((level) => level === 1)).toHaveLength(1)
    expect(headings.every((level, i) => level <= (headings[i - 1] ?? 0) + 1)).toBe(true)
    // What uPlot makes is inside an image that has words of its own.
    const tables = page.locator('table:not(.u-legend)')
    expect(await tables.locator('caption').count()).toBe(await tables.count())
    expect(await tables.locator('th:not([scope])').count()).toBe(0)
    for (const link of await page.locator('nav a').all()) {
      expect(await page.locator(`h2${await link.getAttribute('href')}`).textContent()).toBe(await link.textContent())
    }
    await page.close()
  })
})

/** Text of users and brokers in every place that takes some. */
function evilReport(): Report {
  const { run, plan, generator, windows, pairs } = faultyReport()
  return faultyReport({
    windows: { [EVIL]: windows.calm! },
    faults: { [EVIL]: fault({ exec: { ...fault().exec!, command: EVIL, signal: EVIL, output: EVIL } }) },
    run: { ...run, scenario: EVIL, id: EVIL, labels: { [EVIL]: EVIL }, phases: run.phases.map((phase) => ({ ...phase, name: EVIL })) },
    reasons: [EVIL, EVIL],
    groups: { [EVIL]: sample.groups.sensors!, b: sample.groups.dashboards! },
    errors: { [EVIL]: 1 },
    reasonCodes: { [EVIL]: { [EVIL]: 1 } },
    streams: { [EVIL]: sample.streams.temperature!, b: sample.streams.temperature! },
    pairs: pairs.map((pair) => ({ ...pair, from: EVIL, to: EVIL })),
    timeline: sample.timeline.map((row) => ({ ...row, phase: EVIL })),
    thresholds: [{ expression: EVIL, actual: null, ok: false, note: EVIL }],
    generator: { ...generator, checks: [{ name: EVIL, ok: false, level: 'suspect', value: 1, limit: 1, words: EVIL }] },
    host: { ...sample.host, cpu: EVIL },
    plan: {
      ...plan,
      name: EVIL,
      description: EVIL,
      nodes: [
        { name: EVIL, url: EVIL, zone: EVIL, weight: 1 },
        { name: 'b', url: EVIL, zone: EVIL, weight: 1 },
      ],
      faults: [{ ...plan.faults[0]!, name: EVIL, exec: EVIL }],
    },
  })
}

// Made from text, since the project's types know no DOM.
const HREFS = new Function('links', `return links.map((link) => link.getAttribute('href'))`) as (links: unknown) => string[]
const LEVELS = new Function('all', `return all.map(({ tagName }) => Number(tagName[1]))`) as (all: unknown) => number[]
