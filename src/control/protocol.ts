/**
 * What a controller and its agents say to each other beside commands and tellings (run/messages.ts).
 *
 * A run takes an agent through these states, and no other way: free ─▶ assigned ─▶ prepared ─▶ armed ─▶ running ─▶ free.
 */
import type { Plan } from '../load/plan.ts'
import type { Slice } from '../load/slice.ts'
import type { ClockFigures, HostFacts } from '../report/types.ts'
import type { Command, Telling } from '../run/messages.ts'

/** Of both sides: other versions don't understand each other. */
export const PROTOCOL = 1

/** Seconds of the timeline that stay open for agents that are late to tell them: longer than one that is silent stays a member. */
export const OPEN_SECONDS = 12

/** What an agent answers when it is called. */
export interface Hello {
  readonly protocol: number
  readonly id: string
  /** Drawn when it started: two agents that are called alike differ in it. */
  readonly instance: string
  readonly host: HostFacts
  /** null: any number. */
  readonly maxClients: number | null
  /** What it may connect to. */
  readonly allowed: readonly string[]
  /** Agents with the same text share a clock; see clock domains in domain.ts. */
  readonly domain: string
  /** The run that it serves; null: it is free. */
  readonly run: string | null
  /** It ends with the first run that it serves. Agents from before do not say. */
  readonly once?: boolean
}

/** Numbered requests to one agent. Each is answered with an `Answer`. */
export type Order =
  | { readonly type: 'assign'; readonly assignment: Assignment }
  | { readonly type: 'prepare' }
  | { readonly type: 'arm' }
  | { readonly type: 'command'; readonly command: Command }
  /** The run ends before it began. */
  | { readonly type: 'abort'; readonly why: string }

export interface Assignment {
  readonly run: string
  /** Ends with the controller that has given it: another run of the same name would be another one's. */
  readonly controller: string
  readonly slice: Slice
  /** Global client indices [from, to) of clients that share this agent's clock; null: all of them do. */
  readonly near: readonly (readonly [from: number, to: number])[] | null
  /** How many pieces the plan has in the bucket. */
  readonly planPieces: number
  /** CLOCK_MONOTONIC of the controller at the run's epoch, ns; and the wall clock then, ms since 1970. */
  readonly epochNs: bigint
  readonly unixEpochMs: number
  readonly startedAt: string
  readonly domain: string
  /** null: as the agent sees fit. */
  readonly workers: number | null
  readonly processes: number | null
  /** All agents of the run. */
  readonly agents: readonly string[]
}

/** The plan and the files it names, as they lie in the bucket: references in place of secrets. */
export interface Parcel {
  readonly plan: Plan
  readonly files: ReadonlyMap<string, Uint8Array>
}

export type Answer =
  | { readonly type: 'done' }
  | {
      readonly type: 'prepared'
      /** See load/fingerprint.ts. */
      readonly fingerprint: string
      readonly workers: number
      readonly processes: number
      readonly transport: 'epoll' | 'stream'
      /** What may spoil the run on this machine, though it goes on. */
      readonly warnings: readonly string[]
    }
  | { readonly type: 'armed'; readonly clock: ClockFigures }
  | { readonly type: 'refused'; readonly words: string; readonly hint: string | null }

/** An agent to its controller, once a second: four stamps of two clocks, and how it is. */
export interface Pulse {
  readonly instance: string
  /** µs of the agent's clock. */
  readonly t0: number
  readonly clock: ClockFigures | null
  readonly isFenced: boolean
}

export interface PulseAnswer {
  readonly t1: number
  readonly t2: number
  /** The controller does not know this agent, or has given it up. */
  readonly isOver: boolean
}

/** What an agent tells its controller by way of the stream, each with its number. */
export type Report =
  | { readonly type: 'telling'; readonly telling: Telling }
  /** It leaves the run; null: it was told to. */
  | { readonly type: 'gone'; readonly why: string | null }

/** Of a run, in the bucket. */
export interface RunState {
  readonly state: 'assigned' | 'prepared' | 'armed' | 'running' | 'done' | 'aborted'
  readonly agents: readonly string[]
}
