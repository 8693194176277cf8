import { describe, expect, test } from 'vitest'
import { decide, FEWEST_RUNS, type RunNumbers, type Verdict, worstOf } from '../../src/compare/decide.ts'
import { keyOf, random } from '../../src/load/order.ts'
import { makePools, type PoolName, RUNS_A_POOL, readPools } from './pools.ts'

test.runIf(process.env.MAKE_POOLS)('the pools are made anew', { timeout: 3_600_000 }, () => makePools())

describe('comparisons drawn from pools of real runs', () => {
  const { gates, counts, pools } = readPools()

  test('the pools are whole', () => {
    for (const pool of Object.values(pools)) expect(pool).toHaveLength(RUNS_A_POOL)
  })

  test.each([
    { broker: 'mosquitto', base: 'mosquitto', candidate: 'mosquitto again' },
    { broker: 'the scripted broker', base: 'scripted', candidate: 'scripted again' },
  ] as const)('200 of $broker with itself find at most 5 % regressions, further runs included', ({ base, candidate }) => {
    const verdicts = drawn(200, base, candidate)
    expect(shareOf(verdicts, 'regression')).toBeLessThanOrEqual(0.05)
    // Of those that decide nothing, a false alarm rate of 0 would say nothing.
    expect(shareOf(verdicts, 'ok')).toBeGreaterThan(0.5)
  })

  test('the scripted broker slowed by a fifth is found in at least 80 % of 50', () => {
    expect(shareOf(drawn(50, 'scripted', 'scripted, a fifth slower'), 'regression')).toBeGreaterThanOrEqual(0.8)
  })

  test('and the other way round it is an improvement, never a regression', () => {
    const verdicts = drawn(50, 'scripted, a fifth slower', 'scripted')
    expect(shareOf(verdicts, 'regression')).toBe(0)
    expect(shareOf(verdicts, 'improvement')).toBeGreaterThanOrEqual(0.8)
  })

  /** As a user would do it: five runs a side, and once as many more as it asks for, where the pool has them. */
  function drawn(count: number, base: PoolName, candidate: PoolName): Verdict[] {
    return Array.from({ length: count }, (_, i) => {
      const [a, b] = [shuffled(base, i), shuffled(candidate, i)]
      const look = (runs: number) => {
        const found = decide(gates, counts, a.slice(0, runs), b.slice(0, runs))
        return {
          verdict: worstOf([...found.gates, ...found.counts].map(({ verdict }) => verdict)),
          more: found.gates.map(({ runsNeeded }) => runsNeeded ?? 0),
        }
      }
      const first = look(FEWEST_RUNS)
      return first.verdict === 'inconclusive' ? look(FEWEST_RUNS + Math.max(...first.more)).verdict : first.verdict
    })
  }

  function shuffled(name: PoolName, draw: number): RunNumbers[] {
    const key = keyOf(draw, name)
    const pool = pools[name]
    return [...pool.keys()].sort((i, j) => random(key, i) - random(key, j)).map((i) => pool[i]!)
  }

  const shareOf = (verdicts: readonly Verdict[], verdict: Verdict) => verdicts.filter((one) => one === verdict).length / verdicts.length
})
