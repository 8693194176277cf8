/**
 * The percentile curve of a latency: its value at each of a fixed row of percentiles, which lie evenly on a scale of nines.
 *
 * On that scale (0, 90, 99, 99.9 …) the tail has as much room as all the rest. Ranks are those of `summarize`: the curve runs over what was
 * wanted, so where some never came it ends where those begin. At p50, p90, p95, p99 and p99.9 it takes the summary's own figures, so a
 * reader never sees two answers. All curves share the row, so any of them can be drawn in one chart.
 */
import { Histogram, type LatencySummary } from '../stats/histogram.ts'
import { formatCount, formatDuration } from '../units.ts'
import { latencyCell, plain, type Table } from './cells.ts'

/** Tails within one nine, in hundredths of its beginning: about evenly spaced on a logarithmic scale, and round to a reader. */
const TAILS = [100, 95, 90, 85, 80, 75, 70, 65, 60, 55, 50, 45, 40, 36, 32, 28, 25, 22, 20, 18, 16, 14, 12, 11]
/** A billion messages have nine. */
const NINES = 9

/** 0 to 99.999999989, in per cent. `tail` and `of` are the exact share of values above: tail / of. */
const PERCENTILES: readonly { readonly percent: number; readonly tail: number; readonly of: number }[] = Array.from(
  { length: NINES },
  (_, nine) => TAILS.map((tail) => ({ percent: Number((100 - tail / 10 ** nine).toFixed(nine)), tail, of: 10 ** (nine + 2) })),
).flat()

/** The row of percentiles that all curves are values of. */
export const PERCENTS: readonly number[] = PERCENTILES.map(({ percent }) => percent)

/** What the summary itself says, by percentile. */
const OWN = { 0: 'min', 50: 'p50', 90: 'p90', 95: 'p95', 99: 'p99', 99.9: 'p999' } as const
/** Rows of a table of curves. */
const ROWS = [0, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999, 99.9999, 99.99999]

/** A colour variable of the style that lines are drawn in. */
export type LineColor = 'line-1' | 'line-2' | 'line-3' | 'line-4' | 'line-quiet'

export interface NamedCurve {
  readonly label: string
  readonly color: LineColor
  /** A second sign beside the colour, for print and for eyes that don't tell colours apart. */
  readonly isDashed?: boolean
  readonly summary: LatencySummary
}

export interface PercentileCurve {
  /** Parallel to the percentiles, to the first that is the last value; null from there on, or from where the values never came. */
  readonly valuesUs: readonly (number | null)[]
  /** Of what was wanted (`count`) never came: the curve ends at 1 less their share. */
  readonly lost: number
  readonly count: number
}

/** What CURVE_SCRIPT draws in the element `id`. */
export interface CurveChart {
  readonly id: string
  /** Per cent, ascending; as many as the longest curve needs. */
  readonly percentiles: readonly number[]
  readonly curves: readonly (Omit<NamedCurve, 'summary'> & PercentileCurve)[]
}

/** The curve of a summary, from its histogram; null where nothing arrived. */
export function percentileCurve(summary: LatencySummary): PercentileCurve | null {
  const { count, hdr } = summary
  if (hdr === null || count === 0) return null
  const histogram = Histogram.fromBase64(hdr)
  // Reports of before 0.1 don't say how many samples were not wanted: all that were too many, at least.
  const extra = summary.extra ?? Math.max(0, histogram.count - count)
  const arrived = histogram.count - extra
  let isEnded = false
  const valuesUs = PERCENTILES.map(({ percent, tail, of }) => {
    const rank = Math.max(1, count - Math.floor((count * tail) / of))
    if (isEnded || rank > arrived) return null
    isEnded = rank === count
    // The histogram was read from buckets, and does not know how far the last one was filled.
    if (isEnded) return summary.max
    const own = Object.hasOwn(OWN, percent) ? summary[OWN[percent as keyof typeof OWN]] : null
    return own ?? histogram.valueAtRank(rank + extra)
  })
  // A bucket's upper bound must not stand above an exact figure to its right.
  for (let i = valuesUs.length - 2; i >= 0; i--) {
    const [value, next] = [valuesUs[i]!, valuesUs[i + 1]]
    if (value !== null && next !== null && next !== undefined && value > next) valuesUs[i] = next
  }
  return { valuesUs, lost: count - arrived, count }
}

/** Several curves in one chart; those of which nothing arrived are left out. null: that is all of them. */
export function curveChart(id: string, named: readonly NamedCurve[]): CurveChart | null {
  const curves = named.flatMap(({ summary, ...look }) => {
    const curve = percentileCurve(summary)
    return curve === null ? [] : [{ ...look, ...curve }]
  })
  if (curves.length === 0) return null
  const length = Math.max(...curves.map(({ valuesUs }) => valuesUs.findLastIndex((value) => value !== null) + 1))
  return {
    id,
    percentiles: PERCENTILES.slice(0, length).map(({ percent }) => percent),
    curves: curves.map((curve) => ({ ...curve, valuesUs: curve.valuesUs.slice(0, length) })),
  }
}

/** The chart in words, for those who don't see it. */
export function curveWords(named: readonly NamedCurve[]): string {
  const each = named
    .filter(({ summary }) => summary.count > 0)
    .map(({ label, summary }) => {
      const figures = (['p50', 'p99', 'p999', 'max'] as const).map((quantile) => latencyCell(summary, quantile).text)
      return `${label}: p50 ${figures[0]}, p99 ${figures[1]}, p99.9 ${figures[2]}, max ${figures[3]}`
    })
  return `Latency by percentile, both on logarithmic scales; ${each.join('; ')}`
}

/** That curves end before the last percentile, and why; empty where all of them are whole. */
export function curveNotes({ curves }: CurveChart): string[] {
  return curves
    .filter(({ lost }) => lost > 0)
    .map(
      ({ label, lost, count }) =>
        `The curve of ${label} ends where those begin that never came: ${formatCount(lost)} of ${formatCount(count)}, infinitely late.`,
    )
}

/** Some of the chart's values as text. */
export function curveTable({ percentiles, curves }: CurveChart): Table {
  return {
    title: 'Latency by percentile',
    columns: curves.map(({ label }) => label),
    rows: percentiles.flatMap((percent, i) =>
      ROWS.includes(percent)
        ? [
            {
              name: `p${percent}`,
              cells: curves.map(({ valuesUs, lost }) => {
                const value = valuesUs[i]!
                return plain(value !== null ? formatDuration(value) : lost > 0 ? '∞' : '-')
              }),
            },
          ]
        : [],
    ),
  }
}
