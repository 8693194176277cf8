import { describe, expect, test } from 'vitest'
import { quantileInterval } from '../../src/compare/quantile-interval.ts'
import { keyOf, random } from '../../src/load/order.ts'
import type { TimelineRow } from '../../src/report/types.ts'
import { Histogram, summarize } from '../../src/stats/histogram.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const [ROW] = sampleReport().timeline
const PER_SEC = 500

/** A run of exponential latencies about 2 ms; `paceOf` is what a second does to all of its messages. */
function runOf(seed: number, seconds: number, paceOf: (second: number) => number, lost = 0) {
  const key = keyOf(seed, 'latency')
  const whole = new Histogram()
  const timeline = Array.from({ length: seconds }, (_, second): TimelineRow => {
    const own = new Histogram()
    for (let i = 0; i < PER_SEC; i++) own.record(-2000 * Math.log(random(key, second * PER_SEC + i)) * paceOf(second))
    whole.add(own)
    const { p50, p99 } = summarize(own, own.count)
    return { ...ROW!, phase: 'measure', receivedPerSec: PER_SEC, endToEndP50Us: p50, endToEndP99Us: p99 }
  })
  return { endToEndUs: summarize(whole, whole.count + lost), timeline }
}

const truth = { p50: 2000 * Math.LN2, p99: 2000 * Math.log(100) }

describe('the interval of a run’s own quantile', () => {
  test.each([
    { p: 0.5, name: 'p50' },
    { p: 0.99, name: 'p99' },
  ] as const)('holds the true $name in about 95 % of runs of independent messages', ({ p, name }) => {
    const held = Array.from({ length: 200 }, (_, seed) => {
      const { low, high } = quantileInterval(
        runOf(seed, 20, () => 1),
        p,
      )!
      return low <= truth[name] && truth[name] <= high
    }).filter(Boolean).length
    expect(held).toBeGreaterThanOrEqual(180)
    expect(held).toBeLessThan(200)
  })

  test('is wider where whole seconds are slow: their messages say the same', () => {
    const width = (paceOf: (second: number) => number) => {
      const { low, high } = quantileInterval(runOf(1, 40, paceOf), 0.5)!
      return Math.log(high / low)
    }
    expect(width((second) => (second % 4 === 0 ? 3 : 1))).toBeGreaterThan(3 * width(() => 1))
  })

  test('ends at ∞ where what never came is within it', () => {
    const { low, high } = quantileInterval(
      runOf(1, 20, () => 1, 100),
      0.99,
    )!
    expect([low < Infinity, high]).toEqual([true, Infinity])
  })

  test.each([
    { why: 'too few seconds', run: runOf(1, 4, () => 1), p: 0.5 },
    { why: 'too few messages for p99.9', run: runOf(1, 5, () => 1), p: 0.999 },
    { why: 'no messages', run: { endToEndUs: summarize(null, 0), timeline: [] }, p: 0.5 },
  ])('is none where there are $why', ({ run, p }) => {
    expect(quantileInterval(run, p)).toBeNull()
  })
})
