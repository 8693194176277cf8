/**
 * Reports against reports: from two sides' runs to a comparison. A pure function of its arguments.
 */
import { UsageError } from '../errors.ts'
import { type MetricKind, metricKind } from '../load/threshold.ts'
import { toolVersion } from '../report/host.ts'
import type { Report } from '../report/types.ts'
import { geometricMean } from '../stats/sample.ts'
import { formatCount } from '../units.ts'
import { curveOf } from './curve.ts'
import { decide, FEWEST_RUNS, type Verdict, worstOf } from './decide.ts'
import { type GateResult, ratioInterval, resultOf } from './evidence.ts'
import { formatChange, type Gate, gatesOf } from './gates.ts'
import { type Unlikeness, unlikenessesOf } from './likeness.ts'
import { countKindsOf, figureOf, numbersOf, tallyOf } from './numbers.ts'
import { quantileInterval } from './quantile-interval.ts'
import { checkDistinct, type Run } from './runs.ts'
import { driftOf } from './steadiness.ts'
import {
  COMPARISON_SCHEMA,
  type Comparison,
  type CountResult,
  type Likeness,
  type OtherMetric,
  type RunSummary,
  type ThresholdOutcome,
} from './types.ts'
import { reasonsOf } from './words.ts'

export interface CompareOptions {
  /** Of the command line; empty: the scenario's. */
  readonly gates: readonly (readonly [metric: string, margin: string])[]
  /** Rules that need not hold. */
  readonly allowed: readonly Likeness[]
  /** What the sides may differ in, since that is compared. */
  readonly between?: readonly Likeness[]
  /** What else a reader should know of the runs. */
  readonly notes?: readonly string[]
}

/**
 * @param base, candidate  at least one run each
 * @throws UsageError  they can't be compared, or not by these gates
 */
export function compare(base: readonly Run[], candidate: readonly Run[], options: CompareOptions): Comparison {
  checkDistinct([...base, ...candidate])
  const allowed = checkLikeness(base, candidate, options)
  const { plan, run } = candidate[0]!.report
  const gates = gatesOf(options.gates, plan)
  const kinds = countKindsOf([...base, ...candidate])
  const numbers = (runs: readonly Run[]) => runs.map((one) => numbersOf(one, gates, kinds))
  const decided = decide(gates, kinds, numbers(base), numbers(candidate))
  const results = decided.gates.map(resultOf)
  const counts = kinds.map((kind, i): CountResult => {
    const [from, to] = [tallyOf(kind, base), tallyOf(kind, candidate)]
    const { name, isForbidden } = kind
    return { name, isForbidden, base: from, candidate: to, ...decided.counts[i]!, bound: to.count === 0 && to.of > 0 ? 3 / to.of : null }
  })
  const thresholds = thresholdsOf(base, candidate)
  const verdict = verdictOf(results, counts, thresholds)
  const open = [...decided.gates, ...decided.counts].filter((one) => one.verdict === 'inconclusive').map(({ runsNeeded }) => runsNeeded)
  const known = open.filter((runs) => runs !== null)
  const result = {
    schema: COMPARISON_SCHEMA,
    verdict,
    runsNeeded: open.length > 0 && known.length === 0 ? null : Math.max(0, ...known),
    scenario: run.scenario,
    base: base.map((one) => summaryOf(one, gates)),
    candidate: candidate.map((one) => summaryOf(one, gates)),
    gates: results,
    counts,
    thresholds,
    others: othersOf(base, candidate, gates),
    curve: curveOf(base, candidate),
    allowed,
    notes: notesOf(base, candidate, options),
    tool: toolVersion(),
  } satisfies Omit<Comparison, 'reasons'>
  return { ...result, reasons: reasonsOf(result) }
}

/**
 * @returns what the runs differ in and was allowed
 * @throws UsageError  they differ in something else
 */
export function checkLikeness(base: readonly Run[], candidate: readonly Run[], { allowed, between }: CompareOptions): Unlikeness[] {
  const unlike = unlikenessesOf(base, candidate, between)
  const refused = unlike.filter(({ rule }) => !allowed.includes(rule))
  if (refused.length === 0) return unlike
  const rules = [...new Set(refused.map(({ rule }) => rule))]
  throw new UsageError(`these runs can’t be compared: ${refused.map(({ words }) => words).join('\n')}`, {
    hint: `to compare them all the same give ${rules.map((rule) => `--allow ${rule}`).join(' ')}; the result says so`,
  })
}

/** By what is written, since a candidate may have limits that the base had not. */
function thresholdsOf(base: readonly Run[], candidate: readonly Run[]): ThresholdOutcome[] {
  const asked = (runs: readonly Run[]) => new Set(runs.flatMap(({ report }) => report.thresholds.map(({ expression }) => expression)))
  const failures = (runs: readonly Run[], why: string) => runs.filter(({ report }) => failuresOf(report).includes(why)).length
  const [ofBase, ofCandidate] = [asked(base), asked(candidate)]
  const others = candidate.flatMap(({ report }) => failuresOf(report)).filter((why) => !ofCandidate.has(why))
  return [...ofCandidate, ...new Set(others)].map((expression) => {
    const isThreshold = ofCandidate.has(expression)
    const candidateFailures = failures(candidate, expression)
    const baseFailures = isThreshold && !ofBase.has(expression) ? null : failures(base, expression)
    return { expression, isThreshold, baseFailures, candidateFailures, ok: candidateFailures === 0 }
  })
}

