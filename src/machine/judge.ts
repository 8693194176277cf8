/**
 * Whether this machine can hold a plan: one place where source addresses, processes, needs and what there is come together. Pure.
 */
import { type Estimate, estimate } from '../load/estimate.ts'
import { socketsOf } from '../load/ghost-estimate.ts'
import type { Plan } from '../load/plan.ts'
import type { Slice } from '../load/slice.ts'
import { addressesHere, sourceAddressesOf } from './addresses.ts'
import { type MachineFacts, portCount } from './facts.ts'
import { type Layout, layoutOf, type Wanted } from './layout.ts'
import { type Needs, needsOf } from './needs.ts'
import type { Destination, SourceAddresses } from './ports.ts'
import { type Table, tableOf } from './table.ts'

export interface Question {
  readonly facts: MachineFacts
  /** Addresses that are this machine's, though no interface shows them. */
  readonly routed: readonly string[]
  /** Of each node, by node index. */
  readonly destinations: readonly (readonly Destination[])[]
  readonly transport: 'epoll' | 'stream'
  /** Size of a payload file, by the path that the plan has. */
  readonly fileBytes: (path: string) => number
  readonly wanted: Wanted
  /** What of the plan the machine is for; null: all of it. */
  readonly slice: Slice | null
}

export interface Judgement {
  readonly layout: Layout
  readonly sourceAddresses: SourceAddresses
  readonly planned: Estimate
  readonly needs: Needs
  readonly table: Table
}

/**
 * @param plan  with its nodes, the embedded one too
 * @throws EnvironmentError  a source address is not this machine's
 */
export function judge(plan: Plan, { facts, routed, destinations, transport, fileBytes, wanted, slice }: Question): Judgement {
  const own = [...facts.addresses, ...routed]
  const part = slice === null ? plan : partOf(plan, slice)
  const layout = layoutOf({ clients: part.clients, sockets: socketsOf(part) }, facts, wanted)
  const sourceAddresses = addressesHere(sourceAddressesOf(part, destinations, portCount(facts)), own, slice === null)
  // Who hears whom is a matter of the whole plan.
  const planned = shareOf(estimate(plan, { fileBytes, transport, ...layout }), plan.clients === 0 ? 1 : part.clients / plan.clients)
  const needs = needsOf(part, planned, destinations, sourceAddresses, layout, own)
  return { layout, sourceAddresses, planned, needs, table: tableOf(facts, needs) }
}

/** A plan with the slice's clients alone. */
function partOf(plan: Plan, { ranges }: Slice): Plan {
  const groups = plan.groups.map((group, i) => ({ ...group, clients: ranges[i]![1] - ranges[i]![0] }))
  return { ...plan, groups, clients: groups.reduce((sum, { clients }) => sum + clients, 0) }
}

/** Of what the machine has to do, its share. */
function shareOf(planned: Estimate, share: number): Estimate {
  const { need, connectsPerSec } = planned
  const { fixedBytes, growingBytes } = need.memory
  return {
    ...planned,
    connectsPerSec: connectsPerSec && connectsPerSec * share,
    peakPublishesPerSec: planned.peakPublishesPerSec * share,
    deliveriesPerSec: planned.deliveriesPerSec * share,
    streams: planned.streams.map((stream) => ({ ...stream, publishesPerSec: stream.publishesPerSec && stream.publishesPerSec * share })),
    need: { memory: { fixedBytes, growingBytes: growingBytes * share }, pairs: Math.round(need.pairs * share) },
  }
}
