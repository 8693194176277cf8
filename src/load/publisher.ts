/**
 * The publishing side of one client: what is due, whether it can be sent, and how late it was.
 *
 * Messages have intended times whatever happens. While the client can't send (offline, in-flight window full, socket full) its streams simply
 * stand still: a schedule is a function, so a backlog of any length costs nothing. When it can again, it sends what is due in order.
 * A message could be sent from the latest of these on: its intended time, the client ready and its socket writable, the window open.
 * Until then its wait is `blocked`, the broker's or the scenario's doing; after it, `sendLag`, ours.
 */
import type { Event } from '../mqtt/output.ts'
import { PacketType } from '../mqtt/packet.ts'
import type { Cell, Counter } from '../stats/metrics.ts'
import { secondKey } from '../stats/seconds.ts'
import type { Client } from './client.ts'
import { EXCEPTION, type ExceptionKind } from './facts.ts'
import type { Fleet } from './fleet.ts'
import { cellKey, type Group } from './group.ts'
import { describe, head, header } from './message.ts'
import type { QoS } from './plan.ts'
import { Skips } from './skips.ts'
import { streamOf } from './slice.ts'

/** Messages that one client sends before others have their turn. */
const MAX_BURST = 16
const NEVER = Number.POSITIVE_INFINITY

/** A token names a message of a client: its entry above 32 bits of sequence number. */
const ENTRY = 2 ** 32

export class Publisher {
  /** When `sendDue` wants to be called next; NEVER while only an acknowledgement or the socket is waited for. */
  wakeUs = NEVER
  /** Since when the client is connected, subscribed and its socket takes bytes. */
  private ableSinceUs = NEVER
  /** Since when the in-flight window has room; NEVER while it is full and something waits for it. */
  private windowSinceUs = Number.NaN
  /** Intended times of unacknowledged messages, by packet identifier - 1; made with the first of QoS 1 or 2. */
  private intendedUs: Float64Array | null = null
  /** By entry: numbers ahead that are not to be sent. */
  private skips: Skips[] | null = null
  private readonly client: Client
  private readonly fleet: Fleet
  private readonly group: Group
  private readonly first: number

  constructor(client: Client) {
    this.client = client
    this.fleet = client.fleet
    this.group = client.group
    this.first = (client.index - client.group.from) * client.group.plan.publish.length
  }

  /** Publishing begins: the streams' first messages get their times. */
  start(): void {
    for (let e = 0; e < this.group.schedules.length; e++) if (!this.isOnConnect(e)) this.advance(e, 0, 0)
    this.wakeUs = this.nextDueUs()
  }

  /** The client is connected and has its SUBACKs. */
  ready(nowUs: number): void {
    this.ableSinceUs = nowUs
    this.windowSinceUs = nowUs
    for (let e = 0; e < this.group.schedules.length; e++) if (this.isOnConnect(e)) this.announce(e, nowUs)
    this.wakeUs = this.nextDueUs()
  }

  lost(): void {
    this.ableSinceUs = NEVER
  }

  /** The socket takes bytes again. */
  writable(nowUs: number): void {
    if (this.ableSinceUs !== NEVER) this.ableSinceUs = nowUs
  }

  /** Churn puts the client away from `fromUs` to `toUs`: what it would have sent meanwhile is not intended. What waits already goes on waiting. */
  away(fromUs: number, toUs: number): void {
    for (let e = 0; e < this.group.schedules.length; e++) {
      if (this.isOnConnect(e)) continue
      const from = this.numberAt(e, fromUs)
      this.skip(e, from, this.numberAt(e, toUs), EXCEPTION.away)
    }
    this.wakeUs = this.nextDueUs()
  }

  /** Sends what is due and can be sent. */
  sendDue(nowUs: number): void {
    if (this.ableSinceUs === NEVER) return
    const startUs = nowUs
    const { client, group, first } = this
    const session = client.session!
    let budget = MAX_BURST
    for (let e = 0; e < group.schedules.length; e++) {
      const s = first + e
      if (group.dueUs[s]! > nowUs) continue
      if (group.plan.unsent.keep !== 'all') this.shed(e)
      while (group.dueUs[s]! <= nowUs && client.isWritable) {
        const qos = group.schedules[e]!.qosOf(client.index, group.next[s]!)
        if (!session.canPublish(qos)) {
          this.windowSinceUs = NEVER
          break
        }
        if (budget-- === 0) {
          this.wakeUs = nowUs
          return
        }
        nowUs = this.send(e, s, qos, nowUs)
      }
    }
    // Not `nowUs`: sending has moved it on, and what came due meanwhile waits for nothing but its turn.
    this.wakeUs = this.nextDueUs(startUs)
  }

