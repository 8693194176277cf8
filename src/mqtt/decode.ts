/**
 * What a broker writes: where a packet ends, and what is in it.
 *
 * Packets are read where they lie, into the event that they may become; every field is checked before it is used. Nothing here knows what
 * went before: what a packet means at this point is the session's to judge. MQTT 5.0 §2, §3; MQTT 3.1.1 §2, §3
 */
import type { Event } from './output.ts'
import { PacketType, type ProtocolLevel, packetName, type QoS, ReasonCode } from './packet.ts'
import { checkProperties, findProperty, hasProperty, PropertyId, readUint16, readVarint, varintBytes } from './properties.ts'
import { malformed, ProtocolError, violation } from './protocol-error.ts'
import { checkTopicName } from './utf8.ts'

/**
 * How long the packet is that starts at `start`, its fixed header included; 0 while the header is not whole.
 *
 * @param limit  largest packet accepted, bytes
 * @throws ProtocolError  for what no broker may send, as early as it shows
 */
export function packetBytes(bytes: Uint8Array, start: number, end: number, level: ProtocolLevel, limit: number): number {
  checkFirstByte(bytes[start]!, level)
  return frameBytes(bytes, start, end, level, limit)
}

/** `packetBytes` of a packet from either side: its first byte is not looked at. */
export function frameBytes(bytes: Uint8Array, start: number, end: number, level: ProtocolLevel, limit: number): number {
  let remaining = 0
  for (let i = 1; i <= 4; i++) {
    if (start + i >= end) return 0
    const byte = bytes[start + i]!
    remaining |= (byte & 0x7f) << (7 * (i - 1))
    if (byte >= 0x80) continue
    // MQTT 3.x does not forbid a padded length.
    if (byte === 0 && i > 1 && level === 5) throw malformed('a remaining length is longer than it has to be')
    const size = 1 + i + remaining
    if (size > limit) throw new ProtocolError(ReasonCode.PACKET_TOO_LARGE, `a packet of ${size} bytes, more than the limit of ${limit}`)
    return size
  }
  throw malformed('a remaining length of more than four bytes')
}

/** Where the variable header starts of the packet at `start`, which is whole. */
export function bodyStart(bytes: Uint8Array, start: number): number {
  let at = start + 1
  while (bytes[at]! >= 0x80) at++
  return at + 1
}

/** Reads a PUBLISH into `event`. Returns its topic alias, 0 without one: only with one may the topic be empty. */
export function decodePublish(bytes: Uint8Array, start: number, body: number, end: number, level: ProtocolLevel, event: Event): number {
  const flags = bytes[start]!
  const qos = (flags >> 1) & 3
  if (qos === 3) throw malformed('PUBLISH with QoS 3')
  event.bytes = bytes
  event.qos = qos as QoS
  event.retain = (flags & 1) !== 0
  event.dup = (flags & 8) !== 0
  // MQTT 3.1 only says that the flag is for QoS above 0.
  if (event.dup && qos === 0 && level !== 3) throw malformed('PUBLISH of QoS 0 with DUP')
  if (body + 2 > end) throw truncated(PacketType.PUBLISH)
  event.topicStart = body + 2
  event.topicEnd = event.topicStart + readUint16(bytes, body)
  if (event.topicEnd > end) throw truncated(PacketType.PUBLISH)
  let at = event.topicEnd
  event.packetId = 0
  if (qos !== 0) {
    event.packetId = readPacketId(bytes, at, end, PacketType.PUBLISH)
    at += 2
  }
  let alias = 0
  if (level === 5) {
    const seen = decodeProperties(bytes, at, end, PacketType.PUBLISH, event)
    at = event.propertiesEnd
    if (hasProperty(seen, PropertyId.topicAlias)) {
      alias = readUint16(bytes, findProperty(bytes, event.propertiesStart, at, PropertyId.topicAlias))
    }
  } else event.propertiesStart = event.propertiesEnd = at
  event.payloadStart = at
  event.payloadEnd = end
  if (event.topicStart !== event.topicEnd) checkTopicName(bytes, event.topicStart, event.topicEnd)
  else if (alias === 0) throw violation('PUBLISH without a topic')
  return alias
}

/** Checks a PUBACK, PUBREC, PUBREL or PUBCOMP and returns its reason code. MQTT 5.0 §3.4.2 */
export function decodeAck(bytes: Uint8Array, body: number, end: number, packet: number, level: ProtocolLevel): number {
  const length = end - body
  if (length === 2) return ReasonCode.SUCCESS
  if (length < 2) throw truncated(packet)
  if (level < 5) throw tooLong(packet)
  if (length > 3) {
    const properties = propertiesStart(bytes, body + 3, end, packet)
    if (properties + readVarint(bytes, body + 3, end) !== end) throw tooLong(packet)
    checkProperties(bytes, properties, end, packet)
  }
  return bytes[body + 2]!
}

