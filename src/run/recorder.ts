/**
 * What comes in from the workers while a run goes on: the totals, and one row a second of the timeline and the histogram log.
 *
 * A second is written when every living worker has told it, or when a later one is complete.
 */
import type { PlannedMessages } from '../load/rates.ts'
import type { ReportFolder } from '../report/folder.ts'
import type { TimelineRow } from '../report/types.ts'
import type { Histogram } from '../stats/histogram.ts'
import { Metrics } from '../stats/metrics.ts'
import { Seconds } from '../stats/seconds.ts'
import { thousandths } from '../units.ts'
import type { Gain } from './messages.ts'
import type { Second } from './pace.ts'
import type { Strain } from './strain.ts'

/** What a progress display shows. */
export interface Progress {
  readonly tS: number
  readonly phase: string
  readonly clients: number
  readonly connected: number
  readonly arrived: number
  readonly sentPerSec: number
  readonly receivedPerSec: number
  readonly endToEndP99Us: number | null
}

/** Seconds that are kept open for workers that are late. */
const OPEN_SECONDS = 3

export class Recorder {
  readonly totals = new Metrics()
  readonly seconds = new Seconds()
  readonly timeline: TimelineRow[] = []
  unverified = 0
  /** Largest share of a worker's time in measure that it did not wait. */
  private readonly busy = new Map<number, { spentUs: number; allUs: number }>()
  private readonly open = new Map<number, Map<number, Gain>>()
  private readonly unverifiedOf = new Map<number, number>()
  private readonly folder: ReportFolder | null
  private readonly phaseAt: (timeUs: number) => string
  private readonly planned: PlannedMessages
  private readonly strain: Strain
  private readonly originUs: () => number
  private readonly workers: () => number
  private readonly onRow: (row: TimelineRow, arrived: number) => void
  private readonly onSecond: (second: Second) => void

  constructor(options: {
    readonly folder: ReportFolder | null
    readonly planned: PlannedMessages
    readonly strain: Strain
    readonly phaseAt: (timeUs: number) => string
    readonly originUs: () => number
    readonly workers: () => number
    readonly onRow: (row: TimelineRow, arrived: number) => void
    /** After `onRow`, in order. */
    readonly onSecond: (second: Second) => void
  }) {
    this.folder = options.folder
    this.planned = options.planned
    this.strain = options.strain
    this.phaseAt = options.phaseAt
    this.originUs = options.originUs
    this.workers = options.workers
    this.onRow = options.onRow
    this.onSecond = options.onSecond
  }

  take(worker: number, gain: Gain): void {
    this.totals.add(gain.metrics)
    this.seconds.add(gain.metrics)
    this.unverifiedOf.set(worker, gain.unverified)
    this.unverified = [...this.unverifiedOf.values()].reduce((sum, count) => sum + count, 0)
    if (this.phaseAt((gain.fromUs + gain.toUs) / 2) === 'measure') {
      const busy = this.busy.get(worker) ?? { spentUs: 0, allUs: 0 }
      busy.spentUs += gain.busy * (gain.toUs - gain.fromUs)
      busy.allUs += gain.toUs - gain.fromUs
      this.busy.set(worker, busy)
      this.strain.take(worker, gain)
    }
    const second = Math.max(1, Math.round(gain.toUs / 1e6))
    let gains = this.open.get(second)
    if (gains === undefined) this.open.set(second, (gains = new Map()))
    const before = gains.get(worker)
    gains.set(worker, before === undefined ? gain : join(before, gain))
    // Who has told a second has told those before it.
    const complete = [...this.open].filter(([s, told]) => s < second && told.size >= this.workers()).map(([s]) => s)
    this.closeUpTo(Math.max(second - OPEN_SECONDS, ...complete))
  }

  /** Every worker has told what was until then. */
  settle(timeUs: number): void {
    this.closeUpTo(Math.floor(timeUs / 1e6))
  }

