import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isClean, Placer } from '../../src/load/placement.ts'
import type { GroupPlan, Placement } from '../../src/load/plan.ts'
import { sampleGroup, sampleNode, samplePlan } from './sample-plan.ts'

function placerOf(weights: number[], clients: number, placement: Placement, name = 'sensors'): Placer {
  const nodes = weights.map((weight, i) => sampleNode(`node-${i + 1}`, weight))
  return new Placer(samplePlan({ nodes }), sampleGroup({ clients, placement, name }))
}

/** How many of `clients` go to each of `nodes`. */
function counts(placer: Placer, clients: number, nodes: number, attempt = 0): number[] {
  const found = new Array(nodes).fill(0)
  for (let client = 0; client < clients; client++) found[placer.nodeOf(client, attempt)]++
  return found
}

describe('first connects', () => {
  test.each<{ why: string; weights: number[]; clients: number; placement: Placement; expected: number[] }>([
    { why: 'are shared equally', weights: [1, 1], clients: 10, placement: { kind: 'weighted' }, expected: [5, 5] },
    { why: 'are shared by weight', weights: [1, 3, 6], clients: 1000, placement: { kind: 'weighted' }, expected: [100, 300, 600] },
    { why: 'leave out a node without weight', weights: [1, 0, 1], clients: 10, placement: { kind: 'weighted' }, expected: [5, 0, 5] },
    { why: 'go round all nodes, weight or not', weights: [1, 9, 1], clients: 10, placement: { kind: 'roundRobin' }, expected: [4, 3, 3] },
    { why: 'keep to named nodes', weights: [5, 1, 3], clients: 8, placement: { kind: 'nodes', nodes: [2, 1] }, expected: [0, 2, 6] },
  ])('$why', ({ weights, clients, placement, expected }) => {
    expect(counts(placerOf(weights, clients, placement), clients, weights.length)).toEqual(expected)
  })

  test('by weight are exact for any weights and number of clients: never a whole client off', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 2000 }),
        (weights, n) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0)
          counts(placerOf(weights, n, { kind: 'weighted' }), n, weights.length).forEach((count, j) => {
            expect(Math.abs(count - (n * weights[j]!) / total)).toBeLessThan(1 + 1e-9)
          })
        },
      ),
    )
  })

  test('at random are only about equal', () => {
    const found = counts(placerOf([1, 1], 10_000, { kind: 'random' }), 10_000, 2)
    expect(Math.abs(found[0]! - 5000)).toBeLessThan(200)
    expect(found[0]).not.toBe(5000)
  })

  test('of many groups of one client do not all go to one node', () => {
    const nodes = Array.from({ length: 100 }, (_, i) => placerOf([1, 1], 1, { kind: 'weighted' }, `group-${i}`).nodeOf(0, 0))
    expect(Math.abs(nodes.reduce((sum, node) => sum + node, 0) - 50)).toBeLessThan(20)
  })

  test('are not aligned with the index', () => {
    const placer = placerOf([1, 1], 1000, { kind: 'roundRobin' })
    let evenOnFirst = 0
    for (let client = 0; client < 1000; client += 2) if (placer.nodeOf(client, 0) === 0) evenOnFirst++
    expect(Math.abs(evenOnFirst - 250)).toBeLessThan(50)
  })
})

describe('reconnects', () => {
  test('go to any node of the placement by weight, and differ from attempt to attempt', () => {
    const placer = placerOf([1, 4, 1], 5000, { kind: 'nodes', nodes: [0, 1] })
    const first = counts(placer, 5000, 3, 1)
    expect(Math.abs(first[0]! - 1000)).toBeLessThan(120)
    expect(first[2]).toBe(0)
    const changed = Array.from({ length: 5000 }, (_, client) => placer.nodeOf(client, 1) !== placer.nodeOf(client, 2)).filter(Boolean)
    expect(Math.abs(changed.length - 1600)).toBeLessThan(160) // 2 · 0.2 · 0.8 of 5000
  })
})

describe('clean sessions', () => {
  const cleanCount = (fields: Partial<GroupPlan> & { clients: number }) => {
    const clean = isClean(samplePlan(), sampleGroup(fields))
    return Array.from({ length: fields.clients }, (_, client) => clean(client)).filter(Boolean).length
  }

  test.each([
    [1, 7, 7],
    [0, 7, 0],
    [0.95, 10_000, 9500],
    [0.05, 200, 10],
    [0.5, 2, 1],
  ])('a share of %d of %i clients is %i of them', (cleanShare, clients, expected) => {
    expect(cleanCount({ cleanShare, clients })).toBe(expected)
  })

  test('are rounded up or down where a share is no whole number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 1000 }), (percent, clients) => {
        expect(Math.abs(cleanCount({ cleanShare: percent / 100, clients }) - (clients * percent) / 100)).toBeLessThan(1)
      }),
    )
  })
})
