/**
 * What the generator itself costs and how near it is to its limits: this process's own CPU and memory, and what its members tell of theirs.
 */
import type { AgentFacts, AgentFigures, GeneratorFigures, SentinelFigures } from '../report/types.ts'
import { thousandths } from '../units.ts'
import { CpuMeter } from './cpu.ts'
import { clockBoundOf, nearest } from './machines.ts'
import type { Team } from './member.ts'
import type { Recorder } from './recorder.ts'
import type { Strain } from './strain.ts'

export class GeneratorMeter {
  private readonly cpu = new CpuMeter()
  private used: GeneratorFigures['cpu'] | null = null
  private wallMs = 0
  private peakBytes = 0

  /** Measure begins. */
  start(): void {
    this.cpu.start()
    this.wallMs = performance.now()
  }

  /** Measure has ended. */
  stop(): void {
    this.used = this.cpu.read()
    this.wallMs = performance.now() - this.wallMs
  }

  look(): void {
    this.peakBytes = Math.max(this.peakBytes, process.memoryUsage.rss())
  }

  figures(
    team: Team,
    transport: GeneratorFigures['transport'],
    recorder: Recorder,
    strain: Strain,
    sentinel: SentinelFigures | null,
  ): Omit<GeneratorFigures, 'valid' | 'suspect' | 'checks' | 'calibration'> {
    const used = this.used ?? this.cpu.read()
    const others = this.used === null ? 0 : recorder.othersCpuUs / 1000 / Math.max(1, this.wallMs)
    const agents = recorder.machines.figures(team.agents())
    const figures = {
      busy: thousandths(recorder.busiest),
      cpu: { ...used, processCores: thousandths(used.processCores + others) },
      memory: { residentBytes: this.peakBytes + recorder.othersBytes },
      processes: team.processes,
      workers: team.workers,
      transport,
      ...strain.figures(),
      sentinel,
      agents,
      clockBoundUs: clockBoundOf(agents),
    }
    return agents.length === 0 ? figures : { ...figures, ...worstOf(figures.cpu.processCores, agents) }
  }
}

/** What is known without a controller: of agents alone. */
export function agentsFigures(
  facts: readonly AgentFacts[],
  recorder: Recorder,
  strain: Strain,
): Omit<GeneratorFigures, 'valid' | 'suspect' | 'checks'> {
  const agents = recorder.machines.figures(facts)
  const sum = (of: (agent: AgentFigures) => number) => agents.reduce((total, agent) => total + of(agent), 0)
  return {
    busy: thousandths(recorder.busiest),
    memory: { residentBytes: sum(({ memory }) => memory.residentBytes) },
    processes: sum(({ processes }) => processes),
    workers: sum(({ workers }) => workers),
    transport: agents[0]?.transport ?? 'epoll',
    ...strain.figures(),
    ...worstOf(thousandths(sum(({ cpu }) => cpu.processCores)), agents),
    sentinel: null,
    agents,
    clockBoundUs: clockBoundOf(agents),
    calibration: null,
  }
}

/** Of several machines, those that are nearest to a limit: what they can spoil is in the same figures. */
function worstOf(processCores: number, agents: readonly AgentFigures[]): Pick<GeneratorFigures, 'cpu' | 'files' | 'ports'> {
  const most = (of: (agent: AgentFigures) => number | null) => {
    const known = agents.map(of).filter((share) => share !== null)
    return known.length === 0 ? null : Math.max(...known)
  }
  return {
    cpu: { processCores, host: most(({ cpu }) => cpu.host), steal: most(({ cpu }) => cpu.steal) },
    files: nearest(agents.map(({ files }) => files)),
    ports: nearest(agents.map(({ ports }) => ports)),
  }
}
