import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FaultPlan } from '../../src/load/plan.ts'
import { piecesOf, windowsOf } from '../../src/report/windows.ts'
import { samplePlan } from '../load/sample-plan.ts'

const START_US = 8_250_000

/** Windows of a measure of 100 s; times of faults and windows are seconds of measure, null: never. A fault has the end of its first good second. */
function windows({
  faults = [],
  stretches = [],
  measureS = 100,
}: {
  readonly faults?: readonly (readonly [name: string, startS: number | null, goodS: number | null])[]
  readonly stretches?: readonly (readonly [name: string, lengthS: number])[]
  readonly measureS?: number
}) {
  const plan = samplePlan({
    faults: faults.map(([name], index): FaultPlan => ({ name, index, trigger: { kind: 'at', atUs: 0 }, exec: 'true', drop: null })),
  })
  const phases = { ...plan.phases, stretches: stretches.map(([name, lengthS]) => ({ name, lengthUs: lengthS * 1e6 })) }
  const us = (s: number | null) => (s === null ? null : START_US + Math.round(s * 1e6))
  const facts = faults.map(([, startS, goodS]) => ({
    startUs: us(startS),
    recoveredUs: us(goodS === null ? null : Math.max(startS!, goodS - 1)),
  }))
  return windowsOf({ ...plan, phases }, facts, START_US, START_US + measureS * 1e6)
}

const secondsOf = (spans: ReturnType<typeof windows>) =>
  Object.fromEntries(spans.map(({ name, startUs, endUs }) => [name, [(startUs - START_US) / 1e6, (endUs - START_US) / 1e6]]))

test('the first good second is the last of a fault', () => {
  const plan = samplePlan({ faults: [{ name: 'a', index: 0, trigger: { kind: 'at', atUs: 0 }, exec: 'true', drop: null }] })
  const facts = [{ startUs: 5e6, recoveredUs: 7.25e6 }]
  expect(windowsOf(plan, facts, 0, 100e6).find(({ name }) => name === 'a-during')).toEqual({ name: 'a-during', startUs: 5e6, endUs: 9e6 })
})

describe('windows', () => {
  test.each<{ of: string; given: Parameters<typeof windows>[0]; are: Record<string, [number, number]> }>([
    { of: 'a plan without either', given: {}, are: {} },
    {
      of: 'stretches',
      given: {
        stretches: [
          ['calm', 20],
          ['busy', 80],
        ],
      },
      are: { calm: [0, 20], busy: [20, 100] },
    },
    {
      of: 'stretches that an interrupt has cut',
      given: {
        stretches: [
          ['calm', 20],
          ['busy', 40],
          ['calm2', 40],
        ],
        measureS: 30.5,
      },
      are: { calm: [0, 20], busy: [20, 30.5] },
    },
    {
      of: 'a fault: its start rounded down, its recovery up',
      given: { faults: [['a', 20.7, 31.2]] },
      are: { 'a-before': [0, 20], 'a-during': [20, 32], 'a-after': [32, 100] },
    },
    {
      of: 'one that lasts no time: a second',
      given: { faults: [['a', 20, 20]] },
      are: { 'a-before': [0, 20], 'a-during': [20, 21], 'a-after': [21, 100] },
    },
    { of: 'one at the very start that is never recovered from', given: { faults: [['a', 0, null]] }, are: { 'a-during': [0, 100] } },
    { of: 'one that never began', given: { faults: [['a', null, null]] }, are: {} },
    {
      of: 'one in the last second',
      given: { faults: [['a', 99.5, 99.9]] },
      are: { 'a-before': [0, 99], 'a-during': [99, 100] },
    },
    {
      of: 'one after the other, in any order',
      given: {
        faults: [
          ['b', 50, 60],
          ['a', 20, 30],
        ],
      },
      are: {
        'b-before': [30, 50],
        'b-during': [50, 60],
        'b-after': [60, 100],
        'a-before': [0, 20],
        'a-during': [20, 30],
        'a-after': [30, 50],
      },
    },
    {
      of: 'two that overlap: there is no calm between them',
      given: {
        faults: [
          ['a', 20, 50],
          ['b', 30, 60],
        ],
      },
      are: { 'a-before': [0, 20], 'a-during': [20, 50], 'b-during': [30, 60], 'b-after': [60, 100] },
    },
    {
      of: 'one within another: what follows it is not calm',
      given: {
        faults: [
          ['a', 20, 50],
          ['b', 30, 40],
          ['c', 80, null],
        ],
      },
      are: {
        'a-before': [0, 20],
        'a-during': [20, 50],
        'a-after': [50, 80],
        'b-during': [30, 40],
        'c-before': [50, 80],
        'c-during': [80, 100],
      },
    },
    {
      of: 'two at once',
      given: {
        faults: [
          ['a', 20.1, 25],
          ['b', 20.5, 30],
        ],
      },
      are: { 'a-before': [0, 20], 'a-during': [20, 25], 'b-before': [0, 20], 'b-during': [20, 30], 'b-after': [30, 100] },
    },
    {
      of: 'one that begins as another is recovered from',
      given: {
        faults: [
          ['a', 20, 29.2],
          ['b', 30.4, 35],
        ],
      },
      are: { 'a-before': [0, 20], 'a-during': [20, 30], 'b-during': [30, 35], 'b-after': [35, 100] },
    },
  ])('of $of', ({ given, are }) => {
    expect(secondsOf(windows(given))).toEqual(are)
  })
})

