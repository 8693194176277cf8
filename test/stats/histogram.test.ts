import fc from 'fast-check'
import hdr from 'hdr-histogram-js'
import { describe, expect, test } from 'vitest'
import { HIGHEST_US, Histogram, summarize } from '../../src/stats/histogram.ts'

/** The oracle, with the same range and precision. */
function oracleOf(values: readonly number[]): hdr.Float64Histogram {
  const oracle = new hdr.Float64Histogram(1, HIGHEST_US, 3)
  for (const value of values) oracle.recordValue(value)
  return oracle
}

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

/** As many samples of one value, without recording each. */
function many(count: number, value: number): Histogram {
  const histogram = new Histogram()
  histogram.add({ ...histogramOf([value]).toSparse(), counts: Float64Array.of(count), count, sum: count * value })
  return histogram
}

/** Small values, bucket edges and the whole range, each often. */
const value = fc.oneof(
  fc.nat(5000),
  fc
    .tuple(fc.integer({ min: 0, max: 31 }), fc.integer({ min: -1, max: 1 }))
    .map(([bits, near]) => Math.min(Math.max(2 ** bits + near, 0), HIGHEST_US)),
  fc.nat(HIGHEST_US),
)
const values = fc.array(value, { minLength: 1, maxLength: 200 })

describe('a histogram', () => {
  test.each([
    { why: 'the lowest', us: 0, index: 0 },
    { why: 'the last with a bucket of its own', us: 2047, index: 2047 },
    { why: 'the first that shares one', us: 2048, index: 2048 },
    { why: 'and the one it shares it with', us: 2049, index: 2048 },
    { why: 'the last before the array grows', us: 131_071, index: 8191 },
    { why: 'the first after it', us: 131_072, index: 8192 },
    { why: 'the highest', us: HIGHEST_US, index: 23_220 },
    { why: 'above the highest it is the same bucket', us: HIGHEST_US * 10, index: 23_220 },
    { why: 'below 0 it is 0', us: -3, index: 0 },
    { why: 'fractions are rounded down', us: 1999.99, index: 1999 },
  ])('has $us µs in bucket $index: $why', ({ us, index }) => {
    expect([...histogramOf([us]).toSparse().indices]).toEqual([index])
  })

  test('has the buckets of HdrHistogram', () => {
    fc.assert(
      fc.property(value, (v) => {
        expect([...histogramOf([v]).toSparse().indices]).toEqual([oracleOf([]).countsArrayIndex(v)])
      }),
      { numRuns: 500 },
    )
  })

  test('keeps count, min, max and sum exact', () => {
    const histogram = histogramOf([70_001, 3, HIGHEST_US + 12_345, 999_999])
    expect(histogram).toMatchObject({ count: 4, min: 3, max: HIGHEST_US + 12_345, sum: HIGHEST_US + 12_345 + 70_001 + 3 + 999_999 })
  })

  test('finds by rank what HdrHistogram finds by percentile, but never above the maximum', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0.001, max: 1, noNaN: true }), (all, share) => {
        const rank = Math.max(1, Math.ceil(share * all.length))
        const expected = oracleOf(all).getValueAtPercentile(((rank - 0.5) / all.length) * 100)
        expect(histogramOf(all).valueAtRank(rank)).toBe(Math.min(expected, Math.max(...all)))
      }),
    )
  })

  test('is never more than 0.1 % above the true value', () => {
    fc.assert(
      fc.property(values, (all) => {
        const histogram = histogramOf(all)
        all
          .toSorted((a, b) => a - b)
          .forEach((v, i) => {
            expect(histogram.valueAtRank(i + 1)).toBeGreaterThanOrEqual(v)
            expect(histogram.valueAtRank(i + 1)).toBeLessThanOrEqual(v * 1.001)
          })
      }),
    )
  })

  test('gives the maximum for values above its range, since nothing lower is known to hold', () => {
    expect(histogramOf([1, HIGHEST_US * 3]).valueAtRank(2)).toBe(HIGHEST_US * 3)
  })

  test('says so when asked for a rank it does not have', () => {
    expect(() => histogramOf([1]).valueAtRank(2)).toThrow('rank 2')
    expect(() => new Histogram().valueAtRank(1)).toThrow('rank 1')
    expect(() => new Histogram().record(Number.NaN)).toThrow('is a number')
  })

  test('merges to what one histogram of all would be, in any order, dense or sparse', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(value), fc.boolean()), { maxLength: 5 }), (parts) => {
        const merged = new Histogram()
        const backwards = new Histogram()
        for (const [all, sparse] of parts) merged.add(sparse ? histogramOf(all).toSparse() : histogramOf(all))
        for (const [all] of parts.toReversed()) backwards.add(structuredClone(histogramOf(all).toSparse()))
        const whole = histogramOf(parts.flatMap(([all]) => all)).toSparse()
        expect(merged.toSparse()).toEqual(whole)
        expect(backwards.toSparse()).toEqual(whole)
      }),
    )
  })

  test('is as new after a reset, whatever it held', () => {
    fc.assert(
      fc.property(values, values, (before, after) => {
        const histogram = histogramOf(before)
        histogram.reset()
        expect(histogram.toSparse()).toEqual(new Histogram().toSparse())
        for (const v of after) histogram.record(v)
        expect(histogram.toSparse()).toEqual(histogramOf(after).toSparse())
      }),
    )
  })

  test('counts past 32 bits in one bucket', () => {
    const histogram = many(2 ** 32 - 1, 5)
    histogram.record(5)
    histogram.record(5)
    histogram.add(many(2 ** 33, 5))
    expect([...histogram.toSparse().counts]).toEqual([2 ** 32 + 1 + 2 ** 33])
    expect(Histogram.fromBase64(histogram.toBase64()).count).toBe(2 ** 32 + 1 + 2 ** 33)
  })
})

