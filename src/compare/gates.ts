/**
 * Gates: the few metrics that a comparison decides by, each with the margin that a change may have.
 *
 * At most four, since each more makes a false alarm likelier. Where a scenario names none, the end-to-end latency is the gate, or what comes
 * nearest to it.
 */
import { UsageError } from '../errors.ts'
import type { Plan } from '../load/plan.ts'
import { MAX_GATES } from '../load/schema.ts'
import { formatMetric, type MetricKind, metricKind, metricProblem } from '../load/threshold.ts'
import { formatShare, parseShare } from '../units.ts'

export interface Gate {
  readonly metric: string
  readonly kind: MetricKind
  /** How much worse it may be: 0.1 is 10 %. */
  readonly margin: number
  readonly isHigherBetter: boolean
}

/** Of a median, and of what lies further out and scatters more. */
const MEDIAN_MARGIN = '5%'
const TAIL_MARGIN = '10%'

const BETTER_HIGHER = [
  'clients.connected',
  'subscriptions.granted',
  'publishes.sent',
  'publishes.acked',
  'publishes.sentRatio',
  'deliveries.received',
  'sessions.resumed',
  'wills.fired',
  'retained.current',
  'offline.perSec',
  'peakAcceptedPerSec',
  'sessionsResumed',
]
/** They say how much was asked for or what happened, and not how well. */
const NEITHER = [
  'clients.planned',
  'subscriptions.planned',
  'publishes.planned',
  'deliveries.owed',
  'deliveries.excused',
  'bytes.sent',
  'bytes.received',
  'retained.checked',
  'sessions.takenOver',
  'offline.queued',
  'count',
  'struck',
  'owed',
]

/** `METRIC=MARGIN`, as --gate has it. */
export function parseGate(text: string): readonly [metric: string, margin: string] {
  const [, metric = '', margin = ''] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (metric !== '' && typeof parseShare(margin) === 'number') return [metric, margin]
  throw new UsageError(`--gate ${text}: expected METRIC=MARGIN`, { hint: 'such as endToEnd.p99=10%' })
}

/**
 * The gates of a comparison.
 *
 * @param named  of the command line; empty: those of the plan, and where it has none either, two that suit it
 * @throws UsageError  there is no such metric, it can't be better or worse, or there are too many
 */
export function gatesOf(named: readonly (readonly [metric: string, margin: string])[], plan: Plan): Gate[] {
  const own = Object.entries(plan.gates)
  const wanted = named.length > 0 ? named : own.length > 0 ? own : suitable(plan)
  if (new Set(wanted.map(([metric]) => metric)).size < wanted.length) throw new UsageError('a gate is given twice')
  if (wanted.length > MAX_GATES)
    throw new UsageError(`there are at most ${MAX_GATES} gates: each more makes a false alarm likelier`, {
      hint: 'leave those out that others imply',
    })
  return wanted.map(([metric, margin]) => gateOf(metric, parseShare(margin) as number, plan))
}

function gateOf(metric: string, margin: number, plan: Plan): Gate {
  const wrong = metricProblem(metric, plan)
  if (wrong !== null) throw new UsageError(`gate ${metric}: ${wrong.problem}`, { hint: wrong.hint })
  const isOneOf = (names: readonly string[]) => names.some((name) => metric === name || metric.endsWith(`.${name}`))
  if (isOneOf(NEITHER)) throw new UsageError(`gate ${metric}: more of it is neither better nor worse`, { hint: 'such as endToEnd.p99=10%' })
  if (margin <= 0)
    throw new UsageError(`gate ${metric}: the margin must be above 0`, { hint: `a change of nothing can’t be shown: ${metric}=5%` })
  return { metric, kind: metricKind(metric) as MetricKind, margin, isHigherBetter: isOneOf(BETTER_HIGHER) }
}

/** What most people would look at first. */
function suitable(plan: Plan): [metric: string, margin: string][] {
  const latency = ['endToEnd', 'ack', 'connect'].find((name) => metricProblem(`${name}.p99`, plan) === null)!
  return [
    [`${latency}.p50`, MEDIAN_MARGIN],
    [`${latency}.p99`, TAIL_MARGIN],
  ]
}

/** A gate's figure for people. */
export function formatFigure({ kind }: Pick<Gate, 'kind'>, value: number): string {
  return Number.isFinite(value) ? formatMetric(kind, value) : '∞'
}

/** Less is no change to read. */
const LEAST_CHANGE = 5e-5

/** A ratio as the change it is: `+12.3 %`. */
export function formatChange(ratio: number): string {
  const change = ratio - 1
  if (!Number.isFinite(change)) return '∞'
  if (Math.abs(change) < LEAST_CHANGE) return '±0 %'
  return `${change < 0 ? '−' : '+'}${formatShare(Math.abs(change))}`
}
