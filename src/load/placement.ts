/**
 * Which node a client connects to, and which clients have a clean session: shares of clients, exact in total.
 *
 * A first connect follows the group's placement over a seeded order, so that the nodes' counts are what their weights say, for any
 * number of workers. A client that comes back goes to any node that its placement allows it, as a device behind a load balancer would.
 *
 * Most placements allow all clients of a group the same nodes. By zone it depends on the client's topic levels. Under `crossNode` it
 * depends on where others are: an exact share of the clients is kept to the nodes they hear least from, so that deliveries have to cross,
 * and the rest to those they hear most from. So that this is no circle, a group looks at groups that are placed otherwise, and of its own
 * kind at earlier ones; and its filters have no {node}.
 */
import { Hearing } from './hearing.ts'
import { keyOf, Permutation, Positions, random, shareAt } from './order.ts'
import type { GroupPlan, NodePlan, Placement, Plan } from './plan.ts'
// Templates know {node}, and placements know templates: each makes the other only when it is asked for.
import { Renderer } from './template.ts'

/** Nodes from which about as much is heard as from the extreme one are as good: evenly spread publishers must not gather all clients. */
const SLACK = 0.1
/** Of larger groups an even sample says who is where, so that a run starts in seconds; pairs by {client} are exact all the same. */
const MOST_PUBLISHERS = 2 ** 19

/** Indices of nodes to choose from, with the cumulative shares of their weights. */
interface Choice {
  readonly nodes: readonly number[]
  readonly ends: readonly number[]
}

export class Placer {
  private readonly plan: Plan
  private readonly kind: Placement['kind']
  private readonly choiceFor: (client: number) => Choice
  private readonly key: number
  private readonly order: Permutation
  private readonly positions: Positions

  /** @param others  placers of other groups that this one has to ask, by name: shared by all that are made for it */
  constructor(plan: Plan, group: GroupPlan, others = new Map<string, Placer>()) {
    this.plan = plan
    this.kind = group.placement.kind
    this.key = keyOf(plan.seed, 'node', group.name)
    this.order = new Permutation(group.clients, this.key)
    this.positions = new Positions(group.clients, this.key)
    this.choiceFor = this.choices(group, others)
  }

  /** Index in `plan.nodes` of the node for a client's connect: 0 is the first, then each that follows. */
  nodeOf(client: number, attempt: number): number {
    const { nodes, ends } = this.choiceFor(client)
    if (nodes.length === 1) return nodes[0]!
    if (attempt > 0 || this.kind === 'random') return nodes[shareAt(ends, random(this.key, client, attempt))]!
    if (this.kind === 'roundRobin') return nodes[this.order.at(client) % nodes.length]!
    return nodes[shareAt(ends, this.positions.at(client))]!
  }

  private choices(group: GroupPlan, others: Map<string, Placer>): (client: number) => Choice {
    const { placement } = group
    const all = this.choice(this.plan.nodes.map((_, node) => node))
    if (placement.kind === 'zone') return this.byZone(group, placement.zone, all)
    if (placement.kind === 'crossNode') return this.byHearing(group, placement.share, all, others)
    const same = placement.kind === 'nodes' ? this.choice(placement.nodes) : all
    return () => same
  }

  private byZone(group: GroupPlan, zone: string, all: Choice): (client: number) => Choice {
    const renderer = new Renderer(this.plan, group, '')
    const known = new Map<string, Choice>()
    return (client) => {
      const value = renderer.render(zone, client)
      let choice = known.get(value)
      if (choice === undefined) {
        const nodes = nodesInZone(this.plan.nodes, value)
        known.set(value, (choice = nodes.length > 0 ? this.choice(nodes) : all))
      }
      return choice
    }
  }

  private byHearing(group: GroupPlan, share: number, all: Choice, others: Map<string, Placer>): (client: number) => Choice {
    if (group.subscribe.length === 0) return () => all
    const placerOf = (other: GroupPlan) => {
      const placer = others.get(other.name) ?? new Placer(this.plan, other, others)
      others.set(other.name, placer)
      return placer
    }
    const publishers = this.plan.groups.filter((other) => isFixedFor(group, other))
    const hearing = new Hearing(this.plan, group, publishers, placerOf, MOST_PUBLISHERS)
    const crossing = new Positions(group.clients, keyOf(this.plan.seed, 'cross', group.name))
    return (client) => {
      const heard = hearing.of(client)
      const least = (1 + SLACK) * Math.min(...heard)
      const most = (1 - SLACK) * Math.max(...heard)
      const isCrossing = crossing.at(client) < share
      return this.choice(all.nodes.filter((node) => (isCrossing ? heard[node]! <= least : heard[node]! >= most)))
    }
  }

  private choice(nodes: readonly number[]): Choice {
    return { nodes, ends: cumulate(nodes.map((node) => this.plan.nodes[node]!.weight)) }
  }
}

/** Indices of the nodes whose zone is the value, or begins with it and a hyphen: zone eu-1 is in eu. */
export function nodesInZone(nodes: readonly NodePlan[], value: string): number[] {
  return nodes.flatMap(({ zone }, node) => (zone === value || zone?.startsWith(`${value}-`) ? [node] : []))
}

/** Whether a group with `crossNode` can ask where the other is: it publishes, and its own placement doesn't ask back. */
function isFixedFor(group: GroupPlan, other: GroupPlan): boolean {
  if (other.index === group.index || other.publish.length === 0) return false
  return other.placement.kind !== 'crossNode' || other.subscribe.length === 0 || other.index < group.index
}

/** Tells which clients of the group connect with a clean session (clean start). */
export function isClean(plan: Plan, group: GroupPlan): (client: number) => boolean {
  const positions = new Positions(group.clients, keyOf(plan.seed, 'clean', group.name))
  return (client) => positions.at(client) < group.cleanShare
}

function cumulate(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let sum = 0
  return weights.map((weight) => (sum += weight) / total)
}
