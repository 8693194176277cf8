/**
 * What a comparison takes from each run: a figure for each gate, and exact counts of what should not happen.
 */
import { UsageError } from '../errors.ts'
import { metricProblem } from '../load/threshold.ts'
import { isBlurred, lookUp } from '../report/threshold.ts'
import type { DeliveryCounts, Report } from '../report/types.ts'
import type { RunNumbers } from './decide.ts'
import type { Gate } from './gates.ts'
import type { Run } from './runs.ts'
import type { Tally } from './types.ts'

/** Deliveries of one QoS that were lost, or that came twice. */
export interface CountKind {
  readonly name: string
  readonly qos: string
  readonly isForbidden: boolean
  readonly count: (deliveries: DeliveryCounts) => number
  readonly of: (deliveries: DeliveryCounts) => number
}

/** @throws UsageError  the run has no figure for a gate, or one that has no ratio */
export function numbersOf(run: Run, gates: readonly Gate[], kinds: readonly CountKind[]): RunNumbers {
  return {
    gates: gates.map((gate) => gateFigure(run, gate)),
    counts: kinds.map((kind) => {
      const { count, of } = countsIn(kind, run)
      return count === 0 ? 0 : count / Math.max(of, count)
    }),
  }
}

/** Of each QoS that some run has. MQTT has QoS 1 and 2 arrive, and QoS 2 only once: MQTT 5.0 §4.3. */
export function countKindsOf(runs: readonly Run[]): CountKind[] {
  const levels = [...new Set(runs.flatMap(({ report }) => Object.keys(report.qos)))].sort()
  const lost = { count: (deliveries: DeliveryCounts) => deliveries.lost, of: (deliveries: DeliveryCounts) => deliveries.owed }
  const twice = { count: (deliveries: DeliveryCounts) => deliveries.duplicated, of: (deliveries: DeliveryCounts) => deliveries.received }
  return levels
    .filter((qos) => runs.some(({ report }) => (report.qos[qos]?.deliveries?.owed ?? 0) > 0))
    .flatMap((qos): CountKind[] => [
      { name: `lost, QoS ${qos}`, qos, isForbidden: qos !== '0', ...lost },
      { name: `duplicated, QoS ${qos}`, qos, isForbidden: qos === '2', ...twice },
    ])
}

export function tallyOf(kind: CountKind, runs: readonly Run[]): Tally {
  const all = runs.map((run) => countsIn(kind, run))
  const sum = (of: 'count' | 'of') => all.reduce((total, counts) => total + counts[of], 0)
  return { count: sum('count'), of: sum('of'), runs: all.filter(({ count }) => count > 0).length }
}

/**
 * A metric's figure; Infinity for what never came, null: the run has no sample of it, or its plan no such metric. Where clocks of several machines
 * could make the difference it is of deliveries with one clock, as for thresholds.
 */
export function figureOf(report: Report, metric: string): number | null {
  if (metricProblem(metric, report.plan) !== null) return null
  const value = lookUp(report, metric)
  const isOfOneClock = value !== null && isBlurred({ metric, value }, report.generator.clockBoundUs)
  return isOfOneClock ? lookUp(report, metric.replace('endToEnd.', 'sameClock.')) : value
}

function gateFigure({ path, report }: Run, { metric, kind }: Gate): number {
  const value = figureOf(report, metric)
  if (value === null) {
    const why = report.status === 'failed' && report.reasons.length > 0 ? `; it failed: ${report.reasons[0]}` : ''
    throw new UsageError(`gate ${metric}: ${path} has no samples of it${why}`, { hint: 'gate by another metric' })
  }
  // Nothing takes less than a microsecond.
  if (kind === 'duration') return Math.max(1, value)
  if (value > 0) return value
  throw new UsageError(`gate ${metric}: it is ${value} in ${path}, and what is 0 has no ratio`, {
    hint: `say what it may be at most with a threshold, such as ${metric} == 0; lost and duplicated deliveries are compared without a gate`,
  })
}

function countsIn({ qos, count, of }: CountKind, { report }: Run): { count: number; of: number } {
  const deliveries = report.qos[qos]?.deliveries
  return deliveries === undefined ? { count: 0, of: 0 } : { count: count(deliveries), of: of(deliveries) }
}
