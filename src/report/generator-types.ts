/**
 * What a report says of the generator: what it cost, how near it was to its limits, and whether it can be believed.
 */
import type { HostFacts } from './types.ts'

export interface GeneratorFigures {
  /** No check of level `invalid` failed. */
  readonly valid: boolean
  /** Some check of level `suspect` failed. */
  readonly suspect: boolean
  readonly checks: readonly GeneratorCheck[]
  /** Share of the time in `measure` the busiest worker did not wait, 0 to 1. */
  readonly busy: number
  readonly cpu: {
    /** Of this run's own processes, in cores: 1.5 is one and a half. */
    readonly processCores: number
    /** Share of the host's CPU in use by anybody, and stolen from it; null where it can't be read. */
    readonly host: number | null
    readonly steal: number | null
  }
  readonly memory: {
    /** Highest resident memory of this run's own processes. */
    readonly residentBytes: number
  }
  readonly processes: number
  readonly workers: number
  readonly transport: 'epoll' | 'stream'
  /** Of each worker that measured. */
  readonly threads: readonly ThreadFigures[]
  /** Clients whose socket took no bytes, looked at each second of `measure`. */
  readonly unwritable: { readonly mean: number; readonly peak: number }
  /** Most open files of this process. */
  readonly files: Limited
  /** Most local ports towards one address of a broker, from one of ours. */
  readonly ports: Limited
  /** null: there was none. */
  readonly sentinel: SentinelFigures | null
  /** Machines that served the run; empty: it was this one. */
  readonly agents: readonly AgentFigures[]
  /** What is measured from one machine to another is wrong by no more than that; null: all had one clock. */
  readonly clockBoundUs: number | null
  /** What was asked of this machine beside what it was measured to do; null: it was not measured, or others served the run. */
  readonly calibration: CalibrationUse | null
}

/** Each null where the plan asks for none of it. */
export interface CalibrationUse {
  /** When it was measured: ISO 8601, UTC. */
  readonly at: string
  readonly connects: CeilingUse | null
  /** In the plan's mix of QoS. */
  readonly publishes: CeilingUse | null
  readonly receives: CeilingUse | null
}

export interface CeilingUse {
  /** What the machine can do. */
  readonly perSec: number
  /** The most that a second of the run had of it, in shares of that. */
  readonly peak: number
}

/** A machine that served the run as an agent. */
export interface AgentFacts {
  readonly id: string
  /** Clients of each group, by index in it: [from, to). */
  readonly clients: Readonly<Record<string, readonly [from: number, to: number]>>
  readonly host: HostFacts
  readonly processes: number
  readonly workers: number
  readonly transport: 'epoll' | 'stream'
  readonly clock: ClockFigures
}

/** How an agent's clock compares with the run's, which is the controller's. */
export interface ClockFigures {
  /** The run's less the agent's, as it was measured. */
  readonly offsetUs: number
  /** The times of this agent are wrong by no more than that; 0: it has the run's own clock. */
  readonly boundUs: number
}

export interface AgentFigures extends AgentFacts, Pick<GeneratorFigures, 'cpu' | 'memory' | 'files' | 'ports'> {
  /** When it was lost, or cut its clients off, from the start of the run; null: it was there to the end. */
  readonly lostAtS: number | null
}

/** Shares of `measure`, 0 to 1; null where the system does not tell. */
export interface ThreadFigures {
  /** On a CPU. */
  readonly cpu: number | null
  /** Ready to run, while others had the CPU. */
  readonly waiting: number | null
  /** Stopped by the garbage collector. */
  readonly gc: number | null
}

export interface Limited {
  readonly used: number
  /** null: there is none, or it is unknown. */
  readonly limit: number | null
}

/** What an independent client, in a process of its own, measured on the same nodes meanwhile. It is in none of the run's counts. */
export interface SentinelFigures {
  /** `unavailable`: nothing of what it sent came back, or it could not go on: it says nothing about the run. */
  readonly status: 'ok' | 'unavailable'
  readonly ratePerSec: number
  /** Messages that it wanted to send in `measure`: what its quantiles run over. */
  readonly count: number
  /** Intended time to its return; null: infinite, or not available. */
  readonly p50Us: number | null
  readonly p99Us: number | null
}

export interface GeneratorCheck {
  readonly name: string
  readonly ok: boolean
  /** What it makes of the run when it is not ok. */
  readonly level: 'invalid' | 'suspect'
  readonly value: number | null
  readonly limit: number
  /** A sentence for people: what was found and what it means. */
  readonly words: string
}
