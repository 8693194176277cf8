import { describe, expect, test } from 'vitest'
import { curveChart, curveNotes, curveTable, percentileCurve } from '../../src/report/curve.ts'
import { Histogram, type LatencySummary, summarize } from '../../src/stats/histogram.ts'
import { formatDuration } from '../../src/units.ts'
import { emptyLatency, latency, sampleReport } from '../helpers/sample-report.ts'

/** Latencies 1 to `count` µs, which have a bucket each. */
function oneTo(count: number): Histogram {
  const histogram = new Histogram()
  for (let us = 1; us <= count; us++) histogram.record(us)
  return histogram
}

/** Value by percentile. */
function curveOf(summary: LatencySummary): (percent: number) => number | null | undefined {
  const { percentiles, curves } = curveChart('c', [{ label: 'it', color: 'line-1', summary }])!
  return (percent) => curves[0]!.valuesUs[percentiles.indexOf(percent)]
}

describe('a percentile curve', () => {
  test('has value number ⌈p · N⌉ at each percentile, by exact ranks', () => {
    const at = curveOf(summarize(oneTo(2000), 2000))
    const ranks = { 0: 1, 5: 100, 50: 1000, 72: 1440, 90: 1800, 90.5: 1810, 99: 1980, 99.72: 1995, 99.9: 1998, 99.95: 1999 }
    for (const [percent, rank] of Object.entries(ranks)) expect([percent, at(Number(percent))]).toEqual([percent, rank])
  })

  test.each([
    ['with loss', sampleReport().endToEndUs],
    ['without', sampleReport().ackUs],
    ['of few', latency(3, 5_000, 0.5)],
    ['of one', latency(1, 5_000, 0.5)],
    ['with samples that were not wanted', summarize(oneTo(110), 102, 10)],
  ])('passes through the report’s own figures: %s', (_, summary) => {
    const at = curveOf(summary)
    for (const [percent, own] of [
      [50, 'p50'],
      [90, 'p90'],
      [95, 'p95'],
      [99, 'p99'],
      [99.9, 'p999'],
    ] as const) {
      // A curve ends with its largest value, from where on every quantile is that one.
      const value = at(percent)
      if (summary[own] !== summary.max) expect([percent, value ?? null]).toEqual([percent, summary[own]])
    }
  })

  test('ends with the largest value, and rises to it', () => {
    for (const summary of [sampleReport().ackUs, latency(7, 90_000, 1), summarize(oneTo(5000), 5000)]) {
      const values = percentileCurve(summary)!.valuesUs.filter((value) => value !== null)
      expect(values.at(-1)).toBe(summary.max)
      expect(values).toEqual(values.toSorted((a, b) => a - b))
    }
  })

  test('ends where the values begin that never came, and says their share', () => {
    const summary = summarize(oneTo(1900), 2000)
    const { percentiles, curves } = curveChart('c', [{ label: 'it', color: 'line-1', summary }])!
    expect(curves[0]!).toMatchObject({ lost: 100, count: 2000 })
    expect([percentiles.at(-1), curves[0]!.valuesUs.at(-1)]).toEqual([95, 1900])
    expect(curveNotes({ id: 'c', percentiles, curves })).toEqual([
      'The curve of it ends where those begin that never came: 100 of 2,000, infinitely late.',
    ])
  })

  test('leaves out the fastest samples that turned out not to be wanted', () => {
    const summary = summarize(oneTo(110), 102, 10)
    expect(curveOf(summary)(5)).toBe(10 + 6)
    expect(percentileCurve(summary)!.lost).toBe(2)
    // A report of before that was told has more samples than were wanted.
    expect(percentileCurve({ ...summarize(oneTo(110), 100, 10), extra: undefined as never })!.lost).toBe(0)
  })

  test('is none where nothing arrived', () => {
    expect(percentileCurve(emptyLatency())).toBeNull()
    expect(percentileCurve(summarize(null, 5))).toBeNull()
    expect(curveChart('c', [{ label: 'it', color: 'line-1', summary: emptyLatency() }])).toBeNull()
  })
})

describe('a chart of several curves', () => {
  const base = latency(100_000, 1_000, 0.5)
  const chart = curveChart('c', [
    { label: 'base', color: 'line-1', summary: base },
    { label: 'nothing', color: 'line-2', summary: emptyLatency() },
    { label: 'candidate', color: 'line-3', isDashed: true, summary: latency(1_000, 2_000, 0.5, 20) },
  ])!

  test('has one row of percentiles, as long as the longest curve needs', () => {
    expect(chart.curves.map(({ label, isDashed }) => [label, isDashed])).toEqual([
      ['base', undefined],
      ['candidate', true],
    ])
    expect(chart.percentiles.at(-1)).toBeGreaterThan(99.999)
    expect(chart.percentiles.at(-1)).toBeLessThan(99.9999)
    for (const { valuesUs } of chart.curves) expect(valuesUs).toHaveLength(chart.percentiles.length)
  })

  test('is a table too: ∞ for what never came, - beyond the largest value', () => {
    const { columns, rows } = curveTable(chart)
    expect(columns).toEqual(['base', 'candidate'])
    const texts = Object.fromEntries(rows.map(({ name, cells }) => [name, cells.map(({ text }) => text)]))
    expect(Object.keys(texts)).toEqual(['p0', 'p50', 'p75', 'p90', 'p95', 'p99', 'p99.9', 'p99.99', 'p99.999'])
    expect(texts.p50![0]).toBe(formatDuration(base.p50!))
    expect(texts['p99.9']).toEqual([formatDuration(base.p999!), '∞'])
  })
})
