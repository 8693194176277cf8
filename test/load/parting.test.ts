import { describe, expect, test } from 'vitest'
import { firstLeave } from '../../src/load/parting.ts'

describe('churn', () => {
  test.each([
    [2, 18, 100],
    [60, 10, 857],
    [1, 0, 1000],
  ])('of %d s there and %d s away leaves %d of 1,000 clients connected, at any time', (connectedS, awayS, share) => {
    const [connectedUs, awayUs] = [connectedS * 1e6, awayS * 1e6]
    const first = Array.from({ length: 1000 }, (_, i) => firstLeave({ connectedUs, awayUs, leave: 'reset' }, (i + 0.5) / 1000))
    for (const timeUs of [0, 0.3e6, 1e6, 7.7e6, 19e6, 100e6]) {
      const isAway = (leaveUs: number) => timeUs >= leaveUs && (timeUs - leaveUs) % (connectedUs + awayUs) < awayUs
      expect(Math.abs(1000 - first.filter(isAway).length - share)).toBeLessThanOrEqual(1)
    }
  })
})
