/**
 * An MQTT session, seen from the client: what the specification calls so, with one connection at a time. It outlives connections.
 *
 * It does no IO and has no clock: the owner passes time and bytes in, and drains bytes and events from an `Output` before the next call.
 * MQTT 3.1, 3.1.1 and 5.0 are this one class; where they differ is in the tables and branches of `encode.ts` and `decode.ts`.
 *
 * There are hundreds of thousands in a process, nearly all idle. So an idle one is this object alone: whatever a client may never need (window,
 * aliases, half packets) is made when it is.
 *
 * Packet identifiers of publishes are 1 to the window; those of subscribes count down from 65,535 and never meet them.
 */
import { assert } from '../errors.ts'
import { US_PER_S } from '../units.ts'
import { bodyStart, decodeAck, decodeConnack, decodeDisconnect, decodePublish, packetBytes, readPacketId, tooLong } from './decode.ts'
import { writeAck, writeConnect, writeDisconnect, writePingreq, writePublish, writeSubscribe, writeUnsubscribe } from './encode.ts'
import { Incoming } from './incoming.ts'
import { InFlight, SlotState } from './inflight.ts'
import { type Negotiated, readNegotiated, UNRESTRICTED } from './negotiated.ts'
import { EventKind, type Output } from './output.ts'
import { PacketType, packetName, type QoS, ReasonCode } from './packet.ts'
import { Partial } from './partial.ts'
import { MAXIMUM_WINDOW, Pending } from './pending.ts'
import { violation } from './protocol-error.ts'
import type { ConnectDetails, PublishHead, SessionOptions, Subscription } from './requests.ts'

export type { Negotiated } from './negotiated.ts'
export type { ConnectDetails, PublishHead, SessionOptions, Subscription, Will } from './requests.ts'

const DEFAULT_RECEIVE_MAXIMUM = 65_535

const State = { CLOSED: 0, CONNECTING: 1, CONNECTED: 2 } as const
type State = (typeof State)[keyof typeof State]

export class Session {
  readonly options: SessionOptions
  private state: State = State.CLOSED
  private wasConnected = false
  private limits: Negotiated = UNRESTRICTED
  // NaN, since times are doubles: the objects keep one shape from the start.
  private lastSentUs = Number.NaN
  /** NaN: no PINGREQ waits for its answer. */
  private pingSentUs = Number.NaN
  private partial: Partial | null = null
  private inFlight: InFlight | null = null
  private incoming: Incoming | null = null
  /** Topic aliases that the broker has been told on this connection. */
  private aliases: Set<number> | null = null
  private pending: Pending | null = null

  constructor(options: SessionOptions) {
    this.options = options
  }

  get isConnected(): boolean {
    return this.state === State.CONNECTED
  }

  get inFlightCount(): number {
    return this.inFlight === null ? 0 : this.inFlight.count
  }

  /** Packet identifier of the latest publish of QoS 1 or 2; 0 before the first of a session. */
  get lastPacketId(): number {
    return this.inFlight === null ? 0 : this.inFlight.lastId
  }

  /** What the latest CONNACK allows. Nothing else heeds it but window, packet size, aliases and keep alive: the rest is the owner's to keep to. */
  get negotiated(): Negotiated {
    return this.limits
  }

  /** When something was last sent, µs. */
  get sentAtUs(): number {
    return this.lastSentUs
  }

  /** When `keepAlive` wants to be called, microseconds; Infinity without a connection or a keep alive. */
  get keepAliveDueUs(): number {
    const keepAliveS = this.limits.serverKeepAliveS ?? this.options.keepAliveS
    if (this.state !== State.CONNECTED || keepAliveS === 0) return Number.POSITIVE_INFINITY
    return (Number.isNaN(this.pingSentUs) ? this.lastSentUs : this.pingSentUs) + keepAliveS * US_PER_S
  }

  /** Writes CONNECT on a new connection; forgets what was the last one's and keeps the messages in flight. */
  connect(nowUs: number, details: ConnectDetails, out: Output): void {
    this.forgetConnection()
    this.limits = UNRESTRICTED
    this.state = State.CONNECTING
    writeConnect(out, this.options, details)
    this.lastSentUs = nowUs
  }

