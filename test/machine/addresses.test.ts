import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Placer } from '../../src/load/placement.ts'
import type { GroupPlan, Placement, Plan } from '../../src/load/plan.ts'
import { Sources } from '../../src/load/sources.ts'
import { addressesHere, foreignAddresses, loopbackAddresses, sourceAddressesOf } from '../../src/machine/addresses.ts'
import { routedHere } from '../../src/machine/bind.ts'
import type { Destination } from '../../src/machine/ports.ts'
import { sampleGroup, sampleNode, samplePlan } from '../load/sample-plan.ts'

const PORTS = 28_232
const HERE: Destination = { address: '127.0.0.1', port: 1883 }
const THERE: Destination = { address: '10.0.0.9', port: 1883 }

function planOf(groups: Partial<GroupPlan>[], nodes = 1, seed = 42): Plan {
  const all = groups.map((group, index) => sampleGroup({ name: `g${index}`, ...group, index }))
  const clients = all.reduce((sum, group) => sum + group.clients, 0)
  return samplePlan({ seed, clients, groups: all, nodes: Array.from({ length: nodes }, (_, i) => sampleNode(`n${i}`)) })
}

describe('a run connects from', () => {
  test.each([
    { why: 'as many of 127.0.0.0/8 as leave each most of its ports', clients: 1_000_000, to: [HERE], addresses: 284 },
    { why: 'the system’s choice, where that has half of its ports left', clients: 14_116, to: [HERE], addresses: 0 },
    { why: 'several where it has not', clients: 14_117, to: [HERE], addresses: 5 },
    { why: 'fewer where a node has two addresses', clients: 1_000_000, to: [HERE, { ...HERE, port: 1884 }], addresses: 155 },
    { why: 'the system’s choice to elsewhere', clients: 1_000_000, to: [THERE], addresses: 0 },
  ])('$why: $clients clients', ({ clients, to, addresses }) => {
    const [found] = sourceAddressesOf(planOf([{ clients }]), [to], PORTS)
    expect(found).toHaveLength(addresses)
    expect(new Set(found).size).toBe(addresses)
    expect(found).not.toContain('127.0.0.1')
  })

  test('the addresses that a group is given, which are nobody else’s', () => {
    const plan = planOf([{ clients: 100_000, sourceAddresses: ['127.0.0.2', '127.0.0.3'] }, { clients: 20_000 }])
    expect(sourceAddressesOf(plan, [[HERE]], PORTS)).toEqual([
      ['127.0.0.2', '127.0.0.3'],
      ['127.0.0.4', '127.0.0.5', '127.0.0.6', '127.0.0.7', '127.0.0.8', '127.0.0.9'],
    ])
  })

  test('the same for all groups that have none, as they share the ports', () => {
    const [a, b] = sourceAddressesOf(planOf([{ clients: 10_000 }, { clients: 10_000 }]), [[HERE]], PORTS)
    expect(a).toHaveLength(6)
    expect(b).toEqual(a)
  })

  test('the system’s choice where the ports are not known: such loopbacks have one address', () => {
    expect(sourceAddressesOf(planOf([{ clients: 1_000_000 }]), [[HERE]], null)).toEqual([[]])
  })

  test('sockets that are left in silence count', () => {
    const churn = { connectedUs: 30e6, awayUs: 30e6, leave: 'silent' } as const
    expect(sourceAddressesOf(planOf([{ clients: 14_000, churn, keepAliveS: 0 }]), [[HERE]], PORTS)[0]).toHaveLength(6)
  })
})

