/**
 * A run leaves a real broker as it was: no session, no retained message; unless it was told to, or could not.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hasSession, retainedTopics, run, start } from './helper.ts'
import { requireMosquitto, startMosquitto } from './mosquitto.ts'

const VERSIONS = ['3.1', '3.1.1', '5'] as const
const CLIENTS = 3

/** Each version has clients with sessions that last, each of them with retained messages of its own: its will is one more. */
function scenario(phases: object) {
  const groups = VERSIONS.map((version, v) => [
    `g${v}`,
    {
      clients: CLIENTS,
      version,
      cleanSession: false,
      ...(version === '5' && { sessionExpiry: '5m' }),
      will: { topic: `keep/${v}/{client}/will`, retain: true },
      publish: ['a', 'b'].map((name, qos) => ({ name, topic: `keep/${v}/{client}/${name}`, every: '200ms', qos, retain: true })),
      subscribe: [{ filter: `keep/${v}/#`, qos: 1 }],
    },
  ])
  return { name: 'leftovers', settle: '100ms', groups: Object.fromEntries(groups), phases: { warmUp: '0s', measure: '500ms', ...phases } }
}
const SESSIONS = VERSIONS.length * CLIENTS
const idsOf = (run: string): string[] => VERSIONS.flatMap((_, v) => Array.from({ length: CLIENTS }, (_, i) => `${run}-g${v}-${i}`))

async function leftOn(url: string, run: string): Promise<{ sessions: number; retained: number }> {
  const sessions = await Promise.all(idsOf(run).map((id) => hasSession(url, id)))
  return { sessions: sessions.filter(Boolean).length, retained: (await retainedTopics(url, 'keep')).length }
}

async function startBroker() {
  const broker = await startMosquitto({ listeners: ['plain'] })
  onTestFinished(() => broker.stop())
  return { broker, url: broker.url('plain') }
}

describe.skipIf(!requireMosquitto())('clean-up', () => {
  test('leaves no session and no retained message', async () => {
    const { url } = await startBroker()
    const { report, exitCode } = await run(scenario({ drain: '3s' }), [url], { workers: 2 })
    expect(exitCode).toBe(0)
    expect(report.run.leftovers).toEqual({ sessions: 0, retained: 0 })
    expect(await leftOn(url, report.run.id)).toEqual({ sessions: 0, retained: 0 })
  })

  test.each([
    { name: 'an interrupt', interrupts: 1 },
    { name: 'a second interrupt', interrupts: 2 },
  ])('comes after $name too', async ({ interrupts }) => {
    const { url } = await startBroker()
    const running = await start(scenario({ measure: '1m', drain: '1m' }), [url])
    await running.phase('measure')
    // Everyone has retained something when an independent client sees it.
    while ((await retainedTopics(url, 'keep')).length < SESSIONS * 2) await new Promise(setImmediate)
    for (let i = 0; i < interrupts; i++) running.interrupt()
    const { report, exitCode } = await running.result
    expect(exitCode).toBe(130)
    expect(report.run.leftovers).toEqual({ sessions: 0, retained: 0 })
    expect(await leftOn(url, report.run.id)).toEqual({ sessions: 0, retained: 0 })
  })

  test('comes after an interrupt while clients connect', async () => {
    const { broker, url } = await startBroker()
    const groups = { slow: { clients: 50, cleanSession: false, connect: { over: '10s' } } }
    const running = await start({ name: 'slow', groups, phases: { measure: '1m' } }, [url])
    while (!/as \w+-slow-/.test(broker.log())) await new Promise(setImmediate)
    running.interrupt()
    const { report, exitCode } = await running.result
    expect(exitCode).toBe(130)
    expect(report.clients.connected).toBeGreaterThan(0)
    expect(report.clients.connected).toBeLessThan(50)
    const ids = Array.from({ length: 50 }, (_, i) => `${report.run.id}-slow-${i}`)
    const sessions = await Promise.all(ids.map((id) => hasSession(url, id)))
    expect(sessions).not.toContain(true)
    expect(report.run.durationS).toBeLessThan(9)
  })

  test('ends the sessions of clients whose CONNECT was never answered', async () => {
    const { broker, url } = await startBroker()
    process.kill(broker.pid, 'SIGSTOP')
    onTestFinished(() => void process.kill(broker.pid, 'SIGCONT'))
    const running = await start({ name: 'mute', groups: { mute: { clients: 3, cleanSession: false } }, phases: {} }, [url])
    while (unreadConnections(broker.ports.plain, ESTABLISHED) < 3) await new Promise(setImmediate)
    running.interrupt()
    while (unreadConnections(broker.ports.plain, CLOSE_WAIT) < 3) await new Promise(setImmediate)
    process.kill(broker.pid, 'SIGCONT')
    const { report } = await running.result
    expect(report.clients.connected).toBe(0)
    expect(report.run.leftovers).toEqual({ sessions: 0, retained: 0 })
    for (const i of [0, 1, 2]) {
      expect(await hasSession(url, `${report.run.id}-mute-${i}`)).toBe(false)
      // It has made one: its log comes by another way than its answers.
      while (!broker.log().includes(`as ${report.run.id}-mute-${i} (p2, c0`)) await new Promise(setImmediate)
    }
  })

  test('is left out where the scenario says so', async () => {
    const { url } = await startBroker()
    const { report } = await run(scenario({ drain: '3s', cleanUp: false }), [url])
    expect(report.run.phases.map(({ name }) => name)).not.toContain('cleanUp')
    expect(await leftOn(url, report.run.id)).toEqual({ sessions: SESSIONS, retained: SESSIONS * 2 })
  })

  test('what a dead broker can’t be rid of is counted', async () => {
    const { broker, url } = await startBroker()
    const running = await start(scenario({ drain: '3s' }), [url])
    await running.phase('drain')
    process.kill(broker.pid, 'SIGKILL')
    const { report } = await running.result
    expect(report.run.leftovers).toEqual({ sessions: SESSIONS, retained: SESSIONS * 3 })
    expect(report.errors.ECONNREFUSED).toBeGreaterThan(0)
  })
})

/** States of TCP as in proc_net_tcp(5). */
const ESTABLISHED = '01'
const CLOSE_WAIT = '08'

/** Connections to a local port whose first bytes wait in the kernel. */
function unreadConnections(port: number, state: string): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const fields = rows.map((row) => row.trim().split(/\s+/))
  return fields.filter(([, address, , st, queues]) => address?.endsWith(local) && st === state && /:0*[1-9A-F]/.test(queues!)).length
}
