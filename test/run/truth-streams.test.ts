import { beforeAll, describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/types.ts'
import type { Delivery } from '../helpers/lies.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, groupOf, headerOf, runScenario } from '../helpers/run.ts'

/** Every kind of payload and stream, each with a subscriber of its own and a broker that drops every fifth of its messages. */
const CLIENTS = 2
const MESSAGES = 20
const ALL = CLIENTS * MESSAGES
const LOST = ALL / 5

const kinds: [name: string, entry: string, group?: string][] = [
  ['compact16', 'payload: { bytes: 16 }'],
  ['compact31', 'payload: { bytes: 31 }'],
  ['mixed', 'payload: { bytes: { min: 16, max: 90 } }'],
  ['wide', 'payload: { bytes: 32 }'],
  ['json', 'payload: { json: { n: "{seq}", at: "{now}", who: "{client}" } }'],
  ['text5', 'payload: { text: "hello" }', 'version: 5, '],
  ['alias', 'payload: { bytes: 32 }, topicAlias: true', 'version: 5, '],
  ['short', 'payload: { bytes: 15 }'],
  ['text3', 'payload: { text: "hello" }'],
]

describe('streams of every kind', () => {
  let report: Report
  const topics = new Set<string>()

  beforeAll(async () => {
    // Without a header nothing tells the messages apart but their order, which holds on one connection.
    const numbers = new Map<string, number>()
    const numberOf = (d: Delivery) => {
      const number = numbers.get(d.topic) ?? 0
      numbers.set(d.topic, number + 1)
      return number
    }
    const broker = await startLyingBroker({
      connack: { topicAliasMaximum: 5 },
      lie: {
        drop: (d) => {
          topics.add(d.topic)
          return numberOf(d) % 5 === 2
        },
        duplicate: (d) => groupOf(d.subscriber) === 'Stext5' && numbers.get(d.topic) === 5,
      },
    })
    const text = `
name: kinds
settle: 100ms
groups:
${kinds.map(([name, entry, group]) => `  ${name}: { clients: ${CLIENTS}, ${group ?? ''}publish: [{ name: ${name}, topic: "${name}/{client}", every: 30ms, times: ${MESSAGES}, qos: 1, ${entry} }] }`).join('\n')}
${kinds.map(([name, , group]) => `  S${name}: { ${group ?? ''}subscribe: [{ filter: "${name}/+", qos: 1 }] }`).join('\n')}
phases: { warmUp: 0s, measure: 800ms, drain: 1s }
`
    report = (await runScenario(text, [broker.url])).report
    await broker.close()
  })

  const deliveries = (name: string) => report.groups[`S${name}`]!.deliveries!

  it.each(kinds.map(([name]) => name))('count what was lost of them, and nothing else: %s', (name) => {
    const { duplicated, unverified: _, ...others } = deliveries(name)
    expect(others).toEqual({ owed: ALL, received: ALL - LOST, lost: LOST, excused: 0, reordered: 0, unexpected: 0 })
    expect(duplicated).toBe(name === 'text5' ? CLIENTS : 0)
  })

  it('have latencies where they carry a header, and say how many do not', () => {
    expect(report.streams.compact16!.endToEndUs).toMatchObject({ count: ALL, max: null })
    expect(report.streams.text5!.endToEndUs).toMatchObject({ count: ALL, max: null })
    expect(report.streams.json!.endToEndUs!.p50).toBeGreaterThan(0)
    for (const name of ['short', 'text3']) expect(report.streams[name]!.endToEndUs!.count).toBe(0)
    expect(report.deliveries.unverified).toBe(2 * (ALL - LOST))
    expect(report.endToEndUs.count).toBe((kinds.length - 2) * ALL)
  })

  it('reach the broker on their own topics, aliases too', () => {
    expect([...topics].sort()).toEqual(kinds.flatMap(([name]) => Array.from({ length: CLIENTS }, (_, i) => `${name}/${i}`)).sort())
  })
})

describe('streams with a time of their own', () => {
  let report: Report
  const intended = new Map<string, number[]>()
  let retainedAtEnd: string[]
  let wills = 0
  let replayed = 0

  beforeAll(async () => {
    const kicked = new Set<string>()
    const broker = await startLyingBroker({
      lie: {
        closeAfter: (m) => {
          if (m.payload.length === 0) return null
          const name = m.topic.split('/')[0]!
          intended.set(name, [...(intended.get(name) ?? []), headerOf(m.payload).intendedUs])
          if (!['tick', 'dying'].includes(name) || headerOf(m.payload).seq !== 5 || kicked.has(name)) return null
          kicked.add(name)
          // The late subscriber comes back to what is retained by then.
          if (name === 'tick') for (const id of broker.sessions()) if (groupOf(id) === 'late') broker.kick(id, 'end')
          return 'reset'
        },
      },
    })
    const back = 'reconnect: { backoff: fixed, first: 200ms }'
    const text = `
name: times
settle: 200ms
groups:
  hello:
    ${back}
    publish:
      - { name: hello, topic: hello, on: connect, qos: 1, payload: { bytes: 32 } }
      - { name: tick, topic: tick, every: 40ms, times: 20, payload: { bytes: 32 } }
  limited: { publish: [{ name: limited, topic: limited, at: 400ms, every: 50ms, times: 3, payload: { bytes: 32 } }] }
  retaining: { clients: 2, publish: [{ name: retained, topic: "retained/{client}", every: 30ms, times: 3, qos: 1, retain: true, payload: { bytes: 32 } }] }
  dying: { will: { topic: wills, payload: { bytes: 32 }, qos: 1 }, ${back}, publish: [{ name: dying, topic: dying, every: 40ms, times: 20, payload: { bytes: 32 } }] }
  slow: { version: 5, receiveMaximum: 1, subscribe: [{ filter: "ack/#", qos: 1, ackAfter: 40ms }] }
  quick: { subscribe: [{ filter: "ack/#", qos: 1 }] }
  acks: { publish: [{ name: acks, topic: ack/1, every: 10ms, times: 20, qos: 1, payload: { bytes: 32 } }] }
  late: { ${back}, subscribe: [{ filter: "retained/#", qos: 1 }] }
  watcher: { subscribe: [{ filter: hello, qos: 1 }, { filter: tick }, { filter: limited }, { filter: wills, qos: 1 }, { filter: "retained/#", qos: 1 }] }
phases: { warmUp: 0s, measure: 1200ms, drain: 3s }
`
    report = (await runScenario(text, [broker.url])).report
    retainedAtEnd = broker.retained()
    wills = broker.counts.wills
    replayed = broker.counts.retainedSent
    await broker.close()
  })

  it('on: connect sends after each connection, and only what is intended in measure is counted', () => {
    expect(intended.get('hello')!.length).toBe(2)
    expect(report.streams.hello!.publishes).toEqual({ planned: 1, sent: 1, acked: 1, refused: 0, dropped: 0 })
    expect(counted(report.streams.hello!.deliveries!)).toEqual({ owed: 1, received: 1 })
    expect(report.streams.hello!.endToEndUs!.max).toBeLessThan(200_000)
  })

  it('at and times bound a stream', () => {
    const first = Math.min(...[...intended].filter(([name]) => name !== 'hello').flatMap(([, times]) => times))
    expect(intended.get('limited')!.length).toBe(3)
    // The first of all others is half a period after the start; this one begins at 400 ms, at half its own.
    expect((intended.get('limited')![0]! - first) / 1000).toBeCloseTo(425 - 5, 0)
    expect(report.streams.limited!.publishes!.planned).toBe(3)
    expect(report.streams.limited!.deliveries!.received).toBe(3)
  })

  it('a retained message that comes again on subscribing is excused', () => {
    expect(replayed).toBeGreaterThanOrEqual(2)
    const { lost, duplicated, unexpected, excused } = report.groups.late!.deliveries!
    expect({ lost, duplicated, unexpected }).toEqual({ lost: 0, duplicated: 0, unexpected: 0 })
    expect(excused).toBeGreaterThanOrEqual(2)
    expect(report.groups.watcher!.deliveries!.lost).toBe(0)
  })

  it('leave nothing retained on the broker', () => {
    expect(retainedAtEnd).toEqual([])
    expect(report.run.leftovers).toEqual({ sessions: 0, retained: 0 })
  })

  it('a will is excused, and in no stream', () => {
    expect(wills).toBe(1)
    expect(report.groups.watcher!.deliveries).toMatchObject({ excused: 1, unexpected: 0 })
  })

  it('ackAfter holds back a slow consumer only, and no publisher', () => {
    // With a receive maximum of 1 each message waits for the acknowledgement of the one before: 20 · 40 ms, less 19 · 10 ms.
    expect(report.groups.slow!.deliveries).toMatchObject({ owed: 20, received: 20, duplicated: 0 })
    expect(report.groups.slow!.endToEndUs!.max).toBeGreaterThan(19 * 30_000 - 20_000)
    expect(report.groups.quick!.endToEndUs!.p50).toBeLessThan(60_000)
    expect(report.streams.acks!.ackUs!.p50).toBeLessThan(60_000)
  })
})

describe('two nodes', () => {
  it('have their clients, publishes and deliveries told apart, and pairs that add up', async () => {
    // Two brokers that know nothing of each other: what crosses nodes is lost, all of it and nothing else.
    const [one, two] = [await startLyingBroker(), await startLyingBroker()]
    const text = `
name: nodes
settle: 100ms
brokers: [{ name: a, url: "mqtt://127.0.0.1:1" }, { name: b, url: "mqtt://127.0.0.1:2" }]
groups:
  publishers: { clients: 4, publish: [{ topic: "t/{client}", every: 50ms, times: 10, qos: 1, payload: { bytes: 32 } }] }
  subscribers: { clients: 2, subscribe: [{ filter: "t/#", qos: 1 }] }
phases: { warmUp: 0s, measure: 600ms, drain: 1s }
`
    const { report } = await runScenario(text, [one.url, two.url], { workers: 2 })
    await Promise.all([one.close(), two.close()])
    expect(report.clients.connected).toBe(6)
    for (const node of ['a', 'b']) {
      expect(report.nodes[node]!.clients).toMatchObject({ planned: 3, connected: 3 })
      expect(report.nodes[node]!.publishes).toMatchObject({ planned: 20, sent: 20, acked: 20 })
      expect(counted(report.nodes[node]!.deliveries!)).toEqual({ owed: 40, received: 20, lost: 20 })
      expect(report.nodes[node]!.endToEndUs).toMatchObject({ count: 40, p90: null })
    }
    const pairs = Object.fromEntries(report.pairs.map(({ from, to, deliveries }) => [`${from}${to}`, counted(deliveries)]))
    const [own, other] = [
      { owed: 20, received: 20 },
      { owed: 20, lost: 20 },
    ]
    expect(pairs).toEqual({ aa: own, ab: other, ba: other, bb: own })
    expect(counted(report.deliveries)).toEqual({ owed: 80, received: 40, lost: 40 })
  })
})
