/**
 * What was measured in each second of measure: sparse, since a run has many seconds and each holds little, and one row for a second however many
 * workers tell of it, and however often.
 *
 * Windows of the report (named stretches; before, during and after a fault) are sums of whole seconds, and where a fault's window ends is
 * known only behind it.
 */
import { addGains } from './delta.ts'
import { Cell, type CellDelta, type CellKind, type MetricsDelta } from './metrics.ts'

export class Seconds {
  private readonly told = {
    clients: new Map<number, CellDelta>(),
    publishes: new Map<number, CellDelta>(),
    deliveries: new Map<number, CellDelta>(),
  }

  add(delta: MetricsDelta): void {
    addGains(delta.clientsBySecond, this.told.clients)
    addGains(delta.publishesBySecond, this.told.publishes)
    addGains(delta.deliveriesBySecond, this.told.deliveries)
  }

  /** The sum of the cells whose key passes; keys are made and split by `secondKey`. */
  sum<K extends CellKind>(kind: K, passes: (key: number) => boolean): Cell<K> {
    const total = new Cell(kind)
    for (const [key, gained] of this.told[kind]) if (passes(key)) total.add(gained)
    return total
  }

  /** All that was told, by key. */
  entries(kind: CellKind): Iterable<readonly [key: number, gained: CellDelta]> {
    return this.told[kind]
  }
}

/** Keys of cells by second. */
export const secondKey = {
  client: (second: number): number => second,
  publish: (second: number, qos: number): number => second * 4 + qos,
  delivery: (second: number, isPersistent: boolean, qos: number): number => (second * 2 + Number(isPersistent)) * 4 + qos,
} as const

export const secondOf = {
  client: (key: number): number => key,
  publish: (key: number) => ({ second: key >> 2, qos: key & 3 }),
  delivery: (key: number) => ({ second: key >> 3, isPersistent: (key & 4) !== 0, qos: key & 3 }),
} as const
