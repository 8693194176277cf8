/**
 * The summary a run ends with, for a terminal or a log: the verdict first, then what it rests on.
 *
 * Lines fit `width` columns: 100 is comfortable, 80 loses the explanations and a column, and below that the latencies stick out.
 */
import { Chalk, type ChalkInstance } from 'chalk'
import { type Cell, plain, type Table } from './cells.ts'
import { align, DOT, draw, flow, GAP, hang, markOf, type Paint, painter, quiet, tableCells, widthOf, wrap } from './lines.ts'
import type { Report } from './types.ts'
import { QUANTILE_WORDS, QUANTILES, type View, viewOf } from './view.ts'

export interface TextOptions {
  readonly color: boolean
  /** Columns. */
  readonly width: number
  /** Where the report's files are, as the user would type it; null: nowhere. */
  readonly folder: string | null
}

/** Rows of a table before the rest is left to the report. */
const ROW_LIMIT = 12

/** The summary, many lines, each ended by a newline. */
export function renderText(report: Report, { color, width, folder }: TextOptions): string {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  const paint = painter(chalk)
  const view = viewOf(report)
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', chalk.bold(title), ...lines])
  const list = (label: string, items: readonly string[]) => hang(label.padEnd(LABEL), items, width, chalk.dim)

  const lines = [
    ...headline(view, width, chalk, paint),
    ...hang('', view.facts, width, (text) => text),
    ...section('Counts', counts(view, width, paint)),
    ...section('Latency', latencies(view, width, chalk, paint)),
    ...section('Faults', faults(view, width, chalk, paint)),
    ...view.parts.flatMap((table) => section(table.title, part(table, width, chalk, paint))),
    ...view.matrices.flatMap((table) => section(table.title, matrix(table, width, chalk, paint))),
    ...section('Thresholds', thresholds(view, paint)),
    '',
    ...(view.problems.length > 0 ? list('Errors', view.problems.slice(0, ROW_LIMIT)) : []),
    ...(view.cluster.length > 0 ? list('Cluster', view.cluster) : []),
    ...(view.shares.length > 0 ? list('Shares', view.shares) : []),
    ...view.brokers.flatMap(({ nodes, items }) => list('Broker', nodes === null ? items : [`${nodes}: ${items[0]}`, ...items.slice(1)])),
    ...list('Generator', view.generator),
    ...view.notes.flatMap((note) => wrap('Note'.padEnd(LABEL), note, width, chalk.yellow)),
    ...(folder === null ? [] : [`${chalk.dim('Report'.padEnd(LABEL))}${folder}`]),
  ]
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

const LABEL = 'Generator  '.length

function headline({ headline, suspects, reasons }: View, width: number, chalk: ChalkInstance, paint: Paint): string[] {
  const bold = (text: string) => chalk.bold(paint(headline.tone, text))
  return [
    ...wrap(`${markOf(headline.tone)} ${headline.text}  `, headline.reason, width, bold),
    ...suspects.flatMap((words) => wrap('  suspect  ', words, width, chalk.yellow)),
    ...reasons.flatMap((reason) => wrap('  also  ', reason, width, (text) => paint(headline.tone, text))),
    '',
  ]
}

function counts(view: View, width: number, paint: Paint): string[] {
  // As many pairs of number and word a line as fit; numbers to the right, their words beside them.
  for (let pairs = 7; ; pairs--) {
    const rows = view.counts.flatMap(({ label, cells }) =>
      pieces(cells, pairs).map((some, i) => [
        plain(i === 0 ? label : ''),
        ...some.flatMap(({ text, word, tone }): Cell[] => [{ text, tone }, quiet(word)]),
      ]),
    )
    const lines = align(rows, (column) => column % 2 === 1)
    const gapBefore = (column: number) => (column % 2 === 1 || column === 0 ? GAP : ' ')
    if (pairs === 2 || widthOf(lines, gapBefore) <= width) return lines.map((line) => draw(line, paint, gapBefore))
  }
}

function latencies(view: View, width: number, chalk: ChalkInstance, paint: Paint): string[] {
  const head = ['', 'count', ...QUANTILES.map((quantile) => QUANTILE_WORDS[quantile])].map(quiet)
  const rows = view.latencies.map(({ label, count, cells }): Cell[] => [plain(label), plain(count), ...cells])
  const lines = align([head, ...rows], (column) => column > 0)
  const meanings = ['', ...view.latencies.map(({ meaning }) => `${GAP}${GAP}${meaning}`)]
  const fits = widthOf(lines) + Math.max(...meanings.map((meaning) => meaning.length)) <= width
  return lines.map((line, i) => draw(line, paint) + (fits ? chalk.dim(meanings[i]) : ''))
}

/** A fault's name and what it was, and below it what came of it. */
function faults(view: View, width: number, chalk: ChalkInstance, paint: Paint): string[] {
  const draw = (label: string, items: readonly Cell[]) =>
    flow(items, width - label.length).map(
      (line, i) => (i === 0 ? label : ' '.repeat(label.length)) + line.map(({ text, tone }) => paint(tone, text)).join(chalk.dim(DOT)),
    )
  return view.faults.flatMap(({ name, what, lines }) => [
    ...draw(`${GAP}${name}${GAP}`, what),
    ...lines.flatMap((items) => draw(GAP.repeat(2), items)),
  ])
}

function part(table: Table, width: number, chalk: ChalkInstance, paint: Paint): string[] {
  const { columns, rows } = table
  const shown = rows.length > ROW_LIMIT ? rows.slice(0, ROW_LIMIT - 1) : rows
  const more = shown.length === rows.length ? [] : [chalk.dim(`${GAP}… and ${rows.length - shown.length} more in the report`)]
  // The last columns matter least: on a narrow terminal they go first.
  for (let kept = columns.length; ; kept--) {
    const lines = tableCells({ columns, rows: shown }, kept)
    if (kept <= 1 || widthOf(lines) <= width) return [...lines.map((line) => draw(line, paint)), ...more]
  }
}

/** Whole or not at all: a matrix without its last columns misleads. */
function matrix(table: Table, width: number, chalk: ChalkInstance, paint: Paint): string[] {
  const lines = tableCells(table)
  if (widthOf(lines) > width) return [chalk.dim(`${GAP}too wide for this terminal: see the report`)]
  return lines.map((line) => draw(line, paint))
}

function thresholds(view: View, paint: Paint): string[] {
  const rows = view.thresholds.map(({ ok, expression, actual }): Cell[] => [
    { text: ok ? '✓' : '✗', tone: ok ? 'good' : 'bad' },
    plain(expression),
    { text: actual, tone: ok ? 'plain' : 'bad' },
  ])
  return align(rows, () => false).map((line) => draw(line, paint))
}

/** As few pieces as `most` items each allow, of about the same size: 5 by 4 at the most is 3 and 2. */
function pieces<T>(items: readonly T[], most: number): T[][] {
  const count = Math.ceil(items.length / most)
  const size = Math.ceil(items.length / count)
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size))
}
