import { beforeAll, describe, expect, it } from 'vitest'
import type { Figures, LatencySummary, Report } from '../../src/report/types.ts'
import { Histogram } from '../../src/stats/histogram.ts'
import { type LyingBroker, startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, type Finished, groupOf, headerOf, runScenario } from '../helpers/run.ts'

/** Latencies run from the intended time, whatever the broker does: a stall shows as a thousand slow messages, never as silence. */

/** How many of a figure's samples are above a value. */
function countAbove(summary: LatencySummary, valueUs: number): number {
  const histogram = Histogram.fromBase64(summary.hdr!)
  let below = 0
  for (let high = histogram.count; below < high; ) {
    const middle = Math.ceil((below + high) / 2)
    if (histogram.valueAtRank(middle) <= valueUs) below = middle
    else high = middle - 1
  }
  return histogram.count - below
}

describe('a broker that stands still for a second at 1,000 messages a second', () => {
  let report: Report
  let broker: LyingBroker

  beforeAll(async () => {
    broker = await startLyingBroker({ lie: { stall: { atMs: 500, forMs: 1000 } } })
    const text = `
name: stall
settle: 100ms
groups:
  open: { clients: 10, publish: [{ name: open, topic: "open/{client}", every: 10ms, payload: { bytes: 32 } }] }
  narrow: { clients: 10, inFlight: 1, publish: [{ name: narrow, topic: "narrow/{client}", every: 10ms, qos: 1, payload: { bytes: 32 } }] }
  subscriber: { clients: 1, subscribe: [{ filter: "#", qos: 1 }] }
phases: { warmUp: 0s, measure: 2500ms, drain: 5s }
`
    report = (await runScenario(text, [broker.url])).report
    await broker.close()
  })

  it('still gets every message, and has them all delivered', () => {
    expect(report.publishes).toEqual({ planned: 5000, sent: 5000, acked: 2500, refused: 0, dropped: 0 })
    expect(counted(report.deliveries)).toEqual({ owed: 5000, received: 5000 })
  })

  it('shows as a thousand samples spread over the second, with QoS 0', () => {
    const { endToEndUs } = report.streams.open!
    // The rule of a uniform spread, give or take what timers and a busy machine shift.
    for (const [aboveMs, expected] of [
      [50, 950],
      [250, 750],
      [500, 500],
      [750, 250],
    ] as const) {
      const count = countAbove(endToEndUs!, aboveMs * 1000)
      expect(count, `above ${aboveMs} ms`).toBeGreaterThan(expected - 100)
      expect(count, `above ${aboveMs} ms`).toBeLessThan(expected + 150)
    }
    expect(endToEndUs!.max).toBeGreaterThan(900_000)
    expect(endToEndUs!.max).toBeLessThan(1_500_000)
  })

  it('shows as no fewer of them where the in-flight window is 1: they wait with their intended times', () => {
    const { endToEndUs, ackUs, blockedUs } = report.streams.narrow!
    expect(countAbove(endToEndUs!, 500_000)).toBeGreaterThan(450)
    expect(countAbove(ackUs!, 500_000)).toBeGreaterThan(450)
    expect(countAbove(blockedUs!, 500_000)).toBeGreaterThan(450)
    expect(blockedUs!.max).toBeGreaterThan(900_000)
  })

  it('is no lateness of the generator', () => {
    expect(report.streams.narrow!.sendLagUs!.p99).toBeLessThan(100_000)
    expect(report.streams.open!.sendLagUs!.p99).toBeLessThan(100_000)
    expect(report.streams.open!.blockedUs!.p99).toBeLessThan(100_000)
  })
})

