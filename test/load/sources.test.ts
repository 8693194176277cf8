import { describe, expect, test } from 'vitest'
import { Placer } from '../../src/load/placement.ts'
import { Sources, sourcesTowards } from '../../src/load/sources.ts'
import { sampleGroup, sampleNode, samplePlan } from './sample-plan.ts'

const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3']

function sharesOf(sources: Sources, clients: readonly number[], destination = '10.0.0.9'): number[] {
  const counts = new Map<string | null, number>()
  for (const client of clients) {
    const source = sources.of(client, destination)
    counts.set(source, (counts.get(source) ?? 0) + 1)
  }
  return [...counts.values()].sort((a, b) => a - b)
}

const all = (clients: number) => Array.from({ length: clients }, (_, client) => client)

describe('source addresses', () => {
  const group = sampleGroup({ clients: 1000 })
  const plan = samplePlan({ groups: [group], clients: 1000 })

  test('are the system’s choice where there are none', () => {
    expect(new Sources(plan, group, []).of(7, '127.0.0.1')).toBeNull()
  })

  test('have equal shares of the clients, and a client has the same each time', () => {
    const sources = new Sources(plan, group, ADDRESSES)
    expect(sharesOf(sources, all(1000))).toEqual([333, 333, 334])
    expect(all(1000).map((client) => sources.of(client, '10.0.0.9'))).toEqual(all(1000).map((client) => sources.of(client, '10.0.0.8')))
  })

  test.each([
    { why: 'a client in two', isMember: (client: number) => client % 2 === 0 },
    { why: 'a stretch of clients', isMember: (client: number) => client < 500 },
    { why: 'a node', isMember: (client: number) => new Placer(two, two.groups[0]!).nodeOf(client, 0) === 0 },
  ])('are spread about equally over $why', ({ isMember }) => {
    const shares = sharesOf(new Sources(plan, group, ['10.0.0.1', '10.0.0.2']), all(1000).filter(isMember))
    expect(shares).toHaveLength(2)
    expect(shares[0]).toBeGreaterThan(200)
  })

  test.each([
    { why: 'of the same family', destination: '10.0.0.9', towards: ['10.0.0.1'] },
    { why: 'of the other family', destination: 'fd00::9', towards: ['fd00::1'] },
    { why: 'of this machine', destination: '127.0.0.1', towards: ['10.0.0.1', '127.0.0.2'] },
    { why: 'of a name, as IPv4', destination: 'broker.example', towards: ['10.0.0.1'] },
    { why: 'of a name that looks like a number', destination: '127.example', towards: ['10.0.0.1'] },
  ])('lead to an address $why', ({ destination, towards }) => {
    const addresses = ['10.0.0.1', '127.0.0.2', 'fd00::1']
    expect(sourcesTowards(addresses, destination)).toEqual(towards)
    const seen = new Set(all(1000).map((client) => new Sources(plan, group, addresses).of(client, destination)))
    expect([...seen].sort()).toEqual(towards)
  })
})

const two = samplePlan({
  nodes: [sampleNode('a'), sampleNode('b')],
  groups: [sampleGroup({ clients: 1000, placement: { kind: 'roundRobin' } })],
  clients: 1000,
})
