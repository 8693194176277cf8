/**
 * What a controller and its members say to each other: plain data only, so that a member can be a thread here or a machine elsewhere.
 *
 * The controller commands and asks; a member answers, and tells by itself what it gained each second, the first few faults, and when all its
 * clients have arrived.
 */

import type { Facts } from '../load/facts.ts'
import type { Surroundings } from '../load/group.ts'
import type { ShareFacts } from '../load/shares.ts'
import type { Account, Window } from '../load/sheets.ts'
import type { Slice } from '../load/slice.ts'
import type { Survey } from '../load/survey.ts'
import type { Limited } from '../report/types.ts'
import type { MetricsDelta } from '../stats/metrics.ts'
import type { HostTicks } from './cpu.ts'
import type { Grain } from './grain.ts'
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
  readonly grain: Grain
  /** Without a new lease it ends every connection then, µs since the epoch; Infinity: it needs none. */
  readonly leaseUs: number
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
  /** The worker may go on until then. */
  | { readonly type: 'lease'; readonly untilUs: number }
  /** It may not go on: every connection is ended at once. */
  | { readonly type: 'fence' }
  | { readonly type: 'stop' }

export type Telling =
  | { readonly type: 'ready' }
  | { readonly type: 'arrived'; readonly lastSubackUs: number; readonly connected: number }
  | { readonly type: 'gained'; readonly gain: Gain }
  /** So many of the member's clients were struck by a fault. */
  | { readonly type: 'struck'; readonly fault: number; readonly members: number }
  /** The first connection that the other side ended, or let die, since the fault began. */
  | { readonly type: 'noticed'; readonly fault: number; readonly atUs: number }
  | { readonly type: 'fault'; readonly fault: Fault }
  | { readonly type: 'facts'; readonly facts: readonly Facts[]; readonly unsentOfOurs: number }
  | {
      readonly type: 'account'
      readonly account: Account
      readonly shares: readonly ShareFacts[]
      /** For each open will of the facts, whether one of the member's clients had to get it: see load/wills.ts. */
      readonly heirs: Uint8Array
      readonly truncated: number
      readonly isCapped: boolean
      /** Of all its clients: none of its own workers was lost. */
      readonly isWhole: boolean
    }
  /** It had no lease any more, and has ended every connection. */
  | { readonly type: 'fenced'; readonly atUs: number }
  /** A part of the member is lost, and its measurements from now on. */
  | { readonly type: 'partLost'; readonly name: string; readonly error: string | null }
  | { readonly type: 'finished' }
  | { readonly type: 'left'; readonly leftovers: { readonly sessions: number; readonly retained: number } }

/** What a member gained since it last said so. */
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
  /** The most sockets that one process had. */
  readonly fullest: number
  readonly loops: readonly LoopUse[]
  /** Those of their own, beside the controller's. */
  readonly processes: readonly ProcessUse[]
  /** Those of their own, beside the controller's. */
  readonly machines: readonly MachineUse[]
  readonly unverified: number
}

/** What a worker's loop and its thread did in that time. */
export interface LoopUse extends ThreadUse {
  /** The number of its slice among those of its member. */
  readonly worker: number
  readonly allUs: number
  /** Of it, the loop did not wait. */
  readonly busyUs: number
}

export interface ProcessUse {
  /** Its memory, without what it shares with others. */
  readonly bytes: number
  /** CPU time in that time. */
  readonly cpuUs: number
}

/** What there was of a machine in that time, and how near to its limits it has been by then. */
export interface MachineUse {
  /** null: it can't be read. */
  readonly host: HostTicks | null
  readonly files: Limited
  readonly ports: Limited
}

export interface Fault {
  readonly atUs: number
  readonly group: string
  readonly clientId: string
  readonly node: string
  readonly reason: string
}
