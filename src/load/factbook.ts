/**
 * The facts of all slices as one book, to be asked by stream and sequence number.
 */
import { EXCEPTION, type Facts, type Intervals, nodeAt } from './facts.ts'

/** Facts of all slices, by stream. */
export class FactBook {
  readonly exceptions = new Map<number, Intervals>()
  private readonly late = new Map<number, Intervals>()
  private readonly connectTimes = new Map<number, readonly number[]>()
  private readonly moves = new Map<number, readonly number[]>()
  private readonly next = new Map<number, { firstClient: number; next: Uint32Array }[]>()
  readonly pending: number

  constructor(facts: readonly Facts[]) {
    for (const f of facts) {
      for (const [stream, intervals] of f.exceptions) this.sort(stream, intervals)
      for (const [stream, times] of f.connectTimes) this.connectTimes.set(stream, times)
      for (const [publisher, moves] of f.moves) this.moves.set(publisher, moves)
      for (const { entry, firstClient, next } of f.entries) this.next.set(entry, [...(this.next.get(entry) ?? []), { firstClient, next }])
    }
    this.pending = facts.reduce((sum, f) => sum + f.pending, 0)
  }

  /** How many messages of the stream have been dealt with; 0 if its worker was lost. */
  dealtWith(entry: number, publisher: number): number {
    for (const part of this.next.get(entry) ?? []) {
      const i = publisher - part.firstClient
      if (i >= 0 && i < part.next.length) return part.next[i]!
    }
    return 0
  }

  timesOf(stream: number): readonly number[] {
    return this.connectTimes.get(stream) ?? []
  }

  /** The kind of exception that message `seq` is, or 0. */
  kindOf(stream: number, seq: number): number {
    const intervals = this.exceptions.get(stream)
    const at = intervals === undefined ? -1 : placeOf(intervals, seq)
    return at < 0 ? 0 : intervals![at]!
  }

  delayOf(stream: number, seq: number): number {
    const intervals = this.late.get(stream)
    const at = intervals === undefined ? -1 : placeOf(intervals, seq)
    return at < 0 ? 0 : intervals![at + 3]!
  }

  hasMoved(publisher: number): boolean {
    return this.moves.has(publisher)
  }

  /** The publisher's node at that time; `first` is where it began. */
  nodeAt(publisher: number, timeUs: number, first: number): number {
    const moves = this.moves.get(publisher)
    return moves === undefined ? first : nodeAt(moves, timeUs, first)
  }

  /** Exceptions are noted as they happen; here they get into the order of their numbers, late ones apart: those are owed all the same. */
  private sort(stream: number, intervals: Intervals): void {
    const parts: number[][] = []
    for (let i = 0; i < intervals.length; i += 4) parts.push(intervals.slice(i, i + 4))
    parts.sort((a, b) => a[1]! - b[1]!)
    const late = join(parts.filter((p) => p[0] === EXCEPTION.late))
    const others = parts.filter((p) => p[0] !== EXCEPTION.late)
    if (late.length > 0) this.late.set(stream, late.flat())
    if (others.length > 0) this.exceptions.set(stream, others.flat())
  }
}

/** A message that was sent again and again was late each time: the last time counts, which is the largest delay. */
function join(parts: readonly number[][]): number[][] {
  const joined: number[][] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (last === undefined || part[1]! >= last[2]!) joined.push(part)
    else {
      last[2] = Math.max(last[2]!, part[2]!)
      last[3] = Math.max(last[3]!, part[3]!)
    }
  }
  return joined
}

/** Place of the interval that `seq` is in, or -1: intervals rise and do not overlap. */
export function placeOf(intervals: Intervals, seq: number): number {
  let low = 0
  let high = intervals.length / 4
  while (low < high) {
    const middle = (low + high) >>> 1
    if (intervals[4 * middle + 2]! <= seq) low = middle + 1
    else high = middle
  }
  return 4 * low < intervals.length && intervals[4 * low + 1]! <= seq ? 4 * low : -1
}
