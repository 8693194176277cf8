import { connect as connectSocket } from 'node:net'
import { generate } from 'mqtt-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runHash, writeWide } from '../../src/load/header.ts'
import type { Report } from '../../src/report/types.ts'
import type { Delivery } from '../helpers/lies.ts'
import { type LyingBroker, startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, type Finished, groupOf, headerOf, runScenario } from '../helpers/run.ts'

/**
 * A broker lies to each group of subscribers in another way, and the report has to say exactly what it did. All groups want the
 * same: 5 publishers × 3 streams (one a QoS) × 40 messages.
 */
const PUBLISHERS = 5
const MESSAGES = 40
const WANTED = PUBLISHERS * 3 * MESSAGES

const isEvery = (n: number, at: number) => (delivery: Delivery) => headerOf(delivery.payload).seq % n === at

/** How many messages of the three streams have a sequence number that is `at` modulo `n`. */
const every = (n: number, at: number) =>
  3 * PUBLISHERS * Array.from({ length: MESSAGES }, (_, seq) => seq).filter((seq) => seq % n === at).length

const scenario = `
name: lies
settle: 100ms
groups:
  publishers:
    clients: ${PUBLISHERS}
    publish:
      - { name: q0, topic: "t/{client}/q0", every: 40ms, times: ${MESSAGES}, qos: 0, payload: { bytes: 64 } }
      - { name: q1, topic: "t/{client}/q1", every: 40ms, times: ${MESSAGES}, qos: 1, payload: { bytes: 64 } }
      - { name: q2, topic: "t/{client}/q2", every: 40ms, times: ${MESSAGES}, qos: 2, payload: { bytes: 64 } }
${['honest', 'dropped', 'doubled', 'swapped', 'damaged', 'foreign']
  .map(
    (name) => `  ${name}: { clients: 1, subscribe: [{ filter: "t/#", qos: 2 }${name === 'foreign' ? ', { filter: "foreign/#" }' : ''}] }`,
  )
  .join('\n')}
  lowered: { clients: 1, subscribe: [{ filter: "t/#", qos: 1 }] }
  stranger: { clients: 1, subscribe: [{ filter: "nothing/#" }] }
phases: { warmUp: 0s, measure: 2s, drain: 3s }
thresholds: ["deliveries.lossRatio < 1%"]
`

describe('a broker that lies to some of its subscribers', () => {
  let broker: LyingBroker
  let finished: Finished
  let report: Report

  beforeAll(async () => {
    broker = await startLyingBroker({
      lie: {
        drop: (d) => groupOf(d.subscriber) === 'dropped' && isEvery(10, 3)(d),
        duplicate: (d) => (groupOf(d.subscriber) === 'doubled' && isEvery(8, 1)(d) ? 2 : 0),
        reorder: (d) => groupOf(d.subscriber) === 'swapped' && isEvery(10, 4)(d),
        damage: (d) => (groupOf(d.subscriber) === 'damaged' && isEvery(20, 7)(d) ? 13 : null),
        misdeliver: (m) =>
          m.topic.startsWith('t/') && headerOf(m.payload).seq % 20 === 9
            ? (broker.sessions().find((id) => groupOf(id) === 'stranger') ?? null)
            : null,
      },
    })
    const stranger = await Stranger.connect(broker.port)
    await stranger.publish('foreign/old', true)
    finished = await runScenario(scenario, [broker.url], {
      onPhase: (phase) => phase === 'measure' && stranger.publish('foreign/new', false),
    })
    report = finished.report
    stranger.end()
  })
  afterAll(() => broker.close())

  const deliveries = (group: string) => counted(report.groups[group]!.deliveries!)

  it('counts nothing but what was owed and received for the honest part', () => {
    expect(deliveries('honest')).toEqual({ owed: WANTED, received: WANTED })
    expect(deliveries('lowered')).toEqual({ owed: WANTED, received: WANTED })
  })

  it('counts each dropped delivery as lost', () => {
    const lost = every(10, 3)
    expect(broker.counts.dropped).toBe(lost)
    expect(deliveries('dropped')).toEqual({ owed: WANTED, received: WANTED - lost, lost })
  })

  it('counts each further copy as duplicated, and no delivery more as received', () => {
    const duplicated = 2 * every(8, 1)
    expect(broker.counts.duplicated).toBe(duplicated)
    expect(deliveries('doubled')).toEqual({ owed: WANTED, received: WANTED, duplicated })
  })

  it('counts each message that was overtaken as reordered, and none as lost', () => {
    const reordered = every(10, 4)
    expect(broker.counts.reordered).toBe(reordered)
    expect(deliveries('swapped')).toEqual({ owed: WANTED, received: WANTED, reordered })
  })

  it('counts a damaged header as unexpected, and its message as lost', () => {
    const damaged = every(20, 7)
    expect(broker.counts.damaged).toBe(damaged)
    expect(deliveries('damaged')).toEqual({ owed: WANTED, received: WANTED - damaged, lost: damaged, unexpected: damaged })
  })

  it('counts what reaches a client that did not ask for it as unexpected', () => {
    expect(deliveries('stranger')).toEqual({ unexpected: every(20, 9) })
  })

  it('counts a live message of another run as unexpected, and one that it left retained as excused', () => {
    expect(deliveries('foreign')).toEqual({ owed: WANTED, received: WANTED, unexpected: 1, excused: 1 })
  })

  it('says the same by stream and by QoS, each with the lower of publish and subscription', () => {
    const perStream = WANTED / 3
    const lost = (every(10, 3) + every(20, 7)) / 3
    for (const name of ['q0', 'q1', 'q2']) {
      expect(report.streams[name]!.deliveries).toMatchObject({ owed: 7 * perStream, lost, received: 7 * perStream - lost })
      expect(report.streams[name]!.deliveries!.duplicated).toBe((2 * every(8, 1)) / 3)
      expect(report.streams[name]!.deliveries!.reordered).toBe(every(10, 4) / 3)
    }
    expect(report.qos['0']!.deliveries).toMatchObject({ owed: 7 * perStream, lost })
    expect(report.qos['1']!.deliveries).toMatchObject({ owed: 8 * perStream, lost })
    expect(report.qos['2']!.deliveries).toMatchObject({ owed: 6 * perStream, lost })
  })

  it('says the same in the totals', () => {
    const lost = every(10, 3) + every(20, 7)
    expect(counted(report.deliveries)).toEqual({
      owed: 7 * WANTED,
      received: 7 * WANTED - lost,
      lost,
      excused: 1,
      duplicated: 2 * every(8, 1),
      reordered: every(10, 4),
      unexpected: every(20, 7) + every(20, 9) + 1,
    })
    expect(report.publishes).toEqual({ planned: WANTED, sent: WANTED, acked: (2 * WANTED) / 3, refused: 0, dropped: 0 })
  })

  it('takes lost deliveries for infinitely late in quantiles', () => {
    const { endToEndUs } = report.groups.dropped!
    expect(endToEndUs).toMatchObject({ count: WANTED, max: null, p99: null, p95: null })
    expect(endToEndUs!.p50).toBeGreaterThan(0)
    expect(report.groups.doubled!.endToEndUs!.count).toBe(WANTED)
    expect(report.groups.doubled!.endToEndUs!.max).toBeGreaterThan(0)
  })

  it('fails the threshold on the loss ratio', () => {
    expect(report.thresholds[0]!.actual).toBeCloseTo((every(10, 3) + every(20, 7)) / (7 * WANTED), 12)
    expect(finished.exitCode).toBe(3)
    expect(report.status).toBe('failed')
  })
})

