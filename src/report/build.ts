/**
 * From a run's totals to its report: every table is a sum of cells.
 */

import { assert } from '../errors.ts'
import { clientsByNode } from '../load/cluster.ts'
import { cellOf } from '../load/group.ts'
import type { Plan } from '../load/plan.ts'
import { publicPlan } from '../load/secrets.ts'
import type { ShareSpread } from '../load/shares.ts'
import { parseThreshold, qosIn } from '../load/threshold.ts'
import type { Cells, Metrics } from '../stats/metrics.ts'
import type { Seconds } from '../stats/seconds.ts'
import { thousandths, US_PER_S } from '../units.ts'
import { faultFigures, windowFigures } from './faults.ts'
import { byteCounts, clientCounts, clientFigures, deliveryFigures, publishFigures, subscriptionCounts } from './figures.ts'
import { hostFacts } from './host.ts'
import { type Aside, joined, type Watched } from './node-metrics.ts'
import { partOf, type Scope, sumOf } from './part.ts'
import { shareFigures } from './shares.ts'
import { evaluate } from './threshold.ts'
import {
  type BrokerFacts,
  type DropFigures,
  type FaultFacts,
  type Figures,
  type GeneratorCheck,
  type GeneratorFigures,
  type GroupFigures,
  type NodeFigures,
  REPORT_SCHEMA,
  type Report,
  type RetainedCounts,
  type RunFacts,
  type SentinelFigures,
  type Status,
  type TimelineRow,
  type WillCounts,
} from './types.ts'
import { judge } from './verdict.ts'

/** What the controller knows when the run is over. */
export interface RunResult {
  readonly plan: Plan
  readonly run: RunFacts
  readonly metrics: Metrics
  readonly unverified: number
  /** How shared subscriptions were spread over their members. */
  readonly shares: readonly ShareSpread[]
  readonly timeline: readonly TimelineRow[]
  readonly generator: Omit<GeneratorFigures, 'valid' | 'suspect' | 'checks'>
  /** Messages that were due and unsent at the end of measure though nothing but the generator stood in their way. */
  readonly unsentOfOurs: number
  /** Parts of the measurement that were lost, in words. */
  readonly losses: readonly string[]
  readonly isInterrupted: boolean
  /** What ended measure before its time; null: nothing did. */
  readonly abort: Abort | null
  /** What is known of the nodes before the run; null: there was no probe. */
  readonly brokers: readonly BrokerFacts[] | null
  /** What a new subscriber got of what was retained, by node; null: it was not checked. */
  readonly retained: readonly RetainedCounts[] | null
  /** Checks that the controller has made itself. */
  readonly checks: readonly GeneratorCheck[]
  /** Of the plan's faults, in their order. */
  readonly faults: readonly FaultFacts[]
  /** Faults that never began, and commands that failed, in words. */
  readonly faultTroubles: readonly string[]
  readonly seconds: Seconds
  readonly measureStartUs: number
  readonly windows: readonly Span[]
  /** Measure, cut wherever a window begins or ends. */
  readonly pieces: readonly Piece[]
  /** null: the plan has no will. */
  readonly wills: WillFacts | null
  /** By node, what it says it has dropped during the run; null: nobody was asked, or it doesn't say. */
  readonly drops: readonly (number | null)[] | null
  /** By node, what it told of itself; null: nothing was asked. */
  readonly watched: readonly (Watched | null)[] | null
}

/** A threshold that did not hold while the run went on, and was to end it. */
export interface Abort {
  /** As it stands in the plan. */
  readonly expect: string
  /** µs since the run's epoch. */
  readonly atUs: number
  /** `after 12 s of measure: endToEnd.p99 < 50ms did not hold: 81 ms` */
  readonly words: string
}

/** A window, µs since the run's epoch. */
export interface Span {
  readonly name: string
  readonly startUs: number
  readonly endUs: number
}

