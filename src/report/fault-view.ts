/**
 * What a report says of faults and windows, in words and tables. Times are from the start of measure, as the scenario has them.
 *
 * A fault that is not recovered is no failure by itself: that is for thresholds to say. But nobody should have to look for it.
 */
import type { DropPlan, FaultPlan } from '../load/plan.ts'
import { formatCount, formatDuration, formatRate, formatShare, US_PER_S } from '../units.ts'
import { type Cell, countCell, latencyCell, NONE, plain, printable, type Table, type Tone } from './cells.ts'
import type { ExecFigures, FaultFigures, Report, Spread } from './types.ts'

export interface FaultView {
  readonly name: string
  /** When it began, and what was done. */
  readonly what: readonly Cell[]
  /** What came of it, some things a line. */
  readonly lines: readonly (readonly Cell[])[]
  /** Of its command; null: it has none, or it said nothing. */
  readonly output: string | null
}

/** Characters of a command that a line has room for. */
const COMMAND_LENGTH = 40

const DONE: Readonly<Record<DropPlan['how'], string>> = {
  disconnect: 'clients disconnected',
  reset: 'clients reset',
  silent: 'clients silent',
  stopReading: 'clients stopped reading',
}

/** In the order of the scenario. */
export function faultViews(report: Report): FaultView[] {
  return report.plan.faults.map((plan) => {
    const figures = report.faults[plan.name]!
    return {
      name: plan.name,
      what: whatOf(report, plan, figures),
      lines: figures.startS === null ? [] : linesOf(figures),
      output: figures.exec?.output || null,
    }
  })
}

/** That a fault was still felt when measure ended. */
export function faultNotes({ faults }: Report): string[] {
  const open = Object.entries(faults).filter(([, { startS, recover }]) => startS !== null && recover === null)
  if (open.length === 0) return []
  const names = open.map(([name]) => name).join(', ')
  return [`Not recovered when measure ended: ${names}. Figures of what came after are of the fault still.`]
}

/** A window a row. */
export function windowTable(report: Report): Table {
  const measureS = measureStartS(report)
  return {
    title: 'Windows',
    columns: ['of measure', 'sent', 'received', 'p50', 'p99', 'p99.9', 'lost', 'duplicated'],
    rows: Object.entries(report.windows).map(([name, { startS, lengthS, publishes, deliveries, endToEndUs }]) => {
      const rate = (count = 0): Cell => (lengthS > 0 ? plain(formatRate(count / lengthS)) : NONE)
      return {
        name,
        cells: [
          plain(`${words(startS - measureS)} – ${words(startS + lengthS - measureS)}`),
          rate(publishes?.sent),
          rate(deliveries?.received),
          latencyCell(endToEndUs, 'p50'),
          latencyCell(endToEndUs, 'p99'),
          latencyCell(endToEndUs, 'p999'),
          countCell(deliveries?.lost, 'bad'),
          countCell(deliveries?.duplicated, 'warn'),
        ],
      }
    }),
  }
}

/** All figures, a fault a column: for the page. Rows that no fault has a figure for are left out. */
export function faultTable(report: Report): Table {
  const faults = Object.entries(report.faults).filter(([, { startS }]) => startS !== null)
  const rows = rowsOf(report).map(({ name, cell }) => ({ name, cells: faults.map(([, figures]) => cell(figures)) }))
  return {
    title: 'Faults in figures',
    columns: faults.map(([name]) => name),
    rows: rows.filter(({ cells }) => cells.some((cell) => cell !== NONE)),
  }
}

