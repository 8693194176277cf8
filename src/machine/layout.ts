/**
 * How many processes and workers a run has. The limit of files per process does not limit a run: where one process can't have all sockets there
 * are as many as it takes.
 */
import type { MachineFacts } from './facts.ts'

/** false: a run is one process, and the files per process limit it. */
export const CAN_FORK: boolean = true

/**
 * Files of a process beside its clients' sockets: libraries, the report, pipes to other processes; and those of a worker: its loop, its epoll.
 * Measured: 19, and 5.
 */
const PROCESS_FILES = 95
const WORKER_FILES = 5

export interface Layout {
  readonly processes: number
  /** Of all processes; at least one each. */
  readonly workers: number
}

/** Of the command line; null: as many as are good for this machine. */
export interface Wanted {
  readonly processes: number | null
  readonly workers: number | null
}

/** Files beside the sockets, of some processes or of one. */
export function otherFiles({ processes, workers }: Layout): number {
  return processes * PROCESS_FILES + workers * WORKER_FILES
}

/** Clients' sockets that a process with one worker can have; null: no limit is known. */
export function socketsPerProcess({ openFiles }: Pick<MachineFacts, 'openFiles'>): number | null {
  return openFiles.soft && Math.max(1, openFiles.soft - otherFiles({ processes: 1, workers: 1 }))
}

/** So many that none has more files than it may. */
export function processesFor(sockets: number, facts: Pick<MachineFacts, 'openFiles'>, workers = 1): number {
  const { soft } = facts.openFiles
  const most = socketsPerProcess(facts)
  if (soft === null || most === null) return 1
  // With more processes each has fewer workers, and more room.
  for (let processes = Math.max(1, Math.ceil(sockets / most)); ; processes++) {
    const other = otherFiles({ processes: 1, workers: Math.ceil(workers / processes) })
    if (sockets <= processes * Math.max(1, soft - other)) return processes
  }
}

/** @param load.sockets  at a time */
export function layoutOf(
  { clients, sockets }: { readonly clients: number; readonly sockets: number },
  facts: Pick<MachineFacts, 'openFiles' | 'cores'>,
  wanted: Wanted,
): Layout {
  const most = Math.max(1, clients)
  const threads = Math.min(most, wanted.workers ?? defaultWorkers(facts))
  const processes = CAN_FORK ? Math.min(most, wanted.processes ?? processesFor(sockets, facts, threads)) : 1
  return { processes, workers: Math.max(threads, processes) }
}

/** One core is left for the controller and the kernel. */
export function defaultWorkers({ cores }: Pick<MachineFacts, 'cores'>): number {
  return Math.max(1, Math.floor(cores) - 1)
}
