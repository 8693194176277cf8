/**
 * ejabberd, three nodes: the cluster that speaks MQTT 5. Nodes are taken from it while it is under load; docs/brokers.md has what it makes of that.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from './cluster.ts'
import { expectDelivery } from './crossing.ts'
import { requireEjabberd, startEjabberd } from './ejabberd.ts'
import { faultOf, runDeath, runHang, runTakeover } from './faults.ts'

const SLOW_MS = 120_000

describe.skipIf(!requireEjabberd())('ejabberd', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startEjabberd({ nodes: 3 })
  })
  afterAll(() => cluster?.stop())

  test('every pair of nodes exchanges messages of QoS 0, 1 and 2', () => expectDelivery(cluster.urls, [0, 1, 2]))

  test('a client that comes back on another node gets its session, and its old connection DISCONNECT 0x8E and a will', async () => {
    const report = await runTakeover(cluster.urls, { version: '5', sessionExpiry: '5m' })
    expect(report.reasonCodes.DISCONNECT).toEqual({ '0x8E': 12 })
    expect(faultOf(report, 'cell').wills.fired).toBe(12)
    expect(report.deliveries.lost).toBe(0)
  })

  test('clients of a node that is killed come back on others, and the node comes back to the cluster', { timeout: SLOW_MS }, async () => {
    const [, node] = cluster.nodes
    const clients = { version: '5', cleanSession: false, sessionExpiry: '5m' }
    const report = await runDeath(cluster, node!, { clients }, { back: 'restored' })
    const dies = faultOf(report, 'dies')
    expect(dies.disconnected).toBeGreaterThanOrEqual(3)
    expect(dies.reconnect.p99).not.toBeNull()
    expect(dies.recover).not.toBeNull()
    // Nobody publishes the wills of its two publishers.
    expect(dies.wills.missing).toBeGreaterThanOrEqual(2)
    expect(report.errors).toMatchObject({ 'connection closed by the broker': expect.any(Number), ECONNREFUSED: expect.any(Number) })
    // Its sessions were its own: its subscriber has had to subscribe again.
    expect(dies.sessionsForgotten).toBeGreaterThanOrEqual(3)
  })

  /** The others wait for a node that says nothing until Erlang's net tick (60 s) gives it up. */
  test('a node that hangs takes the whole cluster with it, until it goes on', { timeout: SLOW_MS }, async () => {
    const [, node] = cluster.nodes
    const report = await runHang(cluster, node!, {})
    expect(report.nodes['node-2']!.clients!.disconnected).toBeGreaterThanOrEqual(3)
    expect(report.errors['keep alive: no PINGRESP']).toBeGreaterThanOrEqual(3)
    const { recover, unavailability } = faultOf(report, 'hangs')
    expect(unavailability.messages).toBeGreaterThan(0.5)
    // Not before the command that lets it go on.
    expect(recover).toBeGreaterThan(faultOf(report, 'wakes').startS! - faultOf(report, 'hangs').startS! - 1)
  })
})