  /**
   * Feeds bytes [0, end) of a chunk from the broker; appends acknowledgements and events to `out`.
   *
   * Any split of the stream gives the same events. At most one partial packet is kept, never more than `maxPacketBytes`. The output needs room for
   * 5 bytes more than 5/4 of the chunk; where a CONNACK is awaited, for 4 bytes for each message in flight too. Without a connection, or after
   * a DISCONNECT, bytes are ignored.
   *
   * @param nowUs  monotonic time of arrival, microseconds
   * @param chunk  borrowed by the events
   * @throws ProtocolError  the broker broke the protocol; close the connection. Events added before it hold
   * MQTT 5.0 §4.3, §4.13.1; MQTT 3.1.1 §4.3, §4.8
   */
  receive(nowUs: number, chunk: Uint8Array, end: number, out: Output): void {
    if (this.state === State.CLOSED) return
    const { level, maximumPacketSize, maxPacketBytes } = this.options
    const limit = level === 5 && maximumPacketSize !== null ? Math.min(maximumPacketSize, maxPacketBytes) : maxPacketBytes
    const sentBefore = out.end
    let at = 0
    const partial = this.partial
    if (partial !== null) {
      at = partial.feed(chunk, end, level, limit, packetBytes)
      if (!partial.isWhole) return
      // The events of this packet borrow its bytes: what is left of the chunk must not go there.
      this.partial = null
      this.onPacket(partial.bytes, 0, partial.end, out)
    }
    while (at < end && (this.state as State) !== State.CLOSED) {
      const size = packetBytes(chunk, at, end, level, limit)
      if (size === 0 || at + size > end) {
        this.partial = new Partial(chunk, at, end)
        break
      }
      this.onPacket(chunk, at, at + size, out)
      at += size
    }
    if (out.end !== sentBefore) this.lastSentUs = nowUs
  }

  /** Connected, and for QoS above 0 the window has room. It has none while anything waits to be sent again. */
  canPublish(qos: QoS): boolean {
    if (this.state !== State.CONNECTED) return false
    return qos === 0 || this.inFlight === null || this.inFlight.count < this.window
  }

  /**
   * Writes a PUBLISH but its payload; only when `canPublish`.
   *
   * @param token  below 2^53: comes back with the PUBLISHED, RESEND or ABANDONED event of QoS 1 and 2
   * @returns where in `out.bytes` the caller writes the payload; -1 if the broker's maximum packet size forbids it: then nothing was done
   */
  publish(nowUs: number, head: PublishHead, payloadBytes: number, token: number, out: Output): number {
    assert(this.canPublish(head.qos), 'a publish needs a connection and room in the window')
    if (head.qos === 0) return this.writePublish(nowUs, head, 0, false, payloadBytes, out)
    this.inFlight ??= new InFlight()
    const packetId = this.inFlight.freeId(this.window)
    const payloadAt = this.writePublish(nowUs, head, packetId, false, payloadBytes, out)
    if (payloadAt >= 0) this.inFlight.begin(packetId, head.qos, token)
    return payloadAt
  }

  /**
   * The answer to a RESEND event: the same message with DUP set, on the new connection.
   *
   * @returns as `publish`; with -1 the message can't be sent on this connection, and is ABANDONED
   */
  republish(nowUs: number, packetId: number, head: PublishHead, payloadBytes: number, out: Output): number {
    const { inFlight } = this
    assert(this.isConnected && inFlight !== null && inFlight.stateOf(packetId) !== SlotState.FREE, 'what is sent again is in flight')
    const old = head.qos === 1 ? SlotState.AWAITS_PUBACK : SlotState.AWAITS_PUBREC
    assert(inFlight.stateOf(packetId) === old, 'what is sent again has its old QoS')
    const payloadAt = this.writePublish(nowUs, head, packetId, true, payloadBytes, out)
    if (payloadAt < 0) inFlight.abandon(packetId, this.window, out)
    return payloadAt
  }

  /** One SUBSCRIBE for all; answered by as many SUBACK events. What isn't answered on this connection is forgotten. */
  subscribe(nowUs: number, subscriptions: readonly Subscription[], token: number, out: Output): void {
    const packetId = this.addPending(PacketType.SUBACK, subscriptions.length, token)
    writeSubscribe(out, this.options.level, packetId, subscriptions)
    this.lastSentUs = nowUs
  }

