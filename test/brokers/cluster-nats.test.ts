/**
 * NATS, three nodes with JetStream, directly and behind HAProxy. Nodes are taken from it while it is under load; docs/brokers.md has what it makes
 * of that.
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from './cluster.ts'
import { crossing, expectDelivery, expectSound } from './crossing.ts'
import { faultOf, runDeath, runHang, runTakeover } from './faults.ts'
import { requireHaproxy, startHaproxy } from './haproxy.ts'
import { run } from './helper.ts'
import { requireNats, startNats } from './nats.ts'

/** Electing leaders anew takes NATS up to a quarter of a minute. */
const SLOW_MS = 120_000

describe.skipIf(!requireNats())('NATS', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startNats({ nodes: 3 })
  })
  afterAll(() => cluster?.stop())

  /** Trap: a cluster that has just been made loses one or two messages of QoS 1 in one run of ten, to any client library. */
  test('every pair of nodes exchanges messages of QoS 0 and 1', () => expectDelivery(cluster.urls, [0, 1], 5))

  test('a publish of QoS 2 costs its client the connection, and nothing is owed for it', async () => {
    const { report } = await run(crossing(3, { qos: [2], phases: { measure: '1s', drain: '1s' } }), cluster.urls)
    expectSound(report)
    expect(report.clients.disconnected).toBeGreaterThanOrEqual(6)
    expect(report.groups.sub!.clients!.disconnected).toBe(0)
    expect(report.reasonCodes.SUBACK).toEqual({ '0x01': 3 })
    expect(report.publishes.acked).toBe(0)
    expect(report.deliveries).toMatchObject({ owed: 0, lost: 0, unexpected: 0 })
  })

  describe.skipIf(!requireHaproxy())('behind HAProxy', () => {
    test('clients of a node that is killed come back through the same address', { timeout: SLOW_MS }, async () => {
      const balancer = await startHaproxy(cluster.urls)
      onTestFinished(() => balancer.stop())
      const what = { phases: { measure: '5s', drain: '10s' } }
      const report = await runDeath(cluster, cluster.nodes[2]!, what, { back: null, urls: balancer.urls })
      // The node with the fewest connections gets the next: a third of nine clients was on the dead node.
      expect(report.clients.disconnected).toBeGreaterThanOrEqual(3)
      expect(report.groups.pub!.clients!.reconnected).toBeGreaterThan(0)
    })
  })

  test('a client that comes back on another node gets its session, and no will is published', async () => {
    const report = await runTakeover(cluster.urls, {})
    expect(faultOf(report, 'cell').wills.fired).toBe(0)
  })

  test('clients of a node that is killed go on with their sessions on others', { timeout: SLOW_MS }, async () => {
    const [, node] = cluster.nodes
    const report = await runDeath(cluster, node!, { clients: { cleanSession: false } }, { back: 'restored' })
    const dies = faultOf(report, 'dies')
    // If it led the streams, clients of other nodes are cut off as well.
    expect(dies.disconnected).toBeGreaterThanOrEqual(3)
    expect(report.nodes['node-2']!.clients!.disconnected).toBeGreaterThanOrEqual(3)
    expect(report.errors).toMatchObject({ 'connection closed by the broker': expect.any(Number) })
    expect(dies.sessionsResumed).toBeGreaterThanOrEqual(3)
  })

  /** Trap: a keep alive of 1 s is too short for NATS, which rounds the 1.5 s of it down to 1 s and cuts clients off. */
  test('a node that hangs loses its clients to the keep alive', { timeout: SLOW_MS }, async () => {
    const [, , node] = cluster.nodes
    const report = await runHang(cluster, node!, { phases: { measure: '11s' } })
    expect(report.nodes['node-3']!.clients!.disconnected).toBeGreaterThanOrEqual(3)
    expect(report.errors['keep alive: no PINGRESP']).toBeGreaterThanOrEqual(3)
  })
})
