/**
 * The facts of all slices as one book, to be asked by stream and sequence number.
 */
import { type EntryFacts, EXCEPTION, type Facts, type Intervals, nodeAt } from './facts.ts'
import { type Rows, rowAt } from './rows.ts'

const NOTHING: Intervals = []

/** A stream's exceptions in the order of their numbers, late ones apart: those are owed all the same. */
interface Sorted {
  readonly late: Intervals
  readonly others: Intervals
}

export class FactBook {
  readonly pending: number
  /** Parts of each entry, by their first client. */
  private readonly entries = new Map<number, EntryFacts[]>()
  // Only parts that say something.
  private readonly exceptions: readonly Rows[]
  private readonly connectTimes: readonly Rows[]
  private readonly moves: readonly Rows[]
  /** Of streams that were asked for. */
  private readonly sorted = new Map<number, Sorted>()

  constructor(facts: readonly Facts[]) {
    const telling = (of: (facts: Facts) => Rows) => facts.map(of).filter(({ keys }) => keys.length > 0)
    this.exceptions = telling((f) => f.exceptions)
    this.connectTimes = telling((f) => f.connectTimes)
    this.moves = telling((f) => f.moves)
    for (const part of facts.flatMap(({ entries }) => entries)) {
      const parts = this.entries.get(part.entry)
      if (parts === undefined) this.entries.set(part.entry, [part])
      else parts.push(part)
    }
    for (const parts of this.entries.values()) parts.sort((a, b) => a.firstClient - b.firstClient)
    this.pending = facts.reduce((sum, f) => sum + f.pending, 0)
  }

  /**
   * How many messages of the stream have been dealt with; Infinity: all that came due. null: nobody knows, since its worker was lost.
   *
   * @param publisher  index in its group
   */
  dealtWith(entry: number, publisher: number): number | null {
    const parts = this.entries.get(entry) ?? []
    let low = 0
    let high = parts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (parts[middle]!.firstClient + parts[middle]!.clients <= publisher) low = middle + 1
      else high = middle
    }
    const part = parts[low]
    if (part === undefined || publisher < part.firstClient) return null
    return part.next === null ? Number.POSITIVE_INFINITY : part.next[publisher - part.firstClient]!
  }

  timesOf(stream: number): ArrayLike<number> {
    return find(this.connectTimes, stream)
  }

  /** All exceptions of a stream but late messages, rising. */
  exceptionsOf(stream: number): Intervals {
    return this.exceptions.length === 0 ? NOTHING : this.sort(stream).others
  }

  /** The kind of exception that message `seq` is, or 0. */
  kindOf(stream: number, seq: number): number {
    const intervals = this.exceptionsOf(stream)
    const at = intervals.length === 0 ? -1 : placeOf(intervals, seq)
    return at < 0 ? 0 : intervals[at]!
  }

  delayOf(stream: number, seq: number): number {
    const intervals = this.exceptions.length === 0 ? NOTHING : this.sort(stream).late
    const at = intervals.length === 0 ? -1 : placeOf(intervals, seq)
    return at < 0 ? 0 : intervals[at + 3]!
  }

  hasMoved(publisher: number): boolean {
    return find(this.moves, publisher).length > 0
  }

  /** The publisher's node at that time; `first` is where it began. */
  nodeAt(publisher: number, timeUs: number, first: number): number {
    return nodeAt(find(this.moves, publisher), timeUs, first)
  }

  /** Exceptions are noted as they happen; here they get into the order of their numbers. */
  private sort(stream: number): Sorted {
    const known = this.sorted.get(stream)
    if (known !== undefined) return known
    const intervals = find(this.exceptions, stream)
    if (intervals.length === 0) return CLEAN
    const parts: number[][] = []
    for (let i = 0; i < intervals.length; i += 4) parts.push(Array.from(intervals.subarray(i, i + 4)))
    parts.sort((a, b) => a[1]! - b[1]!)
    const sorted = {
      late: join(parts.filter((p) => p[0] === EXCEPTION.late)).flat(),
      others: parts.filter((p) => p[0] !== EXCEPTION.late).flat(),
    }
    this.sorted.set(stream, sorted)
    return sorted
  }
}

/** A row is in one part: streams and publishers belong to one slice. */
function find(parts: readonly Rows[], key: number): Float64Array {
  for (const rows of parts) {
    const row = rowAt(rows, key)
    if (row.length > 0) return row
  }
  return NO_ROW
}

const CLEAN: Sorted = { late: NOTHING, others: NOTHING }
const NO_ROW = new Float64Array(0)

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
