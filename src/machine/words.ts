/**
 * A table of needs in words: its cells, and where a machine falls short of it. Plain text: what prints it gives it colour.
 */
import { formatBytes, formatCount } from '../units.ts'
import type { Row, Table } from './table.ts'

/** Where something stands in the way of a run, or may spoil it. */
export interface Shortage {
  /** A refusal stops a run; a warning does not. */
  readonly isRefusal: boolean
  readonly words: string
  readonly hint: string
}

export const NEED_COLUMNS: readonly string[] = ['', 'needs', 'there is', 'enough for']

/** Rows that the run needs something of, in the columns above. */
export function needCells({ rows }: Pick<Table, 'rows'>): string[][] {
  return rows
    .filter(({ need }) => need !== null)
    .map((row) => [row.what, amount(row.need!, row.unit), row.words, row.allows === null ? 'any' : formatCount(row.allows)])
}

export function shortagesOf({ rows }: Pick<Table, 'rows'>): Shortage[] {
  return rows.flatMap((row): Shortage[] => {
    if (row.state === 'enough') return []
    const hint = row.lifts.join(', or ')
    if (row.state === 'trap') return [{ isRefusal: false, words: `${row.what} ${row.words}: ${row.note}`, hint }]
    const needed = row.unit === 'bytes' ? `about ${formatBytes(row.need!)} of ${row.what}` : `${formatCount(row.need!)} ${row.what}`
    const note = row.note === null ? '' : ` (${row.note})`
    return [{ isRefusal: true, words: `needs ${needed}${note}, this machine has ${row.words}`, hint }]
  })
}

/** Lines of a table: the first column to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[], isRight: (column: number) => boolean): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) =>
    row
      .map((cell, i) => (isRight(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}

function amount(count: number, unit: Row['unit']): string {
  return unit === 'bytes' ? formatBytes(count) : formatCount(count)
}
