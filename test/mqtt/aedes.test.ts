/** The session over a real socket against a real broker, which has its own opinion of the protocol. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'
import { Aedes } from 'aedes'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { QoS } from '../../src/mqtt/packet.ts'
import type { ConnectDetails, SessionOptions } from '../../src/mqtt/requests.ts'
import { Session } from '../../src/mqtt/session.ts'
import { details, eventsOf, makeHead, makeOptions, makeOutput, type Seen, subscription } from './helpers.ts'

let broker: Aedes
let server: Server

beforeAll(async () => {
  broker = await Aedes.createBroker()
  server = createServer(broker.handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(async () => {
  await new Promise<void>((resolve) => broker.close(resolve))
  await new Promise((resolve) => server.close(resolve))
})

class Client {
  readonly session: Session
  private readonly details: ConnectDetails
  readonly out = makeOutput()
  private socket: Socket | null = null
  private readonly seen: Seen[] = []
  private wake: (() => void) | null = null

  constructor(clientId: string, options: Partial<SessionOptions> = {}, changes: Partial<ConnectDetails> = {}) {
    this.session = new Session(makeOptions(options))
    this.details = { ...details, clientId, ...changes }
  }

  async connect(): Promise<Seen> {
    const socket = tcpConnect((server.address() as AddressInfo).port, '127.0.0.1')
    this.socket = socket
    await once(socket, 'connect')
    socket.on('data', (chunk) => {
      this.session.receive(0, chunk, chunk.length, this.out)
      this.drain()
    })
    this.act(() => this.session.connect(0, this.details, this.out))
    return this.next('CONNACK')
  }

  act(call: () => void): void {
    call()
    this.drain()
  }

  /** Waits for the next event of a kind; what comes before it is left for others. */
  async next(kind: string): Promise<Seen> {
    for (;;) {
      const at = this.seen.findIndex((event) => event.kind === kind)
      if (at >= 0) return this.seen.splice(at, 1)[0]!
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  has(kind: string): boolean {
    return this.seen.some((event) => event.kind === kind)
  }

  async subscribe(filter: string, qos: QoS): Promise<Seen> {
    this.act(() => this.session.subscribe(0, [subscription(filter, qos)], 1, this.out))
    return this.next('SUBACK')
  }

  publish(topic: string, qos: QoS, payload: string, changes: { retain?: boolean; resend?: number; token?: number } = {}): void {
    const bytes = Buffer.from(payload)
    const head = makeHead(topic, qos, { retain: changes.retain ?? false })
    this.act(() => {
      const at =
        changes.resend === undefined
          ? this.session.publish(0, head, bytes.length, changes.token ?? 0, this.out)
          : this.session.republish(0, changes.resend, head, bytes.length, this.out)
      this.out.bytes.set(bytes, at)
    })
  }

  /** Hears nothing from now on: answers that are under way are lost. */
  deafen(): void {
    this.socket?.removeAllListeners('data')
  }

  /** Tears the connection down without a DISCONNECT; returns when the broker has seen it. */
  async lose(): Promise<void> {
    const gone = once(broker, 'clientDisconnect')
    this.socket?.destroy()
    await gone
    this.act(() => this.session.connectionLost(0, this.out))
  }

  async leave(): Promise<void> {
    const gone = once(broker, 'clientDisconnect')
    this.act(() => this.session.disconnect(0, 0, this.out))
    this.socket?.end()
    await gone
    this.act(() => this.session.connectionLost(0, this.out))
  }

  private drain(): void {
    this.seen.push(...eventsOf(this.out))
    if (this.out.end > 0) this.socket?.write(this.out.bytes.slice(0, this.out.end))
    this.out.clear()
    this.wake?.()
  }
}

describe.each([3, 4] as const)('with aedes, level %i', (level) => {
  test.each([0, 1, 2] as const)('QoS %i goes there and back', async (qos) => {
    const client = new Client(`both-${level}-${qos}`, { level })
    expect(await client.connect()).toEqual({ kind: 'CONNACK', code: 0, sessionPresent: false })
    expect(await client.subscribe(`${level}/${qos}/#`, qos)).toMatchObject({ code: qos, token: 1 })
    const payloads = ['', 'hello', 'x'.repeat(100_000)]
    for (const payload of payloads) client.publish(`${level}/${qos}/ü`, qos, payload, { token: payload.length })
    const got = []
    for (const _ of payloads) got.push(await client.next('PUBLISH'))
    expect(got.map((e) => e.payload).sort()).toEqual(payloads.toSorted())
    expect(got[0]).toMatchObject({ topic: `${level}/${qos}/ü`, qos, retain: false })
    if (qos > 0) for (const _ of payloads) expect(await client.next('PUBLISHED')).toMatchObject({ code: 0, qos, packet: qos === 1 ? 4 : 7 })
    expect(client.session.inFlightCount).toBe(0)
    await client.leave()
  })

  test('a retained message waits for its subscriber', async () => {
    const client = new Client(`retain-${level}`, { level })
    await client.connect()
    client.publish(`retained/${level}`, 1, 'kept', { retain: true })
    await client.next('PUBLISHED')
    await client.subscribe(`retained/${level}`, 1)
    expect(await client.next('PUBLISH')).toMatchObject({ payload: 'kept', retain: true })
    await client.leave()
  })

  test('a will comes when its client is lost, not when it leaves', async () => {
    const watcher = new Client(`watcher-${level}`, { level })
    await watcher.connect()
    await watcher.subscribe(`will/${level}/+`, 1)
    const will = (name: string) => ({
      will: { topic: `will/${level}/${name}`, payload: Buffer.from('gone'), qos: 1 as QoS, retain: false, delayS: 0 },
    })
    const leaver = new Client(`leaver-${level}`, { level }, will('left'))
    await leaver.connect()
    await leaver.leave()
    const loser = new Client(`loser-${level}`, { level }, will('lost'))
    await loser.connect()
    await loser.lose()
    expect(await watcher.next('PUBLISH')).toMatchObject({ topic: `will/${level}/lost`, payload: 'gone' })
    await watcher.leave()
  })

  test('a persistent session gets what came while it was away, and sends again what was not acknowledged', async () => {
    const watcher = new Client(`second-${level}`, { level })
    await watcher.connect()
    await watcher.subscribe(`up/${level}/#`, 2)
    const client = new Client(`kept-${level}`, { level, cleanStart: false })
    await client.connect()
    await client.subscribe(`down/${level}`, 2)

    client.deafen()
    client.publish(`up/${level}/1`, 1, 'one', { token: 11 })
    client.publish(`up/${level}/2`, 2, 'two', { token: 12 })
    expect(await watcher.next('PUBLISH')).toMatchObject({ payload: 'one' })
    await client.lose()
    expect(client.has('ABANDONED')).toBe(false)
    watcher.publish(`down/${level}`, 2, 'while away')
    await watcher.next('PUBLISHED')

    expect(await client.connect()).toMatchObject({ sessionPresent: true })
    const [one, two] = [await client.next('RESEND'), await client.next('RESEND')]
    expect([one.token, two.token]).toEqual([11, 12])
    client.publish(`up/${level}/1`, 1, 'one', { resend: one.packetId as number })
    client.publish(`up/${level}/2`, 2, 'two', { resend: two.packetId as number })
    expect([(await client.next('PUBLISHED')).token, (await client.next('PUBLISHED')).token]).toEqual([11, 12])
    expect(await client.next('PUBLISH')).toMatchObject({ payload: 'while away', qos: 2 })

    // QoS 1 came twice, QoS 2 once, in whatever order: what is published now comes behind them.
    client.publish(`up/${level}/3`, 2, 'last')
    const payloads = []
    do payloads.push((await watcher.next('PUBLISH')).payload)
    while (payloads.at(-1) !== 'last')
    expect(payloads.sort()).toEqual(['last', 'one', 'two'])
    await client.leave()
    await watcher.leave()
  })

  test('unsubscribing and pinging are answered', async () => {
    const client = new Client(`misc-${level}`, { level, keepAliveS: 1 })
    await client.connect()
    await client.subscribe('misc', 0)
    client.act(() => client.session.unsubscribe(0, ['misc'], 5, client.out))
    expect(await client.next('UNSUBACK')).toMatchObject({ token: 5, code: 0 })
    client.act(() => expect(client.session.keepAlive(1_000_000, client.out)).toBe(true))
    await client.next('PINGRESP')
    expect(client.session.keepAlive(1_500_000, client.out)).toBe(true)
    await client.leave()
  })
})