/** What was owed between two moments, and what became of it: an account, without latencies. Keys are `cellKey.delivery`. */
export interface Piece {
  readonly startUs: number
  readonly endUs: number
  readonly deliveries: Cells<'deliveries'>
}

export interface WillFacts {
  readonly all: WillCounts
  /** Each, by when its connection ended. */
  readonly ended: readonly { readonly atUs: number; readonly outcome: keyof WillCounts }[]
}

/** A report, and what the process exits with. */
export interface Outcome {
  readonly report: Report
  readonly exitCode: 0 | 2 | 3 | 4 | 130
}

export function buildReport(result: RunResult): Outcome {
  const { plan, metrics } = result
  const whole = wholeOf(result)
  const parts = partsOf(result)
  const unjudged = {
    schema: REPORT_SCHEMA,
    run: result.run,
    status: 'passed' as Status,
    reasons: [],
    ...whole,
    ...parts,
    windows: windowFigures(result),
    faults: faultFigures(result),
    wills: result.wills?.all ?? null,
    drops: dropsOf(result, whole.deliveries.lost),
    timeline: result.timeline,
    reasonCodes: codesOf(metrics.reasonCodes),
    errors: Object.fromEntries([...metrics.errors].sort((a, b) => b[1] - a[1])),
    generator: { valid: true, suspect: false, checks: [], ...result.generator },
    thresholds: [],
    host: hostFacts(),
    plan: publicPlan(plan),
  } satisfies Report
  const thresholds = plan.thresholds.map((text) => {
    const threshold = parseThreshold(text)
    assert('metric' in threshold, 'the scenario was refused if a threshold is wrong')
    const judged = evaluate(unjudged, threshold)
    return text === result.abort?.expect ? { ...judged, abortedAtS: thousandths(result.abort.atUs / US_PER_S) } : judged
  })
  return judge({ ...unjudged, thresholds }, result)
}

function wholeOf(result: RunResult) {
  const { plan, metrics } = result
  const clients = metrics.clients.sum()
  return {
    clients: { planned: plan.clients, ...clientCounts(clients) },
    subscriptions: subscriptionCounts(clients, plannedSubscriptions(plan)),
    bytes: byteCounts(clients),
    ...publishFigures(metrics.publishes.sum()),
    ...deliveryFigures(metrics.deliveries.sum(), result.unverified),
    ...clientFigures(clients, plan.clients, plannedSubscriptions(plan)),
  }
}

function partsOf(result: RunResult) {
  const { plan, metrics } = result
  const groups: Record<string, GroupFigures> = {}
  for (const group of plan.groups) {
    const part = partOf(plan, 'groups', group.name)
    const clients = sumOf(metrics, part.clients)
    const subscriptions = group.clients * group.subscribe.length
    groups[group.name] = {
      clients: { planned: group.clients, ...clientCounts(clients) },
      bytes: byteCounts(clients),
      ...clientFigures(clients, group.clients, subscriptions),
      ...(group.publish.length > 0 && publishFigures(sumOf(metrics, part.publishes))),
      ...(group.subscribe.length > 0 && {
        subscriptions: subscriptionCounts(clients, subscriptions),
      }),
      ...(group.subscribe.some(({ isResponse }) => !isResponse) && deliveryFigures(sumOf(metrics, part.deliveries))),
      ...shareFigures(result.shares, group.index),
    }
  }
  const streams: Record<string, Figures> = {}
  const messagesOf = (scope: Scope, name: string): Figures => {
    const { publishes, deliveries } = partOf(plan, scope, name)
    return { ...publishFigures(sumOf(metrics, publishes)), ...deliveryFigures(sumOf(metrics, deliveries)) }
  }
  const names = plan.groups.flatMap((group) => group.publish.map(({ name }) => name))
  for (const name of new Set(names)) streams[name] = messagesOf('streams', name)
  const qos: Record<string, Figures> = {}
  for (const q of qosIn(plan)) qos[q] = messagesOf('qos', String(q))
  return { groups, nodes: nodesOf(result), streams, qos, pairs: pairsOf(plan, metrics) }
}

