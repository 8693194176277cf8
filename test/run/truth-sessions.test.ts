import { beforeAll, describe, expect, it } from 'vitest'
import { keyOf, Permutation } from '../../src/load/order.ts'
import { Schedule } from '../../src/load/schedule.ts'
import type { Report } from '../../src/report/types.ts'
import { Histogram } from '../../src/stats/histogram.ts'
import type { Message } from '../helpers/lies.ts'
import { type LyingBroker, startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, groupOf, headerOf, indexOf, runScenario } from '../helpers/run.ts'

/** What connections that break in the middle of a run mean: for what was owed meanwhile, and for what could not be sent. */

const seqOf = ({ payload }: Message) => headerOf(payload).seq

describe('subscribers that lose their connection', () => {
  const TOTAL = 200
  let report: Report
  /** Deliveries that the broker lost on purpose. */
  let dropped = 0
  let discarded = 0
  let queued = 0
  let resent = 0

  beforeAll(async () => {
    const isAway = (clientId: string) => !broker.sessions('connected').includes(clientId)
    const broker: LyingBroker = await startLyingBroker({
      lie: {
        drop: (d) => {
          const isDropped = groupOf(d.subscriber) === 'lossy' && isAway(d.subscriber)
          if (isDropped) dropped++
          return isDropped
        },
        forgetSession: (clientId) => groupOf(clientId) === 'forgotten',
      },
    })
    const away = 'reconnect: { backoff: fixed, first: 600ms }'
    const group = (name: string, fields: string, filter = '{ filter: "t/#", qos: 1 }') =>
      `  ${name}: { clients: 1, ${away}, ${fields}subscribe: [${filter}] }`
    const text = `
name: subscribers
settle: 100ms
groups:
  publishers:
    clients: 2
    publish:
      - { name: q0, topic: "t/{client}/0", every: 20ms, times: 50, qos: 0, payload: { bytes: 32 } }
      - { name: q1, topic: "t/{client}/1", every: 20ms, times: 50, qos: 1, payload: { bytes: 32 } }
${group('steady', '')}
${group('clean', '')}
${group('reset', '')}
${group('keeping', 'cleanSession: false, ', '{ filter: "t/+/1", qos: 1 }')}
${group('keepingNone', 'cleanSession: false, ', '{ filter: "t/+/0", qos: 1 }')}
${group('lossy', 'cleanSession: false, ', '{ filter: "t/+/1", qos: 1 }')}
${group('forgotten', 'cleanSession: false, ', '{ filter: "t/+/1", qos: 1 }')}
phases: { warmUp: 0s, measure: 1500ms, drain: 4s }
`
    void broker
      .until((counts) => counts.published >= 50)
      .then(() => {
        for (const id of broker.sessions()) {
          const name = groupOf(id)
          if (['clean', 'keeping', 'keepingNone', 'lossy', 'forgotten'].includes(name)) broker.kick(id, 'end')
          else if (name === 'reset') broker.kick(id, 'reset')
        }
      })
    const finished = await runScenario(text, [broker.url])
    report = finished.report
    ;({ discarded, queued, resent } = broker.counts)
    await broker.close()
  })

  const of = (group: string) => report.groups[group]!.deliveries!

  it('are counted, with the time to their next CONNACK', () => {
    for (const group of ['clean', 'reset', 'keeping', 'lossy', 'forgotten']) {
      const { clients, reconnectUs } = report.groups[group]!
      expect(clients, group).toEqual({ planned: 1, connected: 1, failed: 0, disconnected: 1, reconnected: 1 })
      expect(reconnectUs).toMatchObject({ count: 1 })
      expect(reconnectUs!.min).toBeGreaterThan(599_000)
    }
    expect(report.clients).toMatchObject({ disconnected: 6, reconnected: 6 })
    expect(report.groups.steady!.reconnectUs!.count).toBe(0)
    expect(counted(of('steady'))).toEqual({ owed: TOTAL, received: TOTAL })
  })

  it.each(['clean', 'reset'])('are owed nothing for the time without a session: %s', (group) => {
    const { owed, received, lost, excused } = of(group)
    expect(lost).toBe(0)
    expect(received).toBe(owed)
    // 600 ms away and twice the settle time, at 200 messages a second.
    expect(owed).toBeLessThan(TOTAL - 100)
    expect(owed).toBeGreaterThan(20)
    expect(excused).toBeGreaterThan(0)
    expect(report.groups[group]!.endToEndUs).toMatchObject({ count: owed })
    expect(report.groups[group]!.endToEndUs!.max).not.toBeNull()
  })

  it('are owed all of QoS 1 where their session was to be kept, and the wait on the broker is latency', () => {
    expect(queued).toBeGreaterThan(50)
    // What was under way to it when it was kicked, the broker may send again.
    const { duplicated, ...keeping } = of('keeping')
    expect(counted({ ...keeping, duplicated: 0 })).toEqual({ owed: TOTAL / 2, received: TOTAL / 2 })
    expect(duplicated).toBeLessThanOrEqual(resent)
    const { endToEndUs } = report.groups.keeping!
    expect(endToEndUs!.max).toBeGreaterThan(500_000)
    expect(endToEndUs!.p50).toBeGreaterThan(50_000)
  })

  it('are not owed QoS 0 for the time away, session or not', () => {
    const { owed, received, lost } = of('keepingNone')
    expect(lost).toBe(0)
    expect(received).toBe(owed)
    expect(owed).toBeLessThan(TOTAL / 2 - 50)
  })

  it('have lost exactly what the broker dropped of their queue', () => {
    expect(dropped).toBeGreaterThan(40)
    expect(of('lossy')).toMatchObject({ owed: TOTAL / 2, lost: dropped, received: TOTAL / 2 - dropped })
    expect(report.groups.lossy!.endToEndUs).toMatchObject({ count: TOTAL / 2, max: null })
  })

  it('have lost what waited in a session that the broker forgot, but for the settle time before that showed', () => {
    const { owed, lost, received, excused } = of('forgotten')
    expect(received + lost).toBe(owed)
    expect(discarded).toBeGreaterThan(40)
    expect(lost).toBeLessThanOrEqual(discarded)
    expect(lost).toBeGreaterThan(discarded - 25)
    expect(lost + excused).toBeGreaterThanOrEqual(discarded)
  })
})