  /** One UNSUBSCRIBE for all; answered by as many UNSUBACK events. What isn't answered on this connection is forgotten. */
  unsubscribe(nowUs: number, filters: readonly string[], token: number, out: Output): void {
    const packetId = this.addPending(PacketType.UNSUBACK, filters.length, token)
    writeUnsubscribe(out, this.options.level, packetId, filters)
    this.lastSentUs = nowUs
  }

  /**
   * PUBACK or PUBREC for a message of this connection; only without `autoAck`.
   *
   * Messages of an earlier connection must not be acknowledged: the broker sends them again.
   */
  acknowledge(nowUs: number, packetId: number, qos: QoS, out: Output): void {
    if (this.state !== State.CONNECTED || qos === 0) return
    if (qos === 1) this.incoming?.close()
    writeAck(out, qos === 1 ? PacketType.PUBACK : PacketType.PUBREC, packetId, ReasonCode.SUCCESS)
    this.lastSentUs = nowUs
  }

  /**
   * Writes PINGREQ when nothing was sent for the keep alive. False: the broker hasn't answered one for as long; close the connection.
   *
   * @param isDeaf  the owner does not read now: whether there was an answer is not known
   */
  keepAlive(nowUs: number, out: Output, isDeaf = false): boolean {
    if (nowUs < this.keepAliveDueUs) return true
    if (!Number.isNaN(this.pingSentUs) && !isDeaf) return false
    writePingreq(out)
    this.lastSentUs = this.pingSentUs = nowUs
    return true
  }

  /** Writes DISCONNECT and hears no more; the owner closes the connection and calls `connectionLost`. The code is for MQTT 5. */
  disconnect(nowUs: number, reasonCode: number, out: Output): void {
    if (this.state === State.CLOSED) return
    this.state = State.CLOSED
    writeDisconnect(out, this.options.level, reasonCode)
    this.lastSentUs = nowUs
  }

  /** The connection is gone, for whatever reason: ABANDONED for each message in flight if the session ends with it. */
  connectionLost(_nowUs: number, out: Output): void {
    this.forgetConnection()
    const { level, cleanStart, sessionExpiryS } = this.options
    const ends = level === 5 ? (this.limits.sessionExpiryS ?? sessionExpiryS) === 0 : cleanStart
    if (ends) this.abandonAll(out)
  }

  /** Leaves the connection behind as a session of its own, to read what the broker still says there; `connectionLost` follows for this one. */
  leaveBehind(): Session {
    const behind = new Session(this.options)
    behind.state = this.state
    behind.limits = this.limits
    behind.partial = this.partial
    this.partial = null
    return behind
  }

  /** Ends the session for us, whatever the broker keeps: ABANDONED for each message in flight. */
  abandonAll(out: Output): void {
    this.inFlight?.abandonAll(out)
    this.inFlight = null
    this.incoming?.held.clear()
  }

  /** How many messages the broker and we allow in flight on this connection. */
  private get window(): number {
    return Math.min(this.options.inFlight, MAXIMUM_WINDOW, this.limits.receiveMaximum)
  }

  private onPacket(bytes: Uint8Array, start: number, end: number, out: Output): void {
    const packet = bytes[start]! >> 4
    const body = bodyStart(bytes, start)
    if (this.state === State.CONNECTING && packet !== PacketType.CONNACK && packet !== PacketType.AUTH) {
      throw violation(`${packetName(packet)} before CONNACK`)
    }
    switch (packet) {
      case PacketType.PUBLISH:
        this.onPublish(bytes, start, body, end, out)
        break
      case PacketType.PUBACK:
      case PacketType.PUBREC:
      case PacketType.PUBREL:
      case PacketType.PUBCOMP: {
        const packetId = readPacketId(bytes, body, end, packet)
        const code = decodeAck(bytes, body, end, packet, this.options.level)
        if (packet === PacketType.PUBREL) this.onPubrel(packetId, code, out)
        else {
          this.inFlight ??= new InFlight()
          this.inFlight.answered(packet, packetId, code, this.options.level, this.window, out)
        }
        break
      }
      case PacketType.CONNACK:
        if (this.state === State.CONNECTED) throw violation('a second CONNACK')
        this.onConnack(bytes, body, end, out)
        break
      case PacketType.SUBACK:
      case PacketType.UNSUBACK:
        this.pending ??= new Pending()
        this.pending.answer(bytes, body, end, packet, this.options.level, out)
        break
      case PacketType.PINGRESP:
        if (body !== end) throw tooLong(packet)
        this.pingSentUs = Number.NaN
        out.add(EventKind.PINGRESP)
        break
      case PacketType.DISCONNECT:
        decodeDisconnect(bytes, body, end, out.peek())
        out.add(EventKind.DISCONNECT)
        this.state = State.CLOSED
        break
      default: // AUTH: every other type has been refused with its first byte.
        throw violation('the broker asked for enhanced authentication (AUTH), which mqtt-scale does not support')
    }
  }

