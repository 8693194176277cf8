/**
 * What a comparison says in sentences: why its verdict is what it is.
 */
import { formatCount, formatShare } from '../units.ts'
import { formatChange } from './gates.ts'
import type { Comparison, CountResult, GateResult, RatioInterval, Tally, ThresholdOutcome } from './types.ts'

/** More than anybody makes. */
const MANY_RUNS = 30

type Unreasoned = Omit<Comparison, 'reasons'>

/** At least one; the most important first. */
export function reasonsOf(result: Unreasoned): string[] {
  const { gates, counts, thresholds, candidate } = result
  const of = <T extends { readonly verdict: string }>(items: readonly T[], verdict: string) =>
    items.filter((item) => item.verdict === verdict)
  const worse = [
    ...thresholds.filter(({ ok }) => !ok).map((threshold) => broken(threshold, candidate.length)),
    ...of(counts, 'regression').map(moreOf),
    ...of(gates, 'regression').map((gate) => `${changed(gate)}, over its margin of ${formatShare(gate.margin)}`),
  ]
  const open = [...of(gates, 'inconclusive').map(undecided), ...of(counts, 'inconclusive').map(openCount)]
  if (worse.length > 0 || open.length > 0) return [...worse, ...open]
  if (result.verdict === 'notGated')
    return [`${runs(result.base.length)} of base and ${runs(candidate.length)} of candidate are shown, not gated`]
  const better = of(gates, 'improvement').map((gate) => `${changed(gate)}, better by more than ${formatShare(gate.margin)}`)
  return better.length > 0
    ? better
    : [gates.length === 1 ? 'its gate is not worse by more than the margin' : 'no gate is worse by more than its margin']
}

/** `+12.3 % (+8 % … +17 %)`; the interval is Welch’s, 95 %. */
export function changeWithInterval(ratio: number | null, interval: RatioInterval | null): string {
  if (ratio === null) return 'from or to ∞'
  return interval === null ? formatChange(ratio) : `${formatChange(ratio)} (${intervalWords(interval)})`
}

export function intervalWords({ low, high }: RatioInterval): string {
  return `${formatChange(low)} … ${formatChange(high)}`
}

/** `3 of 40,000, in 2 runs`. */
export function tallyWords({ count, of, runs: some }: Tally): string {
  return count === 0 ? `0 of ${formatCount(of)}` : `${formatCount(count)} of ${formatCount(of)}, in ${runs(some)}`
}

export function runs(count: number): string {
  return count === 1 ? '1 run' : `${formatCount(count)} runs`
}

function changed({ metric, ratio, interval }: GateResult): string {
  return ratio === null ? `${metric} is ∞ where it was not, or the other way round` : `${metric} ${changeWithInterval(ratio, interval)}`
}

function undecided(gate: GateResult): string {
  const { metric, ratio, interval, margin, runsNeeded } = gate
  if (ratio === null) {
    const next =
      runsNeeded === null
        ? 'gate by a quantile that the losses don’t reach'
        : `the order of so few runs shows nothing, ${neededWords(runsNeeded)}`
    return `${metric} is ∞ in some runs, and has no ratio there: ${next}`
  }
  return `${metric} ${changeWithInterval(ratio, interval)} may lie on either side of its margin of ${formatShare(margin)}: ${neededWords(runsNeeded)}`
}

/** What should decide it. */
export function neededWords(runsNeeded: number | null): string {
  if (runsNeeded === null) return 'more runs would not tell'
  const some = runs(runsNeeded).replace(' ', ' more ')
  return runsNeeded <= MANY_RUNS
    ? `about ${some} a side should tell`
    : `it would take about ${some} a side; longer runs, on a quieter machine, scatter less`
}

function moreOf({ name, base, candidate, isForbidden }: CountResult): string {
  const why = isForbidden && base.count === 0 ? ', which MQTT forbids' : ''
  return `${name}: ${tallyWords(candidate)}${why}; base ${tallyWords(base)}`
}

function openCount({ name, base, candidate, runsNeeded }: CountResult): string {
  return `${name}: ${tallyWords(candidate)}; base ${tallyWords(base)}: the order of so few runs does not show it, ${neededWords(runsNeeded)}`
}

function broken({ expression, isThreshold, candidateFailures, baseFailures }: ThresholdOutcome, candidates: number): string {
  const where = `in ${candidateFailures} of ${runs(candidates)} of candidate`
  const base = !baseFailures ? '' : isThreshold ? `, nor in ${runs(baseFailures)} of base` : ` and in ${runs(baseFailures)} of base`
  return `${expression}${isThreshold ? ' does not hold' : ','} ${where}${base}`
}
