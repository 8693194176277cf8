/**
 * From constraints to a cluster: how many survive, how many there have to be, and whether that is a decision.
 *
 * It is none where a constraint is not known; where the throughput of the cluster that comes out is not known, however few nodes would do by
 * throughput alone; where what asks for the nodes, or may easily ask for more, rests on a measurement at less than half of what it is used for; and
 * where queued messages, whose memory nobody has measured, would change it were they to take twice their own bytes.
 */
import { formatBytes, formatCount, formatRate } from '../units.ts'
import { type Constraint, type ConstraintName, constraintsOf, lostClients, neededPerSec, roomOfQueued } from './constraints.ts'
import { isRefusal, type Model } from './model.ts'
import { FARTHEST, factorWords, type Refusal } from './scaling.ts'
import type { Target } from './target.ts'
import type { Carried } from './throughput.ts'

export interface Cluster {
  /** That have to be left. */
  readonly survivors: number
  readonly nodes: number
  /** null: they don't spread evenly. */
  readonly perZone: number | null
  /** That are left after what is to be survived; at least `survivors`. */
  readonly left: number
}

export interface Doubt extends Refusal {
  readonly constraint: ConstraintName
}

export interface Decision {
  /** Their provenance is that of the cluster that comes out being enough: few nodes may have been measured, and many be a guess. */
  readonly constraints: readonly Constraint[]
  /** By all that is known. */
  readonly cluster: Cluster
  /** By what is not in doubt: of throughput that is not known, what surely is too little. */
  readonly atLeast: Cluster
  readonly binding: ConstraintName
  /** Empty: it is decided. */
  readonly doubts: readonly Doubt[]
  /** That the cluster carries the load, before the loss and after it; null: there is no throughput to ask, or nothing to carry. */
  readonly carried: { readonly before: Carried; readonly after: Carried } | null
  /** By constraint: how many times worse its input may be before it asks for more; null: not known. */
  readonly slack: Readonly<Record<ConstraintName, number | null>>
}

export function decide(model: Model): Decision {
  const constraints = constraintsOf(model)
  const sure = constraints.map((one) => ({ name: one.name, nodes: one.survivors ?? one.fewest }))
  const binding = sure.reduce((most, one) => (one.nodes > most.nodes ? one : most))
  const cluster = clusterOf(model.target, binding.nodes)
  const perSec = neededPerSec(model)
  const { throughput } = model
  const carried =
    isRefusal(throughput) || perSec === 0
      ? null
      : { before: throughput.carries(cluster.nodes, perSec), after: throughput.carries(cluster.left, perSec) }
  const slack = Object.fromEntries(constraints.map((one) => [one.name, slackOf(one, model, cluster)])) as Decision['slack']
  const doubts = constraints.flatMap((one) => doubtsOf(one, model, cluster, carried, slack[one.name]))
  const isDoubted = (one: Constraint) => one.name !== 'throughput' && doubts.some(({ constraint }) => constraint === one.name)
  const least = Math.max(...constraints.map((one) => (isDoubted(one) ? 1 : (one.survivors ?? one.fewest))))
  return {
    constraints: constraints.map((one) => ofCluster(one, model, cluster, carried)),
    cluster,
    atLeast: clusterOf(model.target, least),
    binding: binding.name,
    doubts,
    carried,
    slack,
  }
}

/** Zones are alike: with one of Z lost, (Z − 1)/Z of the nodes are left. */
export function clusterOf({ survive, zones }: Pick<Target, 'survive' | 'zones'>, survivors: number): Cluster {
  if (survive === 'zone') {
    const perZone = Math.ceil(survivors / (zones - 1))
    return { survivors, nodes: zones * perZone, perZone, left: (zones - 1) * perZone }
  }
  const nodes = survive === 'node' ? survivors + 1 : survivors
  return { survivors, nodes, perZone: nodes % zones === 0 ? nodes / zones : null, left: survivors }
}

