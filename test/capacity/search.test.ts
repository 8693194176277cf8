import { describe, expect, test } from 'vitest'
import { Search, type SearchOptions } from '../../src/capacity/search.ts'
import type { TrialVerdict } from '../../src/capacity/types.ts'
import { keyOf, random } from '../../src/load/order.ts'

const OPTIONS: SearchOptions = { from: 1, width: 0.05, lowest: 0.01 }
const NOISE_KEY = keyOf(7, 'noise')

type Judge = (factor: number, isLong: boolean, trial: number) => TrialVerdict

function searched(judge: Judge, options = OPTIONS) {
  const search = new Search(options)
  const trials: { factor: number; phase: string; verdict: TrialVerdict }[] = []
  for (let attempt = search.next(); attempt !== null; attempt = search.next()) {
    const verdict = judge(attempt.factor, attempt.isLong, trials.length)
    trials.push({ factor: attempt.factor, phase: attempt.phase, verdict })
    search.take({ ...attempt, verdict })
  }
  return { ...search.found, search, trials }
}

/** A broker that serves `mu` times the scenario's load, exactly. */
const exactly =
  (mu: number): Judge =>
  (factor) =>
    factor <= mu ? 'good' : 'bad'

describe('a search', () => {
  test.each([0.05, 0.4, 0.99, 1, 1.3, 7, 100])(
    'against a broker that can do %f times the load ends with an interval of 5 %% that holds it',
    (mu) => {
      const { status, low, high, trials } = searched(exactly(mu))
      expect(status).toBe('found')
      expect(low).toBeLessThanOrEqual(mu)
      expect(high).toBeGreaterThan(mu)
      expect(high! / low!).toBeLessThanOrEqual(1.05 + 1e-9)
      // From a ramp of 1.5 four halvings do: ⌈log2(ln 1.5 / ln 1.05)⌉.
      expect(trials.filter(({ phase }) => phase === 'bisect')).toHaveLength(4)
      expect(trials.filter(({ phase }) => phase === 'confirm')).toHaveLength(6)
      expect(trials.at(-1)).toMatchObject({ phase: 'revisit', verdict: 'good' })
    },
  )

  test('in at least 95 of 100 simulations holds the rate, whatever the noise of trials is', () => {
    for (const noise of [0, 0.005, 0.01, 0.02]) {
      const held = Array.from({ length: 400 }, (_, i) => {
        const mu = 0.3 * 20 ** random(NOISE_KEY, i)
        const { status, low, high } = searched((factor, isLong, trial) => {
          // In a long trial the broker's own luck averages out.
          const luck = noise * normal(i, trial) * (isLong ? 0.5 : 1)
          return factor <= mu * Math.exp(luck) ? 'good' : 'bad'
        })
        return status === 'found' && low! <= mu && mu <= high!
      })
      const share = held.filter(Boolean).length / held.length
      expect.soft(share).toBeGreaterThanOrEqual(0.95)
    }
  })
})

describe('a trial that misleads', () => {
  test('on the way is made good: where the interval moves thrice the same way the ramp begins anew', () => {
    for (const wrong of [1, 2, 3, 4, 5]) {
      const { status, low, high, trials } = searched((factor, _, trial) => (factor <= 2 !== (trial === wrong) ? 'good' : 'bad'))
      expect({ status, holds: low! <= 2 && 2 <= high! }).toEqual({ status: 'found', holds: true })
      expect(trials.length).toBeLessThan(40)
    }
  })

  test('by not being sure is made again, at full length; and is not good where that is not sure either', () => {
    const { trials } = searched((factor, isLong, trial) =>
      trial === 1 || (trial === 2 && isLong) ? 'undecided' : exactly(2)(factor, isLong, trial),
    )
    expect(trials.slice(0, 4)).toMatchObject([
      { factor: 1, verdict: 'good' },
      { phase: 'ramp', factor: 1.5, verdict: 'undecided' },
      { phase: 'ramp', factor: 1.5, verdict: 'undecided' },
      { phase: 'bisect', factor: Math.sqrt(1.5) },
    ])
  })

  test('again and again makes the interval wider than was asked for', () => {
    const noisy = Array.from({ length: 300 }, (_, i) =>
      searched((factor, _, trial) => (factor <= 2 * Math.exp(0.1 * normal(i, trial)) ? 'good' : 'bad')),
    ).filter(({ status }) => status === 'found')
    const doublings = noisy.map(({ low, high }) => Math.round(Math.log2(Math.log(high! / low!) / Math.log(1.05)) * 1e6) / 1e6)
    expect(doublings.every(Number.isInteger)).toBe(true)
    expect([Math.min(...doublings), Math.max(...doublings) >= 2]).toEqual([0, true])
  })

  test('by the generator’s being late ends the search the third time in a row', () => {
    const late =
      (until: number): Judge =>
      (factor, _, trial) =>
        factor > 1 && trial < until ? 'invalid' : exactly(1.2)(factor, true, trial)
    expect(searched(late(3)).status).toBe('found')
    expect(searched(late(4))).toMatchObject({ status: 'generatorLimited', low: 1, high: null })
  })
})

describe('the revisit', () => {
  test('is of the highest load of the ramp that was good, and is not above what was found', () => {
    const { trials } = searched(exactly(7))
    const good = trials.filter(({ phase, verdict }) => phase === 'ramp' && verdict === 'good').map(({ factor }) => factor)
    expect(trials.at(-1)).toMatchObject({ phase: 'revisit', factor: Math.max(...good) })
    // A step of the ramp was good by luck, which the confirmation then takes back.
    const lucky = searched((factor, _, trial) => (factor <= 1.4 || trial === 1 ? 'good' : 'bad'))
    expect(lucky.trials[1]).toMatchObject({ phase: 'ramp', factor: 1.5, verdict: 'good' })
    const climbed = lucky.trials.filter(({ phase, verdict }) => phase === 'ramp' && verdict === 'good').map(({ factor }) => factor)
    expect(lucky.low).toBeLessThan(1.5)
    expect(lucky.trials.at(-1)).toMatchObject({ phase: 'revisit', factor: Math.max(...climbed.filter((factor) => factor <= lucky.low!)) })
  })

  test('asks again, once, where it was not good', () => {
    const revisited = (...verdicts: TrialVerdict[]) => {
      const left = [...verdicts]
      let confirmed = 0
      return searched((factor, isLong) => {
        if (isLong) confirmed++
        return confirmed === 6 && !isLong ? left.shift()! : factor <= 2 ? 'good' : 'bad'
      })
    }
    expect(revisited('undecided', 'good').status).toBe('found')
    expect(revisited('undecided', 'undecided')).toMatchObject({ status: 'inconclusive', search: { hasHysteresis: false } })
    expect(revisited('bad', 'good')).toMatchObject({ status: 'found', search: { hasHysteresis: false } })
    expect(revisited('bad', 'bad')).toMatchObject({ status: 'inconclusive', search: { hasHysteresis: true } })
  })
})

function normal(a: number, b: number): number {
  return Math.sqrt(-2 * Math.log(random(NOISE_KEY, a, 2 * b))) * Math.cos(2 * Math.PI * random(NOISE_KEY, a, 2 * b + 1))
}
