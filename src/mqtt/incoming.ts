/**
 * What a session has to remember of what the broker sends: QoS 2 identifiers between PUBLISH and PUBREL, topic aliases, and how many messages
 * wait for their acknowledgement. Most clients never need one.
 */
import type { Event, Output } from './output.ts'
import { ReasonCode } from './packet.ts'
import { ProtocolError, violation } from './protocol-error.ts'

export class Incoming {
  /** Messages of QoS 2 that have been delivered and not yet released: part of the session's state. */
  readonly held = new Set<number>()
  /** Of this connection, as its receive maximum counts. */
  private unacknowledged = 0
  private readonly aliases = new Map<number, Uint8Array>()

  /** Aliases and quota are the connection's, not the session's. MQTT 5.0 §3.3.2.3.4, §4.9 */
  reset(): void {
    this.unacknowledged = 0
    this.aliases.clear()
  }

  /** @throws ProtocolError 0x93 if this message is one more than the broker may have open */
  open(receiveMaximum: number): void {
    if (++this.unacknowledged <= receiveMaximum) return
    throw new ProtocolError(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED, `more than ${receiveMaximum} messages wait for an acknowledgement`)
  }

  /** What was opened on an earlier connection is not in this one's count. */
  close(): void {
    if (this.unacknowledged > 0) this.unacknowledged--
  }

  /**
   * Learns the alias of a message that has a topic, or gives one its topic.
   *
   * @throws ProtocolError 0x94 above the maximum, 0x82 for one that was not introduced. MQTT 5.0 §3.3.2.3.4
   */
  resolve(alias: number, maximum: number, event: Event, out: Output): void {
    if (alias > maximum) throw new ProtocolError(ReasonCode.TOPIC_ALIAS_INVALID, `topic alias ${alias} is above the maximum of ${maximum}`)
    const topicBytes = event.topicEnd - event.topicStart
    const known = this.aliases.get(alias)
    if (topicBytes === 0) {
      if (known === undefined) throw violation(`topic alias ${alias} has no topic`)
      moveToScratch(event, known, out)
    } else if (known !== undefined && known.length === topicBytes) {
      // Often a broker says the same again: the copy that is there takes it.
      for (let i = 0; i < topicBytes; i++) known[i] = event.bytes[event.topicStart + i]!
    } else {
      // Not `slice`: the chunk may be a Buffer of Node's, whose `slice` doesn't copy.
      this.aliases.set(alias, new Uint8Array(event.bytes.subarray(event.topicStart, event.topicEnd)))
    }
  }
}

/** Topic, properties and payload have to be ranges of the same bytes. */
function moveToScratch(event: Event, topic: Uint8Array, out: Output): void {
  const { bytes, propertiesStart, payloadEnd } = event
  const start = out.borrow(topic.length + payloadEnd - propertiesStart)
  out.scratch.set(topic, start)
  out.scratch.set(bytes.subarray(propertiesStart, payloadEnd), start + topic.length)
  const moved = start + topic.length - propertiesStart
  event.bytes = out.scratch
  event.topicStart = start
  event.topicEnd = start + topic.length
  event.propertiesStart += moved
  event.propertiesEnd += moved
  event.payloadStart += moved
  event.payloadEnd += moved
}
