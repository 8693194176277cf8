import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Aedes } from 'aedes'
import { afterAll, describe, expect, test } from 'vitest'
import type { EnvironmentError } from '../../src/errors.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { resolveUrl } from '../../src/net/resolve.ts'
import { type Probed, probe } from '../../src/run/probe.ts'
import { type LyingBroker, type LyingBrokerOptions, startLyingBroker } from '../helpers/lying-broker.ts'
import { freePort } from '../helpers/ports.ts'

/** The probe against brokers that allow little, are not one cluster, or are not there. */
async function probeOf(groups: object, urls: readonly string[]): Promise<Probed> {
  const plan = loadScenario('scenario.yaml', JSON.stringify({ settle: '0s', groups }), { ...NO_OPTIONS, brokers: urls })
  const endpoints = await Promise.all(plan.nodes.map(({ url }) => resolveUrl(url)))
  return probe({ plan, endpoints, sourceAddresses: plan.groups.map(() => []), files: new Map() }, '.')
}

/** What the probe throws, as a user reads it. */
async function wrongWith(groups: object, urls: readonly string[]): Promise<string> {
  const error = await probeOf(groups, urls).then(
    () => null,
    (thrown: EnvironmentError) => thrown,
  )
  expect(error).toMatchObject({ code: 'ENVIRONMENT', exitCode: 2, hint: expect.stringContaining('--skip-probe') })
  return error!.message
}

/** Tests run together here, so what they start ends with the last of them. */
const closers: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closers) await close()
})

async function lying(options: LyingBrokerOptions = {}): Promise<LyingBroker> {
  const broker = await startLyingBroker(options)
  closers.push(() => broker.close())
  return broker
}

