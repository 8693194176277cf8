/**
 * What can be seen of a fleet at a moment, in one pass over its clients.
 */
import type { Client } from './client.ts'
import type { EntryFacts, Facts } from './facts.ts'
import type { Fleet } from './fleet.ts'
import type { Group } from './group.ts'
import { rowsOf } from './rows.ts'
import { entryOf } from './slice.ts'
import { STATE } from './state.ts'

export interface Survey {
  /** Clients connected now, by node. */
  readonly connectedByNode: readonly number[]
  /** Clients that have lost a connection and are to come back. */
  readonly missing: number
  /** Clients whose socket takes no bytes: what was sent waits in it. */
  readonly unwritable: number
  /** Sockets of clients, and those that they have left in silence, by group and node: place `group × nodes + node`. */
  readonly sockets: readonly number[]
  /** Messages due and unsent. */
  readonly backlog: number
}

export function survey(fleet: Fleet, nowUs: number): Survey {
  const nodes = fleet.plan.nodes.length
  const connectedByNode = new Array<number>(nodes).fill(0)
  const sockets = new Array<number>(fleet.groups.length * nodes).fill(0)
  let [missing, unwritable, backlog] = [0, 0, 0]
  for (const client of fleet.clients) {
    if (client.isConnected) {
      connectedByNode[client.node]!++
      if (!client.isWritable) unwritable++
    } else if (client.lostAtUs !== Number.POSITIVE_INFINITY && isTrying(client)) missing++
    if (client.socket >= 0) sockets[client.group.plan.index * nodes + client.node]!++
    if (client.publisher !== null) backlog += client.publisher.waiting(nowUs)
  }
  for (const { client, node } of fleet.ghosts.all()) sockets[client.group.plan.index * nodes + node]!++
  return { connectedByNode, missing, unwritable, sockets, backlog }
}

function isTrying({ state }: Client): boolean {
  return state === STATE.waiting || state === STATE.opening || state === STATE.greeting
}

/** Messages due and unsent though nothing but the generator stands in their way. */
export function unsentOfOurs(fleet: Fleet, nowUs: number): number {
  return fleet.clients.reduce((sum, client) => sum + (client.publisher?.unsentOfOurs(nowUs) ?? 0), 0)
}

/** What the subscribers' workers must know of this slice's publishers. */
export function factsOf(fleet: Fleet, nowUs: number): Facts {
  let pending = nowUs < fleet.requestsUntilUs ? fleet.openRequests : 0
  for (const client of fleet.clients) {
    // Who has given up will neither send nor hear any more: nobody waits for it.
    if (client.state !== STATE.failed) pending += (client.publisher?.waiting(nowUs) ?? 0) + (client.session?.inFlightCount ?? 0)
  }
  const { exceptions, connectTimes, moves, isHeard } = fleet.notes
  const isStreamHeard = (stream: number) => isHeard[entryOf(stream)]!
  return {
    entries: fleet.groups.flatMap((group) => group.plan.publish.map((_, e) => entryFacts(group, e, isHeard))),
    exceptions: rowsOf(exceptions.byStream, isStreamHeard),
    connectTimes: rowsOf(connectTimes, isStreamHeard),
    moves: rowsOf(moves),
    pending,
    wills: fleet.wills.facts(nowUs),
  }
}

function entryFacts(group: Group, e: number, isHeard: readonly boolean[]): EntryFacts {
  const entry = group.plan.publish[e]!.index
  const clients = group.to - group.from
  const entries = group.plan.publish.length
  const facts = { entry, firstClient: group.from, clients, next: null }
  let isOver = true
  for (let i = 0; i < clients && isOver; i++) isOver = group.dueUs[i * entries + e] === Number.POSITIVE_INFINITY
  if (isOver || !isHeard[entry]) return facts
  const next = new Uint32Array(clients)
  for (let i = 0; i < clients; i++) next[i] = group.next[i * entries + e]!
  return { ...facts, next }
}
