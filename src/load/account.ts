/**
 * The account: what was owed, and what became of it.
 *
 * Each worker accounts for its own subscribers, from the plan, the facts of all publishers and its own ledger. A delivery is owed when the
 * message was sent (and one of QoS 1 or 2 neither refused nor left unacknowledged), and the subscription stood from `settle` before the intended
 * time until `settle` after the send; at QoS 0 the subscriber must also have been connected all that time. What a rule permits and none demands
 * is excused. Owed and not arrived is lost: see docs/measurement.md.
 *
 * Nearly all pairs have a subscriber that never lost its connection: they cost a few operations, and one for each missing message.
 * Accounts can be taken again and again; `drain` waits until nothing owed is missing.
 */
import { Audience, type Wanted } from './audience.ts'
import type { Client } from './client.ts'
import { type FactBook, placeOf } from './factbook.ts'
import { EXCEPTION } from './facts.ts'
import type { Fleet } from './fleet.ts'
import { cellKey, type Group } from './group.ts'
import type { PublishPlan, QoS } from './plan.ts'
import { type Account, Sheets, Times, type Window } from './sheets.ts'
import { streamOf } from './slice.ts'

/**
 * Takes the account of a fleet's own subscribers.
 *
 * @param pieces  rising, without gaps
 */
export function account(fleet: Fleet, facts: FactBook, audience: Audience, pieces: readonly Window[], isFinal: boolean): Account {
  const accountant = new Accountant(fleet.plan.settleUs, facts, pieces, fleet.hasNodes)
  for (const client of fleet.clients) {
    if (client.receiver === null) continue
    accountant.takeClient(client, audience, isFinal)
  }
  return accountant.result()
}

/** The audience of a fleet's own plain subscriptions. */
export function audienceOf(fleet: Fleet): Audience {
  const wanted: Wanted[] = fleet.groups.flatMap((group) =>
    group.plan.subscribe.map((s) => ({
      template: s.filter,
      *filters() {
        for (let i = group.from; i < group.to; i++) yield group.renderer.render(s.filter, i)
      },
    })),
  )
  return new Audience(fleet.groups, wanted)
}

class Accountant extends Sheets {
  takeClient(client: Client, audience: Audience, isFinal: boolean): void {
    const { receiver, fleet, group } = client
    // Filters that overlap make one pair of it, with the bits of all.
    const masks = new Map<number, { mask: number; group: Group; entry: number; publisher: number; lane: number }>()
    receiver!.subscriptions.forEach((s, i) => {
      if (s.share >= 0) return
      const plan = group.plan.subscribe[i]!
      audience.eachStream(plan.filter, s.filter, (stream, from, entry, publisher, lane) => {
        if (plan.noLocal && from === group && publisher === client.index) return
        const found = masks.get(stream)
        if (found) found.mask |= 1 << i
        else masks.set(stream, { mask: 1 << i, group: from, entry, publisher, lane })
      })
    })
    for (const [stream, pair] of masks) {
      const entry = pair.group.plan.publish[pair.entry]!
      if (fleet.catalogue.isUnverified(entry.index))
        this.takeUnverified(client, pair.group, pair.entry, pair.publisher, pair.lane, pair.mask)
      else {
        const times = new Times(this.facts, this.window.originUs, pair.group, pair.entry, pair.publisher)
        this.eachPiece(() => this.takePair(client, pair.group, pair.entry, pair.publisher, pair.lane, stream, pair.mask, isFinal, times))
      }
    }
    if (masks.size > 0) this.settleUnverified(client)
  }

