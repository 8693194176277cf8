/**
 * What capacity work hands on: the result of a search, and quantities that know where they come from.
 */

import type { ScalingFigures } from './scaling.ts'

export const SEARCH_SCHEMA = 'mqtt-scale/search@1'

/** Of searches and of sizes. */
export const CAPACITY_FORMATS = ['text', 'json', 'html'] as const
export type CapacityFormat = (typeof CAPACITY_FORMATS)[number]

/** What can be let pass of the runs that a size is made from, as in `compare`. */
export const ALLOWANCES = ['invalid', 'broker'] as const
export type Allowance = (typeof ALLOWANCES)[number]

/** What a search changes of a scenario. */
export const VARIABLES = ['rate', 'clients', 'connectRate', 'fanOut'] as const
export type Variable = (typeof VARIABLES)[number]

/** good: the SLO surely holds; bad: it surely does not; undecided: a longer trial might tell; invalid: the generator was the limit, or a part was lost. */
export type TrialVerdict = 'good' | 'bad' | 'undecided' | 'invalid'

/** One run of a search. */
export interface Trial {
  readonly number: number
  readonly phase: 'ramp' | 'bisect' | 'confirm' | 'revisit'
  /** What was varied: times the scenario's own. */
  readonly factor: number
  /** What that was in the variable's unit: messages a second in measure, clients, connects a second, clients that only subscribe. */
  readonly load: number
  readonly verdict: TrialVerdict
  /** What made it not good, in words, the first of them the limit; empty where it is good. */
  readonly criteria: readonly string[]
  /** Of the metrics in the SLO, by metric; null: ∞ or no sample. */
  readonly figures: Readonly<Record<string, number | null>>
  /** Messages a second that were sent and received in measure. */
  readonly sentPerSec: number
  readonly receivedPerSec: number
  /** Of measure, seconds. */
  readonly lengthS: number
  /** Of its report, from the search's folder. */
  readonly path: string
}

export type SearchStatus = 'found' | 'generatorLimited' | 'belowLowest' | 'inconclusive' | 'interrupted'

/** The search at one size of the cluster. */
export interface SearchResult {
  /** Nodes of the cluster; null: nobody said, it is what the scenario's brokers are. */
  readonly nodes: number | null
  readonly status: SearchStatus
  /** The highest load that was confirmed good, and the lowest that was bad; null: there was none. In the variable's unit. */
  readonly low: number | null
  readonly high: number | null
  /** What was good on the way up was not any more at the end: the cluster does not recover between trials. */
  readonly hasHysteresis: boolean
  /** The limiting criterion in words; null: there is none. */
  readonly limit: string | null
  readonly trials: readonly Trial[]
}

/** `search.json`. */
export interface SearchReport {
  readonly schema: typeof SEARCH_SCHEMA
  readonly scenario: string
  readonly scenarioHash: string
  readonly vary: Variable
  readonly slo: readonly string[]
  /** How it was asked for: a search that was cut short goes on only so. */
  readonly asked: {
    /** Sizes of the cluster; null: it is what it is. */
    readonly nodes: readonly number[] | null
    readonly repeat: number
    readonly from: number
    readonly width: number
    readonly trialS: number
    readonly confirmS: number
    /** Without credentials; empty: the embedded one. */
    readonly brokers: readonly string[]
  }
  readonly startedAt: string
  /** One; with --nodes one for each size, in that order, repeats of a size after each other. */
  readonly series: readonly SearchResult[]
  /** Of the searches that found something, with --nodes, once all are over; null: not yet, or without. */
  readonly scaling: ScalingFigures | null
  readonly tool: string
}

/** Where a number comes from, the surest first. */
export const PROVENANCES = ['measured', 'interpolated', 'extrapolated', 'assumed'] as const
export type Provenance = (typeof PROVENANCES)[number]

/** A number that knows where it comes from. */
export interface Quantity {
  readonly value: number
  /** 90 % or what else the source says; null: nobody knows. */
  readonly range: { readonly low: number; readonly high: number } | null
  readonly provenance: Provenance
  /** In words: `p99 < 100 ms at 4 nodes, 3 searches`, `target file`. */
  readonly basis: string
}