describe('1.5 % of 10,000 deliveries dropped', () => {
  let finished: Finished

  beforeAll(async () => {
    const broker = await startLyingBroker({ lie: { drop: (_, index) => index % 200 < 3 } })
    const text = `
name: known-answer
settle: 100ms
groups:
  publishers: { clients: 10, publish: [{ name: s, topic: "t/{client}", every: 20ms, times: 100, payload: { bytes: 32 } }] }
  subscribers: { clients: 10, subscribe: [{ filter: "t/#" }] }
phases: { warmUp: 0s, measure: 2s, drain: 2s }
thresholds: [endToEnd.p95 < 60s, endToEnd.p99 < 60s, deliveries.lossRatio <= 1.5%, deliveries.lossRatio < 1.5%]
`
    finished = await runScenario(text, [broker.url])
    await broker.close()
  })

  it('is 150 lost', () => {
    expect(counted(finished.report.deliveries)).toEqual({ owed: 10_000, received: 9850, lost: 150 })
  })

  it('makes p99 infinite and leaves p95 finite', () => {
    const { endToEndUs } = finished.report
    expect(endToEndUs.count).toBe(10_000)
    expect(endToEndUs.p95).toBeGreaterThan(0)
    expect(endToEndUs.p99).toBeNull()
    expect(endToEndUs.max).toBeNull()
  })

  it('holds the thresholds that it should, and no other', () => {
    expect(finished.report.thresholds.map(({ ok }) => ok)).toEqual([true, false, true, false])
    expect(finished.exitCode).toBe(3)
  })
})

/** A client of somebody else's run. */
class Stranger {
  private readonly socket: ReturnType<typeof connectSocket>
  private id = 0

  private constructor(socket: ReturnType<typeof connectSocket>) {
    this.socket = socket
  }

  static async connect(port: number): Promise<Stranger> {
    const socket = connectSocket(port, '127.0.0.1')
    const stranger = new Stranger(socket)
    await stranger.ask(
      generate({ cmd: 'connect', clientId: 'stranger', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0 }),
    )
    return stranger
  }

  /** Resolves with the PUBACK. */
  publish(topic: string, retain: boolean): Promise<void> {
    const payload = Buffer.alloc(64)
    writeWide(payload, 0, { run: runHash('others'), publisher: 0, entry: 0, seq: 0, intendedUs: 0, node: 0 })
    return this.ask(generate({ cmd: 'publish', topic, payload, qos: 1, retain, dup: false, messageId: ++this.id }))
  }

  end(): void {
    this.socket.end()
  }

  private ask(packet: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once('data', () => resolve())
      this.socket.write(packet)
    })
  }
}