describe('publishers that lose their connection', () => {
  const MESSAGES = 60
  const KICKED_AT = 20
  const seen = new Map<string, number[]>()
  let report: Report

  beforeAll(async () => {
    const kicked = new Set<string>()
    const broker = await startLyingBroker({
      lie: {
        closeAfter: (m) => {
          const group = groupOf(m.clientId)
          seen.set(group, [...(seen.get(group) ?? []), seqOf(m)])
          if (seqOf(m) !== KICKED_AT || kicked.has(m.clientId)) return null
          kicked.add(m.clientId)
          return 'reset'
        },
      },
    })
    const group = (name: string, fields: string, qos = 0) =>
      `  ${name}: { clients: 1, reconnect: { backoff: fixed, first: 400ms }, ${fields}publish: [{ name: ${name}, topic: "${name}", every: 20ms, times: ${MESSAGES}, qos: ${qos}, payload: { bytes: 32 } }] }`
    const text = `
name: publishers
settle: 100ms
groups:
${group('all', '')}
${group('none', 'unsent: { keep: none }, ')}
${group('oldest', 'unsent: { keep: 5, drop: oldest }, ')}
${group('newest', 'unsent: { keep: 5, drop: newest }, ')}
${group('one', '', 1)}
${group('clean1', 'inFlight: 5, ', 1)}
${group('kept1', 'cleanSession: false, ', 1)}
${group('kept2', 'cleanSession: false, ', 2)}
  subscriber: { clients: 1, subscribe: [{ filter: "#", qos: 2 }] }
phases: { warmUp: 0s, measure: 1500ms, drain: 3s }
`
    report = (await runScenario(text, [broker.url])).report
    await broker.close()
  })

  const gapOf = (group: string) => {
    const arrived = new Set(seen.get(group))
    const gap = Array.from({ length: MESSAGES }, (_, seq) => seq).filter((seq) => !arrived.has(seq))
    // In one piece, or it is not what was dropped.
    expect(gap).toEqual(gap.map((_, i) => gap[0]! + i))
    return gap
  }

  it('send their backlog later, with its intended times', () => {
    const { publishes, blockedUs, sendLagUs, endToEndUs, deliveries } = report.streams.all!
    expect(gapOf('all')).toEqual([])
    expect(publishes).toEqual({ planned: MESSAGES, sent: MESSAGES, acked: 0, refused: 0, dropped: 0 })
    expect(counted(deliveries!)).toEqual({ owed: MESSAGES, received: MESSAGES })
    expect(blockedUs).toMatchObject({ count: MESSAGES })
    expect(blockedUs!.max).toBeGreaterThan(370_000)
    expect(endToEndUs!.max).toBeGreaterThan(370_000)
    expect(sendLagUs!.max).toBeLessThan(200_000)
  })

  it('drop all of it where nothing is kept', () => {
    const gap = gapOf('none')
    const { publishes, blockedUs, endToEndUs, deliveries } = report.streams.none!
    expect(gap.length).toBeGreaterThanOrEqual(18)
    expect(gap[0]).toBe(KICKED_AT + 1)
    expect(publishes).toEqual({ planned: MESSAGES, sent: MESSAGES - gap.length, acked: 0, refused: 0, dropped: gap.length })
    expect(counted(deliveries!)).toEqual({ owed: MESSAGES - gap.length, received: MESSAGES - gap.length })
    // What was dropped is infinitely late, here and there.
    expect(endToEndUs).toMatchObject({ count: MESSAGES, p90: null, max: null })
    expect(blockedUs).toMatchObject({ count: MESSAGES, p90: null })
    expect(blockedUs!.p50).toBeLessThan(100_000)
  })

  it('keep the newest where the oldest are dropped', () => {
    const gap = gapOf('oldest')
    expect(gap[0]).toBe(KICKED_AT + 1)
    expect(gap.length).toBeGreaterThanOrEqual(13)
    expect(report.streams.oldest!.publishes).toMatchObject({ planned: MESSAGES, dropped: gap.length, sent: MESSAGES - gap.length })
    // Five were kept: the first of them waited for 80 to 100 ms.
    expect(report.groups.oldest!.blockedUs!.min).toBeLessThan(20_000)
    expect(slowestBlocked(report, 'oldest')).toBeGreaterThan(75_000)
    expect(slowestBlocked(report, 'oldest')).toBeLessThan(200_000)
  })

  it('keep the oldest where the newest are dropped', () => {
    const gap = gapOf('newest')
    expect(gap[0]).toBe(KICKED_AT + 6)
    expect(gap.length).toBeGreaterThanOrEqual(13)
    expect(report.streams.newest!.publishes).toMatchObject({ planned: MESSAGES, dropped: gap.length, sent: MESSAGES - gap.length })
    expect(slowestBlocked(report, 'newest')).toBeGreaterThan(370_000)
  })

  it('have what was in flight excused where the session ended with the connection', () => {
    for (const name of ['one', 'clean1']) {
      expect(report.streams[name]!.publishes).toEqual({ planned: MESSAGES, sent: MESSAGES, acked: MESSAGES - 1, refused: 0, dropped: 0 })
      expect(counted(report.streams[name]!.deliveries!)).toEqual({ owed: MESSAGES - 1, received: MESSAGES - 1, excused: 1 })
      expect(report.streams[name]!.ackUs).toMatchObject({ count: MESSAGES, max: null })
    }
  })

  it('send it again where the session goes on: QoS 1 may double it, QoS 2 must not', () => {
    const whole = { planned: MESSAGES, sent: MESSAGES, acked: MESSAGES, refused: 0, dropped: 0 }
    expect(report.streams.kept1!.publishes).toEqual(whole)
    expect(report.streams.kept2!.publishes).toEqual(whole)
    expect(counted(report.streams.kept1!.deliveries!)).toEqual({ owed: MESSAGES, received: MESSAGES, duplicated: 1 })
    expect(counted(report.streams.kept2!.deliveries!)).toEqual({ owed: MESSAGES, received: MESSAGES })
    expect(report.streams.kept1!.ackUs!.max).toBeGreaterThan(370_000)
  })

  it('plan what they send and drop, always', () => {
    for (const { publishes } of [report, ...Object.values(report.groups), ...Object.values(report.streams)]) {
      if (publishes) expect(publishes.planned).toBe(publishes.sent + publishes.dropped)
    }
    expect(report.groups.one!.clients).toMatchObject({ disconnected: 1, reconnected: 1 })
  })
})

