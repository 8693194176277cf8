import { describe, expect, it, type TestContext } from 'vitest'
import type { Report } from '../../src/report/types.ts'
import { requireMosquitto, startMosquitto } from '../brokers/mosquitto.ts'
import type { Lies } from '../helpers/lies.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, groupOf, runScenario } from '../helpers/run.ts'

/** Last wills: a broker that keeps to the rules is believed, and one that does not is found out, will by will. */

const CLIENTS = 4

/** How often churn takes the clients away until measure ends: those that would be away when it begins leave at once. */
function leavings(connectedMs: number, awayMs: number, measureMs: number): number {
  let count = 0
  for (let client = 0; client < CLIENTS; client++) {
    const placeMs = ((client + 0.5) / CLIENTS) * (connectedMs + awayMs)
    const firstMs = placeMs < connectedMs ? placeMs : placeMs - connectedMs - awayMs
    for (let atMs = firstMs; atMs < measureMs; atMs += connectedMs + awayMs) count++
  }
  return count
}

interface Scene {
  readonly leave: 'disconnect' | 'reset' | 'silent'
  /** By a fault that strikes them all together, and not by churn. */
  readonly once?: boolean
  /** Of the clients with a will. */
  readonly fields?: string
  readonly delay?: string
  readonly payload?: string
  readonly connectedMs?: number
  readonly awayMs?: number
  readonly measureMs?: number
  readonly thresholds?: string
  /** Of who hears of it. */
  readonly watcher?: string
}

const scenario = ({
  leave,
  fields,
  delay,
  payload = '{ bytes: 32 }',
  connectedMs,
  awayMs,
  measureMs,
  watcher,
  thresholds,
  once = leave === 'silent',
}: Scene) => `
name: wills
settle: 100ms
groups:
  mortal:
    clients: ${CLIENTS}
    ${fields ?? 'keepAlive: 60s'}
    ${once ? '' : `churn: { connected: ${connectedMs ?? 500}ms, away: ${awayMs ?? 400}ms, leave: ${leave} }`}
    will: { topic: "wills/{client}", qos: 1, payload: ${payload}${delay ? `, delay: ${delay}` : ''} }
  watcher: { clients: 1, ${watcher ?? 'subscribe: [{ filter: "wills/#", qos: 1 }]'} }
phases: { warmUp: 0s, measure: ${measureMs ?? 2000}ms, drain: 5s }
thresholds: [${thresholds ?? ''}]
${once ? `faults: [{ name: mute, at: ${connectedMs}ms, for: ${awayMs}ms, drop: ${leave}, clients: { groups: [mortal] } }]` : ''}
`

async function against(
  { onTestFinished }: TestContext,
  lie: Lies,
  scene: Scene,
  workers = 1,
): Promise<{ report: Report; counts: Record<string, number> }> {
  const broker = await startLyingBroker({ lie })
  onTestFinished(() => broker.close())
  // What comes of cleaning up afterwards is not of the run.
  let counts = {}
  const onPhase = (phase: string) => {
    if (phase === 'cleanUp') counts = { ...broker.counts }
  }
  const { report } = await runScenario(scenario(scene), [broker.url], { workers, onPhase })
  expect(counted(report.deliveries)).toEqual(report.wills?.fired || report.wills?.false ? { excused: report.deliveries.excused } : {})
  return { report, counts }
}

const TOTAL = leavings(500, 400, 2000)