  private takePair(
    client: Client,
    from: Group,
    e: number,
    publisher: number,
    lane: number,
    received: number,
    mask: number,
    isFinal: boolean,
    times: Times,
  ): void {
    const entry = from.plan.publish[e]!
    const stream = streamOf(entry.index, from.plan.firstClient + publisher)
    const [first, end] = this.rangeOf(from, e, entry, publisher, stream)
    if (first >= end) return
    const { standing } = client.receiver!
    const granted = standing.bestQos(mask)
    const row = client.fleet.ledger.find(client.owner, received)
    const firstUs = times.of(first)
    const isPlain =
      standing.isUnbroken && standing.connectedAtUs <= firstUs - this.settleUs && this.stoodSince(client, mask, firstUs - this.settleUs)
    const globalPublisher = from.plan.firstClient + publisher
    const isStill = isPlain && !(this.hasNodes && this.facts.hasMoved(globalPublisher))
    if (isStill && from.routes[e] === null) {
      this.takePlain(client, from, e, entry, publisher, stream, granted, row, first, end)
      return
    }
    const { expiryUs } = client
    const isUnknown = this.facts.dealtWith(entry.index, publisher) === null
    this.eachMessage(from, e, publisher, lane, first, end, (rank, seq) => {
      const hasArrived = row >= 0 && client.fleet.ledger.has(row, rank)
      // Its worker was lost: whether it was sent shows only where it arrived.
      if (isUnknown && !hasArrived) return
      const kind = this.facts.kindOf(stream, seq)
      if (kind === EXCEPTION.away) return
      const qos = Math.min(from.schedules[e]!.qosOf(publisher, seq), granted)
      const intendedUs = isStill ? firstUs : times.of(seq)
      const sentUs = intendedUs + this.facts.delayOf(stream, seq)
      const cell = this.cell(client, entry, qos)
      const pair = this.hasNodes
        ? this.byPair.at(
            cellKey.pair(this.facts.nodeAt(globalPublisher, intendedUs, from.placer.nodeOf(publisher, 0)), standing.nodeAt(intendedUs)),
          )
        : null
      const name = this.classify(client, mask, qos, kind, intendedUs, sentUs, expiryUs, entry.expiryS, hasArrived, isFinal)
      if (name === null) return
      if (name === 'received' || name === 'lost') {
        cell.counts.owed++
        if (pair) pair.counts.owed++
      }
      if (name === 'lost') this.missing++
      cell.counts[name]++
      if (pair) pair.counts[name]++
    })
  }

  /** A subscriber that has stood all the time: everything that was sent is owed, but for the exceptions. */
  private takePlain(
    client: Client,
    from: Group,
    e: number,
    entry: PublishPlan,
    publisher: number,
    stream: number,
    granted: QoS,
    row: number,
    first: number,
    end: number,
  ): void {
    const schedule = from.schedules[e]!
    const pair = this.hasNodes ? this.byPair.at(cellKey.pair(from.placer.nodeOf(publisher, 0), client.receiver!.standing.node)) : null
    const add = (name: 'owed' | 'received' | 'lost' | 'excused' | 'dropped', qos: number, by: number) => {
      if (by === 0) return
      this.cell(client, entry, Math.min(qos, granted)).counts[name] += by
      if (pair) pair.counts[name] += by
    }
    for (const qos of [0, 1, 2] as const) {
      if (entry.qosShares[qos] === 0) continue
      const count = schedule.countOfQos(publisher, qos, end) - schedule.countOfQos(publisher, qos, first)
      add('owed', qos, count)
      add('received', qos, count)
    }
    const intervals = this.facts.exceptionsOf(stream)
    for (let i = 0; i < intervals.length; i += 4) {
      for (let seq = Math.max(first, intervals[i + 1]!); seq < Math.min(end, intervals[i + 2]!); seq++) {
        const qos = schedule.qosOf(publisher, seq)
        add('owed', qos, -1)
        add('received', qos, -1)
        if (intervals[i] === EXCEPTION.dropped) add('dropped', qos, 1)
        else if (intervals[i] !== EXCEPTION.away) add('excused', qos, 1)
      }
    }
    const isUnknown = this.facts.dealtWith(entry.index, publisher) === null
    const visit = (seq: number) => {
      if (intervals.length > 0 && placeOf(intervals, seq) >= 0) return
      const qos = schedule.qosOf(publisher, seq)
      add('received', qos, -1)
      // As above: what has not arrived may never have been sent.
      if (isUnknown) {
        add('owed', qos, -1)
        return
      }
      add('lost', qos, 1)
      this.missing++
    }
    if (row >= 0) client.fleet.ledger.eachMissing(row, first, end, visit)
    else for (let seq = first; seq < end; seq++) visit(seq)
  }

