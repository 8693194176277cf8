/**
 * What a sizing says to people, without how it is drawn: terminal and page draw the same view.
 */
import { type Cell, NONE, plain, printable, type Tone } from '../report/cells.ts'
import { formatBitRate, formatBytes, formatCount, formatDuration, formatRate, formatShare } from '../units.ts'
import { factorWords, type Interval, lawWords, nodeWords } from './scaling.ts'
import { clusterWords } from './size-words.ts'
import type { AvailabilityFigures, LoadFigure, NodeLoad, SizedConstraint, Sizing } from './sizing.ts'
import type { Provenance } from './types.ts'

export interface SizeView {
  readonly headline: Cell & { readonly reason: string }
  /** After the headline's. */
  readonly reasons: readonly string[]
  readonly facts: readonly string[]
  /** Each with a sentence beside its cells. */
  readonly tables: readonly WordTable[]
  readonly nextRuns: readonly { readonly what: string; readonly why: string }[]
  readonly notCovered: readonly string[]
  readonly notes: readonly string[]
}

export interface WordTable {
  readonly title: string
  readonly columns: readonly string[]
  /** null: its rows have no sentence. */
  readonly words: string | null
  readonly rows: readonly { readonly name: string; readonly cells: readonly Cell[]; readonly words: string }[]
  readonly foot: readonly string[]
}

const TONES: Readonly<Record<Provenance, Tone>> = { measured: 'good', interpolated: 'good', extrapolated: 'warn', assumed: 'warn' }
/** More rows of the tornado are of no use to anybody. */
const MOST_LEVERS = 6
/** So far away it is no constraint: how far says nothing. */
const MOST_SLACK = 100

export function viewOf(sizing: Sizing): SizeView {
  const { answer, atLeast, reasons, target, load, evidence, tool } = sizing
  const [reason, ...others] = reasons.map(printable)
  const cluster = clusterWords(atLeast, target.zones)
  const survives = target.survive === 'none' ? 'survives nothing' : `survives a ${target.survive}`
  const counted = (count: number, one: string, many: string) => (count === 1 ? `1 ${one}` : `${formatCount(count)} ${many}`)
  return {
    headline:
      answer === null
        ? { text: 'inconclusive', tone: 'warn', reason: `at least ${cluster}; ${reason}` }
        : { text: cluster, tone: 'good', reason: reason! },
    reasons: others,
    facts: [
      printable(target.name),
      `${formatCount(load.clients)} clients`,
      formatRate(load.publishesPerSec),
      `fan-out ${Number(load.fanOut.toPrecision(3))}`,
      ...(load.growth === 1 ? [] : [`× ${factorWords(load.growth)} today’s`]),
      ...target.slo.map(printable),
      survives,
      counted(evidence.reports, 'report', 'reports'),
      counted(evidence.searches, 'search', 'searches'),
      `mqtt-scale ${tool}`,
    ],
    tables: [
      constraintTable(sizing),
      loadTable(sizing),
      inputTable(sizing),
      scalingTable(sizing),
      availabilityTable(sizing.availability),
      recoveryTable(sizing),
      costTable(sizing),
      leverTable(sizing),
    ].filter(({ rows }) => rows.length > 0),
    nextRuns: sizing.nextRuns.map(({ what, why, narrows }) => {
      const gain =
        narrows === null
          ? 'without it there is no decision'
          : narrows === 0
            ? 'would not change the number of nodes'
            : `its ends are ${nodeWords(narrows)} apart`
      return { what: printable(what), why: printable(`${why}; ${gain}`) }
    }),
    notCovered: sizing.notCovered.map(printable),
    notes: sizing.notes.map(printable),
  }
}

export function provenanceCell(provenance: Provenance | null): Cell {
  return provenance === null ? { text: 'unknown', tone: 'bad' } : { text: provenance, tone: TONES[provenance] }
}

