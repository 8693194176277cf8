/**
 * What a source has told, over time, and what a stretch of time says of it: means, peaks and slopes of what goes up and down, how much was counted of what
 * only goes up. Pure, so that the answers are known.
 */

import type { Need } from '../load/metrics-source.ts'
import type { CounterFigures, GaugeFigures } from '../report/metrics-types.ts'
import { slopeOf } from '../stats/trend.ts'
import { thousandths, US_PER_S } from '../units.ts'
import type { Values } from './evaluate.ts'

/** µs since the run's epoch. */
export interface Span {
  readonly startUs: number
  readonly endUs: number
}

export interface Point {
  readonly atUs: number
  readonly value: number
}

/** Readings of a source that are kept: five hours of one a second. With more, every other goes, and of those to come as many. */
export const MAX_READINGS = 18_000
/** Slopes are medians of those between all pairs of so many points: more would cost a second, and change little. */
const SLOPE_POINTS = 400
/** Of a stretch, at least so much lies between its readings; or how much was counted in it is not known. */
const LEAST_COVERED = 0.5
/** Readings in step with a stretch come a little after its ends. */
const EDGE_US = 100_000

export class Series {
  /** How many there were, those not kept too. */
  count = 0
  private kept: { readonly atUs: number; readonly values: Values }[] = []
  private every = 1

  add(atUs: number, values: Values): void {
    if (this.count++ % this.every !== 0) return
    this.kept.push({ atUs, values })
    if (this.kept.length <= MAX_READINGS) return
    this.kept = this.kept.filter((_, i) => i % 2 === 0)
    this.every *= 2
  }

  has(need: Need): boolean {
    return this.kept.some(({ values }) => values[need] !== undefined)
  }

  points(need: Need): Point[] {
    return this.kept.flatMap(({ atUs, values }) => {
      const value = values[need]
      return value === undefined ? [] : [{ atUs, value }]
    })
  }
}

/** @returns null: nothing was told in that stretch */
export function gaugeFigures(points: readonly Point[], readyUs: number, span: Span): GaugeFigures | null {
  const within = points.filter(({ atUs }) => atUs >= span.startUs && atUs <= span.endUs)
  const last = within.at(-1)
  if (last === undefined) return null
  return {
    before: points.findLast(({ atUs }) => atUs <= readyUs)?.value ?? null,
    mean: within.reduce((sum, { value }) => sum + value, 0) / within.length,
    peak: within.reduce((peak, { value }) => Math.max(peak, value), Number.NEGATIVE_INFINITY),
    last: last.value,
    slopePerSec: slopePerSec(within),
  }
}

/**
 * Of a counter, which begins anew at 0 where its owner was started again.
 *
 * Only readings within the stretch count, and before the first and after the last it went on as between them, but not for longer than readings are
 * usually apart: a line to the reading after the end would go through what the load does then, which is mostly nothing, and where nothing is told
 * any more the node may be dead. Readings that are in step with the stretch are at its ends.
 *
 * @returns null: its readings cover too little of the stretch
 */
export function counterFigures(points: readonly Point[], span: Span): CounterFigures | null {
  const rise = riseOf(points, span)
  return rise && { count: Math.round(rise.count), perSec: rise.perSec, everyS: thousandths(rise.everyUs / US_PER_S) }
}

/** What a counter rose by in the stretch, not rounded, and how much of the stretch that is of. */
export function riseOf(points: readonly Point[], { startUs, endUs }: Span) {
  const risen = rising(points).filter(({ atUs }) => atUs >= startUs - EDGE_US && atUs <= endUs + EDGE_US)
  const [first, last] = [risen[0], risen.at(-1)]
  if (first === undefined || last === undefined || first === last || last.atUs - first.atUs < LEAST_COVERED * (endUs - startUs)) return null
  const everyUs = usualGapUs(risen)
  const lengthUs = last.atUs - first.atUs + Math.min(everyUs, first.atUs - startUs) + Math.min(everyUs, endUs - last.atUs)
  const perUs = (last.value - first.value) / (last.atUs - first.atUs)
  return { count: perUs * lengthUs, perSec: perUs * US_PER_S, everyUs, lengthS: lengthUs / US_PER_S }
}

/** By how much a counter rose a second, as a gauge, with the mean of all that was before. */
export function rateFigures(points: readonly Point[], readyUs: number, span: Span): GaugeFigures | null {
  const middles = ratesOf(points).map(({ atUs, value }, i): Point => ({ atUs: (points[i]!.atUs + atUs) / 2, value }))
  const figures = gaugeFigures(middles, readyUs, span)
  const before = rising(points).filter(({ atUs }) => atUs <= readyUs)
  const lengthUs = (before.at(-1)?.atUs ?? 0) - (before[0]?.atUs ?? 0)
  return figures && { ...figures, before: lengthUs > 0 ? ((before.at(-1)!.value - before[0]!.value) / lengthUs) * US_PER_S : null }
}

/** By how much a counter rose a second from each reading to the next, at the time of that. */
export function ratesOf(points: readonly Point[]): Point[] {
  const risen = rising(points)
  return risen.slice(1).map(({ atUs, value }, i): Point => {
    const before = risen[i]!
    return { atUs, value: ((value - before.value) / (atUs - before.atUs)) * US_PER_S }
  })
}

/** How far readings are apart, the median; 0 of fewer than two. */
export function usualGapUs(points: readonly Point[]): number {
  const gaps = points.slice(1).map(({ atUs }, i) => atUs - points[i]!.atUs)
  return gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? 0
}

/** The median of the slopes between all pairs: a few odd readings don't bend it (Theil and Sen). 0 of a single point. */
export function slopePerSec(points: readonly Point[]): number {
  const step = Math.ceil(points.length / SLOPE_POINTS)
  const some = points.filter((_, i) => i % step === 0)
  return slopeOf(
    some.map(({ value }) => value),
    some.map(({ atUs }) => atUs / US_PER_S),
  )
}

/**
 * A counter that never falls. Where it falls to less than half it has begun anew, and goes on from there; a small fall is none of its own (it may be the
 * difference of two that were not read at one instant), and until it is made good nothing is counted.
 */
function rising(points: readonly Point[]): Point[] {
  let before = 0
  let highest = points[0]?.value ?? 0
  return points.map(({ atUs, value }) => {
    if (value < highest / 2) {
      before += highest
      highest = value
    }
    highest = Math.max(highest, value)
    return { atUs, value: before + highest }
  })
}
