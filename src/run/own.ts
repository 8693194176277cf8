/**
 * What a process itself takes, beside what its workers tell: its memory and CPU time, for the gains it passes on.
 */
import { readFileSync } from 'node:fs'
import type { Gain } from './messages.ts'

const PAGE_BYTES = 4096

export class OwnUse {
  private cpu = process.cpuUsage()

  /** The gain with this process in it. */
  with(gain: Gain): Gain {
    const { user, system } = process.cpuUsage(this.cpu)
    this.cpu = process.cpuUsage()
    return { ...gain, processes: [...gain.processes, { bytes: ownBytes(), cpuUs: user + system }] }
  }

  /** The gain of a process whose threads have all of its sockets. */
  withSockets(gain: Gain): Gain {
    return { ...this.with(gain), fullest: gain.sockets.reduce((sum, count) => sum + count, 0) }
  }
}

/** Resident memory of this process without file pages, which all processes of a program share. */
function ownBytes(): number {
  try {
    const [, resident, shared] = readFileSync('/proc/self/statm', 'utf8').split(' ').map(Number) as [number, number, number]
    return (resident - shared) * PAGE_BYTES
  } catch {
    // Not Linux.
    return process.memoryUsage.rss()
  }
}
