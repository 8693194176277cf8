/**
 * What comes in from the members while a run goes on: the totals, and one row a second of the timeline and the histogram log.
 */
import type { PlannedMessages } from '../load/rates.ts'
import type { ReportFolder } from '../report/folder.ts'
import type { Told } from '../report/live.ts'
import type { TimelineRow } from '../report/types.ts'
import type { Histogram } from '../stats/histogram.ts'
import { Metrics } from '../stats/metrics.ts'
import { Seconds } from '../stats/seconds.ts'
import { thousandths, US_PER_S } from '../units.ts'
import { Gains, stretchOf } from './gains.ts'
import { Machines } from './machines.ts'
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

/** Longer than a second can be. */
const LONG_US = 1.5e6

export class Recorder {
  readonly totals = new Metrics()
  readonly seconds = new Seconds()
  readonly timeline: TimelineRow[] = []
  readonly machines = new Machines()
  unverified = 0
  /** Largest share of a worker's time in measure that it did not wait. */
  private readonly busy = new Map<string, { busyUs: number; allUs: number }>()
  /** CPU time in measure, and the most memory, of processes beside this one. */
  othersCpuUs = 0
  othersBytes = 0
  private readonly gains: Gains
  private shownSecond = Number.NEGATIVE_INFINITY
  private readonly toldUs = new Map<number, number>()
  private readonly unverifiedOf = new Map<number, number>()
  private readonly folder: ReportFolder | null
  private readonly phaseAt: (timeUs: number) => string
  private readonly planned: PlannedMessages
  private readonly strain: Strain
  private readonly originUs: () => number
  private readonly onRow: (row: TimelineRow, arrived: number) => void
  private readonly onSecond: (second: Second) => void

  constructor(options: {
    readonly folder: ReportFolder | null
    readonly planned: PlannedMessages
    readonly strain: Strain
    readonly phaseAt: (timeUs: number) => string
    readonly originUs: () => number
    readonly members: () => number
    /** See Gains. */
    readonly openSeconds: number
    readonly onRow: (row: TimelineRow, arrived: number) => void
    /** After `onRow`, in order. */
    readonly onSecond: (second: Second) => void
  }) {
    this.folder = options.folder
    this.planned = options.planned
    this.strain = options.strain
    this.phaseAt = options.phaseAt
    this.originUs = options.originUs
    this.gains = new Gains(options.members, options.openSeconds, (gains) => this.close(gains))
    this.onRow = options.onRow
    this.onSecond = options.onSecond
  }

  take(member: number, gain: Gain): void {
    this.totals.add(gain.metrics)
    this.seconds.add(gain.metrics)
    this.toldUs.set(member, gain.toUs)
    this.unverifiedOf.set(member, gain.unverified)
    this.unverified = [...this.unverifiedOf.values()].reduce((sum, count) => sum + count, 0)
    const isMeasured = this.phaseAt((gain.fromUs + gain.toUs) / 2) === 'measure'
    this.machines.take(member, gain, isMeasured)
    if (isMeasured) {
      for (const use of gain.loops) {
        const name = `${member}/${use.worker}`
        const before = this.busy.get(name) ?? { busyUs: 0, allUs: 0 }
        this.busy.set(name, { busyUs: before.busyUs + use.busyUs, allUs: before.allUs + use.allUs })
        this.strain.take(name, use)
      }
      this.othersCpuUs += gain.processes.reduce((sum, { cpuUs }) => sum + cpuUs, 0)
    }
    this.gains.take(member, gain)
  }

  /** Every member has told what was until then. */
  settle(timeUs: number): void {
    this.gains.closeUpTo(Math.floor(timeUs / US_PER_S))
  }

  /** Writes what is still open. */
  finish(): void {
    this.gains.closeUpTo(Number.POSITIVE_INFINITY)
  }

  /** Up to when a member has told what it gained, µs since the epoch. */
  toldUpTo(member: number): number {
    return this.toldUs.get(member) ?? 0
  }

  /** Up to when the slowest and the fastest of those that have told something have told it. */
  get told(): Told {
    const all = [...this.toldUs.values()]
    return { earliestUs: Math.min(...all), latestUs: Math.max(...all) }
  }

  get busiest(): number {
    return Math.max(0, ...[...this.busy.values()].map(({ busyUs, allUs }) => (allUs > 0 ? busyUs / allUs : 0)))
  }

  private close(gains: readonly Gain[]): void {
    const metrics = new Metrics()
    for (const gain of gains) metrics.add(gain.metrics)
    const { fromUs, toUs } = stretchOf(usualOf(gains))
    const lengthS = Math.max(0.001, (toUs - fromUs) / 1e6)
    const clients = metrics.clients.sum()
    const { counts: published, latencies: publishes } = metrics.publishes.sum()
    const { endToEnd } = metrics.deliveries.sum().latencies
    const rows = { endToEnd, ...publishes, ...clients.latencies }
    for (const [name, histogram] of Object.entries(rows)) if (histogram) this.folder?.hlog.row(name, fromUs / 1e6, lengthS, histogram)
    // What was told too late for its second is in the totals and in the log.
    const second = Math.round(toUs / US_PER_S)
    if (second <= this.shownSecond) return
    this.shownSecond = second
    const sum = (of: (gain: Gain) => number) => gains.reduce((total, gain) => total + of(gain), 0)
    const perSec = (of: (gain: Gain) => number) => round(sum((gain) => of(gain) / Math.max(lengthS, (gain.toUs - gain.fromUs) / 1e6)))
    const relativeS = (timeUs: number) => (timeUs - this.originUs()) / 1e6
    const row: TimelineRow = {
      tS: Math.round(toUs / 1e3) / 1e3,
      phase: this.phaseAt((fromUs + toUs) / 2),
      connected: sum((gain) => gain.connected),
      plannedPerSec:
        this.originUs() === Number.POSITIVE_INFINITY ? 0 : round(this.planned.between(relativeS(fromUs), relativeS(toUs)) / lengthS),
      sentPerSec: perSec((gain) => gain.sent),
      receivedPerSec: perSec((gain) => gain.arrived),
      endToEndP50Us: quantile(endToEnd, 0.5),
      endToEndP99Us: quantile(endToEnd, 0.99),
      sendLagP99Us: quantile(publishes.sendLag, 0.99),
      connectsPerSec: round((clients.counts.connected + clients.counts.reconnected) / lengthS),
      attemptsPerSec: round(clients.counts.attempts / lengthS),
      backlog: sum((gain) => gain.backlog),
      busy: thousandths(Math.max(...gains.flatMap(({ loops }) => loops.map(({ busyUs, allUs }) => (allUs > 0 ? busyUs / allUs : 0))))),
    }
    this.othersBytes = Math.max(
      this.othersBytes,
      sum(({ processes }) => processes.reduce((total, { bytes }) => total + bytes, 0)),
    )
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

/** Those whose time a row stands for. A member that could not tell for a while tells several seconds in one: the others' second it is. */
function usualOf(gains: readonly Gain[]): readonly Gain[] {
  const usual = gains.filter(({ fromUs, toUs }) => toUs - fromUs < LONG_US)
  return usual.length > 0 ? usual : gains
}

function quantile(histogram: Histogram | undefined, p: number): number | null {
  return histogram && histogram.count > 0 ? histogram.valueAtRank(Math.ceil(p * histogram.count)) : null
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
