/**
 * What one worker counts, and how it is added up.
 *
 * Figures are kept in *cells*, each the smallest part that any table of the report needs: a client cell for each (group, node), a publish cell
 * for each (entry, QoS) and for each node, a delivery cell for each (group, entry, QoS) and for each pair of nodes. Tables are sums of cells.
 * A worker sends what its cells gained since the last second (a delta) and starts anew, so that a worker that dies loses a second at most;
 * the sum of the deltas, in any order, is the total.
 *
 * A cell is a row of counters and a row of histograms, named by the lists below: adding two cells is adding two rows.
 */
import { Histogram } from './histogram.ts'
import type { SparseHistogram } from './sparse.ts'

/** The kinds of cell: their counters and their latencies, all in µs. */
export const CELLS = {
  clients: {
    counters: [
      'connected',
      'failed',
      'disconnected',
      'reconnected',
      'returning',
      // Of disconnected: clients that had got messages, and wait for more.
      'interrupted',
      'granted',
      'refused',
      'bytesSent',
      'bytesReceived',
      // Attempts to connect, those of clients that a fault keeps off included.
      'attempts',
      // Reconnects of clients with a session to come back to: it was there, or it was not.
      'resumed',
      'forgotten',
      // New connections while the old one stood at the broker, and those of them whose old one was still open `settle` later.
      'takenOver',
      'doubled',
      // Deliveries that had waited on the broker for the client's return.
      'queued',
      // Time without a connection that was wanted, µs.
      'downUs',
    ],
    // tcp, tls and connack are the legs of an attempt; resume: loss of a connection to the first delivery of what came due after it;
    // unqueue: CONNACK to the last delivery that had waited on the broker.
    latencies: ['connect', 'reconnect', 'subscribe', 'connectLag', 'tcp', 'tls', 'connack', 'resume', 'unqueue'],
  },
  publishes: {
    counters: ['sent', 'acked', 'refused', 'dropped', 'ackWanted', 'replyWanted'],
    latencies: ['ack', 'sendLag', 'blocked', 'roundTrip'],
  },
  deliveries: {
    // Of owed and received, `untimed` ones are of streams without a header: they have no latencies.
    counters: [
      'arrived',
      'owed',
      'received',
      'lost',
      'excused',
      'dropped',
      'duplicated',
      'reordered',
      'unexpected',
      'untimedOwed',
      'untimedReceived',
    ],
    // sameClock: those of endToEnd whose publisher has the subscriber's clock; only where there are several.
    latencies: ['endToEnd', 'sameClock'],
  },
} as const

export type CellKind = keyof typeof CELLS
export type Counter<K extends CellKind> = (typeof CELLS)[K]['counters'][number]
export type Latency<K extends CellKind> = (typeof CELLS)[K]['latencies'][number]

/** One cell. Histograms are made on their first sample: most cells need one or two of them. */
export class Cell<K extends CellKind> {
  readonly kind: K
  readonly counts: Record<Counter<K>, number>
  readonly latencies: Partial<Record<Latency<K>, Histogram>> = {}
  private readonly isSparse: boolean

  /** @param isSparse  of its histograms */
  constructor(kind: K, isSparse = false) {
    this.kind = kind
    this.isSparse = isSparse
    this.counts = Object.fromEntries(CELLS[kind].counters.map((name) => [name, 0])) as Record<Counter<K>, number>
  }

  record(name: Latency<K>, valueUs: number): void {
    const histogram = this.latencies[name]
    if (histogram === undefined) this.make(name).record(valueUs)
    else histogram.record(valueUs)
  }

  private make(name: Latency<K>): Histogram {
    const histogram = new Histogram(this.isSparse)
    this.latencies[name] = histogram
    return histogram
  }

  /** Adds another cell of the same kind, or a delta of one. */
  add(other: Cell<K> | CellDelta): void {
    const counts = other.counts as Record<string, number>
    for (const name of CELLS[this.kind].counters as readonly Counter<K>[]) this.counts[name] += counts[name] ?? 0
    for (const name of CELLS[this.kind].latencies as readonly Latency<K>[]) {
      const gained = (other.latencies as Partial<Record<string, Histogram | SparseHistogram>>)[name]
      if (gained && gained.count > 0) (this.latencies[name] ?? this.make(name)).add(gained)
    }
  }

  /** What the cell gained since the last call, or null for nothing; the cell starts anew. */
  take(): CellDelta | null {
    const counts: Record<string, number> = {}
    const latencies: Record<string, SparseHistogram> = {}
    let gained = false
    for (const name of CELLS[this.kind].counters as readonly Counter<K>[]) {
      if (this.counts[name] === 0) continue
      counts[name] = this.counts[name]
      this.counts[name] = 0
      gained = true
    }
    for (const name of CELLS[this.kind].latencies as readonly Latency<K>[]) {
      const histogram = this.latencies[name]
      if (histogram === undefined || histogram.count === 0) continue
      latencies[name] = histogram.toSparse()
      histogram.reset()
      gained = true
    }
    return gained ? { counts, latencies } : null
  }
}

