/**
 * Whether a row of readings rises, and how fast: by the order of its pairs, so that a reading that went astray carries nothing.
 *
 * M. G. Kendall, Rank Correlation Methods (1948), for whether; H. Theil (1950) and P. K. Sen (1968) for how fast.
 */
import { normalAbove } from './distributions.ts'
import { median } from './sample.ts'

/**
 * The median of the slopes of all pairs; 0 where there is none.
 *
 * @param at  when each was read, of any unit; left out: they are a step apart
 */
export function slopeOf(values: readonly number[], at: readonly number[] = [...values.keys()]): number {
  const slopes = values.flatMap((value, i) =>
    values.slice(0, i).flatMap((before, j) => (at[i] === at[j] ? [] : [(value - before) / (at[i]! - at[j]!)])),
  )
  return slopes.length === 0 ? 0 : median(slopes)
}

/** That so many pairs rise by chance, one-sided: small says that the values rise. 1 with fewer than five. */
export function pRising(values: readonly number[]): number {
  const n = values.length
  if (n < 5) return 1
  const score = values.reduce((sum, value, i) => values.slice(0, i).reduce((inner, before) => inner + Math.sign(value - before), sum), 0)
  const ties = [...new Set(values)].map((value) => values.filter((other) => other === value).length)
  const variance = (n * (n - 1) * (2 * n + 5) - ties.reduce((sum, t) => sum + t * (t - 1) * (2 * t + 5), 0)) / 18
  return variance === 0 ? 1 : normalAbove((score - 1) / Math.sqrt(variance))
}
