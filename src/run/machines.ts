/**
 * What each machine of a run was put to, where they are several: sums of what its agent told, second by second.
 */
import type { AgentFacts, AgentFigures, Limited } from '../report/types.ts'
import { thousandths, US_PER_S } from '../units.ts'
import { addTicks, type HostTicks, hostShares } from './cpu.ts'
import type { Gain } from './messages.ts'

interface Sums {
  cpuUs: number
  allUs: number
  ticks: HostTicks | null
  bytes: number
  files: Limited
  ports: Limited
}

const NONE: Limited = { used: 0, limit: null }
const EMPTY: Sums = { cpuUs: 0, allUs: 0, ticks: null, bytes: 0, files: NONE, ports: NONE }

export class Machines {
  private readonly sums = new Map<number, Sums>()
  private readonly lostUs = new Map<number, number>()

  take(member: number, { fromUs, toUs, processes, machines }: Gain, isMeasured: boolean): void {
    const [machine] = machines
    if (machine === undefined) return
    let sums = this.sums.get(member)
    if (sums === undefined) this.sums.set(member, (sums = { ...EMPTY }))
    sums.files = machine.files
    sums.ports = machine.ports
    sums.bytes = Math.max(
      sums.bytes,
      processes.reduce((sum, { bytes }) => sum + bytes, 0),
    )
    if (!isMeasured) return
    sums.cpuUs += processes.reduce((sum, { cpuUs }) => sum + cpuUs, 0)
    sums.allUs += toUs - fromUs
    sums.ticks = addTicks(sums.ticks, machine.host)
  }

  /** It is no part of the run any more; the first time counts. */
  lost(member: number, atUs: number): void {
    if (!this.lostUs.has(member)) this.lostUs.set(member, atUs)
  }

  /** @param agents  by member */
  figures(agents: readonly AgentFacts[]): AgentFigures[] {
    return agents.map((agent, member) => {
      const { cpuUs, allUs, ticks, bytes, files, ports } = this.sums.get(member) ?? EMPTY
      const lostUs = this.lostUs.get(member)
      return {
        ...agent,
        cpu: { processCores: thousandths(allUs > 0 ? cpuUs / allUs : 0), ...hostShares(ticks) },
        memory: { residentBytes: bytes },
        files,
        ports,
        lostAtS: lostUs === undefined ? null : thousandths(lostUs / US_PER_S),
      }
    })
  }
}

/** Of several machines the one that is nearest to its limit. */
export function nearest(machines: readonly Limited[]): Limited {
  const share = ({ used, limit }: Limited) => (limit === null ? 0 : used / limit)
  return machines.reduce((worst, one) => (share(one) > share(worst) ? one : worst))
}

/** What is measured from one machine to another is wrong by no more than that, µs; null: all have the run's own clock. */
export function clockBoundOf(agents: readonly AgentFacts[]): number | null {
  const bounds = agents.map(({ clock }) => clock.boundUs).sort((a, b) => b - a)
  const [first = 0, second = 0] = bounds
  return first === 0 ? null : first + second
}
