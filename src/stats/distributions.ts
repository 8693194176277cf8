/**
 * The few distributions that a comparison asks for, from jStat: about eight digits, of which a decision needs three.
 */
import { createRequire } from 'node:module'

/** The part of jStat that is used; it comes without types, and as CommonJS. */
interface JStat {
  readonly studentt: { cdf(x: number, df: number): number; inv(p: number, df: number): number }
  readonly normal: { cdf(x: number, mean: number, sd: number): number; inv(p: number, mean: number, sd: number): number }
  /** The regularized incomplete beta function I_x(a, b). */
  ibeta(x: number, a: number, b: number): number
}

const { jStat } = createRequire(import.meta.url)('jstat') as { jStat: JStat }

/** P(T > t) of Student's t. */
export function tAbove(t: number, df: number): number {
  return jStat.studentt.cdf(-t, df)
}

export function tQuantile(p: number, df: number): number {
  return jStat.studentt.inv(p, df)
}

/** P(Z > z) of the standard normal. */
export function normalAbove(z: number): number {
  return jStat.normal.cdf(-z, 0, 1)
}

export function normalQuantile(p: number): number {
  return jStat.normal.inv(p, 0, 1)
}

/** The smallest k with P(X ≤ k) ≥ q, X being how many of n succeed with probability p each: R's qbinom. */
export function binomialQuantile(q: number, n: number, p: number): number {
  let low = 0
  let high = n
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    // As exact as jStat is: at a step that q hits, its last digits would decide.
    if (binomialUpTo(middle, n, p) >= q - 1e-9) high = middle
    else low = middle + 1
  }
  return low
}

/** P(X ≤ k). */
export function binomialUpTo(k: number, n: number, p: number): number {
  if (k < 0) return 0
  return k >= n ? 1 : jStat.ibeta(1 - p, n - k, k + 1)
}
