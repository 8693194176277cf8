/**
 * About how many runs a decision wants, and how small a difference so many runs can see: of a two-sample test on logarithms, with a scatter that is
 * itself only known from a few runs.
 */
import { normalQuantile, tQuantile } from '../stats/distributions.ts'

/** The chance to see a difference that is there. */
const POWER = 0.8

/** Fewer runs a side know too little of their own scatter to say what they can see. */
const FEWEST_SEEING = 3
const MOST = 10_000

/**
 * Runs a side, if scatter and distance are what they seem.
 *
 * @param spread    standard deviation of the logarithm from run to run
 * @param distance  between the effect and the margin, in logarithms
 */
export function runsFor(spread: number, distance: number, alpha: number): number {
  let runs = Math.max(2, runsByNormal(spread, distance, alpha))
  while (runs < MOST && reachOf(spread, runs, alpha) > distance) runs++
  return runs
}

/** The same if the scatter were known: the textbook's formula, and too few where runs are few. */
export function runsByNormal(spread: number, distance: number, alpha: number): number {
  return Math.ceil(2 * (((normalQuantile(1 - alpha) + normalQuantile(POWER)) * spread) / distance) ** 2)
}

/** So many runs a side that their order alone can show that all of one side are above all of the other: 1 / C(2k, k). */
export function runsForOrder(alpha: number): number {
  let runs = 1
  for (let chance = 1 / 2; chance > alpha; chance *= (runs * runs) / (2 * runs * (2 * runs - 1))) runs++
  return runs
}

/** The smallest change that so many runs a side would call a regression four times in five: 0.12 is 12 %; null: they are too few to say. */
export function smallestDifference(spread: number, runs: number, margin: number, alpha: number): number | null {
  return runs < FEWEST_SEEING ? null : (1 + margin) * Math.exp(reachOf(spread, runs, alpha)) - 1
}

/** How far beyond the margin an effect has to be. */
function reachOf(spread: number, runs: number, alpha: number): number {
  const df = 2 * (runs - 1)
  return (tQuantile(1 - alpha, df) + tQuantile(POWER, df)) * spread * Math.sqrt(2 / runs)
}
