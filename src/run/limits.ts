/**
 * Whether this machine can hold a plan: open files, local ports, memory, and pairs of the ledger.
 *
 * What the kernel would refuse in the middle of a run is refused before it; memory is an estimate, so it only warns. A pure function: what the
 * machine has is an argument.
 */
import { readdirSync } from 'node:fs'
import { freemem } from 'node:os'
import { clientsByNode } from '../load/cluster.ts'
import { ghostsByNode } from '../load/ghost-estimate.ts'
import type { GroupPlan, Plan } from '../load/plan.ts'
import { hostFacts } from '../report/host.ts'
import { MAX_PAIRS } from '../stats/ledger.ts'
import { formatBytes, formatCount } from '../units.ts'

export interface Machine {
  /** Open files this process may have; null: no limit, or unknown. */
  readonly openFiles: number | null
  /** Local ports of one source address towards one destination; null: unknown. */
  readonly localPorts: number | null
  readonly freeBytes: number
}

export interface Need {
  readonly openFiles: number
  readonly localPorts: number
  readonly memoryBytes: number
  /** Pairs of subscriber and stream, of all workers. */
  readonly pairs: number
}

/** Where this machine falls short. */
export interface Shortage {
  /** A refusal stops a run; a warning does not. */
  readonly isRefusal: boolean
  readonly words: string
  readonly hint: string
}

export function thisMachine(): Machine {
  const { openFiles, localPorts } = hostFacts().limits
  return { openFiles, localPorts, freeBytes: freemem() }
}

/** Files that this process has open now; 0 where that can't be known. */
export function openFileCount(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    // Not Linux: they are few beside the sockets.
    return 0
  }
}

export function shortages(need: Need, machine: Machine, workers: number): Shortage[] {
  const found: Shortage[] = []
  const add = (isRefusal: boolean, words: string, hint: string) => found.push({ isRefusal, words, hint })
  if (machine.openFiles !== null && need.openFiles > machine.openFiles) {
    add(
      true,
      `needs ${formatCount(need.openFiles)} open files, this process may have ${formatCount(machine.openFiles)}`,
      'raise the limit (ulimit -n, LimitNOFILE), or run fewer clients with --scale',
    )
  }
  if (machine.localPorts !== null && need.localPorts > machine.localPorts) {
    add(
      true,
      `needs ${formatCount(need.localPorts)} local ports towards one broker address, the kernel gives ${formatCount(machine.localPorts)}`,
      'give the groups several sourceAddresses, widen net.ipv4.ip_local_port_range, or run fewer clients with --scale',
    )
  }
  if (need.pairs > MAX_PAIRS * workers) {
    add(
      true,
      `has ${formatCount(need.pairs)} pairs of subscriber and stream, and ${workers === 1 ? 'one worker' : `${workers} workers`} can keep account of ${formatCount(MAX_PAIRS * workers)}`,
      'use more --workers, narrower filters, or fewer clients with --scale',
    )
  }
  if (need.memoryBytes > machine.freeBytes) {
    add(
      false,
      `needs about ${formatBytes(need.memoryBytes)} of memory, ${formatBytes(machine.freeBytes)} are free`,
      'run fewer clients with --scale, or use a machine with more memory',
    )
  }
  return found
}

/** One address of a node: what counts of an endpoint for local ports. */
export interface Destination {
  readonly address: string
  readonly port: number
}

/**
 * Local ports needed by the source address and destination that need most, with those of connections that clients leave in silence.
 *
 * @param destinations  of each node, by node index
 */
export function localPortsNeeded(plan: Plan, destinations: readonly (readonly Destination[])[]): number {
  return localPortsUsed(plan, destinations, (group) => {
    const ghosts = ghostsByNode(plan, group)
    return clientsByNode(plan, group).map((clients, node) => clients + ghosts[node]!)
  })
}

/**
 * The same for sockets as they are; addresses of a node, and source addresses, are taken in turn, so each has its equal share.
 *
 * @param socketsOn  a group's sockets, by node index
 */
export function localPortsUsed(
  plan: Plan,
  destinations: readonly (readonly Destination[])[],
  socketsOn: (group: GroupPlan) => readonly number[],
): number {
  const ports = new Map<string, number>()
  for (const group of plan.groups) {
    const sources = group.sourceAddresses.length > 0 ? group.sourceAddresses : ['']
    for (const [node, sockets] of socketsOn(group).entries()) {
      const ways = destinations[node]!
      for (const { address, port } of ways) {
        for (const source of sources) {
          const way = `${source} ${address} ${port}`
          ports.set(way, (ports.get(way) ?? 0) + sockets / (ways.length * sources.length))
        }
      }
    }
  }
  // Sums of fractions: an atom above a whole number is none.
  return Math.ceil(Math.max(0, ...ports.values()) - 1e-6)
}
