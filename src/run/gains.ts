/**
 * What members gain, second by second: gathered until a second is whole, and put together.
 *
 * A second is whole when every member that lives has told it, or when a later one is. Whoever tells a second has told those before it.
 */
import { mergeMetrics } from '../stats/delta.ts'
import { US_PER_S } from '../units.ts'
import { addTicks } from './cpu.ts'
import type { Gain, LoopUse } from './messages.ts'

export class Gains {
  private readonly open = new Map<number, Map<number, Gain>>()
  private readonly members: () => number
  private readonly openSeconds: number
  private readonly onSecond: (gains: readonly Gain[]) => void

  /**
   * @param members  how many there are to tell a second
   * @param openSeconds  that stay open for members that are late
   * @param onSecond  in order, with what each member that told it had gained
   */
  constructor(members: () => number, openSeconds: number, onSecond: (gains: readonly Gain[]) => void) {
    this.members = members
    this.openSeconds = openSeconds
    this.onSecond = onSecond
  }

  take(member: number, gain: Gain): void {
    const second = Math.max(1, Math.round(gain.toUs / US_PER_S))
    let gains = this.open.get(second)
    if (gains === undefined) this.open.set(second, (gains = new Map()))
    const before = gains.get(member)
    gains.set(member, before === undefined ? gain : inARow(before, gain))
    const whole = [...this.open].filter(([s, told]) => s < second && told.size >= this.members()).map(([s]) => s)
    this.closeUpTo(Math.max(second - this.openSeconds, ...whole))
  }

  /** Closes the seconds up to that one. */
  closeUpTo(last: number): void {
    for (const second of [...this.open.keys()].filter((s) => s <= last).sort((a, b) => a - b)) {
      const gains = this.open.get(second)!
      this.open.delete(second)
      this.onSecond([...gains].sort(([a], [b]) => a - b).map(([, gain]) => gain))
    }
  }
}

/** What one member gained in two stretches that follow one another. */
export function inARow(a: Gain, b: Gain): Gain {
  return {
    ...b,
    ...sums([a, b]),
    fromUs: a.fromUs,
    // Who has left since then has still been there.
    unwritable: Math.max(a.unwritable, b.unwritable),
    sockets: a.sockets.map((count, i) => Math.max(count, b.sockets[i]!)),
    fullest: Math.max(a.fullest, b.fullest),
    loops: b.loops.map((use) => {
      const before = a.loops.find(({ worker }) => worker === use.worker)
      return before === undefined ? use : addUse(before, use)
    }),
    processes: b.processes.map((use, i) => ({ ...use, cpuUs: use.cpuUs + (a.processes[i]?.cpuUs ?? 0) })),
    machines: b.machines.map((use, i) => ({ ...use, host: addTicks(a.machines[i]?.host ?? null, use.host) })),
  }
}

/** The time that gains side by side stand for: their mean, as each in a crowd tells its second at a moment of its own, and a second has to be as long as one. */
export function stretchOf(gains: readonly Gain[]): Pick<Gain, 'fromUs' | 'toUs'> {
  const mean = (of: (gain: Gain) => number) => gains.reduce((sum, gain) => sum + of(gain), 0) / gains.length
  return { fromUs: mean(({ fromUs }) => fromUs), toUs: mean(({ toUs }) => toUs) }
}

/** What several members gained in the same second, as if they were one. */
export function sideBySide(gains: readonly Gain[]): Gain {
  const sum = (of: (gain: Gain) => number) => gains.reduce((total, gain) => total + of(gain), 0)
  const sumOf = (of: (gain: Gain) => readonly number[]) => of(gains[0]!).map((_, i) => sum((gain) => of(gain)[i]!))
  return {
    ...sums(gains),
    ...stretchOf(gains),
    connected: sum(({ connected }) => connected),
    arrivedClients: sum(({ arrivedClients }) => arrivedClients),
    unverified: sum(({ unverified }) => unverified),
    missing: sum(({ missing }) => missing),
    backlog: sum(({ backlog }) => backlog),
    unwritable: sum(({ unwritable }) => unwritable),
    connectedByNode: sumOf(({ connectedByNode }) => connectedByNode),
    sockets: sumOf(({ sockets }) => sockets),
    fullest: Math.max(...gains.map(({ fullest }) => fullest)),
    loops: gains.flatMap(({ loops }) => loops),
    processes: gains.flatMap(({ processes }) => processes),
    machines: gains.flatMap(({ machines }) => machines),
  }
}

function sums(gains: readonly Gain[]): Pick<Gain, 'metrics' | 'sent' | 'arrived' | 'fresh'> {
  const sum = (of: 'sent' | 'arrived' | 'fresh') => gains.reduce((total, gain) => total + gain[of], 0)
  return { metrics: mergeMetrics(gains.map(({ metrics }) => metrics)), sent: sum('sent'), arrived: sum('arrived'), fresh: sum('fresh') }
}

function addUse(a: LoopUse, b: LoopUse): LoopUse {
  const add = (x: number | null, y: number | null) => (x === null || y === null ? null : x + y)
  return {
    worker: b.worker,
    allUs: a.allUs + b.allUs,
    busyUs: a.busyUs + b.busyUs,
    cpuUs: add(a.cpuUs, b.cpuUs),
    waitingUs: add(a.waitingUs, b.waitingUs),
    gcUs: a.gcUs + b.gcUs,
  }
}