  /** Writes what is still open. */
  finish(): void {
    this.closeUpTo(Number.POSITIVE_INFINITY)
  }

  private closeUpTo(last: number): void {
    for (const second of [...this.open.keys()].filter((s) => s <= last).sort((a, b) => a - b)) this.close(second)
  }

  get busiest(): number {
    return Math.max(0, ...[...this.busy.values()].map(({ spentUs, allUs }) => spentUs / allUs))
  }

  private close(second: number): void {
    const gains = [...this.open.get(second)!.values()]
    this.open.delete(second)
    const metrics = new Metrics()
    for (const gain of gains) metrics.add(gain.metrics)
    const fromUs = Math.min(...gains.map((gain) => gain.fromUs))
    const toUs = Math.max(...gains.map((gain) => gain.toUs))
    const lengthS = Math.max(0.001, (toUs - fromUs) / 1e6)
    const clients = metrics.clients.sum()
    const { counts: published, latencies: publishes } = metrics.publishes.sum()
    const { endToEnd } = metrics.deliveries.sum().latencies
    const rows = { endToEnd, ...publishes, ...clients.latencies }
    for (const [name, histogram] of Object.entries(rows)) if (histogram) this.folder?.hlog.row(name, fromUs / 1e6, lengthS, histogram)
    const sum = (of: (gain: Gain) => number) => gains.reduce((total, gain) => total + of(gain), 0)
    const relativeS = (timeUs: number) => (timeUs - this.originUs()) / 1e6
    const row: TimelineRow = {
      tS: Math.round(toUs / 1e3) / 1e3,
      phase: this.phaseAt((fromUs + toUs) / 2),
      connected: sum((gain) => gain.connected),
      plannedPerSec:
        this.originUs() === Number.POSITIVE_INFINITY ? 0 : round(this.planned.between(relativeS(fromUs), relativeS(toUs)) / lengthS),
      sentPerSec: round(sum((gain) => gain.sent) / lengthS),
      receivedPerSec: round(sum((gain) => gain.arrived) / lengthS),
      endToEndP50Us: quantile(endToEnd, 0.5),
      endToEndP99Us: quantile(endToEnd, 0.99),
      sendLagP99Us: quantile(publishes.sendLag, 0.99),
      connectsPerSec: round((clients.counts.connected + clients.counts.reconnected) / lengthS),
      attemptsPerSec: round(clients.counts.attempts / lengthS),
      backlog: sum((gain) => gain.backlog),
      busy: thousandths(Math.max(...gains.map((gain) => gain.busy))),
    }
    this.strain.second(gains, row.phase === 'measure')
    this.timeline.push(row)
    this.folder?.timeline(row)
    this.onRow(
      row,
      sum((gain) => gain.arrivedClients),
    )
    this.onSecond({
      fromUs,
      toUs,
      sent: sum((gain) => gain.sent),
      dropped: published.dropped,
      received: sum((gain) => gain.fresh),
      backlog: row.backlog,
      connected: row.connected,
      connectedByNode: gains[0]!.connectedByNode.map((_, node) => sum((gain) => gain.connectedByNode[node]!)),
      missing: sum((gain) => gain.missing),
    })
  }
}

function join(a: Gain, b: Gain): Gain {
  const metrics = new Metrics()
  metrics.add(a.metrics)
  metrics.add(b.metrics)
  // Who has left since then has still been there.
  const unwritable = Math.max(a.unwritable, b.unwritable)
  const sockets = a.sockets.map((count, i) => Math.max(count, b.sockets[i]!))
  return {
    ...b,
    fromUs: a.fromUs,
    metrics: metrics.take(),
    sent: a.sent + b.sent,
    arrived: a.arrived + b.arrived,
    fresh: a.fresh + b.fresh,
    unwritable,
    sockets,
  }
}

function quantile(histogram: Histogram | undefined, p: number): number | null {
  return histogram && histogram.count > 0 ? histogram.valueAtRank(Math.ceil(p * histogram.count)) : null
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
