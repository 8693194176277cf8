/**
 * Which node a client connects to, and which clients have a clean session: shares of clients, exact in total.
 *
 * A first connect follows the group's placement over a seeded order, so that the nodes' counts are what their weights say, for any
 * number of workers. A client that comes back goes to any node of its placement, as a device behind a load balancer would.
 */
import { keyOf, Permutation, Positions, random, shareAt } from './order.ts'
import type { GroupPlan, Plan } from './plan.ts'

export class Placer {
  private readonly kind: GroupPlan['placement']['kind']
  /** Indices of the nodes to choose from, with the cumulative shares of their weights. */
  private readonly nodes: readonly number[]
  private readonly ends: readonly number[]
  private readonly key: number
  private readonly order: Permutation
  private readonly positions: Positions

  constructor(plan: Plan, group: GroupPlan) {
    const { placement } = group
    this.kind = placement.kind
    this.nodes = placement.kind === 'nodes' ? placement.nodes : plan.nodes.map((_, node) => node)
    this.ends = cumulate(this.nodes.map((node) => plan.nodes[node]!.weight))
    this.key = keyOf(plan.seed, 'node', group.name)
    this.order = new Permutation(group.clients, this.key)
    this.positions = new Positions(group.clients, this.key)
  }

  /** Index in `plan.nodes` of the node for a client's connect: 0 is the first, then each that follows. */
  nodeOf(client: number, attempt: number): number {
    if (attempt > 0 || this.kind === 'random') return this.nodeAt(random(this.key, client, attempt))
    if (this.kind === 'roundRobin') return this.nodes[this.order.at(client) % this.nodes.length]!
    return this.nodeAt(this.positions.at(client))
  }

  private nodeAt(position: number): number {
    return this.nodes[shareAt(this.ends, position)]!
  }
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
