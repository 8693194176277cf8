/**
 * What a reader has to know of retained messages: that a new subscriber on some node does not get what it must.
 */
import { formatCount } from '../units.ts'
import type { Report } from './types.ts'

/** One note a node where something was wrong. */
export function retainedNotes({ nodes }: Report): string[] {
  return Object.entries(nodes).flatMap(([node, { retained }]) => {
    if (retained === undefined) return []
    const { checked, stale, missing, doubled } = retained
    const faults = [
      [stale, 'not the last of their topic'],
      [missing, 'missing'],
      [doubled, 'there twice'],
    ] as const
    const words = faults.filter(([count]) => count > 0).map(([count, what]) => `${formatCount(count)} ${what}`)
    return words.length === 0
      ? []
      : [`Of ${formatCount(checked)} retained messages, a new subscriber on node ${node} found ${words.join(', ')}.`]
  })
}
