/**
 * How far two samples of runs differ in the logarithm of a figure, after Welch: variances may differ, and effects are ratios.
 *
 * B. L. Welch, Biometrika 34 (1947); degrees of freedom after Satterthwaite. The unit is the run: messages of one run share its luck, and
 * tests on single messages take that luck for a difference.
 */
import { tAbove, tQuantile } from '../stats/distributions.ts'
import { mean, variance } from '../stats/sample.ts'

/** The difference of the means of two samples, its standard error, and the degrees of freedom of that. */
export interface Difference {
  readonly difference: number
  readonly standardError: number
  readonly degreesOfFreedom: number
}

/**
 * b less a.
 *
 * @param a, b           at least two values each
 * @param leastVariance  of a value by itself, from how finely it is known: two values that agree by chance are no certainty
 */
export function differenceOf(a: readonly number[], b: readonly number[], leastVariance = 0): Difference {
  const [va, vb] = [a, b].map((values) => Math.max(leastVariance, variance(values)) / values.length) as [number, number]
  const squared = va + vb
  return {
    difference: mean(b) - mean(a),
    standardError: Math.sqrt(squared),
    // Where nothing varies there is no doubt, whatever the degrees of freedom.
    degreesOfFreedom: squared === 0 ? a.length + b.length - 2 : squared ** 2 / (va ** 2 / (a.length - 1) + vb ** 2 / (b.length - 1)),
  }
}

/** How likely so great a difference is, or a greater one, where the true one is `limit`: small speaks for more than `limit`. */
export function pAbove({ difference, standardError, degreesOfFreedom }: Difference, limit: number): number {
  if (standardError === 0) return difference > limit ? 0 : 1
  return tAbove((difference - limit) / standardError, degreesOfFreedom)
}

/** The bound that the true difference is below (`above`: above) with that confidence. */
export function boundOf({ difference, standardError, degreesOfFreedom }: Difference, confidence: number, side: 'above' | 'below'): number {
  const reach = standardError === 0 ? 0 : tQuantile(confidence, degreesOfFreedom) * standardError
  return side === 'below' ? difference + reach : difference - reach
}
