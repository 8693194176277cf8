/**
 * How an agent's machine does, for the gains it tells: the host's CPUs in that time, and how near files and local ports have come to their limits.
 */
import { hostTicks, ticksBetween } from '../run/cpu.ts'
import type { Gain } from '../run/messages.ts'
import type { Strain } from '../run/strain.ts'

export class MachineMeter {
  private readonly strain: Strain
  private ticks = hostTicks()

  constructor(strain: Strain) {
    this.strain = strain
  }

  with(gain: Gain): Gain {
    const before = this.ticks
    this.ticks = hostTicks()
    this.strain.second([gain], false)
    const { files, ports } = this.strain.figures()
    return { ...gain, machines: [{ host: ticksBetween(before, this.ticks), files, ports }] }
  }
}
