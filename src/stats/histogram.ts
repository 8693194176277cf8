/**
 * A latency histogram in HdrHistogram's layout: microseconds, 3 significant digits, up to an hour.
 *
 * Values below 2048 have a bucket each. From there every power of two is cut into 1024 buckets, so a bucket is never wider than 0.1 %
 * of its values. A bucket's index here is its index in HdrHistogram's counts array (lowest 1, highest 3.6e9, 3 digits), hence
 * encodings are exchanged with its tools as they are, and merging is adding.
 *
 * The recorder is our own since it runs once a message: a clamp, a `clz32` and an increment, without a call or an allocation.
 * `hdr-histogram-js` encodes and decodes, and is the oracle of the tests.
 *
 * Invariant: all non-zero counts lie between the buckets of `min` and `max`. Resetting, merging and searching look only there.
 */
import { createRequire } from 'node:module'
import type { Float64Histogram } from 'hdr-histogram-js'
import { assert } from '../errors.ts'
import { BucketTable, countsFor, type SparseHistogram } from './sparse.ts'

/** Values above it share the last bucket; `max` and `sum` stay exact. An hour, in microseconds. */
export const HIGHEST_US = 3_600_000_000
const DIGITS = 3
/** HdrHistogram's counts array for this range: (22 + 1) · 1024. */
const BUCKETS = 23_552
/** 32 KiB; holds up to 131 ms, which is where most runs stay. */
const FIRST_BUCKETS = 8192
/** What a count of 32 bits can hold: at 100,000 messages a second, 12 hours in one bucket. Then counts become doubles. */
const COUNT_LIMIT = 0xffff_ffff

export class Histogram {
  count = 0
  /** Microseconds, whole and exact; Infinity when empty. */
  min = Infinity
  /** Microseconds, whole and exact, also above HIGHEST_US; 0 when empty. */
  max = 0
  /** Microseconds. */
  sum = 0
  private counts: Uint32Array | Float64Array
  /** Of a sparse one instead of `counts`, as long as it is only recorded and told. */
  private table: BucketTable | null

  /** @param isSparse  most buckets stay empty: a record costs a little more, and memory is for what is there */
  constructor(isSparse = false) {
    this.counts = new Uint32Array(isSparse ? 0 : FIRST_BUCKETS)
    this.table = isSparse ? new BucketTable() : null
  }

  /**
   * Counts one value. Fractions are rounded down, negative values count as 0.
   */
  record(valueUs: number): void {
    let value = Math.floor(valueUs)
    if (!(value >= 0)) {
      assert(!Number.isNaN(value), 'a latency is a number')
      value = 0
    }
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
    this.sum += value
    if (++this.count > COUNT_LIMIT) this.widen()
    const index = indexOf(value)
    if (this.table !== null) this.table.increment(index)
    else {
      if (index >= this.counts.length) this.grow(index)
      this.counts[index]!++
    }
  }

  /** Adds all samples of the other. */
  add(other: Histogram | SparseHistogram): void {
    if (other.count === 0) return
    this.spread()
    this.min = Math.min(this.min, other.min)
    this.max = Math.max(this.max, other.max)
    this.sum += other.sum
    this.count += other.count
    if (this.count > COUNT_LIMIT) this.widen()
    this.grow(indexOf(this.max))
    if (other instanceof Histogram && other.table === null) {
      const end = indexOf(other.max) + 1
      for (let i = indexOf(other.min); i < end; i++) this.counts[i]! += other.counts[i]!
    } else {
      const { indices, counts } = other instanceof Histogram ? other.toSparse() : other
      for (let i = 0; i < indices.length; i++) this.counts[indices[i]!]! += counts[i]!
    }
  }

  /** Empties it, and keeps the memory: an interval's histogram is used again for the next. */
  reset(): void {
    if (this.count === 0) return
    if (this.table !== null) this.table.clear()
    else this.counts.fill(0, indexOf(this.min), indexOf(this.max) + 1)
    this.count = 0
    this.min = Infinity
    this.max = 0
    this.sum = 0
  }

