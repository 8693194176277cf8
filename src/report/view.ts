/**
 * What a report says to people, without how it is drawn: the words, their order, and which figures are alarming.
 *
 * The terminal and the page draw the same view, so they can't disagree. Never answered reads ∞ everywhere, no samples `-`.
 */
import type { LatencySummary } from '../stats/histogram.ts'
import { formatBytes, formatCount, formatDuration, formatRate, formatShare, US_PER_S } from '../units.ts'
import { agentNotes, agentTable } from './agents.ts'
import { type BrokerView, brokerViews } from './broker.ts'
import { type Cell, countCell, latencyCell, NONE, plain, printable, type Table, type Tone } from './cells.ts'
import { clusterFacts, clusterNotes, type Matrix, matrices } from './cluster.ts'
import { type FaultView, faultNotes, faultTable, faultViews, windowTable } from './fault-view.ts'
import { metricsNotes, metricsTable } from './node-metrics-view.ts'
import { retainedNotes } from './retained.ts'
import { shareFacts } from './shares.ts'
import { formatActual } from './threshold.ts'
import type { CalibrationUse, Figures, Report, SentinelFigures, Status } from './types.ts'

export interface View {
  /** The status as a word, and why. */
  readonly headline: Cell & { readonly reason: string }
  /** Further reasons, after the headline's. */
  readonly reasons: readonly string[]
  readonly suspects: readonly string[]
  /** What was run, from name to rates. */
  readonly facts: readonly string[]
  /** The few figures that most people come for. */
  readonly highlights: readonly (Cell & { readonly label: string; readonly detail: string })[]
  readonly counts: readonly { readonly label: string; readonly cells: readonly (Cell & { readonly word: string })[] }[]
  readonly latencies: readonly {
    readonly label: string
    readonly meaning: string
    readonly count: string
    readonly cells: readonly Cell[]
  }[]
  readonly faults: readonly FaultView[]
  /** Windows; and groups, nodes, streams: those that there is more than one of. */
  readonly parts: readonly Table[]
  /** From node to node, where the nodes are few. */
  readonly matrices: readonly Matrix[]
  /** The same by QoS and by pair of nodes, and everything of faults: for those who look closer. */
  readonly details: readonly Table[]
  readonly thresholds: readonly { readonly expression: string; readonly ok: boolean; readonly actual: string }[]
  /** Errors and refusals with their number, the most frequent first. */
  readonly problems: readonly string[]
  /** What a reader has to know to read the figures right. */
  readonly notes: readonly string[]
  /** How the nodes were used; empty with one node. */
  readonly cluster: readonly string[]
  /** How shared subscriptions were spread; empty where there are none. */
  readonly shares: readonly string[]
  /** What the nodes take, where the probe has asked them. */
  readonly brokers: readonly BrokerView[]
  readonly generator: readonly string[]
}

/** The columns of `latencies`. */
export const QUANTILES = ['p50', 'p90', 'p99', 'p999', 'max'] as const
export const QUANTILE_WORDS = { p50: 'p50', p90: 'p90', p99: 'p99', p999: 'p99.9', max: 'max' } as const

export function viewOf(report: Report): View {
  const [reason = passedBecause(report), ...reasons] = report.reasons.map(printable)
  return {
    headline: { text: report.status === 'passed' ? 'passed' : report.status.toUpperCase(), tone: TONE_OF[report.status], reason },
    reasons,
    suspects: report.generator.checks.filter(({ level, ok }) => level === 'suspect' && !ok).map(({ words }) => printable(words)),
    facts: facts(report),
    highlights: highlights(report),
    counts: counts(report),
    latencies: latencies(report),
    faults: faultViews(report),
    parts: [
      ...[windowTable(report)].filter(({ rows }) => rows.length > 0),
      ...[agentTable(report)].filter(({ rows }) => rows.length > 0),
      ...[metricsTable(report)].filter(({ rows }) => rows.length > 0),
      ...[table('Groups', report.groups), table('Nodes', report.nodes, NODE_COLUMNS), table('Streams', report.streams)].filter(hasSeveral),
    ],
    matrices: matrices(report),
    details: [
      ...[faultTable(report)].filter(({ columns }) => columns.length > 0),
      ...[table('QoS', report.qos), table('From node to node', pairs(report))].filter(hasSeveral),
    ],
    thresholds: report.thresholds.map((threshold) => ({ ...threshold, actual: formatActual(threshold) })),
    problems: problems(report),
    notes: [
      ...notes(report),
      ...agentNotes(report),
      ...faultNotes(report),
      ...clusterNotes(report),
      ...retainedNotes(report),
      ...metricsNotes(report),
    ],
    cluster: clusterFacts(report),
    shares: shareFacts(report),
    brokers: brokerViews(report),
    generator: generator(report),
  }
}

