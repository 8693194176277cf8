/**
 * Known answers, from R 4.2.2 (wilcox.test, t.test, p.adjust, qbinom) and published tables. Each also stands in the books that the sources name.
 */
import { describe, expect, test } from 'vitest'
import { holm } from '../../src/compare/holm.ts'
import { runsByNormal, runsFor, runsForOrder, smallestDifference } from '../../src/compare/power.ts'
import { leastCount, quantileRanks } from '../../src/compare/quantile-interval.ts'
import { normalRankTest, rankTest, shiftOf } from '../../src/compare/ranks.ts'
import { boundOf, differenceOf, pAbove } from '../../src/compare/welch.ts'
import { binomialQuantile, binomialUpTo, normalQuantile, tAbove, tQuantile } from '../../src/stats/distributions.ts'

/** Two sides of ten runs, the second about 2.2 % slower. */
const A = [101.2, 99.8, 100.5, 100.9, 99.5, 100.1, 100.7, 99.9, 100.3, 100.0]
const B = [103.1, 102.4, 101.9, 103.6, 102.2, 102.8, 101.7, 103.0, 102.5, 102.1]

const twoSided = ({ pGreater, pLess }: { pGreater: number; pLess: number }) => Math.min(1, 2 * Math.min(pGreater, pLess))

describe('distributions', () => {
  test.each([
    { p: 0.975, df: 4, t: 2.776445105 },
    { p: 0.95, df: 8, t: 1.859548038 },
  ])('t with $df degrees of freedom reaches $p at $t', ({ p, df, t }) => {
    expect(tQuantile(p, df)).toBeCloseTo(t, 5)
    expect(tAbove(t, df)).toBeCloseTo(1 - p, 6)
  })

  test('the normal distribution reaches 95 % at 1.645', () => {
    expect(normalQuantile(0.95)).toBeCloseTo(1.644853627, 7)
  })

  test('the binomial is that of R, at its ends too', () => {
    expect(binomialUpTo(982, 1000, 0.99)).toBeCloseTo(0.01383258, 7)
    expect([binomialUpTo(-1, 10, 0.5), binomialUpTo(10, 10, 0.5)]).toEqual([0, 1])
    expect(binomialQuantile(0.025, 1000, 0.99)).toBe(983)
    expect(binomialQuantile(0.5, 3, 0.5)).toBe(1)
  })
})

describe('Welch on logarithms', () => {
  const difference = differenceOf(A.map(Math.log), B.map(Math.log))

  test('has R’s t, degrees of freedom, p, ratio and interval', () => {
    expect(difference.difference / difference.standardError).toBeCloseTo(8.9084623, 6)
    expect(difference.degreesOfFreedom).toBeCloseTo(17.870626, 5)
    expect(2 * pAbove(difference, 0)).toBeCloseTo(5.441085e-8, 12)
    expect(Math.exp(difference.difference)).toBeCloseTo(1.022332818, 8)
    expect(Math.exp(boundOf(difference, 0.975, 'above'))).toBeCloseTo(1.017018687, 7)
    expect(Math.exp(boundOf(difference, 0.975, 'below'))).toBeCloseTo(1.027674717, 7)
  })

  test('has no doubt where nothing varies, but for how finely values are known', () => {
    expect(pAbove(differenceOf([1, 1], [2, 2], 0.25), 0.5)).toBeCloseTo(0.211, 2)
    const same = differenceOf([1, 1], [2, 2])
    expect([pAbove(same, 0.5), pAbove(same, 1), boundOf(same, 0.975, 'below')]).toEqual([0, 1, 1])
  })
})

