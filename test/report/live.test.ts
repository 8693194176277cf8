import { describe, expect, test } from 'vitest'
import { abortProblem } from '../../src/load/abort.ts'
import { cellKey } from '../../src/load/group.ts'
import type { Plan } from '../../src/load/plan.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { metricProblem, parseThreshold, type Threshold } from '../../src/load/threshold.ts'
import { buildReport, type RunResult } from '../../src/report/build.ts'
import { LiveThreshold, type Told } from '../../src/report/live.ts'
import { lookUp } from '../../src/report/threshold.ts'
import { type Cell, type CellKind, type Latency, Metrics, type MetricsDelta } from '../../src/stats/metrics.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const plan: Plan = loadScenario(
  'factory.yaml',
  `
brokers: [{ url: "mqtt://a" }, { url: "mqtt://b" }]
groups:
  sensors:
    clients: 10
    publish:
      - { name: hot, topic: "t/{client}", every: 1s, qos: { 0: 50%, 1: 50% } }
      - { name: cold, topic: "c/{client}", every: 1s, qos: 1, request: { response: "r/{clientId}" } }
  boards:
    clients: 4
    subscribe: [{ filter: "t/+", qos: 1 }]
`,
  NO_OPTIONS,
)

function parsed(text: string): Threshold {
  const threshold = parseThreshold(text)
  if (!('metric' in threshold)) throw new Error(threshold.problem)
  return threshold
}

const at = (s: number): Told => ({ earliestUs: s * 1e6, latestUs: s * 1e6 })

/** Each metric that can end a run of the plan. */
const METRICS = [
  ...[
    'clients.connected',
    'clients.failed',
    'clients.disconnected',
    'clients.reconnected',
    'subscriptions.granted',
    'subscriptions.refused',
  ],
  ...['sessions.resumed', 'sessions.forgotten', 'sessions.takenOver', 'sessions.doubled', 'offline.queued', 'offline.perSec'],
  ...['bytes.sent', 'bytes.received', 'publishes.sent', 'publishes.acked', 'publishes.refused', 'publishes.dropped', 'publishes.sentRatio'],
  ...['deliveries.duplicated', 'deliveries.reordered', 'deliveries.unexpected'],
  ...['endToEnd', 'ack', 'connect', 'reconnect', 'subscribe', 'sendLag', 'blocked', 'connectLag', 'roundTrip', 'unqueue'].flatMap((name) =>
    ['min', 'p50', 'p90', 'p95', 'p99', 'p999', 'max', 'mean'].map((field) => `${name}.${field}`),
  ),
]
  .flatMap((figure) =>
    ['', 'groups.sensors.', 'groups.boards.', 'nodes.node-1.', 'nodes.node-2.', 'streams.hot.', 'streams.cold.', 'qos.0.', 'qos.1.'].map(
      (scope) => scope + figure,
    ),
  )
  .filter((metric) => metricProblem(metric, plan) === null)

/** How many clients of each group a node has. */
const CLIENTS = [5, 2]

/** Cells of a run in which whatever was wanted has come. */
function someMetrics(seed: number): Metrics {
  const metrics = new Metrics()
  let state = seed
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  const some = () => Math.ceil(random() * 50)
  const record = <K extends CellKind>(cell: Cell<K>, name: Latency<K>, count: number): number => {
    for (let n = 0; n < count; n++) cell.record(name, random() * 1e6)
    return count
  }
  for (const group of [0, 1]) {
    for (const node of [0, 1]) {
      const cell = metrics.clients.at(cellKey.client(group, node))
      const clients = CLIENTS[group]!
      for (const name of ['connect', 'subscribe', 'connectLag'] as const) record(cell, name, clients)
      const disconnected = record(cell, 'reconnect', some())
      record(cell, 'unqueue', some())
      Object.assign(cell.counts, { connected: clients, granted: clients, disconnected, reconnected: disconnected })
      Object.assign(cell.counts, { bytesSent: some(), bytesReceived: some(), resumed: some(), forgotten: some(), queued: some() })
    }
  }
  const publish = (cell: Cell<'publishes'>, isAcked: boolean, isRequest: boolean) => {
    const sent = record(cell, 'blocked', some())
    record(cell, 'sendLag', sent)
    const acked = isAcked ? record(cell, 'ack', sent) : 0
    Object.assign(cell.counts, { sent, acked, ackWanted: acked, replyWanted: isRequest ? record(cell, 'roundTrip', sent) : 0 })
  }
  publish(metrics.publishes.at(cellKey.publish(0, 0)), false, false)
  publish(metrics.publishes.at(cellKey.publish(0, 1)), true, false)
  publish(metrics.publishes.at(cellKey.publish(1, 1)), true, true)
  for (const node of [0, 1]) publish(metrics.publishesByNode.at(node), true, true)
  const deliver = (cell: Cell<'deliveries'>) => {
    const owed = record(cell, 'endToEnd', some())
    Object.assign(cell.counts, { owed, received: owed, duplicated: some(), reordered: some(), unexpected: some() })
  }
  for (const qos of [0, 1]) deliver(metrics.deliveries.at(cellKey.delivery(1, 0, qos)))
  for (const to of [0, 1]) deliver(metrics.deliveriesByPair.at(cellKey.pair(0, to)))
  return metrics
}

