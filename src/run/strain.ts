/**
 * How near the generator's own machine came to its limits: each worker's thread, sockets that took no bytes, open files and local ports.
 *
 * Threads and unwritable sockets are of `measure`, as what they can spoil is; files and ports of the whole run. Pure: what was told goes in.
 */
import type { Surroundings } from '../load/group.ts'
import type { Plan } from '../load/plan.ts'
import { type MachineFacts, portCount } from '../machine/facts.ts'
import { localPortsUsed } from '../machine/ports.ts'
import type { GeneratorFigures, ThreadFigures } from '../report/types.ts'
import { thousandths } from '../units.ts'
import type { Gain, LoopUse } from './messages.ts'

type ThreadSums = Pick<LoopUse, 'allUs' | 'cpuUs' | 'waitingUs' | 'gcUs'>

/** What there is; null: unknown, or without a limit. */
export interface Limits {
  /** Of a process. */
  readonly openFiles: number | null
  /** Of one source address towards one destination. */
  readonly localPorts: number | null
}

export function limitsOf(facts: MachineFacts): Limits {
  return { openFiles: facts.openFiles.soft, localPorts: portCount(facts) }
}

export class Strain {
  private readonly plan: Plan
  private readonly around: Pick<Surroundings, 'endpoints' | 'sourceAddresses'>
  private readonly limits: Limits
  private readonly otherFiles: number
  private readonly isShared: boolean
  private readonly threads = new Map<string, ThreadSums>()
  private readonly unwritable = { sum: 0, seconds: 0, peak: 0 }
  private sockets = 0
  private ports = 0

  /**
   * @param otherFiles  open in a process beside its clients' sockets
   * @param isShared  all sockets are in this process
   */
  constructor(around: Pick<Surroundings, 'plan' | 'endpoints' | 'sourceAddresses'>, limits: Limits, otherFiles: number, isShared: boolean) {
    this.plan = around.plan
    this.around = around
    this.limits = limits
    this.otherFiles = otherFiles
    this.isShared = isShared
  }

  /** A part of measure, of one worker: those that are taken first are first in the figures. */
  take(worker: string, use: LoopUse): void {
    const sums = this.threads.get(worker) ?? { allUs: 0, cpuUs: 0, waitingUs: 0, gcUs: 0 }
    this.threads.set(worker, {
      allUs: sums.allUs + use.allUs,
      cpuUs: add(sums.cpuUs, use.cpuUs),
      waitingUs: add(sums.waitingUs, use.waitingUs),
      gcUs: sums.gcUs + use.gcUs,
    })
  }

  /** A second, of all members. */
  second(gains: readonly Gain[], isMeasured: boolean): void {
    const nodes = this.plan.nodes.length
    const counts = this.plan.groups.map((_, group) =>
      this.plan.nodes.map((_, node) => gains.reduce((sum, gain) => sum + gain.sockets[group * nodes + node]!, 0)),
    )
    // Processes have files of their own; threads share those of this one.
    const all = counts.flat().reduce((sum, count) => sum + count, 0)
    this.sockets = Math.max(this.sockets, this.isShared ? all : Math.max(...gains.map(({ fullest }) => fullest)))
    this.ports = Math.max(
      this.ports,
      localPortsUsed(this.plan, this.around.endpoints, this.around.sourceAddresses, ({ index }) => counts[index]!),
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
      threads: [...this.threads].sort(([a], [b]) => ORDER.compare(a, b)).map(([, sums]) => sharesOf(sums)),
      unwritable: { mean: thousandths(seconds === 0 ? 0 : sum / seconds), peak },
      files: { used: this.sockets + this.otherFiles, limit: this.limits.openFiles },
      ports: { used: this.ports, limit: this.limits.localPorts },
    }
  }
}

/** `10/0` comes behind `9/1`. */
const ORDER = new Intl.Collator('en', { numeric: true })

function sharesOf({ allUs, cpuUs, waitingUs, gcUs }: ThreadSums): ThreadFigures {
  const share = (us: number | null) => (us === null || allUs <= 0 ? null : thousandths(us / allUs))
  return { cpu: share(cpuUs), waiting: share(waitingUs), gc: share(gcUs) }
}

function add(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b
}
