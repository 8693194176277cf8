/**
 * Every protocol version, QoS and transport against a real mosquitto: the report's figures, what the schedule makes them be, what an
 * independent client sees, and what the broker itself has counted must all be the same.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificates } from '../helpers/certs.ts'
import { counter, run, witness } from './helper.ts'
import { type Listener, type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts'

const VERSIONS = ['3.1', '3.1.1', '5'] as const
const QOS = [0, 1, 2] as const
/** Of each version; each sends twice to each of three topics, one for each QoS. */
const PUBLISHERS = 20
const SENT = VERSIONS.length * PUBLISHERS * QOS.length * 2
/** Trap: mosquitto 2.0.11 leaves QoS 2 out of `publish/messages/received`. */
const COUNTED = (SENT / 3) * 2
/** One for each version and granted QoS. */
const SUBSCRIBERS = VERSIONS.length * QOS.length

function scenario(topic: string, transport: string, tls: object) {
  const groups: Record<string, object> = {}
  for (const [v, version] of VERSIONS.entries()) {
    groups[`pub${v}`] = {
      clients: PUBLISHERS,
      version,
      tls,
      publish: QOS.map((qos) => ({ name: `v${v}-q${qos}`, topic: `${topic}/${v}/${qos}/{client}`, every: '500ms', qos })),
    }
    for (const qos of QOS) groups[`sub${v}${qos}`] = { version, tls, subscribe: [{ filter: `${topic}/#`, qos }] }
  }
  return { name: 'matrix', transport, settle: '200ms', groups, phases: { warmUp: '0s', measure: '1s', drain: '10s' } }
}

describe.skipIf(!requireMosquitto())('every version and QoS arrives whole', () => {
  let broker: Mosquitto
  beforeAll(async () => {
    broker = await startMosquitto({ listeners: ['plain', 'tls', 'mtls', 'ws', 'wss'] })
  })
  afterAll(() => broker?.stop())

  const ca = () => ({ ca: certificates().ca })
  const mutual = () => ({ ...ca(), ...certificates().client })
  const rows: { name: string; listener: Listener; transport: 'epoll' | 'stream'; tls: () => object; workers?: number }[] = [
    { name: 'TCP by epoll', listener: 'plain', transport: 'epoll', tls: () => ({}) },
    { name: 'TCP by epoll in three workers', listener: 'plain', transport: 'epoll', tls: () => ({}), workers: 3 },
    { name: 'TCP by stream', listener: 'plain', transport: 'stream', tls: () => ({}) },
    { name: 'TLS', listener: 'tls', transport: 'stream', tls: ca },
    { name: 'TLS with client certificates', listener: 'mtls', transport: 'stream', tls: mutual, workers: 2 },
    { name: 'WebSocket', listener: 'ws', transport: 'stream', tls: () => ({}) },
    { name: 'WebSocket over TLS', listener: 'wss', transport: 'stream', tls: ca },
  ]

  test.each(rows)('over $name', async ({ listener, transport, tls, workers = 1 }) => {
    const topic = `matrix-${listener}-${transport}-${workers}`
    const plain = broker.url('plain')
    const before = await counter(plain, 'publish/messages/received')
    const seen = await witness(plain, `${topic}/#`)
    const { report } = await run(scenario(topic, transport, tls()), [broker.url(listener)], { workers })
    await seen.until((packets) => packets.length >= SENT)
    const after = await counter(plain, 'publish/messages/received', (value) => value >= before + COUNTED)
    await seen.stop()

    expect(report.errors).toEqual({})
    // A machine that is kept late makes a run invalid; its counts must be right all the same.
    expect(report.status).toMatch(/^(passed|invalid)$/)
    expect(report.publishes).toEqual({ planned: SENT, sent: SENT, acked: (SENT / 3) * 2, refused: 0, dropped: 0 })
    const clean = { lost: 0, excused: 0, duplicated: 0, reordered: 0, unexpected: 0, unverified: 0 }
    expect(report.deliveries).toEqual({ owed: SENT * SUBSCRIBERS, received: SENT * SUBSCRIBERS, ...clean })
    expect(report.endToEndUs.count).toBe(SENT * SUBSCRIBERS)
    // By the lower of publish and subscription: 5, 3 and 1 of the nine combinations.
    for (const [qos, combinations] of [5, 3, 1].entries()) {
      const owed = SENT * combinations
      expect(report.qos[qos]!.deliveries).toMatchObject({ owed, received: owed })
      expect(report.qos[qos]!.publishes!.acked).toBe(qos === 0 ? 0 : SENT / 3)
    }
    for (const name of Object.keys(report.streams)) expect(report.streams[name]!.publishes!.sent).toBe(PUBLISHERS * 2)
    expect(seen.packets.length).toBe(SENT)
    for (const qos of QOS) {
      expect(seen.packets.filter((packet) => packet.qos === qos && packet.topic.split('/')[2] === `${qos}`)).toHaveLength(SENT / 3)
    }
    expect(after - before).toBe(COUNTED)
  })
})