function constraintTable({ constraints, alternatives, target, answer }: Sizing): WordTable {
  const said = alternatives.filter(({ nodes: count }) => answer !== null || count !== null)
  return {
    title: target.survive === 'none' ? 'Nodes that are needed' : `Nodes that have to be left when a ${target.survive} is lost`,
    columns: ['nodes', 'to spare', 'from'],
    words: 'basis',
    rows: constraints.map((one) => ({
      name: one.title,
      cells: [survivorsCell(one), spareCell(one), isJudged(one) ? provenanceCell(one.provenance) : NONE],
      words: printable(one.basis),
    })),
    foot: said.length === 0 ? [] : [`Otherwise: ${said.map(({ what, nodes: count }) => `${what} ${nodesOrNot(count)}`).join(', ')}.`],
  }
}

function isJudged({ survivors, refusal }: SizedConstraint): boolean {
  return survivors !== null || refusal !== null
}

function survivorsCell(one: SizedConstraint): Cell {
  const { survivors, fewest, refusal, binds } = one
  if (survivors === null && refusal === null) return NONE
  const text = survivors === null ? `≥ ${formatCount(fewest)}` : formatCount(survivors)
  return binds ? { text: `binds → ${text}`, tone: 'warn' } : plain(text)
}

/** null: it would not be decided. */
function nodesOrNot(count: number | null): string {
  return count === null ? 'can’t be said' : nodeWords(count)
}

/** How many times worse the input may be. */
function spareCell({ slack, binds }: SizedConstraint): Cell {
  if (slack === null) return NONE
  return { text: slack > MOST_SLACK ? `> ${MOST_SLACK}` : `× ${Number(slack.toPrecision(2))}`, tone: binds ? 'warn' : 'plain' }
}

function loadTable({ loads, cluster, target }: Sizing): WordTable {
  const isLost = target.survive !== 'none'
  return {
    title: 'Load of a node',
    columns: [`with ${formatCount(cluster.nodes)}`, ...(isLost ? [`with ${formatCount(cluster.left)} left`] : []), 'of', 'from'],
    words: null,
    rows: loads.map((row) => ({
      name: row.name,
      cells: [
        loadCell(row, row.before),
        ...(isLost ? [loadCell(row, row.after)] : []),
        row.limit === null ? NONE : plain(inUnit(row, row.limit)),
        fromCell(row.after),
      ],
      words: '',
    })),
    foot: [],
  }
}

function loadCell(row: NodeLoad, { value, range }: LoadFigure): Cell {
  const share = row.limit === null || row.unit === 'share' || value === null ? '' : ` (${formatShare(value / row.limit)})`
  if (value !== null) return plain(inUnit(row, value) + share)
  return { text: `${inUnit(row, range!.low)} … ${inUnit(row, range!.high)}`, tone: 'warn' }
}

function fromCell({ value, provenance }: LoadFigure): Cell {
  return value === null ? { text: 'range only', tone: 'warn' } : provenanceCell(provenance)
}

function inUnit({ unit }: NodeLoad, value: number): string {
  if (unit === 'bytes') return formatBytes(value)
  if (unit === 'bitsPerSec') return formatBitRate(value)
  return unit === 'share' ? formatShare(value) : formatCount(value)
}

function inputTable({ inputs }: Sizing): WordTable {
  return {
    title: 'Inputs',
    columns: ['', 'from'],
    words: 'basis',
    rows: inputs.map(({ name, text, provenance, basis }) => ({
      name,
      cells: [plain(text), provenanceCell(provenance)],
      words: printable(basis),
    })),
    foot: [],
  }
}

function scalingTable({ scaling }: Sizing): WordTable {
  const cells = (value: number, range: Interval): Cell[] => [
    plain(formatRate(value)),
    plain(`${formatRate(range.low)} … ${formatRate(range.high)}`),
  ]
  return {
    title: 'Throughput at the SLO, measured',
    columns: ['mean', 'good … bad', 'searches'],
    words: null,
    rows: scaling.sizes.map((size) => ({
      name: nodeWords(size.nodes),
      cells: [...cells(size.meanPerSec, { low: size.lowPerSec, high: size.highPerSec }), plain(formatCount(size.measurements))],
      words: '',
    })),
    foot: [lawWords(scaling, formatRate)],
  }
}

