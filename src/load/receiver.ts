/**
 * The subscribing side of one client: its subscriptions, and each PUBLISH that reaches it, taken into the ledger.
 *
 * A delivery is recognised by its header, checked against the client's own filters and the stream's own topic (once a pair, from then on by the
 * topic's hash), and compared with what came before. Its latency counts if it looks owed by what is known now; see load/account.ts.
 */
import type { Event } from '../mqtt/output.ts'
import { matches } from '../mqtt/topic.ts'
import { ARRIVAL } from '../stats/ledger.ts'
import type { Cell } from '../stats/metrics.ts'
import { secondKey } from '../stats/seconds.ts'
import { formatCode } from '../units.ts'
import { Answerer } from './answerer.ts'
import type { Subscribed } from './catalogue.ts'
import type { Client } from './client.ts'
import type { Fleet } from './fleet.ts'
import { cellKey, countArrival, type Group } from './group.ts'
import { type Header, OK, REPLY_NODE, readText, sameRun, WILL_ENTRY } from './header.ts'
import { LateAcks } from './late-acks.ts'
import { Outage } from './outage.ts'
import type { QoS } from './plan.ts'
import { REPLY_LANE, streamOf } from './slice.ts'
import { Standing } from './standing.ts'
import { bitCount, hashOf, topicText } from './topic-of.ts'
import { requestProperties } from './wire.ts'

const header: Header = { run: 0, publisher: 0, entry: 0, seq: 0, intendedUs: 0, node: 0 }

export class Receiver {
  readonly standing: Standing
  /** Rendered on the first arrival or account that asks for them. */
  private cached: readonly Subscribed[] | null = null
  /** Further copies of one message that overlapping filters allow: seen so far, by row and number. Made when first needed. */
  private copies: Map<string, number> | null = null
  /** Made when first needed. */
  private lateAcks: LateAcks | null = null
  /** The last loss of the connection, and what came after it; null: there was none. */
  private outage: Outage | null = null
  /** Measured messages that came by each shared subscription, repeats too. Made when first needed. */
  shared: Uint32Array | null = null
  hasReceived = false
  private subscribedAtUs = Number.NaN
  private unanswered = 0
  /** Bits of the subscriptions that have had an answer, and that have been granted. */
  private answeredOnce = 0
  private grantedOnce = 0
  /** Answers requests; null if no subscription of the group does. */
  readonly answerer: Answerer | null
  private readonly client: Client
  private readonly fleet: Fleet
  private readonly group: Group

  constructor(client: Client) {
    this.client = client
    this.fleet = client.fleet
    this.group = client.group
    this.standing = new Standing(client.group.plan.subscribe.length)
    this.answerer = client.group.plan.subscribe.some(({ reply }) => reply !== null) ? new Answerer(client) : null
  }

  /** True if every subscription has been granted and still stands. */
  get hasAll(): boolean {
    return this.standing.grantedAtUs.every((atUs) => atUs !== Number.POSITIVE_INFINITY)
  }

  /** Asks for every subscription, in a packet of its own: identifiers and latencies are of one. */
  subscribe(nowUs: number): void {
    const { subscribe } = this.group.plan
    this.subscribedAtUs = nowUs
    this.unanswered = subscribe.length
    for (const [s, entry] of subscribe.entries()) {
      const filter = this.group.renderer.render(entry.filter, this.client.index)
      this.client.session!.subscribe(nowUs, [{ ...entry, filter }], s, this.fleet.out)
    }
  }

  /**
   * A subscription was answered; true if it was the last. A refused one is not asked for again on this connection: who had been granted it before,
   * on another one, tries a new one.
   */
  answered({ token, code }: Event, nowUs: number): boolean {
    const { cell } = this.client
    const isGranted = code < 0x80
    if (isGranted) {
      cell.record('subscribe', nowUs - this.subscribedAtUs)
      this.standing.granted(token, nowUs, code)
      this.grantedOnce |= 1 << token
    }
    if ((this.answeredOnce & (1 << token)) === 0) cell.counts[isGranted ? 'granted' : 'refused']++
    this.answeredOnce |= 1 << token
    const isLast = --this.unanswered === 0
    if (!isGranted && this.grantedOnce & (1 << token)) this.client.drop(nowUs, `SUBACK ${formatCode(code)} for what had been granted`)
    return isLast
  }

  /** How long the client waits before it acknowledges this message: the longest of its matching subscriptions'. */
  private ackAfterUs(event: Event): number {
    const topic = topicText(event)
    let us = 0
    this.subscriptions.forEach((s, i) => {
      if (matches(s.filter, topic)) us = Math.max(us, this.group.plan.subscribe[i]!.ackAfterUs)
    })
    return us
  }

