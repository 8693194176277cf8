/**
 * A threshold held against what has been measured so far, while the run goes on: load/abort.ts says which can be.
 *
 * A latency is of what has arrived, and of what is known to be late: a publish, a request
 * or a lost connection that is older than the limit allows and has found no answer is infinitely late, so a broker that stops answering is
 * found out. What only may be late is not counted. What was owed to subscribers is not known yet: `endToEnd` is of what arrived.
 */
import { assert } from '../errors.ts'
import type { Plan } from '../load/plan.ts'
import { partsOf, type Threshold } from '../load/threshold.ts'
import type { Histogram } from '../stats/histogram.ts'
import { Cell, type CellKind, type Latency, type MetricsDelta } from '../stats/metrics.ts'
import { US_PER_S } from '../units.ts'
import { byteCounts, clientCounts, offlineCounts, sessionCounts } from './figures.ts'
import { type Part, partOf, type Scope, type Selection } from './part.ts'
import { holds, isBlurred } from './threshold.ts'

/** Up to when members have told what they measured, µs since the epoch: the slowest of them, and the fastest. */
export interface Told {
  readonly earliestUs: number
  readonly latestUs: number
}

export interface Look {
  /** null: no sample yet, and that holds; Infinity: so late that it never came. */
  readonly actual: number | null
  readonly ok: boolean
}

/** A member that is a crowd tells a second of which each of the crowd has a moment of its own. */
const SLACK_US = US_PER_S
/** In ten-thousandths, as in `summarize`. */
const QUANTILES: Readonly<Record<string, number>> = { p50: 5000, p90: 9000, p95: 9500, p99: 9900, p999: 9990 }

/** What a figure is made of, and how. */
interface Source {
  take(gained: MetricsDelta): void
  figure(told: Told, clockBoundUs: number | null): number | null
}

export class LiveThreshold {
  readonly threshold: Threshold
  private readonly source: Source

  constructor(plan: Plan, threshold: Threshold) {
    this.threshold = threshold
    const { scope, name } = partsOf(threshold.metric)
    this.source = sourceOf(threshold, partOf(plan, scope as Scope | null, name))
  }

  /** What a member has measured since it last said so. */
  take(gained: MetricsDelta): void {
    this.source.take(gained)
  }

  /** Called once a second, whether it is to end the run yet or not. */
  look(told: Told, clockBoundUs: number | null): Look {
    const actual = this.source.figure(told, clockBoundUs)
    return { actual, ok: actual === null || holds(this.threshold, actual) }
  }
}

function sourceOf(threshold: Threshold, { clients, publishes, deliveries }: Part): Source {
  const [section, field] = partsOf(threshold.metric).figure.split('.') as [string, string]
  const late = new Late(threshold)
  const count = <K extends CellKind>(selection: Selection<K>, of: (cell: Cell<K>) => object) =>
    sumUp(selection, (cell) => (of(cell) as Readonly<Record<string, number | null>>)[field]!)
  const latency = <K extends CellKind>(
    selection: Selection<K>,
    name: Latency<K>,
    missing: (cell: Cell<K>, told: Told) => number = () => 0,
  ) => sumUp(selection, (cell, told) => quantileOf(cell.latencies[name] ?? null, missing(cell, told), field))
  switch (section) {
    case 'clients':
      return count(clients, clientCounts)
    case 'subscriptions':
      return count(clients, ({ counts }) => counts)
    case 'sessions':
      return count(clients, sessionCounts)
    case 'offline':
      return count(clients, offlineCounts)
    case 'bytes':
      return count(clients, byteCounts)
    case 'publishes':
      return count(publishes, ({ counts }) => ({ ...counts, sentRatio: ratio(counts.sent, counts.sent + counts.dropped) }))
    case 'deliveries':
      return count(deliveries, ({ counts }) => counts)
    case 'connect':
      return latency(clients, 'connect', ({ counts }) => counts.failed)
    case 'reconnect':
      return latency(clients, 'reconnect', ({ counts }, told) => late.of(counts.disconnected, counts.reconnected, told))
    case 'subscribe':
    case 'connectLag':
    case 'unqueue':
      return latency(clients, section)
    case 'ack':
      return latency(publishes, 'ack', ({ counts }, told) => late.of(counts.ackWanted, counts.acked, told))
    case 'roundTrip': {
      const replies = ({ latencies }: Cell<'publishes'>) => latencies.roundTrip?.count ?? 0
      return latency(publishes, 'roundTrip', (cell, told) => late.of(cell.counts.replyWanted, replies(cell), told))
    }
    case 'blocked':
      return latency(publishes, 'blocked', ({ counts }) => counts.dropped)
    case 'sendLag':
      return latency(publishes, 'sendLag')
    default:
      assert(section === 'endToEnd', 'a metric that is not known before the end was refused')
      return sumUp(deliveries, ({ latencies }, _, clockBoundUs) =>
        quantileOf((isBlurred(threshold, clockBoundUs) ? latencies.sameClock : latencies.endToEnd) ?? null, 0, field),
      )
  }
}

/** Gains are added as they come: a second costs as much as it has brought, however long the run is. */
function sumUp<K extends CellKind>(
  { kind, table, passes }: Selection<K>,
  figure: (cell: Cell<K>, told: Told, clockBoundUs: number | null) => number | null,
): Source {
  const cell = new Cell(kind)
  return {
    take(gained) {
      for (const [key, gain] of gained[table]) if (passes(key)) cell.add(gain)
    },
    figure: (told, clockBoundUs) => figure(cell, told, clockBoundUs),
  }
}

/** How many are late for certain: begun longer ago than an upper limit allows, and not ended by now. */
class Late {
  private readonly limitUs: number
  /** As they were told, a second each, up to the limit's length. */
  private readonly begun: { readonly toUs: number; readonly count: number }[] = []
  private old = 0

  constructor({ op, value }: Threshold) {
    this.limitUs = op === '<' || op === '<=' ? value : Number.POSITIVE_INFINITY
  }

  /** Called once a second. Of those that have ended some may be younger: then fewer are late for certain than are late. */
  of(begun: number, ended: number, { earliestUs, latestUs }: Told): number {
    if (this.limitUs === Number.POSITIVE_INFINITY) return 0
    this.begun.push({ toUs: latestUs, count: begun })
    while (this.begun.length > 0 && this.begun[0]!.toUs <= earliestUs - this.limitUs - SLACK_US) this.old = this.begun.shift()!.count
    return Math.max(0, this.old - ended)
  }
}

/** @param missing  how many will never come, or too late */
function quantileOf(histogram: Histogram | null, missing: number, field: string): number | null {
  const arrived = histogram?.count ?? 0
  const wanted = arrived + missing
  if (wanted === 0) return null
  if (field === 'mean') return arrived === 0 ? null : histogram!.sum / arrived
  if (field === 'max') return missing > 0 ? Number.POSITIVE_INFINITY : histogram!.max
  const rank = field === 'min' ? 1 : Math.ceil((QUANTILES[field]! * wanted) / 10_000)
  if (rank > arrived) return Number.POSITIVE_INFINITY
  return field === 'min' ? histogram!.min : histogram!.valueAtRank(rank)
}

function ratio(part: number, of: number): number | null {
  return of === 0 ? null : part / of
}
