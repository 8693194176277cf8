/**
 * Thresholds: `METRIC OP VALUE`, and the catalogue of metrics that there are.
 *
 * A metric is a path of the report without `Us`: a figure (`endToEnd.p99`, `deliveries.lost`), or the same of a part of the run
 * (`groups.NAME.`, `nodes.NAME.`, `streams.NAME.`, `qos.N.`). The grammar knows nothing of a plan; `metricProblem` says whether a plan's run
 * can have the metric at all: a group without subscriptions has no end-to-end latency, and a threshold on it could never hold.
 */
import { formatBytes, formatCount, formatDuration, formatShare, parseBytes, parseCount, parseDuration, parseShare } from '../units.ts'
import { LATER } from './fields.ts'
import { nearest, suggest } from './nearest.ts'
import { EMBEDDED_NODE } from './nodes.ts'
import type { GroupPlan, Plan } from './plan.ts'

export const OPERATORS = ['<', '<=', '>', '>=', '==', '!='] as const
export type Operator = (typeof OPERATORS)[number]
export type MetricKind = 'duration' | 'count' | 'share' | 'bytes'

export interface Threshold {
  /** As the user wrote it. */
  readonly text: string
  readonly metric: string
  readonly op: Operator
  /** Microseconds, a count, bytes, or 0 to 1: by `kind`. */
  readonly value: number
  readonly kind: MetricKind
}

export interface Wrong {
  readonly problem: string
  readonly hint?: string | undefined
}

const LATENCIES = ['endToEnd', 'ack', 'connect', 'reconnect', 'subscribe', 'sendLag', 'blocked', 'connectLag', 'roundTrip']
/** The first ones are suggested first where several are as near. */
const QUANTILES = ['p99', 'p50', 'p90', 'p95', 'p999', 'min', 'max', 'mean']
const COUNTS: Readonly<Record<string, readonly string[]>> = {
  clients: ['planned', 'connected', 'failed', 'disconnected', 'reconnected'],
  subscriptions: ['planned', 'granted', 'refused'],
  publishes: ['planned', 'sent', 'acked', 'refused', 'dropped'],
  deliveries: ['owed', 'received', 'lost', 'excused', 'duplicated', 'reordered', 'unexpected'],
}
const KINDS: ReadonlyMap<string, MetricKind> = new Map<string, MetricKind>([
  ...Object.entries(COUNTS).flatMap(([section, names]) => names.map((name) => [`${section}.${name}`, 'count'] as const)),
  ['publishes.sentRatio', 'share'],
  ['deliveries.lossRatio', 'share'],
  ['bytes.sent', 'bytes'],
  ['bytes.received', 'bytes'],
  ...LATENCIES.flatMap((latency) => [
    [`${latency}.count`, 'count'] as const,
    ...QUANTILES.map((quantile) => [`${latency}.${quantile}`, 'duration'] as const),
  ]),
])
const SCOPE_WORDS: Readonly<Record<string, string>> = { groups: 'group', nodes: 'node', streams: 'stream', qos: 'QoS' }
const SCOPES = Object.keys(SCOPE_WORDS)
const LATER_METRICS = ['windows', 'faults']
/** A stream and a QoS level are about messages, not about clients. */
const OF_MESSAGES = ['publishes', 'deliveries', 'endToEnd', 'ack', 'sendLag', 'blocked', 'roundTrip']

/** Reads a threshold; whether the plan can have its metric is asked of `metricProblem`. */
export function parseThreshold(text: string): Threshold | Wrong {
  const match = /^\s*([^\s<>=!]+)\s*([<>=!]+)\s*(\S.*?)\s*$/.exec(text)
  if (!match) return { problem: `expected METRIC OP VALUE, got ${text}`, hint: 'such as endToEnd.p99 < 50ms' }
  const [, metric, op, written] = match as unknown as [string, string, string, string]
  if (!isOperator(op)) return { problem: `unknown comparison ${op}`, hint: `known: ${OPERATORS.join(' ')}` }
  const kind = metricKind(metric)
  if (typeof kind !== 'string') return kind
  const value = parseValue(kind, written)
  return typeof value === 'string' ? { problem: `${value} for ${metric}, got ${written}` } : { text, metric, op, value, kind }
}

/** Microseconds, a count, bytes or a share, in words for people. */
export function formatMetric(kind: MetricKind, value: number): string {
  if (kind === 'duration') return formatDuration(value)
  if (kind === 'bytes') return formatBytes(value)
  return kind === 'share' ? formatShare(value) : formatCount(value)
}

