/**
 * MQTT 5 end to end against a real broker: what a scenario asks for is on the wire, as an independent client sees it, and what the broker
 * makes of it is in the figures.
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { run, type Witness, witness } from './helper.ts'
import { type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts'

const scenario = (groups: Record<string, object>, phases: object = {}) => ({
  name: 'features',
  settle: '100ms',
  groups: Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, { version: '5', ...group }])),
  phases: { warmUp: '0s', measure: '1s', drain: '10s', ...phases },
})
const CLEAN = { lost: 0, excused: 0, duplicated: 0, reordered: 0, unexpected: 0, unverified: 0 }

describe.skipIf(!requireMosquitto())('MQTT 5', () => {
  let broker: Mosquitto
  let url = ''
  beforeAll(async () => {
    broker = await startMosquitto({ listeners: ['plain'] })
    url = broker.url('plain')
  })
  afterAll(() => broker?.stop())

  async function watch(filter: string): Promise<Witness> {
    const seen = await witness(url, filter, { protocolVersion: 5 })
    onTestFinished(() => seen.stop())
    return seen
  }

  test('messages carry their properties', async () => {
    const seen = await watch('properties/#')
    const publish = {
      topic: 'properties/{client}',
      every: '500ms',
      qos: 1,
      expiry: '1m',
      contentType: 'text/plain',
      responseTopic: 'answers/{client}',
      correlationData: 'c-{clientId}',
      userProperties: { site: 'north', who: '{group}-{client}' },
    }
    const text = { ...publish, name: 'text', payload: { text: 'as it is' } }
    const { report, exitCode } = await run(
      scenario({
        pub: { clients: 2, clientId: 'p{client}', publish: [publish, text] },
        sub: { subscribe: [{ filter: 'properties/#', qos: 1 }] },
      }),
      [url],
    )
    expect(exitCode).toBe(0)
    expect(report.deliveries).toEqual({ owed: 8, received: 8, ...CLEAN })
    await seen.until((packets) => packets.length === 8)
    for (const { topic, properties, payload } of seen.packets) {
      const i = topic.split('/')[1]
      expect(properties).toMatchObject({
        messageExpiryInterval: 60,
        contentType: 'text/plain',
        responseTopic: `answers/${i}`,
        correlationData: Buffer.from(`c-p${i}`),
        userProperties: { site: 'north', who: `pub-${i}` },
      })
      const isText = payload.toString() === 'as it is'
      expect(Object.keys(properties!.userProperties!)).toEqual(isText ? ['site', 'who', 'ms'] : ['site', 'who'])
    }
    expect(seen.packets.filter(({ payload }) => payload.toString() === 'as it is')).toHaveLength(4)
  })

  test('a topic alias takes the place of the topic after the first message', async () => {
    const topic = `alias/${'long/'.repeat(20)}{client}`
    const groups = (topicAlias: boolean) =>
      scenario({
        pub: { clients: 2, publish: [{ topic, every: '100ms', topicAlias, payload: { bytes: 32 } }] },
        sub: { topicAliasMaximum: topicAlias ? 10 : 0, subscribe: [{ filter: 'alias/#', qos: 0 }] },
      })
    const plain = (await run(groups(false), [url])).report
    const aliased = (await run(groups(true), [url])).report
    for (const { deliveries } of [plain, aliased]) expect(deliveries).toEqual({ owed: 20, received: 20, ...CLEAN })
    const topicBytes = topic.replace('{client}', '0').length
    // 9 of 10 go without the topic, and need one byte less to say their length; each has its alias as a property of three bytes.
    expect(plain.bytes.sent - aliased.bytes.sent).toBe(18 * (topicBytes + 1) - 20 * 3)
    expect(aliased.bytes.received).toBeLessThanOrEqual(plain.bytes.received)
  })

  /** Mosquitto 2.0.11 does so: to the first PUBACK it sends two messages. */
  test('a broker that sends more than the receive maximum loses that client’s connection, and no other', async () => {
    const publish = [{ topic: 'slow', every: '50ms', qos: 1 }]
    const subscribe = (receiveMaximum: number) => ({ receiveMaximum, subscribe: [{ filter: 'slow', qos: 1, ackAfter: '200ms' }] })
    const { report } = await run(scenario({ pub: { publish }, narrow: subscribe(2), wide: subscribe(100) }), [url])
    expect(report.errors).toEqual({ 'protocol error: more than 2 messages wait for an acknowledgement': expect.any(Number) })
    expect(report.groups.wide!.clients!.disconnected).toBe(0)
    expect(report.groups.wide!.deliveries).toEqual({ owed: 20, received: 20, ...CLEAN })
    expect(report.groups.wide!.endToEndUs!.max).toBeLessThan(150_000)
    expect(report.groups.narrow!.clients!.disconnected).toBeGreaterThan(0)
    expect(report.groups.narrow!.deliveries!.received).toBeLessThan(20)
  })

  test('a broker’s receive maximum and packet size hold the publisher back', async () => {
    const strict = await startMosquitto({ listeners: ['plain'], config: 'max_inflight_messages 1\nmax_packet_size 300' })
    onTestFinished(() => strict.stop())
    const small = { name: 'small', topic: 'small', every: '20ms', arrival: 'synchronized', qos: 2, payload: { bytes: 100 } }
    const large = { name: 'large', topic: 'large', every: '100ms', qos: 1, payload: { bytes: 400 } }
    const groups = { pub: { inFlight: 20, publish: [small, large] }, sub: { subscribe: [{ filter: '#', qos: 2 }] } }
    const { report } = await run(scenario(groups), [strict.url('plain')])
    expect(report.errors).toEqual({ 'PUBLISH: larger than the broker allows': 10 })
    expect(report.streams.small!.publishes).toMatchObject({ planned: 50, sent: 50, acked: 50, dropped: 0 })
    expect(report.streams.large!.publishes).toMatchObject({ planned: 10, sent: 0, dropped: 10 })
    expect(report.deliveries).toMatchObject({ owed: 50, received: 50 })
    // What was never sent is infinitely late.
    expect(report.streams.large!.endToEndUs).toMatchObject({ count: 10, p50: null })
  })

  test('a subscriber gets nothing larger than its maximum packet size', async () => {
    const publish = [100, 400].map((bytes) => ({ name: `b${bytes}`, topic: `sized/${bytes}`, every: '250ms', payload: { bytes } }))
    const { report } = await run(
      scenario({ pub: { publish }, sub: { maximumPacketSize: 300, subscribe: [{ filter: 'sized/#' }] } }, { drain: '1s' }),
      [url],
    )
    expect(report.errors).toEqual({})
    expect(report.streams.b100!.deliveries).toEqual({ owed: 4, received: 4, ...CLEAN })
    expect(report.streams.b400!.deliveries).toMatchObject({ owed: 4, received: 0, lost: 4 })
  })

  test('with noLocal nobody is owed what it has sent itself', async () => {
    const group = (noLocal: boolean, topic: string) => ({
      clients: 3,
      publish: [{ topic: `${topic}/{client}`, every: '500ms', qos: 1 }],
      subscribe: [{ filter: `${topic}/#`, qos: 1, noLocal, identifier: 7 }],
    })
    const { report } = await run(scenario({ others: group(true, 'others'), all: group(false, 'all') }), [url])
    expect(report.errors).toEqual({})
    expect(report.groups.others!.deliveries).toEqual({ owed: 3 * 2 * 2, received: 3 * 2 * 2, ...CLEAN })
    expect(report.groups.all!.deliveries).toEqual({ owed: 3 * 3 * 2, received: 3 * 3 * 2, ...CLEAN })
  })

  test('retainHandling says who gets what was there before, retainAsPublished who sees the flag', async () => {
    const seen = await watch('kept/#')
    await seen.client.publishAsync('kept/before', 'from elsewhere', { retain: true, qos: 1 })
    const sub = (options: object) => ({ clients: 2, subscribe: [{ filter: 'kept/#', qos: 1, ...options }] })
    const groups = {
      pub: { publish: [{ topic: 'kept/live', every: '250ms', qos: 1, retain: true }] },
      always: sub({ retainHandling: 0 }),
      never: sub({ retainHandling: 2 }),
      flagged: sub({ retainHandling: 2, retainAsPublished: true }),
    }
    const { report } = await run(scenario(groups), [url])
    await seen.client.publishAsync('kept/before', '', { retain: true, qos: 1 })
    const live = { owed: 8, received: 8 }
    expect(report.groups.always!.deliveries).toEqual({ ...live, ...CLEAN, excused: 2 })
    expect(report.groups.never!.deliveries).toEqual({ ...live, ...CLEAN })
    expect(report.groups.flagged!.deliveries).toEqual({ ...live, ...CLEAN })
  })

  test.each(['3.1.1', '5'])('a shared subscription brings each message to one of its members, with version %s', async (version) => {
    const member = (share: string) => ({ version, clients: 3, subscribe: [{ filter: `$share/${share}/work/#`, qos: 1 }] })
    const groups = {
      pub: { clients: 5, publish: [{ topic: 'work/{client}', every: '100ms', qos: 1 }] },
      one: member('one'),
      two: member('two'),
    }
    const { report, exitCode } = await run(scenario(groups), [url], { workers: 2 })
    expect(exitCode).toBe(0)
    expect(report.publishes.sent).toBe(50)
    for (const name of ['one', 'two']) expect(report.groups[name]!.deliveries).toEqual({ owed: 50, received: 50, ...CLEAN })
  })

  /** Brokers of their own: mosquitto 2.0.11 forgets the wills that are due behind those of clients who have returned. */
  test('a will is told after its delay, and not when its client returns in time or says goodbye', async () => {
    const told = async (groups: Record<string, object>, faults: object[] = []) => {
      const own = await startMosquitto({ listeners: ['plain'] })
      onTestFinished(() => own.stop())
      const seen = await witness(own.url('plain'), 'will/#')
      const whole = { ...groups, sub: { subscribe: [{ filter: 'will/#', qos: 1 }] } }
      const { report } = await run({ ...scenario(whole, { measure: '3500ms' }), faults }, [own.url('plain')])
      await seen.stop()
      return { report, seen: seen.packets.map(({ topic, payload }) => `${topic} ${payload}`).sort() }
    }
    const group = (churn?: object) => ({
      clients: 2,
      cleanSession: false,
      sessionExpiry: '1m',
      will: { topic: 'will/{group}/{client}', payload: { text: 'gone' }, qos: 1, delay: '1s' },
      ...(churn && { churn }),
    })
    const fault = (name: string, drop: string) => ({ name, at: '200ms', for: '3s', drop, clients: { groups: [name] } })
    const [late, early] = await Promise.all([
      told({ late: group(), polite: group() }, [fault('late', 'reset'), fault('polite', 'disconnect')]),
      told({ early: group({ connected: '200ms', away: '200ms', leave: 'reset' }) }),
    ])
    expect(late.seen).toEqual(['will/late/0 gone', 'will/late/1 gone'])
    expect(late.report.deliveries).toMatchObject({ owed: 0, excused: 2, unexpected: 0 })
    expect(early.seen).toEqual([])
    expect(early.report.groups.early!.reconnectUs!.count).toBeGreaterThanOrEqual(8)
  })
})
