/**
 * Holm's step-down procedure: of a family of tests, the chance that any of those without an effect is called one stays below α, however they
 * depend on each other. S. Holm, Scand. J. Statist. 6 (1979).
 */

/** The p-values adjusted for their number, in the same order: one is significant where its adjusted value is at most α. */
export function holm(pValues: readonly number[]): number[] {
  const order = [...pValues.keys()].sort((i, j) => pValues[i]! - pValues[j]!)
  const adjusted = pValues.map(() => 0)
  let most = 0
  for (const [step, index] of order.entries()) {
    most = Math.max(most, Math.min(1, (pValues.length - step) * pValues[index]!))
    adjusted[index] = most
  }
  return adjusted
}
