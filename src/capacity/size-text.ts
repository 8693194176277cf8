/** A sizing for a terminal or a log: the answer first, then what it rests on. */
import { Chalk } from 'chalk'
import { draw, GAP, hang, markOf, painter, tableCells, wrap } from '../report/lines.ts'
import type { TextOptions } from '../report/text.ts'
import { viewOf, type WordTable } from './size-view.ts'
import type { Sizing } from './sizing.ts'

/** Less is no room for a sentence. */
const LEAST_ROOM = 28

/** Many lines, each ended by a newline. */
export function renderText(sizing: Sizing, { color, width }: Pick<TextOptions, 'color' | 'width'>): string {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  const paint = painter(chalk)
  const { headline, reasons, facts, tables, nextRuns, notCovered, notes } = viewOf(sizing)
  const { text, tone, reason } = headline

  const sentences = (all: readonly string[]) => all.flatMap((sentence) => wrap('', sentence, width, (label) => label))
  const linesOf = ({ title, columns, words, rows, foot }: WordTable): string[] => {
    const cells = tableCells({ columns, rows })
    const wide = Math.max(...cells.map((line) => draw(line, (_, cell) => cell).length)) + GAP.length
    if (wide - GAP.length > width) {
      const stacked = rows.flatMap((row) => [
        `${GAP}${row.name}`,
        ...hang(
          GAP.repeat(2),
          row.cells.map((cell, i) => `${columns[i]} ${cell.text}`.trim()),
          width,
          (label) => label,
        ),
        ...(row.words === '' ? [] : wrap(GAP.repeat(2), row.words, width, (label) => label)),
      ])
      return ['', chalk.bold(title), ...stacked, ...sentences(foot)]
    }
    const drawn = cells.map((line) => draw(line, paint))
    const body = rows.flatMap((row, i) => {
      const line = drawn[i + 1]!
      if (row.words === '') return [line]
      if (width - wide < LEAST_ROOM && row.words.length > width - wide)
        return [line, ...wrap(GAP.repeat(2), row.words, width, (label) => label).map((text) => chalk.dim(text))]
      return wrap(' '.repeat(wide), row.words, width, () => line + GAP)
    })
    const hasHead = columns.some((column) => column !== '')
    return [
      '',
      chalk.bold(title),
      ...(hasHead ? [drawn[0]! + (words && width - wide >= LEAST_ROOM ? GAP + chalk.dim(words) : '')] : []),
      ...body,
      ...sentences(foot),
    ]
  }
  const lines = [
    ...wrap(`${markOf(tone)} ${text}  `, reason, width, (words) => chalk.bold(paint(tone, words))),
    ...reasons.flatMap((words) => wrap('  also  ', words, width, (label) => paint(tone, label))),
    '',
    ...hang('', facts, width, (words) => words),
    ...tables.flatMap(linesOf),
    '',
    chalk.bold('Runs that would narrow it most'),
    ...nextRuns.flatMap(({ what, why }, i) => wrap(`${String(i + 1).padStart(3)}  `, `${what}: ${why}`, width, (label) => label)),
    '',
    ...wrap('Not covered  ', `${notCovered.join('; ')}.`, width, chalk.bold),
    ...notes.flatMap((note) => wrap('Note  ', note, width, chalk.yellow)),
  ]
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}
