/** A title and its rows in columns, as `plan` and `doctor` print them. */
import { aligned } from '../machine/words.ts'
import { ink } from './terminal.ts'

export type Row = readonly string[]

/**
 * Nothing where there are neither rows nor a foot.
 *
 * @param head  names of columns of numbers, which stand to the right; a column without a name is words. Empty: no line for it, and all are words
 * @param foot  lines below the rows
 */
export function section(title: string, head: Row, rows: readonly Row[], foot: readonly string[] = []): string {
  if (rows.length === 0 && foot.length === 0) return ''
  const hasHead = head.length > 0
  const cells = hasHead ? [head, ...rows] : rows
  const lines = aligned(cells, (column) => (head[column] ?? '') !== '').map((line, n) =>
    n === 0 && hasHead ? ink.dim(`  ${line}`) : `  ${line}`,
  )
  return `\n${[ink.bold(title), ...lines, ...foot.map((line) => `  ${line}`)].join('\n')}`
}
