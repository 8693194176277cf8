import { evidenceOf } from '../../src/capacity/evidence.ts'
import type { Search, Sources } from '../../src/capacity/files.ts'
import { size } from '../../src/capacity/size.ts'
import type { Sizing } from '../../src/capacity/sizing.ts'
import { type Load, loadOf, readTarget } from '../../src/capacity/target.ts'
import { type Allowance, SEARCH_SCHEMA, type SearchResult } from '../../src/capacity/types.ts'
import { throughputAt, type Usl } from '../../src/capacity/usl.ts'
import type { Run } from '../../src/compare/runs.ts'
import type { FaultFigures } from '../../src/report/fault-types.ts'
import type { GaugeFigures, NodeMetrics } from '../../src/report/metrics-types.ts'
import type { Report } from '../../src/report/types.ts'
import { sampleReport } from '../helpers/sample-report.ts'

/** What the worked case of docs/capacity.md was measured to do: the broker is made of these numbers. */
export const BROKER = {
  law: { gamma: 40_000, alpha: 0.03, beta: 0.0005 },
  connectionBytes: 11_264,
  baseBytes: 1.5 * 2 ** 30,
  connectsPerSec: 2000,
}

export const SLO = 'endToEnd.p99 < 100ms'

/** Method's worked case: ten million devices, 100,000 messages a second, three zones. */
export const TARGET = `name: 10m
clients: 10M
publish: 100k/s
fanOut: 1
payload: 200B
qos: { 0: 80%, 1: 20% }
keepAlive: 300s
slo: [${SLO}]
zones: 3
survive: zone
recoveryTime: 10m
node: { memory: 64GiB, cores: 16, connections: 1M, network: 10Gbit/s }
price: { currency: USD, perHour: 0.68 }
availability: { zone: 99.95%, restarts: 12, restartTime: 30s, failures: 4 }
`

let count = 0
/** Each is a run of its own. */
function run(path: string, changes: Partial<Report>): Run {
  const sample = sampleReport()
  const id = `r${String(count++).padStart(5, '0')}`
  return { path, report: { ...sample, status: 'passed', reasons: [], ...changes, run: { ...sample.run, id, ...changes.run } } }
}

export function gauge(mean: number, slopePerSec = 0): GaugeFigures {
  return { before: null, mean, peak: mean, last: mean, slopePerSec }
}

/** A node at rest with so many idle clients. */
export function plateau(connections: number, bytes: number, slopePerSec = 0): Run {
  const metrics: NodeMetrics = {
    source: 'process',
    readings: 30,
    connections: gauge(connections),
    subscriptions: null,
    queued: null,
    memoryBytes: gauge(bytes, slopePerSec),
    cpuCores: null,
    messagesIn: null,
    messagesOut: null,
    dropped: null,
    bytesPerConnection: null,
    cpuUsPerMessage: null,
    overTime: null,
    reconciliation: null,
  }
  return run(`idle/${connections}`, { nodes: { a: { metrics } } })
}

export function plateaus(...connections: number[]): Run[] {
  return connections.map((some) => plateau(some, BROKER.baseBytes + BROKER.connectionBytes * some))
}

/** A node dies, and its clients come back to the two that are left. */
export function storm(clients: number, perSec = BROKER.connectsPerSec, detect = 1): Run {
  const sample = sampleReport()
  const fault = {
    startS: 30,
    ended: 1,
    exec: { command: 'kill', exitCode: 0, signal: null, lengthS: 1, output: '' },
    struck: 0,
    disconnected: clients,
    detect,
    restored: detect + clients / 2 / perSec,
    clientsPerNode: { a: clients, b: clients, c: 0 },
  } as Partial<FaultFigures> as FaultFigures
  return run('storm', { faults: { crash: fault }, run: { ...sample.run, scenario: 'storm' } })
}

/** Searches for a rate at these sizes, so many of each, that scatter by half a percent. */
export function search(sizes: readonly number[], { law = BROKER.law as Usl, repeats = 3, slo = [SLO], fanOut = 1 } = {}): Search {
  const series = sizes.flatMap((nodes) =>
    Array.from({ length: repeats }, (_, i): SearchResult => {
      const low = throughputAt(law, nodes) * (1 + 0.005 * (i - 1))
      const trial = {
        number: 1,
        phase: 'confirm',
        factor: 1,
        load: low,
        verdict: 'good',
        criteria: [],
        figures: {},
        sentPerSec: low,
        receivedPerSec: low * fanOut,
        lengthS: 60,
        path: `trial-${nodes}-${i}`,
      } as const
      return { nodes, status: 'found', low, high: low * 1.04, hasHysteresis: false, limit: 'endToEnd.p99', trials: [trial] }
    }),
  )
  const report = {
    schema: SEARCH_SCHEMA,
    scenario: 'rate',
    scenarioHash: 'x',
    vary: 'rate',
    slo,
    asked: { nodes: null, repeat: 1, from: 1, width: 0.05, trialS: 10, confirmS: 20, brokers: [] },
    startedAt: '',
    series,
    scaling: null,
    tool: '0',
  } as const
  return { path: 'rate/search.json', report, trials: new Map() }
}

export interface Case {
  readonly target?: string
  readonly set?: readonly string[]
  readonly runs?: readonly Run[]
  readonly searches?: readonly Search[]
  readonly allowed?: readonly Allowance[]
  /** In place of what the target says. */
  readonly load?: Partial<Load>
}

/** The worked case, but for what is given. */
export function sized({ target = TARGET, set = [], runs, searches, allowed = [], load = {} }: Case = {}): Sizing {
  const sources: Sources = {
    runs: runs ?? [...plateaus(200_000, 500_000, 900_000, 1_200_000), storm(33_333)],
    searches: searches ?? [search([1, 2, 3, 4])],
  }
  const read = readTarget('10m.target.yaml', target, set)
  return size(read, { ...loadOf(read, null, () => 0), ...load }, evidenceOf(sources, read.sloKeys, allowed))
}