/** The largest finite wait: `max` is infinite once something was dropped. */
function slowestBlocked(report: Report, stream: string): number {
  return Histogram.fromBase64(report.streams[stream]!.blockedUs!.hdr!).max
}

describe('clients that churn', () => {
  it.each(['disconnect', 'reset', 'silent'] as const)('intend nothing while they are away, by %s', async (leave) => {
    const [CLIENTS, CONNECTED, AWAY, MEASURE] = [6, 400_000, 310_000, 1_500_000]
    const seen = new Set<string>()
    const broker = await startLyingBroker({
      lie: {
        noAck: (m) => {
          seen.add(`${indexOf(m.clientId)}/${seqOf(m)}`)
          return false
        },
      },
    })
    const text = `
name: churn
seed: 7
settle: 100ms
groups:
  churning:
    clients: ${CLIENTS}
    churn: { connected: 400ms, away: 310ms, leave: ${leave} }
    publish: [{ name: s, topic: "t/{client}", every: 20ms, qos: 1, payload: { bytes: 32 } }]
  subscriber: { clients: 1, subscribe: [{ filter: "#", qos: 1 }] }
phases: { warmUp: 0s, measure: 1500ms, drain: 3s }
`
    const { report } = await runScenario(text, [broker.url])
    await broker.close()
    const [group] = report.plan.groups
    const schedule = new Schedule(report.plan, group!, group!.publish[0]!)
    const order = new Permutation(CLIENTS, keyOf(7, 'churn', 'churning'))
    const expected: string[] = []
    let leavings = 0
    for (let client = 0; client < CLIENTS; client++) {
      // Who would be away when publishing begins leaves at once, for the rest of that time.
      const place = ((order.at(client) + 0.5) / CLIENTS) * (CONNECTED + AWAY)
      const first = place < CONNECTED ? place : place - CONNECTED - AWAY
      for (let at = first; at < MEASURE; at += CONNECTED + AWAY) leavings++
      for (let seq = 0; schedule.timeOf(client, seq) < MEASURE; seq++) {
        const sinceUs = schedule.timeOf(client, seq) - first
        if (sinceUs < 0 || sinceUs % (CONNECTED + AWAY) >= AWAY) expected.push(`${client}/${seq}`)
      }
    }
    expect([...seen].sort()).toEqual(expected.sort())
    expect(report.publishes).toMatchObject({ planned: expected.length, sent: expected.length, refused: 0, dropped: 0 })
    // What was under way when its client left is never acknowledged: a message or two each time, on a machine that is late.
    const unacknowledged = expected.length - report.publishes.acked
    expect(unacknowledged).toBeLessThanOrEqual(2 * leavings)
    const owed = expected.length - unacknowledged
    expect(report.deliveries).toMatchObject({ owed, received: owed, lost: 0, excused: unacknowledged, duplicated: 0, unexpected: 0 })
    expect(report.clients).toMatchObject({ connected: CLIENTS + 1, failed: 0, disconnected: 0, reconnected: 0 })
    expect(report.reconnectUs.count).toBe(leavings)
    expect(report.reconnectUs.max).not.toBeNull()
  })
})
