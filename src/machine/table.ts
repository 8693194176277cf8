/**
 * What a run needs of a machine beside what there is, row by row, with the row that limits first: for a plan, and without one for idle clients.
 *
 * A row that is short refuses the run: the kernel would refuse it in its midst (`limits.ts`). A trap only warns: things work, and badly (`traps.ts`).
 * Pure: the machine is an argument.
 */
import type { MachineFacts } from './facts.ts'
import { limitRows } from './limits.ts'
import type { Needs } from './needs.ts'
import { trapRows } from './traps.ts'

export interface Row {
  readonly name: string
  readonly what: string
  /** null: nothing of it is counted. */
  readonly need: number | null
  /** Free now; null: unknown, or without a limit. */
  readonly have: number | null
  /** What there is, for people. */
  readonly words: string
  readonly unit: 'count' | 'bytes'
  /** Clients of this kind that it lets through; null: as many as a plan can have. */
  readonly allows: number | null
  /** Commands that make it more, or other ways. */
  readonly lifts: readonly string[]
  readonly note: string | null
  readonly state: 'enough' | 'short' | 'trap'
  readonly limitsFirst: boolean
}

/** A row that knows nothing of the others. */
export type OpenRow = Omit<Row, 'limitsFirst'>

export interface Table {
  readonly rows: readonly Row[]
  /** Clients that the machine lets through; null: no limit is known below our own. */
  readonly clients: number | null
  /** So many machines like this one are enough. */
  readonly machines: number
}

export function tableOf(facts: MachineFacts, needs: Needs): Table {
  const rows = [...limitRows(facts, needs), ...trapRows(facts, needs)]
  const allowed = rows.flatMap(({ allows }) => allows ?? [])
  const clients = allowed.length === 0 ? null : Math.min(...allowed)
  const first = rows.find(({ allows }) => allows !== null && allows === clients)
  return {
    rows: rows.map((row) => ({ ...row, limitsFirst: row === first })),
    clients,
    machines: Math.max(1, ...rows.map((row) => machinesFor(row, needs))),
  }
}

/** Each machine has its part of what grows with the clients, and all of what does not. */
function machinesFor({ name, need, have, state }: OpenRow, { memory }: Needs): number {
  const fixed = name === 'memory' ? memory.fixedBytes : 0
  if (state !== 'short' || need === null || have === null || have <= fixed) return 1
  return Math.ceil((need - fixed) / (have - fixed))
}
