import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Offset, OffsetWatch, offsetOf, type Stamps, tightest } from '../../src/control/offset.ts'

const S = 1e6
/** What comes of reckoning with floating point. */
const ROUNDING_US = 1e-3

/** One exchange: how long each way takes, and how long the other side thinks. */
const exchange = fc.record({ thereUs: fc.integer({ max: 3 * S, min: 0 }), thinkUs: fc.nat(S), backUs: fc.integer({ max: 3 * S, min: 0 }) })
type Exchange = typeof exchange extends fc.Arbitrary<infer T> ? T : never

function stampsOf({ thereUs, thinkUs, backUs }: Exchange, t0: number, offsetAt: (timeUs: number) => number): Stamps {
  const [arrivedUs, leftUs] = [t0 + thereUs, t0 + thereUs + thinkUs]
  return { t0, t1: arrivedUs + offsetAt(arrivedUs), t2: leftUs + offsetAt(leftUs), t3: leftUs + backUs }
}

describe('an offset', () => {
  test.each([
    { why: 'is exact where both ways are instant', stamps: { t0: 100, t1: 600, t2: 650, t3: 150 }, offset: { us: 500, boundUs: 0 } },
    { why: 'is halfway, where they may differ', stamps: { t0: 0, t1: 130, t2: 140, t3: 60 }, offset: { us: 105, boundUs: 25 } },
    { why: 'may be behind', stamps: { t0: 1000, t1: 10, t2: 10, t3: 1020 }, offset: { us: -1000, boundUs: 10 } },
    { why: 'is wrong by no less than nothing', stamps: { t0: 0, t1: 0, t2: 11, t3: 10 }, offset: { us: 0.5, boundUs: 0 } },
  ])('$why', ({ stamps, offset }) => expect(offsetOf(stamps)).toEqual(offset))

  test('is never more wrong than its bound, whatever the delays, and the bound is reached', () => {
    fc.assert(
      fc.property(exchange, fc.integer(), fc.nat(1e9), (one, trueUs, t0) => {
        const { us, boundUs } = offsetOf(stampsOf(one, t0, () => trueUs))
        expect(Math.abs(us - trueUs)).toBeLessThanOrEqual(boundUs + ROUNDING_US)
        const oneWay = offsetOf(stampsOf({ ...one, backUs: 0 }, t0, () => trueUs))
        expect(Math.abs(oneWay.us - trueUs)).toBeCloseTo(oneWay.boundUs, 3)
      }),
    )
  })

  test('of many exchanges is that of the tightest', () => {
    const offsets = [30, 10, 20].map((boundUs, us): Offset => ({ us, boundUs }))
    expect(tightest(offsets)).toEqual({ us: 1, boundUs: 10 })
  })
})

describe('the bound of an offset in use', () => {
  /** Parts of a second that one clock gains on the other: 50 in a million at most. */
  const drift = fc.double({ min: -50e-6, max: 50e-6, noNaN: true })
  /** Each of 10 s, with an exchange or without. */
  const steps = fc.array(fc.record({ drift, exchange: fc.option(exchange, { freq: 4 }) }), { minLength: 1, maxLength: 60 })
  const STEP_US = 10 * S

  test('holds at every moment, whatever the delays and however the clocks drift', () => {
    fc.assert(
      fc.property(exchange, steps, fc.integer({ min: -1e9, max: 1e9 }), (first, all, startUs) => {
        const edges = [startUs]
        for (const step of all) edges.push(edges.at(-1)! + step.drift * STEP_US)
        const offsetAt = (timeUs: number) => {
          const i = Math.min(all.length - 1, Math.floor(timeUs / STEP_US))
          return edges[i]! + all[i]!.drift * (timeUs - i * STEP_US)
        }
        const used = offsetOf(stampsOf(first, 0, offsetAt))
        const watch = new OffsetWatch(used, 0)
        let worstUs = 0
        for (const [i, { exchange }] of all.entries()) {
          const nowUs = i * STEP_US + 8 * S
          worstUs = Math.max(worstUs, Math.abs(offsetAt(nowUs) - used.us))
          expect(watch.boundUs(nowUs) + ROUNDING_US).toBeGreaterThanOrEqual(worstUs)
          if (exchange !== null) watch.take(stampsOf(exchange, nowUs, offsetAt))
        }
      }),
    )
  })

  const instant = (timeUs: number, offsetUs = 0): Stamps => stampsOf({ thereUs: 0, thinkUs: 0, backUs: 0 }, timeUs, () => offsetUs)

  test('grows by the drift of a poor crystal while no exchange says better', () => {
    const watch = new OffsetWatch({ us: 0, boundUs: 20 }, S)
    expect(watch.boundUs(S)).toBe(20)
    expect(watch.boundUs(3 * S)).toBeCloseTo(120)
    watch.take(instant(3 * S))
    expect(watch.boundUs(5 * S)).toBeCloseTo(120)
    expect(watch.boundUs(6 * S)).toBeCloseTo(150)
  })

  test('is of the worst moment: what an offset was wrong by does not get better later', () => {
    const watch = new OffsetWatch({ us: 0, boundUs: 0 }, 0)
    for (let s = 1; s <= 10; s++) watch.take(instant(s * S, 50 * s))
    for (let s = 11; s <= 20; s++) watch.take(instant(s * S, 50 * (20 - s)))
    // A second after it was 500 it could have been 50 more.
    expect(watch.boundUs(20 * S)).toBeCloseTo(550)
  })

  test('is not widened by a single exchange that took long', () => {
    const watch = new OffsetWatch({ us: 0, boundUs: 10 }, 0)
    watch.take(stampsOf({ thereUs: 0, thinkUs: 0, backUs: S }, S, () => 0))
    expect(watch.boundUs(2 * S)).toBeCloseTo(110)
  })
})