  /** A publish was answered; `event` is its PUBLISHED. */
  published(event: Event, nowUs: number): void {
    this.freed(nowUs)
    const e = Math.floor(event.token / ENTRY)
    const seq = event.token % ENTRY
    const intendedUs = this.intendedUs![event.packetId - 1]!
    const isMeasured = this.fleet.isMeasured(intendedUs)
    // A PUBCOMP that knows no such message (0x92) says that the broker is done with it: PUBREC had accepted it.
    if (event.code >= 0x80 && event.packet !== PacketType.PUBCOMP) {
      this.except(e, EXCEPTION.refused, seq, seq + 1)
      if (isMeasured) this.count(e, seq, 'refused', intendedUs)
    } else if (isMeasured) {
      this.count(e, seq, 'acked', intendedUs)
      this.record(e, seq, 'ack', nowUs - intendedUs, intendedUs)
    }
  }

  /** The window has room again, though it was no message of ours that was answered. */
  freed(nowUs: number): void {
    if (this.windowSinceUs === NEVER) this.windowSinceUs = nowUs
  }

  /** The first reply to a request has come. */
  replied(e: number, seq: number, intendedUs: number, nowUs: number): void {
    const latencyUs = nowUs - intendedUs
    if (!this.fleet.isMeasured(intendedUs) || latencyUs > this.group.plan.publish[e]!.request!.timeoutUs) return
    this.record(e, seq, 'roundTrip', latencyUs, intendedUs)
    this.fleet.openRequests--
  }

  /** The session has ended with this message unacknowledged. */
  abandoned(token: number): void {
    const seq = token % ENTRY
    this.except(Math.floor(token / ENTRY), EXCEPTION.unacknowledged, seq, seq + 1)
  }

  /** The session goes on on a new connection, and this message has to be sent again. */
  resend(packetId: number, token: number, nowUs: number): void {
    const e = Math.floor(token / ENTRY)
    const seq = token % ENTRY
    const intendedUs = this.intendedUs![packetId - 1]!
    const size = describe(this.client, this.first + e, e, seq, intendedUs)
    const { out } = this.fleet
    const at = this.client.session!.republish(nowUs, packetId, head, size, out)
    if (at >= 0) this.group.payloads[e]!.write(out.bytes, at, size, this.client.index, seq, header)
    // One at a time: a window of large payloads does not fit the buffer together.
    this.fleet.flush(this.client)
    if (nowUs - intendedUs > this.fleet.plan.settleUs) this.except(e, EXCEPTION.late, seq, seq + 1, nowUs - intendedUs)
  }

  /** The end of measure has moved: what is due only behind it is not intended. */
  cut(): void {
    for (let e = 0; e < this.group.schedules.length; e++) {
      const s = this.first + e
      if (this.group.dueUs[s]! >= this.fleet.measureEndUs) this.group.dueUs[s] = NEVER
    }
    this.wakeUs = this.nextDueUs()
  }

  /** How many messages are due and unsent. */
  waiting(nowUs: number): number {
    let count = 0
    for (let e = 0; e < this.group.schedules.length; e++) {
      const s = this.first + e
      if (this.group.dueUs[s]! > nowUs) continue
      count += this.isOnConnect(e) ? this.connectTimes(e).length - this.group.next[s]! : this.numberAt(e, nowUs) - this.group.next[s]!
    }
    return count
  }

  /** Gives up everything that was intended and never sent. */
  giveUp(): void {
    for (let e = 0; e < this.group.schedules.length; e++) while (this.group.dueUs[this.first + e] !== NEVER) this.drop(e)
    this.wakeUs = this.nextDueUs()
  }

  /** How many messages are due and unsent though nothing but ourselves stands in their way. */
  unsentOfOurs(nowUs: number): number {
    if (this.ableSinceUs === NEVER || !this.client.isWritable) return 0
    let count = 0
    for (let e = 0; e < this.group.schedules.length; e++) {
      const s = this.first + e
      if (this.group.dueUs[s]! > nowUs || this.isOnConnect(e)) continue
      const next = this.group.next[s]!
      if (this.client.session!.canPublish(this.group.schedules[e]!.qosOf(this.client.index, next))) count += this.numberAt(e, nowUs) - next
    }
    return count
  }

