/**
 * What a client writes, byte by byte, onto the end of an output.
 *
 * PUBLISH and the acknowledgements are written once per message: their lengths are known before the first byte, and nothing is allocated.
 * The other packets are written behind room for the longest fixed header and then moved up to it. MQTT 5.0 §3; MQTT 3.1.1 §3; MQTT 3.1 §3
 */
import { assert } from '../errors.ts'
import type { Output } from './output.ts'
import { PacketType, type ProtocolLevel } from './packet.ts'
import { encodeProperties, type Property, PropertyId, type PropertyList, varintBytes } from './properties.ts'
import type { ConnectDetails, PublishHead, SessionOptions, Subscription, Will } from './requests.ts'

/**
 * What a PUBLISH can add to its topic, properties and payload: fixed header 5, topic length 2, packet identifier 2, property length 4, topic alias 3.
 *
 * Who publishes leaves that much more room in the output.
 */
export const PUBLISH_OVERHEAD_BYTES = 16

/**
 * Writes a PUBLISH and leaves `payloadBytes` for the payload.
 *
 * @param packetId  0 for QoS 0
 * @param alias  0: none. Only level 5, as the head's properties
 * @param isKnownAlias  the broker has been told the alias: the topic is left out
 * @returns where the payload belongs in `out.bytes`; -1, and nothing is written, if the packet would be above `maximumPacketSize`
 */
export function writePublish(
  out: Output,
  level: ProtocolLevel,
  head: PublishHead,
  packetId: number,
  dup: boolean,
  alias: number,
  isKnownAlias: boolean,
  payloadBytes: number,
  maximumPacketSize: number,
): number {
  const topicBytes = isKnownAlias ? 0 : head.topicEnd - head.topicStart
  const properties = head.properties
  const propertyBytes = level < 5 ? 0 : (properties === null ? 0 : properties.length) + (alias === 0 ? 0 : 3)
  const variableBytes = 2 + topicBytes + (packetId === 0 ? 0 : 2) + (level < 5 ? 0 : varintBytes(propertyBytes) + propertyBytes)
  const remaining = variableBytes + payloadBytes
  const size = 1 + varintBytes(remaining) + remaining
  if (size > maximumPacketSize) return -1

  let at = out.reserve(size)
  const bytes = out.bytes
  bytes[at++] = (PacketType.PUBLISH << 4) | (dup ? 8 : 0) | (head.qos << 1) | (head.retain ? 1 : 0)
  at = putVarint(bytes, at, remaining)
  bytes[at++] = topicBytes >> 8
  bytes[at++] = topicBytes
  // Topics are short: a loop over them costs less than the view that `set` needs.
  const { topic, topicStart } = head
  for (let i = topicStart; i < topicStart + topicBytes; i++) bytes[at++] = topic[i]!
  if (packetId !== 0) {
    bytes[at++] = packetId >> 8
    bytes[at++] = packetId
  }
  if (level < 5) return at
  at = putVarint(bytes, at, propertyBytes)
  if (properties !== null) {
    bytes.set(properties, at)
    at += properties.length
  }
  if (alias !== 0) {
    bytes[at++] = PropertyId.topicAlias
    bytes[at++] = alias >> 8
    bytes[at++] = alias
  }
  return at
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP. A code other than 0 is for level 5 only. */
export function writeAck(out: Output, packet: number, packetId: number, code: number): void {
  let at = out.reserve(code === 0 ? 4 : 5)
  const bytes = out.bytes
  bytes[at++] = (packet << 4) | (packet === PacketType.PUBREL ? 2 : 0)
  bytes[at++] = code === 0 ? 2 : 3
  bytes[at++] = packetId >> 8
  bytes[at++] = packetId
  if (code !== 0) bytes[at] = code
}

export function writePingreq(out: Output): void {
  const at = out.reserve(2)
  out.bytes[at] = PacketType.PINGREQ << 4
  out.bytes[at + 1] = 0
}

/** Below level 5 there is no code to write. */
export function writeDisconnect(out: Output, level: ProtocolLevel, code: number): void {
  const start = beginPacket(out)
  if (level === 5 && code !== 0) putByte(out, code)
  endPacket(out, start, PacketType.DISCONNECT << 4)
}

export function writeConnect(out: Output, options: SessionOptions, details: ConnectDetails): void {
  const { level } = options
  const { username, password, will } = details
  assert(level === 5 || username !== null || password === null, 'a password without a username is only in MQTT 5')
  const start = beginPacket(out)
  putText(out, level === 3 ? 'MQIsdp' : 'MQTT')
  putByte(out, level)
  putByte(
    out,
    (options.cleanStart ? 0x02 : 0) |
      (will === null ? 0 : 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0)) |
      (password === null ? 0 : 0x40) |
      (username === null ? 0 : 0x80),
  )
  putUint16(out, options.keepAliveS)
  if (level === 5) putProperties(out, connectProperties(options))
  putText(out, details.clientId)
  if (will !== null) putWill(out, level, will)
  if (username !== null) putText(out, username)
  if (password !== null) putText(out, password)
  endPacket(out, start, PacketType.CONNECT << 4)
}

