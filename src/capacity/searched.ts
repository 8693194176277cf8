/**
 * What searches say of a cluster: its throughput by size, and how many connect to a node a second. What could not be used has a note that says why.
 */
import type { Run } from '../compare/runs.ts'
import { mean } from '../stats/sample.ts'
import { formatCount, formatDuration, formatRate, formatShare, US_PER_S } from '../units.ts'
import type { Search } from './files.ts'
import { type Measurement, nodeWords } from './scaling.ts'
import { sloKey } from './target.ts'
import { type Traffic, trafficOf } from './traffic.ts'
import type { SearchResult } from './types.ts'

export interface Searched {
  readonly measurements: readonly Measurement[]
  /** Deliveries for each message; null: nothing was measured. */
  readonly fanOut: number | null
  /** Where none of the searches for a rate with this SLO gave a figure: why. */
  readonly unfound: readonly string[]
}

export interface ConnectFigure {
  /** Of one node, sustained. */
  readonly perSec: number
  /** How many connected to a node in that run. */
  readonly clientsPerNode: number
  readonly basis: string
}

/** Searches that can be one series: of one scenario, whose messages are alike. */
interface Kind {
  readonly scenario: string
  /** null: none of their trials is there. */
  readonly traffic: Traffic | null
  readonly searches: readonly Search[]
}

/** Of a connect phase or a storm: in less a backlog takes them all, and the rate is a guess. */
export const SHORTEST_S = 1
/** The means of two runs of one scenario differ by how long their topics are. */
const ALIKE_SIZE = 0.05
const ALIKE_SHARE = 0.02

/** The searches for a rate with this SLO. Those of several kinds are several clusters' worth of work: the one with the most sizes is taken. */
export function throughputOf(searches: readonly Search[], sloKeys: readonly string[], notes: string[]): Searched {
  const fitting = searches.filter(({ path, report: { vary, slo } }) => {
    const missing = sloKeys.filter((key) => !slo.map(sloKey).includes(key))
    if (vary === 'clients' || vary === 'fanOut') notes.push(`${path} varied ${vary}, not rate: it says nothing of throughput.`)
    else if (vary === 'rate' && missing.length > 0) notes.push(`${path} has another SLO (${slo.join(', ')}): not used.`)
    return vary === 'rate' && missing.length === 0
  })
  const kinds = fitting.reduce<readonly Kind[]>(sorted, [])
  const sizesOf = (kind: Kind) => new Set(measurementsOf(kind.searches, []).map(({ nodes }) => nodes)).size
  const best = kinds.toSorted((a, b) => sizesOf(b) - sizesOf(a))[0]
  if (best !== undefined && kinds.length > 1) {
    const words = kinds.map(kindWords).join('; ')
    notes.push(`Searches are of several kinds (${words}), which can’t be mixed: those of ${kindWords(best)} are used, with the most sizes.`)
  }
  const used = best?.searches ?? []
  const good = used.flatMap(({ report }) => report.series.flatMap(({ trials }) => trials.filter(({ verdict }) => verdict === 'good')))
  const ratios = good.filter(({ sentPerSec }) => sentPerSec > 0).map(({ receivedPerSec, sentPerSec }) => receivedPerSec / sentPerSec)
  const unfound: string[] = []
  const measurements = measurementsOf(used, unfound)
  notes.push(...unfound)
  return { measurements, fanOut: ratios.length === 0 ? null : mean(ratios), unfound: measurements.length === 0 ? unfound : [] }
}

/** Connects a second that one node took, by the search that found the fewest; null: no search for a connect rate found any. */
export function searchedConnects(searches: readonly Search[], notes: string[]): ConnectFigure | null {
  const ofConnects = searches.filter(({ path, report, trials }) => {
    if (report.vary !== 'connectRate') return false
    const longest = Math.max(0, ...[...trials.values()].map(connectS))
    const isBurst = trials.size > 0 && longest < SHORTEST_S
    if (isBurst)
      notes.push(
        `${path}: its clients were all connected within ${formatDuration(longest * US_PER_S)}, which is a burst and no rate: not used.`,
      )
    return !isBurst
  })
  const found = ofConnects.flatMap((search) =>
    measurementsOf([search], notes).map(({ nodes, perSec }) => {
      const clients = [...search.trials.values()].map(({ report }) => report.clients.connected)
      const basis = `a search of ${search.report.scenario}: ${formatRate(perSec)} with ${nodeWords(nodes)}`
      return { perSec: perSec / nodes, clientsPerNode: Math.max(0, ...clients) / nodes, basis }
    }),
  )
  return found.toSorted((a, b) => a.perSec - b.perSec)[0] ?? null
}

