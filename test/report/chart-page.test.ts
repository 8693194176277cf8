import { describe, expect, test } from 'vitest'
import { curveChart, curveTable, curveWords, type NamedCurve } from '../../src/report/curve.ts'
import { renderHtml } from '../../src/report/html.ts'
import { html } from '../../src/report/markup.ts'
import { chartPanel, renderPage } from '../../src/report/page.ts'
import { FORMATS } from '../../src/report/page-script.ts'
import type { LatencySummary } from '../../src/stats/histogram.ts'
import { formatBytes, formatCount, formatDuration, formatShare } from '../../src/units.ts'
import { hasChromium, hover, legendOf, linesSeen, useBrowser } from '../helpers/browser.ts'
import { hourReport } from '../helpers/sample-hour.ts'
import { latency, sampleReport } from '../helpers/sample-report.ts'

/** How charts answer to the mouse and the keyboard: what they say must be what the report says. */
const sample = sampleReport()
const PERCENTS = { p50: 50, p90: 90, p99: 99, p999: 99.9 } as const

test('formats in the page are those of the report, to the letter', () => {
  const formats = new Function(`${FORMATS}; return formats`)() as Record<'bytes' | 'count' | 'share' | 'duration', (x: number) => string>
  const sizes = [0, 0.004, 0.5, 0.95, 1, 9.994, 9.995, 12.34, 99.94, 99.95, 999.4, 999.5, 1234.5]
  const units = [1, 1e3, 1e6, 60e6, 3600e6]
  for (const x of sizes) {
    for (const unit of units) expect(formats.duration(x * unit)).toBe(formatDuration(x * unit))
    expect(formats.count(x * 1e3)).toBe(formatCount(x * 1e3))
    for (const unit of [1, 1024, 1024 ** 2, 1024 ** 3, 1024 ** 5]) expect(formats.bytes(x * unit)).toBe(formatBytes(x * unit))
    for (const share of [x, x / 100, x / 1e6, 1 - x / 1e7]) expect(formats.share(share)).toBe(formatShare(share))
  }
})

