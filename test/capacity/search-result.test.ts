/**
 * What trials come to: loads in the variable's unit, the limit, the law.
 */
import { describe, expect, test } from 'vitest'
import { resultOf, scalingOf } from '../../src/capacity/search-result.ts'
import type { SearchStatus, Trial, TrialVerdict } from '../../src/capacity/types.ts'

/** 100 times the factor a second, but for a group that is kept. */
function trial(factor: number, verdict: TrialVerdict, criterion = ''): Trial {
  const criteria = verdict === 'good' ? [] : [criterion]
  return {
    number: 1,
    phase: 'confirm',
    factor,
    load: 100 * factor + 5,
    verdict,
    criteria,
    figures: {},
    sentPerSec: 0,
    receivedPerSec: 0,
    lengthS: 1,
    path: '',
  }
}
const ended = (status: SearchStatus, low: number | null, high: number | null) => ({ found: { status, low, high }, hasHysteresis: false })

describe('the result of a search', () => {
  test('has the loads of the trials at its ends', () => {
    const trials = [trial(1, 'good'), trial(2, 'bad', 'late'), trial(1.5, 'good'), trial(1.575, 'bad', 'late')]
    expect(resultOf(3, ended('found', 1.5, 1.575), trials)).toMatchObject({ nodes: 3, low: 155, high: 162.5, limit: 'late' })
  })

  test('which the generator limited is at least what was good, wherever the interval had moved', () => {
    const trials = [trial(1, 'good'), trial(1.5, 'good'), trial(2.25, 'invalid', 'sent late'), trial(2.25, 'invalid', 'sent late')]
    expect(resultOf(null, ended('generatorLimited', 1.7, null), trials)).toMatchObject({ low: 155, high: null, limit: null })
    expect(resultOf(null, ended('generatorLimited', null, null), trials.slice(2))).toMatchObject({ low: null })
  })

  test('names what most of the loads beyond it failed by, not what struck once below', () => {
    const trials = [
      trial(1, 'bad', '3 clients could not connect'),
      trial(1.05, 'bad', 'endToEnd.p99 < 20ms does not hold: 25 ms'),
      trial(1.05, 'bad', '1 of 9 deliveries were lost'),
      trial(2, 'bad', 'endToEnd.p99 < 20ms does not hold: 90 ms'),
    ]
    expect(resultOf(1, ended('found', 1, 1.05), trials).limit).toBe('endToEnd.p99 < 20ms does not hold: 25 ms')
    expect(resultOf(1, ended('belowLowest', null, 1), trials).limit).toBe('3 clients could not connect')
  })
})

describe('the scaling of several sizes', () => {
  const of = (nodes: number | null, perSec: number, status: SearchStatus = 'found') =>
    resultOf(nodes, ended(status, perSec / 100, (perSec / 100) * 1.05), [{ ...trial(1, 'good'), load: 100 }])

  test('is none without sizes, or before all searches are over', () => {
    expect(scalingOf([of(null, 100)])).toBeNull()
    expect(scalingOf([of(1, 100), of(2, 100, 'interrupted')])).toBeNull()
  })

  test('is a refusal of three, and a law of four that were measured thrice', () => {
    const times = (sizes: readonly number[]) =>
      sizes.flatMap((nodes) => [0.99, 1, 1.01].map((luck) => of(nodes, (luck * (100 * nodes)) / (1 + 0.1 * (nodes - 1)))))
    expect(scalingOf(times([1, 2, 3]))).toMatchObject({
      law: null,
      refusal: { reason: expect.stringContaining('four sizes'), measure: 'search at 1 more size, three times each' },
    })
    const { law, refusal } = scalingOf([...times([1, 2, 3, 4]), of(5, 1, 'inconclusive')])!
    expect(refusal).toBeNull()
    expect(law!.fit.alpha).toBeCloseTo(0.1, 1)
  })
})
