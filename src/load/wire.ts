/**
 * From the plan to what goes on the wire: session options of a group, and the MQTT 5 properties of its messages.
 */
import type { Event } from '../mqtt/output.ts'
import { encodeProperties, type PropertyList, readProperties } from '../mqtt/properties.ts'
import type { SessionOptions } from '../mqtt/session.ts'
import { TEXT_LENGTH } from './header.ts'
import { headerForm } from './payload.ts'
import type { GroupPlan, PublishPlan } from './plan.ts'
import { variablesOf } from './template.ts'

/** The largest packet taken from a broker: MQTT's own limit. */
const MAX_PACKET_BYTES = 268_435_460

/** Name of the user property that carries the header where the payload has no room for it. */
export const HEADER_PROPERTY = 'ms'

/** The options of a group's three kinds of session; `cleaning` is the one that ends what a persistent session has left. */
export function sessionOptions(plan: GroupPlan): { clean: SessionOptions; persistent: SessionOptions; cleaning: SessionOptions } {
  const clean: SessionOptions = Object.freeze({
    level: plan.version,
    cleanStart: true,
    keepAliveS: plan.keepAliveS,
    sessionExpiryS: 0,
    receiveMaximum: plan.receiveMaximum,
    maximumPacketSize: plan.maximumPacketSize,
    topicAliasMaximum: plan.topicAliasMaximum,
    userProperties: plan.userProperties,
    inFlight: plan.inFlight,
    maxPacketBytes: plan.maximumPacketSize ?? MAX_PACKET_BYTES,
    autoAck: plan.subscribe.every((s) => s.ackAfterUs === 0),
  })
  return {
    clean,
    persistent: Object.freeze({ ...clean, cleanStart: false, sessionExpiryS: plan.version === 5 ? plan.sessionExpiryS : 0 }),
    cleaning: Object.freeze({ ...clean, autoAck: true, inFlight: 20 }),
  }
}

/** The encoded MQTT 5 properties of an entry's messages. */
export interface MessageProperties {
  readonly bytes: Uint8Array
  /** Where the header's text goes in `bytes`, or -1. */
  readonly headerAt: number
}

/**
 * The properties of an entry's messages, or null for none; `render` fills in templates.
 *
 * The header's property comes last, so that its place is known from the end.
 */
export function messageProperties(group: GroupPlan, entry: PublishPlan, render: (template: string) => string): MessageProperties | null {
  if (group.version !== 5) return null
  const list: PropertyList = []
  if (entry.expiryS !== null) list.push(['messageExpiryInterval', entry.expiryS])
  if (entry.contentType !== null) list.push(['contentType', render(entry.contentType)])
  if (entry.responseTopic !== null) list.push(['responseTopic', render(entry.responseTopic)])
  if (entry.correlationData !== null) list.push(['correlationData', new TextEncoder().encode(render(entry.correlationData))])
  for (const [name, value] of entry.userProperties) list.push(['userProperty', [name, render(value)]])
  const hasHeader = headerForm(group, entry.payload) === 'property'
  if (hasHeader) list.push(['userProperty', [HEADER_PROPERTY, 'A'.repeat(TEXT_LENGTH)]])
  if (list.length === 0) return null
  const bytes = encodeProperties(list)
  return { bytes, headerAt: hasHeader ? bytes.length - TEXT_LENGTH : -1 }
}

/** Whether the entry's properties differ from client to client. */
export function hasClientProperties(entry: PublishPlan): boolean {
  const texts = [entry.contentType, entry.responseTopic, entry.correlationData, ...entry.userProperties.map(([, value]) => value)]
  return texts.some((text) => text !== null && variablesOf(text).length > 0)
}

/** The value of the header's user property in a PUBLISH, or null. */
export function headerProperty(event: Event): Uint8Array | null {
  for (const [name, value] of readProperties(event.bytes, event.propertiesStart, event.propertiesEnd)) {
    if (name === 'userProperty' && value[0] === HEADER_PROPERTY) return new TextEncoder().encode(value[1])
  }
  return null
}