  private onConnack(bytes: Uint8Array, body: number, end: number, out: Output): void {
    const { level, cleanStart } = this.options
    const event = out.peek()
    decodeConnack(bytes, body, end, level, event)
    if (event.sessionPresent && cleanStart) throw violation('CONNACK has a session present after a clean start')
    // MQTT 3.1 can't say whether there is a session: it promises to keep one, so the one we had counts as present.
    if (level === 3 && event.code === 0) event.sessionPresent = !cleanStart && this.wasConnected
    out.add(EventKind.CONNACK)
    if (event.code !== 0) {
      this.state = State.CLOSED
      return
    }
    this.state = State.CONNECTED
    if (level === 5) this.limits = readNegotiated(bytes, event.propertiesStart, event.propertiesEnd)
    if (event.sessionPresent) this.inFlight?.resume(this.window, out)
    else this.abandonAll(out)
    this.wasConnected = true
  }

  private onPublish(bytes: Uint8Array, start: number, body: number, end: number, out: Output): void {
    const { level, autoAck, topicAliasMaximum, receiveMaximum } = this.options
    const event = out.peek()
    const alias = decodePublish(bytes, start, body, end, level, event)
    if (alias !== 0) {
      this.incoming ??= new Incoming()
      this.incoming.resolve(alias, topicAliasMaximum ?? 0, event, out)
    }
    if (event.qos === 1 && autoAck) writeAck(out, PacketType.PUBACK, event.packetId, ReasonCode.SUCCESS)
    else if (event.qos !== 0) {
      const incoming = (this.incoming ??= new Incoming())
      if (event.qos === 2 && incoming.held.has(event.packetId)) {
        // Sent again because our PUBREC was lost: it has been delivered. MQTT 5.0 §4.3.3
        writeAck(out, PacketType.PUBREC, event.packetId, ReasonCode.SUCCESS)
        return
      }
      incoming.open(level === 5 && receiveMaximum !== null ? receiveMaximum : DEFAULT_RECEIVE_MAXIMUM)
      if (event.qos === 2) incoming.held.add(event.packetId)
      if (autoAck) writeAck(out, PacketType.PUBREC, event.packetId, ReasonCode.SUCCESS)
    }
    out.add(EventKind.PUBLISH)
  }

  private onPubrel(packetId: number, code: number, out: Output): void {
    const isHeld = this.incoming?.held.delete(packetId) ?? false
    if (isHeld) this.incoming?.close()
    const answer = isHeld || this.options.level < 5 ? ReasonCode.SUCCESS : ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
    writeAck(out, PacketType.PUBCOMP, packetId, answer)
    if (code !== 0) out.addReason(PacketType.PUBREL, packetId, code)
  }

  private forgetConnection(): void {
    this.state = State.CLOSED
    this.pingSentUs = Number.NaN
    this.partial = null
    this.aliases = null
    this.pending = null
    this.incoming?.reset()
  }

  private writePublish(nowUs: number, head: PublishHead, packetId: number, dup: boolean, payloadBytes: number, out: Output): number {
    const { topicAliasMaximum, maximumPacketSize } = this.limits
    const alias = head.alias <= topicAliasMaximum ? head.alias : 0
    const isKnown = alias !== 0 && this.aliases?.has(alias) === true
    const { level } = this.options
    const payloadAt = writePublish(out, level, head, packetId, dup, alias, isKnown, payloadBytes, maximumPacketSize)
    if (payloadAt < 0) return -1
    if (alias !== 0 && !isKnown) {
      this.aliases ??= new Set()
      this.aliases.add(alias)
    }
    this.lastSentUs = nowUs
    return payloadAt
  }

  private addPending(answer: number, count: number, token: number): number {
    assert(this.isConnected, 'a subscribe needs a connection')
    this.pending ??= new Pending()
    return this.pending.add(answer, count, token)
  }
}