/** Thresholds that don't hold; where all do and the run failed, what else it failed by. */
function failuresOf({ status, reasons, thresholds }: Report): readonly string[] {
  const broken = thresholds.filter(({ ok }) => !ok).map(({ expression }) => expression)
  return status === 'failed' && broken.length === 0 ? reasons : broken
}

function verdictOf(gates: readonly GateResult[], counts: readonly CountResult[], thresholds: readonly ThresholdOutcome[]): Verdict {
  const broken = thresholds.some(({ ok }) => !ok) ? (['failed'] as const) : []
  return worstOf([...broken, ...[...gates, ...counts].map(({ verdict }) => verdict)])
}

function summaryOf({ path, report }: Run, gates: readonly Gate[]): RunSummary {
  const { id, startedAt } = report.run
  return {
    path,
    id,
    startedAt,
    status: report.status,
    figures: gates.map(({ metric }) => {
      const value = figureOf(report, metric)
      const quantile = /^endToEnd\.p(\d+)$/.exec(metric)?.[1]
      return {
        value: value === null || !Number.isFinite(value) ? null : value,
        interval: quantile === undefined ? null : quantileInterval(report, Number(`0.${quantile}`)),
      }
    }),
  }
}

/** What people look at next; of faults how they were recovered from. */
const OTHERS = ['endToEnd.p50', 'endToEnd.p90', 'endToEnd.p99', 'endToEnd.p999', 'ack.p50', 'ack.p99', 'connect.p50', 'connect.p99']
const OTHERS_OF_FAULTS = ['recover', 'reconnect.p99']

function othersOf(base: readonly Run[], candidate: readonly Run[], gates: readonly Gate[]): OtherMetric[] {
  const faults = candidate[0]!.report.plan.faults.flatMap(({ name }) => OTHERS_OF_FAULTS.map((figure) => `faults.${name}.${figure}`))
  const metrics = [...OTHERS, 'roundTrip.p99', ...faults].filter((metric) => !gates.some((gate) => gate.metric === metric))
  return metrics.flatMap((metric): OtherMetric[] => {
    const [a, b] = [base, candidate].map((runs) => runs.map(({ report }) => figureOf(report, metric)))
    const isMeasured = (values: (number | null)[]): values is number[] =>
      values.every((value) => value !== null && value > 0 && Number.isFinite(value))
    if (!isMeasured(a!) || !isMeasured(b!)) return []
    const [baseMean, candidateMean] = [geometricMean(a), geometricMean(b)]
    const interval = ratioInterval(a.map(Math.log), b.map(Math.log))
    return [{ metric, kind: metricKind(metric) as MetricKind, baseMean, candidateMean, ratio: candidateMean / baseMean, interval }]
  })
}

function notesOf(base: readonly Run[], candidate: readonly Run[], { gates, notes: given = [] }: CompareOptions): string[] {
  const notes = [...given]
  const fewest = Math.min(base.length, candidate.length)
  if (fewest === 1)
    notes.push(
      'One run says nothing about how runs scatter: only thresholds are held against it. Give at least two runs a side, better five.',
    )
  else if (fewest < FEWEST_RUNS)
    notes.push(`${fewest} runs a side see only large changes, and their order can’t confirm them: ${FEWEST_RUNS} are better.`)
  if (fewest > 1 && isOneAfterTheOther(base, candidate)) {
    notes.push(
      'One side was measured after the other: whatever changed on the machine meanwhile looks like a change of the broker. compare --ab takes turns.',
    )
  }
  const [own, other] = [candidate, base].map(([first]) => JSON.stringify(first!.report.plan.gates))
  if (gates.length === 0 && own !== other) notes.push('The gates are the candidate’s: those of the base differ.')
  for (const { path, report } of [...base, ...candidate]) {
    const drift = driftOf(report)
    if (drift !== null)
      notes.push(`${path} was not steady: in the second half of measure its median is ${formatChange(drift)}. A longer warmUp may help.`)
  }
  const suspects = [...base, ...candidate].filter(({ report }) => report.generator.suspect).length
  if (suspects > 0) notes.push(`In ${formatCount(suspects)} of the runs the generator found something suspect: see their reports.`)
  return notes
}

function isOneAfterTheOther(base: readonly Run[], candidate: readonly Run[]): boolean {
  const starts = [base, candidate].map((runs) => runs.map(({ report }) => Date.parse(report.run.startedAt)))
  const [a, b] = starts as [number[], number[]]
  return Math.max(...a) < Math.min(...b) || Math.max(...b) < Math.min(...a)
}