  /**
   * The sample that is number `rank` in order, as the highest value its bucket stands for (like HdrHistogram's valueAtPercentile),
   * but never above `max`. Microseconds.
   *
   * @param rank  1 to `count`
   */
  valueAtRank(rank: number): number {
    assert(rank >= 1 && rank <= this.count, `rank ${rank} is within 1 and ${this.count}`)
    this.spread()
    let seen = 0
    let i = indexOf(this.min) - 1
    while (seen < rank) seen += this.counts[++i]!
    // The last bucket also has what was above the range: the only bound known for that is `max`.
    return i === LAST_INDEX ? this.max : Math.min(highestOf(i), this.max)
  }

  /** Samples that are not above the value, and those above it that share its bucket. */
  countUpTo(valueUs: number): number {
    const last = indexOf(valueUs)
    let count = 0
    this.forEachBucket((index, samples) => {
      if (index <= last) count += samples
    })
    return count
  }

  toSparse(): SparseHistogram {
    const { count, min, max, sum } = this
    return { ...(this.table?.toRow(count) ?? this.toRow()), count, min, max, sum }
  }

  /** HdrHistogram's V2 compressed encoding, in base64. */
  toBase64(): string {
    const encoder = encoderOfAll()
    encoder.reset()
    this.forEachBucket((index, count) => encoder.setCountAtIndex(index, count))
    encoder.setTotalCount(this.count)
    encoder.maxValue = Math.min(this.max, HIGHEST_US)
    return hdr().encodeIntoCompressedBase64(encoder)
  }

  /**
   * Reads what `toBase64` or any HdrHistogram of this range and precision wrote.
   *
   * The encoding has buckets only: `min`, `max` and `sum` are the buckets' lower bounds, upper bounds and middles.
   *
   * @throws Error  the text is no such histogram
   */
  static fromBase64(text: string): Histogram {
    const decoded = hdr().decodeFromCompressedBase64(text, 64) as Float64Histogram
    if (decoded.numberOfSignificantValueDigits !== DIGITS || decoded.lowestDiscernibleValue !== 1 || decoded.countsArrayLength > BUCKETS) {
      throw new Error('not a histogram of microseconds up to an hour with 3 significant digits')
    }
    const histogram = new Histogram()
    histogram.grow(decoded.countsArrayLength - 1)
    if (decoded.totalCount > COUNT_LIMIT) histogram.widen()
    for (let i = 0; i < decoded.countsArrayLength; i++) {
      const count = decoded.getCountAtIndex(i)
      if (count === 0) continue
      histogram.counts[i] = count
      histogram.count += count
      histogram.min = Math.min(histogram.min, lowestOf(i))
      histogram.max = highestOf(i)
      histogram.sum += (count * (lowestOf(i) + highestOf(i))) / 2
    }
    return histogram
  }

  private toRow(): Pick<SparseHistogram, 'indices' | 'counts'> {
    const indices: number[] = []
    this.forEachBucket((index) => indices.push(index))
    const counts = countsFor(this.count, indices.length)
    for (let i = 0; i < indices.length; i++) counts[i] = this.counts[indices[i]!]!
    return { indices: Uint16Array.from(indices), counts }
  }

  private forEachBucket(visit: (index: number, count: number) => void): void {
    if (this.count === 0) return
    this.spread()
    const end = indexOf(this.max) + 1
    for (let i = indexOf(this.min); i < end; i++) {
      if (this.counts[i] !== 0) visit(i, this.counts[i]!)
    }
  }

  private grow(index: number): void {
    let length = this.counts.length
    if (index < length) return
    while (length <= index) length = Math.min(Math.max(length * 2, FIRST_BUCKETS), BUCKETS)
    const counts = this.counts instanceof Uint32Array ? new Uint32Array(length) : new Float64Array(length)
    counts.set(this.counts)
    this.counts = counts
  }