  private send(e: number, s: number, qos: QoS, nowUs: number): number {
    const { fleet, client, group } = this
    const seq = group.next[s]!
    const intendedUs = group.dueUs[s]!
    const size = describe(this.client, this.first + e, e, seq, intendedUs)
    const { out } = fleet
    const at = client.session!.publish(nowUs, head, size, e * ENTRY + seq, out)
    if (at < 0) {
      fleet.fault(client, 'PUBLISH: larger than the broker allows')
      this.drop(e)
      return nowUs
    }
    group.payloads[e]!.write(out.bytes, at, size, client.index, seq, header)
    if (qos > 0) {
      this.intendedUs ??= new Float64Array(group.plan.inFlight)
      this.intendedUs[client.session!.lastPacketId - 1] = intendedUs
    }
    fleet.flush(client)
    const sentUs = fleet.clock()
    fleet.sent++
    if (sentUs - intendedUs > fleet.plan.settleUs) this.except(e, EXCEPTION.late, seq, seq + 1, sentUs - intendedUs)
    if (fleet.isMeasured(intendedUs)) {
      let couldUs = Math.max(intendedUs, this.ableSinceUs)
      if (qos > 0 && this.windowSinceUs > couldUs) couldUs = this.windowSinceUs
      this.count(e, seq, 'sent', intendedUs)
      this.record(e, seq, 'blocked', couldUs - intendedUs, intendedUs)
      this.record(e, seq, 'sendLag', sentUs - couldUs, intendedUs)
      const { request } = group.plan.publish[e]!
      if (request !== null) fleet.requested(intendedUs + request.timeoutUs)
    }
    this.advance(e, seq + 1, group.areas[s]!)
    return sentUs
  }

  /** Makes message `seq`, or the first behind it that is not skipped, the stream's next. */
  private advance(e: number, seq: number, previousArea: number): void {
    const s = this.first + e
    const { group, fleet } = this
    if (this.isOnConnect(e)) {
      group.next[s] = seq
      group.dueUs[s] = this.connectTimes(e)[seq] ?? NEVER
      return
    }
    const schedule = group.schedules[e]!
    let area = schedule.areaAfter(this.client.index, seq, previousArea)
    const skips = this.skips?.[e]
    for (let to = skips?.takeAt(seq) ?? seq; seq < to; to = skips!.takeAt(seq)) {
      while (seq < to) area = schedule.areaAfter(this.client.index, ++seq, area)
    }
    group.next[s] = seq
    group.areas[s] = area
    const dueUs = fleet.originUs + schedule.timeOfArea(area)
    group.dueUs[s] = dueUs < fleet.measureEndUs ? dueUs : NEVER
  }

  /** The first number from the stream's next on that is intended at `timeUs` or later, or not at all. */
  private numberAt(e: number, timeUs: number): number {
    const s = this.first + e
    const { group, fleet } = this
    const schedule = group.schedules[e]!
    const endUs = Math.min(timeUs, fleet.measureEndUs) - fleet.originUs
    if (group.dueUs[s] === NEVER) return group.next[s]!
    let seq = group.next[s]!
    if (group.plan.publish[e]!.trigger.kind !== 'poisson') return Math.max(seq, schedule.countBefore(this.client.index, endUs))
    for (let area = group.areas[s]!; schedule.timeOfArea(area) < endUs; area = schedule.areaAfter(this.client.index, seq, area)) seq++
    return seq
  }

  /** Numbers [from, to) are not to be sent. */
  private skip(e: number, from: number, to: number, kind: ExceptionKind): void {
    if (to <= from) return
    this.except(e, kind, from, to)
    const s = this.first + e
    if (this.group.next[s] === from) {
      // The area of `next` is known, so advance from it.
      let area = this.group.areas[s]!
      for (let seq = from + 1; seq < to; seq++) area = this.group.schedules[e]!.areaAfter(this.client.index, seq, area)
      this.advance(e, to, area)
      return
    }
    this.skips ??= this.group.schedules.map(() => new Skips())
    this.skips[e]!.add(from, to)
  }

  /** Applies `unsent`: of what came due while the client could not send, only so much is kept. */
  private shed(e: number): void {
    if (this.isOnConnect(e)) return
    const s = this.first + e
    const { keep, drop } = this.group.plan.unsent
    const sinceUs = this.windowSinceUs === NEVER ? this.ableSinceUs : Math.max(this.ableSinceUs, this.windowSinceUs)
    if (this.group.dueUs[s]! >= sinceUs) return
    const ahead = this.skips?.[e]
    const end = this.numberAt(e, sinceUs)
    let surplus = end - this.group.next[s]! - (ahead?.countBelow(end) ?? 0) - (keep as number)
    if (surplus <= 0) return
    if (drop === 'oldest') while (surplus-- > 0) this.drop(e)
    else {
      const newest: number[] = []
      for (let seq = end - 1; newest.length < surplus; seq--) if (!ahead?.has(seq)) newest.push(seq)
      for (const seq of newest.reverse()) {
        this.countDropped(e, seq)
        this.skip(e, seq, seq + 1, EXCEPTION.dropped)
      }
    }
  }

