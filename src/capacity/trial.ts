/**
 * Whether a run of a search met the SLO. Good is what surely did: what a longer run might still show to be bad is undecided.
 *
 * Beside the SLO a load has to be carried: nothing may be lost, what was planned has to be sent, nobody may fail to connect, what is under way may
 * not pile up, and the nodes may not drop. A load that meets its SLO for ten seconds while queues grow meets none for an hour.
 */

import { isTrusted } from '../compare/likeness.ts'
import { leastCount, quantileInterval } from '../compare/quantile-interval.ts'
import { formatMetric, type Threshold } from '../load/threshold.ts'
import { evaluate, lookUp } from '../report/threshold.ts'
import type { Report } from '../report/types.ts'
import { pRising, slopeOf } from '../stats/trend.ts'
import { formatCount, formatRate, formatShare } from '../units.ts'
import type { TrialVerdict } from './types.ts'

export interface Judged {
  readonly verdict: TrialVerdict
  /** Why it is not good; the first is the limit. */
  readonly criteria: readonly string[]
  /** Of the SLO's metrics; null: ∞ or no sample. */
  readonly figures: Readonly<Record<string, number | null>>
}

/** Less of what was planned was sent: the broker pushes back. */
const LEAST_SENT = 0.99
/** Of how surely deliveries pile up, and of by how much of what is received. */
const PILE_ALPHA = 0.05
const PILE_SHARE = 0.005

export function judgeTrial(report: Report, slo: readonly Threshold[]): Judged {
  const figures = Object.fromEntries(slo.map(({ metric }) => [metric, finite(lookUp(report, metric))]))
  if (!isTrusted(report)) return { verdict: 'invalid', criteria: report.reasons.slice(0, 1), figures }
  const broken = slo.flatMap((threshold) => {
    const { ok, actual } = evaluate(report, threshold)
    return ok ? [] : [`${threshold.text} does not hold: ${actual === null ? '∞ or no sample' : formatMetric(threshold.kind, actual)}`]
  })
  const bad = [...broken, ...burdens(report, slo)]
  if (bad.length > 0) return { verdict: 'bad', criteria: bad, figures }
  const doubts = slo.flatMap((threshold) => doubtOf(report, threshold))
  return { verdict: doubts.length > 0 ? 'undecided' : 'good', criteria: doubts, figures }
}

/** What shows that a load is not carried, whatever the SLO says. */
function burdens(report: Report, slo: readonly Threshold[]): string[] {
  const { publishes, deliveries, clients } = report
  const speaksOf = (section: string) => slo.some(({ metric }) => metric.includes(section))
  const words: string[] = []
  const maySomeBeLost = speaksOf('deliveries.lo')
  if (deliveries.lost > 0 && !maySomeBeLost)
    words.push(`${formatCount(deliveries.lost)} of ${formatCount(deliveries.owed)} deliveries were lost`)
  const sent = publishes.planned === 0 ? 1 : publishes.sent / publishes.planned
  if (sent < LEAST_SENT) words.push(`only ${formatShare(sent)} of what was planned was sent: the broker pushed back`)
  if (clients.failed > 0 && !speaksOf('clients.failed')) words.push(`${formatCount(clients.failed)} clients could not connect`)
  const pile = pilingUp(report)
  if (pile !== null) words.push(`deliveries pile up by ${formatRate(pile)}`)
  const dropped = droppedBy(report)
  if (dropped > 0 && !maySomeBeLost) words.push(`the nodes count ${formatCount(dropped)} as dropped`)
  return words
}

/** By the nodes' own count: of the whole run, which is looked up where something was lost, or of measure, by their metrics. */
function droppedBy({ drops, nodes }: Report): number {
  const measured = Object.values(nodes).reduce((sum, { metrics }) => sum + (metrics?.dropped?.count ?? 0), 0)
  return Math.max(drops?.counted ?? 0, measured)
}

/** By how many a second what is under way grows, where it surely does. */
function pilingUp({ timeline, publishes, deliveries }: Report): number | null {
  const rows = timeline.filter(({ phase }) => phase === 'measure')
  const fanOut = publishes.sent === 0 ? 0 : deliveries.owed / publishes.sent
  let underWay = 0
  const series = rows.map(({ sentPerSec, receivedPerSec }) => (underWay += sentPerSec * fanOut - receivedPerSec))
  const slope = slopeOf(series)
  const received = rows.reduce((sum, row) => sum + row.receivedPerSec, 0) / Math.max(1, rows.length)
  return slope > PILE_SHARE * received && pRising(series) < PILE_ALPHA ? slope : null
}

/** The limit lies within what the run knows of its own quantile. */
function doubtOf(report: Report, { metric, op, value, kind, text }: Threshold): string[] {
  const quantile = /^endToEnd\.p(\d+)$/.exec(metric)?.[1]
  if (quantile === undefined || (op !== '<' && op !== '<=')) return []
  const p = Number(`0.${quantile}`)
  const interval = quantileInterval(report, p)
  // Where seconds scatter too much for a bound the value stands: that is what several trials confirm.
  if (interval === null)
    return report.endToEndUs.count >= leastCount(p) ? [] : [`${text} is not sure: so few messages have no such quantile`]
  if (interval.high < value) return []
  return [`${text} is not sure: ${metric} lies between ${formatMetric(kind, interval.low)} and ${formatMetric(kind, interval.high)}`]
}

function finite(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : value
}
