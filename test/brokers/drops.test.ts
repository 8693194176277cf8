/**
 * What a real broker owns up to having dropped: a queue that is full drops what comes, and mosquitto counts it.
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import { run } from './helper.ts'
import { requireMosquitto, startMosquitto } from './mosquitto.ts'

const QUEUED = 20

async function lossOf(config: string) {
  const broker = await startMosquitto({ listeners: ['plain'], config: `sys_interval 1\n${config}` })
  onTestFinished(() => broker.stop())
  const scenario = {
    name: 'drops',
    settle: '100ms',
    phases: { warmUp: '0s', measure: '8s', drain: '3s' },
    faults: [{ name: 'asleep', at: '1s', for: '5s', drop: 'reset', clients: { groups: ['listeners'] } }],
    groups: {
      senders: { clients: 2, publish: [{ topic: 'queue/{client}', every: '50ms', qos: 1 }] },
      listeners: { clients: 2, cleanSession: false, subscribe: [{ filter: 'queue/{client}', qos: 1 }] },
    },
    thresholds: ['deliveries.unexplained == 0'],
  }
  return (await run(scenario, [broker.url('plain')], { drops: true })).report
}

describe.skipIf(!requireMosquitto())('messages that the broker drops', () => {
  test('are lost, and explained by its own count', async () => {
    const { deliveries, drops, thresholds } = await lossOf(`max_queued_messages ${QUEUED}`)
    // Some 100 wait for each of two clients, and there is room for 20, and for what was in flight.
    expect(deliveries.lost).toBeGreaterThan(2 * (100 - 2 * QUEUED - 20))
    expect(deliveries.owed).toBe(deliveries.received + deliveries.lost)
    expect(drops).toEqual({ counted: deliveries.lost, unexplained: 0, byNode: { 'node-1': deliveries.lost } })
    expect(thresholds[0]).toMatchObject({ ok: true, actual: 0 })
  })

  test('are none where the queue is long enough, and then it is not asked', async () => {
    const { deliveries, drops, thresholds } = await lossOf('max_queued_messages 1000')
    expect(deliveries.lost).toBe(0)
    expect(drops).toBeNull()
    expect(thresholds[0]).toMatchObject({ ok: true, actual: 0 })
  })
})
