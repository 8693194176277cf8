/**
 * Thresholds: `METRIC OP VALUE`, and the catalogue of metrics that there are.
 *
 * A metric is a path of the report without `Us`: a figure (`endToEnd.p99`, `deliveries.lost`), or the same of a part of the run
 * (`groups.NAME.`, `nodes.NAME.`, `streams.NAME.`, `qos.N.`, `windows.NAME.`); faults have figures of their own (`faults.NAME.recover`). The
 * grammar knows nothing of a plan; `metricProblem` says whether a plan's run can have the metric at all: a group without subscriptions has
 * no end-to-end latency, and a threshold on it could never hold.
 */
import { formatBytes, formatCount, formatDuration, formatShare, parseBytes, parseCount, parseDuration, parseShare } from '../units.ts'
import { windowNames } from './faulting.ts'
import { nearest, suggest } from './nearest.ts'
import { EMBEDDED_NODE } from './nodes.ts'
import type { GroupPlan, Plan, QoS } from './plan.ts'
import { retains } from './retained.ts'
import { hasNamedWill } from './testator.ts'

export const OPERATORS = ['<', '<=', '>', '>=', '==', '!='] as const
export type Operator = (typeof OPERATORS)[number]
export type MetricKind = 'duration' | 'count' | 'share' | 'bytes' | 'number'

export interface Threshold {
  /** As the user wrote it. */
  readonly text: string
  readonly metric: string
  readonly op: Operator
  /** Microseconds, a count, bytes, 0 to 1, or any number: by `kind`. */
  readonly value: number
  readonly kind: MetricKind
}

export interface Wrong {
  readonly problem: string
  readonly hint?: string | undefined
}

const LATENCIES = ['endToEnd', 'ack', 'connect', 'reconnect', 'subscribe', 'sendLag', 'blocked', 'connectLag', 'roundTrip', 'unqueue']
/** The first ones are suggested first where several are as near. */
const QUANTILES = ['p99', 'p50', 'p90', 'p95', 'p999', 'min', 'max', 'mean']
const COUNTS: Readonly<Record<string, readonly string[]>> = {
  clients: ['planned', 'connected', 'failed', 'disconnected', 'reconnected'],
  subscriptions: ['planned', 'granted', 'refused'],
  publishes: ['planned', 'sent', 'acked', 'refused', 'dropped'],
  deliveries: ['owed', 'received', 'lost', 'excused', 'duplicated', 'reordered', 'unexpected'],
  retained: ['stale', 'missing', 'doubled', 'current', 'checked'],
  sessions: ['resumed', 'forgotten', 'takenOver', 'doubled'],
  offline: ['queued'],
  wills: ['fired', 'missing', 'false'],
}
type Kinds = ReadonlyMap<string, MetricKind>
const KINDS: Kinds = new Map([
  ...Object.entries(COUNTS).flatMap(([section, names]) => each('count', names, section)),
  ...each('count', ['deliveries.unexplained']),
  ...each('share', ['publishes.sentRatio', 'deliveries.lossRatio']),
  ...each('bytes', ['bytes.sent', 'bytes.received']),
  ...each('number', ['offline.perSec']),
  ...LATENCIES.flatMap(latency),
])
const FAULT_KINDS: Kinds = new Map([
  ...each('duration', ['recover', 'restored', 'detect', 'ended']),
  ...['reconnect', 'resume'].flatMap((spread) => [...each('duration', ['p99', 'p50', 'max'], spread), ...each('count', ['count'], spread)]),
  ...each('count', ['lost', 'duplicated', 'owed', 'struck', 'disconnected', 'sessionsResumed', 'sessionsForgotten']),
  ...each('count', ['peakAttemptsPerSec', 'peakAcceptedPerSec']),
  ...each('number', ['attemptsPerClient']),
  ...each('share', ['clients', 'messages'], 'unavailability'),
  ...each('count', ['count', 'doubled'], 'takeovers'),
  ...each('count', COUNTS.wills!, 'wills'),
  ...['tcp', 'tls', 'connack'].flatMap(latency),
  ...['clean', 'persistent'].flatMap((session) =>
    ['0', '1', '2'].flatMap((qos) => each('count', ['lost', 'duplicated', 'owed'], `bySession.${session}.${qos}`)),
  ),
])
const SCOPE_WORDS: Readonly<Record<string, string>> = {
  groups: 'group',
  nodes: 'node',
  streams: 'stream',
  qos: 'QoS',
  windows: 'window',
  faults: 'fault',
}
const SCOPES = Object.keys(SCOPE_WORDS)
/** A stream and a QoS level are about messages, not about clients. */
const OF_MESSAGES = ['publishes', 'deliveries', 'endToEnd', 'ack', 'sendLag', 'blocked', 'roundTrip']
/** Of clients and connections a window knows only what happened in it. */
const NOT_OF_WINDOWS = [
  'clients.planned',
  'clients.connected',
  'clients.failed',
  'subscriptions',
  'bytes',
  'connect',
  'subscribe',
  'connectLag',
  'wills',
]

