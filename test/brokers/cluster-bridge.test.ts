/**
 * Two mosquittos: strangers, and joined by a bridge. What a bridge carries, what it queues while the other side is away, and what a crash costs.
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import { requireBridge, startBridge } from './bridge.ts'
import type { Cluster } from './cluster.ts'
import { crossing, expectDelivery, expectSound, lossByPair, PER_PAIR } from './crossing.ts'
import { run, start, witness } from './helper.ts'
import { startMosquitto } from './mosquitto.ts'

/** From one broker to the other, and back to where the client was: sessions are to last. */
const oneWay = {
  name: 'one-way',
  probe: false,
  sentinel: false,
  settle: '500ms',
  groups: {
    pub: { clients: 4, placement: ['node-1'], publish: [{ topic: 'way/{client}', every: '100ms', qos: 1 }] },
    sub: {
      clients: 4,
      placement: ['node-2'],
      cleanSession: false,
      reconnect: { first: '100ms', max: '200ms' },
      subscribe: [{ filter: 'way/{client}', qos: 1 }],
    },
  },
  phases: { warmUp: '1s', measure: '4s', drain: '5s' },
}

type Version = 'mqttv311' | 'mqttv50'

async function startPair(version: Version): Promise<Cluster> {
  const pair = await startBridge({ nodes: 2, version })
  onTestFinished(() => pair.stop())
  return pair
}

describe.skipIf(!requireBridge())('two mosquittos', () => {
  test('that do not know each other lose exactly what is to cross', async () => {
    const strangers = await Promise.all([startMosquitto({ listeners: ['plain'] }), startMosquitto({ listeners: ['plain'] })])
    onTestFinished(async () => {
      await Promise.all(strangers.map((broker) => broker.stop()))
    })
    const urls = strangers.map((broker) => broker.url('plain'))
    const { report } = await run(crossing(2, { qos: [0, 1, 2], phases: { drain: '1s' } }), urls)
    expectSound(report)
    const owed = 3 * PER_PAIR
    expect(lossByPair(report)).toEqual({
      'node-1 → node-1': { owed, lost: 0 },
      'node-1 → node-2': { owed, lost: owed },
      'node-2 → node-1': { owed, lost: owed },
      'node-2 → node-2': { owed, lost: 0 },
    })
  })

  test('with a bridge exchange messages of QoS 0, 1 and 2', async () => {
    const pair = await startPair('mqttv311')
    await expectDelivery(pair.urls, [0, 1, 2])
  })

  /** The subscribers' node is away while fifty messages are published on the other. */
  const restart = async (version: Version, end: 'stop' | 'kill') => {
    const pair = await startPair(version)
    const [hub, node] = pair.nodes
    const running = await start(oneWay, pair.urls)
    await running.phase('measure')
    await node![end]()
    const seen = await witness(hub!.url, 'way/#')
    await seen.until((packets) => packets.length >= 50)
    await seen.stop()
    await node!.start()
    const { report } = await running.result
    expectSound(report)
    expect(report.clients).toMatchObject({ disconnected: 4, reconnected: 4 })
    expect(Object.keys(lossByPair(report))).toEqual(['node-1 → node-2'])
    return report
  }

  test('lose nothing when one is restarted: its sessions and what the bridge of 3.1.1 owes it last', async () => {
    const report = await restart('mqttv311', 'stop')
    expect(report.reasonCodes.SUBACK).toEqual({ '0x01': 4 })
    expect(report.deliveries).toMatchObject({ owed: 160, received: 160 })
  })

  test('lose what was published while one was away, if the bridge is one of 5', async () => {
    const report = await restart('mqttv50', 'stop')
    expect(report.reasonCodes.SUBACK).toEqual({ '0x01': 4 })
    expect(report.deliveries.owed).toBe(160)
    expect(report.deliveries.lost).toBeGreaterThanOrEqual(40)
  })

  test('lose what was for a session that died in a crash', async () => {
    const report = await restart('mqttv311', 'kill')
    // Sessions are written down at a regular end only: each client has subscribed again, and what the bridge owed came before or after that.
    expect(report.reasonCodes.SUBACK).toEqual({ '0x01': 8 })
    expect(report.deliveries.lost).toBeGreaterThan(0)
  })
})
