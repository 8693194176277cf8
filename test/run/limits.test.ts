import { describe, expect, test } from 'vitest'
import { localPortsNeeded, type Machine, type Need, shortages, thisMachine } from '../../src/run/limits.ts'
import { MAX_PAIRS } from '../../src/stats/ledger.ts'
import { sampleEntry, sampleGroup, sampleNode, samplePlan, sampleSubscription } from '../load/sample-plan.ts'

const ENOUGH: Machine = { openFiles: 1000, localPorts: 1000, freeBytes: 1e9 }
const SMALL: Need = { openFiles: 1000, localPorts: 1000, memoryBytes: 1e9, pairs: 2 * MAX_PAIRS }

describe('a plan falls short', () => {
  test.each([
    { of: 'nothing, at the very limits', need: {}, machine: {}, words: [] },
    { of: 'open files', need: { openFiles: 1001 }, machine: {}, words: ['needs 1,001 open files, this process may have 1,000'] },
    { of: 'no open files where there is no limit', need: { openFiles: 1e9 }, machine: { openFiles: null }, words: [] },
    {
      of: 'local ports',
      need: { localPorts: 1001 },
      machine: {},
      words: ['needs 1,001 local ports towards one broker address, the kernel gives 1,000'],
    },
    { of: 'no local ports where their number is unknown', need: { localPorts: 1e9 }, machine: { localPorts: null }, words: [] },
    {
      of: 'pairs',
      need: { pairs: 2 * MAX_PAIRS + 1 },
      machine: {},
      words: ['has 134,217,729 pairs of subscriber and stream, and 2 workers can keep account of 134,217,728'],
    },
    { of: 'memory', need: { memoryBytes: 2 ** 31 }, machine: {}, words: ['needs about 2 GiB of memory, 954 MiB are free'] },
  ])('of $of', ({ need, machine, words }) => {
    const found = shortages({ ...SMALL, ...need }, { ...ENOUGH, ...machine }, 2)
    expect(found.map((shortage) => shortage.words)).toEqual(words)
    expect(found.map((shortage) => shortage.isRefusal)).toEqual(words.map((text) => !text.includes('memory')))
  })
})

test('this machine is known', () => {
  const { freeBytes, openFiles } = thisMachine()
  expect(freeBytes).toBeGreaterThan(0)
  expect(openFiles ?? 1).toBeGreaterThan(0)
})

describe('local ports', () => {
  const at = (address: string, port = 1883) => ({ address, port })
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
    { why: 'source addresses share', group: { sourceAddresses: ['x', 'y', 'z', 'w'] }, nodes: [[at('a')]], weights: [1], ports: 250 },
  ])('$why', ({ group, nodes, weights, ports }) => {
    expect(localPortsNeeded(plan(group, weights), nodes)).toBe(ports)
  })

  test('clients are counted where their placement puts them', () => {
    const groups = [
      sampleGroup({ name: 'talks', placement: { kind: 'nodes', nodes: [0] }, publish: [sampleEntry({ topic: 't' })] }),
      sampleGroup({ index: 1, clients: 1000, placement: { kind: 'crossNode', share: 0.9 }, subscribe: [sampleSubscription('t')] }),
    ]
    expect(localPortsNeeded(samplePlan({ groups, nodes: [sampleNode('a'), sampleNode('b')] }), [[at('a')], [at('b')]])).toBe(900)
  })

  test('groups add up', () => {
    const groups = [sampleGroup({ clients: 300 }), sampleGroup({ name: 'b', index: 1, clients: 200 })]
    expect(localPortsNeeded(samplePlan({ groups }), [[at('a')]])).toBe(500)
  })
})
