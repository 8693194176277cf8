/**
 * ejabberd, three nodes: the cluster that speaks MQTT 5. Nodes are taken from it while it is under load; docs/brokers.md has what it makes of that.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from './cluster.ts'
import { expectDelivery, expectSound, runWithFault } from './crossing.ts'
import { requireEjabberd, startEjabberd } from './ejabberd.ts'

describe.skipIf(!requireEjabberd())('ejabberd', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startEjabberd({ nodes: 3 })
  })
  afterAll(() => cluster?.stop())

  test('every pair of nodes exchanges messages of QoS 0, 1 and 2', () => expectDelivery(cluster.urls, [0, 1, 2]))

  test('clients of a node that is killed come back on others, and the node comes back to the cluster', async () => {
    const [, node] = cluster.nodes
    const clients = { version: '5', cleanSession: false, sessionExpiry: '5m' }
    const { report } = await runWithFault(cluster, node!, 'kill', { clients, phases: { measure: '4s' } })
    expectSound(report)
    const lost = report.nodes['node-2']!
    expect(lost.clients).toMatchObject({ planned: 3, connected: 3, disconnected: 3, reconnected: 0 })
    expect(lost.reconnectUs!.max).not.toBeNull()
    expect(report.clients.reconnected).toBe(report.clients.disconnected)
    expect(report.errors).toMatchObject({ 'connection closed by the broker': expect.any(Number), ECONNREFUSED: expect.any(Number) })
    // Its sessions were its own: the subscriber has had to subscribe again.
    expect(report.reasonCodes.SUBACK).toEqual({ '0x01': 4 })
  })

  /** The others wait for a node that says nothing until Erlang's net tick (60 s) gives it up. */
  test('a node that hangs takes the whole cluster with it, until it goes on', async () => {
    const [, node] = cluster.nodes
    const { report } = await runWithFault(cluster, node!, 'pause', {
      clients: { keepAlive: '1s' },
      phases: { measure: '4s', drain: '1s', cleanUp: false },
    })
    expectSound(report)
    expect(report.nodes['node-2']!.clients).toMatchObject({ disconnected: 3, reconnected: 0 })
    expect(report.errors['keep alive: no PINGRESP']).toBeGreaterThanOrEqual(3)
    expect(report.publishes.acked).toBeLessThan(report.publishes.planned / 4)
  })
})
