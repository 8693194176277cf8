/** What an owner asks of a session: the words of `Session`'s methods. */
import type { ProtocolLevel, QoS } from './packet.ts'

/** What all clients of a kind have in common: one frozen object for all their sessions. */
export interface SessionOptions {
  readonly level: ProtocolLevel
  /** Clean session, as 3.x calls it. */
  readonly cleanStart: boolean
  /** 0: none. */
  readonly keepAliveS: number
  /** MQTT 5, as are the next four: ignored below. 0: the session ends with its connection. */
  readonly sessionExpiryS: number
  readonly receiveMaximum: number | null
  readonly maximumPacketSize: number | null
  readonly topicAliasMaximum: number | null
  /** Of the CONNECT packet. */
  readonly userProperties: readonly (readonly [name: string, value: string])[]
  /** Window of unacknowledged QoS 1 and 2 publishes, 1 to 65,535: of identifiers the last 1,024 are for subscribes, so no more than 64,511 are used. */
  readonly inFlight: number
  /** Largest packet accepted from the broker: the limit of what a session may have to keep. */
  readonly maxPacketBytes: number
  /** Acknowledge each message as it arrives; else the owner calls `acknowledge`. */
  readonly autoAck: boolean
}

export interface ConnectDetails {
  readonly clientId: string
  readonly username: string | null
  /** Without a username only in MQTT 5. MQTT 3.1.1 §3.1.2.9 */
  readonly password: string | null
  readonly will: Will | null
}

export interface Will {
  readonly topic: string
  /** At most 65,535 bytes. */
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  /** MQTT 5. */
  readonly delayS: number
}

/** A PUBLISH without its payload. The session keeps nothing of it: the caller may use one object for all. */
export interface PublishHead {
  /** UTF-8 of the topic is [topicStart, topicEnd) of it, without a length. */
  topic: Uint8Array
  topicStart: number
  topicEnd: number
  qos: QoS
  retain: boolean
  /** MQTT 5: encoded by `encodeProperties`, without a topic alias. */
  properties: Uint8Array | null
  /**
   * MQTT 5: 0, or a number from 1 that always has the same topic in this session.
   *
   * Topic and alias go out the first time on a connection, the alias alone from then on. Above the broker's maximum it is not used.
   */
  alias: number
}

export interface Subscription {
  readonly filter: string
  readonly qos: QoS
  /** MQTT 5, as are the others: ignored below. */
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  /** One for all subscriptions of a packet. MQTT 5.0 §3.8.2.1.2 */
  readonly identifier: number | null
}