function dropsOf({ plan, drops }: RunResult, lost: number): DropFigures | null {
  if (drops === null || drops.every((count) => count === null)) return null
  const counted = drops.reduce<number>((sum, count) => sum + (count ?? 0), 0)
  const byNode = Object.fromEntries(plan.nodes.map(({ name }, node) => [name, drops[node] ?? null]))
  return { counted, unexplained: Math.max(0, lost - counted), byNode }
}

function nodesOf({ plan, metrics, unverified, brokers, retained, watched, generator }: RunResult): Record<string, NodeFigures> {
  const planned = plannedByNode(plan)
  return Object.fromEntries(
    plan.nodes.map(({ name }, node) => {
      const part = partOf(plan, 'nodes', name)
      const clients = sumOf(metrics, part.clients)
      const figures: NodeFigures = {
        clients: { planned: planned.clients[node]!, ...clientCounts(clients) },
        bytes: byteCounts(clients),
        subscriptions: subscriptionCounts(clients, planned.subscriptions[node]!),
        ...clientFigures(clients, planned.clients[node]!, planned.subscriptions[node]!),
        ...publishFigures(sumOf(metrics, part.publishes)),
        ...deliveryFigures(sumOf(metrics, part.deliveries), plan.nodes.length === 1 ? unverified : 0),
        ...(brokers !== null && { broker: brokers[node]! }),
        ...(retained !== null && { retained: retained[node]! }),
      }
      const told = watched?.[node] ?? null
      return [name, told === null ? figures : { ...figures, metrics: joined(told, figures, asideOf(generator.sentinel, node, plan)) }]
    }),
  )
}

/** The sentinel publishes on the first node, and subscribes on the second where there is one. */
function asideOf(sentinel: SentinelFigures | null, node: number, { nodes }: Plan): Aside {
  const count = (at: number) => (node === at ? (sentinel?.count ?? 0) : 0)
  return { sent: count(0), received: count(Math.min(1, nodes.length - 1)) }
}

/** How many clients and subscriptions the placement means for each node. */
function plannedByNode(plan: Plan): { clients: number[]; subscriptions: number[] } {
  const clients = plan.nodes.map(() => 0)
  const subscriptions = plan.nodes.map(() => 0)
  for (const group of plan.groups) {
    for (const [node, count] of clientsByNode(plan, group, group.clients).entries()) {
      clients[node]! += count
      subscriptions[node]! += count * group.subscribe.length
    }
  }
  return { clients, subscriptions }
}

function pairsOf(plan: Plan, metrics: Metrics) {
  if (plan.nodes.length === 1) {
    const { endToEndUs, deliveries } = deliveryFigures(metrics.deliveries.sum())
    const { name } = plan.nodes[0]!
    return deliveries.owed + deliveries.excused > 0 ? [{ from: name, to: name, endToEndUs, deliveries }] : []
  }
  return [...metrics.deliveriesByPair.keys()]
    .sort((a, b) => a - b)
    .map((key) => {
      const { from, to } = cellOf.pair(key)
      const { endToEndUs, deliveries } = deliveryFigures(metrics.deliveriesByPair.at(key))
      return { from: plan.nodes[from]!.name, to: plan.nodes[to]!.name, endToEndUs, deliveries }
    })
}

function plannedSubscriptions(plan: Plan): number {
  return plan.groups.reduce((sum, group) => sum + group.clients * group.subscribe.length, 0)
}

/** `PUBACK 0x10` -> count becomes packet -> code -> count. */
function codesOf(counts: ReadonlyMap<string, number>): Record<string, Record<string, number>> {
  const codes: Record<string, Record<string, number>> = {}
  for (const [name, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [packet, code] = name.split(' ') as [string, string]
    codes[packet] ??= {}
    codes[packet][code] = count
  }
  return codes
}
