/**
 * The charts over time of the HTML report, as data: which columns of the timeline each shows, in which colours, and in words.
 *
 * What is drawn, what is said of it and the table below it are made of the same lines, so they can't disagree.
 */
import { formatBytes, formatCount, formatDuration, formatShare, thousandths } from '../units.ts'
import { plain, type Table } from './cells.ts'
import type { LineColor } from './curve.ts'
import { nodeCharts } from './node-charts.ts'
import type { Report, TimelineRow } from './types.ts'

/** What TIME_SCRIPT draws. */
export interface TimeCharts {
  /** Ends of the seconds, from the start of the run. */
  readonly tS: readonly number[]
  readonly phases: readonly { readonly name: string; readonly startS: number; readonly endS: number; readonly isMeasured: boolean }[]
  /** From the start to the recovery, or to the end of measure. */
  readonly faults: readonly { readonly name: string; readonly startS: number; readonly endS: number; readonly isRecovered: boolean }[]
  readonly charts: readonly TimeChart[]
}

export interface TimeChart {
  readonly id: string
  readonly what: string
  /** CSS pixels, without the names above it. */
  readonly height: number
  /** `fraction` has no least height, as `linear` does, and `share` goes from 0 to 1. */
  readonly scale: 'linear' | 'log' | 'share' | 'fraction'
  readonly format: keyof typeof FORMATS
  readonly lines: readonly TimeLine[]
}

export interface TimeLine {
  readonly label: string
  readonly color: LineColor
  readonly width: number
  readonly isDashed?: boolean
  /** Parallel to `tS`; null is a gap. */
  readonly values: readonly (number | null)[]
  /** What a row of several seconds shows of them. */
  readonly many: 'mean' | 'highest' | 'last'
}

const FORMATS = { bytes: formatBytes, count: formatCount, duration: formatDuration, share: formatShare } as const
/** Rows of a chart's table: one that is longer is not read. */
const MOST_ROWS = 60

/** Only charts that have something to show; null: the run ended before its first second. */
export function timeCharts(report: Report): TimeCharts | null {
  const { timeline, run, faults } = report
  if (timeline.length === 0) return null
  const measure = run.phases.find((phase) => phase.name === 'measure')
  return {
    tS: timeline.map(({ tS }) => tS),
    phases: run.phases.map(({ name, startS, lengthS }) => ({
      name,
      startS,
      endS: thousandths(startS + lengthS),
      isMeasured: name === 'measure',
    })),
    faults: Object.entries(faults).flatMap(([name, { startS, recover }]) => {
      if (startS === null || measure === undefined) return []
      const endS = thousandths(recover === null ? measure.startS + measure.lengthS : startS + recover)
      return [{ name, startS, endS, isRecovered: recover !== null }]
    }),
    charts: [...chartsOf(timeline), ...nodeCharts(report)].filter(({ lines }) =>
      lines.some(({ values }) => values.some((value) => value !== null)),
    ),
  }
}

