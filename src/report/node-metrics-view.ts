/**
 * What the nodes told of themselves, as a table, and what a reader has to know of it; nothing where nothing was read.
 */
import { formatBytes, formatCount, formatDuration, formatRate, formatShare } from '../units.ts'
import { type Cell, NONE, plain, printable, type Table } from './cells.ts'
import type { CounterFigures, NodeFigures, NodeMetrics, Report } from './types.ts'

/** The broker's counts and ours may differ by this share of ours: readings are not taken at the ends of measure, nor at one instant. */
const RECONCILED_WITHIN = 0.02

interface Column {
  readonly title: string
  readonly cell: (metrics: NodeMetrics) => Cell
}

const COLUMNS: readonly Column[] = [
  { title: 'connections', cell: ({ connections }) => cell(connections?.mean, rounded) },
  { title: 'subscriptions', cell: ({ subscriptions }) => cell(subscriptions?.mean, rounded) },
  { title: 'in', cell: ({ messagesIn }) => cell(messagesIn?.perSec, formatRate) },
  { title: 'out', cell: ({ messagesOut }) => cell(messagesOut?.perSec, formatRate) },
  { title: 'memory', cell: ({ memoryBytes }) => cell(memoryBytes?.peak, formatBytes) },
  { title: 'CPU', cell: ({ cpuCores }) => cell(cpuCores?.mean, (cores) => `${formatShare(cores)} of a core`) },
  { title: 'a connection', cell: ({ bytesPerConnection }) => cell(bytesPerConnection, formatBytes) },
  { title: 'a message', cell: ({ cpuUsPerMessage }) => cell(cpuUsPerMessage, formatDuration) },
  { title: 'queued, peak', cell: ({ queued }) => cell(queued?.peak, rounded) },
  { title: 'dropped', cell: ({ dropped }) => (dropped === null ? NONE : { text: formatCount(dropped.count), tone: tone(dropped.count) }) },
  { title: 'read from', cell: ({ source, readings }) => plain(`${printable(source)}, ${formatCount(readings)} ×`) },
]

/** Columns that no node tells are left out. */
export function metricsTable(report: Report): Table {
  const told = toldBy(report)
  const columns = COLUMNS.filter(({ cell }) => told.some(({ metrics }) => cell(metrics) !== NONE))
  return {
    title: 'Brokers’ own figures',
    columns: columns.map(({ title }) => title),
    rows: told.map(({ name, metrics }) => ({ name, cells: columns.map(({ cell }) => cell(metrics)) })),
  }
}

export function metricsNotes(report: Report): string[] {
  return toldBy(report).flatMap(({ name, metrics, figures }) => [
    ...(metrics.trouble === undefined ? [] : [`What node ${name} tells of itself could not all be read: ${printable(metrics.trouble)}.`]),
    ...differences(name, metrics, figures),
  ])
}

function differences(name: string, metrics: NodeMetrics, figures: NodeFigures): string[] {
  const { reconciliation: counts, messagesIn, messagesOut } = metrics
  if (counts === null || messagesIn === null || messagesOut === null) return []
  // A reading at each end may be off by half the time from one to the next.
  const differs = (ours: number, most: number, theirs: number, { perSec, everyS }: CounterFigures) => {
    const slack = RECONCILED_WITHIN * ours + perSec * everyS + 1
    return theirs < ours - slack || theirs > most + slack
  }
  // What is excused may have come or not.
  const excused = figures.deliveries?.excused ?? 0
  const isIn = differs(counts.sent, counts.sent, counts.messagesIn, messagesIn)
  const isOut = differs(counts.received, counts.received + excused, counts.messagesOut, messagesOut)
  return [
    ...(isIn ? [`Node ${name} counts ${formatCount(counts.messagesIn)} messages in, we sent ${formatCount(counts.sent)} to it.`] : []),
    ...(isOut
      ? [`Node ${name} counts ${formatCount(counts.messagesOut)} messages out, we received ${formatCount(counts.received)} from it.`]
      : []),
  ]
}

function toldBy({ nodes }: Report) {
  return Object.entries(nodes).flatMap(([name, figures]) => (figures.metrics ? [{ name, metrics: figures.metrics, figures }] : []))
}

function cell(value: number | null | undefined, format: (value: number) => string): Cell {
  return value === null || value === undefined ? NONE : plain(format(value))
}

function rounded(value: number): string {
  return formatCount(Math.round(value))
}

function tone(count: number): Cell['tone'] {
  return count === 0 ? 'quiet' : 'warn'
}
