/**
 * Figures of a stretch of time, by readings whose answers are known.
 */
import { describe, expect, test } from 'vitest'
import { counterFigures, gaugeFigures, MAX_READINGS, type Point, rateFigures, riseOf, Series, slopePerSec } from '../../src/watch/series.ts'

const SPAN = { startUs: 10e6, endUs: 20e6 }
/** A point a second, from second 0. */
const each = (values: readonly number[]): Point[] => values.map((value, second) => ({ atUs: second * 1e6, value }))
const line = (length: number, value: (second: number) => number) => each(Array.from({ length }, (_, second) => value(second)))

describe('what goes up and down', () => {
  test('is that of the stretch, beside what was before', () => {
    const points = line(31, (second) => (second < 3 ? second + 1 : second < 10 ? 900 : second <= 20 ? 100 + second : 5000))
    expect(gaugeFigures(points, 2.5e6, SPAN)).toEqual({ before: 3, mean: 115, peak: 120, last: 120, slopePerSec: 1 })
  })

  test('has no before where nothing was told before, and is null where nothing is told in the stretch', () => {
    expect(gaugeFigures([{ atUs: 15e6, value: 7 }], 2e6, SPAN)).toEqual({ before: null, mean: 7, peak: 7, last: 7, slopePerSec: 0 })
    expect(
      gaugeFigures(
        line(9, () => 1),
        2e6,
        SPAN,
      ),
    ).toBeNull()
  })

  test('has a slope that a few odd readings don’t bend', () => {
    const points = line(21, (second) => (second === 12 || second === 17 ? 1e6 : 3 * second))
    expect(slopePerSec(points)).toBeCloseTo(3, 9)
    expect(slopePerSec(line(5000, (second) => 1000 - second / 4))).toBeCloseTo(-0.25, 9)
  })
})

describe('what only goes up', () => {
  test('is counted from edge to edge where the readings are there', () => {
    const points = line(31, (second) => 50 + Math.max(0, Math.min(second, 20) - 10) * 100).map((p) => ({ ...p, atUs: p.atUs + 4000 }))
    expect(counterFigures(points, SPAN)).toEqual({ count: 1000, perSec: 100, everyS: 1 })
  })

  test('goes on at the edges as within, whatever comes after', () => {
    // Told every 3 s, at 11, 14, 17 and 20.5 s: the load ends at 20 s.
    const points = [8, 11, 14, 17, 20.5].map((second) => ({ atUs: second * 1e6, value: Math.min(second, 20) * 100 }))
    expect(counterFigures(points, SPAN)).toEqual({ count: 1000, perSec: 100, everyS: 3 })
  })

  test('goes on for no longer than its readings are usually apart: of a node that died there is no more', () => {
    const points = line(17, (second) => 1000 * second)
    expect(counterFigures(points, SPAN)).toEqual({ count: 7000, perSec: 1000, everyS: 1 })
    expect(riseOf(points, SPAN)).toMatchObject({ count: 7000, lengthS: 7 })
    // The same at the start.
    const late = line(21, (second) => 1000 * second).slice(14)
    expect(counterFigures(late, SPAN)!.count).toBe(7000)
  })

  test('counts nothing where it dips a little, until that is made good', () => {
    const dipping = line(21, (second) => 1e6 - (second === 15 ? 3 : 0))
    expect(counterFigures(dipping, SPAN)?.count).toBe(0)
    const rising = line(21, (second) => 1e6 + 100 * second - (second === 15 ? 150 : 0))
    expect(counterFigures(rising, SPAN)?.count).toBe(1000)
  })

  test('begins anew where it falls to near 0', () => {
    const points = line(21, (second) => (second < 15 ? 10_000 + 100 * second : 100 * (second - 15)))
    // Of the second in which it began anew what came before is lost.
    expect(counterFigures(points, SPAN)?.count).toBe(900)
  })

  test('is not known where the readings cover less than half', () => {
    expect(
      counterFigures(
        [
          { atUs: 11e6, value: 1 },
          { atUs: 14e6, value: 5 },
        ],
        SPAN,
      ),
    ).toBeNull()
    expect(counterFigures([], SPAN)).toBeNull()
    expect(counterFigures([{ atUs: 10e6, value: 1 }], { startUs: 10e6, endUs: 10e6 })).toBeNull()
    expect(
      counterFigures(
        line(5, () => 1),
        SPAN,
      ),
    ).toBeNull()
  })

  test('is a rate from reading to reading, with the mean of all that was before', () => {
    // Idle at 0.02 cores, then one and a half.
    const points = line(31, (second) => 7 + (second < 5 ? second * 0.02 : 0.1 + (second - 5) * 1.5))
    const figures = rateFigures(points, 4.2e6, SPAN)!
    expect(figures.before).toBeCloseTo(0.02, 9)
    expect(figures.mean).toBeCloseTo(1.5, 9)
    expect(figures.peak).toBeCloseTo(1.5, 9)
    expect(rateFigures(points, 0.5e6, SPAN)!.before).toBeNull()
  })
})

test('a series keeps what it can, and tells a need from one that is not told', () => {
  const series = new Series()
  for (let i = 0; i <= 2 * MAX_READINGS; i++) series.add(i * 1e6, { connections: i })
  const points = series.points('connections')
  expect(series.count).toBe(2 * MAX_READINGS + 1)
  expect(points.length).toBeLessThanOrEqual(MAX_READINGS + 1)
  expect(points.at(0)!.value).toBe(0)
  expect(points.at(-1)!.value).toBeGreaterThan(2 * MAX_READINGS - 8)
  const gaps = new Set(points.slice(1).map(({ atUs }, i) => atUs - points[i]!.atUs))
  expect(gaps.size).toBe(1)
  expect([series.has('connections'), series.has('dropped')]).toEqual([true, false])
})
