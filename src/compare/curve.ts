/**
 * Where in the distribution two sides differ: each run's percentiles, averaged over the runs of a side, with intervals from run to run.
 *
 * G. A. Rousselet and R. R. Wilcox call it a hierarchical shift function (rogme). Runs are averaged and not pooled, so that a run with more
 * messages has no more say.
 */
import { PERCENTS, type PercentileCurve, percentileCurve } from '../report/curve.ts'
import type { LatencySummary, Report } from '../report/types.ts'
import { mean } from '../stats/sample.ts'
import { ratioInterval } from './evidence.ts'
import type { Run } from './runs.ts'
import type { Curve, CurvePoint } from './types.ts'

/** Samples beyond a percentile below which it says nothing: its value is that of single messages. */
const LEAST_BEYOND = 5

/** Of the end-to-end latency, or what comes nearest to it; null: there is nothing that all runs have. */
export function curveOf(base: readonly Run[], candidate: readonly Run[]): Curve | null {
  const runs = [...base, ...candidate]
  const metric = (['endToEnd', 'ack', 'connect'] as const).find((name) => runs.every(({ report }) => latencyOf(report, name).hdr !== null))
  if (metric === undefined) return null
  const curves = (side: readonly Run[]) => side.map(({ report }) => percentileCurve(latencyOf(report, metric))!)
  const [a, b] = [curves(base), curves(candidate)]
  const fewest = Math.min(...runs.map(({ report }) => latencyOf(report, metric).count))
  // Of so few there is no median.
  if (fewest < 2 * LEAST_BEYOND) return null
  const points = PERCENTS.flatMap((percent, i) => ((1 - percent / 100) * fewest < LEAST_BEYOND ? [] : [pointOf(percent, i, a, b)]))
  return { metric, points }
}

function latencyOf(report: Report, metric: Curve['metric']): LatencySummary {
  return report[`${metric}Us`]
}

function pointOf(percent: number, i: number, base: readonly PercentileCurve[], candidate: readonly PercentileCurve[]): CurvePoint {
  // Nothing takes less than a microsecond.
  const [a, b] = [base, candidate].map((curves) => curves.map(({ valuesUs }) => Math.log(Math.max(1, valuesUs[i] ?? Infinity))))
  const [from, to] = [mean(a!), mean(b!)]
  const finite = (x: number) => (Number.isFinite(x) ? Math.exp(x) : null)
  return { percent, base: finite(from), candidate: finite(to), ratio: finite(to - from), interval: ratioInterval(a!, b!) }
}
