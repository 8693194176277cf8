/**
 * The delivery ledger: which messages of each stream each subscriber has had.
 *
 * Its unit is the pair (subscriber, stream): the lowest and highest sequence number seen and the gaps between them. That is all it takes to
 * know every number that arrived, so a repeat is a duplicate for certain and not by a window. A pair without loss costs one row of typed
 * arrays; gaps are kept only for the few pairs that have some.
 *
 * What should have arrived is not here: see load/account.ts.
 */
import { assert } from '../errors.ts'

/** What an arrival was. */
export const ARRIVAL = { first: 0, reordered: 1, duplicate: 2 } as const
export type Arrival = (typeof ARRIVAL)[keyof typeof ARRIVAL]

/** Gaps kept for one pair. Beyond it the two oldest become one: what came between them would count as missing, and `truncated` says so. */
const MAX_GAPS = 65_536

/** Pairs of one worker: 2^26 rows are 3 GB. */
export const MAX_PAIRS = 2 ** 26

export class Ledger {
  /** Rows in use; row numbers are handed out in order of first arrival. */
  size = 0
  /** Pairs in which gaps had to be merged. */
  get truncated(): number {
    return this.merged.size
  }
  private subscribers = new Uint32Array(1024)
  /** Doubles: streams are numbered up to 2^53. */
  private streams = new Float64Array(1024)
  private lowest = new Uint32Array(1024)
  /** Highest number seen plus one, of any QoS. */
  private ends = new Uint32Array(1024)
  /** The same for each published QoS, three to a row: order is a promise within one QoS only. */
  private qosEnds = new Uint32Array(3 * 1024)
  private labels = new Int32Array(1024)
  private masks = new Uint32Array(1024)
  private buckets = new Int32Array(2048).fill(-1)
  private readonly gaps = new Map<number, number[]>()
  private readonly merged = new Set<number>()

  /** The pair's row, or -1 if nothing has arrived on it. */
  find(subscriber: number, stream: number): number {
    const mask = this.buckets.length - 1
    for (let i = hash(subscriber, stream) & mask; ; i = (i + 1) & mask) {
      const row = this.buckets[i]!
      if (row < 0 || (this.subscribers[row] === subscriber && this.streams[row] === stream)) return row
    }
  }

  /**
   * Makes the row of a pair on its first arrival.
   *
   * @param label, mask  32 bits each of the caller's, for `labelOf` and `maskOf`
   */
  add(subscriber: number, stream: number, label: number, mask: number): number {
    assert(this.size < MAX_PAIRS, 'the plan was refused if it has more pairs than fit')
    if (this.size === this.subscribers.length) this.grow()
    const row = this.size++
    this.subscribers[row] = subscriber
    this.streams[row] = stream
    this.labels[row] = label
    this.masks[row] = mask
    this.put(row)
    return row
  }

  labelOf(row: number): number {
    return this.labels[row]!
  }

  maskOf(row: number): number {
    return this.masks[row]!
  }

  /** Takes note of message `seq`, published with `qos`. */
  arrive(row: number, seq: number, qos: number): Arrival {
    const end = this.ends[row]!
    const q = 3 * row + qos
    if (seq >= end) {
      if (end === 0) this.lowest[row] = seq
      else if (seq > end) this.openGap(row, end, seq)
      this.ends[row] = seq + 1
      this.qosEnds[q] = seq + 1
      return ARRIVAL.first
    }
    if (!this.fill(row, seq)) return ARRIVAL.duplicate
    if (seq < this.qosEnds[q]!) return ARRIVAL.reordered
    this.qosEnds[q] = seq + 1
    return ARRIVAL.first
  }

  has(row: number, seq: number): boolean {
    if (seq >= this.ends[row]! || seq < this.lowest[row]!) return false
    const gaps = this.gaps.get(row)
    return gaps === undefined || !isWithin(gaps, gapAt(gaps, seq), seq)
  }

  /** Calls back for each number in [from, to) that has not arrived. */
  eachMissing(row: number, from: number, to: number, visit: (seq: number) => void): void {
    const lowest = this.lowest[row]!
    const end = this.ends[row]!
    for (let seq = from; seq < Math.min(to, lowest); seq++) visit(seq)
    const gaps = this.gaps.get(row)
    if (gaps) {
      for (let g = gapAt(gaps, from); g < gaps.length; g += 2) {
        if (gaps[g]! >= to) break
        for (let seq = Math.max(from, gaps[g]!); seq < Math.min(to, gaps[g + 1]!); seq++) visit(seq)
      }
    }
    for (let seq = Math.max(from, end); seq < to; seq++) visit(seq)
  }

  /** Bytes of the table, without gaps. */
  static bytesFor(pairs: number): number {
    return pairs * (4 * 8 + 8 + 8)
  }

  private openGap(row: number, from: number, to: number): void {
    const gaps = this.gaps.get(row)
    if (gaps === undefined) {
      this.gaps.set(row, [from, to])
      return
    }
    gaps.push(from, to)
    if (gaps.length > 2 * MAX_GAPS) {
      this.merged.add(row)
      gaps.splice(1, 2)
    }
  }

