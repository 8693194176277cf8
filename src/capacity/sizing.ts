/**
 * A sizing, schema 1: how many nodes, why, and how sure that is. Text and HTML are made from it, and pipelines read it.
 */
import type { Constraint, ConstraintName } from './constraints.ts'
import type { Cluster, Doubt } from './decide.ts'
import type { Network } from './network.ts'
import type { Interval, ScalingFigures } from './scaling.ts'
import type { Load, Target } from './target.ts'
import type { Provenance, Quantity } from './types.ts'

export const SIZE_SCHEMA = 'mqtt-scale/size@1'

export interface Sizing {
  readonly schema: typeof SIZE_SCHEMA
  readonly verdict: 'decided' | 'inconclusive'
  /** What the verdict rests on, the most important first. */
  readonly reasons: readonly string[]
  readonly target: Pick<Target, 'name' | 'description' | 'slo' | 'survive' | 'zones' | 'node' | 'use'> & {
    readonly recoveryS: number | null
  }
  readonly load: Load
  /** null: it is not decided. */
  readonly answer: Cluster | null
  /** By what is not in doubt; the answer, where there is one. */
  readonly atLeast: Cluster
  /** By all that is known: what the figures below are of. */
  readonly cluster: Cluster
  readonly binding: ConstraintName
  readonly constraints: readonly SizedConstraint[]
  readonly doubts: readonly Doubt[]
  readonly inputs: readonly Input[]
  /** Before and after the loss. */
  readonly loads: readonly NodeLoad[]
  /** For what else might be survived, and for the load of today; null: it would not be decided. */
  readonly alternatives: readonly { readonly what: string; readonly nodes: number | null }[]
  readonly scaling: ScalingFigures
  readonly availability: AvailabilityFigures
  readonly storm: Storm | null
  readonly network: Network
  readonly cost: Cost | null
  /** What ± 20 % on each input does, the largest lever first. */
  readonly sensitivity: readonly Lever[]
  readonly notCovered: readonly string[]
  /** Those that would narrow the answer most come first. */
  readonly nextRuns: readonly NextRun[]
  readonly evidence: { readonly reports: number; readonly searches: number }
  readonly notes: readonly string[]
  readonly tool: string
}

export interface SizedConstraint extends Constraint {
  readonly title: string
  readonly binds: boolean
  /** How many times worse its input may be before it asks for more than the cluster has left; null: not known. */
  readonly slack: number | null
}

export interface Input extends Quantity {
  readonly name: string
  readonly text: string
}

/** Of one node. */
export interface NodeLoad {
  readonly name: string
  readonly unit: 'clients' | 'bytes' | 'bitsPerSec' | 'share'
  /** Of a node; null: there is no such limit. */
  readonly limit: number | null
  readonly before: LoadFigure
  readonly after: LoadFigure
}

export interface LoadFigure {
  /** null: only the range can be said. */
  readonly value: number | null
  readonly range: Interval | null
  readonly provenance: Provenance
}

export interface AvailabilityFigures {
  readonly goal: number
  readonly budgetMinutes: number
  readonly parts: readonly { readonly name: string; readonly minutes: number; readonly provenance: Provenance; readonly basis: string }[]
  /** Of a year, of all parts; null: none is known. */
  readonly minutes: number | null
  readonly notKnown: readonly string[]
}

export interface Storm {
  readonly clients: number
  readonly connectsPerSec: number
  /** Until everybody is connected again, once they have noticed. */
  readonly seconds: number
  readonly recoveryS: number
  readonly provenance: Provenance
}

export interface Cost {
  readonly currency: string
  readonly perMonth: number
  readonly perClientMonth: number
  readonly nodesPerMonth: number
  readonly crossZonePerMonth: number
  readonly fixedPerMonth: number
}

export interface Lever {
  readonly name: string
  /** Nodes with 20 % less and with 20 % more of it; null: it would not be decided. */
  readonly less: number | null
  readonly more: number | null
  /** The input of the constraint that binds. */
  readonly binds: boolean
}

export interface NextRun {
  readonly what: string
  readonly why: string
  /** Nodes between the ends of what is known; null: without it nothing is decided. */
  readonly narrows: number | null
}
