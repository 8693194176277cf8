/**
 * What asks for nodes: memory, throughput at the SLO, connections, the reconnect storm after a loss, network. Each says how many have to be left.
 *
 *   memory       ⌈C·m / (ram·use − base)⌉            C  clients     m  memory of a connection, upper 95 %
 *   throughput   the smallest S with u·X(S) ≥ λ'      λ' messages a second, times (1 + F)/(1 + F measured)
 *   connections  ⌈C / cap⌉
 *   storm        ⌈C / (Z·T·r)⌉ after a zone           T  recovery time    r  connects a second of a node
 *   network      the smallest S whose share of bits fits
 *
 * A constraint takes the end of its input that asks for more. What is not known has no number, but a bound that surely holds.
 */
import { formatBitRate, formatBytes, formatCount, formatRate } from '../units.ts'
import { cautious, isRefusal, type Memory, type Model } from './model.ts'
import { networkOf } from './network.ts'
import type { Refusal } from './scaling.ts'
import type { Provenance, Quantity } from './types.ts'

export const CONSTRAINTS = ['memory', 'throughput', 'connections', 'storm', 'network'] as const
export type ConstraintName = (typeof CONSTRAINTS)[number]

export interface Constraint {
  readonly name: ConstraintName
  /** Nodes that have to be left after the loss; null: not known, or not judged. */
  readonly survivors: number | null
  /** The same before it is rounded up; null for throughput, which has no such number. */
  readonly exact: number | null
  /** Surely not fewer. */
  readonly fewest: number
  /** Of the input. */
  readonly provenance: Provenance | null
  readonly basis: string
  /** Why there is no number; null: there is one, or the target does not say what it would take. */
  readonly refusal: Refusal | null
}

export const CONSTRAINT_WORDS: Readonly<Record<ConstraintName, string>> = {
  memory: 'memory',
  throughput: 'throughput at the SLO',
  connections: 'connection cap',
  storm: 'reconnect storm',
  network: 'network',
}

/** More than anybody has. */
const MOST_NODES = 100_000

/** In the order of `CONSTRAINTS`. */
export function constraintsOf(model: Model): Constraint[] {
  return [memoryOf(model), throughputOf(model), connectionsOf(model), stormOf(model), networkNeedOf(model)]
}

/** Messages a second as the throughput is measured, over the part of it that is planned with. */
export function neededPerSec({ load, work, target }: Model): number {
  return (load.publishesPerSec * work) / target.use.cpu
}

/** Bytes of all clients, without the base of nodes; what has no price is not in it. */
export function clientBytes({ load, memory }: Model, end: 'value' | 'high'): number {
  if (isRefusal(memory)) return Number.NaN
  const of = (quantity: Quantity | null) => (quantity === null ? 0 : end === 'value' ? quantity.value : cautious(quantity, 'high'))
  const { clients, subscriptionsPerClient, queued } = load
  return clients * of(memory.perConnection) + clients * subscriptionsPerClient * of(memory.perSubscription) + queued * of(memory.perQueued)
}

/** Bytes that each queued message may take before memory asks for more than so many nodes; null: none is queued, or what it takes is known. */
export function roomOfQueued(model: Model, nodes: number): number | null {
  const { memory, load } = model
  if (load.queued === 0 || isRefusal(memory) || memory.perQueued !== null) return null
  return (nodes * roomOf(model, memory) - clientBytes(model, 'high')) / load.queued
}

/** Bytes of a node that are there for clients. */
function roomOf({ node, target }: Model, { base }: Memory): number {
  return node.memory * target.use.memory - base.value
}

function memoryOf(model: Model): Constraint {
  const { memory, node, target, load } = model
  if (isRefusal(memory)) return unknown('memory', 'not measured', memory)
  const room = roomOf(model, memory)
  if (room <= 0) {
    const reason = `a node needs ${formatBytes(memory.base.value)} without clients, and may use ${formatBytes(node.memory * target.use.memory)}`
    return unknown('memory', reason, { reason, measure: 'take a larger node' })
  }
  const bytes = clientBytes(model, 'high')
  const more = [
    ...(memory.perSubscription !== null && load.subscriptionsPerClient > 0 ? ['its subscriptions'] : []),
    ...(memory.perQueued !== null && load.queued > 0 ? ['its queued messages'] : []),
  ]
  const each =
    more.length === 0
      ? `${formatBytes(cautious(memory.perConnection, 'high'))} a connection`
      : `${formatBytes(bytes / load.clients)} a client with ${more.join(' and ')}`
  const basis = `${each}, ${formatBytes(room)} of a node`
  return known('memory', bytes / room, memory.perConnection.provenance, basis)
}

