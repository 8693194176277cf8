/**
 * What real brokers tell of themselves while a run goes on, beside what the run counts: connections exactly, messages within what goes through in the
 * time of a reading, memory and CPU of their processes as the kernel counts them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MetricsSource } from '../../src/load/plan.ts'
import type { NodeMetrics } from '../../src/report/types.ts'
import { viewOf } from '../../src/report/view.ts'
import { freePort } from '../helpers/ports.ts'
import type { Cluster } from './cluster.ts'
import { run } from './helper.ts'
import { type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts'
import { requireNats, startNats } from './nats.ts'
import { requireRabbitmq, startRabbitmq } from './rabbitmq.ts'

const PUBLISHERS = 300
const SUBSCRIBERS = 4
const CLIENTS = PUBLISHERS + SUBSCRIBERS

/** Four times as many messages out as in. */
const scenario = (measure: string, every: string) => ({
  name: 'own',
  settle: '200ms',
  sentinel: false,
  groups: {
    pub: { clients: PUBLISHERS, connect: { over: '1s' }, publish: [{ topic: 'own/{client}', every, qos: 1 }] },
    sub: { clients: SUBSCRIBERS, subscribe: [{ filter: 'own/#', qos: 1 }] },
  },
  phases: { warmUp: '1s', measure, drain: '5s' },
})

const prometheus = (url: string): MetricsSource => ({ kind: 'prometheus', url, as: null, map: null })

async function measured(url: string, metrics: readonly MetricsSource[], measure = '4s', every = '1s') {
  const { report, written, words } = await run(scenario(measure, every), [url], { metrics: [metrics] })
  expect(report.deliveries.lost).toBe(0)
  return { report, written, words, told: report.nodes['node-1']!.metrics! }
}

/** It takes a while to start: meanwhile others are tested. */
let rabbitmq: Promise<Cluster> | undefined
beforeAll(() => {
  if (requireRabbitmq()) rabbitmq = startRabbitmq({ nodes: 1 })
  rabbitmq?.catch(() => {})
})
afterAll(async () => {
  const cluster = await rabbitmq?.catch(() => null)
  await cluster?.stop()
})

/** What must be right of any broker that tells all of it. */
function expectTrue(told: NodeMetrics, sent: number): void {
  expect(told.connections).toMatchObject({ before: 0, mean: CLIENTS, peak: CLIENTS, last: CLIENTS, slopePerSec: 0 })
  expect(told.reconciliation).toMatchObject({
    connected: { ours: CLIENTS, theirs: CLIENTS },
    sent: { ours: sent },
    received: { ours: sent * SUBSCRIBERS },
  })
  // A reading at each end, and each of them may be off by a few milliseconds of the load.
  expect(Math.abs(told.messagesIn!.count / sent - 1)).toBeLessThan(0.05)
  expect(Math.abs(told.messagesOut!.count / sent / SUBSCRIBERS - 1)).toBeLessThan(0.05)
  expect(told.memoryBytes!.before).toBeGreaterThan(1e6)
  expect(told.cpuCores!.mean).toBeGreaterThan(0)
  expect(told.cpuCores!.mean).toBeLessThan(4)
  expect(told.cpuUsPerMessage).toBeGreaterThan(1)
  expect(told.cpuUsPerMessage).toBeLessThan(50_000)
}

describe.skipIf(!requireMosquitto())('mosquitto', () => {
  let broker: Mosquitto
  let url = ''
  beforeAll(async () => {
    broker = await startMosquitto({ listeners: ['plain'] })
    url = broker.url('plain')
  })
  afterAll(() => broker?.stop())

  test('tells by $SYS and its process what the run counts', async () => {
    const { report, told, written, words } = await measured(url, [{ kind: 'sys' }, { kind: 'pid', pid: broker.pid }], '6s')
    expectTrue(told, PUBLISHERS * 6)
    expect(told.source).toBe('process + $SYS (mosquitto)')
    expect(told).not.toHaveProperty('trouble')
    expect(told.memoryBytes!.mean).toBeGreaterThan(told.memoryBytes!.before!)
    expect(told.subscriptions).toMatchObject({ before: 0, mean: SUBSCRIBERS })
    expect(words).toEqual([])
    const view = viewOf(report)
    expect(view.parts.map(({ title }) => title)).toContain('Brokers’ own figures')
    expect(view.notes.filter((note) => note.includes('node-1'))).toEqual([])
    expect(written).toContain('"source":"$SYS (mosquitto)","connections":304')
  })

  test('runs to its end whatever becomes of its sources, and each is said once', async () => {
    const away = `http://me:sw0rdfish@127.0.0.1:${await freePort()}/metrics`
    const sources: MetricsSource[] = [
      { kind: 'pidFile', path: 'no-such.pid' },
      prometheus(away),
      { kind: 'nats', url: away },
      { kind: 'sys' },
    ]
    const { report, told, written, words } = await measured(url, sources, '1s')
    expect(words).toEqual([
      "node node-1, process: its pid file can't be read (ENOENT)",
      'node node-1, prometheus: ECONNREFUSED',
      'node node-1, monitoring (nats): ECONNREFUSED',
    ])
    expect(report.status).toBe('passed')
    expect(told).toMatchObject({ source: '$SYS (mosquitto)', cpuCores: null, cpuUsPerMessage: null })
    expect(told.trouble).toMatch(
      /^process: its pid file can't be read \(ENOENT\) \(\d+ of \d+ readings\); prometheus: ECONNREFUSED .*; monitoring \(nats\): ECONNREFUSED/,
    )
    expect(written.match(/"event":"metrics"/g)).toHaveLength(3)
    expect(written).not.toContain('sw0rdfish')
  })
})

describe.skipIf(!requireNats())('NATS', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startNats({ nodes: 1 })
  }, 60_000)
  afterAll(() => cluster?.stop())

  test('tells by its monitoring and its process; of messages only those that come in', async () => {
    const [node] = cluster.nodes
    const nats = `http://127.0.0.1:${node!.ports.monitor}`
    const sources: MetricsSource[] = [
      { kind: 'nats', url: nats },
      { kind: 'pid', pid: node!.pid },
    ]
    const { told } = await measured(node!.url, sources, '3s')
    expect(told.source).toBe('process + monitoring (nats)')
    expect(told.connections).toMatchObject({ before: 0, mean: CLIENTS })
    expect(told.queued!.peak).toBeLessThan(PUBLISHERS)
    expect(Math.abs(told.messagesIn!.count / PUBLISHERS / 3 - 1)).toBeLessThan(0.05)
    expect(told).toMatchObject({ messagesOut: null, reconciliation: { sent: { ours: PUBLISHERS * 3 }, received: null } })
    // By our own counts.
    expect(told.cpuUsPerMessage).toBeGreaterThan(1)
    expect(told.cpuUsPerMessage).toBeLessThan(5000)
    expect(told.memoryBytes!.mean).toBeGreaterThan(told.memoryBytes!.before!)
  })
})

describe.skipIf(!requireRabbitmq())('RabbitMQ', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await rabbitmq!
  }, 120_000)

  test('tells by its Prometheus plugin and its process what the run counts', async () => {
    const [node] = cluster.nodes
    const url = `http://127.0.0.1:${node!.ports.prometheus}/metrics`
    // So few that it delivers them at once on a busy machine too: what comes after measure is not in its count of measure.
    const { told } = await measured(node!.url, [prometheus(url), { kind: 'pid', pid: node!.pid }], '8s', '4s')
    expect(told.source).toBe('process + prometheus (rabbitmq)')
    expectTrue(told, PUBLISHERS * 2)
  })
})