/** Length of a connect phase, without what it waits for routes. */
export function connectS({ report: { run, plan } }: Run): number {
  return (run.phases.find(({ name }) => name === 'connect')?.lengthS ?? 0) - plan.settleUs / US_PER_S
}

/** Puts a search with those of its kind. */
function sorted(kinds: readonly Kind[], search: Search): readonly Kind[] {
  const { scenario } = search.report
  const [run] = search.trials.values()
  const traffic = run === undefined ? null : trafficOf(run.report.plan)
  const own = kinds.find((kind) => kind.scenario === scenario && isAlike(kind.traffic, traffic))
  if (own === undefined) return [...kinds, { scenario, traffic, searches: [search] }]
  const joined = { scenario, traffic: own.traffic ?? traffic, searches: [...own.searches, search] }
  return kinds.map((kind) => (kind === own ? joined : kind))
}

/** What is not known contradicts nothing. */
function isAlike(a: Traffic | null, b: Traffic | null): boolean {
  if (a === null || b === null) return true
  const isNear = (one: number, other: number) => !(Math.abs(one - other) > ALIKE_SIZE * Math.max(one, other))
  const shares = [...a.qosShares, a.persistentShare].map((share, i) => Math.abs(share - [...b.qosShares, b.persistentShare][i]!))
  return isNear(a.packetBytes, b.packetBytes) && isNear(1 + a.fanOut, 1 + b.fanOut) && shares.every((distance) => distance <= ALIKE_SHARE)
}

/** `rate, 139 B, fan-out 1, QoS 80 % / 20 % / 0 %`. */
function kindWords({ scenario, traffic }: Kind): string {
  if (traffic === null) return scenario
  const { packetBytes, fanOut, qosShares } = traffic
  const qos = qosShares.map(formatShare).join(' / ')
  return `${scenario}, ${formatCount(Math.round(packetBytes))} B, fan-out ${Number(fanOut.toPrecision(3))}, QoS ${qos}`
}

function measurementsOf(searches: readonly Search[], notes: string[]): Measurement[] {
  return searches.flatMap(({ path, report, trials }) =>
    report.series.flatMap((result): Measurement[] => {
      const urls = result.trials.map((trial) => trials.get(trial.path)?.report.plan.nodes.length).find((count) => count)
      const nodes = result.nodes ?? urls ?? null
      const why = unusable(result, nodes)
      if (why === null && result.nodes === null)
        notes.push(
          `${path}: nobody said how many nodes it had, so that its addresses were counted: ${formatCount(nodes!)}. A load balancer is one.`,
        )
      if (why === null) return [{ nodes: nodes!, perSec: result.low!, badPerSec: result.high }]
      notes.push(`${path}${nodes === null ? '' : ` with ${nodeWords(nodes)}`}: ${why}.`)
      return []
    }),
  )
}

const STATUS_WORDS: Readonly<Record<Exclude<SearchResult['status'], 'found'>, string>> = {
  generatorLimited: 'the generator was the limit, so the cluster’s is not known',
  belowLowest: 'no load was good',
  inconclusive: 'it was inconclusive',
  interrupted: 'it was interrupted',
}

function unusable({ status, low }: SearchResult, nodes: number | null): string | null {
  if (status !== 'found')
    return `${STATUS_WORDS[status]}${status === 'generatorLimited' && low !== null ? `: at least ${formatRate(low)}` : ''}`
  if (low === null) return 'it has no load that was good'
  return nodes === null ? 'nobody said how many nodes it had' : null
}
