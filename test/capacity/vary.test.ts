/**
 * What a search changes, and what load that really is: of plans whose groups are kept, scaled and curved.
 */
import { describe, expect, test } from 'vitest'
import { VARIABLES, type Variable } from '../../src/capacity/types.ts'
import { loadOf, variationOf, whyNotVaried } from '../../src/capacity/vary.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'

const SCENARIO = {
  groups: {
    devices: {
      clients: 100,
      connect: { rate: '50/s' },
      publish: [{ topic: 't/{client}', rate: '200/s' }],
    },
    boards: { clients: 20, connect: { rate: '10/s' }, subscribe: [{ filter: 't/#' }] },
    fixed: { clients: 5, scale: 'keep', connect: { at: 'once' }, subscribe: [{ filter: 't/1' }] },
  },
  phases: { warmUp: '5s', measure: '10s' },
}
const planOf = (set: readonly string[] = [], scale: number | null = null, scenario: object = SCENARIO) =>
  loadScenario('own.yaml', JSON.stringify(scenario), { ...NO_OPTIONS, brokers: ['mqtt://h'], set, scale })

/** As a search makes it. */
function varied(variable: Variable, factor: number, scale = 1) {
  const { change, set, scale: own } = variationOf(planOf([], 1), variable, factor)
  return change(planOf(set, scale * own))
}

describe('the load', () => {
  test.each([
    { variable: 'rate', factor: 3, load: 600 },
    { variable: 'connectRate', factor: 2, load: 120 },
    // Those that are kept are clients too, but there are not more of them.
    { variable: 'clients', factor: 2, load: 2 * 120 + 5 },
    { variable: 'fanOut', factor: 2, load: 2 * 25 },
  ] as const)('of $variable at $factor is that of the plan that is run', ({ variable, factor, load }) => {
    expect(loadOf(varied(variable, factor), variable)).toBeCloseTo(load, 6)
  })

  test('of a fan-out has --scale in it once', () => {
    // 20 listeners are set to 60 and scaled to 6; 5 are set to 15, and kept.
    expect(loadOf(varied('fanOut', 3, 0.1), 'fanOut')).toBe(6 + 15)
  })

  test('of a rate is what falls into measure, not what its curve comes to one day', () => {
    const scenario = { ...SCENARIO, load: { '0s': '10%', '100s': '110%' } }
    // From 5 s to 15 s: 15 % to 25 %, 20 % in the middle.
    expect(loadOf(planOf([], null, scenario), 'rate')).toBeCloseTo(0.2 * 200, 6)
  })
})

describe('a plan without what is to be varied', () => {
  const silent = { groups: { boards: { clients: 3, connect: { at: 'once' } } } }

  test.each(VARIABLES.filter((variable) => variable !== 'clients'))('is no scenario for %s', (variable) => {
    expect(whyNotVaried(planOf([], null, silent), variable, 0.05)).toMatch(/publishes nothing|connect at once|only subscribes/)
  })

  test('nor is one with so few clients that a step is none', () => {
    expect(whyNotVaried(planOf(), 'fanOut', 0.05)).toBeNull()
    expect(whyNotVaried(planOf(), 'fanOut', 0.03)).toMatch(/^a step of 3 % of 25 clients is less than one/)
    expect(whyNotVaried(planOf(), 'rate', 0.001)).toBeNull()
  })
})
