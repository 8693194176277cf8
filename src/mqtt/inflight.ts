/**
 * The publishes of QoS 1 and 2 that the broker has not yet answered: a window of slots, and what each answer does to it.
 *
 * Slot i is packet identifier i + 1, so an acknowledgement finds its message by index. Identifiers go round, so that one is not taken again
 * at once and a late answer can't be taken for that of another message. Slots are made as they are needed: most clients never fill a window.
 *
 * Invariant: `count` slots are not FREE. On a new connection more can be in flight than its window has room for: until those have been sent
 * again, `count` is not below the window, so nothing new overtakes them.
 */
import { assert } from '../errors.ts'
import { writeAck } from './encode.ts'
import { type Event, EventKind, type Output } from './output.ts'
import { FIRST_FAILURE_CODE, PacketType, type ProtocolLevel, packetName, type QoS, ReasonCode } from './packet.ts'
import { violation } from './protocol-error.ts'

export const SlotState = {
  FREE: 0,
  /** QoS 1: PUBACK ends it. */
  AWAITS_PUBACK: 1,
  /** QoS 2, first half. */
  AWAITS_PUBREC: 2,
  /** QoS 2, second half: the broker has the message. */
  AWAITS_PUBCOMP: 3,
} as const
export type SlotState = (typeof SlotState)[keyof typeof SlotState]

/** Room to go round even for a client that waits for each acknowledgement. */
const FIRST_SLOTS = 8

export class InFlight {
  count = 0
  /** The identifier taken last; 0 before the first. */
  lastId = 0
  private readonly states: SlotState[] = []
  private readonly tokens: number[] = []
  /** Rises with each step of each message: resending keeps to it. MQTT 5.0 §4.6 */
  private readonly orders: number[] = []
  private order = 0
  private next = 0
  /** Identifiers that must be sent again and wait for room in the window, the oldest last. */
  private resends: number[] | null = null

  /** A free identifier; there is one as long as `count` is below `window`. */
  freeId(window: number): number {
    const size = this.states.length
    if (this.count === size) this.grow(Math.min(window, Math.max(FIRST_SLOTS, 2 * size)))
    while (this.states[this.next] !== SlotState.FREE) this.next = (this.next + 1) % this.states.length
    return this.next + 1
  }

  begin(id: number, qos: QoS, token: number): void {
    const slot = id - 1
    this.states[slot] = qos === 1 ? SlotState.AWAITS_PUBACK : SlotState.AWAITS_PUBREC
    this.tokens[slot] = token
    this.orders[slot] = this.order++
    this.count++
    this.next = id % this.states.length
    this.lastId = id
  }

  /** The broker's PUBREC has come. */
  release(id: number): void {
    this.states[id - 1] = SlotState.AWAITS_PUBCOMP
    this.orders[id - 1] = this.order++
  }

  end(id: number): void {
    this.states[id - 1] = SlotState.FREE
    this.count--
  }

  /**
   * A PUBACK, PUBREC or PUBCOMP. One for nothing in flight is late or a repeat, and does no harm.
   *
   * @throws ProtocolError  it can't be the answer to that message, now or ever
   */
  answered(packet: number, id: number, code: number, level: ProtocolLevel, window: number, out: Output): void {
    const state = this.stateOf(id)
    const isDone = packet !== PacketType.PUBREC || code >= FIRST_FAILURE_CODE
    if (state === SlotState.FREE) {
      if (!isDone) writeAck(out, PacketType.PUBREL, id, level === 5 ? ReasonCode.PACKET_IDENTIFIER_NOT_FOUND : ReasonCode.SUCCESS)
      if (code !== 0) out.addReason(packet, id, code)
      return
    }
    if (!isAnswer(packet, state)) throw violation(`${packetName(packet)} at the wrong time or for a message of another QoS`)
    if (isDone) {
      const event = this.addEvent(EventKind.PUBLISHED, id, out)
      event.code = code
      event.packet = packet
      this.end(id)
      if (this.resends !== null) this.offerResends(window, out)
      return
    }
    if (state === SlotState.AWAITS_PUBREC) this.release(id)
    writeAck(out, PacketType.PUBREL, id, ReasonCode.SUCCESS)
    if (code !== 0) out.addReason(packet, id, code)
  }

  /** On a new connection of the session: publishes go again in their order; what the broker has, it is told to release. MQTT 5.0 §4.4, §4.6 */
  resume(window: number, out: Output): void {
    this.resends = []
    for (const id of this.oldestFirst()) {
      if (this.stateOf(id) === SlotState.AWAITS_PUBCOMP) writeAck(out, PacketType.PUBREL, id, ReasonCode.SUCCESS)
      else this.resends.push(id)
    }
    this.resends.reverse()
    this.offerResends(window, out)
  }

  abandon(id: number, window: number, out: Output): void {
    this.addEvent(EventKind.ABANDONED, id, out)
    this.end(id)
    this.offerResends(window, out)
  }

  abandonAll(out: Output): void {
    for (const id of this.oldestFirst()) this.addEvent(EventKind.ABANDONED, id, out)
  }

  /** FREE for every identifier that is not in flight. */
  stateOf(id: number): SlotState {
    return id <= this.states.length ? this.states[id - 1]! : SlotState.FREE
  }

  tokenOf(id: number): number {
    return this.tokens[id - 1]!
  }

  /** The identifiers in flight, the one whose turn came first in front. */
  oldestFirst(): number[] {
    const ids: number[] = []
    for (let id = 1; id <= this.states.length; id++) if (this.stateOf(id) !== SlotState.FREE) ids.push(id)
    return ids.sort((a, b) => this.orders[a - 1]! - this.orders[b - 1]!)
  }

  /** A broker may allow less on the new connection than it did on the old: then the rest waits for answers. */
  private offerResends(window: number, out: Output): void {
    const resends = this.resends
    if (resends === null) return
    while (resends.length > 0 && this.count - resends.length < window) this.addEvent(EventKind.RESEND, resends.pop()!, out)
    if (resends.length === 0) this.resends = null
  }

  private addEvent(kind: EventKind, id: number, out: Output): Event {
    const event = out.add(kind)
    event.packetId = id
    event.token = this.tokenOf(id)
    event.qos = this.stateOf(id) === SlotState.AWAITS_PUBACK ? 1 : 2
    return event
  }

  private grow(size: number): void {
    assert(size > this.states.length, 'nothing is sent into a full window')
    while (this.states.length < size) {
      this.states.push(SlotState.FREE)
      this.tokens.push(0)
      this.orders.push(0)
    }
  }
}

/** A PUBREC may be repeated, until the PUBCOMP. */
function isAnswer(packet: number, state: SlotState): boolean {
  if (packet === PacketType.PUBACK) return state === SlotState.AWAITS_PUBACK
  if (packet === PacketType.PUBCOMP) return state === SlotState.AWAITS_PUBCOMP
  return state !== SlotState.AWAITS_PUBACK
}