export function writeSubscribe(out: Output, level: ProtocolLevel, packetId: number, subscriptions: readonly Subscription[]): void {
  const start = beginPacket(out)
  putUint16(out, packetId)
  const identifier = subscriptions[0]?.identifier ?? null
  if (level === 5) putProperties(out, identifier === null ? NONE : [['subscriptionIdentifier', identifier]])
  for (const s of subscriptions) {
    assert(s.identifier === identifier, 'subscriptions of one packet share their identifier')
    putText(out, s.filter)
    putByte(out, level < 5 ? s.qos : s.qos | (s.noLocal ? 0x04 : 0) | (s.retainAsPublished ? 0x08 : 0) | (s.retainHandling << 4))
  }
  endPacket(out, start, (PacketType.SUBSCRIBE << 4) | 2)
}

export function writeUnsubscribe(out: Output, level: ProtocolLevel, packetId: number, filters: readonly string[]): void {
  const start = beginPacket(out)
  putUint16(out, packetId)
  if (level === 5) putProperties(out, NONE)
  for (const filter of filters) putText(out, filter)
  endPacket(out, start, (PacketType.UNSUBSCRIBE << 4) | 2)
}

const NONE: readonly Property[] = []
const FIXED_HEADER_BYTES = 5
const encoder = new TextEncoder()

/** Thousands of clients a second connect with the same few options: their properties are encoded once. */
const encodedOptions = new WeakMap<SessionOptions, Uint8Array>()

function connectProperties(options: SessionOptions): Uint8Array {
  let encoded = encodedOptions.get(options)
  if (encoded === undefined) {
    const properties: PropertyList = []
    if (options.sessionExpiryS !== 0) properties.push(['sessionExpiryInterval', options.sessionExpiryS])
    if (options.receiveMaximum !== null) properties.push(['receiveMaximum', options.receiveMaximum])
    if (options.maximumPacketSize !== null) properties.push(['maximumPacketSize', options.maximumPacketSize])
    if (options.topicAliasMaximum !== null) properties.push(['topicAliasMaximum', options.topicAliasMaximum])
    for (const value of options.userProperties) properties.push(['userProperty', value])
    encoded = encodeProperties(properties)
    encodedOptions.set(options, encoded)
  }
  return encoded
}

function putWill(out: Output, level: ProtocolLevel, will: Will): void {
  if (level === 5) putProperties(out, will.delayS === 0 ? NONE : [['willDelayInterval', will.delayS]])
  putText(out, will.topic)
  assert(will.payload.length <= 0xffff, 'the payload of a will has at most 65,535 bytes')
  putUint16(out, will.payload.length)
  putBytes(out, will.payload)
}

/** Returns where the packet starts, for `endPacket`. */
function beginPacket(out: Output): number {
  return out.reserve(FIXED_HEADER_BYTES)
}

function endPacket(out: Output, start: number, firstByte: number): void {
  const body = start + FIXED_HEADER_BYTES
  out.bytes[start] = firstByte
  const headerEnd = putVarint(out.bytes, start + 1, out.end - body)
  out.bytes.copyWithin(headerEnd, body, out.end)
  out.end -= body - headerEnd
}

function putProperties(out: Output, properties: readonly Property[] | Uint8Array): void {
  const bytes = properties instanceof Uint8Array ? properties : encodeProperties(properties)
  putVarint(out.bytes, out.reserve(varintBytes(bytes.length)), bytes.length)
  putBytes(out, bytes)
}

export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value > 0x7f) {
    bytes[at++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  bytes[at++] = value
  return at
}

function putByte(out: Output, value: number): void {
  out.bytes[out.reserve(1)] = value
}

function putUint16(out: Output, value: number): void {
  const at = out.reserve(2)
  out.bytes[at] = value >> 8
  out.bytes[at + 1] = value
}

function putBytes(out: Output, value: Uint8Array): void {
  out.bytes.set(value, out.reserve(value.length))
}

/** Client identifiers and topics are ASCII nearly always, and then need no encoder. */
function putText(out: Output, text: string): void {
  const start = out.reserve(2 + text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) {
      out.end = start
      const encoded = encoder.encode(text)
      putTextLength(out, out.reserve(2), encoded.length)
      putBytes(out, encoded)
      return
    }
    out.bytes[start + 2 + i] = code
  }
  putTextLength(out, start, text.length)
}

function putTextLength(out: Output, at: number, length: number): void {
  assert(length <= 0xffff, 'a text has at most 65,535 bytes of UTF-8')
  out.bytes[at] = length >> 8
  out.bytes[at + 1] = length
}
