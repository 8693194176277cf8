/**
 * What a controller and its workers say to each other: plain data only, so that a worker can be a thread here and a process elsewhere.
 *
 * The controller commands and asks; a worker answers, and tells by itself what it gained each second, the first few faults, and when all its
 * clients have arrived.
 */

import type { Facts } from '../load/facts.ts'
import type { Surroundings } from '../load/group.ts'
import type { ShareFacts } from '../load/shares.ts'
import type { Account, Window } from '../load/sheets.ts'
import type { Slice } from '../load/slice.ts'
import type { Survey } from '../load/survey.ts'
import type { MetricsDelta } from '../stats/metrics.ts'
import type { ThreadUse } from './meter.ts'

/** What a worker starts with. */
export interface WorkerData {
  readonly around: Surroundings
  readonly slice: Slice
  readonly transport: 'epoll' | 'stream'
  /** CLOCK_MONOTONIC at the run's epoch, ns. */
  readonly epochNs: bigint
  /** Folder that paths in the scenario are relative to. */
  readonly folder: string
}

export type Command =
  | { readonly type: 'connect'; readonly startUs: number }
  | { readonly type: 'publish'; readonly originUs: number }
  /** Measure ends earlier than planned. */
  | { readonly type: 'cut'; readonly endUs: number }
  /** A fault begins: its clients are struck at that time, or at once. */
  | { readonly type: 'fault'; readonly fault: number; readonly atUs: number }
  | { readonly type: 'drain' }
  | { readonly type: 'facts' }
  | { readonly type: 'account'; readonly facts: readonly Facts[]; readonly pieces: readonly Window[]; readonly isFinal: boolean }
  /** What is unsent is given up. */
  | { readonly type: 'finish' }
  /** `everyone`: also clients that never connected here are cleaned up after. */
  | { readonly type: 'leave'; readonly cleanUp: boolean; readonly everyone: boolean }
  | { readonly type: 'stop' }

export type Telling =
  | { readonly type: 'ready' }
  | { readonly type: 'arrived'; readonly lastSubackUs: number; readonly connected: number }
  | { readonly type: 'gained'; readonly gain: Gain }
  /** So many of the worker's clients were struck by a fault. */
  | { readonly type: 'struck'; readonly fault: number; readonly members: number }
  /** The first connection that the other side ended, or let die, since the fault began. */
  | { readonly type: 'noticed'; readonly fault: number; readonly atUs: number }
  | { readonly type: 'fault'; readonly fault: Fault }
  | { readonly type: 'facts'; readonly facts: Facts; readonly unsentOfOurs: number }
  | {
      readonly type: 'account'
      readonly account: Account
      readonly shares: readonly ShareFacts[]
      /** For each open will of the facts, whether one of the worker's clients had to get it: see load/wills.ts. */
      readonly heirs: Uint8Array
      readonly truncated: number
      readonly isCapped: boolean
    }
  | { readonly type: 'finished' }
  | { readonly type: 'left'; readonly leftovers: { readonly sessions: number; readonly retained: number } }

/** What a worker gained since it last said so. */
export interface Gain extends Survey {
  readonly fromUs: number
  readonly toUs: number
  readonly metrics: MetricsDelta
  readonly sent: number
  readonly arrived: number
  /** Of arrived: for the first time, and not long after it was due. */
  readonly fresh: number
  /** Now. */
  readonly connected: number
  readonly arrivedClients: number
  /** Share of the time that the loop did not wait. */
  readonly busy: number
  readonly thread: ThreadUse
  readonly unverified: number
}

export interface Fault {
  readonly atUs: number
  readonly group: string
  readonly clientId: string
  readonly node: string
  readonly reason: string
}