function rowsOf(report: Report): { readonly name: string; readonly cell: (fault: FaultFigures) => Cell }[] {
  const spread = (of: 'reconnect' | 'resume') =>
    (['p50', 'p99', 'max'] as const).map((quantile) => ({
      name: `${of} ${quantile}`,
      cell: ({ [of]: figures }: FaultFigures) => (figures.count === 0 ? NONE : timeCell(figures[quantile])),
    }))
  const some = (count: number, tone: Tone = 'plain') => (count === 0 ? NONE : countCell(count, tone))
  const sessions = (['clean', 'persistent'] as const).flatMap((session) =>
    ['0', '1', '2'].map((qos) => ({
      name: `lost, duplicated of owed: ${session} session, QoS ${qos}`,
      cell: ({ bySession: { [session]: byQos } }: FaultFigures): Cell => {
        const counts = byQos[qos]
        if (counts === undefined) return NONE
        const { lost, duplicated, owed } = counts
        return { text: `${formatCount(lost)}, ${formatCount(duplicated)} of ${formatCount(owed)}`, tone: lost > 0 ? 'bad' : 'plain' }
      },
    })),
  )
  return [
    { name: 'into measure', cell: ({ startS }) => plain(words(startS! - measureStartS(report))) },
    { name: 'ended after', cell: ({ ended }) => timeCell(ended) },
    { name: 'detected after', cell: ({ detect }) => (detect === null ? NONE : timeCell(detect)) },
    { name: 'restored after', cell: ({ restored }) => timeCell(restored) },
    { name: 'recovered after', cell: ({ recover }) => timeCell(recover) },
    { name: 'clients struck by it', cell: ({ struck }) => some(struck) },
    { name: 'connections lost', cell: ({ disconnected }) => countCell(disconnected) },
    ...spread('reconnect'),
    ...spread('resume'),
    { name: 'attempts a client', cell: ({ attemptsPerClient: n }) => (n === 0 ? NONE : plain(n.toFixed(2))) },
    { name: 'attempts, at the peak', cell: ({ peakAttemptsPerSec: n }) => (n === 0 ? NONE : plain(formatRate(n))) },
    { name: 'accepted, at the peak', cell: ({ peakAcceptedPerSec: n }) => (n === 0 ? NONE : plain(formatRate(n))) },
    { name: 'TCP p99', cell: ({ tcpUs }) => latencyCell(tcpUs, 'p99') },
    { name: 'TLS p99', cell: ({ tlsUs }) => latencyCell(tlsUs, 'p99') },
    { name: 'CONNACK p99', cell: ({ connackUs }) => latencyCell(connackUs, 'p99') },
    { name: 'deliveries owed', cell: ({ owed }) => countCell(owed) },
    { name: 'lost', cell: ({ lost }) => countCell(lost, 'bad') },
    { name: 'duplicated', cell: ({ duplicated }) => countCell(duplicated, 'warn') },
    ...sessions,
    { name: 'sessions resumed', cell: ({ sessionsResumed }) => some(sessionsResumed) },
    { name: 'sessions forgotten', cell: ({ sessionsForgotten }) => some(sessionsForgotten, 'bad') },
    { name: 'taken over', cell: ({ takeovers }) => some(takeovers.count) },
    { name: 'doubled: the old connection stood on', cell: ({ takeovers }) => some(takeovers.doubled, 'bad') },
    { name: 'wills fired', cell: ({ wills }) => some(wills.fired) },
    { name: 'wills missing', cell: ({ wills }) => some(wills.missing, 'bad') },
    { name: 'wills false', cell: ({ wills }) => some(wills.false, 'bad') },
    { name: 'clients’ time without a connection', cell: ({ unavailability: u }) => plain(formatShare(u.clients)) },
    {
      name: 'messages lost or too late',
      cell: ({ unavailability: u }) =>
        u.messages === null ? NONE : plain(`${formatShare(u.messages)} (over ${words(u.limitUs / US_PER_S)})`),
    },
    ...report.plan.nodes.map((node) => ({
      name: `clients on ${node.name} afterwards`,
      cell: ({ clientsPerNode }: FaultFigures) => countCell(clientsPerNode[node.name]),
    })),
  ]
}