/** A cluster of two, as its clients see it: one broker behind two ports. It has no MQTT 5. */
async function cluster(): Promise<string[]> {
  const broker = await Aedes.createBroker()
  const servers = [createServer(broker.handle), createServer(broker.handle)]
  closers.push(() => {
    for (const server of servers) server.close()
    return new Promise<void>((resolve) => broker.close(resolve))
  })
  return Promise.all(
    servers.map(async (server) => {
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`
    }),
  )
}

const LISTENER = { all: { subscribe: [{ filter: 'a/#' }] } }
const FREE = {
  maximumQoS: 2,
  retainAvailable: true,
  sharedSubscriptionAvailable: true,
  wildcardSubscriptionAvailable: true,
  subscriptionIdentifierAvailable: true,
  receiveMaximum: 65_535,
  maximumPacketSize: 268_435_460,
  topicAliasMaximum: 0,
  sessionExpiryS: null,
  serverKeepAliveS: null,
}

describe.concurrent('the probe', () => {
  test('knows which versions a node takes and what it allows, publishes nothing on a single one, and leaves nothing', async () => {
    const broker = await lying()
    expect(await probeOf(LISTENER, [broker.url])).toEqual({
      brokers: [{ software: null, versions: ['3.1', '3.1.1', '5'], limits: FREE }],
      warnings: [],
    })
    expect(broker.connects.map(({ protocolVersion }) => protocolVersion).sort()).toEqual([3, 4, 5])
    for (const { clientId } of broker.connects) expect(clientId).toMatch(/^mqtt-scale-probe-\w{6}$/)
    await broker.until(() => broker.sessions().length === 0)
    expect(broker.counts).toMatchObject({ published: 0 })
  })

  test('reads the limits of the MQTT 5 CONNACK, also where the groups have MQTT 3.1.1', async () => {
    const connack = {
      maximumQoS: 1,
      retainAvailable: false,
      sharedSubscriptionAvailable: false,
      receiveMaximum: 7,
      maximumPacketSize: 9000,
    }
    const broker = await lying({ connack: { ...connack, topicAliasMaximum: 3, serverKeepAlive: 30, sessionExpiryInterval: 60 } })
    const { brokers } = await probeOf(LISTENER, [broker.url])
    const told = { ...connack, topicAliasMaximum: 3, serverKeepAliveS: 30, sessionExpiryS: 60 }
    expect(brokers).toEqual([{ software: null, versions: ['3.1', '3.1.1', '5'], limits: { ...FREE, ...told } }])
  })

  test('asks for the longest session of the groups, and ends it', async () => {
    const broker = await lying()
    await probeOf({ all: { version: 5, cleanSession: false, sessionExpiry: '1h' } }, [broker.url])
    const asked = broker.connects.filter(({ properties }) => properties?.sessionExpiryInterval === 3600)
    expect(asked).toHaveLength(1)
    expect(broker.connects.filter(({ clientId }) => clientId === asked[0]!.clientId)).toHaveLength(2)
    await broker.until(() => broker.sessions().length === 0)
  })

  test('uses the access of the first group that may use the node, as its client 0 has it', async () => {
    const brokers = [await lying(), await lying()]
    const groups = {
      first: { username: '{group}-{client}', password: 'x', placement: ['node-1'] },
      second: { username: '{group}-{client}', password: 'y', clients: 9, version: 3.1, placement: ['node-2'] },
    }
    await wrongWith(groups, [brokers[0]!.url, brokers[1]!.url])
    expect(brokers.map(({ connects: [first] }) => [first!.username, String(first!.password), first!.protocolVersion])).toEqual([
      ['first-0', 'x', 4],
      ['second-0', 'y', 3],
    ])
  })

  test('is satisfied with two nodes that are one cluster', async () => {
    const { brokers, warnings } = await probeOf(LISTENER, await cluster())
    const aedes = { software: null, versions: ['3.1', '3.1.1'], limits: null }
    expect({ brokers, warnings }).toEqual({ brokers: [aedes, aedes], warnings: [] })
  })

  test('gives a cluster time to pass the first messages on', async () => {
    const { url } = await lying({ lie: { drop: (_, index) => index < 10 } })
    expect((await probeOf(LISTENER, [url, url])).warnings).toEqual([])
  })

  test('names two nodes that are not one cluster', async () => {
    const [a, b] = [await lying(), await lying()]
    expect(await wrongWith(LISTENER, [a.url, b.url])).toBe(
      'nodes node-1 and node-2 are not one cluster: what is published on node-1 does not reach node-2, nor the other way round',
    )
  })

  test('says which way the messages are lost', async () => {
    const isFromSecond = (payload: Buffer) => payload.toString() === '1'
    const { url } = await lying({ lie: { drop: (d) => isFromSecond(d.payload) && d.clientId !== d.subscriber } })
    expect(await wrongWith(LISTENER, [url, url])).toBe(
      'nodes node-2 and node-1 are not one cluster: what is published on node-2 does not reach node-1',
    )
  })

  test('tells a node that loses its own messages from a cluster that is none', async () => {
    const { url } = await lying({ lie: { drop: (d) => d.payload.toString() === '0' } })
    expect(await wrongWith(LISTENER, [url, url])).toBe(
      'node node-1: what is published there under mqtt-scale/probe/ does not come back: may its clients use that topic?',
    )
  })

  test('warns where it may not subscribe', async () => {
    const { url } = await lying({ lie: { subackCode: () => 0x80 } })
    const { warnings } = await probeOf(LISTENER, [url, url])
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toBe(
      'node node-1 refuses a subscription to mqtt-scale/probe/#: whether it gets what others publish was not checked',
    )
  })

  test('names each node that is not there, and why', async () => {
    const { url } = await lying()
    const dead = [`mqtt://127.0.0.1:${await freePort()}`, `mqtt://127.0.0.1:${await freePort()}`]
    expect(await wrongWith(LISTENER, [dead[0]!, url, dead[1]!])).toBe(
      `node node-1, ${dead[0]}, can't be reached: ECONNREFUSED\nnode node-3, ${dead[1]}, can't be reached: ECONNREFUSED`,
    )
  })

  test.each([
    { what: 'a refusal', lie: { refuseConnect: () => 5 }, says: 'refuses a client like those of group all: CONNACK 0x05: not authorized' },
    { what: 'garbage', lie: { answerConnect: () => Uint8Array.of(0, 1, 2) }, says: "can't be reached: protocol error:" },
  ])('says what is wrong where a node answers with $what', async ({ lie, says }) => {
    const { url } = await lying({ lie })
    expect(await wrongWith(LISTENER, [url])).toContain(`node node-1, ${url}, ${says}`)
  })

  test('says in words why a node refuses MQTT 5', async () => {
    const { url } = await lying({ lie: { refuseConnect: () => 0x86 } })
    expect(await wrongWith({ all: { version: 5 } }, [url])).toMatch(/CONNACK 0x86: wrong user name or password$/)
  })

  test('warns of a group whose version a node does not take', async () => {
    const [url] = await cluster()
    const { warnings } = await probeOf({ old: {}, young: { version: 5 } }, [url!])
    expect(warnings).toEqual(['group young: node node-1 does not take MQTT 5'])
  })
})