describe('pieces', () => {
  test('cut measure where a window begins or ends', () => {
    const spans = windows({
      faults: [['a', 20.7, 31.2]],
      stretches: [
        ['calm', 25],
        ['busy', 75],
      ],
    })
    const edges = piecesOf(spans, START_US, START_US + 100e6).map(({ startUs, endUs }) => [startUs - START_US, endUs - START_US])
    expect(edges).toEqual([
      [0, 20e6],
      [20e6, 25e6],
      [25e6, 32e6],
      [32e6, 100e6],
    ])
  })

  test('are measure itself where there is no window, even one of no length', () => {
    expect(piecesOf([], 5, 9)).toEqual([{ startUs: 5, endUs: 9 }])
    expect(piecesOf([], 5, 5)).toEqual([{ startUs: 5, endUs: 5 }])
  })

  test('make up measure without gaps, and each window is a sum of them', () => {
    const fault = fc.tuple(fc.double({ min: 0, max: 99.9, noNaN: true }), fc.option(fc.double({ min: 0, max: 60, noNaN: true })))
    fc.assert(
      fc.property(fc.array(fault, { maxLength: 5 }), fc.double({ min: 1, max: 100, noNaN: true }), (drawn, measureS) => {
        const began = drawn.filter(([startS]) => startS < measureS)
        const faults = began.map(([startS, afterS], i) => [`f${i}`, startS, afterS === null ? null : startS + afterS] as const)
        const endUs = START_US + Math.round(measureS * 1e6)
        const spans = windows({ faults, measureS: Math.round(measureS * 1e6) / 1e6 })
        const pieces = piecesOf(spans, START_US, endUs)
        expect(pieces[0]!.startUs).toBe(START_US)
        expect(pieces.at(-1)!.endUs).toBe(endUs)
        for (const [i, piece] of pieces.entries()) {
          expect(piece.endUs).toBeGreaterThan(piece.startUs)
          if (i > 0) expect(piece.startUs).toBe(pieces[i - 1]!.endUs)
        }
        for (const span of spans) {
          const within = pieces.filter((piece) => piece.startUs >= span.startUs && piece.endUs <= span.endUs)
          expect(within.reduce((sum, piece) => sum + piece.endUs - piece.startUs, 0)).toBe(span.endUs - span.startUs)
        }
      }),
    )
  })
})
