/**
 * What a comparison says to people, without how it is drawn: terminal, Markdown and page draw the same view.
 */

import { formatMetric } from '../load/threshold.ts'
import { type Cell, NONE, plain, printable, type Table, type Tone } from '../report/cells.ts'
import { formatDuration, formatShare } from '../units.ts'
import { formatFigure, type Gate } from './gates.ts'
import type { Comparison, CurvePoint, GateResult, RatioInterval, RunFigure, RunSummary, Verdict } from './types.ts'
import { changeWithInterval, intervalWords, runs, tallyWords } from './words.ts'

export interface ComparisonView {
  readonly headline: Cell & { readonly reason: string }
  /** After the headline's. */
  readonly reasons: readonly string[]
  readonly facts: readonly string[]
  readonly gates: Table
  /** How sure it is, by several ways: for those who look closer. */
  readonly evidence: Table
  readonly counts: Table
  readonly thresholds: Table
  readonly others: Table
  /** Quantiles that people know by name. */
  readonly curve: Table
  readonly runs: Table
  readonly notes: readonly string[]
}

const TONES: Readonly<Record<Verdict, Tone>> = {
  regression: 'bad',
  failed: 'bad',
  improvement: 'good',
  ok: 'good',
  inconclusive: 'warn',
  notGated: 'quiet',
}
const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  regression: 'regression',
  failed: 'failed',
  improvement: 'improvement',
  ok: 'ok',
  inconclusive: 'inconclusive',
  notGated: 'not gated',
}

export function viewOf(comparison: Comparison): ComparisonView {
  const { verdict, base, candidate, gates, counts, thresholds, others, scenario, tool } = comparison
  const [reason, ...reasons] = comparison.reasons.map(printable)
  const doubts = gates.flatMap(({ metric, doubt }) => (doubt === null ? [] : [`${metric}: ${doubt}.`]))
  const allowed = comparison.allowed.map(({ rule, words }) => `Compared all the same (--allow ${rule}): ${words}.`)
  return {
    headline: {
      text: TONES[verdict] === 'bad' ? VERDICT_WORDS[verdict].toUpperCase() : VERDICT_WORDS[verdict],
      tone: TONES[verdict],
      reason: reason!,
    },
    reasons,
    facts: [printable(scenario), `${runs(base.length)} of base`, `${runs(candidate.length)} of candidate`, `mqtt-scale ${tool}`],
    gates: {
      title: 'Gates',
      columns: ['base', 'candidate', 'change', '95 %', 'margin', 'verdict'],
      rows: gates.map((gate) => ({
        name: gate.metric,
        cells: [
          figureCell(gate, gate.baseMean),
          figureCell(gate, gate.candidateMean),
          ...changeCells(gate.ratio, gate.interval),
          plain(formatShare(gate.margin)),
          verdictCell(gate.verdict),
        ],
      })),
    },
    evidence: {
      title: 'Evidence',
      columns: ['p', 'after Holm', 'order of the runs', 'p', 'resampled', 'scatter', 'can see'],
      rows: gates.map(evidenceOf),
    },
    counts: {
      title: 'Counts',
      columns: ['base', 'candidate', 'at most', 'verdict'],
      rows: counts.map(({ name, base: from, candidate: to, bound, verdict: own }) => ({
        name,
        cells: [plain(tallyWords(from)), plain(tallyWords(to)), bound === null ? NONE : plain(smallShare(bound)), verdictCell(own)],
      })),
    },
    thresholds: {
      title: 'Thresholds',
      columns: ['base', 'candidate', 'verdict'],
      rows: thresholds.map(({ expression, baseFailures, candidateFailures, ok }) => ({
        name: printable(expression),
        cells: [
          holdsCell(baseFailures, base.length),
          holdsCell(candidateFailures, candidate.length),
          ok ? { text: 'holds', tone: 'good' } : { text: 'does not hold', tone: 'bad' },
        ],
      })),
    },
    others: {
      title: 'Not gated',
      columns: ['base', 'candidate', 'change', '95 %'],
      rows: others.map(({ metric, kind, baseMean, candidateMean, ratio, interval }) => ({
        name: metric,
        cells: [plain(formatMetric(kind, baseMean)), plain(formatMetric(kind, candidateMean)), ...changeCells(ratio, interval)],
      })),
    },
    curve: {
      title: comparison.curve === null ? '' : `Quantiles of ${comparison.curve.metric}`,
      columns: ['base', 'candidate', 'change', '95 %'],
      rows: (comparison.curve?.points ?? []).filter(({ percent }) => NAMED.includes(percent)).map(pointRow),
    },
    runs: {
      title: 'Runs',
      columns: ['run', 'status', ...gates.map(({ metric }) => metric)],
      rows: [
        ...base.map((run, i) => runRow(`base ${i + 1}`, run, gates)),
        ...candidate.map((run, i) => runRow(`candidate ${i + 1}`, run, gates)),
      ],
    },
    notes: [...allowed, ...doubts, ...comparison.notes].map(printable),
  }
}

