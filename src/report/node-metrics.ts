/**
 * What a node told of itself, joined with what the run knows of it: what a connection costs in memory and a message in CPU, and whether both count alike.
 */
import type { Both, NodeMetrics, Reconciliation } from './metrics-types.ts'
import type { NodeFigures } from './types.ts'

/** What was watched of a node, and what belongs beside it of the same time. */
export interface Watched extends Omit<NodeMetrics, 'bytesPerConnection' | 'cpuUsPerMessage' | 'reconciliation'> {
  /** Clients of ours that were connected there, the mean over measure; null: not known. */
  readonly connected: number | null
  /** CPU time of its process above what it used before, in the part of measure of which it was told; null: not known. */
  readonly cpuUsedS: number | null
  /** Length of measure. */
  readonly lengthS: number
}

/** Messages beside the load that a node counts and we don't: the sentinel's, of measure. */
export interface Aside {
  readonly sent: number
  readonly received: number
}

/** Memory is that of a plateau where it drifts in measure by no more than this share of what it has grown since before. */
export const FLAT_DRIFT = 0.1
/** CPU time is told in ticks of 10 ms: less than ten of them is no figure. */
const LEAST_CPU_S = 0.1
/** Below it what a process takes now and then is more than what connections do. */
export const FEWEST_CONNECTIONS = 100

export function joined(watched: Watched, figures: NodeFigures, aside: Aside): NodeMetrics {
  const { connected: _, cpuUsedS: __, lengthS: ___, ...told } = watched
  const ours = { sent: (figures.publishes?.sent ?? 0) + aside.sent, received: arrived(figures) + aside.received }
  const { messagesIn, messagesOut } = told
  return {
    ...told,
    bytesPerConnection: bytesPerConnection(watched),
    cpuUsPerMessage: isLoaded(figures)
      ? cpuUsPerMessage(watched, (messagesIn?.count ?? ours.sent) + (messagesOut?.count ?? ours.received))
      : null,
    reconciliation: watched.lengthS === 0 ? null : reconciled(watched, ours),
  }
}

function reconciled({ connections, connected, messagesIn, messagesOut }: Watched, ours: Aside): Reconciliation | null {
  const both = (own: number | null, theirs: number | null | undefined): Both | null =>
    own === null || theirs === null || theirs === undefined ? null : { ours: own, theirs }
  const counts = {
    connected: both(connected, newConnections(connections)),
    sent: both(ours.sent, messagesIn?.count),
    received: both(ours.received, messagesOut?.count),
  }
  return Object.values(counts).every((count) => count === null) ? null : counts
}

/** Above those of before, the mean; null: not known. */
function newConnections(connections: NodeMetrics['connections']): number | null {
  return connections === null || connections.before === null ? null : connections.mean - connections.before
}

/** What came to our clients on the node, as far as it is known: of what is excused it isn't. */
function arrived({ deliveries: d }: NodeFigures): number {
  return d === undefined ? 0 : d.received + d.duplicated + d.unexpected
}

function bytesPerConnection({ memoryBytes, connections, connected, queued, isOfMachine, lengthS }: Watched): number | null {
  if (memoryBytes === null || memoryBytes.before === null || isOfMachine) return null
  const grown = memoryBytes.mean - memoryBytes.before
  // Where the node does not tell, ours are all there are.
  const count = connections === null ? connected : newConnections(connections)
  if (count === null || count < FEWEST_CONNECTIONS || grown <= 0 || (queued?.mean ?? 0) > count) return null
  return Math.abs(memoryBytes.slopePerSec * lengthS) > FLAT_DRIFT * grown ? null : grown / count
}

function cpuUsPerMessage({ cpuUsedS }: Watched, messages: number): number | null {
  return cpuUsedS === null || cpuUsedS < LEAST_CPU_S || messages === 0 ? null : (cpuUsedS * 1e6) / messages
}

/** Something but the sentinel's messages went through it. */
function isLoaded({ publishes, deliveries }: NodeFigures): boolean {
  return (publishes?.sent ?? 0) + (deliveries?.received ?? 0) > 0
}
