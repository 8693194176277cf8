/**
 * From the text of a target to what is to be sized, every problem with its place. What a target states is assumed, unless a report measures it.
 */
import { basename } from 'node:path'
import { assert } from '../errors.ts'
import { ScenarioDocument } from '../load/document.ts'
import { isWithin, readSchema } from '../load/issues.ts'
import type { Plan } from '../load/plan.ts'
import { parseThreshold } from '../load/threshold.ts'
import { type TargetFile, targetSchema } from './target-schema.ts'
import { type Traffic, trafficOf } from './traffic.ts'
import type { Provenance } from './types.ts'

/** Of MQTT beside topic and payload: header, length, packet identifier. */
const MQTT_BYTES = 6
const TOPIC_BYTES = 40

/** What the cluster is to carry, at the end of its growth. */
export interface Load extends Traffic {
  readonly queued: number
  /** Times that of today. */
  readonly growth: number
  /** `target file`, or the scenario's name. */
  readonly basis: string
  readonly provenance: Provenance
}

export interface Target extends Omit<TargetFile, 'name'> {
  readonly name: string
  /** Thresholds as `sloKey` writes them. */
  readonly sloKeys: readonly string[]
}

/**
 * @param file  the path as the user gave it
 * @param set  `path=value` texts
 * @throws ScenarioError  with every problem found, in the order of the file
 */
export function readTarget(file: string, text: string, set: readonly string[]): Target {
  const document = new ScenarioDocument(file, text, set, 'target')
  const { value, problems, refused } = readSchema(document, targetSchema)
  const slo = value?.slo ?? []
  for (const [i, expression] of slo.entries()) {
    const parsed = parseThreshold(expression)
    if ('problem' in parsed && !refused.some((path) => isWithin(['slo', i], path)))
      problems.push(document.problem(['slo', i], parsed.problem, parsed.hint))
  }
  document.throwIfAny(problems)
  assert(value !== null, 'a target without problems has a value')
  return { ...value, name: value.name ?? basename(file).replace(/(\.target)?\.ya?ml$/i, ''), sloKeys: slo.map(sloKey) }
}

/** Two thresholds that say the same have the same key: `<100ms` and `< 0.1s`. */
export function sloKey(expression: string): string {
  const parsed = parseThreshold(expression)
  return 'problem' in parsed ? expression : `${parsed.metric} ${parsed.op} ${parsed.value}`
}

/**
 * What a target states goes before what its scenario says.
 *
 * @param plan  of the target's `load`; null: it has none
 * @param fileBytes  size of a payload file, by the path that the plan has
 */
export function loadOf(target: Target, plan: Plan | null, fileBytes: (path: string) => number): Load {
  const { growth: grows, payload, topic = TOPIC_BYTES } = target
  const growth = grows === undefined ? 1 : (1 + grows.perYear) ** grows.years
  const own = plan === null ? null : trafficOf(plan, fileBytes)
  const pick = (stated: number | undefined, of: number | undefined, otherwise = 0) => stated ?? of ?? otherwise
  const qos = target.qos
  return {
    clients: Math.round(pick(target.clients, own?.clients) * growth),
    publishesPerSec: pick(target.publish, own?.publishesPerSec) * growth,
    fanOut: pick(target.fanOut, own?.fanOut, 1),
    packetBytes: payload === undefined ? pick(undefined, own?.packetBytes) : payload + topic + MQTT_BYTES,
    qosShares: qos === undefined ? (own?.qosShares ?? [1, 0, 0]) : [qos[0] ?? 0, qos[1] ?? 0, qos[2] ?? 0],
    persistentShare: pick(target.persistent, own?.persistentShare),
    keepAliveS: pick(target.keepAlive, own?.keepAliveS, 60),
    subscriptionsPerClient: pick(target.subscriptions, own?.subscriptionsPerClient),
    queued: Math.round(target.queued * growth),
    growth,
    basis: plan === null ? 'target file' : `scenario ${plan.name}`,
    provenance: 'assumed',
  }
}