describe("a histogram's encoding", () => {
  test('is what HdrHistogram writes', () => {
    fc.assert(
      fc.property(values, (all) => {
        expect(histogramOf(all).toBase64()).toBe(hdr.encodeIntoCompressedBase64(oracleOf(all)))
      }),
      { numRuns: 30 },
    )
  })

  test('is read back with every bucket, and with bounds that hold the exact ones', () => {
    fc.assert(
      fc.property(values, (all) => {
        const histogram = histogramOf(all)
        const read = Histogram.fromBase64(histogram.toBase64())
        expect(read.toSparse().indices).toEqual(histogram.toSparse().indices)
        expect(read.toSparse().counts).toEqual(histogram.toSparse().counts)
        expect(read.count).toBe(histogram.count)
        expect(read.min).toBeLessThanOrEqual(histogram.min)
        expect(read.max).toBeGreaterThanOrEqual(histogram.max)
        expect(Math.abs(read.sum - histogram.sum)).toBeLessThanOrEqual(histogram.sum * 0.001)
      }),
      { numRuns: 30 },
    )
  })

  test('is empty for an empty one', () => {
    expect(Histogram.fromBase64(new Histogram().toBase64()).count).toBe(0)
  })

  test('does not depend on what was encoded before', () => {
    const text = histogramOf([1, 2, 3]).toBase64()
    histogramOf([70_000, 9]).toBase64()
    expect(histogramOf([1, 2, 3]).toBase64()).toBe(text)
  })

  test('is refused when its range or precision is another', () => {
    const coarse = new hdr.Float64Histogram(1, HIGHEST_US, 2)
    expect(() => Histogram.fromBase64(hdr.encodeIntoCompressedBase64(coarse))).toThrow('3 significant digits')
    expect(() => Histogram.fromBase64('HISTFnonsense')).toThrow()
  })
})

describe('a latency summary', () => {
  test.each([
    { why: 'all arrived', wanted: 100, arrived: 100, p50: 50, p95: 95, p99: 99, p999: 100, max: 100 },
    {
      why: 'one of a hundred is lost: p99 is the 99th, and still known',
      wanted: 100,
      arrived: 99,
      p50: 50,
      p95: 95,
      p99: 99,
      p999: null,
      max: null,
    },
    { why: 'two are lost: p99 never came', wanted: 100, arrived: 98, p50: 50, p95: 95, p99: null, p999: null, max: null },
    { why: 'one wanted is every quantile', wanted: 1, arrived: 1, p50: 1, p95: 1, p99: 1, p999: 1, max: 1 },
    { why: 'half arrived', wanted: 1000, arrived: 500, p50: 500, p95: null, p99: null, p999: null, max: null },
    { why: 'less than half', wanted: 1000, arrived: 499, p50: null, p95: null, p99: null, p999: null, max: null },
  ])('$why', ({ wanted, arrived, why: _, ...expected }) => {
    const histogram = histogramOf(Array.from({ length: arrived }, (_, i) => i + 1))
    expect(summarize(histogram, wanted)).toMatchObject({ count: wanted, min: 1, mean: (arrived + 1) / 2, ...expected })
  })

  test('of 10,000 with 150 lost has an infinite p99 and a finite p95', () => {
    expect(summarize(many(9850, 7), 10_000)).toMatchObject({ p95: 7, p99: null, p999: null, max: null, mean: 7 })
  })

  test('of 10,000 with 100 lost has a finite p99, since ⌈0.99 · 10,000⌉ is 9,900', () => {
    expect(summarize(many(9900, 7), 10_000)).toMatchObject({ p99: 7, p999: null })
  })

  test('of what never came has a count and nothing else', () => {
    const nothing = { min: null, p50: null, p90: null, p95: null, p99: null, p999: null, max: null, mean: null, hdr: null }
    expect(summarize(null, 5)).toEqual({ count: 5, ...nothing })
    expect(summarize(new Histogram(), 5)).toEqual({ count: 5, ...nothing })
    expect(summarize(null, 0)).toEqual({ count: 0, ...nothing })
  })

  test('takes samples that were excused later for the fastest, so no figure gets better by them', () => {
    const histogram = histogramOf(Array.from({ length: 110 }, (_, i) => i + 1))
    expect(summarize(histogram, 100, 10)).toMatchObject({ count: 100, min: 11, p50: 60, p99: 109, max: 110 })
    expect(summarize(histogram, 102, 10)).toMatchObject({ count: 102, p50: 61, p99: null, max: null })
    expect(summarize(histogramOf([1]), 0, 1)).toMatchObject({ count: 0, p50: null, mean: null })
  })

  test('loss never improves a quantile', () => {
    fc.assert(
      fc.property(values, fc.nat(200), (all, lost) => {
        const without = summarize(histogramOf(all), all.length)
        const withLoss = summarize(histogramOf(all), all.length + lost)
        for (const q of ['p50', 'p90', 'p95', 'p99', 'p999', 'max'] as const) {
          expect(withLoss[q] ?? Infinity).toBeGreaterThanOrEqual(without[q]!)
        }
      }),
    )
  })

  test('stops a run that counted more arrivals than were wanted', () => {
    expect(() => summarize(histogramOf([1, 2]), 1)).toThrow('2 latencies arrived of 1 wanted')
  })
})
