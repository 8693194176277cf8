/**
 * What stands beside a decision so that it can be checked: means, the ratio with its interval by three ways, and where they don't agree.
 */

import { geometricMean } from '../stats/sample.ts'
import { bootstrapInterval } from './bootstrap.ts'
import { ALPHA, FEWEST_RUNS, type GateDecision } from './decide.ts'
import type { Gate } from './gates.ts'
import { smallestDifference } from './power.ts'
import { rankTest, shiftOf } from './ranks.ts'
import { boundOf, differenceOf } from './welch.ts'

/** Of the intervals that are shown; they are not adjusted for their number. */
const CONFIDENCE = 0.95
/** What the order of the runs must agree with. */
const RANK_ALPHA = 0.05

/** Candidate over base. */
export interface RatioInterval {
  readonly low: number
  readonly high: number
}

export interface GateResult extends Gate, Omit<GateDecision, 'gate' | 'difference' | 'p' | 'alpha'> {
  /** Geometric means; null: some run of that side has ∞. */
  readonly baseMean: number | null
  readonly candidateMean: number | null
  readonly ratio: number | null
  /** 95 %, Welch; null like all intervals with one run a side, or where some run has ∞. */
  readonly interval: RatioInterval | null
  /** 95 %, by resampling the runs. */
  readonly bootstrap: RatioInterval | null
  /** 95 %, from the order of the runs, with its middle. */
  readonly shift: (RatioInterval & { readonly ratio: number }) | null
  /** null: nothing is gated. */
  readonly p: number | null
  /** What `adjusted` is held against. */
  readonly alpha: number
  /** That it is not worse at all, from the order of the runs; null: nothing is gated. */
  readonly rankP: number | null
  /** What so many runs would call a regression four times in five: 0.12 is 12 %. */
  readonly smallestDifference: number | null
  /** Why the verdict should be looked at twice. */
  readonly doubt: string | null
}

export function resultOf(decision: GateDecision): GateResult {
  const { gate, difference, p, alpha, ...rest } = decision
  const { base, candidate, spread, adjusted } = decision
  const [a, b] = [base, candidate].map((values) => values.map(Math.log)) as [number[], number[]]
  const [baseMean, candidateMean] = [base, candidate].map((values) => (values.every(Number.isFinite) ? geometricMean(values) : null)) as [
    number | null,
    number | null,
  ]
  const shift = difference === null ? null : shiftOf(a, b, CONFIDENCE)
  const result = {
    ...gate,
    ...rest,
    baseMean,
    candidateMean,
    ratio: baseMean === null || candidateMean === null ? null : candidateMean / baseMean,
    interval: ratioInterval(a, b),
    bootstrap: difference === null ? null : ratios(bootstrapInterval(a, b, CONFIDENCE)),
    shift: shift && { ratio: Math.exp(shift.shift), ...ratios(shift) },
    p: adjusted === null ? null : p,
    alpha: ALPHA,
    rankP: adjusted === null ? null : gate.isHigherBetter ? rankTest(a, b).pLess : rankTest(a, b).pGreater,
    smallestDifference: spread === null ? null : smallestDifference(spread, Math.min(base.length, candidate.length), gate.margin, alpha),
  } satisfies Omit<GateResult, 'doubt'>
  return { ...result, doubt: adjusted === null ? null : doubtOf(result) }
}

/** 95 %, Welch, of values that are logarithms; null with one run a side, or where some run has ∞. */
export function ratioInterval(a: readonly number[], b: readonly number[]): RatioInterval | null {
  if (a.length < 2 || b.length < 2 || ![...a, ...b].every(Number.isFinite)) return null
  const difference = differenceOf(a, b)
  const bound = (side: 'above' | 'below') => boundOf(difference, (1 + CONFIDENCE) / 2, side)
  return ratios({ low: bound('above'), high: bound('below') })
}

function ratios({ low, high }: { readonly low: number; readonly high: number }): RatioInterval {
  return { low: Math.exp(low), high: Math.exp(high) }
}

/** What the order of the runs makes of it, where it doesn't agree. */
function doubtOf({ base, candidate, verdict, rankP, shift, margin, isHigherBetter }: Omit<GateResult, 'doubt'>): string | null {
  // Of fewer runs the order says nothing, and a note says that.
  if (Math.min(base.length, candidate.length) < FEWEST_RUNS) return null
  if (verdict === 'regression' && rankP! > RANK_ALPHA) return `the order of the runs alone does not show it (p = ${rankP!.toFixed(2)})`
  const least = shift && (isHigherBetter ? 1 / shift.high : shift.low)
  const isWorseByOrder = least !== null && least > 1 + margin
  return verdict !== 'regression' && isWorseByOrder
    ? 'by the order of the runs it is worse by more than the margin: look at the single runs'
    : null
}
