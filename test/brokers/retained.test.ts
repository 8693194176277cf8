/** What real brokers have retained at the end of a run is what the tool says they must. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from './helper.ts'
import { type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts'

/**
 * More topics than are asked for at once, and on some of them more than one client publishes. A message of QoS 2 is retained with its PUBREL: one that
 * takes longer than the period, on a busy machine, comes to stand in the place of a later one.
 */
const scenario = (version: string) => ({
  name: 'retained',
  settle: '100ms',
  groups: {
    devices: {
      clients: 150,
      version,
      publish: [
        {
          name: 'state',
          topic: 'state/{client}',
          every: '500ms',
          qos: { 0: '40%', 1: '30%', 2: '30%' },
          retain: true,
          payload: { bytes: 64 },
        },
        { name: 'last', topic: 'last', every: '1s', qos: 1, retain: true, payload: { json: { of: '{client}' } } },
      ],
    },
    watchers: { clients: 2, version, subscribe: [{ filter: 'state/+', qos: 1 }] },
  },
  phases: { warmUp: '0s', measure: '2s', drain: '5s' },
})
const FINE = { checked: 151, current: 151, stale: 0, missing: 0, doubled: 0 }

describe.skipIf(!requireMosquitto())('mosquitto', () => {
  let broker: Mosquitto
  beforeAll(async () => {
    broker = await startMosquitto({ listeners: ['plain'] })
  })
  afterAll(() => broker?.stop())

  test.each(['3.1.1', '5'])('gives a new subscriber the last retained messages, with MQTT %s', async (version) => {
    const { report } = await run(scenario(version), [broker.url('plain')], { workers: 2 })
    expect(report.nodes['node-1']!.retained).toEqual(FINE)
    expect(report.deliveries).toMatchObject({ lost: 0, unexpected: 0 })
    expect(report.run.leftovers).toEqual({ sessions: 0, retained: 0 })
  })

  test('owes nothing where it may keep none, and closes the connection of whoever asks it to', async () => {
    const without = await startMosquitto({ listeners: ['plain'], config: 'retain_available false' })
    try {
      const { report } = await run(scenario('3.1.1'), [without.url('plain')])
      // Where connections are lost, what was not acknowledged, and QoS 0, may never have reached it.
      expect(report.clients.disconnected).toBeGreaterThan(100)
      expect(report.nodes['node-1']!.retained).toEqual({ checked: 0, current: 0, stale: 0, missing: 0, doubled: 0 })
    } finally {
      await without.stop()
    }
  })
})

test('the embedded broker gives a new subscriber the last retained messages', async () => {
  const { report } = await run(scenario('3.1.1'), [])
  expect(Object.values(report.nodes).map(({ retained }) => retained)).toEqual([FINE])
})
