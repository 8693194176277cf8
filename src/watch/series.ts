/**
 * What a source has told, over time, and what a stretch of time says of it: means, peaks and slopes of what goes up and down, how much was counted of what
 * only goes up. Pure, so that the answers are known.
 */

import type { Need } from '../load/metrics-source.ts'
import type { CounterFigures, GaugeFigures } from '../report/metrics-types.ts'
import { slopeOf } from '../stats/trend.ts'
import { US_PER_S } from '../units.ts'
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
 * Of a counter, which begins anew at 0 where it falls: its owner was started again.
 *
 * Only readings within the stretch count, and it went on at its ends as between them: a line to the reading after the end would go through what the
 * load does then, which is mostly nothing. Readings that are in step with the stretch are at its ends.
 *
 * @returns null: its readings cover too little of the stretch
 */
export function counterFigures(points: readonly Point[], { startUs, endUs }: Span): CounterFigures | null {
  const risen = rising(points).filter(({ atUs }) => atUs >= startUs - EDGE_US && atUs <= endUs + EDGE_US)
  const [first, last] = [risen[0], risen.at(-1)]
  const coveredUs = (last?.atUs ?? 0) - (first?.atUs ?? 0)
  if (coveredUs <= 0 || coveredUs < LEAST_COVERED * (endUs - startUs)) return null
  const perSec = ((last!.value - first!.value) / coveredUs) * US_PER_S
  return { count: Math.round((perSec * (endUs - startUs)) / US_PER_S), perSec }
}

/** By how much a counter rose a second from one reading to the next. As a gauge, with the mean of all that was before. */
export function rateFigures(points: readonly Point[], readyUs: number, span: Span): GaugeFigures | null {
  const risen = rising(points)
  const rates = risen.slice(1).map((point, i): Point => {
    const { atUs, value } = risen[i]!
    return { atUs: (atUs + point.atUs) / 2, value: ((point.value - value) / (point.atUs - atUs)) * US_PER_S }
  })
  const figures = gaugeFigures(rates, readyUs, span)
  const before = risen.filter(({ atUs }) => atUs <= readyUs)
  const lengthUs = (before.at(-1)?.atUs ?? 0) - (before[0]?.atUs ?? 0)
  return figures && { ...figures, before: lengthUs > 0 ? ((before.at(-1)!.value - before[0]!.value) / lengthUs) * US_PER_S : null }
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

function rising(points: readonly Point[]): Point[] {
  let sum = 0
  return points.map(({ atUs, value }, i) => {
    const before = points[i - 1]?.value ?? value
    sum += value >= before ? value - before : value
    return { atUs, value: sum }
  })
}
