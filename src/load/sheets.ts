/**
 * What an account is written on: cells for each piece of measure, since windows of the report are sums of pieces, and what both accounts (of
 * plain subscriptions and of shared ones) ask of the facts.
 */
import { type CellDelta, Cells } from '../stats/metrics.ts'
import type { FactBook } from './factbook.ts'
import type { Group } from './group.ts'
import type { PublishPlan } from './plan.ts'
import type { Schedule } from './schedule.ts'
import { streamOf } from './slice.ts'

/** What a worker, or the sum of them, finds: cells that hold what the ledger says, and no latencies. */
export interface Account {
  readonly deliveries: [key: number, gained: CellDelta][]
  readonly deliveriesByPair: [key: number, gained: CellDelta][]
  /** The same as `deliveries` for each piece of measure, without streams that are only counted. */
  readonly pieces: readonly [key: number, gained: CellDelta][][]
  /** Owed and not arrived. */
  readonly missing: number
}

/** A piece of measure that is accounted for, all in µs since the epoch. */
export interface Window {
  readonly originUs: number
  readonly startUs: number
  readonly endUs: number
}

export class Sheets {
  /** Of the piece that is being accounted for. */
  protected deliveries: Cells<'deliveries'>
  protected window: Window
  protected readonly byPiece: readonly Cells<'deliveries'>[]
  /** Of streams that are only counted, over all of measure. */
  protected readonly counted = new Cells('deliveries')
  protected readonly byPair = new Cells('deliveries')
  protected missing = 0
  protected readonly settleUs: number
  protected readonly facts: FactBook
  protected readonly pieces: readonly Window[]
  protected readonly hasNodes: boolean

  constructor(settleUs: number, facts: FactBook, pieces: readonly Window[], hasNodes: boolean) {
    this.settleUs = settleUs
    this.facts = facts
    this.pieces = pieces
    this.byPiece = pieces.map(() => new Cells('deliveries'))
    this.window = pieces[0]!
    this.deliveries = this.byPiece[0]!
    this.hasNodes = hasNodes
  }

  result(): Account {
    const pieces = this.byPiece.map((cells) => cells.take())
    const whole = new Cells('deliveries')
    for (const piece of pieces) whole.add(piece)
    whole.add(this.counted.take())
    return { deliveries: whole.take(), deliveriesByPair: this.byPair.take(), pieces, missing: this.missing }
  }

  /** Calls back for each piece, with its window and cells in place. */
  protected eachPiece(visit: () => void): void {
    for (let p = 0; p < this.pieces.length; p++) {
      this.window = this.pieces[p]!
      this.deliveries = this.byPiece[p]!
      visit()
    }
  }

  /** Calls back for each message of a lane with its number from `first` up to `end`: its rank in the lane, and that number. */
  protected eachMessage(
    from: Group,
    e: number,
    publisher: number,
    lane: number,
    first: number,
    end: number,
    visit: (rank: number, seq: number) => void,
  ): void {
    const route = from.routes[e]!
    if (route === null) for (let seq = first; seq < end; seq++) visit(seq, seq)
    else {
      const lastRank = route.rankFrom(publisher, lane, end)
      for (let rank = route.rankFrom(publisher, lane, first); rank < lastRank; rank++) visit(rank, route.numberOf(publisher, lane, rank))
    }
  }

  /** The stream's numbers of the window that have been dealt with; where nobody knows, those that came due. */
  protected rangeOf(
    from: Group,
    e: number,
    entry: PublishPlan,
    publisher: number,
    stream: number,
    window = this.window,
  ): [first: number, end: number] {
    const dealt = this.facts.dealtWith(entry.index, publisher) ?? Number.POSITIVE_INFINITY
    const { startUs, endUs, originUs } = window
    if (entry.trigger.kind === 'connect') {
      const times = this.facts.timesOf(stream)
      return [countBefore(times, startUs), Math.min(dealt, countBefore(times, endUs))]
    }
    const schedule = from.schedules[e]!
    return [schedule.countBefore(publisher, startUs - originUs), Math.min(dealt, schedule.countBefore(publisher, endUs - originUs))]
  }
}

/** Intended times of a stream's messages, asked for in rising order: those of Poisson streams have to be counted up. */
export class Times {
  private readonly schedule: Schedule
  private readonly publisher: number
  private readonly originUs: number
  private readonly onConnect: ArrayLike<number> | null
  private readonly isCounted: boolean
  private seq = -1
  private area = 0

  constructor(facts: FactBook, originUs: number, from: Group, e: number, publisher: number) {
    const { index, trigger } = from.plan.publish[e]!
    this.schedule = from.schedules[e]!
    this.publisher = publisher
    this.originUs = originUs
    this.onConnect = trigger.kind === 'connect' ? facts.timesOf(streamOf(index, from.plan.firstClient + publisher)) : null
    this.isCounted = trigger.kind === 'poisson'
  }

  of(seq: number): number {
    if (this.onConnect !== null) return this.onConnect[seq]!
    if (!this.isCounted) return this.originUs + this.schedule.timeOf(this.publisher, seq)
    while (this.seq < seq) this.area = this.schedule.areaAfter(this.publisher, ++this.seq, this.area)
    return this.originUs + this.schedule.timeOfArea(this.area)
  }
}

function countBefore(times: ArrayLike<number>, timeUs: number): number {
  let count = 0
  while (count < times.length && times[count]! < timeUs) count++
  return count
}
