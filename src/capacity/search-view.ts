/**
 * What a search says to people, without how it is drawn.
 */
import { formatMetric, type MetricKind, metricKind } from '../load/threshold.ts'
import { type Cell, NONE, plain, printable, type Table, type Tone } from '../report/cells.ts'
import { formatCount, formatDuration, formatRate } from '../units.ts'
import { lawWords, nodeWords } from './scaling.ts'
import type { SearchReport, SearchResult, SearchStatus, Trial, TrialVerdict, Variable } from './types.ts'

export interface SearchView {
  readonly headline: Cell & { readonly reason: string }
  readonly facts: readonly string[]
  /** A row for each size of the cluster and each search; empty with one. */
  readonly series: Table
  /** How throughput grows with the cluster, or why that can't be said; null: there are no sizes. */
  readonly law: string | null
  /** Of each search. */
  readonly trials: readonly Table[]
  readonly notes: readonly string[]
}

const TONES: Readonly<Record<SearchStatus, Tone>> = {
  found: 'good',
  generatorLimited: 'warn',
  belowLowest: 'bad',
  inconclusive: 'warn',
  interrupted: 'warn',
}
const VERDICTS: Readonly<Record<TrialVerdict, Tone>> = { good: 'good', bad: 'bad', undecided: 'warn', invalid: 'warn' }

export function viewOf(report: SearchReport): SearchView {
  const { series, scaling, vary, slo, scenario, tool } = report
  const nameOf = (one: SearchResult) => (one.nodes === null ? `search ${series.indexOf(one) + 1}` : nodeWords(one.nodes))
  const worst = series.find(({ status }) => status !== 'found') ?? series.at(-1)!
  const whose = series.length === 1 ? '' : `${nameOf(worst)}: `
  const trials = series.reduce((sum, one) => sum + one.trials.length, 0)
  return {
    headline: { text: STATUS_WORDS[worst.status], tone: TONES[worst.status], reason: `${whose}${reasonOf(worst, vary)}` },
    facts: [
      printable(scenario),
      brokerWords(report),
      `at ${slo.map(printable).join(' and ')}`,
      `${formatCount(trials)} ${trials === 1 ? 'trial' : 'trials'}`,
      `mqtt-scale ${tool}`,
    ],
    series: {
      title: 'Searches',
      columns: ['from', 'to', 'ended', 'limit'],
      rows:
        series.length === 1
          ? []
          : series.map((one) => ({
              name: nameOf(one),
              cells: [
                one.low === null ? NONE : plain(formatLoad(vary, one.low)),
                one.high === null ? NONE : plain(formatLoad(vary, one.high)),
                { text: STATUS_WORDS[one.status], tone: TONES[one.status] },
                plain(printable(one.limit ?? '-')),
              ],
            })),
    },
    law: scaling === null ? null : lawWords(scaling, (load) => formatLoad(vary, load)),
    trials: series.map((one, i) => trialTable(one, series.length === 1 ? 'Trials' : `Trials of search ${numbered(one, i)}`, vary)),
    notes: series.flatMap((one, i) => notesOf(one, series.length === 1 ? '' : `Search ${numbered(one, i)}: `)),
  }
}

function brokerWords({ asked: { brokers } }: SearchReport): string {
  const [first, ...others] = brokers
  if (first === undefined) return 'on the embedded broker, whose figures these are'
  return `on ${printable(first)}${others.length === 0 ? '' : ` and ${formatCount(others.length)} more`}`
}

/** `2`, `2 (4 nodes)`. */
function numbered({ nodes }: SearchResult, i: number): string {
  return nodes === null ? String(i + 1) : `${i + 1} (${nodeWords(nodes)})`
}

const STATUS_WORDS: Readonly<Record<SearchStatus, string>> = {
  found: 'found',
  generatorLimited: 'limited by the generator',
  belowLowest: 'below the lowest load',
  inconclusive: 'inconclusive',
  interrupted: 'interrupted',
}

/** `4,380/s`, `12,000 clients`. */
export function formatLoad(vary: Variable, load: number): string {
  return vary === 'rate' || vary === 'connectRate' ? formatRate(load) : formatCount(load)
}

/** What one search comes to, in a sentence. */
function reasonOf({ status, low, high, limit, trials }: SearchResult, vary: Variable): string {
  const what = NOUNS[vary]
  const from = low === null ? null : formatLoad(vary, low)
  const to = high === null ? null : formatLoad(vary, high)
  const why = limit === null ? '' : `; above that ${limit}`
  if (status === 'found') return `the SLO holds up to somewhere between ${from} and ${to} ${what}${why}`
  if (status === 'generatorLimited') {
    return from === null
      ? `no load was good: ${lateWords(trials, vary)}`
      : to === null
        ? `capacity is at least ${from} ${what}: ${lateWords(trials, vary)}`
        : `good up to ${from}, bad from ${to} ${what}; the generator was the limit before it was confirmed`
  }
  if (status === 'belowLowest')
    return `not even ${formatLoad(vary, trials.at(-1)!.load)} ${what} are carried${limit === null ? '' : `: ${limit}`}`
  const known = from === null ? 'nothing was good yet' : `good up to ${from}${to === null ? '' : `, bad from ${to}`} ${what}, not confirmed`
  return known
}

/** Of what ended it. */
function lateWords(trials: readonly Trial[], vary: Variable): string {
  const { load, criteria } = trials.findLast(({ verdict }) => verdict === 'invalid')!
  return `at ${formatLoad(vary, load)} the generator was the limit (${printable(criteria[0]!)})`
}

const NOUNS: Readonly<Record<Variable, string>> = { rate: 'messages', clients: 'clients', connectRate: 'connects', fanOut: 'listeners' }

function trialTable({ trials }: SearchResult, title: string, vary: Variable): Table {
  const metrics = [...new Set(trials.flatMap(({ figures }) => Object.keys(figures)))]
  return {
    title,
    columns: ['phase', 'load', 'verdict', ...metrics, 'sent', 'received', 'measure', 'why'],
    rows: trials.map((trial) => ({
      name: String(trial.number),
      cells: [
        plain(trial.phase),
        plain(formatLoad(vary, trial.load)),
        { text: trial.verdict, tone: VERDICTS[trial.verdict] },
        ...metrics.map((metric) => figureCell(trial, metric)),
        plain(formatRate(trial.sentPerSec)),
        plain(formatRate(trial.receivedPerSec)),
        plain(formatDuration(trial.lengthS * 1e6)),
        plain(printable(trial.criteria[0] ?? '')),
      ],
    })),
  }
}

function figureCell({ figures }: Trial, metric: string): Cell {
  const value = figures[metric]
  const kind = metricKind(metric)
  if (value === undefined || typeof kind !== 'string') return NONE
  return value === null ? { text: '∞', tone: 'bad' } : plain(formatMetric(kind as MetricKind, value))
}

function notesOf({ hasHysteresis, status }: SearchResult, whose: string): string[] {
  if (hasHysteresis)
    return [
      `${whose}a load that was good on the way up was not any more at the end: the cluster does not recover between trials. Restart it, or give a longer --cool-down.`,
    ]
  return status === 'inconclusive'
    ? [`${whose}trials contradict each other, or none was sure: longer trials (--trial, --confirm) or a quieter machine may help.`]
    : []
}
