/**
 * Of which cells a part of a run is the sum: of a group, a node, a stream or a QoS, or all of them.
 */
import { cellOf } from '../load/group.ts'
import type { Plan } from '../load/plan.ts'
import type { Cell, CellKind, Cells, Metrics } from '../stats/metrics.ts'

export type Scope = 'groups' | 'nodes' | 'streams' | 'qos'

/** Tables of cells, by kind of cell. */
interface Tables {
  readonly clients: 'clients'
  readonly publishes: 'publishes' | 'publishesByNode'
  readonly deliveries: 'deliveries' | 'deliveriesByPair'
}

/** Cells of a table. */
export interface Selection<K extends CellKind> {
  readonly kind: K
  readonly table: Tables[K]
  readonly passes: (key: number) => boolean
}

/** Streams and QoS levels are about messages: their `clients` are nobody's. */
export type Part = { readonly [K in CellKind]: Selection<K> }

/** @param scope  null: the whole run; then `name` says nothing */
export function partOf(plan: Plan, scope: Scope | null, name: string): Part {
  const part = (of: { [K in CellKind]: (key: number) => boolean }): Part => ({
    clients: { kind: 'clients', table: 'clients', passes: of.clients },
    publishes: { kind: 'publishes', table: 'publishes', passes: of.publishes },
    deliveries: { kind: 'deliveries', table: 'deliveries', passes: of.deliveries },
  })
  if (scope === 'groups') {
    const { index, publish } = plan.groups.find((group) => group.name === name)!
    const entries = new Set(publish.map((entry) => entry.index))
    return part({
      clients: (key) => cellOf.client(key).group === index,
      publishes: (key) => entries.has(cellOf.publish(key).entry),
      deliveries: (key) => cellOf.delivery(key).group === index,
    })
  }
  if (scope === 'streams') {
    const entries = new Set(plan.groups.flatMap((group) => group.publish.filter((entry) => entry.name === name).map(({ index }) => index)))
    return part({
      clients: none,
      publishes: (key) => entries.has(cellOf.publish(key).entry),
      deliveries: (key) => entries.has(cellOf.delivery(key).entry),
    })
  }
  if (scope === 'qos') {
    const qos = Number(name)
    return part({
      clients: none,
      publishes: (key) => cellOf.publish(key).qos === qos,
      deliveries: (key) => cellOf.delivery(key).qos === qos,
    })
  }
  const whole = part({ clients: all, publishes: all, deliveries: all })
  if (scope === null) return whole
  const node = plan.nodes.findIndex((one) => one.name === name)
  const clients: Part['clients'] = { ...whole.clients, passes: (key) => cellOf.client(key).node === node }
  // With one node its figures are the run's: nobody counts by node.
  if (plan.nodes.length === 1) return { ...whole, clients }
  return {
    clients,
    publishes: { kind: 'publishes', table: 'publishesByNode', passes: (key) => key === node },
    deliveries: { kind: 'deliveries', table: 'deliveriesByPair', passes: (key) => cellOf.pair(key).to === node },
  }
}

export function sumOf<K extends CellKind>(metrics: Metrics, { table, passes }: Selection<K>): Cell<K> {
  return (metrics[table] as unknown as Cells<K>).sum(passes)
}

function all(): boolean {
  return true
}

function none(): boolean {
  return false
}
