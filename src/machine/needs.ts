/**
 * What a run needs of the machine: of a plan, or of idle clients without one.
 *
 * A broker on this machine has the other end of each connection here: its files and the kernel's memory for them count, what the broker itself
 * takes does not. A pure function of plan and machine.
 */
import { CLIENT_BYTES, type Estimate, type MemoryEstimate, processBytes } from '../load/estimate.ts'
import { socketsOf } from '../load/ghost-estimate.ts'
import type { Plan } from '../load/plan.ts'
import { isLoopback4 } from '../load/sources.ts'
import type { MachineFacts } from './facts.ts'
import { type Layout, layoutOf, otherFiles } from './layout.ts'
import { type Destination, localPortsUsed, type SourceAddresses, socketsByNode } from './ports.ts'

export interface Needs extends Layout {
  readonly clients: number
  /** Of clients, at a time; with those that are left in silence. */
  readonly sockets: number
  /** Of the process that has most. */
  readonly processFiles: number
  /** Of all processes, a local broker's ends too. */
  readonly files: number
  readonly tasks: number
  /** Local ports of the pair of source and destination that needs most; 0: no destination is known. */
  readonly ports: number
  /** Source addresses; 0: the system chooses. */
  readonly sources: number
  /** Ends of the clients' connections that are on this machine. */
  readonly ends: number
  readonly memory: MemoryEstimate
  /** Pairs of subscriber and stream, of all workers. */
  readonly pairs: number
  /** Files of the embedded broker, which is one process; 0: there is none. */
  readonly embeddedFiles: number
}

/**
 * Of an idle TCP socket in the kernel, each end: socket, inode, file, dentry, and its place in an epoll. Linux 6.18, by the slabs that grow with
 * 8,000 connections; their buffers are empty, and cost nothing.
 */
export const SOCKET_BYTES = 4200
/** Threads of a Node process before it has a worker. */
const PROCESS_TASKS = 11
/** Clients without a plan: so many that what is there with one of them does not count. */
const IDLE_CLIENTS = 1_000_000

/** @param destinations  of each node, by node index */
export function needsOf(
  plan: Plan,
  planned: Estimate,
  destinations: readonly (readonly Destination[])[],
  sources: SourceAddresses,
  layout: Layout,
  own: readonly string[],
): Needs {
  const byNode = plan.groups.map((group) => socketsByNode(plan, group))
  const sockets = socketsOf(plan)
  const isHere = ({ address }: Destination) => isLoopback4(address) || address === '::1' || own.includes(address)
  const nearShare = (ways: readonly Destination[]) => ways.filter(isHere).length / ways.length
  const near = destinations.reduce((sum, ways, node) => sum + nearShare(ways) * byNode.reduce((all, of) => all + of[node]!, 0), 0)
  return {
    ...commonOf(plan.clients, sockets, layout, sockets + Math.round(near)),
    ports: localPortsUsed(plan, destinations, sources, ({ index }) => byNode[index]!),
    sources: new Set(sources.flat()).size,
    memory: withSockets(planned.need.memory, sockets + Math.round(near)),
    pairs: planned.need.pairs,
    embeddedFiles: plan.embedded ? sockets + otherFiles({ processes: 1, workers: 1 }) : 0,
  }
}

/** Of connected clients that do nothing, by epoll, with a broker elsewhere. */
export function idleNeeds(facts: Pick<MachineFacts, 'openFiles' | 'cores'>): Needs {
  const layout = layoutOf({ clients: IDLE_CLIENTS, sockets: IDLE_CLIENTS }, facts, { processes: null, workers: null })
  const { fixedBytes, growingBytes } = processBytes(layout)
  return {
    ...commonOf(IDLE_CLIENTS, IDLE_CLIENTS, layout, IDLE_CLIENTS),
    ports: 0,
    sources: 0,
    memory: withSockets({ fixedBytes, growingBytes: growingBytes + IDLE_CLIENTS * CLIENT_BYTES.epoll }, IDLE_CLIENTS),
    pairs: 0,
    embeddedFiles: 0,
  }
}

export function memoryBytes({ memory }: Pick<Needs, 'memory'>): number {
  return memory.fixedBytes + memory.growingBytes
}

function commonOf(clients: number, sockets: number, layout: Layout, ends: number) {
  const { processes, workers } = layout
  return {
    clients,
    sockets,
    ...layout,
    processFiles: Math.ceil(sockets / processes) + otherFiles({ processes: 1, workers: Math.ceil(workers / processes) }),
    files: ends + otherFiles(layout),
    tasks: processes * PROCESS_TASKS + workers,
    ends,
  }
}

function withSockets({ fixedBytes, growingBytes }: MemoryEstimate, ends: number): MemoryEstimate {
  return { fixedBytes, growingBytes: growingBytes + ends * SOCKET_BYTES }
}