  get subscriptions(): readonly Subscribed[] {
    this.cached ??= this.group.plan.subscribe.map((s) =>
      this.fleet.catalogue.subscribed(this.group.renderer.render(s.filter, this.client.index), this.group),
    )
    return this.cached
  }

  /** The connection is gone. */
  lost(nowUs: number): void {
    if (!this.standing.isConnected) return
    this.standing.lost(nowUs, this.client.endsWithConnection)
    this.lateAcks = null
    this.outage?.end()
    this.outage = new Outage(this.client, nowUs, this.outage)
  }

  /** The client is connected again. */
  returned(nowUs: number, sessionPresent: boolean): void {
    this.outage?.returned(nowUs, sessionPresent)
  }

  /** It misses deliveries since its connection was lost, and did not before. */
  get isInterrupted(): boolean {
    return this.hasReceived && !this.outage?.isRepeated
  }

  /** What had waited on the broker has come, or will not. */
  endQueue(): void {
    this.outage?.end()
    this.outage = null
  }

  /** When `serve` wants to be called. */
  get wakeUs(): number {
    return Math.min(this.lateAcks?.dueUs ?? Number.POSITIVE_INFINITY, this.answerer?.wakeUs ?? Number.POSITIVE_INFINITY)
  }

  /** Does what is due: late acknowledgements, and replies. */
  serve(nowUs: number): void {
    this.lateAcks?.send(nowUs, this.client.session!, this.fleet.out)
    this.answerer?.sendDue(nowUs)
  }

  /** Takes in a PUBLISH. */
  receive(event: Event, nowUs: number): void {
    if (event.qos > 0 && !this.client.session!.options.autoAck) {
      this.lateAcks ??= new LateAcks()
      this.lateAcks.add(nowUs + this.ackAfterUs(event), event.packetId, event.qos)
    }
    this.identify(event, nowUs)
  }

  private identify(event: Event, nowUs: number): void {
    const { fleet } = this
    fleet.arrived++
    const kind = fleet.catalogue.readHeader(event, header)
    if (kind !== OK) {
      if (!this.isForeignReply(event, nowUs)) this.receiveUnknown(event)
      return
    }
    if (!sameRun(header.run, this.group.run)) {
      // What another run has left retained is no fault of the broker's; what it sends live is not ours to get.
      this.count(-1, 0, event.retain ? 'excused' : 'unexpected')
      return
    }
    if (header.entry === WILL_ENTRY) {
      if (!event.retain) fleet.wills.arrived(header.publisher, header.seq, nowUs)
      this.count(-1, 0, 'excused')
      return
    }
    if (header.node === REPLY_NODE) {
      this.takeReply(event, nowUs)
      return
    }
    const publisher = fleet.catalogue.publishersFor(header.entry, header.publisher)
    if (publisher === null) {
      this.count(-1, 0, 'unexpected')
      return
    }
    const { route } = publisher
    const sender = header.publisher - publisher.firstClient
    const lane = route === null ? 0 : route.laneOf(sender, header.seq)
    const rank = route === null ? header.seq : route.rankOf(sender, header.seq)
    const stream = streamOf(header.entry, header.publisher, lane)
    let row = fleet.ledger.find(this.client.owner, stream)
    const label = hashOf(event)
    this.hasReceived = true
    if (row < 0) {
      const mask = this.admit(event, publisher.topicOf(header.publisher, lane))
      if (mask === 0) {
        this.count(header.entry, 0, 'unexpected')
        return
      }
      row = fleet.ledger.add(this.client.owner, stream, label, mask)
    } else if (fleet.ledger.labelOf(row) !== label) {
      this.count(header.entry, 0, 'unexpected')
      return
    }
    if (this.answerer !== null && publisher.responseOf !== null && !event.retain) {
      this.answerer.take(event, header, fleet.ledger.maskOf(row), publisher, nowUs)
    }
    this.settle(event, row, stream, rank, publisher.schedule.qosOf(sender, header.seq), nowUs)
  }

  /** A reply: the first one to a request of this client's own counts; whoever else gets it has asked for it by its filters. */
  private takeReply(event: Event, nowUs: number): boolean {
    const { fleet, client, group } = this
    const e = header.entry - (group.plan.publish[0]?.index ?? 0)
    const request = group.plan.publish[e]?.request
    if (!request || header.publisher !== group.plan.firstClient + client.index) return false
    const stream = streamOf(header.entry, header.publisher, REPLY_LANE)
    const label = hashOf(event)
    let row = fleet.ledger.find(client.owner, stream)
    if (row < 0) {
      if (topicText(event) !== group.renderer.render(request.response, client.index)) return false
      row = fleet.ledger.add(client.owner, stream, label, 0)
    } else if (fleet.ledger.labelOf(row) !== label) return false
    if (fleet.ledger.arrive(row, header.seq, 0) !== ARRIVAL.duplicate) {
      client.publisher!.replied(e, header.seq, header.intendedUs, nowUs)
    }
    return true
  }