  /** Takes `seq` out of the gaps; false if it was in none. */
  private fill(row: number, seq: number): boolean {
    const lowest = this.lowest[row]!
    if (seq < lowest) {
      if (seq + 1 < lowest) {
        const gaps = this.gaps.get(row)
        if (gaps) gaps.unshift(seq + 1, lowest)
        else this.gaps.set(row, [seq + 1, lowest])
      }
      this.lowest[row] = seq
      return true
    }
    const gaps = this.gaps.get(row)
    if (gaps === undefined) return false
    const g = gapAt(gaps, seq)
    if (!isWithin(gaps, g, seq)) return false
    const from = gaps[g]!
    const to = gaps[g + 1]!
    if (from === seq && to === seq + 1) gaps.splice(g, 2)
    else if (from === seq) gaps[g] = seq + 1
    else if (to === seq + 1) gaps[g + 1] = seq
    else gaps.splice(g + 1, 0, seq, seq + 1)
    if (gaps.length === 0) this.gaps.delete(row)
    return true
  }

  private put(row: number): void {
    const mask = this.buckets.length - 1
    let i = hash(this.subscribers[row]!, this.streams[row]!) & mask
    while (this.buckets[i]! >= 0) i = (i + 1) & mask
    this.buckets[i] = row
  }

  private grow(): void {
    const rows = this.subscribers.length * 2
    this.subscribers = copyInto(new Uint32Array(rows), this.subscribers)
    this.streams = copyInto(new Float64Array(rows), this.streams)
    this.lowest = copyInto(new Uint32Array(rows), this.lowest)
    this.ends = copyInto(new Uint32Array(rows), this.ends)
    this.qosEnds = copyInto(new Uint32Array(3 * rows), this.qosEnds)
    this.labels = copyInto(new Int32Array(rows), this.labels)
    this.masks = copyInto(new Uint32Array(rows), this.masks)
    // Twice as many buckets as rows keeps probes short.
    this.buckets = new Int32Array(2 * rows).fill(-1)
    for (let row = 0; row < this.size; row++) this.put(row)
  }
}

/**
 * What the members of shared subscriptions have had, as one bitmap for each (shared subscription, stream).
 *
 * Members sit in several workers and each sees only some of the messages, so gaps would be everywhere.
 */
export class SharedLedger {
  private readonly bitmaps = new Map<number, Map<number, Uint32Array>>()

  /** Takes note of message `seq`; true if it is the first time here. */
  arrive(share: number, stream: number, seq: number): boolean {
    const word = seq >>> 5
    const bit = 1 << (seq & 31)
    const bitmap = this.bitmapFor(share, stream, word)
    if ((bitmap[word]! & bit) !== 0) return false
    bitmap[word]! |= bit
    return true
  }

  /** What arrived of a shared subscription, by stream. */
  bitmapsOf(share: number): ReadonlyMap<number, Uint32Array> {
    return this.bitmaps.get(share) ?? NOTHING
  }

  private bitmapFor(share: number, stream: number, word: number): Uint32Array {
    let streams = this.bitmaps.get(share)
    if (streams === undefined) this.bitmaps.set(share, (streams = new Map()))
    let bitmap = streams.get(stream)
    if (bitmap === undefined || word >= bitmap.length) {
      bitmap = copyInto(new Uint32Array(Math.max(4, 2 * word)), bitmap ?? new Uint32Array(0))
      streams.set(stream, bitmap)
    }
    return bitmap
  }
}

const NOTHING: ReadonlyMap<number, Uint32Array> = new Map()

/** Whether message `seq` is noted in a bitmap of a `SharedLedger`. */
export function isSet(bitmap: Uint32Array | undefined, seq: number): boolean {
  return bitmap !== undefined && seq >>> 5 < bitmap.length && (bitmap[seq >>> 5]! & (1 << (seq & 31))) !== 0
}

/** Index of the first gap that ends after `seq`; gaps are [from, to) pairs in one flat, rising list. */
function gapAt(gaps: readonly number[], seq: number): number {
  let low = 0
  let high = gaps.length >>> 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (gaps[2 * middle + 1]! <= seq) low = middle + 1
    else high = middle
  }
  return 2 * low
}

function isWithin(gaps: readonly number[], g: number, seq: number): boolean {
  return g < gaps.length && gaps[g]! <= seq
}

function hash(subscriber: number, stream: number): number {
  // `imul` takes the low 32 bits of a stream's number; what is above is 0 for most.
  const high = (stream * 2 ** -32) | 0
  let h = Math.imul(subscriber ^ Math.imul(stream, 0x9e3779b1) ^ Math.imul(high, 0x27d4eb2f), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
  return (h ^ (h >>> 13)) >>> 0
}

function copyInto<T extends Uint32Array | Int32Array | Float64Array>(to: T, from: T): T {
  to.set(from)
  return to
}