function whatOf(report: Report, { exec, drop }: FaultPlan, { startS, struck, exec: ran }: FaultFigures): Cell[] {
  if (startS === null) return [bad('never began')]
  const command = printable(exec ?? '')
  const shown = command.length > COMMAND_LENGTH ? `${command.slice(0, COMMAND_LENGTH - 1)}…` : command
  const lasting = drop === null || drop.forUs === 0 ? '' : ` for ${formatDuration(drop.forUs)}`
  return [
    plain(`${words(startS - measureStartS(report))} into measure`),
    ...(exec === null ? [] : [plain(shown), ...(ran === null ? [] : [exitOf(ran)])]),
    ...(drop === null ? [] : [plain(`${formatCount(struck)} ${DONE[drop.how]}${lasting}`)]),
  ]
}

function exitOf({ exitCode, signal, lengthS }: ExecFigures): Cell {
  const after = `after ${words(lengthS)}`
  if (exitCode !== null) return { text: `exit ${exitCode} ${after}`, tone: exitCode === 0 ? 'plain' : 'bad' }
  return bad(signal === null ? `not ended ${after}` : `ended by ${signal} ${after}`)
}

function linesOf(fault: FaultFigures): Cell[][] {
  const { detect, restored, recover, reconnect, resume, unavailability, sessionsResumed, sessionsForgotten, takeovers, wills } = fault
  const moment = (word: string, afterS: number | null, tone: Tone): Cell =>
    afterS === null ? { text: `not ${word}`, tone } : plain(`${word} after ${words(afterS)}`)
  const some = (count: number, what: string, tone: Tone = 'plain'): Cell[] => (count === 0 ? [] : [counted(count, what, tone)])
  const counted = (count: number, what: string, tone: Tone): Cell => ({
    text: `${formatCount(count)} ${what}`,
    tone: count === 0 ? 'plain' : tone,
  })
  const peak = `peak ${formatRate(fault.peakAttemptsPerSec)}, accepted ${formatRate(fault.peakAcceptedPerSec)}`
  const late = unavailability.messages === null ? '' : `, ${formatShare(unavailability.messages)} of messages`
  return [
    [moment('detected', detect, 'quiet'), moment('restored', restored, 'bad'), moment('recovered', recover, 'bad')],
    [...spreadOf('reconnect', reconnect), ...spreadOf('resume', resume)],
    [
      ...some(fault.disconnected, 'connections lost'),
      ...(fault.attemptsPerClient === 0 ? [] : [plain(`${fault.attemptsPerClient.toFixed(2)} attempts each`), plain(peak)]),
    ],
    [
      counted(fault.lost, 'lost', 'bad'),
      counted(fault.duplicated, 'duplicated', 'warn'),
      plain(`unavailable: ${formatShare(unavailability.clients)} of clients’ time${late}`),
    ],
    [
      ...some(sessionsResumed, 'sessions resumed'),
      ...some(sessionsForgotten, 'sessions forgotten', 'bad'),
      ...some(takeovers.count, 'taken over'),
      ...some(takeovers.doubled, 'doubled', 'bad'),
      ...some(wills.fired, 'wills fired'),
      ...some(wills.missing, 'wills missing', 'bad'),
      ...some(wills.false, 'wills false', 'bad'),
    ],
  ].filter((line) => line.length > 0)
}

function spreadOf(what: string, { count, p50, p99, max }: Spread): Cell[] {
  if (count === 0) return []
  const time = (s: number | null) => timeCell(s).text
  return [{ text: `${what} p50 ${time(p50)}, p99 ${time(p99)}, max ${time(max)}`, tone: max === null ? 'bad' : 'plain' }]
}

function timeCell(s: number | null): Cell {
  return s === null ? bad('∞') : plain(words(s))
}

function bad(text: string): Cell {
  return { text, tone: 'bad' }
}

/** Seconds, which are differences of rounded ones. */
function words(s: number): string {
  const ms = Math.round(s * 1000)
  return ms === 0 ? '0 s' : formatDuration(ms * 1000)
}

function measureStartS({ run }: Report): number {
  return run.phases.find(({ name }) => name === 'measure')?.startS ?? 0
}
