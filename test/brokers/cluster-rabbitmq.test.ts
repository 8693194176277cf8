/**
 * RabbitMQ, three nodes with the MQTT plugin. A node is taken from it while it is under load; docs/brokers.md has what it makes of that.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from './cluster.ts'
import { crossing, expectDelivery, expectSound } from './crossing.ts'
import { faultOf, runDeath, runHang, runTakeover } from './faults.ts'
import { run } from './helper.ts'
import { requireRabbitmq, startRabbitmq } from './rabbitmq.ts'

const SLOW_MS = 150_000

describe.skipIf(!requireRabbitmq())('RabbitMQ', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startRabbitmq({ nodes: 3, queues: 'quorum' })
  }, SLOW_MS)
  afterAll(() => cluster?.stop())

  test('every pair of nodes exchanges messages of QoS 0 and 1', () => expectDelivery(cluster.urls, [0, 1]))

  test('a publish of QoS 2 is answered as one of QoS 1, which costs the client its connection', async () => {
    const { report } = await run(crossing(3, { qos: [2], phases: { measure: '1s', drain: '1s' } }), cluster.urls)
    expectSound(report)
    expect(report.clients.disconnected).toBeGreaterThanOrEqual(6)
    expect(report.reasonCodes.SUBACK).toEqual({ '0x01': 3 })
    expect(report.publishes.acked).toBe(0)
    expect(Object.keys(report.errors).join()).toContain('protocol error')
  })

  test('a client that comes back on another node gets its session, and no will is published', async () => {
    const report = await runTakeover(cluster.urls, {})
    expect(faultOf(report, 'cell').wills.fired).toBe(0)
  })

  /** With quorum queues the sessions of the dead node are on the others. */
  test('clients of a node that is killed go on with their sessions on others', { timeout: SLOW_MS }, async () => {
    const [, node] = cluster.nodes
    const report = await runDeath(cluster, node!, { clients: { cleanSession: false } }, { back: 'restored' })
    const dies = faultOf(report, 'dies')
    expect(dies.disconnected).toBeGreaterThanOrEqual(3)
    expect(dies.reconnect.p99).not.toBeNull()
    expect(dies.recover).not.toBeNull()
    // Nobody publishes the wills of its two publishers.
    expect(dies.wills.missing).toBeGreaterThanOrEqual(2)
    // One without a subscription is none to it, so its publishers have nothing to come back to.
    expect(dies.sessionsResumed).toBeGreaterThanOrEqual(1)
  })

  test('a node that hangs loses its clients to the keep alive', { timeout: SLOW_MS }, async () => {
    const [, , node] = cluster.nodes
    const report = await runHang(cluster, node!, { clients: { cleanSession: false }, phases: { measure: '11s' } })
    expect(report.nodes['node-3']!.clients!.disconnected).toBeGreaterThanOrEqual(3)
    expect(report.errors['keep alive: no PINGRESP']).toBeGreaterThanOrEqual(3)
  })
})