describe.concurrent('a scenario that asks for more than the node allows', () => {
  const connack = {
    maximumQoS: 1,
    retainAvailable: false,
    sharedSubscriptionAvailable: false,
    maximumPacketSize: 1000,
  } as const
  const publish = (entry: object) => ({ publish: [{ topic: 'a', every: '1s', ...entry }] })

  test.each([
    { why: 'only QoS that it does not take', group: publish({ qos: 2 }), says: 'takes no QoS 2, which stream g sends' },
    { why: 'retained messages', group: publish({ retain: true }), says: 'keeps no retained messages, which stream g sends' },
    {
      why: 'packets that are all too large',
      group: publish({ payload: { bytes: { min: 1000, max: 2000 } } }),
      says: 'takes packets of up to 1,000 B, stream g sends',
    },
    { why: 'a shared subscription', group: { subscribe: [{ filter: '$share/s/a' }] }, says: 'has no shared subscriptions: $share/s/a' },
    { why: 'a will of too high a QoS', group: { will: { topic: 'w', qos: 2 } }, says: 'takes no QoS 2, which its will has' },
    { why: 'a retained will', group: { will: { topic: 'w', retain: true } }, says: 'keeps no retained messages, which its will is to be' },
  ])('is refused with MQTT 5, and warned of below: $why', async ({ group, says }) => {
    const { url } = await lying({ connack })
    expect(await wrongWith({ g: { version: 5, ...group } }, [url])).toContain(`group g: node node-1 ${says}`)
    const { warnings } = await probeOf({ g: group }, [url])
    expect(warnings).toEqual([expect.stringContaining(`group g: node node-1 ${says}`)])
  })

  test.each([
    { why: 'some messages', group: publish({ qos: { 1: '80%', 2: '20%' } }), says: 'takes no QoS 2' },
    { why: 'the largest messages', group: publish({ payload: { bytes: { min: 100, max: 2000 } } }), says: 'takes packets of up to' },
  ])('is warned of where it concerns only $why', async ({ group, says }) => {
    const { url } = await lying({ connack })
    const { warnings } = await probeOf({ g: { version: 5, ...group } }, [url])
    expect(warnings).toEqual([expect.stringContaining(`group g: node node-1 ${says}`)])
  })

  test('is warned that its sessions are kept for a shorter time', async () => {
    const { url } = await lying({ connack: { sessionExpiryInterval: 60 } })
    const { warnings } = await probeOf({ g: { version: 5, cleanSession: false, sessionExpiry: '1h' } }, [url])
    expect(warnings).toEqual(['group g: node node-1 keeps sessions for 60 s only'])
  })

  test('and nothing is said of what is allowed', async () => {
    const { url } = await lying({ connack })
    const group = { ...publish({ qos: 1, payload: { bytes: 900 } }), subscribe: [{ filter: 'a/+', qos: 2 }], will: { topic: 'w', qos: 1 } }
    expect((await probeOf({ g: { version: 5, ...group } }, [url])).warnings).toEqual([])
  })
})

describe.concurrent('a node with too little weight', () => {
  async function warningsOf(weights: readonly number[], groups: object): Promise<readonly string[]> {
    const [url] = await cluster()
    const brokers = weights.map((weight, i) => ({ name: 'abc'[i], url, weight }))
    const text = JSON.stringify({ settle: '0s', brokers, groups })
    const plan = loadScenario('scenario.yaml', text, NO_OPTIONS)
    const endpoints = await Promise.all(plan.nodes.map(({ url }) => resolveUrl(url)))
    return (await probe({ plan, endpoints, sourceAddresses: plan.groups.map(() => []), files: new Map() }, '.')).warnings
  }

  test('is warned of where no client connects to it', async () => {
    const words = 'node c gets none of the 100 clients: its weight is 0.001 of 2.001'
    expect(await warningsOf([1, 1, 0.001], { all: { clients: 100 } })).toEqual([words])
    const groups = { some: { clients: 40, placement: ['b', 'c'] }, others: { clients: 5, placement: ['a', 'b'] } }
    expect(await warningsOf([1, 1, 0.001], groups)).toEqual(['node c gets none of the 40 clients: its weight is 0.001 of 2.001'])
  })

  test.each([
    { why: 'its few clients are what its weight says', weights: [1, 1, 0.1], groups: { all: { clients: 100 } } },
    { why: 'a single client in a hundred thousand', weights: [1, 1, 0.00003], groups: { all: { clients: 100_000 } } },
    { why: 'there are fewer clients than nodes of the same weight', weights: [1, 1, 1], groups: { all: { clients: 2 } } },
    { why: 'another group is put there', weights: [1, 1, 0.001], groups: { all: { clients: 100 }, one: { placement: ['c'] } } },
    { why: 'weights are not asked', weights: [1, 1, 0.001], groups: { all: { clients: 100, placement: 'roundRobin' } } },
    { why: 'it is wanted by no group', weights: [1, 1, 0.001], groups: { all: { clients: 100, placement: ['a', 'b'] } } },
  ])('is not where $why', async ({ weights, groups }) => expect(await warningsOf(weights, groups)).toEqual([]))
})
