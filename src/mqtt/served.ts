/**
 * The other side of the protocol, as far as a sink needs it: what a client writes, and the answers to it. MQTT 5.0 §3; MQTT 3.1.1 §3; MQTT 3.1 §3
 *
 * Packets are read where they lie. What is read is checked to be whole; what a broker could also object to, from user names to properties that are
 * not a client's to send, is let pass.
 */
import { frameBytes, readPacketId, truncated } from './decode.ts'
import { putVarint } from './encode.ts'
import type { Output } from './output.ts'
import { PacketType, type ProtocolLevel, packetName, type QoS } from './packet.ts'
import { encodeProperties, readUint16, readVarint, varintBytes } from './properties.ts'
import { malformed, violation } from './protocol-error.ts'
import { decodeText } from './utf8.ts'

/**
 * How long the packet of a client is that starts at `start`; see `packetBytes`.
 *
 * @throws ProtocolError  for what no client may send, as early as it shows
 */
export function requestBytes(bytes: Uint8Array, start: number, end: number, level: ProtocolLevel, limit: number): number {
  const byte = bytes[start]!
  const packet = byte >> 4
  switch (packet) {
    case PacketType.PUBLISH:
      break
    case PacketType.PUBREL:
    case PacketType.SUBSCRIBE:
    case PacketType.UNSUBSCRIBE:
      // MQTT 3.1 sends these again with DUP set.
      if ((byte & (level === 3 ? 0x07 : 0x0f)) !== 2) throw malformed(`${packetName(packet)} with reserved flags`)
      break
    case PacketType.CONNECT:
    case PacketType.PUBACK:
    case PacketType.PUBREC:
    case PacketType.PUBCOMP:
    case PacketType.PINGREQ:
    case PacketType.DISCONNECT:
      if ((byte & 0x0f) !== 0) throw malformed(`${packetName(packet)} with reserved flags`)
      break
    default:
      throw violation(`a client must not send ${packetName(packet)}`)
  }
  return frameBytes(bytes, start, end, level, limit)
}

/** What a CONNECT says that its answer depends on. */
export interface Hello {
  /** As it stands there: a client may ask for one that does not exist. */
  readonly level: number
  readonly hasClientId: boolean
}

/** @throws ProtocolError  it is none */
export function readConnect(bytes: Uint8Array, body: number, end: number): Hello {
  const name = readText(bytes, body, end)
  if (name.text !== 'MQTT' && name.text !== 'MQIsdp') throw violation(`CONNECT for ${JSON.stringify(name.text)}`)
  const level = bytes[name.end]!
  let at = name.end + 4
  if (at > end) throw truncated(PacketType.CONNECT)
  if (level === 5) at = propertiesEnd(bytes, at, end)
  if (at + 2 > end) throw truncated(PacketType.CONNECT)
  return { level, hasClientId: readUint16(bytes, at) > 0 }
}

/** One of the filters of a SUBSCRIBE. */
export interface Wish {
  readonly filter: string
  readonly qos: QoS
  readonly noLocal: boolean
}

/** @throws ProtocolError  it is not whole, or asks for nothing */
export function readSubscribe(bytes: Uint8Array, body: number, end: number, level: ProtocolLevel): { packetId: number; wishes: Wish[] } {
  const packetId = readPacketId(bytes, body, end, PacketType.SUBSCRIBE)
  const wishes: Wish[] = []
  for (let at = listStart(bytes, body, end, level); at < end; ) {
    const filter = readText(bytes, at, end)
    if (filter.end >= end) throw truncated(PacketType.SUBSCRIBE)
    const options = bytes[filter.end]!
    const qos = options & 3
    if (qos === 3) throw malformed('SUBSCRIBE with QoS 3')
    wishes.push({ filter: filter.text, qos: qos as QoS, noLocal: level === 5 && (options & 4) !== 0 })
    at = filter.end + 1
  }
  if (wishes.length === 0) throw violation('SUBSCRIBE without a filter')
  return { packetId, wishes }
}

