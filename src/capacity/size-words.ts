/** What a sizing says in sentences: why it is what it is, and what it is silent of. */
import { formatBytes, formatCount, formatRate } from '../units.ts'
import { CONSTRAINT_WORDS, roomOfQueued } from './constraints.ts'
import type { Cluster, Decision } from './decide.ts'
import type { Evidence } from './evidence.ts'
import { isRefusal, type Model } from './model.ts'
import type { Regressor } from './regression.ts'
import { nodeWords } from './scaling.ts'

/** Larger by this much than what was sent in the runs. */
const LARGER = 1.5

/** At least one; the most important first. */
export function reasonsOf(model: Model, { doubts, cluster, binding, constraints, carried }: Decision): string[] {
  const { survive } = model.target
  const after = survive === 'none' ? 'it takes' : `${formatCount(cluster.survivors)} have to be left when a ${survive} is lost:`
  const one = constraints.find(({ name }) => name === binding)!
  const why =
    survive === 'none'
      ? `${CONSTRAINT_WORDS[binding]} asks for ${nodeWords(cluster.survivors)}: ${one.basis}`
      : `${after} ${CONSTRAINT_WORDS[binding]} binds (${one.basis})`
  if (doubts.length > 0)
    return [...doubts.map(({ constraint, reason }) => `${CONSTRAINT_WORDS[constraint]}: ${reason}`), `known so far: ${why}`]
  return [why, ...assumptionsOf(model, carried)]
}

/** What else a decision rests on that nobody has measured. */
function assumptionsOf({ memory, throughput, connectRate, target }: Model, carried: Decision['carried']): string[] {
  const assumed = [
    ...(!isRefusal(memory) && memory.perConnection.provenance === 'assumed' ? ['memory of a connection'] : []),
    ...(!isRefusal(throughput) && throughput.ofOne?.provenance === 'assumed' ? ['throughput'] : []),
    ...(!isRefusal(connectRate) && connectRate.provenance === 'assumed' && target.survive !== 'none' ? ['connects a second'] : []),
  ]
  const words = assumed.length === 0 ? [] : [`not measured, but taken from the target: ${assumed.join(', ')}`]
  const worst =
    carried === null || isRefusal(throughput) || throughput.ofOne?.provenance !== 'measured' ? [] : [carried.before, carried.after]
  const stretch = worst.find(({ provenance }) => provenance === 'assumed')
  return stretch === undefined ? words : [...words, `of its throughput it is assumed ${stretch.basis}`]
}

/** `15 nodes, 5 in each of 3 zones`. */
export function clusterWords({ nodes: count, perZone }: Cluster, zones: number): string {
  const each = perZone === null || zones === 1 ? '' : `, ${formatCount(perZone)} in each of ${formatCount(zones)} zones`
  return `${nodeWords(count)}${each}`
}

/** What the number is silent of. */
export function notCoveredOf(model: Model, evidence: Evidence, { constraints, cluster }: Decision): string[] {
  const { load, target } = model
  const { packetBytes, isTls, measuredFanOut, hasQos, hasPersistentSessions } = evidence
  const notJudged = constraints.filter(({ survivors, refusal }) => survivors === null && refusal === null)
  const silent = [
    ...notJudged.map(({ name, basis }) => `${CONSTRAINT_WORDS[name]} (${basis.replace('not judged: ', '')})`),
    ...(isTls ? [] : ['TLS: no run had it']),
    ...(packetBytes !== null && load.packetBytes > LARGER * packetBytes.high
      ? [`messages of ${formatBytes(load.packetBytes)}: those of the runs had ${formatBytes(packetBytes.high)} at most`]
      : []),
    ...(measuredFanOut !== null &&
    load.publishesPerSec > 0 &&
    Math.abs(measuredFanOut - load.fanOut) > 0.2 * Math.max(load.fanOut, measuredFanOut)
      ? [`a fan-out of ${factor(load.fanOut)}: throughput was measured at ${factor(measuredFanOut)}, and is taken by messages in and out`]
      : []),
    ...([0, 1, 2] as const).filter((qos) => load.qosShares[qos] > 0 && !hasQos[qos]).map((qos) => `QoS ${qos}: no run had it`),
    ...(load.persistentShare > 0 && !hasPersistentSessions
      ? [`persistent sessions of ${formatCount(load.persistentShare * load.clients)} clients: no run had them`]
      : []),
    ...unpriced(model, evidence, cluster),
    ...(target.survive === 'zone' ? ['two zones, or a zone and a node, at once'] : []),
  ]
  return [...silent, ...NEVER]
}

/** Of memory: what the target has, and counts as nothing. */
function unpriced(model: Model, { memory: measured }: Evidence, { left }: Cluster): string[] {
  const { load, memory } = model
  if (isRefusal(memory)) return []
  const leftOut = 'refusal' in measured ? [] : measured.leftOut
  const why = (name: Regressor) => leftOut.find((words) => words.startsWith(`${name}: `))?.slice(name.length + 2) ?? 'not measured'
  const room = roomOfQueued(model, left)
  const waiting = load.persistentShare * load.clients
  return [
    ...(load.subscriptionsPerClient > 0 && memory.perSubscription === null
      ? [`memory of subscriptions (${factor(load.subscriptionsPerClient)} of each client): ${why('subscriptions')}`]
      : []),
    ...(room === null
      ? []
      : [`memory of ${formatCount(load.queued)} queued messages: ${why('queued')}; each has room for ${formatBytes(Math.max(0, room))}`]),
    ...(waiting > 0 && load.queued === 0
      ? [`what waits for ${formatCount(waiting)} persistent sessions: the target has nothing queued`]
      : []),
  ]
}

const NEVER = [
  'authentication and its backend',
  'load balancers',
  'bridges to other clusters and regions',
  'retained messages and what is on disk',
  'rules, exports and plugins in the brokers',
  'what fails together: releases, certificates, configuration',
]

function factor(value: number): string {
  return value >= 100 ? formatRate(value).replace('/s', '') : String(Number(value.toPrecision(3)))
}
