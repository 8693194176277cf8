import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Curve } from '../../src/load/curve.ts'

type Points = readonly (readonly [number, number])[]

/** Curves with pauses, ramps and level stretches. */
const curves = fc
  .array(
    fc.tuple(fc.integer({ min: 1, max: 60 }), fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0.001, max: 20, noNaN: true }))),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((steps) => {
    let timeS = -1
    return steps.map(
      ([gapS, factor], i) => [i === 0 ? (timeS = 0) : (timeS += gapS), i === steps.length - 1 ? factor + 0.5 : factor] as const,
    )
  })

describe('a load curve', () => {
  test.each<{ why: string; points: Points; timeS: number; area: number }>([
    { why: 'full load makes area and time the same', points: [[0, 1]], timeS: 7, area: 7 },
    { why: 'a quarter of the load takes four times as long', points: [[0, 0.25]], timeS: 8, area: 2 },
    {
      why: 'a ramp from 0 has half of its end',
      points: [
        [0, 0],
        [20, 1],
      ],
      timeS: 20,
      area: 10,
    },
    {
      why: 'half-way up a ramp a quarter is done',
      points: [
        [0, 0],
        [20, 1],
      ],
      timeS: 10,
      area: 2.5,
    },
    {
      why: 'a ramp down slows',
      points: [
        [0, 2],
        [4, 0],
        [5, 1],
      ],
      timeS: 2,
      area: 3,
    },
    {
      why: 'the last factor holds',
      points: [
        [0, 1],
        [10, 3],
      ],
      timeS: 13,
      area: 29,
    },
    { why: 'the first factor holds before the first point', points: [[10, 3]], timeS: 4, area: 12 },
    {
      why: 'a pause adds nothing',
      points: [
        [0, 1],
        [2, 0],
        [6, 0],
        [8, 1],
      ],
      timeS: 9,
      area: 3,
    },
  ])('$why', ({ points, timeS, area }) => {
    const curve = new Curve(points)
    expect(curve.areaAt(timeS)).toBeCloseTo(area, 9)
    expect(curve.timeOf(area)).toBeCloseTo(timeS, 9)
  })

  test('what falls due in a pause is due when the load returns', () => {
    const curve = new Curve([
      [0, 1],
      [2, 0],
      [6, 0],
      [8, 1],
    ])
    expect(curve.timeOf(curve.areaAt(3))).toBe(6)
    expect(
      new Curve([
        [0, 0],
        [5, 0],
        [6, 1],
      ]).timeOf(0),
    ).toBe(5)
  })

  test('timeOf undoes areaAt wherever there is load', () => {
    fc.assert(
      fc.property(curves, fc.double({ min: 0, max: 600, noNaN: true }), (points, timeS) => {
        const curve = new Curve(points)
        const returned = curve.timeOf(curve.areaAt(timeS))
        // A later time is right only after a stretch without load.
        expect(curve.areaAt(returned)).toBeCloseTo(curve.areaAt(timeS), 6)
        expect(returned).toBeGreaterThan(timeS - 1e-3)
      }),
    )
  })

  test('timeOf never falls, whatever the curve', () => {
    fc.assert(
      fc.property(curves, fc.integer({ min: 1, max: 500 }), (points, steps) => {
        const curve = new Curve(points)
        let last = 0
        for (let i = 0; i <= 200; i++) {
          const timeS = curve.timeOf((i * steps) / 200)
          expect(timeS).toBeGreaterThanOrEqual(last)
          last = timeS
        }
      }),
    )
  })

  test('has a time for every area, up to the very end of a line that falls to 0', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 10, noNaN: true }), fc.double({ min: 0.1, max: 100, noNaN: true }), (factor, lengthS) => {
        const curve = new Curve([
          [0, factor],
          [lengthS, 0],
          [lengthS + 1, 1],
        ])
        const area = curve.areaAt(lengthS)
        for (let i = 1; i <= 4; i++) expect(Math.abs(curve.timeOf(area * (1 - i * 2 ** -53)) - lengthS)).toBeLessThan(1e-5)
      }),
      { numRuns: 1000 },
    )
  })

  test('only 100 % throughout is full', () => {
    expect(
      new Curve([
        [0, 1],
        [5, 1],
      ]).isFull,
    ).toBe(true)
    expect(
      new Curve([
        [0, 1],
        [5, 1.5],
      ]).isFull,
    ).toBe(false)
  })

  test.each<{ points: Points; words: string }>([
    { points: [], words: 'has a point' },
    {
      points: [
        [0, 1],
        [5, 0],
      ],
      words: 'does not end at 0',
    },
    {
      points: [
        [0, 1],
        [0, 2],
      ],
      words: 'times rise',
    },
    {
      points: [
        [0, -1],
        [5, 2],
      ],
      words: 'not negative',
    },
  ])('is refused where a curve $words', ({ points, words }) => {
    expect(() => new Curve(points)).toThrow(words)
  })
})
