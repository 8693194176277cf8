/** What ± 20 % on each input does to the number of nodes: the tornado. */
import type { ConstraintName } from './constraints.ts'
import { decide } from './decide.ts'
import { isRefusal, type Model } from './model.ts'
import type { Lever } from './sizing.ts'
import type { Quantity } from './types.ts'

export const STEP = 0.2

interface Input {
  readonly name: string
  readonly of: ConstraintName
  /** The model with so many times of it; null: it has no such input. */
  readonly times: (model: Model, factor: number) => Model | null
}

/** By the name that a reader knows it by. */
export const INPUTS: readonly Input[] = [
  { name: 'connection cap', of: 'connections', times: (model, factor) => onNode(model, 'connections', factor) },
  {
    name: 'clients',
    of: 'connections',
    times: (model, factor) => ({ ...model, load: { ...model.load, clients: model.load.clients * factor } }),
  },
  {
    name: 'messages a second',
    of: 'throughput',
    times: (model, factor) => ({ ...model, load: { ...model.load, publishesPerSec: model.load.publishesPerSec * factor } }),
  },
  {
    name: 'memory of a connection',
    of: 'memory',
    times: (model, factor) => {
      const { memory } = model
      return isRefusal(memory) ? null : { ...model, memory: { ...memory, perConnection: scaled(memory.perConnection, factor) } }
    },
  },
  { name: 'memory of a node', of: 'memory', times: (model, factor) => onNode(model, 'memory', factor) },
  {
    name: 'throughput of a node',
    of: 'throughput',
    times: (model, factor) => (isRefusal(model.throughput) ? null : { ...model, work: model.work / factor }),
  },
  {
    name: 'connects a second of a node',
    of: 'storm',
    times: (model, factor) => {
      const { connectRate, target } = model
      return isRefusal(connectRate) || target.survive === 'none' ? null : { ...model, connectRate: scaled(connectRate, factor) }
    },
  },
  {
    name: 'recovery time',
    of: 'storm',
    times: (model, factor) =>
      model.recoveryS === null || model.target.survive === 'none' ? null : { ...model, recoveryS: model.recoveryS * factor },
  },
  { name: 'bandwidth of a node', of: 'network', times: (model, factor) => onNode(model, 'network', factor) },
]

/** The largest lever first. */
export function leversOf(model: Model, binding: ConstraintName): Lever[] {
  const levers = INPUTS.flatMap(({ name, of, times }): Lever[] => {
    const [less, more] = [times(model, 1 - STEP), times(model, 1 + STEP)]
    return less === null || more === null ? [] : [{ name, less: decidedNodes(less), more: decidedNodes(more), binds: of === binding }]
  })
  // What goes beyond what can be said goes farthest.
  const reach = ({ less, more }: Lever) => (less === null || more === null ? Infinity : Math.abs(more - less))
  const order = (a: number, b: number) => (a === b ? 0 : b - a)
  return levers.toSorted((a, b) => order(reach(a), reach(b)) || Number(b.binds) - Number(a.binds))
}

/** By all that is known. */
export function nodesOf(model: Model): number {
  return decide(model).cluster.nodes
}

/** null: it is not decided. */
export function decidedNodes(model: Model): number | null {
  const { doubts, cluster } = decide(model)
  return doubts.length === 0 ? cluster.nodes : null
}

function onNode(model: Model, key: 'connections' | 'memory' | 'network', factor: number): Model | null {
  const value = model.node[key]
  return value === undefined ? null : { ...model, node: { ...model.node, [key]: value * factor } }
}

export function scaled(quantity: Quantity, factor: number): Quantity {
  const { value, range } = quantity
  return { ...quantity, value: value * factor, range: range && { low: range.low * factor, high: range.high * factor } }
}
