/**
 * From the plan to what goes on the wire: session options of a group, and the MQTT 5 properties of its messages.
 */
import type { Event } from '../mqtt/output.ts'
import { encodeProperties, type PropertyList, readProperties } from '../mqtt/properties.ts'
import type { SessionOptions } from '../mqtt/session.ts'
import { type Header, TEXT_LENGTH, writeText } from './header.ts'
import { headerForm } from './payload.ts'
import type { GroupPlan, PublishPlan, ReplyPlan } from './plan.ts'
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
  /** Where the header's text goes in `bytes`, or -1: as our user property, and as a request's Correlation Data. */
  readonly headerAt: number
  readonly correlationAt: number
}

/** Of the header's user property: identifier, two lengths, name and value. */
const HEADER_PROPERTY_BYTES = 1 + 2 + 'ms'.length + 2 + TEXT_LENGTH

/**
 * The properties of an entry's messages, or null for none; `render` fills in templates.
 *
 * The header's property comes last, and Correlation Data before it, so that their places are known from the end.
 */
export function messageProperties(group: GroupPlan, entry: PublishPlan, render: (template: string) => string): MessageProperties | null {
  if (group.version !== 5) return null
  const list: PropertyList = []
  if (entry.expiryS !== null) list.push(['messageExpiryInterval', entry.expiryS])
  if (entry.contentType !== null) list.push(['contentType', render(entry.contentType)])
  if (entry.responseTopic !== null) list.push(['responseTopic', render(entry.responseTopic)])
  if (entry.correlationData !== null) list.push(['correlationData', new TextEncoder().encode(render(entry.correlationData))])
  if (entry.request !== null) list.push(['responseTopic', render(entry.request.response)])
  for (const [name, value] of entry.userProperties) list.push(['userProperty', [name, render(value)]])
  if (entry.request !== null) list.push(['correlationData', new TextEncoder().encode('A'.repeat(TEXT_LENGTH))])
  const hasHeader = headerForm(group, entry.payload) === 'property'
  if (hasHeader) list.push(['userProperty', [HEADER_PROPERTY, 'A'.repeat(TEXT_LENGTH)]])
  if (list.length === 0) return null
  const bytes = encodeProperties(list)
  const correlationEnd = bytes.length - (hasHeader ? HEADER_PROPERTY_BYTES : 0)
  return {
    bytes,
    headerAt: hasHeader ? bytes.length - TEXT_LENGTH : -1,
    correlationAt: entry.request === null ? -1 : correlationEnd - TEXT_LENGTH,
  }
}

/** Whether the entry's properties differ from client to client. */
export function hasClientProperties(entry: PublishPlan): boolean {
  const { contentType, responseTopic, correlationData, request } = entry
  const texts = [contentType, responseTopic, correlationData, request?.response ?? null, ...entry.userProperties.map(([, value]) => value)]
  return texts.some((text) => text !== null && variablesOf(text).length > 0)
}

/** The value of the header's user property in a PUBLISH, or null. */
export function headerProperty(event: Event): Uint8Array | null {
  for (const [name, value] of readProperties(event.bytes, event.propertiesStart, event.propertiesEnd)) {
    if (name === 'userProperty' && value[0] === HEADER_PROPERTY) return new TextEncoder().encode(value[1])
  }
  return null
}

/** Where a request wants its reply, and what is to come back with it; null where it does not say (below version 5). */
export function requestProperties(event: Event): { topic: string | null; correlation: Uint8Array | null } {
  let topic: string | null = null
  let correlation: Uint8Array | null = null
  for (const [name, value] of readProperties(event.bytes, event.propertiesStart, event.propertiesEnd)) {
    if (name === 'responseTopic') topic = value
    else if (name === 'correlationData') correlation = value
  }
  return { topic, correlation }
}

/** The properties of a reply, or null for none. */
export function replyProperties(group: GroupPlan, reply: ReplyPlan, correlation: Uint8Array | null, header: Header): Uint8Array | null {
  if (group.version !== 5) return null
  const list: PropertyList = []
  if (correlation !== null) list.push(['correlationData', correlation])
  const hasHeader = headerForm(group, reply.payload) === 'property'
  if (hasHeader) list.push(['userProperty', [HEADER_PROPERTY, 'A'.repeat(TEXT_LENGTH)]])
  if (list.length === 0) return null
  const bytes = encodeProperties(list)
  if (hasHeader) writeText(bytes, bytes.length - TEXT_LENGTH, header)
  return bytes
}