// Nearly all of their time is waiting for keep alives and delays.
describe.concurrent('the wills of clients that churn', () => {
  it.for(['keepAlive: 60s', 'version: 5', 'version: 5\n    cleanSession: false\n    sessionExpiry: 1m'])(
    'all fire after resets, whatever the session: %s',
    async (fields, context) => {
      const { report, counts } = await against(context, {}, { leave: 'reset', fields }, 2)
      expect(counts).toMatchObject({ wills: TOTAL })
      expect(report.wills).toEqual({ fired: TOTAL, missing: 0, false: 0 })
      expect(report.clients.disconnected).toBe(0)
    },
  )

  it('do not fire after DISCONNECT', async (context) => {
    const { report } = await against(context, {}, { leave: 'disconnect' })
    expect(report.wills).toEqual({ fired: 0, missing: 0, false: 0 })
  })

  it('that fire after DISCONNECT are false', async (context) => {
    const { report, counts } = await against(context, { falseWill: (id) => groupOf(id) === 'mortal' }, { leave: 'disconnect' })
    expect(counts).toMatchObject({ wills: TOTAL, falseWills: TOTAL })
    expect(report.wills).toEqual({ fired: 0, missing: 0, false: TOTAL })
  })

  it('that never fire are missing, and thresholds say so', async (context) => {
    const thresholds = '"wills.missing == 0", "wills.false == 0"'
    const { report, counts } = await against(context, { noWill: (id) => id.endsWith('-1') }, { leave: 'reset', thresholds })
    const withheld = counts.withheldWills!
    expect(withheld).toBeGreaterThan(1)
    expect(report.wills).toEqual({ fired: TOTAL - withheld, missing: withheld, false: 0 })
    expect(report.thresholds.map(({ actual, ok }) => [actual, ok])).toEqual([
      [withheld, false],
      [0, true],
    ])
  })

  it('that nobody hears are not missed', async (context) => {
    const { report } = await against(context, { noWill: () => true }, { leave: 'reset', watcher: 'subscribe: [{ filter: "elsewhere/#" }]' })
    expect(report.wills).toEqual({ fired: 0, missing: 0, false: 0 })
  })

  it('fire once the silence has lasted for one and a half keep alives', async (context) => {
    const scene: Scene = { leave: 'silent', fields: 'keepAlive: 1s', connectedMs: 400, awayMs: 5000, measureMs: 4000 }
    const { report, counts } = await against(context, {}, scene)
    expect(counts).toMatchObject({ silenced: CLIENTS, wills: CLIENTS })
    expect(report.wills).toEqual({ fired: CLIENTS, missing: 0, false: 0 })
  })

  it('are missing where the broker never notices', async (context) => {
    const scene: Scene = { leave: 'silent', fields: 'keepAlive: 1s', connectedMs: 400, awayMs: 5000, measureMs: 5000 }
    const { report } = await against(context, { noWill: () => true }, scene)
    expect(report.wills).toEqual({ fired: 0, missing: CLIENTS, false: 0 })
  })

  const persistent = 'version: 5\n    cleanSession: false\n    sessionExpiry: 1m'

  it('do not fire when the session goes on before their delay has passed', async (context) => {
    const { report, counts } = await against(context, {}, { leave: 'reset', fields: persistent, delay: '3s', awayMs: 300 })
    expect(counts.wills).toBe(0)
    expect(report.wills).toEqual({ fired: 0, missing: 0, false: 0 })
  })

  it('fire when their delay has passed', async (context) => {
    const scene: Scene = { leave: 'reset', once: true, fields: persistent, delay: '1s', connectedMs: 400, awayMs: 5000, measureMs: 3000 }
    const { report } = await against(context, {}, scene)
    expect(report.wills).toEqual({ fired: CLIENTS, missing: 0, false: 0 })
  })

  it('are not judged where they do not say whose they are', async (context) => {
    const { report } = await against(context, { noWill: () => true }, { leave: 'reset', payload: '{ text: gone }' })
    expect(report.wills).toBeNull()
  })
})

describe.skipIf(!requireMosquitto())('mosquitto', { concurrent: true }, () => {
  const silent: Scene = { leave: 'silent', fields: 'keepAlive: 5s', connectedMs: 400, awayMs: 20_000, measureMs: 10_500 }
  const rows: [what: string, scene: Scene, fired: number][] = [
    ['publishes no will after DISCONNECT', { leave: 'disconnect' }, 0],
    ['publishes all after resets', { leave: 'reset' }, TOTAL],
    ['and with version 5', { leave: 'reset', fields: 'version: 5' }, TOTAL],
    ['publishes them when a client has been silent for one and a half keep alives', silent, CLIENTS],
  ]
  it.for(rows)('%s', async ([, scene, fired], { onTestFinished }) => {
    const broker = await startMosquitto({ listeners: ['plain'] })
    onTestFinished(() => broker.stop())
    const { report } = await runScenario(scenario(scene), [broker.url('plain')])
    expect(report.wills).toEqual({ fired, missing: 0, false: 0 })
  })
})