function ofCluster(one: Constraint, model: Model, cluster: Cluster, carried: Decision['carried']): Constraint {
  const { name, survivors, basis } = one
  const left = formatCount(cluster.left)
  if (name === 'throughput' && carried !== null && survivors !== null && survivors !== cluster.left) {
    const { isSure, provenance, basis: why } = carried.after
    const { throughput } = model
    const hasNumber = !isRefusal(throughput) && throughput.at(cluster.left)?.value != null
    if (!isSure) return { ...one, provenance: null }
    return { ...one, provenance, basis: hasNumber ? basis : `${basis}; with ${left}: ${why}` }
  }
  const beyond = beyondOf(name, model, cluster)
  if (beyond === null || survivors === null) return one
  if (beyond <= 1) return { ...one, provenance: 'interpolated', basis: `${basis}; within what was measured` }
  return { ...one, provenance: 'extrapolated', basis: `${basis}; with ${left} nodes × ${factorWords(beyond)} what was measured` }
}

function slackOf({ name, exact, survivors }: Constraint, model: Model, { left }: Cluster): number | null {
  if (name !== 'throughput') return exact === null ? null : left / exact
  const { throughput } = model
  if (isRefusal(throughput) || survivors === null) return null
  const low = throughput.at(left)?.range.low
  return low === undefined ? null : low / neededPerSec(model)
}

function doubtsOf(one: Constraint, model: Model, cluster: Cluster, carried: Decision['carried'], slack: number | null): Doubt[] {
  const { name, refusal } = one
  const far = name === 'throughput' ? farWords(model, cluster) : ''
  const doubt = (reason: string, measure: string): Doubt[] => [{ constraint: name, reason, measure: measure + far }]
  if (name === 'throughput') {
    const wrong = carried === null ? refusal : (carried.after.refusal ?? carried.before.refusal)
    if (wrong === null) return []
    if (carried === null || one.survivors === null) return doubt((refusal ?? wrong).reason, (refusal ?? wrong).measure)
    const does = `${formatCount(one.survivors)} ${one.survivors === 1 ? 'node does' : 'nodes do'} the ${formatRate(neededPerSec(model))}`
    return doubt(`${does}, but whether ${formatCount(cluster.nodes)} do is not known: ${wrong.reason}`, wrong.measure)
  }
  if (refusal !== null) return doubt(refusal.reason, refusal.measure)
  const room = name === 'memory' ? roomOfQueued(model, cluster.left) : null
  if (room !== null && room < FARTHEST * model.load.packetBytes) return doubt(queuedWords(room, model), QUEUED_RUN)
  const beyond = beyondOf(name, model, cluster)
  if (beyond === null || beyond <= FARTHEST || (slack ?? 0) >= FARTHEST) return []
  const most = name === 'memory' ? 'connections of a node' : 'clients that came back to a node'
  return doubt(
    `it was measured at 1/${factorWords(beyond)} of the ${most}, and would ask for more were it ${factorWords(Math.max(1, slack ?? 1))} times worse there`,
    name === 'memory'
      ? `hold ${formatCount(Math.ceil(model.load.clients / cluster.left / FARTHEST))} idle clients or more on a node (sizing/idle)`
      : `let ${formatCount(Math.ceil(lostClients(model, cluster.left) / cluster.left / FARTHEST))} clients or more come back to a node (sizing/storm)`,
  )
}

/** How large a cluster has to be searched, where no law says so. */
function farWords({ throughput }: Model, { nodes }: Cluster): string {
  const half = Math.ceil(nodes / FARTHEST)
  if (isRefusal(throughput) || throughput.largest === null || half <= throughput.largest) return ''
  return `; the largest size has to be ${formatCount(half)} nodes or more`
}

/** What would price a queued message. */
export const QUEUED_RUN =
  'hold three numbers of queued messages at rest (sizing/queue), beside plateaus of idle clients, with the metrics of the nodes'

function queuedWords(room: number, { load }: Model): string {
  const has = room <= 0 ? 'there is no room for them' : `each has room for ${formatBytes(room)}`
  return `what ${formatCount(load.queued)} queued messages of ${formatBytes(load.packetBytes)} take is not known, and ${has}`
}

/** How far the cluster goes beyond what was measured, after the loss; null: it was not measured, but stated. */
export function beyondOf(name: ConstraintName, model: Model, { left }: Cluster): number | null {
  const { memory, connectRate, connectedPerNode, load } = model
  if (name === 'memory') return isRefusal(memory) || memory.mostConnections === null ? null : load.clients / left / memory.mostConnections
  if (name !== 'storm' || isRefusal(connectRate) || connectRate.provenance === 'assumed' || connectedPerNode === null) return null
  return lostClients(model, left) / left / connectedPerNode
}
