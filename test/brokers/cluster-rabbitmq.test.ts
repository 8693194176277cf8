/**
 * RabbitMQ, three nodes with the MQTT plugin. A node is taken from it while it is under load; docs/brokers.md has what it makes of that.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from './cluster.ts'
import { crossing, expectDelivery, expectSound, runWithFault } from './crossing.ts'
import { run } from './helper.ts'
import { requireRabbitmq, startRabbitmq } from './rabbitmq.ts'

const SLOW_MS = 150_000

describe.skipIf(!requireRabbitmq())('RabbitMQ', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startRabbitmq({ nodes: 3 })
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

  test('clients of a node that is killed come back on others, and the node comes back to the cluster', { timeout: SLOW_MS }, async () => {
    const [, node] = cluster.nodes
    const { report } = await runWithFault(cluster, node!, 'kill', { phases: { measure: '4s' } })
    expectSound(report)
    expect(report.nodes['node-2']!.clients).toMatchObject({ planned: 3, connected: 3, disconnected: 3, reconnected: 0 })
    // Whoever comes back is cut off again and again until the nodes agree that the old connection is gone.
    expect(report.groups.pub!.clients!.reconnected).toBeGreaterThanOrEqual(2)
  })
})
