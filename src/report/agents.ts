/**
 * What the machines of a run were put to, and how far their clocks can be trusted; nothing where there was one machine.
 */
import { formatBytes, formatCount, formatDuration, formatShare, US_PER_S } from '../units.ts'
import { type Cell, countCell, plain, type Table } from './cells.ts'
import type { AgentFigures, Report } from './types.ts'

interface Column {
  readonly title: string
  readonly cell: (agent: AgentFigures) => Cell
}

const COLUMNS: readonly Column[] = [
  { title: 'clients', cell: ({ clients }) => countCell(Object.values(clients).reduce((sum, [from, to]) => sum + to - from, 0)) },
  { title: 'processes', cell: ({ processes }) => countCell(processes) },
  { title: 'workers', cell: ({ workers }) => countCell(workers) },
  { title: 'CPU', cell: ({ cpu }) => plain(`${formatShare(cpu.processCores)} of a core`) },
  { title: 'host', cell: ({ cpu }) => plain(cpu.host === null ? '-' : formatShare(cpu.host)) },
  { title: 'memory', cell: ({ memory }) => plain(formatBytes(memory.residentBytes)) },
  { title: 'clock', cell: ({ clock }) => plain(clock.boundUs === 0 ? 'the run’s' : `± ${formatDuration(clock.boundUs)}`) },
  { title: 'lost', cell: ({ lostAtS }) => (lostAtS === null ? plain('-') : { text: formatDuration(lostAtS * US_PER_S), tone: 'bad' }) },
]

export function agentTable({ generator: { agents } }: Report): Table {
  return {
    title: 'Agents',
    columns: COLUMNS.map(({ title }) => title),
    rows: agents.map((agent) => ({ name: agent.id, cells: COLUMNS.map(({ cell }) => cell(agent)) })),
  }
}

export function agentNotes({ generator: { clockBoundUs }, sameClockUs, endToEndUs }: Report): string[] {
  if (clockBoundUs === null) return []
  const near = sameClockUs?.count ?? 0
  return [
    `The machines’ clocks may differ by ${formatDuration(clockBoundUs)}: so wrong are end-to-end times from one machine to another, ` +
      `and a limit below ten times that is held against those with one clock (${formatCount(near)} of ${formatCount(endToEndUs.count)}).`,
  ]
}
