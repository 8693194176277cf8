/**
 * What a plan means for the nodes of a cluster: how many clients connect to each, and how many deliveries have to cross.
 *
 * Of first connects: clients that come back go where their placement lets them. A pure function of the plan; large groups are sampled.
 */
import { Hearing } from './hearing.ts'
import { sample } from './order.ts'
import { Placer } from './placement.ts'
import type { GroupPlan, Plan } from './plan.ts'

export interface ClusterEstimate {
  readonly nodes: readonly { readonly name: string; readonly zone: string | null; readonly clients: number }[]
  /** Share of deliveries whose subscriber is on another node than their publisher; null: there are no deliveries. */
  readonly crossNodeShare: number | null
}

/** Clients of a group that are looked at; of larger groups they stand for all. */
const MOST_CLIENTS = 50_000

/** @param plan  with its nodes */
export function estimateCluster(plan: Plan): ClusterEstimate {
  const counts = plan.groups.map((group) => clientsByNode(plan, group))
  return {
    nodes: plan.nodes.map(({ name, zone }, node) => ({
      name,
      zone,
      clients: Math.round(counts.reduce((sum, ofGroup) => sum + ofGroup[node]!, 0)),
    })),
    crossNodeShare: crossNodeShare(plan),
  }
}

/**
 * How many of a group's clients the placement means for each node, by node index.
 *
 * @param most  clients to look at: all of them for exact counts
 */
export function clientsByNode(plan: Plan, group: GroupPlan, most = MOST_CLIENTS): number[] {
  if (plan.nodes.length === 1) return [group.clients]
  const counts = plan.nodes.map(() => 0)
  const placer = new Placer(plan, group)
  const each = group.clients / Math.min(group.clients, most)
  sample(group.clients, most, (client) => {
    counts[placer.nodeOf(client, 0)]! += each
  })
  return counts
}

function crossNodeShare(plan: Plan): number | null {
  const publishers = plan.groups.filter((group) => group.publish.length > 0)
  const placers = plan.groups.map((group) => new Placer(plan, group))
  let all = 0
  let local = 0
  for (const group of plan.groups) {
    if (group.subscribe.length === 0) continue
    const hearing = new Hearing(plan, group, publishers, (other) => placers[other.index]!, MOST_CLIENTS)
    const placer = placers[group.index]!
    const each = group.clients / Math.min(group.clients, MOST_CLIENTS)
    sample(group.clients, MOST_CLIENTS, (client) => {
      const heard = hearing.of(client)
      local += each * heard[placer.nodeOf(client, 0)]!
      all += each * heard.reduce((sum, messages) => sum + messages, 0)
    })
  }
  return all === 0 ? null : 1 - local / all
}