/** What a cell gained: plain data that crosses threads and processes. */
export interface CellDelta {
  readonly counts: Readonly<Record<string, number>>
  readonly latencies: Readonly<Record<string, SparseHistogram>>
}

/** Cells of one kind, found by an integer key that its owner makes up; a cell exists from its first use on. */
export class Cells<K extends CellKind> {
  readonly kind: K
  private readonly isSparse: boolean
  private readonly byKey = new Map<number, Cell<K>>()

  /** @param isSparse  of its cells: there are many, and each holds little */
  constructor(kind: K, isSparse = false) {
    this.kind = kind
    this.isSparse = isSparse
  }

  at(key: number): Cell<K> {
    return this.byKey.get(key) ?? this.make(key)
  }

  private make(key: number): Cell<K> {
    const cell = new Cell(this.kind, this.isSparse)
    this.byKey.set(key, cell)
    return cell
  }

  entries(): Iterable<[key: number, cell: Cell<K>]> {
    return this.byKey
  }

  keys(): Iterable<number> {
    return this.byKey.keys()
  }

  /** The sum of the cells whose key passes. */
  sum(passes: (key: number) => boolean = () => true): Cell<K> {
    const total = new Cell(this.kind)
    for (const [key, cell] of this.entries()) if (passes(key)) total.add(cell)
    return total
  }

  take(): [key: number, gained: CellDelta][] {
    const gains: [number, CellDelta][] = []
    for (const [key, cell] of this.entries()) {
      const gained = cell.take()
      if (gained) gains.push([key, gained])
    }
    return gains
  }

  /** What the cells gained, and an end to them: for cells whose time passes. */
  drain(): [key: number, gained: CellDelta][] {
    const gains = this.take()
    this.byKey.clear()
    return gains
  }

  add(gains: readonly (readonly [key: number, gained: CellDelta])[]): void {
    for (const [key, gained] of gains) this.at(key).add(gained)
  }
}

/** Every cell of a worker, or of a run. */
export class Metrics {
  readonly clients = new Cells('clients')
  readonly publishes = new Cells('publishes')
  readonly publishesByNode = new Cells('publishes')
  readonly deliveries = new Cells('deliveries')
  readonly deliveriesByPair = new Cells('deliveries')
  /** By second of measure: clients by when it happened, publishes and deliveries by intended time. Only where the plan has windows. */
  readonly clientsBySecond = new Cells('clients', true)
  readonly publishesBySecond = new Cells('publishes', true)
  readonly deliveriesBySecond = new Cells('deliveries', true)
  /** Reason codes by packet name and code, e.g. `CONNACK 0x87`, and errors by name. */
  readonly reasonCodes = new Map<string, number>()
  readonly errors = new Map<string, number>()

  take(): MetricsDelta {
    const delta: MetricsDelta = {
      clients: this.clients.take(),
      publishes: this.publishes.take(),
      publishesByNode: this.publishesByNode.take(),
      deliveries: this.deliveries.take(),
      deliveriesByPair: this.deliveriesByPair.take(),
      clientsBySecond: this.clientsBySecond.drain(),
      publishesBySecond: this.publishesBySecond.drain(),
      deliveriesBySecond: this.deliveriesBySecond.drain(),
      reasonCodes: [...this.reasonCodes],
      errors: [...this.errors],
    }
    this.reasonCodes.clear()
    this.errors.clear()
    return delta
  }

  /** Adds everything but what is told by second: that is not for totals; see seconds.ts. */
  add(delta: MetricsDelta): void {
    this.clients.add(delta.clients)
    this.publishes.add(delta.publishes)
    this.publishesByNode.add(delta.publishesByNode)
    this.deliveries.add(delta.deliveries)
    this.deliveriesByPair.add(delta.deliveriesByPair)
    for (const [name, count] of delta.reasonCodes) countIn(this.reasonCodes, name, count)
    for (const [name, count] of delta.errors) countIn(this.errors, name, count)
  }
}

/** What a worker's metrics gained in a second: plain data. */
export interface MetricsDelta {
  readonly clients: [key: number, gained: CellDelta][]
  readonly publishes: [key: number, gained: CellDelta][]
  readonly publishesByNode: [key: number, gained: CellDelta][]
  readonly deliveries: [key: number, gained: CellDelta][]
  readonly deliveriesByPair: [key: number, gained: CellDelta][]
  readonly clientsBySecond: [key: number, gained: CellDelta][]
  readonly publishesBySecond: [key: number, gained: CellDelta][]
  readonly deliveriesBySecond: [key: number, gained: CellDelta][]
  readonly reasonCodes: [name: string, count: number][]
  readonly errors: [name: string, count: number][]
}

export function countIn(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by)
}
