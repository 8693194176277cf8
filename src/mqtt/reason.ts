/**
 * Reason codes by the names that the specification gives them, for people who read what a broker answered.
 *
 * A code alone is not enough: 0x01 is a granted QoS in a SUBACK and a refusal in a CONNACK of version 3.
 */
import { PacketType, packetName } from './packet.ts'

/** The specification's name of a code in a packet of that name; null where it has none. */
export function reasonName(packet: string, code: number): string | null {
  return OF_PACKET[packet]?.[code] ?? NAMES[code] ?? null
}

/** MQTT 3.1.1 §3.2.2.3 and §3.9.3, and what MQTT 5.0 §2.4 calls otherwise in these packets. */
const OF_PACKET: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  [packetName(PacketType.CONNACK)]: {
    1: 'Unacceptable protocol version',
    2: 'Identifier rejected',
    3: 'Server unavailable',
    4: 'Bad user name or password',
    5: 'Not authorized',
  },
  [packetName(PacketType.SUBACK)]: { 0: 'Granted QoS 0', 1: 'Granted QoS 1', 2: 'Granted QoS 2', 128: 'Failure, or Unspecified error' },
  [packetName(PacketType.DISCONNECT)]: { 0: 'Normal disconnection', 4: 'Disconnect with Will Message' },
}

/** MQTT 5.0 §2.4 */
const NAMES: Readonly<Record<number, string>> = {
  0: 'Success',
  16: 'No matching subscribers',
  17: 'No subscription existed',
  24: 'Continue authentication',
  25: 'Re-authenticate',
  128: 'Unspecified error',
  129: 'Malformed Packet',
  130: 'Protocol Error',
  131: 'Implementation specific error',
  132: 'Unsupported Protocol Version',
  133: 'Client Identifier not valid',
  134: 'Bad User Name or Password',
  135: 'Not authorized',
  136: 'Server unavailable',
  137: 'Server busy',
  138: 'Banned',
  139: 'Server shutting down',
  140: 'Bad authentication method',
  141: 'Keep Alive timeout',
  142: 'Session taken over',
  143: 'Topic Filter invalid',
  144: 'Topic Name invalid',
  145: 'Packet Identifier in use',
  146: 'Packet Identifier not found',
  147: 'Receive Maximum exceeded',
  148: 'Topic Alias invalid',
  149: 'Packet too large',
  150: 'Message rate too high',
  151: 'Quota exceeded',
  152: 'Administrative action',
  153: 'Payload format invalid',
  154: 'Retain not supported',
  155: 'QoS not supported',
  156: 'Use another server',
  157: 'Server moved',
  158: 'Shared Subscriptions not supported',
  159: 'Connection rate exceeded',
  160: 'Maximum connect time',
  161: 'Subscription Identifiers not supported',
  162: 'Wildcard Subscriptions not supported',
}
