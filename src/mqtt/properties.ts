/**
 * MQTT 5 properties: one table, and what reads and writes by it. MQTT 5.0 §2.2.2
 *
 * A block of properties is always a range of bytes without its length. What the broker sends is checked where it lies (`checkProperties`),
 * after which single values are found without reading the rest (`findProperty`). Lists of properties are for what is not done per message.
 */
import { assert } from '../errors.ts'
import { PacketType, packetName, ReasonCode } from './packet.ts'
import { malformed, ProtocolError, violation } from './protocol-error.ts'
import { checkText, decodeText } from './utf8.ts'

const Type = { FLAG: 1, UINT16: 2, UINT32: 3, VARINT: 4, TEXT: 5, BINARY: 6, PAIR: 7 } as const
type Type = (typeof Type)[keyof typeof Type]

const { CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT } = PacketType
const ANSWERS = [CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT] as const

/** Identifier, type, and the packets from a broker that may carry it: those without packets are the client's to send. MQTT 5.0 table 2-4 */
const TABLE = {
  payloadFormatIndicator: [1, Type.FLAG, [PUBLISH]],
  messageExpiryInterval: [2, Type.UINT32, [PUBLISH]],
  contentType: [3, Type.TEXT, [PUBLISH]],
  responseTopic: [8, Type.TEXT, [PUBLISH]],
  correlationData: [9, Type.BINARY, [PUBLISH]],
  subscriptionIdentifier: [11, Type.VARINT, [PUBLISH]],
  sessionExpiryInterval: [17, Type.UINT32, [CONNACK]],
  assignedClientIdentifier: [18, Type.TEXT, [CONNACK]],
  serverKeepAlive: [19, Type.UINT16, [CONNACK]],
  authenticationMethod: [21, Type.TEXT, [CONNACK]],
  authenticationData: [22, Type.BINARY, [CONNACK]],
  requestProblemInformation: [23, Type.FLAG, []],
  willDelayInterval: [24, Type.UINT32, []],
  requestResponseInformation: [25, Type.FLAG, []],
  responseInformation: [26, Type.TEXT, [CONNACK]],
  serverReference: [28, Type.TEXT, [CONNACK, DISCONNECT]],
  reasonString: [31, Type.TEXT, ANSWERS],
  receiveMaximum: [33, Type.UINT16, [CONNACK]],
  topicAliasMaximum: [34, Type.UINT16, [CONNACK]],
  topicAlias: [35, Type.UINT16, [PUBLISH]],
  maximumQoS: [36, Type.FLAG, [CONNACK]],
  retainAvailable: [37, Type.FLAG, [CONNACK]],
  userProperty: [38, Type.PAIR, [...ANSWERS, PUBLISH]],
  maximumPacketSize: [39, Type.UINT32, [CONNACK]],
  wildcardSubscriptionAvailable: [40, Type.FLAG, [CONNACK]],
  subscriptionIdentifierAvailable: [41, Type.FLAG, [CONNACK]],
  sharedSubscriptionAvailable: [42, Type.FLAG, [CONNACK]],
} as const

type Table = typeof TABLE
type Value<T extends Type> = T extends 5 ? string : T extends 6 ? Uint8Array : T extends 7 ? readonly [name: string, value: string] : number

/** A property's name and value, as `['contentType', 'text/plain']` or `['userProperty', ['name', 'value']]`. */
export type Property = { [name in keyof Table]: readonly [name: name, value: Value<Table[name][1]>] }[keyof Table]
export type PropertyList = Property[]

/** Identifiers by name. */
export const PropertyId = Object.fromEntries(Object.entries(TABLE).map(([name, [id]]) => [name, id])) as {
  [name in keyof Table]: Table[name][0]
}
const P = PropertyId