  /** What one delivery is; null: nothing that anybody may expect. */
  private classify(
    client: Client,
    mask: number,
    qos: number,
    kind: number,
    intendedUs: number,
    sentUs: number,
    expiryUs: number,
    messageExpiryS: number | null,
    hasArrived: boolean,
    isFinal: boolean,
  ): 'received' | 'lost' | 'excused' | 'dropped' | null {
    const { standing } = client.receiver!
    const fromUs = intendedUs - this.settleUs
    const toUs = sentUs + this.settleUs
    let isPermitted = false
    let isOwed = false
    for (let s = 0; s < standing.grantedAtUs.length; s++) {
      if (!(mask & (1 << s))) continue
      isOwed ||= standing.stood(s, fromUs, toUs, expiryUs)
      isPermitted ||= standing.stood(s, sentUs, sentUs, expiryUs) || standing.stood(s, intendedUs, intendedUs, expiryUs)
    }
    if (qos === 0 && !standing.wasConnected(fromUs, toUs)) isOwed = false
    // What has expired before the client came back must not be delivered (MQTT 5.0 §3.3.2.3.3).
    if (messageExpiryS !== null && !standing.wasThereBetween(sentUs, sentUs + messageExpiryS * 1e6 - this.settleUs)) isOwed = false
    if (kind === EXCEPTION.dropped) return isOwed ? 'dropped' : null
    if (kind !== 0) return hasArrived || isPermitted ? 'excused' : null
    if (!isOwed) return hasArrived || isPermitted ? 'excused' : null
    if (hasArrived) return 'received'
    // What waits on the broker for a client that can't return, or not in time, is neither there nor lost.
    const waits = standing.waitedInVain(toUs) || (isFinal && !standing.isConnected && toUs > standing.lostAtUs)
    return waits ? 'excused' : 'lost'
  }

  /** Streams without a header are only counted, over the whole run: lost is what is owed less what arrived. */
  private readonly unverified = new Map<number, { owed: number; measured: number; qos: number }>()

  private takeUnverified(client: Client, from: Group, e: number, publisher: number, lane: number, mask: number): void {
    const entry = from.plan.publish[e]!
    const stream = streamOf(entry.index, from.plan.firstClient + publisher)
    const first = this.rangeOf(from, e, entry, publisher, stream, this.pieces[0]!)[0]
    const end = this.rangeOf(from, e, entry, publisher, stream, this.pieces.at(-1)!)[1]
    // Whether single ones arrived can't be seen: of a lost worker's nothing is owed.
    if (this.facts.dealtWith(entry.index, publisher) === null) return
    const row = this.unverified.get(entry.index) ?? { owed: 0, measured: 0, qos: 0 }
    this.eachMessage(from, e, publisher, lane, 0, end, (_, seq) => {
      if (this.facts.kindOf(stream, seq) !== 0) return
      row.owed++
      if (seq >= first && seq < end) row.measured++
    })
    row.qos = Math.min(from.schedules[e]!.qosOf(publisher, 0), client.receiver!.standing.bestQos(mask))
    this.unverified.set(entry.index, row)
  }

  private settleUnverified(client: Client): void {
    for (const [entry, { owed, measured, qos }] of this.unverified) {
      const arrived = client.fleet.unverified.get(client.owner)?.[entry] ?? 0
      const lost = Math.min(measured, Math.max(0, owed - arrived))
      const { counts } = this.counted.at(cellKey.delivery(client.group.plan.index, entry, qos, client.isPersistent))
      counts.owed += measured
      counts.lost += lost
      counts.received += measured - lost
      counts.untimedOwed += measured
      counts.untimedReceived += measured - lost
      this.missing += lost
    }
    this.unverified.clear()
  }

  private stoodSince(client: Client, mask: number, sinceUs: number): boolean {
    return client.receiver!.standing.grantedAtUs.some((atUs, s) => (mask & (1 << s)) !== 0 && atUs <= sinceUs)
  }

  private cell(client: Client, entry: PublishPlan, qos: number) {
    return this.deliveries.at(cellKey.delivery(client.group.plan.index, entry.index, qos, client.isPersistent))
  }
}
