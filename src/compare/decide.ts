/**
 * From some numbers a run to verdicts.
 *
 *   regression     surely worse by more than the margin
 *   ok             surely not worse by more than the margin; improvement where it is surely better by more
 *   inconclusive   the runs can't tell: more of them could
 *
 * `surely` is α = 5 % for all that is tested: half of it now, and half for one more look after further runs, since whoever looks until it is green finds
 * green. Over several gates and counts the regressions are held to it after Holm. Effects are ratios (logarithms, Welch). Where a run has ∞ for a figure
 * there is no ratio, and the order of the runs decides. What MQTT forbids needs no test: one is too many.
 */
import { variance } from '../stats/sample.ts'
import type { Gate } from './gates.ts'
import { holm } from './holm.ts'
import { runsFor, runsForOrder } from './power.ts'
import { rankTest } from './ranks.ts'
import { boundOf, type Difference, differenceOf, pAbove } from './welch.ts'

/** `failed`: a threshold does not hold, which is no matter of comparing. */
export type Verdict = 'regression' | 'failed' | 'improvement' | 'ok' | 'inconclusive' | 'notGated'

/** At each of two looks: 5 % in all. */
export const ALPHA = 0.05 / 2
/** Fewer runs a side can't be told apart by their order. */
export const FEWEST_RUNS = 5
/** A difference nearer to the margin than this part of it would take more runs than anybody makes. */
const NEAREST = 0.5
/** So much more of a count, in shares of what could be, is no matter. */
const COUNT_MARGIN = 0.001
/** Histograms know a value to 0.1 %, and nothing to less than 1. */
const RESOLUTION = 0.001

/** What is decided by, of one run. */
export interface RunNumbers {
  /** For each gate its figure, above 0; Infinity for what never came. */
  readonly gates: readonly number[]
  /** For each count how often it happened, in shares of how often it could. */
  readonly counts: readonly number[]
}

/** Something that should not happen. */
export interface CountRule {
  /** MQTT forbids it: where the base has none, the first is one too many. */
  readonly isForbidden: boolean
}

export interface GateDecision {
  readonly gate: Gate
  readonly base: readonly number[]
  readonly candidate: readonly number[]
  readonly verdict: Verdict
  /** In logarithms, candidate less base, with its sign such that more is worse; null: some run has ∞, or a side has one run. */
  readonly difference: Difference | null
  /** Standard deviation of the logarithm, from run to run; null like `difference`. */
  readonly spread: number | null
  /** That it is not worse by more than the margin: small speaks for a regression. */
  readonly p: number
  /** The same after Holm, held against ALPHA; null: nothing is gated. */
  readonly adjusted: number | null
  /** What a single test is held to where all of them are: what runs are needed for. */
  readonly alpha: number
  /** Further runs a side that should about decide it; 0: it is decided; null: no number of runs would. */
  readonly runsNeeded: number | null
}

export interface CountDecision {
  readonly verdict: Verdict
  /** That the candidate has no more of it, from the order of the runs; null: none happened. */
  readonly p: number | null
  readonly adjusted: number | null
  readonly runsNeeded: number | null
}

/** All tests in one family, since a false alarm of any is one of the whole. */
export function decide(
  gates: readonly Gate[],
  counts: readonly CountRule[],
  base: readonly RunNumbers[],
  candidate: readonly RunNumbers[],
): { gates: GateDecision[]; counts: CountDecision[] } {
  const isGated = base.length > 1 && candidate.length > 1
  const column = (of: 'gates' | 'counts', i: number) =>
    [base, candidate].map((runs) => runs.map((run) => run[of][i]!)) as [number[], number[]]
  const effects = gates.map((gate, i) => effectOf(gate, ...column('gates', i)))
  const shares = counts.map((_, i) => column('counts', i))
  const countPs = shares.map(([a, b]) => (hasSome(a) || hasSome(b) ? rankTest(a, b).pGreater : null))
  const family = [...effects.map(({ p }) => p), ...countPs.filter((p) => p !== null)]
  const adjusted = holm(family)
  const better = holm(effects.map(({ pBetter }) => pBetter))
  const alpha = ALPHA / Math.max(1, family.length)
  let place = effects.length
  return {
    gates: effects.map(({ pBetter: _, ...effect }, i) => {
      const verdict = isGated ? verdictOf(effect, adjusted[i]!, better[i]!) : 'notGated'
      return { ...effect, verdict, adjusted: isGated ? adjusted[i]! : null, alpha, runsNeeded: runsNeeded(effect, alpha, verdict) }
    }),
    counts: counts.map((rule, i): CountDecision => {
      const p = countPs[i]!
      const own = p === null ? null : adjusted[place++]!
      if (!isGated) return { verdict: 'notGated', p: null, adjusted: null, runsNeeded: 0 }
      const verdict = verdictOfCount(rule, shares[i]!, own)
      return { verdict, p, adjusted: own, runsNeeded: verdict === 'inconclusive' ? further(runsForOrder(alpha), ...shares[i]!) : 0 }
    }),
  }
}

