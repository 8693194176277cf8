import { describe, expect, test } from 'vitest'
import { grainFor } from '../../src/run/grain.ts'

describe('the grain of a worker', () => {
  test.each([
    { why: 'with a core for itself', workers: 1, cores: 2, tickUs: 512, restUs: 10_000, gatherUs: 0 },
    { why: 'of two on a core', workers: 4, cores: 2, tickUs: 1024, restUs: 20_000, gatherUs: 0 },
    { why: 'of eight on a core: no crowd', workers: 16, cores: 2, tickUs: 4096, restUs: 80_000, gatherUs: 0 },
    { why: 'of a crowd', workers: 51, cores: 2, tickUs: 8192, restUs: 100_000, gatherUs: 8192 },
    { why: 'of any crowd: no more', workers: 5000, cores: 2, tickUs: 8192, restUs: 100_000, gatherUs: 8192 },
  ])('$why', ({ why: _, workers, cores, ...grain }) => {
    expect(grainFor(workers, cores)).toMatchObject(grain)
  })

  test('leaves commands time to get to everybody', () => {
    for (const workers of [1, 2, 8, 51]) {
      const { leadUs, restUs, gatherUs } = grainFor(workers, 2)
      // Its worker looks for commands only after its rest, and what it is in the midst of.
      expect(leadUs).toBeGreaterThan(restUs + gatherUs + 20_000)
      expect(leadUs).toBeLessThan(300_000)
    }
  })
})
