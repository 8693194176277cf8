import { describe, expect, test } from 'vitest'
import { type Destination, localPortsUsed, socketsByNode } from '../../src/machine/ports.ts'
import { sampleEntry, sampleGroup, sampleNode, samplePlan, sampleSubscription } from '../load/sample-plan.ts'

const at = (address: string, port = 1883): Destination => ({ address, port })

function portsOf(plan: ReturnType<typeof samplePlan>, nodes: Destination[][]): number {
  const sources = plan.groups.map(({ sourceAddresses }) => sourceAddresses)
  return localPortsUsed(plan, nodes, sources, (group) => socketsByNode(plan, group))
}

describe('local ports', () => {
  const plan = (group: object, weights: number[]) =>
    samplePlan({ nodes: weights.map((weight, i) => sampleNode(`n${i}`, weight)), groups: [sampleGroup({ clients: 1000, ...group })] })

  test.each([
    { why: 'one address takes all', group: {}, nodes: [[at('a')]], weights: [1], ports: 1000 },
    { why: 'addresses of a node share', group: {}, nodes: [[at('a'), at('b')]], weights: [1], ports: 500 },
    { why: 'nodes share by weight', group: {}, nodes: [[at('a')], [at('b')]], weights: [1, 3], ports: 750 },
    {
      why: 'nodes in turn share equally',
      group: { placement: { kind: 'roundRobin' } },
      nodes: [[at('a')], [at('b')]],
      weights: [1, 3],
      ports: 500,
    },
    {
      why: 'named nodes only',
      group: { placement: { kind: 'nodes', nodes: [0] } },
      nodes: [[at('a')], [at('b')]],
      weights: [1, 3],
      ports: 1000,
    },
    { why: 'two nodes at one address add up', group: {}, nodes: [[at('a')], [at('a')]], weights: [1, 3], ports: 1000 },
    { why: 'two ports of one address do not', group: {}, nodes: [[at('a')], [at('a', 1884)]], weights: [1, 1], ports: 500 },
    { why: 'source addresses share', group: { sourceAddresses: ['10.0.0.1', '10.0.0.2'] }, nodes: [[at('a')]], weights: [1], ports: 500 },
    {
      why: 'only those share that lead there',
      group: { sourceAddresses: ['10.0.0.1', '10.0.0.2', 'fd00::1', '127.0.0.9'] },
      nodes: [[at('10.0.0.9')]],
      weights: [1],
      ports: 500,
    },
    {
      why: 'where none leads there the system chooses',
      group: { sourceAddresses: ['fd00::1', 'fd00::2'] },
      nodes: [[at('10.0.0.9')]],
      weights: [1],
      ports: 1000,
    },
  ])('$why', ({ group, nodes, weights, ports }) => {
    expect(portsOf(plan(group, weights), nodes)).toBe(ports)
  })

  test('clients are counted where their placement puts them', () => {
    const groups = [
      sampleGroup({ name: 'talks', placement: { kind: 'nodes', nodes: [0] }, publish: [sampleEntry({ topic: 't' })] }),
      sampleGroup({ index: 1, clients: 1000, placement: { kind: 'crossNode', share: 0.9 }, subscribe: [sampleSubscription('t')] }),
    ]
    expect(portsOf(samplePlan({ groups, nodes: [sampleNode('a'), sampleNode('b')] }), [[at('a')], [at('b')]])).toBe(900)
  })

  test('groups add up', () => {
    const groups = [sampleGroup({ clients: 300 }), sampleGroup({ name: 'b', index: 1, clients: 200 })]
    expect(portsOf(samplePlan({ groups }), [[at('a')]])).toBe(500)
  })
})
