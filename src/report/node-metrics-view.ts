/**
 * What the nodes told of themselves, as a table, and what a reader has to know of it; nothing where nothing was read.
 */
import { formatBytes, formatCount, formatDuration, formatRate, formatShare } from '../units.ts'
import { type Cell, NONE, plain, printable, type Table } from './cells.ts'
import type { Both, CounterFigures } from './metrics-types.ts'
import type { NodeFigures, NodeMetrics, Report } from './types.ts'

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

/** Empty: they count alike, as far as both count. */
function differences(name: string, { reconciliation, messagesIn, messagesOut }: NodeMetrics, { deliveries }: NodeFigures): string[] {
  if (reconciliation === null) return []
  const { connected, sent, received } = reconciliation
  // A reading at each end may be off by half the time from one to the next.
  const between = (counter: CounterFigures | null) => (counter === null ? 0 : counter.perSec * counter.everyS)
  const said = (counts: Both | null, loose: number, words: (ours: string, theirs: string) => string, excused = 0) => {
    if (counts === null) return []
    const slack = RECONCILED_WITHIN * counts.ours + loose + 1
    const isAlike = counts.theirs >= counts.ours - slack && counts.theirs <= counts.ours + excused + slack
    return isAlike ? [] : [words(rounded(counts.ours), rounded(counts.theirs))]
  }
  return [
    ...said(connected, 0, (ours, theirs) => `Node ${name} counts ${theirs} connections more than before, we have ${ours} to it.`),
    ...said(sent, between(messagesIn), (ours, theirs) => `Node ${name} counts ${theirs} messages in, we sent ${ours} to it.`),
    ...said(
      received,
      between(messagesOut),
      (ours, theirs) => `Node ${name} counts ${theirs} messages out, we received ${ours} from it.`,
      // What is excused may have come or not.
      deliveries?.excused ?? 0,
    ),
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