  /** Gives a sparse one all its buckets. */
  private spread(): void {
    if (this.table === null) return
    const { indices, counts } = this.table.toRow(this.count)
    this.table = null
    this.grow(indexOf(this.max))
    for (let i = 0; i < indices.length; i++) this.counts[indices[i]!] = counts[i]!
  }

  private widen(): void {
    this.spread()
    if (this.counts instanceof Uint32Array) this.counts = Float64Array.from(this.counts)
  }
}

/**
 * Contract of every latency in a report; microseconds.
 *
 * `count` is how many were wanted. A figure that is infinite because some never came is null. With count 0 there are no samples.
 * `mean` and `hdr` (HdrHistogram's V2 encoding in base64) are of what arrived.
 */
export interface LatencySummary {
  readonly count: number
  readonly min: number | null
  readonly p50: number | null
  readonly p90: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly p999: number | null
  readonly max: number | null
  readonly mean: number | null
  readonly hdr: string | null
  /** Samples of `hdr` that turned out not to be wanted, and are taken for the fastest; absent: none. */
  readonly extra?: number
}

/**
 * Sums up latencies such that what never came is infinitely late: the p-quantile is value number ⌈p · wanted⌉.
 *
 * @param histogram  what arrived; null when nothing did
 * @param wanted     how many should have
 * @param extra      samples in the histogram that turned out not to be wanted. Which they are is unknown: they are taken for the fastest,
 *                   so quantiles can be a little too high, never too low
 */
export function summarize(histogram: Histogram | null, wanted: number, extra = 0): LatencySummary {
  const arrived = (histogram?.count ?? 0) - extra
  assert(arrived >= 0 && arrived <= wanted, `${arrived} latencies arrived of ${wanted} wanted`)
  // p in ten-thousandths: ⌈0.99 · 100⌉ in floating point would be 100.
  const quantile = (p: number): number | null => {
    const rank = Math.ceil((p * wanted) / 10_000)
    return histogram === null || rank < 1 || rank > arrived ? null : histogram.valueAtRank(rank + extra)
  }
  const some = histogram !== null && arrived > 0
  return {
    count: wanted,
    min: some ? (extra === 0 ? histogram.min : histogram.valueAtRank(extra + 1)) : null,
    p50: quantile(5000),
    p90: quantile(9000),
    p95: quantile(9500),
    p99: quantile(9900),
    p999: quantile(9990),
    max: some && arrived === wanted ? histogram.max : null,
    mean: some ? histogram.sum / histogram.count : null,
    hdr: some ? histogram.toBase64() : null,
    ...(some && extra > 0 && { extra }),
  }
}

/** Index of a whole value's bucket. Below 2048 (b = 0) it is the value; each further b has 1024 buckets of width 2^b. */
function indexOf(value: number): number {
  const clamped = Math.min(value, HIGHEST_US) >>> 0
  const b = 21 - Math.clz32(clamped | 2047)
  return (b << 10) + (clamped >>> b)
}

const LAST_INDEX = indexOf(HIGHEST_US)

/** `indexOf` undone: the lowest value of a bucket, and the highest. */
function lowestOf(index: number): number {
  return index < 2048 ? index : ((index & 1023) + 1024) * 2 ** ((index >> 10) - 1)
}

function highestOf(index: number): number {
  return lowestOf(index + 1) - 1
}

/** Loaded when first needed: workers record and never encode, and the library costs each process 15 MB. */
function hdr(): typeof import('hdr-histogram-js') {
  return createRequire(import.meta.url)('hdr-histogram-js')
}

/** One for all: it has 188 KiB, and the log encodes a dozen histograms a second. */
let encoder: Float64Histogram | null = null
function encoderOfAll(): Float64Histogram {
  encoder ??= new (hdr().Float64Histogram)(1, HIGHEST_US, DIGITS)
  return encoder
}