  /** A device outside the scenario replies without a header: the Correlation Data that it returns has one. */
  private isForeignReply(event: Event, nowUs: number): boolean {
    if (event.propertiesEnd === event.propertiesStart || this.group.plan.publish.every(({ request }) => request === null)) return false
    const { correlation } = requestProperties(event)
    const isOurs =
      correlation !== null && readText(correlation, 0, correlation.length, header) === OK && sameRun(header.run, this.group.run)
    return isOurs && this.takeReply(event, nowUs)
  }

  /** What arrived is a message of this run that the client asked for: which one of the sorts is it? */
  private settle(event: Event, row: number, stream: number, rank: number, publishedQos: QoS, nowUs: number): void {
    const { fleet, standing } = this
    const mask = fleet.ledger.maskOf(row)
    // A shared subscription takes what the client's plain ones have had already, or do not match.
    const plain = (mask & this.plainBits) >>> 0
    const qos = Math.min(publishedQos, this.standing.bestQos(plain === 0 ? mask : plain)) as QoS
    const isMeasured = fleet.isMeasured(header.intendedUs)
    if (event.retain && !this.keepsRetain(mask)) {
      if (isMeasured) this.count(header.entry, qos, 'excused')
      return
    }
    const arrival = plain === 0 ? ARRIVAL.duplicate : fleet.ledger.arrive(row, rank, publishedQos)
    const share = arrival === ARRIVAL.duplicate && mask !== plain ? this.takeShared(mask, stream, rank) : -1
    if (arrival !== ARRIVAL.duplicate || share >= 0) {
      if (nowUs - header.intendedUs < FRESH_US) fleet.fresh++
      this.outage?.arrived(header.intendedUs, qos, nowUs)
    }
    if (!isMeasured) return
    if (share >= 0) {
      this.countShared(share)
      this.arrived(qos, nowUs, true)
      return
    }
    if (arrival === ARRIVAL.duplicate) {
      if (plain === 0) this.countShared(31 - Math.clz32(mask))
      this.count(header.entry, qos, plain !== 0 && (this.isFurtherCopy(row, plain) || event.retain) ? 'excused' : 'duplicated')
      return
    }
    if (arrival === ARRIVAL.reordered) this.count(header.entry, qos, 'reordered')
    if (this.looksOwed(plain, qos, standing)) this.arrived(qos, nowUs, false)
  }

  private looksOwed(mask: number, qos: QoS, standing: Standing): boolean {
    const { settleUs } = this.fleet.plan
    const sinceUs = header.intendedUs - settleUs
    const untilUs = header.intendedUs + settleUs
    if (untilUs > this.client.leavesAtUs && (qos === 0 || this.client.isClean)) return false
    if (qos === 0 && !standing.wasConnected(sinceUs, untilUs)) return false
    // What a subscription of an earlier session was owed may come to the one that took its place.
    for (let s = 0; s < standing.grantedAtUs.length; s++) if (mask & (1 << s) && standing.stood(s, sinceUs, untilUs, 0)) return true
    return false
  }

  /** @param isShared  what is owed to members of a share together is owed at no node */
  private arrived(qos: QoS, nowUs: number, isShared: boolean): void {
    const { metrics, hasNodes, near } = this.fleet
    const latencyUs = nowUs - header.intendedUs
    const isNear = near?.has(header.publisher) ?? false
    const key = cellKey.delivery(this.group.plan.index, header.entry, qos, this.client.isPersistent)
    countArrival(metrics.deliveries.at(key), latencyUs, isNear)
    const second = this.atSecond(header.intendedUs, qos)
    if (second !== null) countArrival(second, latencyUs, isNear)
    if (!hasNodes || isShared) return
    countArrival(metrics.deliveriesByPair.at(cellKey.pair(header.node, this.standing.nodeAt(header.intendedUs))), latencyUs, isNear)
  }

  private atSecond(timeUs: number, qos: number): Cell<'deliveries'> | null {
    const second = this.fleet.secondOf(timeUs)
    return second < 0 ? null : this.fleet.metrics.deliveriesBySecond.at(secondKey.delivery(second, this.client.isPersistent, qos))
  }

