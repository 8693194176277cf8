/** One process of a sink, in this one: with a client of another library, and with bytes that no client sends. */
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Connections } from '../../src/sink/connections.ts'
import { Routes } from '../../src/sink/routes.ts'

describe.runIf(process.platform === 'linux')('a sink', () => {
  let sink: Connections
  let port: number
  let isOver: boolean

  beforeEach(() => {
    sink = new Connections()
    port = sink.listen('127.0.0.1', 0)
    isOver = false
    const turn = () => {
      if (isOver) return
      sink.turn(0)
      setImmediate(turn)
    }
    turn()
  })

  afterEach(() => {
    isOver = true
    sink.close()
  })

  async function client(version: 3 | 4 | 5, options: IClientOptions = {}): Promise<MqttClient> {
    const named = version === 3 ? { protocolId: 'MQIsdp' as const } : {}
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { ...named, protocolVersion: version, reconnectPeriod: 0, ...options })
    onTestFinished(async () => void (await client.endAsync(true)))
    return client
  }

  /** What arrives at a client, as it arrives. */
  function arrivals(client: MqttClient): string[] {
    const seen: string[] = []
    client.on('message', (topic, payload, { qos }) => seen.push(`${topic} ${payload.toString().slice(0, 9)} ${qos}`))
    return seen
  }

  async function until(isSo: () => boolean): Promise<void> {
    await expect.poll(isSo, { timeout: 5000, interval: 5 }).toBe(true)
  }

  test.each([3, 4, 5] as const)('takes clients of level %i, and answers all they send', async (version) => {
    const subscriber = await client(version)
    const seen = arrivals(subscriber)
    await subscriber.subscribeAsync({ 'a/+': { qos: 2 }, 'b/1': { qos: 1 } })
    // MQTT 3.1 wants an identifier.
    const publisher = await client(version, version === 3 ? {} : { clientId: '' })
    for (const qos of [0, 1, 2] as const) {
      await publisher.publishAsync('a/1', `a${qos}`, { qos })
      await publisher.publishAsync('b/1', `b${qos}`, { qos })
    }
    await publisher.publishAsync('c', 'nobody', { qos: 1 })
    await until(() => seen.length === 6)
    expect(seen).toEqual(['a/1 a0 0', 'b/1 b0 0', 'a/1 a1 1', 'b/1 b1 1', 'a/1 a2 2', 'b/1 b2 1'])
    await subscriber.unsubscribeAsync('b/1')
    await publisher.publishAsync('b/1', 'late', { qos: 1 })
    await publisher.publishAsync('a/2', 'last', { qos: 0 })
    await until(() => seen.length === 7)
    expect(sink.counts).toEqual({ connects: 2, connected: 2, publishes: [3, 4, 2], deliveries: 7, refused: 0, full: 0 })
    await publisher.endAsync()
    await until(() => sink.counts.connected === 1)
  })

  test('passes on the properties of MQTT 5, to those that have them', async () => {
    const [newer, older, publisher] = [await client(5), await client(4), await client(5)]
    const seen: unknown[] = []
    newer.on('message', (_, __, packet) => seen.push({ ...packet.properties?.userProperties }))
    older.on('message', (_, payload) => seen.push(payload.toString()))
    await newer.subscribeAsync('t')
    await older.subscribeAsync('t')
    await publisher.publishAsync('t', 'x', { properties: { userProperties: { a: 'b' } } })
    await until(() => seen.length === 2)
    expect(seen).toEqual(expect.arrayContaining([{ a: 'b' }, 'x']))
  })

  test('refuses shared subscriptions, and says it', async () => {
    const code = async (version: 4 | 5) => {
      const one = await client(version)
      return one.subscribeAsync('$share/g/t').then(
        () => 'granted',
        (error: { packet?: { granted: number[] } }) => error.packet?.granted,
      )
    }
    expect(await code(4)).toEqual([0x80])
    expect(await code(5)).toEqual([0x9e])
  })

  test('takes packets in pieces, and many at once', async () => {
    const raw = await open()
    const bytes = Buffer.from(`100d00044d5154540402003c000163${'3208000174000a6869ff'.repeat(3)}c000`, 'hex')
    const answers: Buffer[] = []
    raw.on('data', (data) => answers.push(data))
    for (const byte of bytes) {
      raw.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => Buffer.concat(answers).toString('hex') === `20020000${'4002000a'.repeat(3)}d000`)
    raw.write(Buffer.from('3208000174000a6869ff'.repeat(2000), 'hex'))
    await until(() => sink.counts.publishes[1] === 2003)
    await until(() => Buffer.concat(answers).length === 6 + 4 * 2003)
  })

  test.each([
    { why: 'no CONNECT', bytes: 'c000' },
    { why: 'two', bytes: '100d00044d5154540402003c000163'.repeat(2) },
    { why: 'an answer of a broker', bytes: '100d00044d5154540402003c000163d000' },
    { why: 'another protocol', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n').toString('hex') },
    { why: 'a packet above the limit', bytes: '100d00044d5154540402003c00016330ffffff7f' },
    { why: 'a PUBREC that is cut short', bytes: '100d00044d5154540402003c0001635000' },
    { why: 'a filter that is none', bytes: '100d00044d5154540402003c000163820700010002612b00' },
  ])('ends the connection of who sends $why', async ({ bytes }) => {
    const raw = await open()
    raw.write(Buffer.from(bytes, 'hex'))
    raw.resume()
    await once(raw, 'close')
    expect(sink.counts).toMatchObject({ refused: 1, connected: 0 })
  })

  test('refuses a level that does not exist', async () => {
    const raw = await open()
    raw.write(Buffer.from('100d00044d5154540902003c000163', 'hex'))
    const [answer] = (await once(raw, 'data')) as [Buffer]
    expect(answer.toString('hex')).toBe('20020001')
    await once(raw, 'close')
  })

  test('takes a message as large as it may be, and a slow subscriber gets all', async () => {
    const [subscriber, publisher] = [await client(4), await client(4)]
    const seen = arrivals(subscriber)
    await subscriber.subscribeAsync('big', { qos: 1 })
    const payload = Buffer.alloc(1024 * 1024 - 64, 'x')
    for (let i = 0; i < 8; i++) publisher.publish('big', payload, { qos: 1 })
    await until(() => seen.length === 8)
    expect(new Set(seen)).toEqual(new Set(['big xxxxxxxxx 1']))
  })

  test('forgets who is gone without a word', async () => {
    const [subscriber, publisher] = [await client(4), await client(4)]
    await subscriber.subscribeAsync('t')
    ;(subscriber.stream as unknown as Socket).resetAndDestroy()
    await until(() => sink.counts.connected === 1)
    await publisher.publishAsync('t', 'x', { qos: 1 })
    expect(sink.counts.deliveries).toBe(0)
  })

  async function open(): Promise<Socket> {
    const raw = connectTcp(port, '127.0.0.1')
    raw.on('error', () => {})
    onTestFinished(() => void raw.destroy())
    await once(raw, 'connect')
    return raw
  }
})

