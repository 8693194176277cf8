import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import { afterEach, describe, expect, test } from 'vitest'
import { AUTH, type Counts, type Lies, matches } from './lies.ts'
import { type LyingBroker, startLyingBroker } from './lying-broker.ts'

const open: { broker: LyingBroker; clients: MqttClient[] }[] = []
afterEach(async () => {
  for (const { broker, clients } of open.splice(0)) {
    for (const client of clients) client.end(true)
    await broker.close()
  }
})

interface Scene {
  readonly broker: LyingBroker
  client(options?: IClientOptions): Promise<MqttClient>
}

async function scene(lie: Lies = {}, connack = {}): Promise<Scene> {
  const broker = await startLyingBroker({ lie, connack })
  const clients: MqttClient[] = []
  open.push({ broker, clients })
  return {
    broker,
    client(options = {}) {
      const client = connect(broker.url, { reconnectPeriod: 0, protocolVersion: 5, ...options })
      const list: string[] = []
      client.on('message', (topic, payload) => list.push(`${topic} ${payload.toString('latin1')}`))
      lists.set(client, list)
      clients.push(client)
      return new Promise((resolve, reject) => {
        client.once('connect', () => resolve(client))
        client.on('error', reject)
      })
    },
  }
}

/** All that each client has received, as `topic payload`, from its first packet on. */
const lists = new WeakMap<MqttClient, string[]>()
const received = (client: MqttClient): string[] => lists.get(client)!

const next = (client: MqttClient, event: 'message' | 'close' | 'error'): Promise<void> =>
  new Promise((resolve) => client.once(event, () => resolve()))

/** What a client has received, as soon as there are n. */
async function receive(client: MqttClient, n: number): Promise<string[]> {
  while (received(client).length < n) await next(client, 'message')
  return received(client)
}

/** When its SUBACK is here, so is all that the broker had sent this client before. */
const flush = (client: MqttClient) => client.subscribeAsync('flush', { qos: 0 })

/** Publishes 0 … 3 on a/b from `pub` to `sub`, with the lie; what arrived, and what the broker counted beside the ordinary. */
async function run(lie: Lies, options: { qos?: 0 | 1 | 2; expected?: number; version?: 4 | 5 } = {}) {
  const { qos = 1, expected = 4, version = 5 } = options
  const { broker, client } = await scene(lie)
  const sub = await client({ clientId: 'sub', protocolVersion: version })
  const other = await client({ clientId: 'other', protocolVersion: version })
  const pub = await client({ clientId: 'pub', protocolVersion: version })
  await sub.subscribeAsync('a/#', { qos })
  const codes: number[] = []
  for (let i = 0; i < 4; i++) {
    await pub.publishAsync('a/b', `${i}`, { qos }).catch((error) => codes.push(error.code))
  }
  await flush(pub)
  await receive(sub, expected)
  await flush(sub)
  await flush(other)
  return { received: received(sub).map((line) => line.replace('a/b ', '')), stray: received(other), codes, counts: broker.counts }
}

