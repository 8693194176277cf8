/**
 * How much of the CPU a stretch of time has cost: this process's own share, and what the whole host was doing meanwhile.
 *
 * The host's figures are of Linux's /proc/stat; elsewhere they are null.
 */
import { readFileSync } from 'node:fs'
import type { GeneratorFigures } from '../report/types.ts'
import { thousandths } from '../units.ts'

interface HostTicks {
  readonly all: number
  readonly idle: number
  readonly steal: number
}

export class CpuMeter {
  private used = process.cpuUsage()
  private wallMs = performance.now()
  private host = hostTicks()

  start(): void {
    this.used = process.cpuUsage()
    this.wallMs = performance.now()
    this.host = hostTicks()
  }

  /** Since `start`. */
  read(): GeneratorFigures['cpu'] {
    const used = process.cpuUsage(this.used)
    const host = hostTicks()
    const all = host && this.host ? host.all - this.host.all : 0
    const share = (of: (ticks: HostTicks) => number) =>
      host && this.host && all > 0 ? thousandths((of(host) - of(this.host)) / all) : null
    const idle = share((ticks) => ticks.idle)
    return {
      processCores: thousandths((used.user + used.system) / 1000 / Math.max(1, performance.now() - this.wallMs)),
      host: idle === null ? null : thousandths(1 - idle),
      steal: share((ticks) => ticks.steal),
    }
  }
}

/** proc(5): user nice system idle iowait irq softirq steal …; guest time is in user already. */
function hostTicks(): HostTicks | null {
  try {
    const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.trim().split(/\s+/).slice(1, 9).map(Number)
    return { all: fields.reduce((sum, n) => sum + n, 0), idle: fields[3]! + fields[4]!, steal: fields[7] ?? 0 }
  } catch {
    // Not Linux: these two figures are left out.
    return null
  }
}