function each(kind: MetricKind, names: readonly string[], section?: string) {
  return names.map((name) => [section === undefined ? name : `${section}.${name}`, kind] as const)
}

function latency(name: string) {
  return [...each('count', ['count'], name), ...each('duration', QUANTILES, name)]
}

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

/** Microseconds, a count, bytes, a share or a number, in words for people. */
export function formatMetric(kind: MetricKind, value: number): string {
  if (kind === 'duration') return formatDuration(value)
  if (kind === 'bytes') return formatBytes(value)
  if (kind === 'number') return String(Number(value.toFixed(2)))
  return kind === 'share' ? formatShare(value) : formatCount(value)
}

/** What a metric's values are, or why there is no such metric. */
export function metricKind(metric: string): MetricKind | Wrong {
  const { scope, name, figure } = partsOf(metric)
  const kinds = scope === 'faults' ? FAULT_KINDS : KINDS
  const kind = kinds.get(figure)
  if (kind && (scope === null || name !== '')) return kind
  const prefix = scope === null ? '' : `${scope}.${name}.`
  const section = figure.split('.')[0]!
  const known = [...kinds.keys()]
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
  if (scope !== null && !names.includes(name)) {
    const hint = suggest(name, names) ?? (scope === 'windows' ? 'windows are stretches of phases.measure and parts of faults' : undefined)
    return { problem: `unknown ${SCOPE_WORDS[scope]} ${name} in ${metric}`, hint }
  }
  const section = figure.split('.')[0]!
  if (!isCounted(figure, section, scope)) {
    const isFigure = figure === 'deliveries.unexplained' || (scope === 'windows' && section === 'clients')
    const what = isFigure ? figure : section
    return { problem: `${metric} does not exist: ${what} is not counted by ${SCOPE_WORDS[scope!]}` }
  }
  const reason = scope === 'faults' ? whyNeverOfFault(section, name, plan) : whyNever(section, scope, name, plan)
  return reason === null ? null : { problem: `${metric} does not exist: ${reason}` }
}

function isCounted(figure: string, section: string, scope: string | null): boolean {
  if (figure === 'deliveries.unexplained') return scope === null
  if (scope === 'streams' || scope === 'qos') return OF_MESSAGES.includes(section)
  if (scope === 'windows') return !NOT_OF_WINDOWS.some((name) => name === figure || name === section)
  return section !== 'wills' || scope === null || scope === 'faults'
}

function whyNeverOfFault(section: string, name: string, plan: Plan): string | null {
  if (section === 'struck' && plan.faults.some((fault) => fault.name === name && fault.drop === null)) return `fault ${name} has no drop`
  const isOfDeliveries = ['owed', 'lost', 'duplicated', 'bySession', 'resume'].includes(section)
  return whyNever(isOfDeliveries ? 'deliveries' : section, null, '', plan)
}

