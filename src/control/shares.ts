/**
 * Who gets which clients: each agent a slice in proportion to its cores, none more than it takes. Pure.
 *
 * An agent's part of every group is the same stretch of it, so a publisher and the subscriber that its topics name are with the same agent, whatever
 * nodes they are on: what is measured between them needs one clock.
 */
import { EnvironmentError } from '../errors.ts'
import type { Ranges } from '../load/near.ts'
import type { Plan } from '../load/plan.ts'
import type { Slice } from '../load/slice.ts'
import type { AgentFacts } from '../report/types.ts'
import { formatCount } from '../units.ts'
import type { Hello } from './protocol.ts'

export interface Share {
  readonly agent: Hello
  readonly slice: Slice
  readonly clients: number
  /** Global client indices of clients that share this agent's clock; null: all of them do. */
  readonly near: Ranges | null
}

/** A third of 37 clients is 12.333333333333334 of them, and a third of a group of 3 is 1. */
const EPSILON = 1e-9
/** Groups are cut each for itself: an agent that is full may get one more of each. */
const MOST_TRIES = 20

/**
 * @param domain  of the controller's clock, which is the run's
 * @throws EnvironmentError  they take fewer clients than there are
 */
export function sharesOf(plan: Plan, agents: readonly Hello[], domain: string): Share[] {
  // Neighbours share a clock where they can.
  const sorted = [...agents].sort((a, b) => compare(a.domain, b.domain) || compare(a.id, b.id))
  let caps = sorted.map(({ maxClients }) => maxClients ?? plan.clients)
  for (let i = 0; i < MOST_TRIES; i++) {
    const room = caps.reduce((sum, cap) => sum + cap, 0)
    if (room < plan.clients) break
    const slices = slicesOf(
      plan,
      targetsOf(
        plan.clients,
        sorted.map(({ host }) => host.cores),
        caps,
      ),
    )
    const excess = slices.map((slice, a) => clientsOf(slice) - (sorted[a]!.maxClients ?? plan.clients))
    if (excess.every((by) => by <= 0)) return withNear(plan, sorted, slices, domain)
    caps = caps.map((cap, a) => cap - Math.max(0, excess[a]!))
  }
  const most = sorted.map(({ id, maxClients }) => `${id} ${maxClients === null ? 'any number' : formatCount(maxClients)}`)
  const isTooFew = sorted.reduce((sum, { maxClients }) => sum + (maxClients ?? plan.clients), 0) < plan.clients
  const why = isTooFew ? 'the agents take fewer' : 'cut group by group they are more than one of the agents takes'
  throw new EnvironmentError(`the scenario has ${formatCount(plan.clients)} clients, and ${why}: ${most.join(', ')}`, {
    hint: 'start more agents, or let them have more (--max-clients)',
  })
}

/** `sensors 0–3332, boards 0`: clients by their index in the group. */
export function rangesInWords(plan: Plan, { ranges }: Slice): string {
  const words = plan.groups.flatMap(({ name }, i) => {
    const [from, to] = ranges[i]!
    return from === to ? [] : [to - from === 1 ? `${name} ${from}` : `${name} ${from}–${to - 1}`]
  })
  return words.length === 0 ? 'no clients' : words.join(', ')
}

export function clientsOf({ ranges }: Slice): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0)
}

/** Of each group, as reports have it. */
export function rangesByGroup(plan: Plan, { ranges }: Slice): AgentFacts['clients'] {
  return Object.fromEntries(plan.groups.map(({ name }, i) => [name, ranges[i]!]))
}

/** How many clients each gets: in proportion to its weight, but for those that would be over their cap, which get that. */
function targetsOf(clients: number, weights: readonly number[], caps: readonly number[]): number[] {
  const full = new Set<number>()
  for (;;) {
    const left = clients - [...full].reduce((sum, i) => sum + caps[i]!, 0)
    const weight = weights.reduce((sum, w, i) => sum + (full.has(i) ? 0 : w), 0)
    const over = weights.flatMap((w, i) => (!full.has(i) && (left * w) / weight > caps[i]! ? [i] : []))
    if (over.length === 0) return weights.map((w, i) => (full.has(i) ? caps[i]! : (left * w) / weight))
    for (const i of over) full.add(i)
  }
}

/** Exact and disjoint: each group is cut at the same fractions. */
function slicesOf(plan: Plan, targets: readonly number[]): Slice[] {
  let sum = 0
  const ends = targets.map((target, i) => {
    sum += target
    return i === targets.length - 1 ? plan.clients : sum
  })
  const cutAt = (clients: number, end: number) => (plan.clients === 0 ? 0 : Math.floor((clients * end) / plan.clients + EPSILON))
  return targets.map((_, index) => ({
    index,
    of: targets.length,
    ranges: plan.groups.map(({ clients }) => [cutAt(clients, index === 0 ? 0 : ends[index - 1]!), cutAt(clients, ends[index]!)] as const),
  }))
}

/** Agents that have the controller's clock have it exactly; every other one has its own guess of it, though it be on the same machine. */
function withNear(plan: Plan, agents: readonly Hello[], slices: readonly Slice[], domain: string): Share[] {
  const isExact = agents.map((agent) => agent.domain === domain)
  const isOneClock = !isExact.includes(false)
  return agents.map((agent, a) => {
    const neighbours = slices.filter((_, b) => b === a || (isExact[a] && isExact[b]))
    const near = plan.groups.flatMap(({ firstClient }, g) =>
      neighbours.flatMap(({ ranges }) => {
        const [from, to] = ranges[g]!
        return from === to ? [] : [[firstClient + from, firstClient + to] as const]
      }),
    )
    return { agent, slice: slices[a]!, clients: clientsOf(slices[a]!), near: isOneClock ? null : joined(near) }
  })
}

/** Ranges that touch become one. */
function joined(ranges: Ranges): Ranges {
  const all: [number, number][] = []
  for (const [from, to] of ranges) {
    const last = all.at(-1)
    if (last?.[1] === from) last[1] = to
    else all.push([from, to])
  }
  return all
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
