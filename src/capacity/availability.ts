/**
 * Minutes a year: what independent zones or nodes fail together, what planned restarts take, what failures take until clients are back.
 *
 * That failures are independent is an upper bound: a bad release, a certificate that ends or a full log disk takes all zones at once.
 */

/** Of 365 days. */
export const MINUTES_PER_YEAR = 525_600

/** Availability of at least k of n that fail independently, each up for a share `a` of the time. */
export function availabilityOf(k: number, n: number, a: number): number {
  // From the other side, so that 99.9999 % keeps its digits.
  let down = 0
  for (let up = 0; up < k; up++) down += choose(n, up) * a ** up * (1 - a) ** (n - up)
  return 1 - down
}

/** All of them have to be up. */
export function inSeries(parts: readonly number[]): number {
  return parts.reduce((product, a) => product * a, 1)
}

/** Minutes a year that a share leaves. */
export function downMinutes(availability: number): number {
  return (1 - availability) * MINUTES_PER_YEAR
}

function choose(n: number, k: number): number {
  let product = 1
  for (let i = 1; i <= k; i++) product = (product * (n - k + i)) / i
  return product
}
