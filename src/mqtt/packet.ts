/**
 * The words of the protocol, spelt as the specification spells them: packet types, quality of service, and the reason codes that we send or raise ourselves.
 *
 * MQTT 5.0 §2.1.2, §2.4; MQTT 3.1.1 §2.2.1.
 */

export type QoS = 0 | 1 | 2

/** The protocol level byte of CONNECT: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
export type ProtocolLevel = 3 | 4 | 5

export const PacketType = {
  CONNECT: 1,
  CONNACK: 2,
  PUBLISH: 3,
  PUBACK: 4,
  PUBREC: 5,
  PUBREL: 6,
  PUBCOMP: 7,
  SUBSCRIBE: 8,
  SUBACK: 9,
  UNSUBSCRIBE: 10,
  UNSUBACK: 11,
  PINGREQ: 12,
  PINGRESP: 13,
  DISCONNECT: 14,
  AUTH: 15,
} as const

const NAMES = ['packet type 0', ...Object.keys(PacketType)]

/** `PUBLISH` for 3: what errors and counters call a packet. */
export function packetName(type: number): string {
  return NAMES[type] ?? `packet type ${type}`
}

export const ReasonCode = {
  SUCCESS: 0x00,
  DISCONNECT_WITH_WILL: 0x04,
  MALFORMED_PACKET: 0x81,
  PROTOCOL_ERROR: 0x82,
  TOPIC_NAME_INVALID: 0x90,
  PACKET_IDENTIFIER_NOT_FOUND: 0x92,
  RECEIVE_MAXIMUM_EXCEEDED: 0x93,
  TOPIC_ALIAS_INVALID: 0x94,
  PACKET_TOO_LARGE: 0x95,
} as const

/** Codes from here on say that something was refused. MQTT 5.0 §2.4 */
export const FIRST_FAILURE_CODE = 0x80

/** A fixed header of five bytes and the longest remaining length it can state. MQTT 5.0 §1.5.5 */
export const MAXIMUM_PACKET_BYTES = 5 + 268_435_455