function whyNever(section: string, scope: string | null, name: string, plan: Plan): string | null {
  const groups = scope === 'groups' ? plan.groups.filter((g) => g.name === name) : plan.groups
  const who = scope === 'groups' ? `group ${name}` : 'the scenario'
  const some = (is: (group: GroupPlan) => boolean) => groups.some(is)
  if (section === 'wills' && !some((g) => g.will !== null)) return 'no group has a will'
  if (section === 'wills') return some(hasNamedWill) ? null : 'wills without room for a header are not checked: 16 bytes, or JSON'
  if (section === 'retained') {
    if (scope !== 'nodes') return 'retained messages are counted by node'
    return retains(plan) ? null : 'no message is retained'
  }
  if (['subscriptions', 'subscribe'].includes(section) && !some((g) => g.subscribe.length > 0)) return `${who} has no subscription`
  // Replies to a group's own requests are no deliveries.
  if (['deliveries', 'endToEnd'].includes(section) && !some((g) => g.subscribe.some((s) => !s.isResponse))) {
    return `${who} has no subscription`
  }
  if (['deliveries', 'endToEnd'].includes(section) && !plan.groups.some((g) => g.publish.length > 0))
    return 'the scenario publishes nothing'
  if (['publishes', 'sendLag', 'blocked', 'ack'].includes(section) && !some((g) => g.publish.length > 0)) return `${who} publishes nothing`
  if (scope === 'qos' && !qosIn(plan).includes(Number(name))) return `nothing is published or delivered with QoS ${name}`
  if (section !== 'ack' && section !== 'roundTrip') return null
  const entries = groups.flatMap((g) => g.publish).filter((e) => scope !== 'streams' || e.name === name)
  if (section === 'roundTrip') {
    const isRequest = entries.some((e) => e.request !== null && (scope !== 'qos' || e.qosShares[Number(name)]! > 0))
    return isRequest ? null : 'none of its messages is a request'
  }
  const levels = [1, 2].filter((level) => scope !== 'qos' || name === String(level))
  return entries.some((e) => levels.some((level) => e.qosShares[level]! > 0)) ? null : 'what it publishes is not acknowledged (QoS 0)'
}

/** Every QoS that the plan publishes or delivers with: those of which the report has figures. */
export function qosIn({ groups }: Plan): number[] {
  const published = [0, 1, 2].filter((q) => groups.some(({ publish }) => publish.some((entry) => entry.qosShares[q as QoS] > 0)))
  const granted = groups.flatMap(({ subscribe }) => subscribe.map(({ qos }) => qos))
  return [...new Set([...published, ...published.flatMap((q) => granted.map((g) => Math.min(q, g)))])].sort()
}

function namesOf(scope: string, plan: Plan): string[] {
  if (scope === 'groups') return plan.groups.map((g) => g.name)
  if (scope === 'nodes') return plan.embedded ? [EMBEDDED_NODE] : plan.nodes.map((n) => n.name)
  if (scope === 'streams') return [...new Set(plan.groups.flatMap((g) => g.publish.map((e) => e.name)))]
  if (scope === 'windows') return windowNames(plan)
  if (scope === 'faults') return plan.faults.map((fault) => fault.name)
  return ['0', '1', '2']
}

/** Of which part of the run a metric is (null: of all), and what figure of it. */
export function partsOf(metric: string): { scope: string | null; name: string; figure: string } {
  const [scope, name, ...figure] = metric.split('.')
  if (!SCOPES.includes(scope!)) return { scope: null, name: '', figure: metric }
  return { scope: scope!, name: name ?? '', figure: figure.join('.') }
}

function parseValue(kind: MetricKind, written: string): number | string {
  if (kind === 'duration') return parseDuration(written)
  if (kind === 'count') return parseCount(written)
  if (kind === 'bytes') return parseBytes(written)
  const number = written === '' ? Number.NaN : Number(written)
  if (kind === 'number') return Number.isNaN(number) ? 'expected a number such as 1.5' : number
  const value = Number.isNaN(number) ? parseShare(written) : number
  return typeof value === 'string' ? 'expected a share such as 1% or 0.01' : value
}

function isOperator(text: string): text is Operator {
  return (OPERATORS as readonly string[]).includes(text)
}
