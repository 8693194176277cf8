/**
 * What runs say about themselves, as text and as Markdown.
 */
import { Chalk } from 'chalk'
import { NONE, plain, printable, type Table } from '../report/cells.ts'
import { draw, hang, painter, tableCells, wrap } from '../report/lines.ts'
import { escaped, grid, list } from '../report/marks.ts'
import type { TextOptions } from '../report/text.ts'
import { formatCount, formatShare } from '../units.ts'
import type { SelfComparison } from './aa.ts'
import { ALPHA } from './decide.ts'

/** A wider one lets anything pass. */
const WIDEST_MARGIN = 1

export function renderText(self: SelfComparison, { color, width }: Pick<TextOptions, 'color' | 'width'>): string {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  const table = gateTable(self)
  const lines = tableCells(table)
  return [
    ...wrap('', headline(self), width, (text) => text),
    '',
    ...hang('', facts(self), width, (text) => text),
    '',
    chalk.bold(table.title),
    ...lines.map((line) => draw(line, painter(chalk)).trimEnd()),
    ...notes(self).flatMap((note, i) => [...(i === 0 ? [''] : []), ...wrap('Note  ', note, width, chalk.yellow)]),
  ]
    .map((line) => `${line}\n`)
    .join('')
}

export function renderMarkdown(self: SelfComparison): string {
  const { title, columns, rows } = gateTable(self)
  const table = grid(
    [title, ...columns],
    rows.map(({ name, cells }) => [plain(name), ...cells]),
  )
  return `${[`### ${escaped(headline(self))}`, escaped(facts(self).join(' · ')), table, list(notes(self))].filter((block) => block !== '').join('\n\n')}\n`
}

function headline({ falseAlarms, inconclusive, deals, runsASide }: SelfComparison): string {
  return `${formatShare(falseAlarms)} of ${formatCount(deals)} comparisons of ${runsASide} of these runs with ${runsASide} others found a regression that is none; ${formatShare(inconclusive)} could not tell`
}

function facts({ scenario, runs }: SelfComparison): string[] {
  return [printable(scenario), `${formatCount(runs)} runs`, `at most ${formatShare(ALPHA)} false alarms wanted at each of two looks`]
}

function gateTable({ gates }: SelfComparison): Table {
  return {
    title: 'Gates',
    columns: ['scatter', 'margin', 'false alarms', ...(gates[0]?.sees ?? []).map(({ runs }) => `${runs} runs see`)],
    rows: gates.map(({ metric, spread, margin, falseAlarms, sees, leastMargin }) => ({
      name: metric,
      cells: [
        plain(formatShare(spread)),
        { text: formatShare(margin), tone: margin < leastMargin ? 'warn' : 'plain' },
        plain(formatShare(falseAlarms)),
        ...sees.map(({ difference }) => (difference === null ? NONE : plain(formatShare(difference)))),
      ],
    })),
  }
}

function remedy(leastMargin: number): string {
  if (leastMargin > WIDEST_MARGIN) return 'Make longer runs on a quieter machine, or gate by a median.'
  return `Take ${formatShare(Math.ceil(leastMargin * 100) / 100)}, or longer runs.`
}

function notes({ gates, allowed }: SelfComparison): string[] {
  return [
    ...gates
      .filter(({ margin, leastMargin }) => margin < leastMargin)
      .map(
        ({ metric, margin, leastMargin }) =>
          `${metric}: a margin of ${formatShare(margin)} is less than twice the scatter of these runs; most comparisons will ask for more. ${remedy(leastMargin)}`,
      ),
    ...allowed.map(({ rule, words }) => `Compared all the same (--allow ${rule}): ${words}.`),
  ].map(printable)
}
