/**
 * A comparison for a terminal or a log: the verdict first, then what it rests on.
 */
import { Chalk, type ChalkInstance } from 'chalk'
import type { Table } from '../report/cells.ts'
import { draw, GAP, hang, markOf, type Paint, painter, tableCells, widthOf, wrap } from '../report/lines.ts'
import type { TextOptions } from '../report/text.ts'
import type { Comparison } from './types.ts'
import { tablesOf, viewOf } from './view.ts'

/** Many lines, each ended by a newline. */
export function renderText(comparison: Comparison, { color, width }: Pick<TextOptions, 'color' | 'width'>): string {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  const paint = painter(chalk)
  const view = viewOf(comparison)
  const { text, tone, reason } = view.headline
  const lines = [
    ...wrap(`${markOf(tone)} ${text}  `, reason, width, (words) => chalk.bold(paint(tone, words))),
    ...view.reasons.flatMap((words) => wrap('  also  ', words, width, (label) => paint(tone, label))),
    '',
    ...hang('', view.facts, width, (words) => words),
    ...tablesOf(view).flatMap((table) => ['', chalk.bold(table.title), ...tableLines(table, width, chalk, paint)]),
    ...(view.notes.length === 0 ? [] : ['']),
    ...view.notes.flatMap((note) => wrap('Note  ', note, width, chalk.yellow)),
  ]
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

/** Where the terminal is too narrow for a row, its columns follow each other below its name. */
function tableLines(table: Table, width: number, chalk: ChalkInstance, paint: Paint): string[] {
  const { columns, rows } = table
  const lines = tableCells(table)
  if (widthOf(lines) <= width) return lines.map((line) => draw(line, paint))
  return rows.flatMap(({ name, cells }) => [
    `${GAP}${name}`,
    ...hang(
      GAP.repeat(2),
      cells.map(({ text }, i) => `${columns[i]} ${text}`),
      width,
      chalk.dim,
    ),
  ])
}
