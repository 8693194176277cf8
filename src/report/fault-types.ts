/**
 * What a report says of faults. `types.ts` has the rest, and hands these on.
 */
import type { LatencySummary } from '../stats/histogram.ts'

/** Seconds; null: infinite, or with a count of 0 nothing. `count` is how many there should have been. */
export interface Spread {
  readonly count: number
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
}

/** What a fault did. But for `startS`, times are seconds from its start; null: it never came to that. Counts are of its window NAME-during. */
export interface FaultFigures {
  /** From the start of the run; null: it never began, and nothing else is known of it. */
  readonly startS: number | null
  /** Until its command had exited and its time was over. */
  readonly ended: number | null
  readonly exec: ExecFigures | null
  /** Clients that it struck itself (`drop`), and connections lost until it was recovered, whoever ended them. */
  readonly struck: number
  readonly disconnected: number
  /** The first connection that the other side ended or let die. */
  readonly detect: number | null
  /** Everybody who had lost the connection was back. */
  readonly restored: number | null
  /** The first of ten seconds with at least 99 % of the rate of before and nothing waiting. */
  readonly recover: number | null
  /** Loss of a connection to the next CONNACK. */
  readonly reconnect: Spread
  /** Loss of a connection to the first delivery of what came due after it, of clients that subscribe. */
  readonly resume: Spread
  /** Attempts to connect for each connection that was lost, or, where churn makes that more, each that was made. */
  readonly attemptsPerClient: number
  /** Most attempts and most accepted connections in a second: the storm. */
  readonly peakAttemptsPerSec: number
  readonly peakAcceptedPerSec: number
  /** The parts of successful attempts. */
  readonly tcpUs: LatencySummary
  readonly tlsUs: LatencySummary
  readonly connackUs: LatencySummary
  readonly owed: number
  readonly lost: number
  readonly duplicated: number
  /** Of subscribers' sessions, then by QoS: '0', '1', '2'. */
  readonly bySession: Readonly<Record<'clean' | 'persistent', Readonly<Record<string, FaultCounts>>>>
  readonly wills: WillCounts
  readonly takeovers: { readonly count: number /** The old connection stood on. */; readonly doubled: number }
  readonly sessionsResumed: number
  readonly sessionsForgotten: number
  readonly unavailability: Unavailability
  /** When it was recovered, or at the end of measure. */
  readonly clientsPerNode: Readonly<Record<string, number>>
}

/** Shares, 0 to 1. */
export interface Unavailability {
  /** Of all clients' time: what those that lost a connection went without one. */
  readonly clients: number
  /** Of what was owed, or would have been had it not been dropped unsent: what was lost, dropped, or later than `limitUs`; null: nothing. */
  readonly messages: number | null
  readonly limitUs: number
}

export interface FaultCounts {
  readonly owed: number
  readonly lost: number
  readonly duplicated: number
}

export interface ExecFigures {
  readonly command: string
  /** null: it was ended by a signal, or did not end. */
  readonly exitCode: number | null
  readonly signal: string | null
  readonly lengthS: number
  /** stdout and stderr as they came, the last 64 KiB. */
  readonly output: string
}

export interface WillCounts {
  /** Published by the broker, and it had to or might. */
  readonly fired: number
  /** It had to, and nobody got it. */
  readonly missing: number
  /** It must not. */
  readonly false: number
}

/** What the run knows of a fault's moments, µs since the run's epoch. */
export interface FaultFacts {
  readonly startUs: number | null
  readonly endUs: number | null
  readonly detectedUs: number | null
  readonly restoredUs: number | null
  readonly recoveredUs: number | null
  readonly struck: number
  readonly exec: ExecFigures | null
  /** At `recoveredUs`, or at the end of measure. */
  readonly connectedByNode: readonly number[]
}