/** Tables that have something to say, those that decide first. */
export function tablesOf({ gates, evidence, counts, thresholds, others, curve, runs: each }: ComparisonView): Table[] {
  return [gates, counts, thresholds, evidence, others, curve, each].filter(({ rows }) => rows.length > 0)
}

const NAMED = [50, 75, 90, 95, 99, 99.9, 99.99]

function pointRow({ percent, base, candidate, ratio, interval }: CurvePoint): Table['rows'][number] {
  const cell = (us: number | null) => (us === null ? infinite : plain(formatDuration(us)))
  return { name: `p${percent}`, cells: [cell(base), cell(candidate), ...changeCells(ratio, interval)] }
}

function runRow(name: string, { id, status, figures }: RunSummary, gates: readonly Gate[]): Table['rows'][number] {
  const cells = figures.map((figure, i) => plain(runFigure(figure, gates[i]!)))
  return { name, cells: [plain(id), status === 'passed' ? plain(status) : { text: status, tone: 'warn' }, ...cells] }
}

/** `4.37 ms (4.2 ms … 4.6 ms)`. */
function runFigure({ value, interval }: RunFigure, gate: Gate): string {
  const figure = (x: number) => formatFigure(gate, x)
  const text = figure(value ?? Infinity)
  return interval === null ? text : `${text} (${figure(interval.low)} … ${figure(interval.high)})`
}

function evidenceOf({
  metric,
  p,
  adjusted,
  alpha,
  shift,
  rankP,
  bootstrap,
  spread,
  smallestDifference,
}: GateResult): Table['rows'][number] {
  const isSmall = adjusted !== null && adjusted <= alpha
  return {
    name: metric,
    cells: [
      pCell(p),
      { ...pCell(adjusted), tone: isSmall ? 'bad' : 'plain' },
      shift === null ? NONE : plain(changeWithInterval(shift.ratio, shift)),
      pCell(rankP),
      bootstrap === null ? NONE : plain(intervalWords(bootstrap)),
      spread === null ? NONE : plain(formatShare(spread)),
      smallestDifference === null ? NONE : plain(formatShare(smallestDifference)),
    ],
  }
}

const infinite: Cell = { text: '∞', tone: 'bad' }

function figureCell(gate: GateResult, value: number | null): Cell {
  return value === null ? infinite : plain(formatFigure(gate, value))
}

function changeCells(ratio: number | null, interval: RatioInterval | null): [Cell, Cell] {
  return [ratio === null ? NONE : plain(changeWithInterval(ratio, null)), interval === null ? NONE : plain(intervalWords(interval))]
}

function verdictCell(verdict: Verdict): Cell {
  return { text: VERDICT_WORDS[verdict], tone: TONES[verdict] }
}

function holdsCell(failures: number | null, of: number): Cell {
  if (failures === null) return NONE
  return failures === 0 ? plain(`holds in ${of === 1 ? 'it' : `all ${of}`}`) : { text: `not in ${failures} of ${of}`, tone: 'bad' }
}

function pCell(p: number | null): Cell {
  if (p === null) return NONE
  return plain(p < 0.0001 ? '< 0.0001' : p.toFixed(4))
}

/** What may be a millionth: `0.00075 %`. */
function smallShare(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`
}
