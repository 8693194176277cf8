/**
 * A load curve: the factor by which publish rates are multiplied, over time.
 *
 * Points are joined by straight lines; the last factor holds for ever. What counts is the *area* under the curve: a stream that
 * sends every P seconds at full load sends whenever the area has grown by P. `areaAt` goes from time to area, `timeOf` back, both
 * in closed form, so that a schedule under any load is still a pure function and nothing has to be simulated.
 *
 * Invariant: `areas[i]` is the area from 0 to `times[i]`. Areas never fall, and after the last point they always grow.
 */
import { assert } from '../errors.ts'

export class Curve {
  /** Whether the load is 100 % throughout: then area and time are the same. */
  readonly isFull: boolean
  private readonly times: number[] = []
  private readonly factors: number[] = []
  private readonly areas: number[] = []

  /**
   * @param points  [timeS, factor]: times from 0 and strictly rising, factors not negative, the last one above 0. Before the first
   *   point its factor holds.
   */
  constructor(points: readonly (readonly [timeS: number, factor: number])[]) {
    assert(points.length > 0, 'a curve has a point')
    if (points[0]![0] > 0) this.add(0, points[0]![1])
    for (const [timeS, factor] of points) this.add(timeS, factor)
    assert(this.factors.at(-1)! > 0, 'a curve does not end at 0')
    this.isFull = this.factors.every((factor) => factor === 1)
  }

  /** The area from 0 to `timeS` (not negative), in factor · seconds. */
  areaAt(timeS: number): number {
    const i = lastUpTo(this.times, timeS)
    const dt = timeS - this.times[i]!
    return this.areas[i]! + dt * (this.factors[i]! + (this.slopeAfter(i) * dt) / 2)
  }

  /**
   * When the area begins to exceed `area` (finite), in seconds: the inverse of `areaAt`.
   *
   * While the load is 0 the area stands still; what falls due there is due when the load returns.
   */
  timeOf(area: number): number {
    const i = lastUpTo(this.areas, area)
    const missing = area - this.areas[i]!
    if (missing === 0) return this.times[i]!
    // The positive root of slope/2·dt² + factor·dt = missing, in the form that does not divide 0 by 0 where the line is level.
    // Where a line falls to 0, rounding can take what is under the root just below it.
    const factor = this.factors[i]!
    const root = Math.sqrt(Math.max(0, factor * factor + 2 * this.slopeAfter(i) * missing))
    return this.times[i]! + (2 * missing) / (factor + root)
  }

  private add(timeS: number, factor: number): void {
    const last = this.times.length - 1
    assert(factor >= 0, 'factors are not negative')
    assert(last < 0 ? timeS === 0 : timeS > this.times[last]!, 'times rise from 0')
    this.areas.push(last < 0 ? 0 : this.areas[last]! + ((this.factors[last]! + factor) / 2) * (timeS - this.times[last]!))
    this.times.push(timeS)
    this.factors.push(factor)
  }

  /** Change of the factor per second on the line that begins at point i. */
  private slopeAfter(i: number): number {
    if (i + 1 === this.times.length) return 0
    return (this.factors[i + 1]! - this.factors[i]!) / (this.times[i + 1]! - this.times[i]!)
  }
}

/** Index of the last element that is not above x, or 0. Curves have few points: a scan beats a search. */
function lastUpTo(rising: readonly number[], x: number): number {
  let i = 0
  while (i + 1 < rising.length && rising[i + 1]! <= x) i++
  return i
}