describe('routes', () => {
  const takers = (routes: Routes, topic: string, from = -1) => {
    const found: string[] = []
    routes.each(topic, from, (socket, qos) => found.push(`${socket}:${qos}`))
    return found.sort()
  }
  const wish = (filter: string, qos: 0 | 1 | 2 = 0, noLocal = false) => ({ filter, qos, noLocal })

  test('lead to each subscriber once, with the highest QoS that it wants', () => {
    const routes = new Routes()
    expect(routes.mayLead(3)).toBe(false)
    routes.add(1, wish('a/b', 0))
    expect([routes.mayLead(3), routes.mayLead(4)]).toEqual([true, false])
    routes.add(1, wish('a/+', 2))
    routes.add(2, wish('#', 1))
    routes.add(3, wish('a/b', 1, true))
    expect(takers(routes, 'a/b')).toEqual(['1:2', '2:1', '3:1'])
    expect(takers(routes, 'a/b', 3)).toEqual(['1:2', '2:1'])
    expect(takers(routes, '$SYS/x')).toEqual([])
    routes.forget(1)
    expect(takers(routes, 'a/b')).toEqual(['2:1', '3:1'])
    expect(routes.remove(2, '#')).toBe(true)
    expect(routes.remove(2, '#')).toBe(false)
    routes.add(3, wish('a/b', 2))
    expect(takers(routes, 'a/b')).toEqual(['3:2'])
    routes.add(4, wish('ö', 0))
    expect([routes.mayLead(1), routes.mayLead(2)]).toEqual([false, true])
    routes.forget(3)
    routes.forget(4)
    expect([2, 3].some((bytes) => routes.mayLead(bytes))).toBe(false)
  })
})