// The table by identifier: the name, the type (0: there is no such property), the bit in a set of properties, and the packets as bits.
const NAMES: string[] = []
const TYPES = new Uint8Array(256)
const BITS = new Uint32Array(256)
const PACKETS = new Uint16Array(256)
for (const [row, [name, [id, type, packets]]] of Object.entries(TABLE).entries()) {
  NAMES[id] = name
  TYPES[id] = type
  BITS[id] = 2 ** row
  for (const packet of packets) PACKETS[id]! |= 1 << packet
}

/**
 * Checks the properties of a packet from the broker: known, allowed there, whole, in range, and only once where once is the rule.
 *
 * @returns the set of those there are, for `hasProperty`
 * @throws ProtocolError
 */
export function checkProperties(bytes: Uint8Array, start: number, end: number, packet: number): number {
  let seen = 0
  for (let at = start; at < end; ) {
    const id = bytes[at]!
    if ((PACKETS[id]! & (1 << packet)) === 0) throw malformed(`${packetName(packet)} with property ${NAMES[id] ?? id}`)
    // Each subscription that a message matches adds its identifier. MQTT 5.0 §3.3.2.3.8
    const isRepeatable = id === P.userProperty || id === P.subscriptionIdentifier
    if ((seen & BITS[id]!) !== 0 && !isRepeatable) throw violation(`${packetName(packet)} with property ${NAMES[id]} twice`)
    seen |= BITS[id]!
    const next = propertyEnd(bytes, at, end)
    checkValue(bytes, at + 1, next, id)
    at = next
  }
  return seen
}

/** Whether a set that `checkProperties` returned has the property `id`. */
export function hasProperty(seen: number, id: number): boolean {
  return (seen & BITS[id]!) !== 0
}

/**
 * Where the property starting at `at` ends: the way to walk over properties without reading them.
 *
 * @throws ProtocolError 0x81 if it is none or does not end before `end`
 */
export function propertyEnd(bytes: Uint8Array, at: number, end: number): number {
  const value = at + 1
  const last = valueEnd(bytes, value, end, TYPES[bytes[at]!]!)
  if (last > end) throw malformed('a property is cut short')
  return last
}

/** Where the value of the first property `id` at or after `start` begins, -1 if there is none. @throws ProtocolError 0x81 */
export function findProperty(bytes: Uint8Array, start: number, end: number, id: number): number {
  for (let at = start; at < end; at = propertyEnd(bytes, at, end)) {
    if (bytes[at] === id) return at + 1
  }
  return -1
}

/** All properties in bytes [start, end); bytes are copied. @throws ProtocolError 0x81 */
export function readProperties(bytes: Uint8Array, start: number, end: number): PropertyList {
  const properties: PropertyList = []
  for (let at = start; at < end; ) {
    const next = propertyEnd(bytes, at, end)
    const id = bytes[at]!
    properties.push([NAMES[id], readValue(bytes, at + 1, next, TYPES[id]!)] as unknown as Property)
    at = next
  }
  return properties
}

/** The bytes of properties, without their length. Values have to fit the table and the protocol's limits. */
export function encodeProperties(properties: readonly Property[]): Uint8Array {
  const bytes: number[] = []
  for (const [name, value] of properties) {
    const [id, type] = TABLE[name]
    bytes.push(id)
    if (typeof value === 'number') {
      if (type === Type.VARINT) pushVarint(bytes, value)
      else pushNumber(bytes, value, type === Type.FLAG ? 1 : type === Type.UINT16 ? 2 : 4)
    } else if (typeof value === 'string') pushBinary(bytes, encoder.encode(value))
    else if (value instanceof Uint8Array) pushBinary(bytes, value)
    else for (const text of value) pushBinary(bytes, encoder.encode(text))
  }
  return Uint8Array.from(bytes)
}

/** How many bytes a variable byte integer takes. MQTT 5.0 §1.5.5 */
export function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4
}

