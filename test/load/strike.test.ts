import { describe, expect, test } from 'vitest'
import { Group } from '../../src/load/group.ts'
import type { DropPlan } from '../../src/load/plan.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { Strike } from '../../src/load/strike.ts'

const plan = loadScenario(
  'factory.yaml',
  `topics: { region: [eu, us, asia], plant: 4 }
groups:
  sensors:
    clients: 1200
    publish: [{ topic: "{region}/{plant}/{client}", every: 1s }]`,
  NO_OPTIONS,
)
const around = { plan, run: 'abcdef', endpoints: [], files: new Map(), unixEpochMs: 0 }
const group = new Group(around, plan.groups[0]!, [0, 1200], null)
const DROP: DropPlan = { how: 'reset', groups: [0], where: {}, nodes: null, share: 1, forUs: 0, return: null }

function membersOf(drop: Partial<DropPlan>, seed = 42, fault = 'out', node = 0): number[] {
  const strike = new Strike(seed, fault, { ...DROP, ...drop }, group)
  return Array.from({ length: 1200 }, (_, i) => i).filter((i) => strike.takes(i, node))
}

describe('whom a fault strikes', () => {
  test.each([
    [{}, 1200],
    [{ share: 0.62 }, 744],
    [{ share: 0.001 }, 1],
    [{ where: { region: 'eu' } }, 400],
    [{ where: { region: 'eu', plant: 'plant-2' } }, 100],
    [{ nodes: [0] }, 1200],
    [{ nodes: [1, 2] }, 0],
  ] as const)('%j: %i of 1,200', (drop, count) => expect(membersOf(drop)).toHaveLength(count))

  test('a share of some of them is about that share of them', () => {
    expect(Math.abs(membersOf({ where: { region: 'us' }, share: 0.5 }).length - 200)).toBeLessThan(20)
  })

  test('others with another seed or in another fault, the same for the same', () => {
    const some = membersOf({ share: 0.5 })
    expect(membersOf({ share: 0.5 })).toEqual(some)
    expect(membersOf({ share: 0.5 }, 43)).not.toEqual(some)
    expect(membersOf({ share: 0.5 }, 42, 'other')).not.toEqual(some)
  })
})

describe('when they may come back', () => {
  test('together, when its time is over', () => {
    const strike = new Strike(42, 'out', { ...DROP, forUs: 5e6 }, group)
    expect(strike.blowTo(7, 1e6)).toEqual({ how: 'reset', untilUs: 6e6, isReturning: false })
  })

  test('spread over the time of `return`, evenly', () => {
    const strike = new Strike(42, 'out', { ...DROP, forUs: 5e6, return: { overS: 12, arrival: 'uniform' } }, group)
    const times = Array.from({ length: 1200 }, (_, i) => strike.blowTo(i, 1e6).untilUs).sort((a, b) => a - b)
    for (const [i, timeUs] of times.entries()) expect(timeUs).toBeCloseTo(6e6 + (i + 0.5) * 1e4, 3)
  })
})