describe('the lying broker, when it is honest,', () => {
  test.each([
    { qos: 0, version: 4 },
    { qos: 1, version: 4 },
    { qos: 2, version: 4 },
    { qos: 0, version: 5 },
    { qos: 1, version: 5 },
    { qos: 2, version: 5 },
  ] as const)('delivers each message once, in order: QoS $qos, version $version', async ({ qos, version }) => {
    const { received, stray, counts } = await run({}, { qos, version })
    expect(received).toEqual(['0', '1', '2', '3'])
    expect(stray).toEqual([])
    expect(counts).toMatchObject({ published: 4, routed: 4, delivered: 4, duplicated: 0, dropped: 0, connected: 3, absent: 0 })
  })

  test('keeps a persistent session with its queue, and repeats what was not acknowledged', async () => {
    const { broker, client } = await scene()
    const options = { clientId: 'sub', clean: false, protocolVersion: 4 } as const
    const first = await client(options)
    await first.subscribeAsync('a', { qos: 1 })
    await first.endAsync()
    const pub = await client()
    await pub.publishAsync('a', 'one', { qos: 1 })
    await pub.publishAsync('a', 'lost', { qos: 0 })
    const socket = connectSocket(broker.port, '127.0.0.1')
    // CONNECT without clean session as "sub", which then leaves without a PUBACK.
    socket.write(Buffer.from('100f00044d5154540400003c0003737562', 'hex'))
    await broker.until((counts) => counts.delivered === 1)
    socket.destroy()
    await broker.until(() => broker.sessions('connected').length === 1)
    const again = await client(options)
    expect(await receive(again, 1)).toEqual(['a one'])
    expect(broker.counts).toMatchObject({ queued: 1, absent: 1, resent: 1, delivered: 1 })
  })

  test('a session ends with its connection when it is clean', async () => {
    const { broker, client } = await scene()
    const sub = await client({ clientId: 'sub', protocolVersion: 4 })
    await sub.subscribeAsync('a', { qos: 1 })
    await sub.endAsync()
    await broker.until(() => broker.sessions().length === 0)
    await (await client({ clientId: 'pub' })).publishAsync('a', 'x', { qos: 1 })
    expect(broker.counts).toMatchObject({ routed: 0, queued: 0 })
  })

  test('retains, replaces and clears', async () => {
    const { broker, client } = await scene()
    const pub = await client()
    for (const [topic, payload] of [
      ['a/1', 'old'],
      ['a/1', 'new'],
      ['a/2', 'x'],
      ['a/2', ''],
    ] as const) {
      // biome-ignore format: a table
      await pub.publishAsync(topic, payload, { qos: 1, retain: true })
    }
    expect(broker.retained()).toEqual(['a/1'])
    await pub.subscribeAsync('a/+', { qos: 1 })
    expect(await receive(pub, 1)).toEqual(['a/1 new'])
    expect(broker.counts.retainedSent).toBe(1)
  })

  test('gives a shared subscription in turn, and one copy to overlapping filters', async () => {
    const { client } = await scene()
    const [one, two, pub] = [await client(), await client(), await client()]
    for (const member of [one, two]) await member.subscribeAsync('$share/g/a/#', { qos: 1 })
    await one.subscribeAsync(['b/+', 'b/#'], { qos: 1 })
    for (const payload of ['0', '1', '2', '3']) await pub.publishAsync('a/b', payload, { qos: 1 })
    await pub.publishAsync('b/c', 'once', { qos: 1 })
    await Promise.all([one, two].map(flush))
    expect([one, two].map(received)).toEqual([
      ['a/b 0', 'a/b 2', 'b/c once'],
      ['a/b 1', 'a/b 3'],
    ])
  })

  test('publishes the will of a client that was cut off, not of one that left', async () => {
    const { broker, client } = await scene()
    const watcher = await client()
    await watcher.subscribeAsync('wills/#')
    const will = (name: string) =>
      ({ clientId: name, will: { topic: `wills/${name}`, payload: Buffer.from('gone'), qos: 0, retain: false } }) as const
    await (await client(will('polite'))).endAsync()
    await client(will('cut'))
    broker.kick('cut', 'reset')
    expect(await receive(watcher, 1)).toEqual(['wills/cut gone'])
    expect(broker.counts).toMatchObject({ wills: 1, closed: 1 })
  })

  test('publishes a delayed will when its delay has passed, unless its client is back in its session by then', async () => {
    const { broker, client } = await scene()
    const watcher = await client()
    await watcher.subscribeAsync('wills/#')
    const mortal = (clientId: string) =>
      ({
        clientId,
        clean: false,
        properties: { sessionExpiryInterval: 60 },
        will: { topic: `wills/${clientId}`, payload: Buffer.from('gone'), qos: 0, retain: false, properties: { willDelayInterval: 1 } },
      }) as const
    for (const name of ['away', 'back', 'new']) await client(mortal(name))
    for (const name of ['away', 'back', 'new']) broker.kick(name, 'reset')
    await client(mortal('back'))
    await client({ ...mortal('new'), clean: true })
    expect(broker.counts.wills).toBe(1)
    expect(await receive(watcher, 2)).toEqual(['wills/new gone', 'wills/away gone'])
  })

  test('ends the connection of a client that has been silent for one and a half keep alives', async () => {
    const { broker, client } = await scene()
    const watcher = await client()
    await watcher.subscribeAsync('wills/#')
    const will = { topic: 'wills/silent', payload: Buffer.from('gone'), qos: 0, retain: false } as const
    const silent = await client({ clientId: 'silent', keepalive: 1, timerVariant: { set: () => 0, clear: () => undefined }, will })
    await next(silent, 'close')
    expect(await receive(watcher, 1)).toEqual(['wills/silent gone'])
    expect(broker.counts).toMatchObject({ silenced: 1, wills: 1 })
  })

  test('understands topic aliases, and sends no more than the receive maximum', async () => {
    const { broker, client } = await scene({}, { topicAliasMaximum: 2 })
    const sub = await client({ clientId: 'sub', properties: { receiveMaximum: 1 } })
    const subscribed = sub.subscribeAsync('a', { qos: 1 })
    const pub = await client({ autoAssignTopicAlias: true })
    const published = Promise.all(['x', 'y', 'z'].map((payload) => subscribed.then(() => pub.publishAsync('a', payload, { qos: 1 }))))
    const deliveredAt: number[] = []
    sub.handleMessage = (_packet, acknowledge) => {
      void published.then(() => {
        deliveredAt.push(broker.counts.delivered)
        acknowledge()
      })
    }
    expect(await receive(sub, 3)).toEqual(['a x', 'a y', 'a z'])
    expect(deliveredAt.slice(0, 2)).toEqual([1, 2])
  })

  test('recognises the repeat of a QoS 2 message', async () => {
    const { broker } = await scene()
    const socket = connectSocket(broker.port, '127.0.0.1')
    const publish = '000161000178'
    socket.write(Buffer.from(`100f00044d5154540402003c00037075623406${publish}3c06${publish}`, 'hex'))
    await broker.until((counts) => counts.repeated === 1)
    socket.destroy()
    expect(broker.counts).toMatchObject({ published: 1, publishedAgain: 0 })
  })

  test('ends the earlier connection of a client that connects again', async () => {
    const { broker, client } = await scene()
    const first = await client({ clientId: 'same' })
    const closed = next(first, 'close')
    await client({ clientId: 'same' })
    await closed
    expect(broker.counts.takeovers).toBe(1)
    expect(broker.sessions('connected')).toEqual(['same'])
  })
})

