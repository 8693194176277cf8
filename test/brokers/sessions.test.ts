/**
 * Sessions that outlive connections, and connections that outlive nothing: churn, keep alive, and a real broker that dies.
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../helpers/ports.ts'
import { hasSession, run, start } from './helper.ts'
import { requireMosquitto, startMosquitto } from './mosquitto.ts'

const scenario = (groups: Record<string, object>, phases: object) => ({
  name: 'sessions',
  settle: '100ms',
  groups,
  phases: { warmUp: '0s', drain: '10s', ...phases },
})
const sender = { clients: 4, publish: [{ topic: 'queue/{client}', every: '100ms', qos: 2 }] }

async function startBroker(config = '') {
  const broker = await startMosquitto({ listeners: ['plain'], config })
  onTestFinished(() => broker.stop())
  return broker
}

describe.skipIf(!requireMosquitto())('sessions', () => {
  test.each(['epoll', 'stream'])(
    'what waits on the broker for a client that is away arrives when it returns, however it left, by %s',
    async (transport) => {
      const broker = await startBroker()
      const churned = (leave: string, version: string) => ({
        clients: 2,
        version,
        cleanSession: false,
        ...(version === '5' && { sessionExpiry: '1m' }),
        churn: { connected: '500ms', away: '400ms', leave },
        subscribe: [{ filter: 'queue/#', qos: 2 }],
      })
      const names = ['disconnect', 'reset', 'silent'].flatMap((leave) => [`${leave}4`, `${leave}5`])
      const groups = names.map((name) => [name, churned(name.slice(0, -1), name.endsWith('5') ? '5' : '3.1.1')])
      const whole = { sender, ...Object.fromEntries(groups), old: churned('reset', '3.1') }
      const { report, exitCode } = await run({ ...scenario(whole, { measure: '3s' }), transport }, [broker.url('plain')])
      expect(report.errors).toEqual({})
      expect(report.publishes).toMatchObject({ planned: 120, sent: 120, acked: 120 })
      for (const name of [...names, 'old']) {
        const { deliveries, reconnectUs, endToEndUs } = report.groups[name]!
        expect({ name, ...deliveries }).toEqual({
          name,
          owed: 240,
          received: 240,
          lost: 0,
          excused: 0,
          duplicated: 0,
          reordered: 0,
          unexpected: 0,
          unverified: 0,
        })
        expect(reconnectUs!.count).toBeGreaterThanOrEqual(6)
        // The longest wait is nearly as long as a client is away.
        expect(endToEndUs!.max).toBeGreaterThan(250_000)
      }
      expect(exitCode).toBe(0)
    },
  )

  test('clients that leave clean sessions are owed nothing for the time away', async () => {
    const broker = await startBroker()
    const clean = { clients: 3, churn: { connected: '600ms', away: '400ms' }, subscribe: [{ filter: 'queue/#', qos: 2 }] }
    const { report, exitCode } = await run(scenario({ sender, clean }, { measure: '3s' }), [broker.url('plain')])
    expect(exitCode).toBe(0)
    const { owed, received, lost } = report.deliveries
    expect(lost).toBe(0)
    expect(received).toBe(owed)
    expect(owed).toBeGreaterThan(50)
    // 40 % of the time they are away.
    expect(owed).toBeLessThan(240)
  })

  test('a session that expires while its client is away takes its messages with it', async () => {
    const broker = await startBroker()
    const group = (sessionExpiry: string) => ({
      version: '5',
      cleanSession: false,
      sessionExpiry,
      churn: { connected: '400ms', away: '3s' },
      subscribe: [{ filter: 'queue/#', qos: 2 }],
    })
    const { report } = await run(scenario({ sender, short: group('1s'), long: group('1m') }, { measure: '4s' }), [broker.url('plain')])
    expect(report.groups.long!.deliveries).toMatchObject({ owed: 160, received: 160, lost: 0 })
    expect(report.groups.short!.deliveries!.lost).toBe(0)
    expect(report.groups.short!.deliveries!.owed).toBeLessThan(160 - 50)
  })

  /** Mosquitto looks every five seconds. */
  test('the broker finds out by keep alive who has left without a word, and nobody else', async () => {
    const broker = await startBroker()
    const groups = { silent: { clients: 2, keepAlive: '1s' }, idle: { clients: 2, keepAlive: '1s', subscribe: [{ filter: 'nothing' }] } }
    const faults = [{ name: 'mute', at: '300ms', for: '8s', drop: 'silent', clients: { groups: ['silent'] } }]
    const { report, exitCode } = await run({ ...scenario(groups, { measure: '7500ms' }), faults }, [broker.url('plain')])
    expect(exitCode).toBe(0)
    expect(report.groups.idle!.clients!.disconnected).toBe(0)
    expect(report.faults.mute).toMatchObject({ struck: 2, disconnected: 2, detect: expect.any(Number) })
    const exceeded = [...broker.log().matchAll(/Client \S+-(\w+-\d) has exceeded timeout/g)].map((match) => match[1])
    expect([...new Set(exceeded)].sort()).toEqual(['silent-0', 'silent-1'])
  })

  test('a broker that dies in measure ends nothing but its connections', async () => {
    const broker = await startBroker()
    const reconnect = { first: '100ms', max: '300ms' }
    const running = await start(
      scenario(
        { sender: { ...sender, reconnect }, sub: { clients: 2, reconnect, subscribe: [{ filter: 'queue/#', qos: 1 }] } },
        { warmUp: '500ms', measure: '1500ms', drain: '1s' },
      ),
      [broker.url('plain')],
      { workers: 2 },
    )
    await running.phase('measure')
    process.kill(broker.pid, 'SIGKILL')
    const { report } = await running.result
    expect(report.clients).toMatchObject({ planned: 6, connected: 6, disconnected: 6, reconnected: 0 })
    expect(report.errors.ECONNREFUSED).toBeGreaterThan(6)
    const { publishes, deliveries } = report
    expect(publishes.planned).toBe(4 * 15)
    expect(publishes.dropped).toBeGreaterThan(publishes.planned / 2)
    expect(publishes.sent + publishes.dropped).toBe(publishes.planned)
    expect(deliveries.lost).toBe(0)
    expect(report.reconnectUs).toMatchObject({ count: 6, p50: null })
    expect(report.ackUs.p99).toBe(null)
  })

  test('a broker that comes back gets its clients back, and what they have kept', async () => {
    const port = await freePort()
    const config = `listener ${port} 127.0.0.1\nallow_anonymous true`
    const broker = await startBroker(config)
    const options = { version: '5', reconnect: { first: '100ms', max: '200ms' } }
    const running = await start(
      scenario(
        { sender: { ...sender, ...options }, sub: { clients: 2, ...options, subscribe: [{ filter: 'queue/#', qos: 1 }] } },
        { warmUp: '500ms', measure: '3s' },
      ),
      [`mqtt://127.0.0.1:${port}`],
    )
    await running.phase('measure')
    await broker.stop()
    await startBroker(config)
    const { report } = await running.result
    expect(report.clients).toMatchObject({ connected: 6, failed: 0, disconnected: 6, reconnected: 6 })
    expect(report.subscriptions).toMatchObject({ granted: 2 })
    expect(report.publishes).toMatchObject({ planned: 120, sent: 120, dropped: 0 })
    expect(report.deliveries).toMatchObject({ lost: 0, duplicated: 0 })
    expect(report.deliveries.owed).toBeGreaterThan(100)
    expect(report.reconnectUs.count).toBe(6)
    expect(report.reconnectUs.max).not.toBe(null)
    expect(await hasSession(`mqtt://127.0.0.1:${port}`, `${report.run.id}-sub-0`)).toBe(false)
  })
})
