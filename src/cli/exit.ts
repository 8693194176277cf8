/** Exit codes of several runs: which one stands for all. */

/** The result can't be trusted, or a part of it was lost. */
export const INVALID = 4
/** The user ended it. */
export const INTERRUPTED = 130
/** The command line, scenario, target or environment is wrong, or nobody could connect. */
export const WRONG = 2

/** When several apply, the first of these counts. */
const ORDER = [1, WRONG, INTERRUPTED, INVALID, 3, 5]

/** @returns 0 where each is 0 */
export function exitCodeOf(codes: readonly number[]): number {
  return ORDER.find((code) => codes.includes(code)) ?? 0
}
