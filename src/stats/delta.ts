/**
 * Gains of metrics, added up as the plain data that they are: no cell is made, and no histogram gets all its buckets.
 */
import { type CellDelta, countIn, type MetricsDelta } from './metrics.ts'
import { mergeSparse } from './sparse.ts'

export type CellGains = readonly (readonly [key: number, gained: CellDelta])[]

/** What a cell gained in both. */
export function mergeCell(a: CellDelta, b: CellDelta): CellDelta {
  const counts = { ...a.counts }
  for (const [name, count] of Object.entries(b.counts)) counts[name] = (counts[name] ?? 0) + count
  const latencies = { ...a.latencies }
  for (const [name, gained] of Object.entries(b.latencies)) {
    const before = latencies[name]
    latencies[name] = before === undefined ? gained : mergeSparse(before, gained)
  }
  return { counts, latencies }
}

/** Adds gains to those that are there already, by key. */
export function addGains(gains: CellGains, to: Map<number, CellDelta>): void {
  for (const [key, gained] of gains) {
    const before = to.get(key)
    to.set(key, before === undefined ? gained : mergeCell(before, gained))
  }
}

/** The sum of what several workers gained, or of what one gained several times; in any order. */
export function mergeMetrics(deltas: readonly MetricsDelta[]): MetricsDelta {
  const [only] = deltas
  if (only !== undefined && deltas.length === 1) return only
  const cells = (of: (delta: MetricsDelta) => CellGains): [number, CellDelta][] => {
    const merged = new Map<number, CellDelta>()
    for (const delta of deltas) addGains(of(delta), merged)
    return [...merged]
  }
  const counts = (of: (delta: MetricsDelta) => readonly (readonly [string, number])[]): [string, number][] => {
    const merged = new Map<string, number>()
    for (const delta of deltas) for (const [name, count] of of(delta)) countIn(merged, name, count)
    return [...merged]
  }
  return {
    clients: cells((delta) => delta.clients),
    publishes: cells((delta) => delta.publishes),
    publishesByNode: cells((delta) => delta.publishesByNode),
    deliveries: cells((delta) => delta.deliveries),
    deliveriesByPair: cells((delta) => delta.deliveriesByPair),
    clientsBySecond: cells((delta) => delta.clientsBySecond),
    publishesBySecond: cells((delta) => delta.publishesBySecond),
    deliveriesBySecond: cells((delta) => delta.deliveriesBySecond),
    reasonCodes: counts((delta) => delta.reasonCodes),
    errors: counts((delta) => delta.errors),
  }
}