/** What any of them says for the whole, the worst first. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  return (['regression', 'failed', 'inconclusive', 'notGated', 'improvement'] as const).find((one) => verdicts.includes(one)) ?? 'ok'
}

/** How much worse a gate may be, in logarithms. */
function limitOf({ margin, isHigherBetter }: Gate): number {
  return isHigherBetter ? -Math.log1p(-margin) : Math.log1p(margin)
}

type Effect = Omit<GateDecision, 'verdict' | 'adjusted' | 'alpha' | 'runsNeeded'>

function effectOf(gate: Gate, base: readonly number[], candidate: readonly number[]): Effect & { readonly pBetter: number } {
  const sign = gate.isHigherBetter ? -1 : 1
  const [a, b] = [base, candidate].map((values) => values.map((value) => sign * Math.log(value))) as [number[], number[]]
  const limit = limitOf(gate)
  const facts = { gate, base, candidate }
  if (![...a, ...b].every(Number.isFinite) || a.length < 2 || b.length < 2) {
    const moved = (by: number) => a.map((value) => value + by)
    return { ...facts, difference: null, spread: null, p: rankTest(moved(limit), b).pGreater, pBetter: rankTest(moved(-limit), b).pLess }
  }
  const least = Math.max(RESOLUTION, 1 / Math.min(...base, ...candidate)) ** 2 / 12
  const difference = differenceOf(a, b, least)
  const opposite = { ...difference, difference: -difference.difference }
  const spread = Math.sqrt((variance(a) + variance(b)) / 2)
  return { ...facts, difference, spread, p: pAbove(difference, limit), pBetter: pAbove(opposite, limit) }
}

function verdictOf({ gate, difference }: Effect, adjusted: number, better: number): Verdict {
  if (adjusted <= ALPHA) return 'regression'
  if (better <= ALPHA) return 'improvement'
  if (difference === null) return 'inconclusive'
  return boundOf(difference, 1 - ALPHA, 'below') < limitOf(gate) ? 'ok' : 'inconclusive'
}

/** More than a trifle more of it, that the order of so few runs does not show, is no answer. */
function verdictOfCount({ isForbidden }: CountRule, [base, candidate]: readonly [number[], number[]], adjusted: number | null): Verdict {
  if (adjusted === null) return 'ok'
  if (adjusted <= ALPHA || (isForbidden && hasSome(candidate) && !hasSome(base))) return 'regression'
  const meanOf = (shares: readonly number[]) => shares.reduce((sum, share) => sum + share, 0) / shares.length
  return meanOf(candidate) - meanOf(base) > COUNT_MARGIN ? 'inconclusive' : 'ok'
}

function runsNeeded({ gate, base, candidate, difference, spread }: Effect, alpha: number, verdict: Verdict): number | null {
  if (verdict !== 'inconclusive') return 0
  if (difference === null || spread === null) {
    const allAre = (values: readonly number[], isSo: (value: number) => boolean) => values.every(isSo)
    const isApart =
      allAre(base, Number.isFinite) !== allAre(candidate, Number.isFinite) &&
      [base, candidate].some((side) => side.every((x) => x === Infinity))
    return isApart ? further(runsForOrder(alpha), base, candidate) : null
  }
  const limit = limitOf(gate)
  const distance = Math.max(Math.abs(difference.difference - limit), NEAREST * limit)
  return further(Math.max(FEWEST_RUNS, runsFor(spread, distance, alpha)), base, candidate)
}

/** At least one: what there is was not enough, whatever a formula says. */
function further(wanted: number, base: readonly unknown[], candidate: readonly unknown[]): number {
  return Math.max(1, wanted - Math.min(base.length, candidate.length))
}

function hasSome(shares: readonly number[]): boolean {
  return shares.some((share) => share > 0)
}
