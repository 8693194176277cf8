/**
 * Holds a finished report against its thresholds.
 *
 * A metric is a path of the report without `Us` (`groups.sensors.endToEnd.p99`), or one of two ratios that the report doesn't spell out.
 * It has one of three answers: a number, infinity (the report's null where something was wanted), or no sample at all.
 * What has no sample holds nothing: silence must not pass.
 */
import { assert } from '../errors.ts'
import { formatMetric, type Operator, parseThreshold, type Threshold } from '../load/threshold.ts'
import type { LatencySummary } from '../stats/histogram.ts'
import type { Figures, Report, ThresholdResult } from './types.ts'

/** What evaluating needs of a threshold: the value in µs, bytes, a count or a share, and the text as the user wrote it. */
export type Expectation = Pick<Threshold, 'metric' | 'op' | 'value' | 'text'>

const COUNTS: ReadonlySet<string> = new Set(['clients', 'subscriptions', 'publishes', 'deliveries', 'bytes'])

const RATIOS: Readonly<Record<string, (figures: Figures) => readonly [part: number, of: number] | undefined>> = {
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

/**
 * Whether the report meets one expectation, and with what figure.
 *
 * An infinite figure is over every limit. A figure without a sample never holds.
 *
 * @throws Error  the metric is not one of this report: validation should not have let it through
 */
export function evaluate(report: Report, { metric, op, value, text }: Expectation): ThresholdResult {
  const actual = lookUp(report, metric)
  if (actual === null) return { expression: text, actual: null, ok: false, note: 'no samples' }
  const ok = HOLDS[op](actual, value)
  return Number.isFinite(actual) ? { expression: text, actual, ok } : { expression: text, actual: null, ok, note: 'infinite' }
}

/**
 * The figure of a metric: µs, a count or a share; Infinity for what never came, null without a sample.
 *
 * @throws Error  there is no such metric in this report
 */
export function lookUp(report: Report, metric: string): number | null {
  const path = metric.split('.')
  let figures: Figures = report
  if (path.length === 4) {
    const [kind, name] = path.splice(0, 2) as [string, string]
    assert(kind === 'groups' || kind === 'nodes' || kind === 'streams' || kind === 'qos', `${metric} is a metric`)
    assert(Object.hasOwn(report[kind], name), `${metric} is a metric of this report`)
    figures = report[kind][name]!
  }
  const ratio = RATIOS[path.join('.')]?.(figures)
  if (ratio) return ratio[1] === 0 ? null : ratio[0] / ratio[1]

  const [section, field] = path as [string, string]
  if (COUNTS.has(section)) {
    const count = ownOf(ownOf(figures, section), field)
    assert(typeof count === 'number', `${metric} is a metric of this report`)
    return count
  }
  const latency = ownOf(figures, `${section}Us`) as LatencySummary | undefined
  const figure = ownOf(latency, field)
  assert(typeof figure === 'number' || (figure === null && field !== 'hdr'), `${metric} is a metric of this report`)
  if (figure !== null) return figure
  // The mean is of what arrived: when nothing did there is none.
  return latency!.count === 0 || field === 'mean' ? null : Infinity
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
