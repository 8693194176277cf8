/**
 * Cells of tables: a figure as text, and whether it is alarming. Never answered reads ∞, no samples `-`.
 */
import type { LatencySummary } from '../stats/histogram.ts'
import { formatCount, formatDuration } from '../units.ts'

/** `quiet` is a figure that says nothing happened. */
export type Tone = 'plain' | 'good' | 'bad' | 'warn' | 'quiet'

export interface Cell {
  readonly text: string
  readonly tone: Tone
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly { readonly name: string; readonly cells: readonly Cell[] }[]
}

export const NONE: Cell = { text: '-', tone: 'quiet' }

export function plain(text: string): Cell {
  return { text, tone: 'plain' }
}

/** Texts of users and brokers must not move a terminal's cursor. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
}

export function countCell(count: number | undefined, tone: Tone = 'plain'): Cell {
  if (count === undefined) return NONE
  return { text: formatCount(count), tone: count === 0 ? 'quiet' : tone }
}

/** One figure of a latency: ∞ where it is infinite, `-` where there are no samples. */
export function latencyCell(summary: LatencySummary | undefined, quantile: 'p50' | 'p90' | 'p99' | 'p999' | 'max'): Cell {
  if (summary === undefined || summary.count === 0) return NONE
  const us = summary[quantile]
  return us === null ? { text: '∞', tone: 'bad' } : { text: formatDuration(us), tone: 'plain' }
}