describe.skipIf(!hasChromium)('a chart in a browser', () => {
  const open = useBrowser()
  /** Where a percentile is on the scale of nines, which ends at a whole nine. */
  const shareOf = (percent: number, nines: number) => -Math.log10(1 - percent / 100) / nines

  test.each([3, 24, 40, 55])('says of second %i what its row of the timeline has', async (i) => {
    const { page } = await open(renderHtml(sample))
    const row = sample.timeline[i]!
    const us = (value: number | null) => (value === null ? '-' : formatDuration(value))
    await hover(page, 'latency', i / (sample.timeline.length - 1))
    expect(await legendOf(page, 'latency')).toEqual({ time: `${row.tS} s`, p50: us(row.endToEndP50Us), p99: us(row.endToEndP99Us) })
    // Charts over time have one cursor.
    expect(await legendOf(page, 'rates')).toEqual({
      time: `${row.tS} s`,
      planned: formatCount(row.plannedPerSec),
      received: formatCount(row.receivedPerSec),
      sent: formatCount(row.sentPerSec),
    })
    expect(await legendOf(page, 'connects')).toMatchObject({
      attempts: formatCount(row.attemptsPerSec),
      connects: formatCount(row.connectsPerSec),
    })
    expect(await legendOf(page, 'connected')).toMatchObject({ connected: formatCount(row.connected) })
    expect(await legendOf(page, 'lag')).toMatchObject({ 'send lag p99': us(row.sendLagP99Us) })
    expect(await legendOf(page, 'busy')).toMatchObject({ busy: formatShare(row.busy) })
    await page.close()
  })

  test('of percentiles says the report’s own figures', async () => {
    const { page } = await open(renderHtml(sample))
    const text = (us: number | null) => (us === null ? '∞' : formatDuration(us))
    for (const own of ['p50', 'p90', 'p99', 'p999'] as const) {
      await hover(page, 'percentiles', shareOf(PERCENTS[own], 5))
      expect(await legendOf(page, 'percentiles')).toEqual({
        percentile: `p${PERCENTS[own]}`,
        'end to end': text(sample.endToEndUs[own]),
        ack: text(sample.ackUs[own]),
      })
    }
    await hover(page, 'percentiles', 0.99)
    expect(await legendOf(page, 'percentiles')).toMatchObject({ 'end to end': '∞', ack: formatDuration(sample.ackUs.max!) })
    await page.close()
  })

  test('of an hour says of the second under the cursor what its row has', async () => {
    const { timeline } = hourReport()
    const { page } = await open(renderHtml(hourReport()))
    for (const share of [0, 0.1, 0.37, 0.99]) {
      await hover(page, 'latency', share)
      const { time, p99 } = await legendOf(page, 'latency')
      const [minutes, seconds] = time!.endsWith(' s') ? [0, Number.parseInt(time!, 10)] : time!.split(':').map(Number)
      const second = minutes! * 60 + seconds!
      // A pixel has four seconds: which one it is, is what it says.
      expect(Math.abs(second - (1 + share * 3_599))).toBeLessThan(8)
      expect(p99).toBe(formatDuration(timeline[second - 1]!.endToEndP99Us!))
    }
    await page.locator('#latency').focus()
    await page.keyboard.press('End')
    await expect.poll(async () => (await legendOf(page, 'latency')).time).toBe('1:00:00')
    await page.close()
  })

  test('says 0 where it is 0, although it is drawn on a logarithmic scale', async () => {
    const { page } = await open(renderHtml(sampleReport({ timeline: sample.timeline.map((row) => ({ ...row, sendLagP99Us: 0 })) })))
    await hover(page, 'lag', 0.5)
    expect(await legendOf(page, 'lag')).toMatchObject({ 'send lag p99': '0 µs' })
    await page.close()
  })

  test('follows the keyboard, says what is there, and shows it in the charts beside it', async () => {
    const { page, faults } = await open(renderHtml(sample))
    const time = async () => (await legendOf(page, 'latency')).time
    const said = page.locator('#latency + .said')
    await page.locator('#latency').focus()
    for (const [key, second] of [
      ['ArrowRight', 1],
      ['ArrowRight', 2],
      ['End', 62],
      ['ArrowLeft', 61],
      ['PageUp', 55],
      ['Home', 1],
      ['ArrowLeft', 1],
    ] as const) {
      await page.keyboard.press(key)
      await expect.poll(time).toBe(`${second} s`)
    }
    await page.keyboard.press('End')
    for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowLeft')
    const row = sample.timeline[51]!
    expect(await said.textContent()).toBe(
      `time ${row.tS} s, p50 ${formatDuration(row.endToEndP50Us!)}, p99 ${formatDuration(row.endToEndP99Us!)}`,
    )
    expect((await legendOf(page, 'rates')).time).toBe(`${row.tS} s`)
    expect(faults).toEqual([])
    await page.close()
  })

  test('of percentiles follows the keyboard too', async () => {
    const { page } = await open(renderHtml(sample))
    await page.locator('#percentiles').focus()
    await page.keyboard.press('Home')
    const said = page.locator('#percentiles + .said')
    await expect
      .poll(() => said.textContent())
      .toBe(`percentile p0, end to end ${formatDuration(sample.endToEndUs.min!)}, ack ${formatDuration(sample.ackUs.min!)}`)
    await page.close()
  })

  test('of percentiles stands alone on another page, with as many curves as it likes', async () => {
    const named = (label: string, color: NamedCurve['color'], summary: LatencySummary): NamedCurve => ({ label, color, summary })
    const curves = [
      named('base 1', 'line-1', latency(90_000, 1_000, 0.5)),
      named('base 2', 'line-1', latency(80_000, 1_100, 0.6)),
      named('candidate', 'line-3', latency(500, 4_000, 0.4, 10)),
    ]
    const chart = curveChart('other', curves)!
    const body = html`<h1>compare</h1>${chartPanel({ id: chart.id, words: curveWords(curves), table: curveTable(chart) })}`
    const { page, faults } = await open(renderPage({ title: 'compare', body, curves: [chart], times: null }))
    expect(await linesSeen(page, { other: ['--line-1', '--line-3'] })).toEqual({ other: [true, true] })
    await hover(page, 'other', shareOf(99, 5))
    expect(await legendOf(page, 'other')).toEqual({
      percentile: 'p99',
      'base 1': formatDuration(curves[0]!.summary.p99!),
      'base 2': formatDuration(curves[1]!.summary.p99!),
      candidate: '∞',
    })
    expect(faults).toEqual([])
    await page.close()
  })
})
