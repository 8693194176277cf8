/**
 * Pools of real short runs, to draw comparisons from: mosquitto twice over, the scripted broker twice over, and the scripted broker slowed by a fifth.
 *
 * `pools.json` is what `MAKE_POOLS=1 npx vitest run test/compare/pools.test.ts` measured; runs of all pools took turns.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { RunNumbers } from '../../src/compare/decide.ts'
import { type Gate, gatesOf } from '../../src/compare/gates.ts'
import { type CountKind, countKindsOf, numbersOf } from '../../src/compare/numbers.ts'
import type { Run } from '../../src/compare/runs.ts'
import { keyOf, random } from '../../src/load/order.ts'
import { startMosquitto } from '../brokers/mosquitto.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { runScenario } from '../helpers/run.ts'

const FILE = fileURLToPath(new URL('pools.json', import.meta.url))
export const RUNS_A_POOL = 40
export const POOLS = ['mosquitto', 'mosquitto again', 'scripted', 'scripted again', 'scripted, a fifth slower'] as const
export type PoolName = (typeof POOLS)[number]

export interface Pools {
  /** ISO 8601, UTC. */
  readonly at: string
  readonly host: string
  readonly gates: readonly Gate[]
  readonly counts: readonly Pick<CountKind, 'name' | 'isForbidden'>[]
  readonly pools: Readonly<Record<PoolName, readonly RunNumbers[]>>
}

export function readPools(): Pools {
  return JSON.parse(readFileSync(FILE, 'utf8'))
}

/** 20 publishers, 1,000 messages in a second, to one subscriber. */
const SCENARIO = `
name: short
settle: 0s
sentinel: false
groups:
  sensors:
    clients: 20
    connect: { at: once }
    publish: [{ topic: "t/{client}", every: 20ms, qos: { 0: 50%, 1: 50% } }]
  dashboard:
    connect: { at: once }
    subscribe: [{ filter: t/+, qos: 1 }]
phases: { warmUp: 200ms, measure: 1s, drain: 1s }
thresholds: [clients.failed == 0]
`

/** 20 ms and an exponential wait of another 20 ms in the mean, other waits in each run. */
function delayMs(run: number, index: number, factor: number): number {
  return factor * (20 - 20 * Math.log(random(keyOf(run, 'delay'), index)))
}

/** Some minutes. */
export async function makePools(runsAPool = RUNS_A_POOL): Promise<void> {
  let number = 0
  const scripted = (factor: number) => startLyingBroker({ lie: { delay: (_, index) => delayMs(number, index, factor) } })
  const [mosquitto, even, slow] = await Promise.all([
    startMosquitto({ listeners: [], config: 'set_tcp_nodelay true' }),
    scripted(1),
    scripted(1.2),
  ])
  const urls: Record<PoolName, string> = {
    mosquitto: mosquitto.url('plain'),
    'mosquitto again': mosquitto.url('plain'),
    scripted: even.url,
    'scripted again': even.url,
    'scripted, a fifth slower': slow.url,
  }
  const runs: Record<string, Run[]> = Object.fromEntries(POOLS.map((name) => [name, []]))
  try {
    // In turns; one that can't be trusted is made again in the next round.
    while (POOLS.some((name) => runs[name]!.length < runsAPool)) {
      for (const name of POOLS.filter((one) => runs[one]!.length < runsAPool)) {
        const { report } = await runScenario(SCENARIO, [urls[name]])
        if (report.status === 'passed') runs[name]!.push({ path: `${number}`, report })
        number++
      }
    }
  } finally {
    await Promise.all([mosquitto.stop(), even.close(), slow.close()])
  }
  const all = Object.values(runs).flat()
  const { plan } = all[0]!.report
  const gates = gatesOf([], plan)
  const kinds = countKindsOf(all)
  const pools = Object.fromEntries(POOLS.map((name) => [name, runs[name]!.map((run) => numbersOf(run, gates, kinds))]))
  const counts = kinds.map(({ name, isForbidden }) => ({ name, isForbidden }))
  const host = `${cpus().length} × ${cpus()[0]!.model}, Linux ${release()}, Node ${process.version}`
  writeFileSync(FILE, `${JSON.stringify({ at: new Date().toISOString(), host, gates, counts, pools }, null, 1)}\n`)
}
