import { expect, test } from 'vitest'
import type { Endpoint } from '../../src/net/transport.ts'
import type { Gain, LoopUse } from '../../src/run/messages.ts'
import { Strain } from '../../src/run/strain.ts'
import { Metrics } from '../../src/stats/metrics.ts'
import { sampleGroup, sampleNode, samplePlan } from '../load/sample-plan.ts'

const at = (address: string): Endpoint => ({ scheme: 'tcp', address, family: 4, port: 1883, hostname: address })
const plan = samplePlan({
  nodes: [sampleNode('a'), sampleNode('b')],
  groups: [sampleGroup(), sampleGroup({ name: 'far', index: 1, sourceAddresses: ['x', 'y'] })],
})

/** One second of one worker. */
function gain(changes: Partial<Gain> = {}): Gain {
  return {
    fromUs: 0,
    toUs: 1e6,
    metrics: new Metrics().take(),
    sent: 0,
    arrived: 0,
    fresh: 0,
    connected: 0,
    connectedByNode: [0, 0],
    missing: 0,
    arrivedClients: 0,
    backlog: 0,
    fullest: 0,
    loops: [],
    processes: [],
    machines: [],
    unwritable: 0,
    sockets: [0, 0, 0, 0],
    unverified: 0,
    ...changes,
  }
}

const strain = (destinations = [[at('1')], [at('2')]], isShared = true) => {
  const sourceAddresses = plan.groups.map((group) => group.sourceAddresses)
  return new Strain({ plan, endpoints: destinations, sourceAddresses }, { openFiles: 1000, localPorts: 500 }, 20, isShared)
}

/** A second of a loop. */
const use = (changes: Partial<LoopUse>): LoopUse => ({ worker: 0, allUs: 1e6, busyUs: 0, cpuUs: 0, waitingUs: 0, gcUs: 0, ...changes })

test('the time of each thread becomes shares of what it measured, in the order of the workers', () => {
  const all = strain()
  all.take('10/0', use({ cpuUs: 800_000, waitingUs: 100_000, gcUs: 20_000 }))
  all.take('9/0', use({ cpuUs: 100_000 }))
  all.take('10/0', use({ allUs: 3e6, cpuUs: 400_000, waitingUs: 300_000 }))
  expect(all.figures().threads).toEqual([
    { cpu: 0.1, waiting: 0, gc: 0 },
    { cpu: 0.3, waiting: 0.1, gc: 0.005 },
  ])
})

test('what one reading did not tell is unknown', () => {
  const all = strain()
  all.take('0/0', use({ cpuUs: 800_000, waitingUs: 100_000, gcUs: 20_000 }))
  all.take('0/0', use({ cpuUs: null, waitingUs: null }))
  expect(all.figures().threads).toEqual([{ cpu: null, waiting: null, gc: 0.01 }])
})

test('sockets that take no bytes are added up over workers, and looked at in measure only', () => {
  const all = strain()
  all.second([gain({ unwritable: 100 })], false)
  all.second([gain({ unwritable: 3 }), gain({ unwritable: 4 })], true)
  all.second([gain(), gain({ unwritable: 2 })], true)
  expect(all.figures().unwritable).toEqual({ mean: 4.5, peak: 7 })
})

test('files are the most sockets of any second, and what else is open', () => {
  const all = strain()
  all.second([gain({ sockets: [1, 2, 3, 4] }), gain({ sockets: [10, 0, 0, 0] })], false)
  all.second([gain({ sockets: [5, 5, 5, 0] })], true)
  expect(all.figures().files).toEqual({ used: 40, limit: 1000 })
})

test('files of processes are those of the fullest: each has a limit of its own', () => {
  const all = strain(undefined, false)
  all.second([gain({ sockets: [9, 0, 0, 0], fullest: 9 }), gain({ sockets: [20, 0, 0, 0], fullest: 12 })], true)
  expect(all.figures().files).toEqual({ used: 32, limit: 1000 })
})

test.each([
  { why: 'of the source address and destination that need most', destinations: [[at('1')], [at('2')]], used: 20 },
  { why: 'of all nodes behind one address', destinations: [[at('1')], [at('1')]], used: 22 },
  { why: 'shared by the addresses of a node', destinations: [[at('1')], [at('2'), at('3')]], used: 10 },
])('ports are those $why', ({ destinations, used }) => {
  const all = strain(destinations)
  // 10 and 7 clients from any address, 4 and 40 from two in turn.
  all.second([gain({ sockets: [6, 3, 2, 30] }), gain({ sockets: [4, 4, 2, 10] })], true)
  all.second([gain({ sockets: [0, 0, 0, 0] })], true)
  expect(all.figures().ports).toEqual({ used, limit: 500 })
})
