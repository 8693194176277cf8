/**
 * The timeline as CSV (RFC 4180), a line a second: for spreadsheets and notebooks. Times end in `Us` and `S` as in the report; what is null there is empty.
 */
import type { Report, TimelineRow } from './types.ts'

const COLUMNS = [
  'tS',
  'phase',
  'connected',
  'plannedPerSec',
  'sentPerSec',
  'receivedPerSec',
  'endToEndP50Us',
  'endToEndP99Us',
  'sendLagP99Us',
  'connectsPerSec',
  'attemptsPerSec',
  'backlog',
  'busy',
] as const satisfies readonly (keyof TimelineRow)[]

export function renderCsv({ timeline }: Pick<Report, 'timeline'>): string {
  // Numbers and the names of phases: nothing that wants quotes.
  const lines = [COLUMNS, ...timeline.map((row) => COLUMNS.map((column) => row[column] ?? ''))].map((cells) => cells.join(','))
  return lines.map((line) => `${line}\r\n`).join('')
}
