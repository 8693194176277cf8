/**
 * The summary as Markdown, for a comment on a pull request or a job's summary: the verdict first, then the tables that fit a page.
 */
import { type Cell, plain, type Table } from './cells.ts'
import { escaped, grid, list, MARKS } from './marks.ts'
import type { Report } from './types.ts'
import { QUANTILE_WORDS, QUANTILES, type View, viewOf } from './view.ts'

/** Rows of a table before the rest is left to the report. */
const ROW_LIMIT = 30

/** Ends with a newline; GitHub takes 65,536 characters in a comment, and this stays far below. */
export function renderMarkdown(report: Report): string {
  const view = viewOf(report)
  const { headline } = view
  const blocks = [
    `### ${MARKS[headline.tone]} ${escaped(headline.text)}: ${escaped(headline.reason)}`,
    list(view.reasons),
    list(view.suspects.map((words) => `suspect: ${words}`)),
    escaped(view.facts.join(' · ')),
    table(
      'Thresholds',
      ['', 'actual'],
      view.thresholds.map(({ expression, ok, actual }) => [plain(`${ok ? MARKS.good : MARKS.bad} ${expression}`), plain(actual)]),
    ),
    latencies(view),
    table(
      'Counts',
      ['', ''],
      view.counts.map(({ label, cells }) => [plain(label), plain(cells.map(({ text, word }) => `${text} ${word}`).join(' · '))]),
    ),
    ...view.parts.map(part),
    list(view.problems),
    list(view.notes),
    `<sub>${escaped(view.generator.join(' · '))}</sub>`,
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function latencies(view: View): string {
  const columns = ['Latency', 'count', ...QUANTILES.map((quantile) => QUANTILE_WORDS[quantile])]
  const rows = view.latencies.map(({ label, count, cells }) => [plain(label), plain(count), ...cells])
  return grid(columns, rows)
}

function part({ title, columns, rows }: Table): string {
  const shown = rows.slice(0, ROW_LIMIT)
  const more = rows.length > shown.length ? `\n\n… and ${rows.length - shown.length} more in the report` : ''
  const text = grid(
    [title, ...columns],
    shown.map(({ name, cells }) => [plain(name), ...cells]),
  )
  return `${text}${more}`
}

function table(title: string, [, ...columns]: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return rows.length === 0 ? '' : grid([title, ...columns], rows)
}
