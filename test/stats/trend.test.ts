import { describe, expect, test } from 'vitest'
import { keyOf, random } from '../../src/load/order.ts'
import { pRising, slopeOf } from '../../src/stats/trend.ts'

describe('a trend', () => {
  test('is the median of all slopes: one reading that went astray carries nothing', () => {
    expect(slopeOf([1, 3, 5, 7, 9])).toBe(2)
    expect(slopeOf([1, 3, 500, 7, 9])).toBe(2)
    expect(slopeOf([4])).toBe(0)
  })

  test('rises surely where every pair does: S = 10 of 5 has z = 9 / √(50/3)', () => {
    expect(pRising([1, 2, 3, 4, 5])).toBeCloseTo(0.01374, 4)
    expect(pRising([5, 4, 3, 2, 1])).toBeGreaterThan(0.98)
    expect([pRising([7, 7, 7, 7, 7]), pRising([1, 2, 3, 4])]).toEqual([1, 1])
  })

  test('is seen by chance in about 5 % of rows without one', () => {
    const key = keyOf(1, 'trend')
    const seen = Array.from({ length: 1000 }, (_, i) => pRising(Array.from({ length: 20 }, (_, j) => random(key, i, j))) < 0.05)
    const share = seen.filter(Boolean).length / 1000
    expect(share).toBeGreaterThan(0.025)
    expect(share).toBeLessThan(0.075)
  })
})