/** What a metric's values are, or why there is no such metric. */
export function metricKind(metric: string): MetricKind | Wrong {
  const { scope, name, figure } = partsOf(metric)
  const steps = metric.split('.')
  if (LATER_METRICS.includes(scope ?? steps[0]!) || LATER_METRICS.includes(figure.split('.')[0]!))
    return { problem: `${metric} is ${LATER}` }
  const kind = KINDS.get(figure)
  if (kind && (scope === null || name !== '')) return kind
  const prefix = scope === null ? '' : `${scope}.${name}.`
  const section = figure.split('.')[0]!
  const known = [...KINDS.keys()]
  const ofSection = known.filter((k) => k.startsWith(`${section}.`))
  const found = nearest(figure, ofSection.length > 0 ? ofSection : [...known, ...SCOPES.map((s) => `${s}.NAME`)])
  const hint = found ? `did you mean ${prefix}${found}?` : ofSection.length > 0 ? `known: ${ofSection.join(', ')}` : undefined
  return { problem: `unknown metric ${metric}`, hint }
}

/** Why a run of the plan can't have the metric; null if it can. */
export function metricProblem(metric: string, plan: Plan): Wrong | null {
  const kind = metricKind(metric)
  if (typeof kind !== 'string') return kind
  const { scope, name, figure } = partsOf(metric)
  const names = scope === null ? [] : namesOf(scope, plan)
  if (scope !== null && !names.includes(name))
    return { problem: `unknown ${SCOPE_WORDS[scope]} ${name} in ${metric}`, hint: suggest(name, names) }
  const section = figure.split('.')[0]!
  if ((scope === 'streams' || scope === 'qos') && !OF_MESSAGES.includes(section)) {
    return { problem: `${metric} does not exist: ${section} is not counted by ${SCOPE_WORDS[scope]}` }
  }
  const reason = whyNever(section, scope, name, plan)
  return reason === null ? null : { problem: `${metric} does not exist: ${reason}` }
}

function whyNever(section: string, scope: string | null, name: string, plan: Plan): string | null {
  const groups = scope === 'groups' ? plan.groups.filter((g) => g.name === name) : plan.groups
  const who = scope === 'groups' ? `group ${name}` : 'the scenario'
  const some = (is: (group: GroupPlan) => boolean) => groups.some(is)
  if (['subscriptions', 'subscribe'].includes(section) && !some((g) => g.subscribe.length > 0)) return `${who} has no subscription`
  // Replies to a group's own requests are no deliveries.
  if (['deliveries', 'endToEnd'].includes(section) && !some((g) => g.subscribe.some((s) => !s.isResponse))) {
    return `${who} has no subscription`
  }
  if (['deliveries', 'endToEnd'].includes(section) && !plan.groups.some((g) => g.publish.length > 0))
    return 'the scenario publishes nothing'
  if (['publishes', 'sendLag', 'blocked', 'ack'].includes(section) && !some((g) => g.publish.length > 0)) return `${who} publishes nothing`
  if (section !== 'ack' && section !== 'roundTrip') return null
  const entries = groups.flatMap((g) => g.publish).filter((e) => scope !== 'streams' || e.name === name)
  if (section === 'roundTrip') {
    const isRequest = entries.some((e) => e.request !== null && (scope !== 'qos' || e.qosShares[Number(name)]! > 0))
    return isRequest ? null : 'none of its messages is a request'
  }
  const levels = [1, 2].filter((level) => scope !== 'qos' || name === String(level))
  return entries.some((e) => levels.some((level) => e.qosShares[level]! > 0)) ? null : 'what it publishes is not acknowledged (QoS 0)'
}

function namesOf(scope: string, plan: Plan): string[] {
  if (scope === 'groups') return plan.groups.map((g) => g.name)
  if (scope === 'nodes') return plan.embedded ? [EMBEDDED_NODE] : plan.nodes.map((n) => n.name)
  if (scope === 'streams') return [...new Set(plan.groups.flatMap((g) => g.publish.map((e) => e.name)))]
  return ['0', '1', '2']
}

function partsOf(metric: string): { scope: string | null; name: string; figure: string } {
  const [scope, name, ...figure] = metric.split('.')
  if (!SCOPES.includes(scope!) && !['windows', 'faults'].includes(scope!)) return { scope: null, name: '', figure: metric }
  return { scope: scope!, name: name ?? '', figure: figure.join('.') }
}

function parseValue(kind: MetricKind, written: string): number | string {
  if (kind === 'duration') return parseDuration(written)
  if (kind === 'count') return parseCount(written)
  if (kind === 'bytes') return parseBytes(written)
  const number = written === '' ? Number.NaN : Number(written)
  const value = Number.isNaN(number) ? parseShare(written) : number
  return typeof value === 'string' ? 'expected a share such as 1% or 0.01' : value
}

function isOperator(text: string): text is Operator {
  return (OPERATORS as readonly string[]).includes(text)
}