function availabilityTable({ goal, budgetMinutes, parts, minutes, notKnown }: AvailabilityFigures): WordTable {
  const percent = `${Number((goal * 100).toPrecision(8))} %`
  const isOver = minutes !== null && minutes > budgetMinutes
  const sum =
    minutes === null
      ? []
      : [
          isOver
            ? `${minutesWords(minutes)} a year is over the ${minutesWords(budgetMinutes)} that ${percent} leaves: more nodes don’t change that.`
            : `${minutesWords(minutes)} a year of the ${minutesWords(budgetMinutes)} that ${percent} leaves.`,
        ]
  return {
    title: `Availability against ${percent}`,
    columns: ['a year', 'of the budget', 'from'],
    words: 'basis',
    rows: parts.map(({ name, minutes: own, provenance, basis }) => ({
      name: printable(name),
      cells: [plain(minutesWords(own)), plain(formatShare(own / budgetMinutes)), provenanceCell(provenance)],
      words: basis,
    })),
    foot: [...sum, ...(notKnown.length === 0 ? [] : [`Not known: ${notKnown.join('; ')}.`])],
  }
}

/** 0.00039 min has to be told from nothing. */
function minutesWords(minutes: number): string {
  return `${minutes >= 0.01 || minutes === 0 ? Number(minutes.toPrecision(minutes < 10 ? 2 : 4)) : '< 0.01'} min`
}

function recoveryTable({ storm, network, target }: Sizing): WordTable {
  const { inBitsPerSec, outBitsPerSec, forwardedBitsPerSec, pingsPerSec } = network
  const row = (name: string, text: string, words: string) => ({ name, cells: [plain(text)], words })
  const storms =
    storm === null
      ? []
      : [
          row(
            'reconnect storm',
            formatDuration(storm.seconds * 1e6),
            `${formatCount(storm.clients)} clients after the loss of a ${target.survive}, ${storm.provenance}; ${formatDuration(storm.recoveryS * 1e6)} are allowed, which asks for ${formatRate(storm.connectsPerSec)}`,
          ),
        ]
  return {
    title: 'Storm and network of the cluster',
    columns: [''],
    words: '',
    rows: [
      ...storms,
      row('from clients', formatBitRate(inBitsPerSec), 'messages, acknowledgements and keep-alives, with TCP and IP'),
      row('to clients', formatBitRate(outBitsPerSec), 'the same'),
      row('from node to node', formatBitRate(forwardedBitsPerSec), 'what is forwarded where clients are placed at random'),
      row('keep-alives', formatRate(pingsPerSec), 'each way'),
    ],
    foot: [],
  }
}

function costTable({ cost, verdict }: Sizing): WordTable {
  if (cost === null) return { title: 'Cost', columns: [], words: null, rows: [], foot: [] }
  const { currency, perMonth, perClientMonth, nodesPerMonth, crossZonePerMonth, fixedPerMonth } = cost
  const money = (value: number) => `${value >= 1 || value === 0 ? formatCount(value) : Number(value.toPrecision(3))} ${printable(currency)}`
  const row = (name: string, value: number) => ({ name, cells: [plain(money(value))], words: '' })
  return {
    title: verdict === 'decided' ? 'Cost' : 'Cost, of the least that it takes',
    columns: ['a month'],
    words: null,
    rows: [
      row('all', perMonth),
      row('of nodes', nodesPerMonth),
      ...(crossZonePerMonth > 0 ? [row('from zone to zone', crossZonePerMonth)] : []),
      ...(fixedPerMonth > 0 ? [row('fixed', fixedPerMonth)] : []),
      row('of a client', perClientMonth),
    ],
    foot: [],
  }
}

/** Where there is no decision, of those that would make one. */
function leverTable({ sensitivity, answer }: Sizing): WordTable {
  const said = sensitivity.filter(({ less, more }) => answer !== null || less !== null || more !== null)
  return {
    title: 'What ± 20 % does',
    columns: ['20 % less', '20 % more'],
    words: null,
    rows: said.slice(0, MOST_LEVERS).map(({ name, less, more, binds }) => ({
      name,
      cells: [less, more].map((count): Cell => ({ text: nodesOrNot(count), tone: binds ? 'warn' : 'plain' })),
      words: '',
    })),
    foot: [],
  }
}