test('no pair of source and destination has more than half of the ports, or where there are several, an eighth', () => {
  const placements: Placement[] = [{ kind: 'weighted' }, { kind: 'roundRobin' }, { kind: 'random' }, { kind: 'nodes', nodes: [0] }]
  const group = fc.record({ clients: fc.integer({ min: 1, max: 6000 }), placement: fc.constantFrom(...placements) })
  const ways = fc.array(fc.constantFrom(HERE, { ...HERE, port: 1884 }, { ...HERE, address: '127.0.0.7' }, THERE), {
    minLength: 1,
    maxLength: 3,
  })
  const property = fc.property(
    fc.array(group, { minLength: 1, maxLength: 4 }),
    fc.array(ways, { minLength: 1, maxLength: 3 }),
    fc.integer({ min: 400, max: 4000 }),
    fc.nat(),
    (groups, destinations, ports, seed) => {
      const plan = planOf(groups, destinations.length, seed)
      const sources = sourceAddressesOf(plan, destinations, ports)
      const used = new Map<string, number>()
      for (const group of plan.groups) {
        const [of, placer] = [new Sources(plan, group, sources[group.index]!), new Placer(plan, group)]
        for (let client = 0; client < group.clients; client++) {
          const endpoints = destinations[placer.nodeOf(client, 0)]!
          const { address, port } = endpoints[client % endpoints.length]!
          if (address === THERE.address) continue
          const source = of.of(client, address)
          expect(source).not.toBe(address)
          // null, the system's choice, is one address.
          used.set(`${source} ${address} ${port}`, (used.get(`${source} ${address} ${port}`) ?? 0) + 1)
        }
      }
      const isOne = sources.every((addresses) => addresses.length === 0)
      expect(Math.max(0, ...used.values())).toBeLessThanOrEqual(Math.floor(ports / (isOne ? 2 : 8)))
    },
  )
  fc.assert(property, { numRuns: 60 })
})

test('addresses of 127.0.0.0/8 are neither nets nor broadcasts, nor those of brokers', () => {
  const addresses = loopbackAddresses(70_000, new Set(['127.0.0.1', '127.0.1.5']))
  expect(new Set(addresses).size).toBe(70_000)
  expect(addresses.slice(0, 2)).toEqual(['127.0.0.2', '127.0.0.3'])
  expect(addresses.filter((address) => /\.(0|255)$/.test(address))).toEqual([])
  expect(addresses).not.toContain('127.0.1.5')
  expect(addresses).toContain('127.1.0.1')
})

describe('of the addresses that a scenario gives', () => {
  const OWN = ['10.0.0.5', 'fd00::5']

  test.each([
    { why: 'this machine’s are used', given: [['10.0.0.5', '127.0.0.9'], []], alone: true },
    { why: 'IPv6 may be written otherwise', given: [['fd00:0:0::0005', '::1']], alone: true },
  ])('$why', ({ given, alone }) => {
    expect(addressesHere(given, OWN, alone)).toEqual(given)
  })

  test('several machines use those that each has', () => {
    expect(addressesHere([['10.0.0.5', '10.0.0.6'], []], OWN, false)).toEqual([['10.0.0.5'], []])
  })

  test.each([
    {
      why: 'one machine has to have them all',
      given: ['10.0.0.5', '10.0.0.7'],
      own: OWN,
      alone: true,
      words: 'this machine has no address 10.0.0.7; it has 10.0.0.5, fd00::5',
    },
    {
      why: 'one of several machines has to have some',
      given: ['10.0.0.7', '10.0.0.8'],
      own: OWN,
      alone: false,
      words: 'this machine has none of the addresses 10.0.0.7, 10.0.0.8; it has 10.0.0.5, fd00::5',
    },
    {
      why: 'a machine without addresses',
      given: ['10.0.0.7'],
      own: [],
      alone: true,
      words: 'this machine has no address 10.0.0.7; it has none but loopback',
    },
  ])('$why', ({ given, own, alone, words }) => {
    expect(() => addressesHere([given], own, alone)).toThrow(words)
  })

  test('those that no interface shows are asked for by a socket', async () => {
    const given = [['127.0.0.9', '192.0.2.77', '10.0.0.5']]
    expect(foreignAddresses(given, OWN)).toEqual(['192.0.2.77'])
    expect(await routedHere([['::1', '192.0.2.77']], [])).toEqual([])
    // 0.0.0.0 stands for an address that no interface shows and that can be bound to.
    expect(await routedHere([['0.0.0.0', '192.0.2.77']], OWN)).toEqual(['0.0.0.0'])
  })
})
