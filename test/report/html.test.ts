import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderHtml } from '../../src/report/html.ts'
import type { Report } from '../../src/report/types.ts'
import { fault, faultyReport } from '../helpers/sample-faults.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const sample = sampleReport()
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

describe.skipIf(!existsSync(CHROMIUM))('the page in a browser', () => {
  let browser: Browser
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mqtt-scale-html-'))
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })

  /** Opens a report from the disk. `faults` gathers console messages, errors and requests but the first. */
  async function open(report: Report): Promise<{ page: Page; faults: string[] }> {
    const file = join(folder, 'report.html')
    writeFileSync(file, renderHtml(report))
    const url = pathToFileURL(file).href
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, colorScheme: 'light' })
    const faults: string[] = []
    page.on('console', (message) => faults.push(message.text()))
    page.on('pageerror', (error) => faults.push(String(error)))
    page.on('request', (request) => request.url() !== url && faults.push(request.url()))
    await page.goto(url)
    return { page, faults }
  }

  test('draws two charts, each with every line in its colour, and complains of nothing', async () => {
    const { page, faults } = await open(sample)
    const shares = await page.evaluate(linesSeen, {
      rates: ['--line-quiet', '--line-1', '--line-2', '--shade'],
      latency: ['--line-1', '--line-3'],
    })
    expect(shares).toEqual({ rates: [true, true, true, true], latency: [true, true] })
    expect(faults).toEqual([])
    await page.close()
  })

  test('marks faults in both charts, in words too, and only where there are some', async () => {
    const colors = { rates: ['--fault', '--warn'], latency: ['--fault', '--warn'] }
    const { page, faults } = await open(faultyReport())
    expect(await page.evaluate(linesSeen, colors)).toEqual({ rates: [true, true], latency: [true, true] })
    expect(await page.locator('#rates').getAttribute('aria-label')).toBe(
      'Messages planned, sent and received each second; fault node-b-dies from 34.2 s to its recovery at 40.5 s; fault carrier-out from 46.2 s to the end',
    )
    expect(faults).toEqual([])
    await page.close()
    const { page: calm } = await open(sample)
    expect(await calm.evaluate(linesSeen, colors)).toEqual({ rates: [false, false], latency: [false, false] })
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

  test('follows when the system turns dark, with as many charts as before', async () => {
    const { page, faults } = await open(sample)
    const before = await page.evaluate('getComputedStyle(document.body).backgroundColor')
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).not.toBe(before)
    // The page hears of it with its next frame.
    await expect.poll(() => page.evaluate(linesSeen, { latency: ['--line-3'] })).toEqual({ latency: [true] })
    expect(await page.locator('canvas').count()).toBe(2)
    expect(faults).toEqual([])
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
      '7 × ECONNRESET',
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
    expect(await page.locator('canvas').count()).toBe(2)
    expect(faults).toEqual([])
    await page.close()
  })

  test.each([
    { why: 'ended before its first second', changes: { timeline: [], run: { ...sample.run, phases: [] } }, canvases: 0 },
    { why: 'lasted one second', changes: { timeline: sample.timeline.slice(30, 31) }, canvases: 2 },
    {
      why: 'delivered nothing',
      changes: { timeline: sample.timeline.map((row) => ({ ...row, receivedPerSec: 0, endToEndP50Us: null, endToEndP99Us: null })) },
      canvases: 2,
    },
  ])('complains of nothing when the run $why', async ({ changes, canvases }) => {
    const { page, faults } = await open(sampleReport(changes))
    expect(await page.locator('canvas').count()).toBe(canvases)
    expect(faults).toEqual([])
    await page.close()
  })
})

/** Text of users and brokers in every place that takes some. */
function evilReport(): Report {
  const { run, plan, generator, windows } = faultyReport()
  return faultyReport({
    windows: { [EVIL]: windows.calm! },
    faults: { [EVIL]: fault({ exec: { ...fault().exec!, command: EVIL, signal: EVIL, output: EVIL } }) },
    run: { ...run, scenario: EVIL, id: EVIL, labels: { [EVIL]: EVIL } },
    reasons: [EVIL, EVIL],
    groups: { [EVIL]: sample.groups.sensors!, b: sample.groups.dashboards! },
    errors: { [EVIL]: 1 },
    timeline: sample.timeline.map((row) => ({ ...row, phase: EVIL })),
    thresholds: [{ expression: EVIL, actual: null, ok: false, note: EVIL }],
    generator: { ...generator, checks: [{ name: EVIL, ok: false, level: 'suspect', value: 1, limit: 1, words: EVIL }] },
    host: { ...sample.host, cpu: EVIL },
    plan: {
      ...plan,
      name: EVIL,
      description: EVIL,
      nodes: [{ name: EVIL, url: EVIL, zone: EVIL, weight: 1 }],
      faults: [{ ...plan.faults[0]!, name: EVIL, exec: EVIL }],
    },
  })
}

/**
 * Runs in the page: by element id, whether each colour variable is really drawn in that chart's canvas.
 * Made from text, since the project's types know no DOM.
 */
const linesSeen = new Function(
  'wanted',
  `
  const rgb = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim()
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join()
  }
  return Object.fromEntries(Object.entries(wanted).map(([id, names]) => {
    const canvas = document.querySelector('#' + id + ' canvas')
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    const seen = new Map()
    for (let i = 0; i < data.length; i += 4) {
      const color = data[i] + ',' + data[i + 1] + ',' + data[i + 2]
      if (data[i + 3] === 255) seen.set(color, (seen.get(color) ?? 0) + 1)
    }
    return [id, names.map((name) => (seen.get(rgb(name)) ?? 0) > 100)]
  }))
`,
) as (wanted: Record<string, string[]>) => Record<string, boolean[]>
