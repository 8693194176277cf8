/**
 * Runs of one kind against themselves: how often a comparison would cry wolf, and how small a change it could see.
 *
 * The runs are dealt out to two sides at random, over and over, and each deal is decided by the same rules as any comparison. Deals share
 * their runs, so the rate gets better with more runs, and not with more deals.
 */
import { UsageError } from '../errors.ts'
import { keyOf, random } from '../load/order.ts'
import { variance } from '../stats/sample.ts'
import { type CompareOptions, checkLikeness } from './compare.ts'
import { ALPHA, decide, type RunNumbers, type Verdict, worstOf } from './decide.ts'
import { type Gate, gatesOf } from './gates.ts'
import type { Unlikeness } from './likeness.ts'
import { countKindsOf, numbersOf } from './numbers.ts'
import { smallestDifference } from './power.ts'
import { checkDistinct, type Run } from './runs.ts'

export const AA_SCHEMA = 'mqtt-scale/aa@1'

const DEALS = 1000
/** Two a side can be compared, but half of so few tells nothing. */
const FEWEST = 6
/** Runs a side for which it says what they can see. */
const SIDES = [3, 5, 10, 20] as const

export interface SelfComparison {
  readonly schema: typeof AA_SCHEMA
  readonly scenario: string
  readonly runs: number
  /** On each side of a deal. */
  readonly runsASide: number
  readonly deals: number
  /** Shares of the deals. */
  readonly falseAlarms: number
  readonly inconclusive: number
  readonly gates: readonly GateScatter[]
  readonly allowed: readonly Unlikeness[]
}

export interface GateScatter extends Gate {
  /** Standard deviation of the logarithm, from run to run. */
  readonly spread: number
  /** Share of the deals. */
  readonly falseAlarms: number
  /** What so many runs a side would call a regression four times in five: 0.12 is 12 %. */
  readonly sees: readonly { readonly runs: number; readonly difference: number | null }[]
  /** Smaller margins would be lost in the scatter: twice that. */
  readonly leastMargin: number
}

/** @throws UsageError  too few runs, or some that can't be compared with each other */
export function compareWithThemselves(runs: readonly Run[], options: CompareOptions): SelfComparison {
  if (runs.length < FEWEST)
    throw new UsageError(`${runs.length} runs say too little about themselves`, {
      hint: `make at least ${FEWEST}, better 20: mqtt-scale run SCENARIO --repeat 20`,
    })
  checkDistinct(runs)
  const allowed = checkLikeness(runs, [], options)
  const { plan, run } = runs[0]!.report
  const gates = gatesOf(options.gates, plan)
  const kinds = countKindsOf(runs)
  const numbers = runs.map((one) => numbersOf(one, gates, kinds))
  const infinite = gates.find((_, i) => numbers.some((one) => one.gates[i] === Infinity))
  if (infinite !== undefined) {
    throw new UsageError(`gate ${infinite.metric}: it is ∞ in some runs, which have no scatter`, {
      hint: 'gate by a quantile that the losses don’t reach',
    })
  }
  const deals = Array.from({ length: DEALS }, (_, i) => {
    const [base, candidate] = deal(numbers, i)
    const { gates: decided, counts } = decide(gates, kinds, base, candidate)
    return { decided: decided.map(({ verdict }) => verdict), verdict: worstOf([...decided, ...counts].map(({ verdict }) => verdict)) }
  })
  const share = (verdict: Verdict, of: (one: (typeof deals)[number]) => Verdict) =>
    deals.filter((one) => of(one) === verdict).length / DEALS
  return {
    schema: AA_SCHEMA,
    scenario: run.scenario,
    runs: runs.length,
    runsASide: runs.length >> 1,
    deals: DEALS,
    falseAlarms: share('regression', ({ verdict }) => verdict),
    inconclusive: share('inconclusive', ({ verdict }) => verdict),
    gates: gates.map((gate, i) => {
      const spread = Math.sqrt(variance(numbers.map((one) => Math.log(one.gates[i]!))))
      return {
        ...gate,
        spread,
        falseAlarms: share('regression', ({ decided }) => decided[i]!),
        sees: SIDES.map((side) => ({ runs: side, difference: smallestDifference(spread, side, gate.margin, ALPHA / gates.length) })),
        leastMargin: Math.expm1(2 * spread),
      }
    }),
    allowed,
  }
}

/** Two halves at random; with an odd number one run is left out. */
function deal(numbers: readonly RunNumbers[], number: number): [RunNumbers[], RunNumbers[]] {
  const key = keyOf(0, 'deal', number)
  const order = [...numbers.keys()].sort((i, j) => random(key, i) - random(key, j)).map((i) => numbers[i]!)
  const half = numbers.length >> 1
  return [order.slice(0, half), order.slice(half, 2 * half)]
}
