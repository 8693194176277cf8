/**
 * All that a size is computed from, in one value: the target, its load, and what is known of a node. Sensitivity changes it and asks again.
 */
import { formatBitRate, formatBytes, formatCount, formatDuration, formatRate, formatShare, US_PER_S } from '../units.ts'
import type { Evidence } from './evidence.ts'
import type { MemoryModel } from './regression.ts'
import type { Refusal } from './scaling.ts'
import type { Load, Target } from './target.ts'
import { assumedThroughput, measuredThroughput, type Throughput } from './throughput.ts'
import type { Quantity } from './types.ts'

export interface Model {
  readonly target: Target
  readonly load: Load
  readonly node: Target['node']
  readonly recoveryS: number | null
  readonly memory: Memory | Refusal
  readonly throughput: Throughput | Refusal
  /** Times what the throughput is measured in: messages with their deliveries, over those of the measured fan-out. */
  readonly work: number
  readonly connectRate: Quantity | Refusal
  /** How many connected to a node where the rate was measured; null: it was not. */
  readonly connectedPerNode: number | null
  readonly failoverS: Quantity | null
  readonly cpuUsPerMessage: Quantity | null
}

export interface Memory {
  readonly base: Quantity
  readonly perConnection: Quantity
  /** null: not known apart from connections. */
  readonly perSubscription: Quantity | null
  readonly perQueued: Quantity | null
  /** Of a node in any plateau; null: none was measured. */
  readonly mostConnections: number | null
}

/** A measurement goes before what the target assumes. */
export function modelOf(target: Target, load: Load, evidence: Evidence): Model {
  const { connects, failover, cpuUsPerMessage, measuredFanOut } = evidence
  const { assume, recoveryTime } = target
  const isMeasured = evidence.scaling.law !== null || assume.perNode === undefined
  return {
    target,
    load,
    node: target.node,
    recoveryS: recoveryTime === undefined ? null : recoveryTime / 1e6,
    memory: memoryOf(target, evidence),
    throughput: throughputOf(target, evidence),
    work: isMeasured && measuredFanOut !== null ? (1 + load.fanOut) / (1 + measuredFanOut) : 1,
    connectRate: connectRateOf(target, evidence),
    connectedPerNode: connects?.clientsPerNode ?? null,
    failoverS:
      failover !== null
        ? { value: failover.high, range: failover, provenance: 'measured', basis: `the slowest of ${failover.basis}` }
        : assume.failover === undefined
          ? null
          : assumed(assume.failover / 1e6),
    cpuUsPerMessage: cpuUsPerMessage && {
      value: cpuUsPerMessage.value,
      range: cpuUsPerMessage,
      provenance: 'measured',
      basis: cpuUsPerMessage.basis,
    },
  }
}

export function isRefusal(one: object): one is Refusal {
  return 'reason' in one
}

/** The end of what is known that asks for more. */
export function cautious({ value, range }: Quantity, end: 'low' | 'high'): number {
  return range?.[end] ?? value
}

function memoryOf({ assume }: Target, { memory }: Evidence): Memory | Refusal {
  if (!('refusal' in memory)) return measuredMemory(memory)
  const { memoryPerConnection, memoryBase = 0 } = assume
  if (memoryPerConnection === undefined)
    return { reason: memory.refusal, measure: 'hold idle clients at three numbers or more (sizing/idle), with the metrics of the nodes' }
  return {
    base: assumed(memoryBase),
    perConnection: assumed(memoryPerConnection),
    perSubscription: null,
    perQueued: null,
    mostConnections: null,
  }
}

function measuredMemory({ baseBytes, slopes, plateaus, most }: MemoryModel): Memory {
  const basis = `${formatCount(plateaus)} plateaus of up to ${formatCount(most.connections ?? 0)} connections a node`
  const quantity = (value: number, half: number): Quantity => ({
    value,
    range: { low: value - half, high: value + half },
    provenance: 'measured',
    basis,
  })
  const slope = (name: 'connections' | 'subscriptions' | 'queued') => {
    const found = slopes[name]
    return found === undefined ? null : quantity(found.bytes, found.upperBytes - found.bytes)
  }
  return {
    base: { value: Math.max(0, baseBytes), range: null, provenance: 'measured', basis },
    perConnection: slope('connections')!,
    perSubscription: slope('subscriptions'),
    perQueued: slope('queued'),
    mostConnections: most.connections ?? null,
  }
}

