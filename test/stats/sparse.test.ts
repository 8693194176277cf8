import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HIGHEST_US, Histogram } from '../../src/stats/histogram.ts'
import { Metrics } from '../../src/stats/metrics.ts'
import { BucketTable, countsFor, mergeSparse } from '../../src/stats/sparse.ts'

function histogramOf(values: readonly number[], isSparse: boolean): Histogram {
  const histogram = new Histogram(isSparse)
  for (const value of values) histogram.record(value)
  return histogram
}

const value = fc.oneof(fc.nat(5000), fc.nat(200_000), fc.nat(2 * HIGHEST_US))
const values = fc.array(value, { maxLength: 200 })

describe('a sparse histogram', () => {
  test('is the same as one with all buckets, whatever it is asked', () => {
    fc.assert(
      fc.property(values, values, fc.double({ min: 0, max: 1, noNaN: true }), (some, more, p) => {
        const asked = [true, false].map((isSparse) => {
          const make = (recorded: readonly number[]) => histogramOf(recorded, isSparse)
          const reset = make(some)
          reset.reset()
          for (const v of more) reset.record(v)
          const summed = make(some)
          summed.add(make(more))
          const read = make([1, ...some])
          const quantile = read.valueAtRank(Math.max(1, Math.ceil(p * read.count)))
          // What it has told does not change it, and it goes on after having been asked.
          for (const v of more) read.record(v)
          return [make(some).toSparse(), reset.toSparse(), summed.toSparse(), quantile, read.toSparse(), make(some).toBase64()]
        })
        expect(asked[0]).toEqual(asked[1])
      }),
    )
  })

  test('holds every bucket there is', () => {
    const table = new BucketTable()
    for (let bucket = 23_551; bucket >= 0; bucket--) for (let i = 0; i <= bucket % 3; i++) table.increment(bucket)
    const { indices, counts } = table.toRow(23_552 * 2)
    expect(indices).toEqual(Uint16Array.from({ length: 23_552 }, (_, bucket) => bucket))
    expect([...counts].every((count, bucket) => count === (bucket % 3) + 1)).toBe(true)
  })

  test('costs little where there is little: catching up after an outage, a worker has a cell for each second of it', () => {
    const { deliveriesBySecond } = new Metrics()
    const before = process.memoryUsage().arrayBuffers
    for (let second = 0; second < 1000; second++) deliveriesBySecond.at(second).record('endToEnd', second * 1e6)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4e6)
  })
})

describe('rows', () => {
  test('of any samples merge to the row of all', () => {
    fc.assert(
      fc.property(values, values, (some, more) => {
        const merged = mergeSparse(histogramOf(some, true).toSparse(), structuredClone(histogramOf(more, false).toSparse()))
        expect(merged).toEqual(histogramOf([...some, ...more], false).toSparse())
      }),
    )
  })

  test.each([
    { total: 65_535, bytes: 2 },
    { total: 65_536, bytes: 4 },
    { total: 2 ** 32 - 1, bytes: 4 },
    { total: 2 ** 32, bytes: 8 },
  ])('counts that sum up to $total have $bytes bytes', ({ total, bytes }) => {
    const counts = countsFor(total, 1)
    counts[0] = total
    expect(counts[0]).toBe(total)
    expect(counts.BYTES_PER_ELEMENT).toBe(bytes)
  })

  test('become wider as they must', () => {
    const row = { ...histogramOf([7], false).toSparse(), counts: Uint16Array.of(65_535), count: 65_535, sum: 7 * 65_535 }
    expect([...mergeSparse(row, row).counts]).toEqual([131_070])
  })
})
