/** A session in memory: `mqtt-packet` plays the broker's side of the wire, and time is moved by hand. */
import { generate, type Packet, parser } from 'mqtt-packet'
import { EventKind, Output } from '../../src/mqtt/output.ts'
import type { ProtocolLevel, QoS } from '../../src/mqtt/packet.ts'
import { readProperties } from '../../src/mqtt/properties.ts'
import { ProtocolError } from '../../src/mqtt/protocol-error.ts'
import type { ConnectDetails, PublishHead, SessionOptions, Subscription } from '../../src/mqtt/requests.ts'
import { Session } from '../../src/mqtt/session.ts'

export const LEVELS = [3, 4, 5] as const

export function makeOptions(changes: Partial<SessionOptions> = {}): SessionOptions {
  return Object.freeze({
    level: 4,
    cleanStart: true,
    keepAliveS: 60,
    sessionExpiryS: 0,
    receiveMaximum: null,
    maximumPacketSize: null,
    topicAliasMaximum: null,
    userProperties: [],
    inFlight: 20,
    maxPacketBytes: 1 << 20,
    autoAck: true,
    ...changes,
  })
}

export const details: ConnectDetails = { clientId: 'c1', username: null, password: null, will: null }

export function subscription(filter: string, qos: QoS, changes: Partial<Subscription> = {}): Subscription {
  return { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: null, ...changes }
}

export function makeHead(topic: string, qos: QoS, changes: Partial<PublishHead> = {}): PublishHead {
  const bytes = new TextEncoder().encode(`slab${topic}slab`)
  return { topic: bytes, topicStart: 4, topicEnd: bytes.length - 4, qos, retain: false, properties: null, alias: 0, ...changes }
}

export function makeOutput(bytes = 1 << 18): Output {
  return new Output(new Uint8Array(bytes))
}

/** Bytes of a packet as a broker of that level writes it. */
export function fromBroker(packet: object, level: ProtocolLevel): Uint8Array {
  return Uint8Array.from(generate(packet as Packet, { protocolVersion: level }))
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
}

/** What the broker reads of the bytes that a client has written. */
export function read(bytes: Uint8Array, level: ProtocolLevel): Record<string, unknown>[] {
  const packets: Record<string, unknown>[] = []
  const oracle = parser({ protocolVersion: level })
  oracle.on('packet', (packet) => packets.push({ ...packet }))
  oracle.on('error', (error) => {
    throw error
  })
  const rest = oracle.parse(Buffer.from(bytes))
  if (rest !== 0) throw new Error(`${rest} bytes too many`)
  return packets
}

export type Seen = Record<string, unknown>

const NAMES = Object.fromEntries(Object.entries(EventKind).map(([name, kind]) => [kind, name]))

/** The output's events with the fields that their kind has, taken out of the borrowed bytes. */
export function eventsOf(out: Output): Seen[] {
  return out.events.slice(0, out.eventCount).map((e) => {
    const text = (start: number, end: number) => Buffer.from(e.bytes.subarray(start, end)).toString()
    const properties = () => {
      const list = readProperties(e.bytes, e.propertiesStart, e.propertiesEnd)
      return list.length === 0 ? {} : { properties: list }
    }
    const kind = NAMES[e.kind]
    switch (e.kind) {
      case EventKind.CONNACK:
        return { kind, code: e.code, sessionPresent: e.sessionPresent, ...properties() }
      case EventKind.PUBLISH: {
        const { packetId, qos, retain, dup } = e
        return {
          kind,
          packetId,
          qos,
          retain,
          dup,
          topic: text(e.topicStart, e.topicEnd),
          payload: text(e.payloadStart, e.payloadEnd),
          ...properties(),
        }
      }
      case EventKind.PUBLISHED:
        return { kind, packetId: e.packetId, qos: e.qos, token: e.token, code: e.code, packet: e.packet }
      case EventKind.SUBACK:
      case EventKind.UNSUBACK:
        return { kind, packetId: e.packetId, token: e.token, index: e.index, code: e.code, ...properties() }
      case EventKind.DISCONNECT:
        return { kind, code: e.code, ...properties() }
      case EventKind.RESEND:
      case EventKind.ABANDONED:
        return { kind, packetId: e.packetId, qos: e.qos, token: e.token }
      case EventKind.REASON:
        return { kind, packetId: e.packetId, packet: e.packet, code: e.code }
      default:
        return { kind }
    }
  })
}

/** A client and its output, with the broker's side in the test's hand. */
export class Peer {
  readonly session: Session
  readonly out = makeOutput()
  nowUs = 0

  constructor(options: SessionOptions) {
    this.session = new Session(options)
  }

  get level(): ProtocolLevel {
    return this.session.options.level
  }

  /** Connects; the broker's CONNACK is the next bytes that it gets. Returns the events. */
  connect(connack: object = {}, changes: Partial<ConnectDetails> = {}): Seen[] {
    this.session.connect(this.nowUs, { ...details, ...changes }, this.out)
    this.sent()
    const code = this.level === 5 ? { reasonCode: 0 } : { returnCode: 0 }
    return this.receive({ cmd: 'connack', sessionPresent: false, ...code, ...connack })
  }

  /** Feeds packets or bytes from the broker and returns the events; what is written stays for `sent`. */
  receive(...items: (object | Uint8Array)[]): Seen[] {
    const bytes = Buffer.concat(items.map((item) => (item instanceof Uint8Array ? item : fromBroker(item, this.level))))
    this.session.receive(this.nowUs, bytes, bytes.length, this.out)
    return this.events()
  }

  events(): Seen[] {
    const events = eventsOf(this.out)
    this.out.eventCount = 0
    return events
  }

  /** What the client has written since, as bytes. */
  bytes(): Uint8Array {
    const bytes = this.out.bytes.slice(0, this.out.end)
    this.out.clear()
    return bytes
  }

  /** What the client has written since, as the broker reads it. */
  sent(): Record<string, unknown>[] {
    return read(this.bytes(), this.level)
  }

  publish(head: PublishHead, payload: string, token = 0): number {
    const bytes = Buffer.from(payload)
    const at = this.session.publish(this.nowUs, head, bytes.length, token, this.out)
    if (at >= 0) this.out.bytes.set(bytes, at)
    return at
  }
}

/** What a call throws, as [reason code, message]; anything but a ProtocolError is thrown on. */
export function protocolErrorOf(call: () => unknown): [number, string] | null {
  try {
    call()
    return null
  } catch (error) {
    if (error instanceof ProtocolError) return [error.reasonCode, error.message]
    throw error
  }
}