const TONE_OF: Readonly<Record<Status, Tone>> = { passed: 'good', failed: 'bad', invalid: 'bad', degraded: 'warn', interrupted: 'warn' }

function passedBecause({ thresholds }: Report): string {
  return thresholds.length === 1 ? 'its threshold holds' : `all ${thresholds.length} thresholds hold`
}

function facts(report: Report): string[] {
  const { run, plan, clients, publishes, deliveries } = report
  const where = plan.embedded ? 'the embedded broker' : plan.nodes.length === 1 ? '1 node' : `${formatCount(plan.nodes.length)} nodes`
  return [
    printable(run.scenario),
    `run ${run.id}`,
    `${formatCount(clients.planned)} clients on ${where}`,
    `${formatDuration(measuredS(report) * US_PER_S)} measured`,
    `${perSec(report, publishes.sent)} sent, ${perSec(report, deliveries.received)} received`,
  ]
}

/** The mean over `measure`. */
function perSec(report: Report, count: number): string {
  const lengthS = measuredS(report)
  return lengthS > 0 ? formatRate(count / lengthS) : '-'
}

function measuredS({ run }: Report): number {
  return run.phases.find((phase) => phase.name === 'measure')?.lengthS ?? 0
}

function highlights(report: Report): View['highlights'] {
  const { clients, publishes, deliveries, endToEndUs, sendLagUs } = report
  const endToEnd = (quantile: 'p50' | 'p999') => `${QUANTILE_WORDS[quantile]} ${latencyCell(endToEndUs, quantile).text}`
  const lossRatio = deliveries.owed === 0 ? 0 : deliveries.lost / deliveries.owed
  const ratio = lossRatio === 0 ? '' : ` (${formatShare(lossRatio)})`
  return [
    { label: 'clients connected', ...countCell(clients.connected), detail: `of ${formatCount(clients.planned)} planned` },
    { label: 'received', text: perSec(report, deliveries.received), tone: 'plain', detail: `sent ${perSec(report, publishes.sent)}` },
    { label: 'end to end, p99', ...latencyCell(endToEndUs, 'p99'), detail: `${endToEnd('p50')} · ${endToEnd('p999')}` },
    { label: 'lost', ...countCell(deliveries.lost, 'bad'), detail: `of ${formatCount(deliveries.owed)} owed${ratio}` },
    { label: 'send lag, p99', ...latencyCell(sendLagUs, 'p99'), detail: 'our own lateness' },
  ]
}

