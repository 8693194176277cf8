/**
 * One process of a sink: whoever connects is welcome, whatever is published is acknowledged, and goes to those who have subscribed to it in this process.
 *
 * It has no sessions, retained messages, wills or keep alive, and asks nobody for a password. Sockets are the transport's numbers; what is kept of a
 * connection is a byte, a packet identifier where something goes to it, and what has come of a packet that is not whole.
 */
import { bodyStart, decodePublish, readPacketId } from '../mqtt/decode.ts'
import { PUBLISH_OVERHEAD_BYTES, writeAck, writePublish } from '../mqtt/encode.ts'
import { type Event, Output } from '../mqtt/output.ts'
import { PacketType, type ProtocolLevel, type QoS, ReasonCode } from '../mqtt/packet.ts'
import { Partial } from '../mqtt/partial.ts'
import { ProtocolError, violation } from '../mqtt/protocol-error.ts'
import type { PublishHead } from '../mqtt/requests.ts'
import * as served from '../mqtt/served.ts'
import { MAX_PACKET_BYTES } from '../mqtt/served.ts'
import { filterProblem, parseShare } from '../mqtt/topic.ts'
import { decodeText } from '../mqtt/utf8.ts'
import { EpollTransport } from '../net/epoll.ts'
import type { Acceptor } from '../net/listen.ts'
import type { TransportHandler } from '../net/transport.ts'
import { Routes } from './routes.ts'

/** Acknowledgements of what is read at once, and a message to somebody else. */
const BUFFER_BYTES = 256 * 1024 + MAX_PACKET_BYTES + PUBLISH_OVERHEAD_BYTES
const LAST_ID = 65_535

/** What a sink has seen, since it started. */
export interface SinkCounts {
  readonly connects: number
  readonly connected: number
  readonly publishes: readonly [qos0: number, qos1: number, qos2: number]
  readonly deliveries: number
  /** Connections that were ended for what they sent. */
  readonly refused: number
  /** Times that no more connections could be taken for a while. */
  readonly full: number
}

export class Connections implements TransportHandler, Acceptor {
  private readonly transport: EpollTransport
  private readonly out: Output
  private readonly routes = new Routes()
  /** By socket: its protocol level, 0 before CONNECT. */
  private levels = new Uint8Array(64)
  private readonly lastIds = new Map<number, number>()
  private readonly partials = new Map<number, Partial>()
  private readonly published: [number, number, number] = [0, 0, 0]
  private connects = 0
  private connected = 0
  private deliveries = 0
  private refused = 0
  private full = 0
  private fullListener = -1
  private readonly head: PublishHead = { topic: NOTHING, topicStart: 0, topicEnd: 0, qos: 0, retain: false, properties: null, alias: 0 }

  constructor() {
    this.transport = new EpollTransport(this, BUFFER_BYTES)
    this.out = new Output(this.transport.buffer)
  }

  get counts(): SinkCounts {
    const { connects, connected, published, deliveries, refused, full } = this
    return { connects, connected, publishes: published, deliveries, refused, full }
  }

  /** See `EpollTransport.listen`. Returns the port. */
  listen(address: string, port: number): number {
    return this.transport.listen(this, address, port).port
  }

  /** Waits up to `timeoutUs` for something to do, and does it. */
  turn(timeoutUs: number): void {
    this.transport.poll(timeoutUs)
  }

  close(): void {
    this.transport.dispose()
  }

  onAccept(socket: number): number {
    if (socket >= this.levels.length) {
      const larger = new Uint8Array(2 * socket)
      larger.set(this.levels)
      this.levels = larger
    }
    this.levels[socket] = 0
    this.connects++
    this.connected++
    return socket
  }

  onFull(listener: number): void {
    this.full++
    this.fullListener = listener
  }

  onData(socket: number, chunk: Uint8Array, end: number): void {
    try {
      this.receive(socket, chunk, end)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.refused++
      this.end(socket)
    }
    this.out.clear()
  }

  onClose(socket: number): void {
    this.forget(socket)
  }

  /** Connections that come in are open at once, and what the kernel does not take waits in the transport. */
  onTcp(): void {}
  onOpen(): void {}
  onWritable(): void {}

  private receive(socket: number, chunk: Uint8Array, end: number): void {
    const sizeOf = served.requestBytes
    let at = 0
    let isOpen = true
    const partial = this.partials.get(socket)
    if (partial !== undefined) {
      at = partial.feed(chunk, end, this.levelOf(socket), MAX_PACKET_BYTES, sizeOf)
      if (!partial.isWhole) return
      this.partials.delete(socket)
      isOpen = this.onPacket(socket, partial.bytes, 0, partial.end)
    }
    while (isOpen && at < end) {
      const size = sizeOf(chunk, at, end, this.levelOf(socket), MAX_PACKET_BYTES)
      if (size === 0 || at + size > end) {
        this.partials.set(socket, new Partial(chunk, at, end))
        break
      }
      isOpen = this.onPacket(socket, chunk, at, at + size)
      at += size
    }
    if (this.out.end > 0) this.transport.send(socket, 0, this.out.end)
    if (!isOpen) this.end(socket)
  }

  /** Before CONNECT nothing depends on it. */
  private levelOf(socket: number): ProtocolLevel {
    return (this.levels[socket] || 4) as ProtocolLevel
  }