/** The variable byte integer at `at`. It is as long as `varintBytes` of it says. @throws ProtocolError 0x81 */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0
  for (let shift = 0; shift < 28; shift += 7) {
    if (at >= end) throw malformed('a variable byte integer is cut short')
    const byte = bytes[at++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      if (byte === 0 && shift > 0) throw malformed('a variable byte integer is longer than it has to be')
      return value
    }
  }
  throw malformed('a variable byte integer is longer than four bytes')
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at) * 0x10000 + readUint16(bytes, at + 2)
}

const encoder = new TextEncoder()

function valueEnd(bytes: Uint8Array, at: number, end: number, type: number): number {
  switch (type) {
    case Type.FLAG:
      return at + 1
    case Type.UINT16:
      return at + 2
    case Type.UINT32:
      return at + 4
    case Type.VARINT:
      return at + varintBytes(readVarint(bytes, at, end))
    case Type.TEXT:
    case Type.BINARY:
      return binaryEnd(bytes, at, end)
    case Type.PAIR:
      return binaryEnd(bytes, binaryEnd(bytes, at, end), end)
    default:
      throw malformed('an unknown property')
  }
}

function binaryEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 > end) throw malformed('a property is cut short')
  return at + 2 + readUint16(bytes, at)
}

/** The value is whole: [at, end). What is left is what it may say. */
function checkValue(bytes: Uint8Array, at: number, end: number, id: number): void {
  switch (TYPES[id]) {
    case Type.FLAG:
      if (bytes[at]! > 1) throw violation(`property ${NAMES[id]} must be 0 or 1`)
      return
    case Type.TEXT:
      checkText(bytes, at + 2, end)
      if (id === P.responseTopic && hasWildcard(bytes, at + 2, end)) throw violation('a response topic contains a wildcard')
      return
    case Type.PAIR: {
      const nameEnd = at + 2 + readUint16(bytes, at)
      checkText(bytes, at + 2, nameEnd)
      checkText(bytes, nameEnd + 2, end)
      return
    }
    default:
  }
  if (id === P.topicAlias && readUint16(bytes, at) === 0) throw new ProtocolError(ReasonCode.TOPIC_ALIAS_INVALID, 'topic alias 0')
  const isZero =
    (id === P.receiveMaximum && readUint16(bytes, at) === 0) ||
    (id === P.maximumPacketSize && readUint32(bytes, at) === 0) ||
    (id === P.subscriptionIdentifier && bytes[at] === 0)
  if (isZero) throw violation(`property ${NAMES[id]} must not be 0`)
}

function hasWildcard(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === 0x23 || bytes[at] === 0x2b) return true
  return false
}

function readValue(bytes: Uint8Array, at: number, end: number, type: number): Property[1] {
  switch (type) {
    case Type.FLAG:
      return bytes[at]!
    case Type.UINT16:
      return readUint16(bytes, at)
    case Type.UINT32:
      return readUint32(bytes, at)
    case Type.VARINT:
      return readVarint(bytes, at, end)
    case Type.TEXT:
      return decodeText(bytes, at + 2, end)
    case Type.BINARY:
      return new Uint8Array(bytes.subarray(at + 2, end)) // Not `slice`: Node's Buffer would not copy.
    default: {
      const nameEnd = at + 2 + readUint16(bytes, at)
      return [decodeText(bytes, at + 2, nameEnd), decodeText(bytes, nameEnd + 2, end)]
    }
  }
}

function pushNumber(bytes: number[], value: number, count: number): void {
  for (let i = count - 1; i >= 0; i--) bytes.push(Math.floor(value / 256 ** i) % 256)
}

function pushVarint(bytes: number[], value: number): void {
  while (value > 0x7f) {
    bytes.push((value & 0x7f) | 0x80)
    value >>>= 7
  }
  bytes.push(value)
}

function pushBinary(bytes: number[], value: Uint8Array): void {
  assert(value.length <= 0xffff, 'a text or binary of a property has at most 65,535 bytes')
  pushNumber(bytes, value.length, 2)
  for (const byte of value) bytes.push(byte)
}
