/**
 * What runs and searches say of a broker's nodes: memory, connects a second, throughput at the SLO, failover. Each figure knows how far it was measured.
 *
 * Nothing is filled in: what no run shows is null, and what could not be used has a note that says why.
 */
import { isTrusted } from '../compare/likeness.ts'
import type { Run } from '../compare/runs.ts'
import { UsageError } from '../errors.ts'
import type { NodeMetrics } from '../report/metrics-types.ts'
import type { Report } from '../report/types.ts'
import { mean } from '../stats/sample.ts'
import { formatCount } from '../units.ts'
import type { Sources } from './files.ts'
import { type MemoryModel, memoryModel, type NoModel, type Plateau } from './regression.ts'
import { Scaling } from './scaling.ts'
import { type ConnectFigure, connectS, SHORTEST_S, searchedConnects, throughputOf } from './searched.ts'
import { trafficOf } from './traffic.ts'
import type { Allowance } from './types.ts'

export interface Evidence {
  readonly scaling: Scaling
  /** Deliveries for each message, where the throughput was measured; null: it was not. */
  readonly measuredFanOut: number | null
  /** Where searches for it gave no figure: why. */
  readonly unfound: readonly string[]
  readonly memory: MemoryModel | NoModel
  readonly connects: ConnectFigure | null
  readonly failover: Observed | null
  readonly cpuUsPerMessage: Observed | null
  /** Of a PUBLISH, above TCP, as the plans of runs have it. */
  readonly packetBytes: Observed | null
  readonly isTls: boolean
  /** That messages of some run had, by QoS. */
  readonly hasQos: readonly [boolean, boolean, boolean]
  readonly hasPersistentSessions: boolean
  readonly reports: number
  readonly searches: number
  readonly notes: readonly string[]
}

export interface Observed {
  readonly value: number
  readonly low: number
  readonly high: number
  /** `3 faults`. */
  readonly basis: string
}

/** Of memory and connections, over measure: more is no plateau. */
const FLAT_SHARE = 0.02

/**
 * @param sloKeys  of the target: searches with another SLO are left out
 * @throws UsageError  runs can't be trusted, or are of several brokers, and it is not allowed
 */
export function evidenceOf({ runs, searches }: Sources, sloKeys: readonly string[], allowed: readonly Allowance[]): Evidence {
  const allowsInvalid = allowed.includes('invalid')
  const ofSearches = new Set(searches.flatMap(({ trials }) => [...trials.values()]))
  const untrusted = runs.filter((run) => !isTrusted(run.report))
  const refused = untrusted.filter((run) => !ofSearches.has(run))
  if (refused.length > 0 && !allowsInvalid) {
    const words = refused.map(({ path, report }) => `${path} is ${report.status}: ${report.reasons[0] ?? 'no reason given'}`)
    throw new UsageError(`these runs can’t be trusted: ${words.join('\n')}`, {
      hint: 'leave them out, or give --allow invalid; the result says so',
    })
  }
  // A search has judged its trials itself.
  const used = runs.filter((run) => isTrusted(run.report) || (allowsInvalid && !ofSearches.has(run)))
  const notes = allowsInvalid
    ? refused.map(({ path, report }) => `${path} is ${report.status} and was used all the same (--allow invalid).`)
    : []
  checkBrokers(used, allowed, notes)
  const { measurements, fanOut, unfound } = throughputOf(searches, sloKeys, notes)
  const reports = used.map(({ report }) => report)
  const traffic = reports.map(({ plan }) => trafficOf(plan))
  const hasQos = (qos: 0 | 1 | 2) => traffic.some(({ qosShares }) => qosShares[qos] > 0)
  return {
    scaling: new Scaling(measurements),
    measuredFanOut: fanOut,
    unfound,
    memory: memoryOf(
      used.filter((run) => !ofSearches.has(run)),
      notes,
    ),
    connects: searchedConnects(searches, notes) ?? seenConnects(used),
    failover: failoverOf(used),
    cpuUsPerMessage: observed(
      reports.flatMap((report) => metricsOf(report).flatMap(({ cpuUsPerMessage }) => cpuUsPerMessage ?? [])),
      'node',
    ),
    packetBytes: observed(
      traffic.map(({ packetBytes }) => packetBytes).filter((bytes) => bytes > 0),
      'run',
    ),
    isTls: reports.some(({ plan }) => plan.nodes.some(({ url }) => /^(mqtts|wss):/.test(url))),
    hasQos: [hasQos(0), hasQos(1), hasQos(2)],
    hasPersistentSessions: traffic.some(({ persistentShare }) => persistentShare > 0),
    reports: used.length,
    searches: searches.length,
    notes,
  }
}

/** One broker's memory and another's throughput make a cluster that nobody has. */
function checkBrokers(runs: readonly Run[], allowed: readonly Allowance[], notes: string[]): void {
  const kinds = new Map(runs.flatMap(({ path, report }) => brokersOf(report).map((kind) => [kind, path] as const)))
  const words = [...kinds].map(([kind, path]) => `${kind} (${path})`).join(', ')
  if (kinds.size > 1 && !allowed.includes('broker')) {
    throw new UsageError(`these runs are of several brokers: ${words}`, {
      hint: 'size from the runs of one, or give --allow broker; the result says so',
    })
  }
  if (kinds.size > 1) notes.push(`Runs are of several brokers and were used all the same (--allow broker): ${words}.`)
  else if (kinds.has(EMBEDDED)) notes.push('These are figures of the embedded broker, of which there is no cluster.')
}

const EMBEDDED = 'the embedded broker'

/** Empty: its nodes don't say what they are. */
function brokersOf({ nodes, plan }: Report): string[] {
  return plan.embedded ? [EMBEDDED] : Object.values(nodes).flatMap(({ broker }) => broker?.software ?? [])
}

