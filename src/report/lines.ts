/**
 * Lines of a terminal: columns that are aligned, items that flow, sentences that are broken between words. Colour comes last, since its codes have no width.
 */
import type { ChalkInstance } from 'chalk'
import { type Cell, plain, type Table, type Tone } from './cells.ts'

/** Between columns. */
export const GAP = '  '
/** Between items in a row. */
export const DOT = ' · '

export type Paint = (tone: Tone, text: string) => string

export function painter(chalk: ChalkInstance): Paint {
  const colors = { plain: (text: string) => text, good: chalk.green, bad: chalk.red, warn: chalk.yellow, quiet: chalk.dim }
  return (tone, text) => colors[tone](text)
}

export function quiet(text: string): Cell {
  return { text, tone: 'quiet' }
}

/** Pads every column to its widest cell. Colour comes after: its codes have no width. */
export function align(rows: readonly (readonly Cell[])[], isRight: (column: number) => boolean): Cell[][] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => row[i]?.text.length ?? 0)))
  return rows.map((row) =>
    row.map(({ text, tone }, i) => ({ tone, text: isRight(i) ? text.padStart(widths[i]!) : text.padEnd(widths[i]!) })),
  )
}

export type GapBefore = (column: number) => string

export function draw(cells: readonly Cell[], paint: Paint, gapBefore: GapBefore = () => GAP): string {
  return cells.map(({ text, tone }, i) => gapBefore(i) + paint(tone, text)).join('')
}

export function widthOf(lines: readonly (readonly Cell[])[], gapBefore?: GapBefore): number {
  return Math.max(...lines.map((cells) => draw(cells, (_, text) => text, gapBefore).trimEnd().length))
}

/** Items in a row behind a label, as many a line as fit, further lines indented below the first item. */
export function hang(label: string, items: readonly string[], width: number, paintLabel: (text: string) => string): string[] {
  const lines = flow(items.map(plain), width - label.length).map((line) => line.map(({ text }) => text).join(DOT))
  return lines.map((text, i) => (i === 0 ? paintLabel(label) : ' '.repeat(label.length)) + text)
}

/** Items in lines, as many in each as there is room for. */
export function flow(items: readonly Cell[], room: number): Cell[][] {
  const lines: Cell[][] = [[]]
  let length = 0
  for (const item of items) {
    const longer = length + (length === 0 ? 0 : DOT.length) + item.text.length
    if (length > 0 && longer > room) {
      lines.push([item])
      length = item.text.length
    } else {
      lines.at(-1)!.push(item)
      length = longer
    }
  }
  return lines
}

/** A sentence behind a label, broken between words. */
export function wrap(label: string, words: string, width: number, paintLabel: (text: string) => string): string[] {
  const lines: string[] = ['']
  for (const word of words.split(' ')) {
    const longer = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`
    if (lines.at(-1) !== '' && label.length + longer.length > width) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return lines.map((text, i) => (i === 0 ? paintLabel(label) : ' '.repeat(label.length)) + text)
}

/** The head and rows of a table, aligned: the first so many of its columns. */
export function tableCells({ columns, rows }: Pick<Table, 'columns' | 'rows'>, kept = columns.length): Cell[][] {
  const head = ['', ...columns.slice(0, kept)].map(quiet)
  return align([head, ...rows.map(({ name, cells }) => [plain(name), ...cells.slice(0, kept)])], (column) => column > 0)
}

/** What stands before a verdict. */
export function markOf(tone: Tone): string {
  return tone === 'good' ? '✓' : tone === 'bad' ? '✗' : '!'
}