export function decodeConnack(bytes: Uint8Array, body: number, end: number, level: ProtocolLevel, event: Event): void {
  if (body + 2 > end) throw truncated(PacketType.CONNACK)
  const flags = bytes[body]!
  // MQTT 3.1 has no such byte: whatever is there means nothing.
  if (flags > 1 && level !== 3) throw malformed('CONNACK with reserved flags')
  event.sessionPresent = flags === 1 && level !== 3
  event.code = bytes[body + 1]!
  event.packet = PacketType.CONNACK
  decodeTail(bytes, body + 2, end, PacketType.CONNACK, level, event)
  if (event.propertiesEnd !== end) throw tooLong(PacketType.CONNACK)
  if (event.sessionPresent && event.code !== 0) throw violation('CONNACK refuses and has a session present')
}

/** Reads a SUBACK or UNSUBACK up to its codes: one byte each from `event.propertiesEnd` to the end; none in an UNSUBACK of 3.x. */
export function decodeSuback(bytes: Uint8Array, body: number, end: number, packet: number, level: ProtocolLevel, event: Event): void {
  event.packetId = readPacketId(bytes, body, end, packet)
  event.packet = packet
  decodeTail(bytes, body + 2, end, packet, level, event)
  if (packet === PacketType.UNSUBACK && level < 5 && event.propertiesEnd !== end) throw tooLong(packet)
}

/** MQTT 5.0 §3.14.2: the code may be left out, and so may the properties. */
export function decodeDisconnect(bytes: Uint8Array, body: number, end: number, event: Event): void {
  event.packet = PacketType.DISCONNECT
  event.code = body === end ? ReasonCode.SUCCESS : bytes[body]!
  event.bytes = bytes
  event.propertiesStart = event.propertiesEnd = end
  if (end - body < 2) return
  decodeProperties(bytes, body + 1, end, PacketType.DISCONNECT, event)
  if (event.propertiesEnd !== end) throw tooLong(PacketType.DISCONNECT)
}

export function readPacketId(bytes: Uint8Array, at: number, end: number, packet: number): number {
  if (at + 2 > end) throw truncated(packet)
  const id = readUint16(bytes, at)
  if (id === 0) throw violation(`${packetName(packet)} with packet identifier 0`)
  return id
}

export function tooLong(packet: number): ProtocolError {
  return malformed(`${packetName(packet)} is longer than its fields`)
}

export function truncated(packet: number): ProtocolError {
  return malformed(`${packetName(packet)} is cut short`)
}

/** The properties of level 5; an empty range below. */
function decodeTail(bytes: Uint8Array, at: number, end: number, packet: number, level: ProtocolLevel, event: Event): void {
  event.bytes = bytes
  if (level === 5) decodeProperties(bytes, at, end, packet, event)
  else event.propertiesStart = event.propertiesEnd = at
}

/** Reads the length and checks the properties; returns the set of them. */
function decodeProperties(bytes: Uint8Array, at: number, end: number, packet: number, event: Event): number {
  event.propertiesStart = propertiesStart(bytes, at, end, packet)
  event.propertiesEnd = event.propertiesStart + readVarint(bytes, at, end)
  return checkProperties(bytes, event.propertiesStart, event.propertiesEnd, packet)
}

/** Behind the length at `at`; the properties are known to end in the packet. */
function propertiesStart(bytes: Uint8Array, at: number, end: number, packet: number): number {
  const length = readVarint(bytes, at, end)
  const start = at + varintBytes(length)
  if (start + length > end) throw truncated(packet)
  return start
}

function checkFirstByte(byte: number, level: ProtocolLevel): void {
  const packet = byte >> 4
  if (packet === PacketType.PUBLISH) return
  if (packet === 0 || (packet === PacketType.AUTH && level < 5)) throw malformed(`packet type ${packet} is reserved`)
  // MQTT 3.1 sends a PUBREL again with DUP set.
  const flags = packet === PacketType.PUBREL && level === 3 ? byte & 0x07 : byte & 0x0f
  if (flags !== (packet === PacketType.PUBREL ? 2 : 0) && !isRequest(packet)) throw malformed(`${packetName(packet)} with reserved flags`)
  if (isRequest(packet) || (packet === PacketType.DISCONNECT && level < 5)) throw violation(`a broker must not send ${packetName(packet)}`)
}

/** What only clients send. */
function isRequest(packet: number): boolean {
  switch (packet) {
    case PacketType.CONNECT:
    case PacketType.SUBSCRIBE:
    case PacketType.UNSUBSCRIBE:
    case PacketType.PINGREQ:
      return true
    default:
      return false
  }
}
