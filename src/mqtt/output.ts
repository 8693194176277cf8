/**
 * What a session has to say to its owner: bytes for the broker, and events.
 *
 * One output serves all sessions of a worker. Its owner drains it (sends the bytes, handles the events, clears) before the next call of any
 * session, so nothing in it needs to be owned by anybody, and nothing is allocated once the event records are there.
 */
import { assert } from '../errors.ts'
import type { QoS } from './packet.ts'

export const EventKind = {
  /** The broker's answer to CONNECT; a code other than 0 is a refusal, after which it closes the connection. */
  CONNACK: 1,
  /** A message, to be delivered once. */
  PUBLISH: 2,
  /** A publish of QoS 1 or 2 is done; `code` says how, `packet` what said so. */
  PUBLISHED: 3,
  /** One event for each subscription of a SUBSCRIBE; `index` says which. */
  SUBACK: 4,
  /** One event for each filter of an UNSUBSCRIBE; `index` says which. */
  UNSUBACK: 5,
  /** The broker says good-bye (MQTT 5). */
  DISCONNECT: 6,
  /** A message in flight has to be sent again: answer with `republish`. */
  RESEND: 7,
  /** A message in flight ended with its session: whether it arrived will never be known. */
  ABANDONED: 8,
  PINGRESP: 9,
  /** A PUBREC, PUBREL or PUBCOMP with a code other than 0 that no other event tells: to be counted. */
  REASON: 10,
} as const
export type EventKind = (typeof EventKind)[keyof typeof EventKind]

/** Fields that a kind does not use keep stale values. */
export interface Event {
  kind: EventKind
  packetId: number
  /** Reason code; return codes of a 3.x CONNACK stay as they are (1 to 5), a failed 3.x SUBACK has 0x80. */
  code: number
  /** The type of the packet that carried the code. */
  packet: number
  qos: QoS
  retain: boolean
  dup: boolean
  sessionPresent: boolean
  /** Of the publish or subscribe that this answers. */
  token: number
  /** Which subscription or filter of its packet a SUBACK or UNSUBACK answers, from 0. */
  index: number
  /** Borrowed until `clear`: the ranges below are of it. Properties are those of any packet but acknowledgements of publishes; checked, without their length. */
  bytes: Uint8Array
  topicStart: number
  topicEnd: number
  payloadStart: number
  payloadEnd: number
  propertiesStart: number
  propertiesEnd: number
}

export class Output {
  /** [0, end) is to be sent. */
  readonly bytes: Uint8Array
  end = 0
  /** Reusable records; [0, eventCount) are valid until `clear`. */
  readonly events: Event[] = []
  eventCount = 0
  /** Bytes of events that are not where they arrived. */
  scratch: Uint8Array = NOTHING
  private scratchEnd = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Takes the next `count` bytes and returns where they start. */
  reserve(count: number): number {
    const start = this.end
    assert(start + count <= this.bytes.length, 'the owner of an output leaves room for what a call can write')
    this.end = start + count
    return start
  }

  /** The record that the next `add` takes: to be filled while it is not yet sure that there is an event. */
  peek(): Event {
    let event = this.events[this.eventCount]
    if (event === undefined) {
      event = newEvent()
      this.events.push(event)
    }
    return event
  }

  add(kind: EventKind): Event {
    const event = this.peek()
    event.kind = kind
    this.eventCount++
    return event
  }

  addReason(packet: number, packetId: number, code: number): void {
    const event = this.add(EventKind.REASON)
    event.packet = packet
    event.packetId = packetId
    event.code = code
  }

  /** Takes `count` bytes of `scratch` and returns where they start. A full one is replaced: events keep the one they have. */
  borrow(count: number): number {
    if (this.scratchEnd + count > this.scratch.length) {
      this.scratch = new Uint8Array(Math.max(4096, count, 2 * this.scratch.length))
      this.scratchEnd = 0
    }
    const start = this.scratchEnd
    this.scratchEnd += count
    return start
  }

  clear(): void {
    this.end = 0
    this.eventCount = 0
    this.scratchEnd = 0
  }
}

const NOTHING = new Uint8Array(0)

function newEvent(): Event {
  return {
    kind: EventKind.PINGRESP,
    packetId: 0,
    code: 0,
    packet: 0,
    qos: 0,
    retain: false,
    dup: false,
    sessionPresent: false,
    // A token can be any whole number below 2^53: start as a double, so that the record never changes its shape.
    token: Number.NaN,
    index: 0,
    bytes: NOTHING,
    topicStart: 0,
    topicEnd: 0,
    payloadStart: 0,
    payloadEnd: 0,
    propertiesStart: 0,
    propertiesEnd: 0,
  }
}
