/**
 * Holds a finished report against its thresholds.
 *
 * A metric is a path of the report without `Us` (`groups.sensors.endToEnd.p99`), or one of two ratios that the report doesn't spell out. Of
 * faults the report has seconds, and a threshold microseconds, as of all durations.
 * It has one of three answers: a number, infinity (the report's null where something was wanted), or no sample at all.
 * What has no sample holds nothing: silence must not pass.
 */
import { assert } from '../errors.ts'
import { windowNames } from '../load/faulting.ts'
import { formatMetric, metricKind, type Operator, parseThreshold, type Threshold } from '../load/threshold.ts'
import type { LatencySummary } from '../stats/histogram.ts'
import { US_PER_S } from '../units.ts'
import type { FaultFigures, Figures, NodeFigures, Report, RetainedCounts, ThresholdResult } from './types.ts'

/** What evaluating needs of a threshold: the value in µs, bytes, a count or a share, and the text as the user wrote it. */
export type Expectation = Pick<Threshold, 'metric' | 'op' | 'value' | 'text'>

const COUNTS: ReadonlySet<string> = new Set([
  'clients',
  'subscriptions',
  'publishes',
  'deliveries',
  'sessions',
  'offline',
  'wills',
  'bytes',
])

type Counted = Pick<Figures, 'deliveries' | 'publishes'>
const RATIOS: Readonly<Record<string, (figures: Counted) => readonly [part: number, of: number] | undefined>> = {
  'deliveries.lossRatio': ({ deliveries: d }) => d && [d.lost, d.owed],
  'publishes.sentRatio': ({ publishes: p }) => p && [p.sent, p.planned],
}

const HOLDS: Readonly<Record<Operator, (actual: number, limit: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
}

/** A limit that is not so many times as long as the clocks may differ is held against what was measured with one clock. */
const CLOCK_FACTOR = 10

/**
 * Whether the report meets one expectation, and with what figure.
 *
 * An infinite figure is over every limit. A figure without a sample never holds.
 *
 * @throws Error  the metric is not one of this report: validation should not have let it through
 */
export function evaluate(report: Report, expectation: Expectation): ThresholdResult {
  const { metric, text } = expectation
  const isOfOneClock = isBlurred(expectation, report.generator.clockBoundUs)
  const actual = lookUp(report, isOfOneClock ? metric.replace('endToEnd.', 'sameClock.') : metric)
  if (actual === null) return { expression: text, actual: null, ok: false, note: isOfOneClock ? 'no samples with one clock' : 'no samples' }
  const ok = holds(expectation, actual)
  if (!Number.isFinite(actual)) return { expression: text, actual: null, ok, note: 'infinite' }
  return { expression: text, actual, ok, ...(isOfOneClock && { note: 'of deliveries with one clock' }) }
}

export function holds({ op, value }: Pick<Expectation, 'op' | 'value'>, actual: number): boolean {
  return HOLDS[op](actual, value)
}

/** A time from one machine to another that the clocks' difference could decide about. @param clockBoundUs  null: all have one clock */
export function isBlurred({ metric, value }: Pick<Expectation, 'metric' | 'value'>, clockBoundUs: number | null): boolean {
  return metric.includes('endToEnd.') && metricKind(metric) === 'duration' && value < CLOCK_FACTOR * (clockBoundUs ?? 0)
}

/**
 * The figure of a metric: µs, a count, a share or a number; Infinity for what never came, null without a sample, as of a window or a fault that
 * never began.
 *
 * @throws Error  there is no such metric in this report
 */
export function lookUp(report: Report, metric: string): number | null {
  const path = metric.split('.')
  if (path[0] === 'faults') return ofFault(report, metric)
  // Where no node counts what it drops, no loss is explained.
  if (metric === 'deliveries.unexplained') return report.drops?.unexplained ?? report.deliveries.lost
  let figures: Counted = report
  if (path.length === 4) {
    const [kind, name] = path.splice(0, 2) as [string, string]
    const isPart = kind === 'groups' || kind === 'nodes' || kind === 'streams' || kind === 'qos' || kind === 'windows'
    assert(isPart, `${metric} is a metric`)
    if (kind === 'windows' && windowNames(report.plan).includes(name) && !Object.hasOwn(report.windows, name)) return null
    assert(Object.hasOwn(report[kind], name), `${metric} is a metric of this report`)
    figures = report[kind][name]!
  }
  const ratio = RATIOS[path.join('.')]?.(figures)
  if (ratio) return ratio[1] === 0 ? null : ratio[0] / ratio[1]

  const [section, field] = path as [string, string]
  if (section === 'retained') return ofRetained(figures as NodeFigures, field)
  if (COUNTS.has(section)) {
    const count = ownOf(ownOf(figures, section), field)
    assert(typeof count === 'number' || count === null, `${metric} is a metric of this report`)
    return count
  }
  return ofLatency(figures, section, field, metric)
}

function ofLatency(figures: object, section: string, field: string, metric: string): number | null {
  const latency = ownOf(figures, `${section}Us`) as LatencySummary | undefined
  if (latency === undefined && section === 'sameClock') return null
  const figure = ownOf(latency, field)
  assert(typeof figure === 'number' || (figure === null && field !== 'hdr'), `${metric} is a metric of this report`)
  if (figure !== null) return figure
  // The mean is of what arrived: when nothing did there is none.
  return latency!.count === 0 || field === 'mean' ? null : Infinity
}

function ofFault(report: Report, metric: string): number | null {
  const [, name, ...path] = metric.split('.') as [string, string, string, ...string[]]
  const kind = metricKind(metric)
  const isOfPlan = report.plan.faults.some((fault) => fault.name === name)
  assert(typeof kind === 'string' && isOfPlan, `${metric} is a metric of this report`)
  const fault = ownOf(report.faults, name) as FaultFigures | undefined
  if (fault === undefined || fault.startS === null) return null
  const [section, field] = path
  if (Object.hasOwn(fault, `${section}Us`)) return ofLatency(fault, section, field!, metric)
  const figure = path.reduce<unknown>(ownOf, fault) as number | null | undefined
  if (typeof figure === 'number') return kind === 'duration' ? Math.round(figure * US_PER_S) : figure
  const isEmpty = ownOf(ownOf(fault, section), 'count') === 0
  return kind === 'duration' && !isEmpty ? Infinity : null
}

/** Where nothing could be checked, nothing is known to be right. */
function ofRetained(figures: NodeFigures, field: string): number | null {
  const { retained } = figures
  return retained === undefined || retained.checked === 0 ? null : retained[field as keyof RetainedCounts]
}

/** A threshold's figure for people, in the unit its metric has. */
export function formatActual(result: ThresholdResult): string {
  if (result.actual === null) return result.note === 'infinite' ? '∞' : (result.note ?? '-')
  const parsed = parseThreshold(result.expression)
  return 'kind' in parsed ? formatMetric(parsed.kind, result.actual) : String(result.actual)
}

function ownOf(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined
}