function counts({ clients: c, subscriptions: s, publishes: p, deliveries: d, ...report }: Report): View['counts'] {
  const cell = (word: string, count: number, tone: Tone = 'plain') => ({ word, ...countCell(count, tone) })
  const { sessions, offline, wills, drops } = report
  return [
    {
      label: 'clients',
      cells: [
        cell('planned', c.planned),
        cell('connected', c.connected),
        cell('failed', c.failed, 'bad'),
        cell('disconnected', c.disconnected, 'warn'),
        cell('reconnected', c.reconnected),
      ],
    },
    { label: 'subscriptions', cells: [cell('planned', s.planned), cell('granted', s.granted), cell('refused', s.refused, 'bad')] },
    {
      label: 'publishes',
      cells: [
        cell('planned', p.planned),
        cell('sent', p.sent),
        cell('acked', p.acked),
        cell('refused', p.refused, 'bad'),
        cell('dropped', p.dropped, 'bad'),
      ],
    },
    {
      label: 'deliveries',
      cells: [
        cell('owed', d.owed),
        cell('received', d.received),
        cell('lost', d.lost, 'bad'),
        cell('excused', d.excused),
        cell('duplicated', d.duplicated, 'warn'),
        cell('reordered', d.reordered, 'bad'),
        cell('unexpected', d.unexpected, 'bad'),
      ],
    },
    ...(drops === null
      ? []
      : [
          {
            label: 'of the lost',
            cells: [cell('dropped by the nodes’ own count', drops.counted), cell('unexplained', drops.unexplained, 'bad')],
          },
        ]),
    ...(Object.values(sessions).every((count) => count === 0)
      ? []
      : [
          {
            label: 'sessions',
            cells: [
              cell('resumed', sessions.resumed),
              cell('forgotten', sessions.forgotten, 'bad'),
              cell('taken over', sessions.takenOver),
              cell('doubled', sessions.doubled, 'bad'),
            ],
          },
        ]),
    ...(offline.queued === 0
      ? []
      : [
          {
            label: 'offline',
            cells: [
              cell('queued', offline.queued),
              ...(offline.perSec === null ? [] : [{ word: 'to a client', ...plain(formatRate(offline.perSec)) }]),
            ],
          },
        ]),
    ...(wills === null
      ? []
      : [
          {
            label: 'wills',
            cells: [cell('fired', wills.fired), cell('missing', wills.missing, 'bad'), cell('false', wills.false, 'bad')],
          },
        ]),
  ]
}

function latencies(report: Report): View['latencies'] {
  const row = (label: string, meaning: string, summary: LatencySummary) => ({
    label,
    meaning,
    count: formatCount(summary.count),
    cells: QUANTILES.map((quantile) => latencyCell(summary, quantile)),
  })
  return [
    row('end to end', 'intended time → subscriber', report.endToEndUs),
    ...(report.sameClockUs ? [row('one clock', 'the same, within one machine', report.sameClockUs)] : []),
    row('ack', 'intended time → acknowledged', report.ackUs),
    ...(report.roundTripUs.count > 0 ? [row('round trip', 'intended time → reply', report.roundTripUs)] : []),
    row('connect', 'intended time → CONNACK', report.connectUs),
    // Most runs lose no connection.
    ...(report.reconnectUs.count > 0 ? [row('reconnect', 'connection lost → CONNACK', report.reconnectUs)] : []),
    row('subscribe', 'SUBSCRIBE → SUBACK', report.subscribeUs),
    ...(report.unqueueUs.count > 0 ? [row('unqueue', 'CONNACK → the last that waited', report.unqueueUs)] : []),
    row('blocked', 'intended time → could be sent', report.blockedUs),
    row('send lag', 'could be sent → sent', report.sendLagUs),
  ]
}

interface Column {
  readonly title: string
  readonly cell: (figures: Figures) => Cell
}

const COLUMNS: readonly Column[] = [
  { title: 'clients', cell: ({ clients }) => countCell(clients?.planned) },
  { title: 'failed', cell: ({ clients }) => countCell(clients?.failed, 'bad') },
  { title: 'sent', cell: ({ publishes }) => countCell(publishes?.sent) },
  { title: 'received', cell: ({ deliveries }) => countCell(deliveries?.received) },
  { title: 'lost', cell: ({ deliveries }) => countCell(deliveries?.lost, 'bad') },
  { title: 'e2e p50', cell: ({ endToEndUs }) => latencyCell(endToEndUs, 'p50') },
  { title: 'e2e p99', cell: ({ endToEndUs }) => latencyCell(endToEndUs, 'p99') },
  { title: 'round trip p99', cell: ({ roundTripUs }) => latencyCell(roundTripUs, 'p99') },
  { title: 'ack p99', cell: ({ ackUs }) => latencyCell(ackUs, 'p99') },
  { title: 'connect p99', cell: ({ connectUs }) => latencyCell(connectUs, 'p99') },
]

/** Where clients went, and not only where they were meant to. */
const NODE_COLUMNS = COLUMNS.toSpliced(1, 0, { title: 'connected', cell: ({ clients }) => countCell(clients?.connected) })

