import { describe, expect, test } from 'vitest'
import { Arrivals } from '../../src/load/arrival.ts'
import type { ConnectPlan } from '../../src/load/plan.ts'

const T_US = 60e6

/** Times of all clients, sorted. */
function timesOf(clients: number, arrival: ConnectPlan['arrival'], overS = 60, seed = 42): number[] {
  const arrivals = new Arrivals(clients, { overS, arrival }, seed)
  return Array.from({ length: clients }, (_, client) => arrivals.timeOf(client)).sort((a, b) => a - b)
}

describe('clients connect', () => {
  test('evenly, in an order that is not their index', () => {
    timesOf(600, 'uniform').forEach((timeUs, i) => {
      expect(timeUs).toBeCloseTo((i + 0.5) * 1e5, 3)
    })
    const arrivals = new Arrivals(600, { overS: 60, arrival: 'uniform' }, 42)
    let rises = 0
    for (let client = 1; client < 600; client++) if (arrivals.timeOf(client) > arrivals.timeOf(client - 1)) rises++
    expect(Math.abs(rises - 300)).toBeLessThan(60)
  })

  test.each(['uniform', 'poisson', 'beta'] as const)('all at once when the time is 0, whatever the arrival (%s)', (arrival) => {
    expect(timesOf(5, arrival, 0)).toEqual([0, 0, 0, 0, 0])
  })

  test('as a Poisson process: counts of equal stretches vary like their mean, and everyone is there in time', () => {
    const times = timesOf(60_000, 'poisson')
    expect(times.at(-1)).toBeLessThan(T_US)
    const counts = new Array(600).fill(0)
    for (const timeUs of times) counts[Math.floor(timeUs / 1e5)]++
    const variance = counts.reduce((sum, count) => sum + (count - 100) ** 2, 0) / 600
    // Even arrivals would have 0. The standard error for 600 stretches is 6.
    expect(variance).toBeGreaterThan(80)
    expect(variance).toBeLessThan(120)
  })

  test('as a storm: beta(3,4) peaks with 2.0736 times the mean rate at 0.4 of the time', () => {
    const n = 200_000
    const times = timesOf(n, 'beta', 10)
    const countIn = (fromS: number, toS: number) => times.filter((timeUs) => timeUs >= fromS * 1e6 && timeUs < toS * 1e6).length
    expect(countIn(3.95, 4.05) / 0.1 / (n / 10)).toBeCloseTo(2.0736, 2)
    expect(countIn(3.95, 4.05)).toBeGreaterThan(countIn(3.8, 3.9))
    expect(countIn(3.95, 4.05)).toBeGreaterThan(countIn(4.1, 4.2))
    // The distribution's mean is 3/7; its quantiles, from a table of the beta distribution.
    expect(times.reduce((sum, timeUs) => sum + timeUs, 0) / n / 10e6).toBeCloseTo(3 / 7, 4)
    expect(times[n * 0.05]! / 10e6).toBeCloseTo(0.1532, 3)
    expect(times[n * 0.5]! / 10e6).toBeCloseTo(0.4214, 3)
    expect(times[n * 0.95]! / 10e6).toBeCloseTo(0.7287, 3)
  })

  test.each(['uniform', 'poisson', 'beta'] as const)('at times that the seed decides (%s)', (arrival) => {
    const timeOf = (seed: number) => new Arrivals(1000, { overS: 60, arrival }, seed).timeOf(17)
    expect(timeOf(1)).toBe(timeOf(1))
    expect(timeOf(1)).not.toBe(timeOf(2))
  })
})
