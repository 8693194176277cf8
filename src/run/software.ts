/**
 * Which software a node is, and which version, in its own words: what it keeps under `$SYS`, where it has that and lets its clients read it.
 *
 * mosquitto and others tell `$SYS/broker/version`; EMQX has `$SYS/brokers/NODE/version` and `sysdescr`, of every node of its cluster.
 * mosquitto(8) "Broker Status"; EMQX "System Topic".
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Visit } from './visit.ts'

const VERSION = '$SYS/broker/version'
const OF_NODES = /^\$SYS\/brokers\/([^/]+)\/(version|sysdescr)$/
const FILTERS = [VERSION, '$SYS/brokers/+/version', '$SYS/brokers/+/sysdescr']
/** For a SUBACK: a node that hangs must not hold the run. */
const ANSWER_TIMEOUT_MS = 3000
/** A broker that tells it keeps it retained: it comes with the SUBACK, or soon. */
const RETAINED_MS = 500
/** What a node tells goes into the report, however long it is. */
const MOST_CHARACTERS = 100

/** null: it does not say. The visit is of no use for listening any more, and may have been ended: some brokers do so with who asks too much. */
export async function softwareOf(visit: Visit): Promise<string | null> {
  const told = new Map<string, string>()
  const isTold = new AbortController()
  visit.onPublish = ({ bytes, topicStart, topicEnd, payloadStart, payloadEnd }) => {
    const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString()
    told.set(text(topicStart, topicEnd), text(payloadStart, payloadEnd))
    if (told.has(VERSION)) isTold.abort()
  }
  const late = delay(ANSWER_TIMEOUT_MS, null, { ref: false })
  const codes = await Promise.all(FILTERS.map((filter) => Promise.race([visit.request(filter, 0), late])))
  const isGranted = codes.some((code) => code !== null && code < 0x80)
  if (isGranted && !isTold.signal.aborted) await delay(RETAINED_MS, null, { signal: isTold.signal }).catch(() => {})
  return softwareIn(told)
}

/** @param told  payloads by topic */
export function softwareIn(told: ReadonlyMap<string, string>): string | null {
  const nodes = new Map<string, { version?: string; sysdescr?: string }>()
  for (const [topic, text] of told) {
    const [, node, what] = OF_NODES.exec(topic) ?? []
    if (node !== undefined) nodes.set(node, { ...nodes.get(node), [what!]: text })
  }
  const ofNodes = [...nodes.values()].flatMap(({ version, sysdescr }) => (version === undefined ? [] : [`${sysdescr ?? ''} ${version}`]))
  const words = told.get(VERSION) ?? [...new Set(ofNodes)].sort().join(', ')
  const printable = words
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, MOST_CHARACTERS)
  return printable === '' ? null : printable
}