describe('the lying broker lies about connections', () => {
  const mortal = (clientId: string) =>
    ({ clientId, will: { topic: `wills/${clientId}`, payload: Buffer.from('gone'), qos: 0, retain: false } }) as const

  test('and publishes the will of a client that left, and none of one that was cut off', async () => {
    const { broker, client } = await scene({ falseWill: (id) => id === 'polite', noWill: (id) => id === 'cut' })
    const watcher = await client()
    await watcher.subscribeAsync('wills/#')
    await client(mortal('cut'))
    broker.kick('cut', 'reset')
    await (await client(mortal('polite'))).endAsync()
    expect(await receive(watcher, 1)).toEqual(['wills/polite gone'])
    expect(broker.counts).toMatchObject({ wills: 1, falseWills: 1, withheldWills: 1 })
  })

  test('and lets two connections of one client stand', async () => {
    const { broker, client } = await scene({ twoSessions: (id) => id === 'same' })
    const watcher = await client()
    await watcher.subscribeAsync('a')
    const first = await client({ clientId: 'same' })
    await client({ clientId: 'same' })
    await first.publishAsync('a', 'still here', { qos: 1 })
    expect(await receive(watcher, 1)).toEqual(['a still here'])
    expect(broker.counts).toMatchObject({ takeovers: 1, doubled: 1 })
  })
})