function throughputOf({ assume, slo }: Target, { scaling, unfound }: Evidence): Throughput | Refusal {
  const { perNode, contention = 0, coherency = 0 } = assume
  if (scaling.law === null && perNode !== undefined) return assumedThroughput({ gamma: perNode, alpha: contention, beta: coherency })
  if (scaling.sizes.length > 0) return measuredThroughput(scaling)
  const none = `no search for a rate with ${slo.join(', ')}`
  const [first] = unfound
  return { reason: first === undefined ? none : `${none} has found one (${first.replace(/\.$/, '')})`, measure: scaling.refusal!.measure }
}

function connectRateOf({ assume }: Target, { connects }: Evidence): Quantity | Refusal {
  if (connects !== null) return { value: connects.perSec, range: null, provenance: 'measured', basis: connects.basis }
  if (assume.connectRate !== undefined) return assumed(assume.connectRate)
  return { reason: 'no run has a reconnect storm or a connect phase', measure: 'let clients reconnect all together (sizing/storm)' }
}

function assumed(value: number): Quantity {
  return { value, range: null, provenance: 'assumed', basis: 'target file' }
}

/** The inputs by name, for the list of them: what is asked for, what a node is, and what is known of it. */
export function inputsOf(model: Model): { name: string; text: string; quantity: Quantity }[] {
  const { memory, throughput, connectRate, failoverS, cpuUsPerMessage, node, load, recoveryS, target } = model
  // What a target states goes before what its scenario says.
  const asked = (value: number, own: unknown): Quantity => (own === undefined ? { ...assumed(value), basis: load.basis } : assumed(value))
  const stated = (value: number | null | undefined) => (value === null || value === undefined ? null : assumed(value))
  const rows: { name: string; quantity: Quantity | null; form: (value: number) => string }[] = [
    { name: 'clients', quantity: asked(load.clients, target.clients), form: formatCount },
    { name: 'messages a second', quantity: asked(load.publishesPerSec, target.publish), form: formatRate },
    ...(load.publishesPerSec === 0
      ? []
      : [
          {
            name: 'deliveries of a message',
            quantity: asked(load.fanOut, target.fanOut),
            form: (value: number) => String(Number(value.toPrecision(3))),
          },
          { name: 'bytes of a PUBLISH', quantity: asked(load.packetBytes, target.payload), form: formatBytes },
        ]),
    { name: 'time for all to come back', quantity: stated(recoveryS), form: seconds },
    { name: 'memory of a node', quantity: stated(node.memory), form: formatBytes },
    { name: 'memory that is planned with', quantity: assumed(target.use.memory), form: formatShare },
    { name: 'throughput that is planned with', quantity: assumed(target.use.cpu), form: formatShare },
    { name: 'connections of a node, at most', quantity: stated(node.connections), form: formatCount },
    { name: 'bandwidth of a node, each way', quantity: stated(node.network), form: formatBitRate },
    { name: 'bandwidth that is planned with', quantity: assumed(target.use.network), form: formatShare },
  ]
  if (!isRefusal(memory)) {
    rows.push(
      { name: 'memory of a node without clients', quantity: memory.base, form: formatBytes },
      { name: 'memory of a connection', quantity: memory.perConnection, form: formatBytes },
      { name: 'memory of a subscription', quantity: memory.perSubscription, form: formatBytes },
      { name: 'memory of a queued message', quantity: memory.perQueued, form: formatBytes },
    )
  }
  if (!isRefusal(throughput)) rows.push({ name: 'messages a second of one node', quantity: throughput.ofOne, form: formatRate })
  if (!isRefusal(connectRate)) rows.push({ name: 'connects a second of one node', quantity: connectRate, form: formatRate })
  rows.push(
    { name: 'failover', quantity: failoverS, form: seconds },
    { name: 'CPU time of a message', quantity: cpuUsPerMessage, form: (us) => `${Number(us.toPrecision(3))} µs` },
  )
  return rows.flatMap(({ name, quantity, form }) => {
    if (quantity === null) return []
    const { value, range } = quantity
    const isWide = range !== null && range.high - range.low > 1e-4 * value
    return [{ name, quantity, text: isWide ? `${form(value)} (${form(range.low)} … ${form(range.high)})` : form(value) }]
  })
}

function seconds(value: number): string {
  return formatDuration(value * US_PER_S)
}