  /** Gives up the stream's next message. */
  private drop(e: number): void {
    const seq = this.group.next[this.first + e]!
    this.except(e, EXCEPTION.dropped, seq, seq + 1)
    this.countDropped(e, seq)
    this.advance(e, seq + 1, this.group.areas[this.first + e]!)
  }

  private countDropped(e: number, seq: number): void {
    const s = this.first + e
    const dueUs =
      seq === this.group.next[s] ? this.group.dueUs[s]! : this.fleet.originUs + this.group.schedules[e]!.timeOf(this.client.index, seq)
    if (this.fleet.isMeasured(dueUs)) this.count(e, seq, 'dropped', dueUs)
  }

  private isOnConnect(e: number): boolean {
    return this.group.plan.publish[e]!.trigger.kind === 'connect'
  }

  /** A message on connecting: it is intended now, and waits in its stream like any other. */
  private announce(e: number, nowUs: number): void {
    const times = this.connectTimes(e)
    const limit = this.group.plan.publish[e]!.times
    if ((limit !== null && times.length >= limit) || nowUs >= this.fleet.measureEndUs) return
    times.push(nowUs)
    const s = this.first + e
    if (this.group.dueUs[s] === NEVER) this.group.dueUs[s] = nowUs
  }

  private connectTimes(e: number): number[] {
    return this.fleet.notes.connectTimesOf(this.streamOf(e))
  }

  private except(e: number, kind: ExceptionKind, from: number, to: number, value = 0): void {
    this.fleet.notes.except(this.streamOf(e), kind, from, to, value)
  }

  private streamOf(e: number): number {
    return streamOf(this.group.plan.publish[e]!.index, this.group.plan.firstClient + this.client.index)
  }

  private count(e: number, seq: number, name: 'sent' | 'acked' | 'refused' | 'dropped', intendedUs: number): void {
    const { metrics, hasNodes } = this.fleet
    const qos = this.group.schedules[e]!.qosOf(this.client.index, seq)
    const isPlanned = name === 'sent' || name === 'dropped'
    const isWanted = isPlanned && qos > 0
    const isRequest = isPlanned && this.group.plan.publish[e]!.request !== null
    add(metrics.publishes.at(cellKey.publish(this.group.plan.publish[e]!.index, qos)), name, isWanted, isRequest)
    if (hasNodes) add(metrics.publishesByNode.at(this.fleet.notes.nodeAt(this.client, intendedUs)), name, isWanted, isRequest)
    const second = this.atSecond(intendedUs, qos)
    if (second !== null) add(second, name, isWanted, isRequest)
  }

  private atSecond(intendedUs: number, qos: number): Cell<'publishes'> | null {
    const second = this.fleet.secondOf(intendedUs)
    return second < 0 ? null : this.fleet.metrics.publishesBySecond.at(secondKey.publish(second, qos))
  }

  private record(e: number, seq: number, name: 'ack' | 'sendLag' | 'blocked' | 'roundTrip', valueUs: number, intendedUs: number): void {
    const { metrics, hasNodes } = this.fleet
    const qos = this.group.schedules[e]!.qosOf(this.client.index, seq)
    metrics.publishes.at(cellKey.publish(this.group.plan.publish[e]!.index, qos)).record(name, valueUs)
    if (hasNodes) metrics.publishesByNode.at(this.fleet.notes.nodeAt(this.client, intendedUs)).record(name, valueUs)
    this.atSecond(intendedUs, qos)?.record(name, valueUs)
  }

  /** The earliest intended time after `afterUs` among the streams' next messages: what is due by then waits for something else. */
  private nextDueUs(afterUs = -1): number {
    let soonestUs = NEVER
    for (let e = 0; e < this.group.schedules.length; e++) {
      const dueUs = this.group.dueUs[this.first + e]!
      if (dueUs > afterUs && dueUs < soonestUs) soonestUs = dueUs
    }
    return soonestUs
  }
}

function add({ counts }: Cell<'publishes'>, name: Counter<'publishes'>, isWanted: boolean, isRequest: boolean): void {
  counts[name]++
  if (isWanted) counts.ackWanted++
  if (isRequest) counts.replyWanted++
}