describe('a broker with a delay law', () => {
  it('is measured by it, and nobody else is', async () => {
    const delays: Record<string, number> = { slow: 60 }
    const broker = await startLyingBroker({ lie: { delay: (d) => delays[groupOf(d.subscriber)] ?? 0 } })
    const text = `
name: delay
settle: 100ms
groups:
  publishers: { clients: 5, publish: [{ name: s, topic: "t/{client}", every: 20ms, payload: { bytes: 32 } }] }
  slow: { clients: 1, subscribe: [{ filter: "t/#" }] }
  fast: { clients: 1, subscribe: [{ filter: "t/#" }] }
phases: { warmUp: 0s, measure: 1s, drain: 2s }
`
    const { report } = await runScenario(text, [broker.url])
    await broker.close()
    const { slow, fast } = report.groups as Record<string, Figures>
    expect(slow!.endToEndUs!.count).toBe(250)
    expect(slow!.endToEndUs!.min).toBeGreaterThan(59_000)
    expect(slow!.endToEndUs!.p50).toBeLessThan(85_000)
    expect(fast!.endToEndUs!.p50).toBeLessThan(25_000)
    expect(report.streams.s!.endToEndUs!.count).toBe(500)
  })
})

describe('a broker that refuses some publishes, and never answers others', () => {
  const [CLIENTS, MESSAGES] = [4, 40]
  const EACH = CLIENTS * MESSAGES
  let finished: Finished
  let report: Report

  beforeAll(async () => {
    const seqIs = (payload: Buffer, at: number) => headerOf(payload).seq % 10 === at
    const broker = await startLyingBroker({
      lie: {
        refusePublish: (m) => (groupOf(m.clientId) === 'refused' && seqIs(m.payload, 2) ? 0x97 : null),
        noAck: (m) => groupOf(m.clientId) === 'unanswered' && seqIs(m.payload, 6),
      },
    })
    const entries = (group: string) =>
      [1, 2].map(
        (q) =>
          `{ name: ${group}${q}, topic: "${group}/{client}/${q}", every: 20ms, times: ${MESSAGES}, qos: ${q}, payload: { bytes: 32 } }`,
      )
    const text = `
name: answers
settle: 100ms
groups:
  refused: { clients: ${CLIENTS}, version: 5, publish: [${entries('refused')}] }
  unanswered: { clients: ${CLIENTS}, version: 5, publish: [${entries('unanswered')}] }
  subscriber: { clients: 1, version: 5, subscribe: [{ filter: "#", qos: 2 }] }
phases: { warmUp: 0s, measure: 1s, drain: 2s }
`
    finished = await runScenario(text, [broker.url])
    report = finished.report
    await broker.close()
  })

  const tenth = EACH / 10

  it('has its refusals counted by reason code, and their deliveries excused', () => {
    for (const stream of ['refused1', 'refused2']) {
      expect(report.streams[stream]!.publishes).toEqual({ planned: EACH, sent: EACH, acked: EACH - tenth, refused: tenth, dropped: 0 })
      expect(counted(report.streams[stream]!.deliveries!)).toEqual({ owed: EACH - tenth, received: EACH - tenth, excused: tenth })
    }
    expect(report.reasonCodes.PUBACK!['0x97']).toBe(tenth)
    expect(report.reasonCodes.PUBREC!['0x97']).toBe(tenth)
  })

  it('has what it never answered excused, though it arrived', () => {
    for (const stream of ['unanswered1', 'unanswered2']) {
      expect(report.streams[stream]!.publishes).toEqual({ planned: EACH, sent: EACH, acked: EACH - tenth, refused: 0, dropped: 0 })
      expect(counted(report.streams[stream]!.deliveries!)).toEqual({ owed: EACH - tenth, received: EACH - tenth, excused: tenth })
    }
  })

  it('has both in the acknowledgements as infinitely late', () => {
    for (const stream of ['refused1', 'refused2', 'unanswered1', 'unanswered2']) {
      const { ackUs, endToEndUs } = report.streams[stream]!
      expect(ackUs).toMatchObject({ count: EACH, p95: null, p99: null, max: null })
      expect(ackUs!.p90).toBeGreaterThan(0)
      // What is excused enters no latency.
      expect(endToEndUs!.count).toBe(EACH - tenth)
      expect(endToEndUs!.max).toBeGreaterThan(0)
    }
  })

  it('is waited for as long as drain may last, and fails nothing by that', () => {
    expect(report.run.phases.find(({ name }) => name === 'drain')!.lengthS).toBeGreaterThanOrEqual(2)
    expect(finished.exitCode).toBe(0)
  })
})