describe('the lying broker lies', () => {
  const rows: {
    why: string
    lie: Lies
    received: string[]
    counts: Partial<Counts>
    qos?: 0 | 1 | 2
    stray?: string[]
    codes?: number[]
  }[] = [
    { why: 'by dropping', lie: { drop: ({ n }) => n === 1 }, received: ['0', '2', '3'], counts: { dropped: 1, delivered: 3, routed: 4 } },
    { why: 'by dropping every other delivery', lie: { drop: (_, i) => i % 2 === 0 }, received: ['1', '3'], counts: { dropped: 2 } },
    {
      why: 'by duplicating',
      lie: { duplicate: ({ n }) => n === 2 },
      received: ['0', '1', '2', '2', '3'],
      counts: { duplicated: 1, delivered: 4 },
    },
    {
      why: 'by two copies more',
      lie: { duplicate: ({ n }) => (n === 0 ? 2 : 0) },
      received: ['0', '0', '0', '1', '2', '3'],
      counts: { duplicated: 2 },
    },
    {
      why: 'by swapping',
      lie: { reorder: ({ n }) => n === 1 },
      received: ['0', '2', '1', '3'],
      counts: { reordered: 1, withheld: 0, delivered: 4 },
    },
    {
      why: 'by swapping with none',
      lie: { reorder: ({ n }) => n === 3 },
      received: ['0', '1', '2'],
      counts: { reordered: 0, withheld: 1 },
    },
    {
      why: 'by delaying',
      lie: { delay: ({ n }) => (n === 0 ? 30 : 0) },
      received: ['1', '2', '3', '0'],
      counts: { delayed: 1, delivered: 4 },
    },
    {
      why: 'by damaging',
      lie: { damage: ({ n }) => (n === 1 ? 0 : null) },
      received: ['0', '\xce', '2', '3'],
      counts: { damaged: 1, delivered: 4 },
    },
    {
      why: 'by delivering elsewhere',
      lie: { misdeliver: ({ n }) => (n === 1 ? 'other' : null) },
      received: ['0', '1', '2', '3'],
      stray: ['a/b 1'],
      counts: { misdelivered: 1, delivered: 4 },
    },
    {
      why: 'by refusing a publish',
      lie: { refusePublish: ({ n }) => (n === 1 ? 0x97 : null) },
      received: ['0', '2', '3'],
      codes: [0x97],
      counts: { refusedPublishes: 1, published: 4, routed: 3 },
    },
    {
      why: 'by refusing a QoS 2 publish',
      lie: { refusePublish: ({ n }) => (n === 1 ? 0x83 : null) },
      qos: 2,
      received: ['0', '2', '3'],
      codes: [0x83],
      counts: { refusedPublishes: 1 },
    },
    { why: 'by granting less', lie: { subackCode: () => 0 }, received: ['0', '1', '2', '3'], counts: { delivered: 4 } },
  ]
  test.each(rows)('$why', async ({ lie, received, counts, qos = 1, stray = [], codes = [] }) => {
    const outcome = await run(lie, { qos, expected: received.length })
    expect(outcome.received).toEqual(received)
    expect(outcome.stray).toEqual(stray)
    expect(outcome.codes).toEqual(codes)
    expect(outcome.counts).toMatchObject(counts)
  })

  test('by stalling: for a while nothing leaves, then everything', async () => {
    const { broker, client } = await scene({ stall: { atMs: 0, forMs: 150 } })
    const [sub, pub] = [await client(), await client()]
    await sub.subscribeAsync('a', { qos: 0 })
    await pub.publishAsync('a', 'before', { qos: 0 })
    await receive(sub, 1)
    await broker.until(() => broker.isStalled)
    const begun = performance.now()
    const acknowledged = pub.publishAsync('a', 'during', { qos: 1 })
    await broker.until((counts) => counts.published === 2)
    expect(broker.counts.stalled).toBe(2)
    await acknowledged
    expect(await receive(sub, 2)).toEqual(['a before', 'a during'])
    expect(performance.now() - begun).toBeGreaterThan(100)
  })

  test('by not acknowledging', async () => {
    const { broker, client } = await scene({ noAck: ({ n }) => n === 0 })
    const pub = await client()
    let isAcknowledged = false
    pub.publish('a', 'x', { qos: 1 }, () => (isAcknowledged = true))
    await pub.publishAsync('a', 'y', { qos: 1 })
    expect(isAcknowledged).toBe(false)
    expect(broker.counts).toMatchObject({ unacked: 1, published: 2 })
  })

  test.each([
    { why: 'by hanging up after a publish', how: 'end', code: undefined },
    { why: 'by a reset after a publish', how: 'reset', code: undefined },
    { why: 'by DISCONNECT with a reason', how: 0x8b, code: 0x8b },
  ] as const)('$why', async ({ how, code }) => {
    const { broker, client } = await scene({ closeAfter: ({ n }) => (n === 0 ? how : null) })
    const pub = await client()
    let reason: number | undefined
    pub.on('disconnect', (packet) => (reason = packet.reasonCode))
    const closed = next(pub, 'close')
    pub.publish('a', 'x', { qos: 1 })
    await closed
    expect(reason).toBe(code)
    expect(broker.counts).toMatchObject({ closed: 1, published: 1 })
  })

  test.each([
    { version: 4, code: 5 },
    { version: 5, code: 0x87 },
  ] as const)('by refusing a connection with $code', async ({ version, code }) => {
    const { broker, client } = await scene({ refuseConnect: (clientId) => (clientId === 'bad' ? code : null) })
    await expect(client({ clientId: 'bad', protocolVersion: version })).rejects.toMatchObject({ code })
    await client({ clientId: 'good', protocolVersion: version })
    expect(broker.counts).toMatchObject({ refusedConnects: 1, connected: 1 })
  })

  test('by an AUTH in place of the CONNACK', async () => {
    const { broker } = await scene({ answerConnect: () => AUTH })
    const socket = connectSocket(broker.port, '127.0.0.1')
    socket.write(Buffer.from('101000044d5154540502003c000003737562', 'hex'))
    const [bytes] = await once(socket, 'data')
    socket.destroy()
    expect([...bytes]).toEqual([...AUTH])
    expect(broker.counts).toMatchObject({ strangeAnswers: 1, connected: 0 })
  })

  test('by garbage among the deliveries', async () => {
    const { broker, client } = await scene({ inject: (_, i) => (i === 0 ? Uint8Array.of(0xf7, 0xff, 0xff, 0xff, 0xff, 0x7f) : null) })
    const [sub, pub] = [await client(), await client()]
    const failed = next(sub, 'error')
    await sub.subscribeAsync('a')
    await pub.publishAsync('a', 'x')
    await failed
    expect(broker.counts.injected).toBe(1)
  })

  test('by refusing a subscription', async () => {
    const { broker, client } = await scene({ subackCode: (_, filter) => (filter === 'no' ? 0x87 : null) })
    const sub = await client()
    await expect(sub.subscribeAsync('no')).rejects.toThrow()
    await sub.subscribeAsync('yes')
    expect(broker.counts).toMatchObject({ refusedSubscribes: 1, subscribed: 1 })
  })
})

describe('a filter', () => {
  test.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/bc', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['a/+/c', 'a/b/d', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', 'a/b', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['a', 'a/b', false],
  ])('%s on %s: %s', (filter, topic, isMatch) => {
    expect(matches(filter, topic)).toBe(isMatch)
  })
})