function chartsOf(timeline: readonly TimelineRow[]): TimeChart[] {
  const column = (name: Exclude<keyof TimelineRow, 'phase'>) => timeline.map((row) => row[name])
  return [
    {
      id: 'latency',
      what: 'End-to-end latency of each second',
      height: 260,
      scale: 'log',
      format: 'duration',
      lines: [
        { label: 'p50', color: 'line-1', width: 2, values: column('endToEndP50Us'), many: 'highest' },
        { label: 'p99', color: 'line-3', width: 2, values: column('endToEndP99Us'), many: 'highest' },
      ],
    },
    {
      id: 'rates',
      what: 'Messages planned, sent and received each second',
      height: 260,
      scale: 'linear',
      format: 'count',
      // Where all goes well the three are one line: a broad one below, and the last one dashed.
      lines: [
        { label: 'planned', color: 'line-quiet', width: 5, values: column('plannedPerSec'), many: 'mean' },
        { label: 'received', color: 'line-2', width: 2, values: column('receivedPerSec'), many: 'mean' },
        { label: 'sent', color: 'line-1', width: 2, isDashed: true, values: column('sentPerSec'), many: 'mean' },
      ],
    },
    {
      id: 'connects',
      what: 'Attempts to connect and connects each second',
      height: 180,
      scale: 'linear',
      format: 'count',
      lines: [
        { label: 'attempts', color: 'line-quiet', width: 5, values: column('attemptsPerSec'), many: 'mean' },
        { label: 'connects', color: 'line-1', width: 2, values: column('connectsPerSec'), many: 'mean' },
      ],
    },
    {
      id: 'connected',
      what: 'Connected clients at the end of each second',
      height: 180,
      scale: 'linear',
      format: 'count',
      lines: [{ label: 'connected', color: 'line-2', width: 2, values: column('connected'), many: 'last' }],
    },
    {
      id: 'lag',
      what: 'Send lag of each second, the generator’s own lateness',
      height: 180,
      scale: 'log',
      format: 'duration',
      lines: [{ label: 'send lag p99', color: 'line-3', width: 2, values: column('sendLagP99Us'), many: 'highest' }],
    },
    {
      id: 'busy',
      what: 'Share of each second that the busiest worker did not wait',
      height: 180,
      scale: 'share',
      format: 'share',
      lines: [{ label: 'busy', color: 'line-4', width: 2, values: column('busy'), many: 'highest' }],
    },
  ]
}

/** A chart in words, for those who don't see it: what it is of, how far each line goes, phases and faults. */
export function timeWords({ tS, phases, faults }: TimeCharts, { what, format, lines }: TimeChart): string {
  const extremes = lines.map(({ label, values }) => {
    const some = values.flatMap((value, i) => (value === null ? [] : [{ value, i }]))
    if (some.length === 0) return `${label}: no values`
    const lowest = some.reduce((a, b) => (b.value < a.value ? b : a))
    const highest = some.reduce((a, b) => (b.value > a.value ? b : a))
    const text = ({ value, i }: typeof lowest) => `${FORMATS[format](value)} at ${tS[i]} s`
    return lowest.value === highest.value
      ? `${label}: ${FORMATS[format](lowest.value)} throughout`
      : `${label}: ${text(lowest)} to ${text(highest)}`
  })
  const marks = [
    ...phases.map(({ name, startS }) => `phase ${name} from ${startS} s`),
    ...faults.map(
      ({ name, startS, endS, isRecovered }) =>
        `fault ${name} from ${startS} s to ${isRecovered ? `its recovery at ${endS.toFixed(1)} s` : 'the end'}`,
    ),
  ]
  return [what, ...extremes, ...marks].join('; ')
}

/** A chart's values as text: a row a second, or as many seconds as make 60 rows of it. */
export function timeTable({ tS, phases }: TimeCharts, { what, format, lines }: TimeChart): Table {
  const seconds = Math.ceil(tS.length / MOST_ROWS)
  const starts = Array.from({ length: Math.ceil(tS.length / seconds) }, (_, row) => row * seconds)
  const phaseAt = (endS: number) => phases.findLast(({ startS }) => startS < endS)?.name ?? '-'
  return {
    title: seconds === 1 ? `${what}, by the end of each second` : `${what}: each row is ${seconds} seconds, by the end of the last`,
    columns: ['phase', ...lines.map(({ label, many }) => (seconds === 1 ? label : `${label}, ${many}`))],
    rows: starts.map((start) => {
      const last = Math.min(start + seconds, tS.length) - 1
      const cells = lines.map(({ values, many }) => {
        const some = values.slice(start, last + 1).filter((value) => value !== null)
        return plain(some.length === 0 ? '-' : FORMATS[format](AGGREGATES[many](some)))
      })
      const names = [...new Set([phaseAt(tS[start]!), phaseAt(tS[last]!)])]
      return { name: `${tS[last]} s`, cells: [plain(names.join(' to ')), ...cells] }
    }),
  }
}

const AGGREGATES: Readonly<Record<TimeLine['many'], (values: readonly number[]) => number>> = {
  mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  highest: (values) => Math.max(...values),
  last: (values) => values.at(-1)!,
}
