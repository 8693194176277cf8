/**
 * One message as it is about to be sent: what its PUBLISH and its header say.
 */
import type { PublishHead } from '../mqtt/session.ts'
import type { Client } from './client.ts'
import { type Header, writeText } from './header.ts'

// One of each serves all clients of a thread: they are filled and used within one call.
export const head: PublishHead = { topic: new Uint8Array(0), topicStart: 0, topicEnd: 0, qos: 0, retain: false, properties: null, alias: 0 }
export const header: Header = { run: 0, publisher: 0, entry: 0, seq: 0, intendedUs: 0, node: 0 }

/**
 * Fills `head` and `header` for a message; returns the size of its payload.
 *
 * @param s  the stream's number in the group's tables
 */
export function describe(client: Client, s: number, e: number, seq: number, intendedUs: number): number {
  const { group } = client
  const entry = group.plan.publish[e]!
  const route = group.routes[e]!
  if (route !== null) group.pointToLane(e, client.index, route.laneOf(client.index, seq), head)
  else {
    if (group.topicStart[s]! < 0) group.renderTopic(s, client.index, e)
    head.topic = group.topics
    head.topicStart = group.topicStart[s]!
    head.topicEnd = group.topicEnd[s]!
  }
  head.qos = group.schedules[e]!.qosOf(client.index, seq)
  head.retain = entry.retain
  head.alias = entry.topicAlias ? e + 1 : 0
  header.run = group.run
  header.publisher = group.plan.firstClient + client.index
  header.entry = entry.index
  header.seq = seq
  header.intendedUs = Math.floor(intendedUs)
  header.node = client.fleet.notes.nodeAt(client, header.intendedUs)
  const properties = group.propertiesOf(client.index, e)
  head.properties = properties === null ? null : properties.bytes
  if (properties !== null) {
    if (properties.headerAt >= 0) writeText(properties.bytes, properties.headerAt, header)
    if (properties.correlationAt >= 0) writeText(properties.bytes, properties.correlationAt, header)
  }
  return group.payloads[e]!.size(client.index, seq)
}
