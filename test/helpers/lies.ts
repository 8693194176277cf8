import type { QoS } from 'mqtt-packet'

/**
 * What the lying broker can be told to do, and what it says it did. Lies are functions of the message, so a test computes from
 * the same rule what the report must show; the counts are kept as a second opinion, from what really went out.
 */

/** A PUBLISH that the broker received; `payload` and `topic` as they came. */
export interface Message {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  /** The publisher. */
  readonly clientId: string
  /** Ordinal among all PUBLISHes received, from 0 (repeats too, but not of a QoS 2 message that was recognised); -1 for a will. */
  readonly n: number
}

/** A message on its way to one subscriber. `qos` is the delivery's. */
export interface Delivery extends Message {
  readonly subscriber: string
  /** Ordinal among all deliveries that an honest broker would make, from 0. */
  readonly index: number
}

/** Each is asked once for its message or delivery; false, null, 0 and undefined mean honesty. */
export interface Lies {
  /** Milliseconds that the delivery waits. Deliveries with different delays overtake each other. */
  delay?: (delivery: Delivery, index: number) => number
  /** The broker freezes: nothing leaves it (acknowledgements neither) from `atMs` after the first PUBLISH on, for `forMs`; then all at once. */
  stall?: { readonly atMs: number; readonly forMs: number }
  drop?: (delivery: Delivery, index: number) => boolean
  /** How many copies more than one; true is 1. */
  duplicate?: (delivery: Delivery, index: number) => number | boolean
  /** Sent after the next delivery to the same subscriber from the same publisher, topic and QoS; never, if there is none. */
  reorder?: (delivery: Delivery, index: number) => boolean
  /** Which byte of the payload is flipped. */
  damage?: (delivery: Delivery, index: number) => number | null
  /** Bytes that the subscriber gets ahead of the delivery, e.g. garbage. */
  inject?: (delivery: Delivery, index: number) => Uint8Array | null
  /** A client that gets the message too, without having asked for it, at QoS 0. */
  misdeliver?: (message: Message) => string | null
  /** Which of a share group's members (their client ids, in order) gets the message, out of turn. */
  favour?: (message: Message, members: readonly string[]) => number | null
  /** The next member of each share group that has one gets the message too. */
  doubledShare?: (message: Message) => boolean
  /** The message does not take the place of the one that is retained on its topic. */
  staleRetained?: (message: Message) => boolean
  /** The PUBACK's or PUBREC's reason code, >= 0x80: the message goes nowhere. Version 3 has no codes: there it is acknowledged. */
  refusePublish?: (message: Message) => number | null
  /** Delivered, but never acknowledged. */
  noAck?: (message: Message) => boolean
  /** Routed, not acknowledged, and the publisher's connection is closed. A number: DISCONNECT with this code first (version 5). */
  closeAfter?: (message: Message) => 'end' | 'reset' | number | null
  /** The CONNACK's code. */
  refuseConnect?: (clientId: string) => number | null
  /** Bytes in place of the CONNACK, e.g. `AUTH`, garbage, or none at all. */
  answerConnect?: (clientId: string) => Uint8Array | null
  /** The client's session is gone, though the broker had to keep it: a CONNACK without session present. */
  forgetSession?: (clientId: string) => boolean
  /** The client's will is published though it has said DISCONNECT. */
  falseWill?: (clientId: string) => boolean
  /** The client's will is never published. */
  noWill?: (clientId: string) => boolean
  /** A second connection of the client does not end the first. */
  twoSessions?: (clientId: string) => boolean
  /** The code in the SUBACK: a lower QoS than asked for, or a refusal. */
  subackCode?: (clientId: string, filter: string) => number | null
}

/** An AUTH packet of MQTT 5.0 §3.15: continue authentication. */
export const AUTH = Uint8Array.of(0xf0, 0x02, 0x18, 0x00)

/** What the broker did, exactly. */
export class Counts {
  /** CONNECTs answered with success, and with a code; those that got other bytes. */
  connected = 0
  refusedConnects = 0
  strangeAnswers = 0
  takeovers = 0
  /** Connections that stood on though their client id had a new one. */
  doubled = 0
  /** Filters granted, and refused. */
  subscribed = 0
  refusedSubscribes = 0
  /** PUBLISHes received, `refusedPublishes` and `unacked` among them. */
  published = 0
  refusedPublishes = 0
  unacked = 0
  /** Those of them with DUP set; and repeats of a QoS 2 PUBLISH that were recognised by their packet identifier. */
  publishedAgain = 0
  repeated = 0
  /** Published, `falseWills` among them; those that had to be and were not. */
  wills = 0
  falseWills = 0
  withheldWills = 0
  /** Clients that sent nothing for one and a half keep alives. */
  silenced = 0
  /** Deliveries that an honest broker would make: `dropped`, `absent`, `discarded` and `withheld` are those that did not leave. */
  routed = 0
  /** First copies that left, `delayed`, `damaged` and `reordered` among them, and further copies. */
  delivered = 0
  duplicated = 0
  dropped = 0
  delayed = 0
  damaged = 0
  injected = 0
  misdelivered = 0
  /** Messages of a share group that a second member got; they are in `routed` and `delivered` too. */
  doubledShares = 0
  /** Deliveries that left after a later one; those that still wait for one. */
  reordered = 0
  withheld = 0
  /** QoS 0 for somebody who was not connected; QoS 1 and 2 whose session ended while they waited. */
  absent = 0
  discarded = 0
  /** Deliveries that waited for their subscriber to return; PUBLISHes repeated when it did. */
  queued = 0
  resent = 0
  retainedSent = 0
  /** Retained messages that took no place. */
  staleRetained = 0
  /** Packets that a stall held back. */
  stalled = 0
  /** Connections closed by `closeAfter` and `kick`; by packets that could not be parsed. */
  closed = 0
  malformed = 0
}

/** MQTT 3.1.1 §4.7, MQTT 5.0 §4.7. Written apart from the project's own, to be its oracle. */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true
    if (i >= levels.length || (level !== '+' && level !== levels[i])) return false
  }
  return wanted.length === levels.length
}
