import { describe, expect, test } from 'vitest'
import { socketsOf } from '../../src/load/ghost-estimate.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { localPortsUsed, socketsByNode } from '../../src/machine/ports.ts'

/** 1,000 sensors on two nodes and a region each, 500 others on the first node alone. */
function planOf({ faults = '', keepAlive = '60s', churn = '' }) {
  const text = `
brokers: [{ name: a, url: mqtt://a }, { name: b, url: mqtt://b }]
topics: { region: [eu, us] }
phases: { measure: 10m }
faults: [${faults}]
groups:
  sensors:
    clients: 1000
    keepAlive: ${keepAlive}
    placement: roundRobin
    ${churn}
    publish: [{ name: s, topic: "t/{region}/{client}", every: 1s }]
  others: { clients: 500, placement: [a], subscribe: [{ filter: x }] }`
  return loadScenario('ghosts.yaml', text, NO_OPTIONS)
}

const silent = (more: string, name = 'out') => `{ name: ${name}, at: 10s, drop: silent, ${more} }`
const sensors = 'clients: { groups: [sensors] }'

describe('sockets left in silence', () => {
  test.each([
    { why: 'none without faults', files: 0, ports: 0 },
    { why: 'none where connections end', faults: '{ name: out, at: 10s, drop: reset }', files: 0, ports: 0 },
    { why: 'one for each client that is struck', faults: silent('for: 10s'), files: 1500, ports: 1000 },
    { why: 'of the groups that are', faults: silent(sensors), files: 1000, ports: 500 },
    { why: 'of a share', faults: silent('clients: { groups: [sensors], share: 40% }'), files: 400, ports: 200 },
    { why: 'of a region', faults: silent('clients: { groups: [sensors], where: { region: eu }, share: 40% }'), files: 200, ports: 97 },
    { why: 'on a node', faults: silent('clients: { groups: [sensors], nodes: [a] }'), files: 500, ports: 500 },
    { why: 'on the other node', faults: silent('clients: { groups: [sensors], nodes: [b] }'), files: 500, ports: 0 },
    {
      why: 'of two faults, which may strike different clients',
      faults: `${silent('clients: { groups: [sensors], share: 40% }')}, ${silent('clients: { groups: [sensors], share: 20% }', 'two')}`,
      files: 600,
      ports: 300,
    },
    { why: 'no more than one for a client', faults: `${silent(sensors)}, ${silent(sensors, 'two')}`, files: 1000, ports: 500 },
    { why: 'none that the broker ends before its client is back', faults: silent(`for: 2m, ${sensors}`), files: 0, ports: 0 },
    { why: 'all where it has no reason to', faults: silent(`for: 2m, ${sensors}`), keepAlive: '0s', files: 1000, ports: 500 },
    { why: 'of those that churn has taken away', churn: 'churn: { connected: 45s, away: 15s, leave: silent }', files: 250, ports: 125 },
    {
      why: 'and whom the broker takes for connected',
      churn: 'churn: { connected: 60s, away: 60s, leave: silent }',
      keepAlive: '12s',
      files: 200,
      ports: 100,
    },
    { why: 'none of churn that says goodbye', churn: 'churn: { connected: 45s, away: 15s }', files: 0, ports: 0 },
  ])('$why', ({ files, ports, why: _, ...scenario }) => {
    const plan = planOf(scenario)
    const bare = planOf({})
    const needOf = (of: typeof plan) => {
      const destinations = [[{ address: 'a', port: 1883 }], [{ address: 'b', port: 1883 }]]
      const sources = of.groups.map(() => [])
      return { sockets: socketsOf(of), ports: localPortsUsed(of, destinations, sources, (group) => socketsByNode(of, group)) }
    }
    const [need, without] = [needOf(plan), needOf(bare)]
    expect(need.sockets - without.sockets).toBe(files)
    // Towards the first node, which has most.
    expect(need.ports - without.ports).toBe(ports)
  })
})
