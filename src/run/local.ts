/**
 * A run's members on this machine: threads of this process or, where one process can't have so many sockets, processes.
 */
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import type { Surroundings } from '../load/group.ts'
import { cut, type Slice, wholeOf } from '../load/slice.ts'
import { grainFor } from './grain.ts'
import type { Team } from './member.ts'
import type { WorkerData } from './messages.ts'
import { newName } from './name.ts'
import { processOf } from './process.ts'
import { threadOf } from './thread.ts'

/** Threads and processes of one machine are late together; a crowd of them can be very late. */
const OPEN_SECONDS = 3
const CROWD_OPEN_SECONDS = 10

export interface LocalOptions extends Pick<WorkerData, 'around' | 'epochNs' | 'transport' | 'folder' | 'leaseUs'> {
  /** What is to be done here. */
  readonly slice: Slice
  /** At least as many as processes. */
  readonly workers: number
  /** 1: this one. */
  readonly processes: number
}

export function localTeam(options: LocalOptions): Team {
  const { workers, processes, slice } = options
  const grain = grainFor(workers, availableParallelism())
  const data = Array.from({ length: workers }, (_, i): WorkerData => ({ ...options, slice: cut(slice, i, workers), grain }))
  const recruits =
    processes === 1
      ? data.map((one, i) => threadOf(`worker ${i + 1} of ${workers}`, one))
      : Array.from({ length: processes }, (_, p) => processOf(`process ${p + 1} of ${processes}`, data.slice(first(p), first(p + 1))))
  function first(process: number): number {
    return Math.floor((process * workers) / processes)
  }
  return {
    recruits,
    leadUs: grain.leadUs,
    processes,
    workers,
    openSeconds: grain.gatherUs > 0 ? CROWD_OPEN_SECONDS : OPEN_SECONDS,
    agents: () => [],
  }
}

/** A run of its own on this machine: its name is made, and its clock begins. `scenario`: paths in it are relative to its folder. */
export function localRun(
  ready: Pick<Surroundings, 'plan' | 'endpoints' | 'files' | 'sourceAddresses'> & Pick<LocalOptions, 'transport' | 'workers' | 'processes'>,
  scenario: string,
): { readonly around: Surroundings; readonly epochNs: bigint; readonly team: Team } {
  const { plan, endpoints, files, sourceAddresses, transport, workers, processes } = ready
  const epochNs = process.hrtime.bigint()
  const around = { plan, run: newName(), endpoints, sourceAddresses, files, unixEpochMs: Date.now(), near: null }
  const folder = dirname(scenario)
  return {
    around,
    epochNs,
    team: localTeam({ around, epochNs, transport, folder, slice: wholeOf(plan), workers, processes, leaseUs: Number.POSITIVE_INFINITY }),
  }
}