  /** Returns false after the last packet of a connection. */
  private onPacket(socket: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { out } = this
    const packet = bytes[start]! >> 4
    const body = bodyStart(bytes, start)
    const level = this.levelOf(socket)
    if ((packet === PacketType.CONNECT) !== (this.levels[socket] === 0)) throw violation('CONNECT comes first, and once')
    switch (packet) {
      case PacketType.PUBLISH:
        this.onPublish(socket, bytes, start, body, end, level)
        break
      case PacketType.PUBREC:
        writeAck(out, PacketType.PUBREL, readPacketId(bytes, body, end, packet), ReasonCode.SUCCESS)
        break
      case PacketType.PUBREL:
        writeAck(out, PacketType.PUBCOMP, readPacketId(bytes, body, end, packet), ReasonCode.SUCCESS)
        break
      case PacketType.PINGREQ:
        served.writePingresp(out)
        break
      case PacketType.CONNECT:
        return this.onConnect(socket, bytes, body, end)
      case PacketType.SUBSCRIBE:
        this.onSubscribe(socket, bytes, body, end, level)
        break
      case PacketType.UNSUBSCRIBE: {
        const { packetId, filters } = served.readUnsubscribe(bytes, body, end, level)
        const codes = filters.map((filter) => (this.routes.remove(socket, filter) ? ReasonCode.SUCCESS : served.NO_SUCH_SUBSCRIPTION))
        served.writeUnsuback(out, level, packetId, codes)
        break
      }
      case PacketType.DISCONNECT:
        return false
    }
    return true
  }

  private onConnect(socket: number, bytes: Uint8Array, body: number, end: number): boolean {
    const { level, hasClientId } = served.readConnect(bytes, body, end)
    if (!served.isLevel(level)) {
      served.writeConnack(this.out, 4, served.UNACCEPTABLE_LEVEL, null)
      return false
    }
    this.levels[socket] = level
    served.writeConnack(this.out, level, ReasonCode.SUCCESS, hasClientId ? null : `sink-${process.pid}-${this.connects}`)
    return true
  }

  private onSubscribe(socket: number, bytes: Uint8Array, body: number, end: number, level: ProtocolLevel): void {
    const { packetId, wishes } = served.readSubscribe(bytes, body, end, level)
    const codes = wishes.map((wish) => {
      if (filterProblem(wish.filter) !== null) throw violation(`SUBSCRIBE to ${wish.filter}`)
      if (parseShare(wish.filter) !== null) return level === 5 ? served.SHARED_NOT_SUPPORTED : served.SUBSCRIBE_FAILURE
      this.routes.add(socket, wish)
      return wish.qos
    })
    served.writeSuback(this.out, level, packetId, codes)
  }

  private onPublish(socket: number, bytes: Uint8Array, start: number, body: number, end: number, level: ProtocolLevel): void {
    const { out } = this
    const event = out.peek()
    if (decodePublish(bytes, start, body, end, level, event) !== 0) throw violation('a topic alias, and none is allowed')
    this.published[event.qos]++
    if (event.qos !== 0) writeAck(out, event.qos === 1 ? PacketType.PUBACK : PacketType.PUBREC, event.packetId, ReasonCode.SUCCESS)
    if (!this.routes.mayLead(event.topicEnd - event.topicStart)) return
    const topic = decodeText(bytes, event.topicStart, event.topicEnd)
    this.routes.each(topic, socket, (taker, wanted) => this.deliver(taker, Math.min(wanted, event.qos) as QoS, event))
  }

  /** Written behind what waits for the publisher, sent, and forgotten. */
  private deliver(taker: number, qos: QoS, event: Event): void {
    const { out, head } = this
    const start = out.end
    const level = this.levelOf(taker)
    head.topic = event.bytes
    head.topicStart = event.topicStart
    head.topicEnd = event.topicEnd
    head.qos = qos
    const hasProperties = level === 5 && event.propertiesEnd > event.propertiesStart
    head.properties = hasProperties ? event.bytes.subarray(event.propertiesStart, event.propertiesEnd) : null
    const payloadBytes = event.payloadEnd - event.payloadStart
    const at = writePublish(out, level, head, qos === 0 ? 0 : this.nextId(taker), false, 0, false, payloadBytes, MAX_PACKET_BYTES)
    if (at < 0) return
    out.bytes.set(event.bytes.subarray(event.payloadStart, event.payloadEnd), at)
    this.transport.send(taker, start, out.end)
    this.deliveries++
    out.end = start
  }

  /** One behind the other: acknowledgements are not waited for. */
  private nextId(socket: number): number {
    const id = ((this.lastIds.get(socket) ?? 0) % LAST_ID) + 1
    this.lastIds.set(socket, id)
    return id
  }

  private end(socket: number): void {
    this.transport.close(socket, 'end')
    this.forget(socket)
  }

  private forget(socket: number): void {
    this.connected--
    this.routes.forget(socket)
    this.lastIds.delete(socket)
    this.partials.delete(socket)
    if (this.fullListener < 0) return
    this.transport.resume(this.fullListener)
    this.fullListener = -1
  }
}

const NOTHING = new Uint8Array(0)