describe('ranks', () => {
  test.each([
    { a: [1, 2, 3], b: [10, 11, 12], pairs: 9, p: 0.1 },
    { a: [1, 2, 3, 4], b: [5, 6, 7, 8], pairs: 16, p: 0.02857142857 },
    { a: [1, 2, 3, 4, 5], b: [6, 7, 8, 9, 10], pairs: 25, p: 0.007936507937 },
    { a: A, b: B, pairs: 100, p: 1.082509e-5 },
  ])('$a and $b have $pairs greater pairs and p = $p', ({ a, b, pairs, p }) => {
    expect(rankTest(a, b).greaterPairs).toBe(pairs)
    expect(twoSided(rankTest(a, b))).toBeCloseTo(p, 9)
    expect(rankTest(b, a)).toMatchObject({ greaterPairs: 0, pLess: rankTest(a, b).pGreater })
  })

  test('ties share their ranks: with one loss in five runs against none, half of all deals are as bad', () => {
    expect(rankTest([0, 0, 0, 0, 0], [0, 0, 0, 0, 1])).toEqual({ greaterPairs: 15, pGreater: 0.5, pLess: 1 })
    // Fisher's exact test on five of five against none of five: 1 / C(10, 5).
    expect(rankTest([0, 0, 0, 0, 0], [3, 3, 3, 3, 3]).pGreater).toBeCloseTo(1 / 252, 12)
    expect(rankTest([1, 1], [1, 1])).toEqual({ greaterPairs: 2, pGreater: 1, pLess: 1 })
  })

  test('∞ is above every number', () => {
    expect(rankTest([1, 2, 3, 4, 5], Array(5).fill(Infinity)).pGreater).toBeCloseTo(1 / 252, 12)
  })

  test('by the normal distribution p is R’s with its correction, and near the exact one for many', () => {
    expect(normalRankTest([1, 2, 3], [10, 11, 12]).pGreater).toBeCloseTo(0.04042779919, 9)
    const many = Array.from({ length: 40 }, (_, i) => i)
    const shifted = many.map((x) => x + 5.5)
    expect(normalRankTest(many, shifted).pGreater).toBeCloseTo(rankTest(many, shifted).pGreater, 3)
    expect(normalRankTest([1, 1], [1, 1]).pGreater).toBe(1)
  })

  test('the shift is that of Hodges and Lehmann, with R’s interval', () => {
    const { shift, low, high } = shiftOf(A, B, 0.95)
    expect([shift, low, high].map((x) => Number(x.toFixed(9)))).toEqual([2.2, 1.7, 2.8])
  })
})

test('Holm multiplies by how many are left, and never falls', () => {
  expect(holm([0.01, 0.02, 0.03, 0.04, 0.05]).map((p) => Number(p.toFixed(9)))).toEqual([0.05, 0.08, 0.09, 0.09, 0.09])
  expect(holm([0.05, 0.01])).toEqual([0.05, 0.02])
  expect(holm([0.9, 0.8])).toEqual([1, 1])
})

describe('a quantile of one run', () => {
  test.each([
    { n: 100, p: 0.5, low: 40, high: 61, coverage: 0.9647997998 },
    { n: 1000, p: 0.99, low: 983, high: 997, coverage: 0.9760947635 },
    { n: 10_000, p: 0.99, low: 9880, high: 9920, coverage: 0.9557546828 },
    { n: 10_000, p: 0.999, low: 9983, high: 9997, coverage: 0.9754574619 },
  ])('p$p of $n samples is between numbers $low and $high', ({ n, p, low, high, coverage }) => {
    expect(quantileRanks(n, p)).toEqual({ n, low, high })
    expect(binomialUpTo(high - 1, n, p) - binomialUpTo(low - 1, n, p)).toBeCloseTo(coverage, 8)
  })

  test('wants 299 samples for p99 and 2,995 for p99.9: below that there is no upper bound', () => {
    expect([leastCount(0.99), leastCount(0.999)]).toEqual([299, 2995])
    expect(quantileRanks(298, 0.99)).toBeNull()
  })
})

describe('runs', () => {
  test.each([
    { change: 0.1, runs: 15 },
    { change: 0.15, runs: 4 },
    { change: 0.2, runs: 2 },
  ])('that scatter by 5 % need $runs a side to see $change beyond a margin of 5 %', ({ change, runs }) => {
    const distance = Math.log(1 + change) - Math.log(1.05)
    expect(runsByNormal(0.05, distance, 0.05)).toBe(runs)
    // With a scatter that is known from these runs only it takes some more.
    expect(runsFor(0.05, distance, 0.05)).toBeGreaterThan(runs)
    expect(runsFor(0.05, distance, 0.05)).toBeLessThanOrEqual(runs + 3)
  })

  test('by their order alone show something from so many on', () => {
    // 1 / C(2k, k) is 1/20 for three runs a side, 1/70 for four, 1/252 for five.
    expect([1 / 20, 1 / 21, 1 / 70, 1 / 252, 1 / 253].map(runsForOrder)).toEqual([3, 4, 4, 5, 6])
  })

  test('of which there are two say nothing of what they can see', () => {
    expect(smallestDifference(0.05, 2, 0.05, 0.05)).toBeNull()
  })

  test('the more, the smaller the difference they can see', () => {
    const seen = [3, 5, 10, 100].map((runs) => smallestDifference(0.05, runs, 0.05, 0.05))
    expect(seen).toEqual(seen.toSorted((a, b) => b! - a!))
    // With very many runs only the margin is left.
    expect(smallestDifference(0.05, 1e6, 0.05, 0.05)).toBeCloseTo(0.05, 3)
  })
})
