/**
 * Markdown from cells and texts, which are escaped: texts of users and brokers must not make links, mentions or tables of their own.
 */
import type { Cell } from './cells.ts'

/** What a tone looks like where there is no colour. */
export const MARKS = { good: '✅', bad: '❌', warn: '⚠️', plain: '', quiet: '' } as const

/** The first column to the left, the others to the right. */
export function grid(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |`
  return [
    line(columns.map(escaped)),
    line(columns.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map((cells) => line(cells.map(({ text }) => escaped(text)))),
  ].join('\n')
}

export function list(texts: readonly string[]): string {
  return texts.map((text) => `- ${escaped(text)}`).join('\n')
}

export function escaped(text: string): string {
  return text
    .replaceAll(/[\r\n]+/g, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/[\\`*_{}[\]#|~]/g, '\\$&')
    .replaceAll('@', '@<!-- -->')
}