/** @param runs  but trials of a search: their clients are few and busy, and what these cost would be taken for the price of any */
function memoryOf(runs: readonly Run[], notes: string[]): MemoryModel | NoModel {
  const left = { restless: 0, ofMachine: 0, uncounted: 0 }
  const all = runs.flatMap(({ report }) =>
    Object.values(report.nodes).flatMap(({ metrics, clients, subscriptions: ours }): (Plateau & { readonly teller: string })[] => {
      if (metrics === undefined || metrics.memoryBytes === null) return []
      const { memoryBytes, connections, subscriptions, queued } = metrics
      // Where the node does not tell, those of ours that stayed are all there are, and nothing waits where nothing was sent.
      const hasStayed = clients?.disconnected === 0
      const counted = connections?.mean ?? (hasStayed ? clients.connected : null)
      const isSilent = report.plan.groups.every(({ publish }) => publish.length === 0)
      const leave = (why: keyof typeof left): [] => {
        left[why]++
        return []
      }
      if (metrics.isOfMachine) return leave('ofMachine')
      if (counted === null) return leave('uncounted')
      if (!isFlat(metrics, measureS(report))) return leave('restless')
      return [
        {
          // Memory is told by the first source that has any.
          teller: metrics.source.split(' + ')[0]!,
          memoryBytes: memoryBytes.mean,
          connections: counted,
          subscriptions: subscriptions?.mean ?? (hasStayed ? (ours?.granted ?? 0) : null),
          queued: queued?.mean ?? (isSilent ? 0 : null),
        },
      ]
    }),
  )
  const say = (count: number, words: string) => {
    if (count > 0) notes.push(`In ${formatCount(count)} ${count === 1 ? 'case' : 'cases'} ${words}: no plateau.`)
  }
  say(left.restless, 'a node’s memory or connections were not at rest in measure')
  say(left.ofMachine, 'a node told the memory of its machine, not its own')
  say(left.uncounted, 'a node did not tell its connections, and some of ours came and went')
  // What a process has and what a broker counts as its heap are two things.
  const by = (teller: string) => all.filter((plateau) => plateau.teller === teller)
  const tellers = [...new Set(all.map(({ teller }) => teller))].sort((a, b) => by(b).length - by(a).length)
  const plateaus = by(tellers[0] ?? '')
  if (tellers.length > 1) {
    const others = tellers.slice(1).map((teller) => `${teller} (${formatCount(by(teller).length)})`)
    notes.push(`Memory of plateaus is that told by ${tellers[0]}; of other sources it is another, and not used: ${others.join(', ')}.`)
  }
  return plateaus.length === 0 ? { refusal: 'no run has a plateau of a node’s memory and connections' } : memoryModel(plateaus)
}

/** Whether memory and connections came to rest. */
function isFlat({ memoryBytes, connections }: NodeMetrics, lengthS: number): boolean {
  return [memoryBytes, connections].every((gauge) => gauge === null || Math.abs(gauge.slopePerSec) * lengthS <= FLAT_SHARE * gauge.mean)
}

function measureS({ plan }: Report): number {
  return plan.phases.measureUs / 1e6
}

/**
 * The most that was seen, so a node may take more: in storms, where there are any, since who comes back finds a cluster that has other work; otherwise in
 * connect phases.
 */
function seenConnects(runs: readonly Run[]): ConnectFigure | null {
  const storms = runs.flatMap(({ report }) =>
    Object.entries(report.faults).flatMap(([name, { detect, restored, disconnected, struck, clientsPerNode: left }]): ConnectFigure[] => {
      const nodes = Object.values(left).filter((clients) => clients > 0).length
      // Whom the run itself cut off knows at once.
      const lengthS = restored === null ? 0 : restored - (struck > 0 ? 0 : (detect ?? restored))
      if (lengthS < SHORTEST_S || nodes === 0 || disconnected === 0) return []
      const clientsPerNode = disconnected / nodes
      const basis = `fault ${name} of ${report.run.scenario}: ${formatCount(disconnected)} clients back in ${Number(lengthS.toPrecision(3))} s`
      return [{ perSec: clientsPerNode / lengthS, clientsPerNode, basis }]
    }),
  )
  const phases = runs.flatMap((one): ConnectFigure[] => {
    const { clients, run, plan } = one.report
    const lengthS = connectS(one)
    const nodes = Math.max(1, plan.nodes.length)
    if (lengthS < SHORTEST_S || clients.failed > 0 || clients.connected === 0) return []
    const clientsPerNode = clients.connected / nodes
    const basis = `connect phase of ${run.scenario}, which may have asked for no more: ${formatCount(clients.connected)} clients in ${Number(lengthS.toPrecision(3))} s`
    return [{ perSec: clientsPerNode / lengthS, clientsPerNode, basis }]
  })
  const seen = storms.length > 0 ? storms : phases
  return seen.toSorted((a, b) => b.perSec - a.perSec)[0] ?? null
}

/** Of faults that a command made: until everybody was back. */
function failoverOf(runs: readonly Run[]): Observed | null {
  const times = runs.flatMap(({ report }) =>
    Object.values(report.faults).flatMap(({ exec, restored, disconnected }) => (exec !== null && disconnected > 0 ? (restored ?? []) : [])),
  )
  return observed(times, 'fault')
}

function metricsOf({ nodes }: Report): NodeMetrics[] {
  return Object.values(nodes).flatMap(({ metrics }) => metrics ?? [])
}

function observed(values: readonly number[], noun: string): Observed | null {
  if (values.length === 0) return null
  const basis = `${formatCount(values.length)} ${noun}${values.length === 1 ? '' : 's'}`
  return { value: mean(values), low: Math.min(...values), high: Math.max(...values), basis }
}
