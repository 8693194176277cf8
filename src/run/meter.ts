/**
 * What a worker's thread costs: time on a CPU, time in wait for one, and time in which the garbage collector stopped it.
 *
 * A thread that has the CPU all the time, or stands in line for it, reads its sockets late, and that lateness is in every latency. The busy share
 * of a worker's loop can't tell the two apart. Linux's scheduler counts both, for each thread; elsewhere they are null.
 *
 * proc(5): /proc/thread-self/schedstat holds ns on a CPU, ns in a run queue, and the number of time slices.
 */
import { readFileSync } from 'node:fs'
import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'

/** Since the last reading. */
export interface ThreadUse {
  readonly cpuUs: number | null
  /** Could have run, but others had the CPU. */
  readonly waitingUs: number | null
  /** The garbage collector had it. */
  readonly gcUs: number
}

/** Of the thread that makes it. */
export class ThreadMeter {
  private before = scheduled()
  private gcUs = 0
  // Entries come in a turn of Node's loop, a moment after the pause.
  private readonly observer = new PerformanceObserver((list) => this.addPauses(list.getEntries()))

  constructor() {
    this.observer.observe({ entryTypes: ['gc'] })
  }

  read(): ThreadUse {
    this.addPauses(this.observer.takeRecords())
    const { before, gcUs } = this
    const now = scheduled()
    this.before = now
    this.gcUs = 0
    if (now === null || before === null) return { cpuUs: null, waitingUs: null, gcUs }
    return { cpuUs: now.cpuUs - before.cpuUs, waitingUs: now.waitingUs - before.waitingUs, gcUs }
  }

  stop(): void {
    this.observer.disconnect()
  }

  private addPauses(pauses: readonly PerformanceEntry[]): void {
    for (const { duration } of pauses) this.gcUs += duration * 1000
  }
}

function scheduled(): { cpuUs: number; waitingUs: number } | null {
  try {
    const [cpuNs, waitingNs] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ').map(Number) as [number, number]
    return { cpuUs: cpuNs / 1000, waitingUs: waitingNs / 1000 }
  } catch {
    // Not Linux, or a kernel that keeps no such account.
    return null
  }
}
