/**
 * The publishes of QoS 1 and 2 that the broker has not yet answered: a window of slots.
 *
 * Slot i is packet identifier i + 1, so an acknowledgement finds its message by index. Identifiers go round, so that one is not taken again
 * at once and a late answer can't be taken for that of another message. Slots are made as they are needed: most clients never fill a window.
 *
 * Invariant: `count` slots are not FREE. Whether the connection lets one more be sent is the session's to say.
 */
import { assert } from '../errors.ts'
import type { QoS } from './packet.ts'

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

  private grow(size: number): void {
    assert(size > this.states.length, 'nothing is sent into a full window')
    while (this.states.length < size) {
      this.states.push(SlotState.FREE)
      this.tokens.push(0)
      this.orders.push(0)
    }
  }
}