/** @throws ProtocolError  it is not whole, or names nothing */
export function readUnsubscribe(
  bytes: Uint8Array,
  body: number,
  end: number,
  level: ProtocolLevel,
): { packetId: number; filters: string[] } {
  const packetId = readPacketId(bytes, body, end, PacketType.UNSUBSCRIBE)
  const filters: string[] = []
  for (let at = listStart(bytes, body, end, level); at < end; ) {
    const filter = readText(bytes, at, end)
    filters.push(filter.text)
    at = filter.end
  }
  if (filters.length === 0) throw violation('UNSUBSCRIBE without a filter')
  return { packetId, filters }
}

/** The largest packet that a sink takes. */
export const MAX_PACKET_BYTES = 1024 * 1024

/** What a sink does not do: clients of MQTT 5 are told. */
const LIMITS = encodeProperties([
  ['maximumPacketSize', MAX_PACKET_BYTES],
  ['subscriptionIdentifierAvailable', 0],
  ['sharedSubscriptionAvailable', 0],
])

/** There is never a session from before. @param code  0, or why not: a return code below level 5 */
export function writeConnack(out: Output, level: ProtocolLevel, code: number, assignedId: string | null): void {
  const properties = level < 5 ? null : assignedId === null ? LIMITS : withAssignedId(assignedId)
  const body = [0, code, ...(properties === null ? [] : [properties.length, ...properties])]
  put(out, PacketType.CONNACK, body)
}

function withAssignedId(id: string): Uint8Array {
  return Uint8Array.from([...LIMITS, ...encodeProperties([['assignedClientIdentifier', id]])])
}

/** @param codes  one for each filter: the granted QoS, or 0x80 and above */
export function writeSuback(out: Output, level: ProtocolLevel, packetId: number, codes: readonly number[]): void {
  put(out, PacketType.SUBACK, [packetId >> 8, packetId & 0xff, ...(level === 5 ? [0] : []), ...codes])
}

/** @param codes  one for each filter; not written below level 5 */
export function writeUnsuback(out: Output, level: ProtocolLevel, packetId: number, codes: readonly number[]): void {
  put(out, PacketType.UNSUBACK, [packetId >> 8, packetId & 0xff, ...(level === 5 ? [0, ...codes] : [])])
}

export function writePingresp(out: Output): void {
  put(out, PacketType.PINGRESP, [])
}

/** The level of a client that asked for one: those of others are refused. MQTT 3.1.1 §3.1.2.2 */
export function isLevel(level: number): level is ProtocolLevel {
  return level === 3 || level === 4 || level === 5
}

/** 0x01 in a CONNACK of 3.1.1. */
export const UNACCEPTABLE_LEVEL = 1
/** MQTT 5.0 §3.9.3; below it there is one code for all failures. */
export const SHARED_NOT_SUPPORTED = 0x9e
export const SUBSCRIBE_FAILURE = 0x80
export const NO_SUCH_SUBSCRIPTION = 0x11

/** A packet that is not written once a message. */
function put(out: Output, packet: number, body: readonly number[]): void {
  const start = out.reserve(1 + varintBytes(body.length) + body.length)
  out.bytes[start] = packet << 4
  out.bytes.set(body, putVarint(out.bytes, start + 1, body.length))
}

/** Where the filters of a SUBSCRIBE or UNSUBSCRIBE begin. */
function listStart(bytes: Uint8Array, body: number, end: number, level: ProtocolLevel): number {
  return level === 5 ? propertiesEnd(bytes, body + 2, end) : body + 2
}

function propertiesEnd(bytes: Uint8Array, at: number, end: number): number {
  const length = readVarint(bytes, at, end)
  const last = at + varintBytes(length) + length
  if (last > end) throw malformed('properties are cut short')
  return last
}

function readText(bytes: Uint8Array, at: number, end: number): { text: string; end: number } {
  const start = at + 2
  const textEnd = start > end ? start : start + readUint16(bytes, at)
  if (textEnd > end) throw malformed('a text is cut short')
  return { text: decodeText(bytes, start, textEnd), end: textEnd }
}
