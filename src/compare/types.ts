/**
 * A comparison, schema 1: base runs against candidate runs. Text, Markdown, JUnit and HTML are made from it, and pipelines read it.
 *
 * Latencies are microseconds; where a run has ∞ the number is null in JSON. Ratios are candidate over base.
 */
import type { MetricKind } from '../load/threshold.ts'
import type { Verdict } from './decide.ts'
import type { GateResult, RatioInterval } from './evidence.ts'
import type { Unlikeness } from './likeness.ts'
import type { Interval } from './quantile-interval.ts'

export type { GateResult, RatioInterval, Verdict }

export const COMPARISON_SCHEMA = 'mqtt-scale/comparison@1'

export const COMPARISON_FORMATS = ['text', 'md', 'json', 'junit', 'html'] as const
export type ComparisonFormat = (typeof COMPARISON_FORMATS)[number]

/** Of runs against themselves there is nothing to pass or to draw. */
export const AA_FORMATS = ['text', 'md', 'json'] as const
export type AaFormat = (typeof AA_FORMATS)[number]

/** What two sets of runs have to have in common, by names under which it can be let pass. */
export const LIKENESSES = ['scenario', 'version', 'host', 'broker', 'invalid'] as const
export type Likeness = (typeof LIKENESSES)[number]

export interface Comparison {
  readonly schema: typeof COMPARISON_SCHEMA
  readonly verdict: Verdict
  /** What the verdict rests on, the most important first. */
  readonly reasons: readonly string[]
  /** Further runs a side that should decide what is inconclusive; null: no number of runs would. */
  readonly runsNeeded: number | null
  readonly scenario: string
  readonly base: readonly RunSummary[]
  readonly candidate: readonly RunSummary[]
  readonly gates: readonly GateResult[]
  readonly counts: readonly CountResult[]
  readonly thresholds: readonly ThresholdOutcome[]
  /** Further metrics, for information: nothing is decided by them. */
  readonly others: readonly OtherMetric[]
  readonly curve: Curve | null
  /** Rules that the runs don't keep and that were let pass. */
  readonly allowed: readonly Unlikeness[]
  readonly notes: readonly string[]
  /** Of mqtt-scale. */
  readonly tool: string
}

export interface RunSummary {
  readonly path: string
  readonly id: string
  readonly startedAt: string
  readonly status: string
  /** In the order of `gates`. */
  readonly figures: readonly RunFigure[]
}

export interface RunFigure {
  /** null: ∞. */
  readonly value: number | null
  /** 95 %, from the order of the run's own samples; null: not a quantile of the end-to-end latency, or too few samples or seconds. */
  readonly interval: Interval | null
}

/** What should not happen, as exact counts. */
export interface CountResult {
  /** `lost, QoS 1`. */
  readonly name: string
  readonly isForbidden: boolean
  readonly base: Tally
  readonly candidate: Tally
  readonly verdict: Verdict
  readonly p: number | null
  readonly adjusted: number | null
  readonly runsNeeded: number | null
  /** What the true share is below with 95 %, where the candidate had none: 3 over the number (rule of three). */
  readonly bound: number | null
}

export interface Tally {
  readonly count: number
  readonly of: number
  /** Runs in which it happened. */
  readonly runs: number
}

/** An absolute limit, or what else a run can fail by: in how many runs it does not hold. */
export interface ThresholdOutcome {
  /** The threshold; of what is none, why the run failed, in words. */
  readonly expression: string
  readonly isThreshold: boolean
  /** null: the base was not asked. */
  readonly baseFailures: number | null
  readonly candidateFailures: number
  readonly ok: boolean
}

export interface OtherMetric {
  readonly metric: string
  readonly kind: MetricKind
  readonly baseMean: number
  readonly candidateMean: number
  readonly ratio: number
  /** 95 %, Welch, each for itself; null: with one run a side. */
  readonly interval: RatioInterval | null
}

/** Quantiles of each run, averaged over the runs of a side (geometrically): the picture of a change. */
export interface Curve {
  readonly metric: 'endToEnd' | 'ack' | 'connect'
  readonly points: readonly CurvePoint[]
}

export interface CurvePoint {
  /** 50 is the median. */
  readonly percent: number
  /** null: ∞ in some run. */
  readonly base: number | null
  readonly candidate: number | null
  readonly ratio: number | null
  readonly interval: RatioInterval | null
}