function reportOf(metrics: Metrics) {
  const sample = sampleReport()
  return buildReport({
    plan,
    metrics,
    run: sample.run,
    generator: sample.generator,
    ...{ unverified: 0, unsentOfOurs: 0, measureStartUs: 0 },
    ...{ timeline: [], losses: [], checks: [], shares: [], faults: [], faultTroubles: [], windows: [], pieces: [] },
    ...{ isInterrupted: false, abort: null, brokers: null, retained: null, drops: null, wills: null },
  } as unknown as RunResult).report
}

describe('a threshold held against a run that goes on', () => {
  test('has the figure that the report has where nothing is missing', () => {
    expect(METRICS.length).toBeGreaterThan(200)
    for (const seed of [1, 2, 3, 4, 5]) {
      const report = reportOf(someMetrics(seed))
      const gains = someMetrics(seed).take()
      for (const metric of METRICS) {
        const { actual } = live(thresholdOn(metric), gains).look(at(100), null)
        expect([metric, actual]).toEqual([metric, lookUp(report, metric)])
      }
    }
  })

  test('counts who failed to connect, and what was given up, as infinitely late', () => {
    const p99 = (name: string, missing: number) => {
      const metrics = new Metrics()
      const clients = metrics.clients.at(cellKey.client(0, 0))
      const publishes = metrics.publishes.at(cellKey.publish(0, 1))
      for (let n = 0; n < 99; n++) {
        clients.record('connect', 1000)
        publishes.record('blocked', 10)
      }
      clients.counts.failed = missing
      publishes.counts.dropped = missing
      return live(parsed(`${name}.p99 < 1s`), metrics.take()).look(at(1), null)
    }
    expect([p99('connect', 1), p99('blocked', 1)]).toEqual([
      { actual: 1000, ok: true },
      { actual: 10, ok: true },
    ])
    const infinite = { actual: Number.POSITIVE_INFINITY, ok: false }
    expect([p99('connect', 2), p99('blocked', 2)]).toEqual([infinite, infinite])
  })

  test.each([
    { of: 'a publish', name: 'ack', begin: (m: Metrics) => m.publishes.at(cellKey.publish(0, 1)).counts.ackWanted++ },
    { of: 'a request', name: 'roundTrip', begin: (m: Metrics) => m.publishes.at(cellKey.publish(1, 1)).counts.replyWanted++ },
    { of: 'a lost connection', name: 'reconnect', begin: (m: Metrics) => m.clients.at(cellKey.client(0, 1)).counts.disconnected++ },
  ])('counts $of without an end as late for certain only when it is older than the limit for every member', ({ name, begin }) => {
    const metrics = new Metrics()
    begin(metrics)
    const threshold = live(parsed(`${name}.max < 3s`), metrics.take())
    expect(threshold.look({ earliestUs: 9.5e6, latestUs: 10e6 }, null)).toEqual({ actual: null, ok: true })
    // A second more than the limit: members tell a second each at a moment of its own.
    expect(threshold.look({ earliestUs: 13.9e6, latestUs: 14.5e6 }, null)).toEqual({ actual: null, ok: true })
    expect(threshold.look({ earliestUs: 14e6, latestUs: 15e6 }, null)).toEqual({ actual: Number.POSITIVE_INFINITY, ok: false })
  })

  test('takes what has begun within the limit for nothing yet, however much it is', () => {
    const threshold = live(parsed('ack.p99 < 1s'))
    for (let s = 1; s < 60; s++) {
      const metrics = new Metrics()
      const cell = metrics.publishes.at(cellKey.publish(0, 1))
      // All that was sent in the last second is on its way.
      cell.counts.ackWanted = 100
      cell.counts.acked = s > 1 ? 100 : 0
      for (let n = 0; n < cell.counts.acked; n++) cell.record('ack', 900_000)
      threshold.take(metrics.take())
      expect(threshold.look(at(s), null).ok).toBe(true)
    }
  })

  test('takes end-to-end times of one clock where the clocks differ too much for the limit', () => {
    const metrics = new Metrics()
    const cell = metrics.deliveries.at(cellKey.delivery(1, 0, 0))
    cell.record('endToEnd', 90_000)
    cell.record('endToEnd', 40_000)
    cell.record('sameClock', 40_000)
    const threshold = live(parsed('endToEnd.max < 50ms'), metrics.take())
    expect(threshold.look(at(1), null).ok).toBe(false)
    expect(threshold.look(at(2), 10_000)).toEqual({ actual: 40_000, ok: true })
  })
})

function live(threshold: Threshold, ...gains: readonly MetricsDelta[]): LiveThreshold {
  const made = new LiveThreshold(plan, threshold)
  for (const gain of gains) made.take(gain)
  return made
}

/** Its limit says nothing of what is late. */
function thresholdOn(metric: string): Threshold {
  const threshold: Threshold = { ...parsed('endToEnd.p99 >= 0ms'), metric }
  expect([metric, abortProblem(threshold, true)]).toEqual([metric, null])
  return threshold
}
