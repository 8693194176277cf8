/**
 * Thresholds that end a run as soon as they do not hold (`abortOnFail`): which figures there are while a run goes on, and from when on.
 *
 * What a figure is of decides when it begins: connections are counted from the start of the run, messages from the start of measure. What is
 * worked out of the whole at its end, as every delivery that was owed, can end nothing earlier.
 */
import { type Operator, partsOf, type Threshold, type Wrong } from './threshold.ts'

/** How long a figure grows before it is first looked at, unless the scenario says otherwise: a p99 of few samples is chance. */
export const GRACE_US = 5e6

/** Counts that are known at any moment; they only grow, but for the ratio. */
const COUNTS: Readonly<Record<string, readonly string[]>> = {
  clients: ['connected', 'failed', 'disconnected', 'reconnected'],
  subscriptions: ['granted', 'refused'],
  sessions: ['resumed', 'forgotten', 'takenOver', 'doubled'],
  offline: ['queued', 'perSec'],
  bytes: ['sent', 'received'],
  publishes: ['sent', 'acked', 'refused', 'dropped', 'sentRatio'],
  deliveries: ['duplicated', 'reordered', 'unexpected'],
}
const LATENCIES_OF_CONNECTIONS = ['connect', 'reconnect', 'subscribe', 'connectLag', 'unqueue']
const LATENCIES_OF_MESSAGES = ['endToEnd', 'ack', 'sendLag', 'blocked', 'roundTrip']
const OF_CONNECTIONS = ['clients', 'subscriptions', 'sessions', 'offline', 'bytes', ...LATENCIES_OF_CONNECTIONS]
const LATENCIES = [...LATENCIES_OF_CONNECTIONS, ...LATENCIES_OF_MESSAGES]

/** Whether the metric is of connections, and so counted from the start of the run; or of messages, from the start of measure. */
export function isOfConnections(metric: string): boolean {
  return OF_CONNECTIONS.includes(partsOf(metric).figure.split('.')[0]!)
}

/** Why a threshold can't end a run early; null if it can. @param hasGrace  the scenario says how long it may fail to hold */
export function abortProblem({ metric, op, value, kind }: Threshold, hasGrace: boolean): Wrong | null {
  const { scope, figure } = partsOf(metric)
  const [section, field] = figure.split('.') as [string, string]
  const known = COUNTS[section]
  const isLive = scope !== 'windows' && scope !== 'faults' && (known?.includes(field) ?? (LATENCIES.includes(section) && field !== 'count'))
  if (!isLive) {
    const others = scope === 'windows' || scope === 'faults' ? undefined : known?.map((name) => `${section}.${name}`).join(', ')
    return {
      problem: `can't be with ${metric}, which is known only at the end of the run`,
      hint: others && `while it goes on there are ${others}`,
    }
  }
  const hasToGrow = (kind === 'count' || kind === 'bytes') && isGrowing(op, value)
  if (hasToGrow && !hasGrace) return { problem: `needs grace: ${metric} begins with 0, and has to grow`, hint: 'such as grace: 30s' }
  return null
}

/** Whether 0 does not hold, and more may. */
function isGrowing(op: Operator, value: number): boolean {
  return op === '>' || (op === '>=' && value > 0) || (op === '==' && value !== 0) || (op === '!=' && value === 0)
}
