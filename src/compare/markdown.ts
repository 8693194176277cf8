/**
 * A comparison as Markdown, for a comment on a pull request or a job's summary: the verdict and the gates, the rest folded away.
 */
import type { Table } from '../report/cells.ts'
import { escaped, grid, list, MARKS } from '../report/marks.ts'
import type { Comparison } from './types.ts'
import { tablesOf, viewOf } from './view.ts'

/** Ends with a newline; GitHub takes 65,536 characters in a comment, and this stays far below for what fits a CI's runs. */
export function renderMarkdown(comparison: Comparison): string {
  const view = viewOf(comparison)
  const { headline } = view
  const decisive = [view.gates, view.counts, view.thresholds]
  const blocks = [
    `### ${MARKS[headline.tone]} ${escaped(headline.text)}: ${escaped(headline.reason)}`.replace('###  ', '### '),
    list(view.reasons),
    escaped(view.facts.join(' · ')),
    ...decisive.filter(({ rows }) => rows.length > 0).map(tableText),
    list(view.notes),
    `<details><summary>More</summary>\n\n${tablesOf(view)
      .filter((table) => !decisive.includes(table))
      .map(tableText)
      .join('\n\n')}\n\n</details>`,
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function tableText({ title, columns, rows }: Table): string {
  return grid(
    [title, ...columns],
    rows.map(({ name, cells }) => [
      { text: name, tone: 'plain' },
      ...cells.map((cell) => ({ ...cell, text: `${MARKS[cell.tone]} ${cell.text}`.trim() })),
    ]),
  )
}