  /** Bits of the subscriptions that this topic matches and that may bring it; 0 if none does, or if the topic is not the stream's. */
  private admit(event: Event, expected: string): number {
    const topic = topicText(event)
    if (topic !== expected) return 0
    let mask = 0
    const isOwn = header.publisher === this.group.plan.firstClient + this.client.index
    this.subscriptions.forEach((s, i) => {
      if (isOwn && this.group.plan.subscribe[i]!.noLocal) return
      if (matches(s.filter, topic)) mask |= 1 << i
    })
    return mask >>> 0
  }

  /** Bits of the subscriptions that are not shared. */
  private get plainBits(): number {
    if (!this.fleet.catalogue.hasShares) return -1
    let bits = 0
    for (let s = 0; s < this.subscriptions.length; s++) if (this.subscriptions[s]!.share < 0) bits |= 1 << s
    return bits
  }

  /** Credits the message to the first of the client's shared subscriptions that has not had it, and returns it; -1 if all have. */
  private takeShared(mask: number, stream: number, rank: number): number {
    for (let s = 0; s < this.subscriptions.length; s++) {
      const { share } = this.subscriptions[s]!
      if (share >= 0 && mask & (1 << s) && this.fleet.shared.arrive(share, stream, rank)) return s
    }
    return -1
  }

  private countShared(s: number): void {
    this.shared ??= new Uint32Array(this.subscriptions.length)
    this.shared[s]!++
  }

  private keepsRetain(mask: number): boolean {
    return this.group.plan.subscribe.some((s, i) => (mask & (1 << i)) !== 0 && s.retainAsPublished)
  }

  /** Overlapping filters may bring one copy each (MQTT 3.1.1 §3.3.5, MQTT 5.0 §3.3.4). */
  private isFurtherCopy(row: number, mask: number): boolean {
    const filters = bitCount(mask)
    if (filters === 1) return false
    const key = `${row}/${header.seq}`
    this.copies ??= new Map()
    const seen = (this.copies.get(key) ?? 1) + 1
    this.copies.set(key, seen)
    // Only the last messages can still get further copies; the oldest are forgotten.
    if (this.copies.size > MAX_COPIES) this.copies.delete(this.copies.keys().next().value!)
    return seen <= filters
  }

  /** Without a header of ours, or with a damaged one: of a stream that has no room for one, retained from elsewhere, or not to be explained. */
  private receiveUnknown(event: Event): void {
    const { catalogue } = this.fleet
    const topic = topicText(event)
    const entry = catalogue.unverifiedEntry(topic)
    if (topic.startsWith(BESIDE)) this.disown(event)
    // Another worker's clean-up clears what is retained, while this one's clients are still there.
    else if (this.fleet.isEnding && event.payloadEnd === event.payloadStart) return
    else if (event.retain) this.count(-1, 0, 'excused')
    else if (entry >= 0) this.fleet.countUnverified(this.client.owner, entry)
    else this.count(-1, 0, catalogue.isWill(topic) ? 'excused' : 'unexpected')
  }

  /** A probe's or a sentinel's message, of this run or another: it is in none of the counts. They come at QoS 0 and are not answered. */
  private disown(event: Event): void {
    this.fleet.arrived--
    const bodyBytes = event.payloadEnd - event.topicStart + 2
    const lengthBytes = bodyBytes < 128 ? 1 : 2
    this.client.cell.counts.bytesReceived -= 1 + lengthBytes + bodyBytes
  }

  /** @param entry  -1: of no known stream; counted with the group's and shown in the totals */
  private count(entry: number, qos: number, name: 'excused' | 'duplicated' | 'reordered' | 'unexpected'): void {
    const { metrics, hasNodes } = this.fleet
    const key = cellKey.delivery(this.group.plan.index, entry < 0 ? NO_ENTRY : entry, qos, this.client.isPersistent)
    metrics.deliveries.at(key).counts[name]++
    const second = entry < 0 ? null : this.atSecond(header.intendedUs, qos)
    if (second !== null) second.counts[name]++
    if (hasNodes) metrics.deliveriesByPair.at(cellKey.pair(entry < 0 ? this.client.node : header.node, this.client.node)).counts[name]++
  }
}

/** Topics of what goes on beside the load. A scenario can't publish there. */
const BESIDE = 'mqtt-scale/'

/** What comes later than this had waited somewhere. */
const FRESH_US = 2e6

/** The entry of deliveries that belong to no stream. */
export const NO_ENTRY = 255

/** Messages whose further copies are remembered, a client. */
const MAX_COPIES = 4096
