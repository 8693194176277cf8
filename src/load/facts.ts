/**
 * What publishers know and subscribers must be told before anybody can say what was owed: how far each stream was sent, and which of its
 * messages were an exception.
 *
 * Intended times are functions of the plan, so a stream without exceptions is one number. Exceptions are intervals of sequence numbers, in order.
 */
import type { Rows } from './rows.ts'
import type { WillFacts } from './wills.ts'

export const EXCEPTION = {
  /** Planned, but never sent: the client could not, and was not to keep it. */
  dropped: 1,
  /** Intended while churn had put the client away: not planned at all. */
  away: 2,
  /** Answered with a reason code of 0x80 or above. */
  refused: 3,
  /** Sent with QoS 1 or 2, and not acknowledged when the publisher's session ended. */
  unacknowledged: 4,
  /** Sent more than `settle` after its intended time; the value is the largest such delay of the interval, in µs. */
  late: 5,
} as const
export type ExceptionKind = (typeof EXCEPTION)[keyof typeof EXCEPTION]

/** Intervals of a worker. Beyond it the run's accounts can't be trusted, and the report says so. */
export const MAX_EXCEPTIONS = 8_000_000

/** Flat list of (kind, from, to, value): numbers from `from` up to, not including, `to`. */
export type Intervals = ArrayLike<number>

/** The facts of one slice: plain data. Of entries that nobody hears there is no more than that they are there. */
export interface Facts {
  /** For each publish entry of the plan: the clients that this slice has. */
  readonly entries: readonly EntryFacts[]
  /** (kind, from, to, value) of intervals, flat, by stream. */
  readonly exceptions: Rows
  /** Intended times of messages sent on connecting, by stream. */
  readonly connectTimes: Rows
  /** (from µs, node) pairs of publishers that were on more than one node, flat, by global client index. */
  readonly moves: Rows
  /** Messages due and not yet sent, or sent and not yet acknowledged; requests that may still be answered in time. */
  readonly pending: number
  readonly wills: WillFacts
}

export interface EntryFacts {
  readonly entry: number
  readonly firstClient: number
  readonly clients: number
  /** How many messages each client has dealt with (sent or given up); null: all that have come due, and no more will. */
  readonly next: Uint32Array | null
}

/** Where a publisher with these moves was at that time; `first` is where it began. */
export function nodeAt(moves: ArrayLike<number>, timeUs: number, first: number): number {
  for (let i = moves.length - 2; i >= 0; i -= 2) if (moves[i]! <= timeUs) return moves[i + 1]!
  return first
}

export class Exceptions {
  readonly byStream = new Map<number, number[]>()
  intervals = 0

  add(stream: number, kind: ExceptionKind, from: number, to: number, value = 0): void {
    if (to <= from || this.intervals >= MAX_EXCEPTIONS) return
    let list = this.byStream.get(stream)
    if (list === undefined) this.byStream.set(stream, (list = []))
    const last = list.length - 4
    if (last >= 0 && list[last] === kind && list[last + 2] === from) {
      list[last + 2] = to
      if (value > list[last + 3]!) list[last + 3] = value
      return
    }
    list.push(kind, from, to, value)
    this.intervals++
  }
}
