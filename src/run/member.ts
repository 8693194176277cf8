/**
 * Who serves a controller: a worker thread, a process, or an agent on another machine. It takes commands and tells; how they travel is its own affair.
 *
 * What is said is in messages.ts. A member may be many workers (relay.ts): to its controller it is one.
 */
import type { AgentFacts } from '../report/types.ts'
import type { Command, Telling } from './messages.ts'

export interface MemberEvents {
  onTelling(telling: Telling): void
  /** It is gone, be it that it was told to stop; nothing follows. */
  onEnd(error: Error | null): void
}

export interface Member {
  post(command: Command): void
  /** Ends it at once and without a word, as a crash would. */
  kill(): void
}

/** A member to be: nothing runs before `start`. */
export interface Recruit {
  /** What people call it: `worker 2 of 4`. */
  readonly name: string
  start(events: MemberEvents): Member
}

/** All members of a run, and what there is to know of them before it starts. */
export interface Team {
  readonly recruits: readonly Recruit[]
  /** Between a command and the moment it is for: every worker must have it by then. */
  readonly leadUs: number
  readonly processes: number
  readonly workers: number
  /** Seconds that stay open for members that are late to tell them. */
  readonly openSeconds: number
  /** What is known now of members that are machines of their own, in the order of the recruits; empty: all are of this one. */
  readonly agents: () => readonly AgentFacts[]
}
