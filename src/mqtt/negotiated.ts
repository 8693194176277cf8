/**
 * What a broker allows on one connection, as its CONNACK says. MQTT 5.0 §3.2.2.3
 *
 * MQTT 3.x has nothing of this, and most MQTT 5 brokers say little: all that say nothing share one object.
 */
import { MAXIMUM_PACKET_BYTES, type QoS } from './packet.ts'
import { readProperties } from './properties.ts'

export interface Negotiated {
  /** Unacknowledged QoS 1 and 2 publishes that the broker takes. */
  readonly receiveMaximum: number
  readonly maximumQoS: QoS
  readonly retainAvailable: boolean
  /** Largest packet that the broker takes. */
  readonly maximumPacketSize: number
  readonly topicAliasMaximum: number
  readonly wildcardSubscriptionAvailable: boolean
  readonly subscriptionIdentifierAvailable: boolean
  readonly sharedSubscriptionAvailable: boolean
  /** null: as the client asked. */
  readonly serverKeepAliveS: number | null
  readonly sessionExpiryS: number | null
  readonly assignedClientId: string | null
}

export const UNRESTRICTED: Negotiated = Object.freeze({
  receiveMaximum: 65_535,
  maximumQoS: 2,
  retainAvailable: true,
  maximumPacketSize: MAXIMUM_PACKET_BYTES,
  topicAliasMaximum: 0,
  wildcardSubscriptionAvailable: true,
  subscriptionIdentifierAvailable: true,
  sharedSubscriptionAvailable: true,
  serverKeepAliveS: null,
  sessionExpiryS: null,
  assignedClientId: null,
})

/** Reads the checked properties of a CONNACK. */
export function readNegotiated(bytes: Uint8Array, start: number, end: number): Negotiated {
  if (start === end) return UNRESTRICTED
  const negotiated: { -readonly [key in keyof Negotiated]: Negotiated[key] } = { ...UNRESTRICTED }
  for (const [name, value] of readProperties(bytes, start, end)) {
    switch (name) {
      case 'receiveMaximum':
        negotiated.receiveMaximum = value
        break
      case 'topicAliasMaximum':
        negotiated.topicAliasMaximum = value
        break
      case 'maximumPacketSize':
        negotiated.maximumPacketSize = Math.min(value, MAXIMUM_PACKET_BYTES)
        break
      case 'maximumQoS':
        negotiated.maximumQoS = value as QoS
        break
      case 'retainAvailable':
        negotiated.retainAvailable = value === 1
        break
      case 'wildcardSubscriptionAvailable':
        negotiated.wildcardSubscriptionAvailable = value === 1
        break
      case 'subscriptionIdentifierAvailable':
        negotiated.subscriptionIdentifierAvailable = value === 1
        break
      case 'sharedSubscriptionAvailable':
        negotiated.sharedSubscriptionAvailable = value === 1
        break
      case 'serverKeepAlive':
        negotiated.serverKeepAliveS = value
        break
      case 'sessionExpiryInterval':
        negotiated.sessionExpiryS = value
        break
      case 'assignedClientIdentifier':
        negotiated.assignedClientId = value
        break
      default: // The others say nothing that a load has to heed.
    }
  }
  return negotiated
}
