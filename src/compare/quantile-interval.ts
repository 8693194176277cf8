/**
 * How well one run knows a quantile of its own: an interval from order statistics.
 *
 *   ranks   l = the binomial's (α/2)-quantile, u = its (1 − α/2)-quantile + 1     of n samples, each below the quantile with probability p
 *
 * No distribution is assumed, but that samples are independent, and messages are not: a pause strikes all that are under way. So n is divided by
 * how much more the quantiles of single seconds scatter than those of independent samples would. Seconds are taken for independent.
 * H. A. David, H. N. Nagaraja, Order Statistics (2003), §7.1.
 */
import type { Report, TimelineRow } from '../report/types.ts'
import { binomialQuantile } from '../stats/distributions.ts'
import { Histogram } from '../stats/histogram.ts'
import { mean } from '../stats/sample.ts'

const CONFIDENCE = 0.95
/** Fewer seconds say nothing about how they scatter. */
const LEAST_SECONDS = 5

/** µs. */
export interface Interval {
  readonly low: number
  readonly high: number
}

/** Quantiles that the timeline has of each second, and for which other quantiles they stand in. */
const SECONDLY = [
  { p: 0.5, of: (row: TimelineRow) => row.endToEndP50Us, standsFor: [0.5] },
  { p: 0.99, of: (row: TimelineRow) => row.endToEndP99Us, standsFor: [0.9, 0.95, 0.99, 0.999] },
]

/**
 * Of the end-to-end latency; null where the samples are too few, or the seconds.
 *
 * @param p  one of 0.5, 0.9, 0.95, 0.99, 0.999
 */
export function quantileInterval({ endToEndUs, timeline }: Pick<Report, 'endToEndUs' | 'timeline'>, p: number): Interval | null {
  if (endToEndUs.hdr === null) return null
  const histogram = Histogram.fromBase64(endToEndUs.hdr)
  const wanted = endToEndUs.count
  const excess = scatter(histogram, wanted, timeline, p)
  const ranks = excess === null ? null : quantileRanks(Math.floor(wanted / Math.max(1, excess)), p)
  if (ranks === null) return null
  // What never came is above every sample that did; samples that were not wanted are taken for the fastest.
  const extra = endToEndUs.extra ?? Math.max(0, histogram.count - wanted)
  const valueAt = (share: number) => {
    const rank = Math.max(1, Math.ceil(share * wanted)) + extra
    return rank > histogram.count ? Infinity : histogram.valueAtRank(rank)
  }
  return { low: valueAt(ranks.low / ranks.n), high: valueAt(ranks.high / ranks.n) }
}

/** Ranks, from 1, between which the p-quantile lies with 95 %; null: n is too small for that. */
export function quantileRanks(n: number, p: number): { n: number; low: number; high: number } | null {
  if (n < leastCount(p)) return null
  const low = binomialQuantile((1 - CONFIDENCE) / 2, n, p)
  const high = binomialQuantile((1 + CONFIDENCE) / 2, n, p) + 1
  return low < 1 || high > n ? null : { n, low, high }
}

/** Samples without which there is no upper bound with 95 %: the largest of fewer may well lie below the quantile. */
export function leastCount(p: number): number {
  return Math.ceil(Math.log(1 - CONFIDENCE) / Math.log(p))
}

/** By how much the quantiles of seconds scatter more than those of independent samples would, in ranks, whose variance is p(1 − p)/n. */
function scatter(histogram: Histogram, wanted: number, timeline: readonly TimelineRow[], p: number): number | null {
  const secondly = SECONDLY.find(({ standsFor }) => standsFor.includes(p))!
  const level = secondly.p
  const squares = timeline.flatMap((row) => {
    const valueUs = row.phase === 'measure' ? secondly.of(row) : null
    if (valueUs === null) return []
    const share = histogram.countUpTo(valueUs) / wanted
    return [(row.receivedPerSec * (share - level) ** 2) / (level * (1 - level))]
  })
  return squares.length < LEAST_SECONDS ? null : mean(squares)
}
