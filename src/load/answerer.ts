/**
 * The answering side of one client: what `reply` on a subscription makes of the requests that arrive there.
 *
 * A request is answered as many times as it arrives, `after` it has; the requester counts the first answer. The reply goes to the Response Topic
 * of the request, with its Correlation Data (MQTT 5.0 §4.10); in earlier versions to the topic that the plan has for the requester. It carries the
 * request's header, with `REPLY_NODE` in place of the node. Replies are no stream: they enter round trips, and nothing else.
 */
import type { Event } from '../mqtt/output.ts'
import type { PublishHead } from '../mqtt/session.ts'
import type { Publishers } from './catalogue.ts'
import type { Client } from './client.ts'
import { type Header, REPLY_NODE } from './header.ts'
import type { ReplyPlan } from './plan.ts'
import { replyProperties, requestProperties } from './wire.ts'

/** Replies that a client keeps: of one that can't send for longer, further requests stay unanswered. */
const MAX_WAITING = 65_536
/** Replies that one client sends before others have their turn. */
const MAX_BURST = 16
const NEVER = Number.POSITIVE_INFINITY
/** The token of every reply in flight: above those of a publisher's messages. */
export const REPLY_TOKEN = 2 ** 52

interface Reply {
  readonly dueUs: number
  readonly subscription: number
  readonly plan: ReplyPlan
  readonly header: Header
  readonly topic: Uint8Array
  readonly properties: Uint8Array | null
}

export class Answerer {
  /** When `sendDue` wants to be called next; NEVER while only an acknowledgement or the socket is waited for. */
  wakeUs = NEVER
  /** In the order in which they are due. */
  private readonly waiting: Reply[] = []
  /** Unacknowledged ones, by packet identifier. */
  private readonly inFlight = new Map<number, Reply>()
  private readonly client: Client

  constructor(client: Client) {
    this.client = client
  }

  /** Takes a request that a subscription of `mask` has brought. */
  take(event: Event, header: Header, mask: number, requester: Publishers, nowUs: number): void {
    const { group } = this.client
    const subscription = group.plan.subscribe.findIndex(({ reply }, s) => reply !== null && (mask & (1 << s)) !== 0)
    if (subscription < 0 || this.waiting.length >= MAX_WAITING) return
    const plan = group.plan.subscribe[subscription]!.reply!
    const { topic, correlation } = requestProperties(event)
    const copy = { ...header, node: REPLY_NODE }
    const reply: Reply = {
      dueUs: nowUs + plan.afterUs,
      subscription,
      plan,
      header: copy,
      topic: new TextEncoder().encode(topic ?? requester.responseOf!(header.publisher)),
      properties: replyProperties(group.plan, plan, correlation, copy),
    }
    let at = this.waiting.length
    while (at > 0 && this.waiting[at - 1]!.dueUs > reply.dueUs) at--
    this.waiting.splice(at, 0, reply)
    this.wakeUs = this.waiting[0]!.dueUs
  }

  /** Sends the replies that are due and can be sent; only while the client is connected. */
  sendDue(nowUs: number): void {
    const { waiting, client } = this
    if (waiting.length === 0) return
    let sent = 0
    while (sent < waiting.length && sent < MAX_BURST && waiting[sent]!.dueUs <= nowUs) {
      if (!client.isWritable || !client.session!.canPublish(waiting[sent]!.plan.qos)) break
      this.send(waiting[sent++]!, nowUs)
    }
    if (sent > 0) waiting.splice(0, sent)
    const dueUs = waiting[0]?.dueUs ?? NEVER
    // What is due and could not be sent waits for the window or the socket; after a burst it waits for its turn.
    this.wakeUs = dueUs > nowUs || sent === MAX_BURST ? dueUs : NEVER
  }

  /** A reply was answered; `event` is its PUBLISHED. */
  published(event: Event, nowUs: number): void {
    this.inFlight.delete(event.packetId)
    this.client.publisher?.freed(nowUs)
  }

  /** The session has ended with a reply unacknowledged. */
  abandoned(_token: number, packetId: number): void {
    this.inFlight.delete(packetId)
  }

  /** The session goes on on a new connection, and this reply has to be sent again. */
  resend(packetId: number, _token: number, nowUs: number): void {
    const reply = this.inFlight.get(packetId)!
    const { size, payload } = this.payloadOf(reply)
    const { out } = this.client.fleet
    const at = this.client.session!.republish(nowUs, packetId, headOf(reply), size, out)
    if (at >= 0) payload.write(out.bytes, at, size, this.client.index, reply.header.seq, reply.header)
  }

  private send(reply: Reply, nowUs: number): void {
    const { fleet, session, index } = this.client
    const { size, payload } = this.payloadOf(reply)
    const at = session!.publish(nowUs, headOf(reply), size, REPLY_TOKEN, fleet.out)
    if (at < 0) {
      fleet.fault(this.client, 'PUBLISH: larger than the broker allows')
      return
    }
    payload.write(fleet.out.bytes, at, size, index, reply.header.seq, reply.header)
    if (reply.plan.qos > 0) this.inFlight.set(session!.lastPacketId, reply)
    fleet.flush(this.client)
  }

  private payloadOf(reply: Reply) {
    const payload = this.client.group.replies[reply.subscription]!
    return { payload, size: payload.size(this.client.index, reply.header.seq) }
  }
}

function headOf({ topic, plan, properties }: Reply): PublishHead {
  return { topic, topicStart: 0, topicEnd: topic.length, qos: plan.qos, retain: false, properties, alias: 0 }
}
