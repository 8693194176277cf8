import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyOf, Permutation, Positions, random, shareAt } from '../../src/load/order.ts'

const keys = fc.integer({ min: 0, max: 0xffffffff })
const range = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('a key', () => {
  test('tells seeds, purposes and the borders of its parts apart', () => {
    const found = [
      keyOf(1, 'a', 'bc'),
      keyOf(1, 'ab', 'c'),
      keyOf(1, 'abc'),
      keyOf(2, 'abc'),
      keyOf(1, 'abc', 0),
      keyOf(1, 'abc', 1),
      keyOf(1),
    ]
    expect(new Set(found).size).toBe(found.length)
  })

  test('is an unsigned 32-bit number that stays the same from version to version', () => {
    expect([keyOf(42, 'phase', 'sensors', 'temperature'), keyOf(0)]).toEqual([872656027, 3578996390])
  })
})

describe('a random number', () => {
  test('lies strictly between 0 and 1 for any key and counters', () => {
    fc.assert(
      fc.property(keys, fc.nat(), fc.nat(), (key, a, b) => {
        expect(random(key, a, b)).toBeGreaterThan(0)
        expect(random(key, a, b)).toBeLessThan(1)
        expect((random(key, a, b) * 2 ** 33) % 2).toBe(1) // the middle of one of 2^32 stretches: none of them is 0
      }),
    )
  })

  test.each([
    ['its first counter', (i: number) => random(7, i)],
    ['its second counter', (i: number) => random(7, 3, i)],
    ['its key', (i: number) => random(i, 3)],
    ['both counters at once', (i: number) => random(7, i % 317, Math.floor(i / 317))],
  ])('is spread evenly, and neighbours are unrelated, when only %s changes', (_, draw) => {
    const n = 100_000
    const values = range(n).map(draw)
    const counts = new Array(100).fill(0)
    for (const value of values) counts[Math.floor(value * 100)]++
    // Chi squared with 99 degrees of freedom: above 149 once in a thousand, and the draws are fixed.
    expect(counts.reduce((sum, count) => sum + (count - n / 100) ** 2 / (n / 100), 0)).toBeLessThan(149)
    const products = values.slice(1).reduce((sum, value, i) => sum + (value - 0.5) * (values[i]! - 0.5), 0)
    expect(Math.abs((products * 12) / n)).toBeLessThan(0.015)
  })
})

describe('a permutation', () => {
  test('is a bijection for any size and key', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), keys, (n, key) => {
        const order = new Permutation(n, key)
        expect(
          range(n)
            .map((i) => order.at(i))
            .sort((a, b) => a - b),
        ).toEqual(range(n))
      }),
    )
  })

  test('stays within its range at the largest size, and neighbours do not stay together', () => {
    const n = 2 ** 24
    const order = new Permutation(n, 5)
    const seen = new Set(range(10_000).map((i) => order.at(i)))
    expect(seen.size).toBe(10_000)
    expect(Math.max(...seen)).toBeLessThan(n)
    // The largest gap of 10,000 even draws is about n/1000.
    const sorted = [...seen].sort((a, b) => a - b)
    expect(Math.max(...sorted.slice(1).map((x, i) => x - sorted[i]!))).toBeLessThan(n / 500)
  })

  test('puts each index at each place about equally often over keys', () => {
    const counts = range(7).map(() => new Array(7).fill(0))
    for (let key = 0; key < 7000; key++) {
      const order = new Permutation(7, keyOf(key))
      for (let i = 0; i < 7; i++) counts[i]![order.at(i)]++
    }
    for (const count of counts.flat()) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  test('does not line up with the residues of the index', () => {
    const order = new Permutation(10_000, 99)
    for (const residue of range(10)) {
      const mean = range(1000).reduce((sum, j) => sum + order.at(10 * j + residue), 0) / 1000
      expect(Math.abs(mean - 5000)).toBeLessThan(400) // the standard error is 91
    }
  })
})

describe('positions', () => {
  test('give each share its exact number of clients, rounded up or down', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        keys,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
        (n, key, weights) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0)
          let sum = 0
          const ends = weights.map((weight) => (sum += weight) / total)
          const positions = new Positions(n, key)
          const counts = weights.map(() => 0)
          for (let i = 0; i < n; i++) counts[shareAt(ends, positions.at(i))]!++
          weights.forEach((weight, j) => {
            expect(Math.abs(counts[j]! - (n * weight) / total)).toBeLessThan(1 + 1e-9)
          })
        },
      ),
    )
  })

  test('of groups of one client differ, so that not all of them get the same share', () => {
    const first = range(1000).filter((key) => new Positions(1, keyOf(key)).at(0) < 0.5)
    expect(Math.abs(first.length - 500)).toBeLessThan(60)
  })
})

test.each([
  [0, 0],
  [0.2499, 0],
  [0.25, 2],
  [0.99, 2],
  [1, 2],
])('of shares that end at 0.25, 0.25 and 1, position %d is in the one with index %i', (position, share) => {
  expect(shareAt([0.25, 0.25, 1], position)).toBe(share)
})
