/**
 * Histograms of which few buckets hold anything: recorded in a table, told as a row, and rows merged.
 *
 * Cells by second are many and each holds little: arrays with all buckets would be nearly all zeros. Buckets are those of histogram.ts, fewer
 * than 2^16, so that whatever is recorded or merged here adds up to the same there.
 */

/** The non-zero buckets of a histogram: plain data for messages between threads and processes, and for keeping. */
export interface SparseHistogram {
  /** Rising. */
  readonly indices: Uint16Array
  readonly counts: Counts
  readonly count: number
  readonly min: number
  readonly max: number
  readonly sum: number
}

export type Counts = Uint16Array | Uint32Array | Float64Array

/** Zeros for counts that sum up to no more than `total`, as narrow as they may be. */
export function countsFor(total: number, length: number): Counts {
  if (total < 2 ** 16) return new Uint16Array(length)
  return total < 2 ** 32 ? new Uint32Array(length) : new Float64Array(length)
}

/** The samples of both. */
export function mergeSparse(a: SparseHistogram, b: SparseHistogram): SparseHistogram {
  const count = a.count + b.count
  const indices = new Uint16Array(a.indices.length + b.indices.length)
  const counts = countsFor(count, indices.length)
  let [i, j, length] = [0, 0, 0]
  while (i < a.indices.length || j < b.indices.length) {
    const index = Math.min(a.indices[i] ?? Infinity, b.indices[j] ?? Infinity)
    indices[length] = index
    if (a.indices[i] === index) counts[length]! += a.counts[i++]!
    if (b.indices[j] === index) counts[length]! += b.counts[j++]!
    length++
  }
  return {
    indices: indices.slice(0, length),
    counts: counts.slice(0, length),
    count,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    sum: a.sum + b.sum,
  }
}

const FIRST_SLOTS = 32
/** 2^32 by the golden ratio: the highest bits of its multiples lie far apart for neighbours (Fibonacci hashing; Knuth, TAOCP 3, 6.4). */
const GOLDEN = 0x9e3779b9

/** Counts by bucket, in a table with open addressing: 6 bytes a slot, of which at most three quarters are taken. */
export class BucketTable {
  /** Bucket + 1; 0: the slot is free. */
  private keys = new Uint16Array(FIRST_SLOTS)
  private counts = new Uint32Array(FIRST_SLOTS)
  private taken = 0

  increment(bucket: number): void {
    const slot = this.slotOf(bucket + 1)
    this.counts[slot]!++
    if (this.keys[slot] !== 0) return
    this.keys[slot] = bucket + 1
    if (++this.taken * 4 > this.keys.length * 3) this.grow()
  }

  clear(): void {
    this.keys.fill(0)
    this.counts.fill(0)
    this.taken = 0
  }

  /** @param total  of all counts */
  toRow(total: number): Pick<SparseHistogram, 'indices' | 'counts'> {
    const indices = new Uint16Array(this.taken)
    let length = 0
    for (let slot = 0; slot < this.keys.length; slot++) if (this.keys[slot] !== 0) indices[length++] = this.keys[slot]!
    indices.sort()
    const counts = countsFor(total, length)
    for (let i = 0; i < length; i++) {
      counts[i] = this.counts[this.slotOf(indices[i]!)]!
      indices[i]!--
    }
    return { indices, counts }
  }

  /** Where the key is, or would be. Runs of neighbouring buckets must not make long searches. */
  private slotOf(key: number): number {
    const { keys } = this
    const mask = keys.length - 1
    let slot = Math.imul(key, GOLDEN) >>> Math.clz32(mask)
    while (keys[slot] !== key && keys[slot] !== 0) slot = (slot + 1) & mask
    return slot
  }

  private grow(): void {
    const { keys, counts } = this
    this.keys = new Uint16Array(keys.length * 2)
    this.counts = new Uint32Array(keys.length * 2)
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === 0) continue
      const slot = this.slotOf(keys[i]!)
      this.keys[slot] = keys[i]!
      this.counts[slot] = counts[i]!
    }
  }
}
