/**
 * How much of the CPU a stretch of time has cost: this process's own share, and what the whole host was doing meanwhile.
 *
 * The host's figures are of Linux's /proc/stat; elsewhere they are null.
 */
import { readFileSync } from 'node:fs'
import type { GeneratorFigures } from '../report/types.ts'
import { thousandths } from '../units.ts'

/** Of all CPUs, in ticks of the system's clock; or of a stretch of time. */
export interface HostTicks {
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
    return {
      processCores: thousandths((used.user + used.system) / 1000 / Math.max(1, performance.now() - this.wallMs)),
      ...hostShares(ticksBetween(this.host, hostTicks())),
    }
  }
}

export function hostShares(ticks: HostTicks | null): Pick<GeneratorFigures['cpu'], 'host' | 'steal'> {
  if (ticks === null || ticks.all <= 0) return { host: null, steal: null }
  return { host: thousandths(1 - ticks.idle / ticks.all), steal: thousandths(ticks.steal / ticks.all) }
}

/** null: one of them is not known. */
export function ticksBetween(before: HostTicks | null, now: HostTicks | null): HostTicks | null {
  return before && now && { all: now.all - before.all, idle: now.idle - before.idle, steal: now.steal - before.steal }
}

export function addTicks(a: HostTicks | null, b: HostTicks | null): HostTicks | null {
  return a && b ? { all: a.all + b.all, idle: a.idle + b.idle, steal: a.steal + b.steal } : (a ?? b)
}

/** proc(5): user nice system idle iowait irq softirq steal …; guest time is in user already. */
export function hostTicks(): HostTicks | null {
  try {
    const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.trim().split(/\s+/).slice(1, 9).map(Number)
    return { all: fields.reduce((sum, n) => sum + n, 0), idle: fields[3]! + fields[4]!, steal: fields[7] ?? 0 }
  } catch {
    // Not Linux: these two figures are left out.
    return null
  }
}