function throughputOf(model: Model): Constraint {
  const { throughput, load, node, cpuUsPerMessage } = model
  if (load.publishesPerSec === 0) return notJudged('throughput', 'nothing is published')
  const perSec = neededPerSec(model)
  if (!isRefusal(throughput)) {
    const { nodes, fewest, provenance, basis, refusal } = throughput.needed(perSec)
    return {
      name: 'throughput',
      survivors: nodes,
      exact: null,
      fewest,
      provenance,
      basis: `${formatRate(perSec)} needed; ${basis}`,
      refusal,
    }
  }
  // Whatever the SLO: more CPU than there is can't be used.
  const usPerSec = cpuUsPerMessage === null ? 0 : load.publishesPerSec * (1 + load.fanOut) * cpuUsPerMessage.value
  const fewest = node.cores === undefined ? 1 : Math.max(1, Math.ceil(usPerSec / 1e6 / node.cores))
  return { ...unknown('throughput', 'not measured', throughput), fewest }
}

function connectionsOf({ node, load }: Model): Constraint {
  if (node.connections === undefined) return notJudged('connections', 'the target has no node.connections')
  return known('connections', load.clients / node.connections, 'assumed', `${formatCount(node.connections)} a node, says the target`)
}

function stormOf(model: Model): Constraint {
  const { target, load, recoveryS, connectRate } = model
  if (target.survive === 'none' || recoveryS === null) return notJudged('storm', 'nothing is to be survived')
  if (isRefusal(connectRate)) return unknown('storm', 'not measured', connectRate)
  // What a survivor takes in the time.
  const perNode = recoveryS * cautious(connectRate, 'low')
  // A zone's clients are C/Z whatever there is; one of S + 1 nodes has C/(S + 1), so that S(S + 1) ≥ C/(T·r).
  const exact = target.survive === 'zone' ? load.clients / target.zones / perNode : (Math.sqrt(1 + (4 * load.clients) / perNode) - 1) / 2
  const back = lostClients(model, whole(exact)) / recoveryS
  const basis = `${formatRate(back)} to come back, ${formatRate(connectRate.value)} of a node`
  return known('storm', exact, connectRate.provenance, basis)
}

/** Clients that are away when what is to be survived happens to a cluster of which so many nodes are left. */
export function lostClients({ target, load }: Model, survivors: number): number {
  return target.survive === 'zone' ? load.clients / target.zones : target.survive === 'node' ? load.clients / (survivors + 1) : 0
}

function networkNeedOf({ node, load, target }: Model): Constraint {
  if (node.network === undefined) return notJudged('network', 'the target has no node.network')
  const room = node.network * target.use.network
  const share = (nodes: number) => {
    const { inBitsPerSec, outBitsPerSec, forwardedBitsPerSec } = networkOf(load, nodes)
    return (Math.max(inBitsPerSec, outBitsPerSec) + forwardedBitsPerSec) / nodes
  }
  let survivors = 1
  while (share(survivors) > room && survivors < MOST_NODES) survivors++
  const basis = `${formatBitRate(share(survivors) * survivors)} of the cluster each way, ${formatBitRate(room)} of a node`
  return { ...known('network', (share(survivors) * survivors) / room, load.provenance, basis), survivors }
}

function known(name: ConstraintName, exact: number, provenance: Provenance, basis: string): Constraint {
  const survivors = whole(exact)
  return { name, survivors, exact, fewest: survivors, provenance, basis, refusal: null }
}

function unknown(name: ConstraintName, basis: string, refusal: Refusal): Constraint {
  return { name, survivors: null, exact: null, fewest: 1, provenance: null, basis, refusal }
}

function notJudged(name: ConstraintName, basis: string): Constraint {
  return { name, survivors: null, exact: null, fewest: 1, provenance: null, basis: `not judged: ${basis}`, refusal: null }
}

/** 10.0000000001 is 10. */
function whole(exact: number): number {
  return Math.max(1, Math.ceil(exact - 1e-9))
}
