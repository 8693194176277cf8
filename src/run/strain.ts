/**
 * How near the generator's own machine came to its limits: each worker's thread, sockets that took no bytes, open files and local ports.
 *
 * Threads and unwritable sockets are of `measure`, as what they can spoil is; files and ports of the whole run. Pure: what was told goes in.
 */
import type { Plan } from '../load/plan.ts'
import type { GeneratorFigures, ThreadFigures } from '../report/types.ts'
import { thousandths } from '../units.ts'
import { type Destination, localPortsUsed, type Machine } from './limits.ts'
import type { Gain } from './messages.ts'

interface ThreadSums {
  allUs: number
  /** null: it is not known. */
  cpuUs: number | null
  waitingUs: number | null
  gcUs: number
}

export class Strain {
  private readonly plan: Plan
  private readonly destinations: readonly (readonly Destination[])[]
  private readonly limits: Pick<Machine, 'openFiles' | 'localPorts'>
  private readonly otherFiles: number
  private readonly threads = new Map<number, ThreadSums>()
  private readonly unwritable = { sum: 0, seconds: 0, peak: 0 }
  private sockets = 0
  private ports = 0

  /**
   * @param destinations  of each node, by node index
   * @param otherFiles  open in this process beside its clients' sockets
   */
  constructor(
    plan: Plan,
    destinations: readonly (readonly Destination[])[],
    limits: Pick<Machine, 'openFiles' | 'localPorts'>,
    otherFiles: number,
  ) {
    this.plan = plan
    this.destinations = destinations
    this.limits = limits
    this.otherFiles = otherFiles
  }

  /** A part of measure, of one worker. */
  take(worker: number, { fromUs, toUs, thread }: Gain): void {
    const sums = this.threads.get(worker) ?? { allUs: 0, cpuUs: 0, waitingUs: 0, gcUs: 0 }
    this.threads.set(worker, {
      allUs: sums.allUs + toUs - fromUs,
      cpuUs: add(sums.cpuUs, thread.cpuUs),
      waitingUs: add(sums.waitingUs, thread.waitingUs),
      gcUs: sums.gcUs + thread.gcUs,
    })
  }

  /** A second, of all workers. */
  second(gains: readonly Gain[], isMeasured: boolean): void {
    const nodes = this.plan.nodes.length
    const counts = this.plan.groups.map((_, group) =>
      this.plan.nodes.map((_, node) => gains.reduce((sum, gain) => sum + gain.sockets[group * nodes + node]!, 0)),
    )
    this.sockets = Math.max(
      this.sockets,
      counts.flat().reduce((sum, count) => sum + count, 0),
    )
    this.ports = Math.max(
      this.ports,
      localPortsUsed(this.plan, this.destinations, ({ index }) => counts[index]!),
    )
    if (!isMeasured) return
    const unwritable = gains.reduce((sum, gain) => sum + gain.unwritable, 0)
    this.unwritable.sum += unwritable
    this.unwritable.seconds++
    this.unwritable.peak = Math.max(this.unwritable.peak, unwritable)
  }

  figures(): Pick<GeneratorFigures, 'threads' | 'unwritable' | 'files' | 'ports'> {
    const { sum, seconds, peak } = this.unwritable
    return {
      threads: [...this.threads].sort(([a], [b]) => a - b).map(([, sums]) => sharesOf(sums)),
      unwritable: { mean: thousandths(seconds === 0 ? 0 : sum / seconds), peak },
      files: { used: this.sockets + this.otherFiles, limit: this.limits.openFiles },
      ports: { used: this.ports, limit: this.limits.localPorts },
    }
  }
}

function sharesOf({ allUs, cpuUs, waitingUs, gcUs }: ThreadSums): ThreadFigures {
  const share = (us: number | null) => (us === null || allUs <= 0 ? null : thousandths(us / allUs))
  return { cpu: share(cpuUs), waiting: share(waitingUs), gc: share(gcUs) }
}

function add(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b
}