/** A part a row; columns that no part has a figure for are left out. */
function table(title: string, parts: Readonly<Record<string, Figures>>, all = COLUMNS): Table {
  const entries = Object.entries(parts)
  const columns = all.filter(({ cell }) => entries.some(([, figures]) => cell(figures) !== NONE))
  return {
    title,
    columns: columns.map((column) => column.title),
    rows: entries.map(([name, figures]) => ({ name, cells: columns.map(({ cell }) => cell(figures)) })),
  }
}

function hasSeveral({ rows }: Table): boolean {
  return rows.length > 1
}

function pairs({ pairs }: Report): Record<string, Figures> {
  return Object.fromEntries(pairs.map(({ from, to, deliveries, endToEndUs }) => [`${from} → ${to}`, { deliveries, endToEndUs }]))
}

function problems({ errors, reasonCodes }: Report): string[] {
  const codes = Object.entries(reasonCodes).flatMap(([packet, byCode]) =>
    Object.entries(byCode)
      .filter(([code]) => isRefusal(packet, Number(code)))
      .map(([code, count]) => [`${packet} ${code}`, count] as const),
  )
  return [...Object.entries(errors), ...codes]
    .sort((a, b) => b[1] - a[1])
    .map(([what, count]) => `${formatCount(count)} × ${printable(what)}`)
}

/** From 0x80 in all versions; the return codes 1 to 5 of a 3.x CONNACK too. MQTT 3.1.1 §3.2.2.3, MQTT 5.0 §2.4. */
export function isRefusal(packet: string, code: number): boolean {
  return code >= 0x80 || (packet === 'CONNACK' && code !== 0)
}

function notes({ plan, run, deliveries }: Report): string[] {
  const list: string[] = []
  if (plan.embedded) list.push('These are figures of the embedded broker on this machine: give --broker URL for those of yours.')
  if (run.insecureTls) list.push('TLS certificates were not verified (insecure).')
  if (deliveries.unverified > 0) {
    list.push(`${formatCount(deliveries.unverified)} messages had no room for a header: they are counted, not verified one by one.`)
  }
  const { sessions, retained } = run.leftovers
  if (sessions + retained > 0) {
    list.push(`Left on the broker: ${formatCount(sessions)} sessions and ${formatCount(retained)} retained messages. See mqtt-scale clean.`)
  }
  return list
}

function generator({ generator: g }: Report): string[] {
  return [
    g.transport,
    ...(g.agents.length === 0 ? [] : [`${formatCount(g.agents.length)} ${g.agents.length === 1 ? 'agent' : 'agents'}`]),
    g.workers === 1 ? '1 worker' : `${formatCount(g.workers)} workers`,
    ...(g.processes === 1 ? [] : [`${formatCount(g.processes)} processes`]),
    `${formatShare(g.busy)} busy`,
    `${formatShare(g.cpu.processCores)} of a core`,
    formatBytes(g.memory.residentBytes),
    ...nearest(g.calibration ?? null),
    ...sentinel(g.sentinel),
  ]
}

/** Of what this machine was measured to do, what the run came nearest to. Reports of before 0.1 have none. */
function nearest(use: CalibrationUse | null): string[] {
  if (use === null) return []
  const named = [
    ['connects', use.connects],
    ['publishes', use.publishes],
    ['receives', use.receives],
  ] as const
  const [most] = named
    .flatMap(([what, ceiling]) => (ceiling === null ? [] : [{ what, peak: ceiling.peak }]))
    .sort((a, b) => b.peak - a.peak)
  return most === undefined ? [] : [`peak ${formatShare(most.peak)} of the ${most.what} that it can do`]
}

/** The fleet's own p50 and p99 stand in the latencies. */
function sentinel(figures: SentinelFigures | null): string[] {
  if (figures === null) return []
  if (figures.status === 'unavailable') return ['sentinel unavailable']
  const text = (us: number | null) => (us === null ? '∞' : formatDuration(us))
  return [`sentinel p50 ${text(figures.p50Us)}, p99 ${text(figures.p99Us)}`]
}
