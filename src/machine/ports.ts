/**
 * Local ports: a TCP connection is a pair of source and destination, so each source address has a port range of its own towards each address and
 * port of a broker. What a run needs is what its busiest pair needs.
 */
import { clientsByNode } from '../load/cluster.ts'
import { ghostsByNode } from '../load/ghost-estimate.ts'
import type { GroupPlan, Plan } from '../load/plan.ts'
import { sourcesTowards } from '../load/sources.ts'

/** One address of a node: what counts of an endpoint for local ports. */
export interface Destination {
  /** An IP literal, or a name that stands for one address. */
  readonly address: string
  readonly port: number
}

/** By group index; empty: the system's choice. */
export type SourceAddresses = readonly (readonly string[])[]

/** Sockets that a group has at a time on each node, by node index: its clients, and the connections that they leave in silence. */
export function socketsByNode(plan: Plan, group: GroupPlan): number[] {
  const ghosts = ghostsByNode(plan, group)
  return clientsByNode(plan, group).map((clients, node) => clients + ghosts[node]!)
}

/**
 * Local ports that the pair of source address and destination needs that needs most. Addresses of a node and source addresses have equal shares.
 *
 * @param destinations  of each node, by node index
 * @param socketsOn  a group's sockets, by node index
 */
export function localPortsUsed(
  plan: Plan,
  destinations: readonly (readonly Destination[])[],
  sources: SourceAddresses,
  socketsOn: (group: GroupPlan) => readonly number[],
): number {
  const ports = new Map<string, number>()
  for (const group of plan.groups) {
    for (const [node, sockets] of socketsOn(group).entries()) {
      const ways = destinations[node]!
      for (const { address, port } of ways) {
        const usable = sourcesTowards(sources[group.index]!, address)
        for (const source of usable.length > 0 ? usable : ['']) {
          const way = `${source} ${address} ${port}`
          ports.set(way, (ports.get(way) ?? 0) + sockets / (ways.length * Math.max(1, usable.length)))
        }
      }
    }
  }
  // Sums of fractions: an atom above a whole number is none.
  return Math.ceil(Math.max(0, ...ports.values()) - 1e-6)
}
