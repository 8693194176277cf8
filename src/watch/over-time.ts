/**
 * What a node told over the whole run, for a chart. Rows end at whole seconds of the run, as those of its timeline do, or at multiples of a step where
 * there would be too many. Pure.
 */
import type { Need } from '../load/metrics-source.ts'
import type { NodeOverTime } from '../report/metrics-types.ts'
import { US_PER_S } from '../units.ts'
import { type Point, ratesOf, usualGapUs } from './series.ts'

/** Rows of one node: more than a chart has room for. */
export const MOST_ROWS = 600
/** What was told last is taken to hold on for so many times its usual gap. */
const STALE = 1.5

/** What was told of each need; CPU as time goes before that in cores. */
export type Told = Readonly<Partial<Record<Need, readonly Point[]>>>

/** null: nothing was told. */
export function overTime(told: Told): NodeOverTime | null {
  const gauge = (need: Need) => told[need] ?? []
  const rate = (need: Need) => ratesOf(told[need] ?? [])
  const columns = {
    connections: gauge('connections'),
    subscriptions: gauge('subscriptions'),
    queued: gauge('queued'),
    memoryBytes: gauge('memoryBytes'),
    cpuCores: gauge('cpuSeconds').length > 0 ? rate('cpuSeconds') : gauge('cpuCores'),
    messagesInPerSec: rate('messagesIn'),
    messagesOutPerSec: rate('messagesOut'),
    droppedPerSec: rate('dropped'),
  }
  const all = Object.values(columns).flat()
  if (all.length === 0) return null
  const [firstUs, lastUs] = all.reduce(([first, last], { atUs }) => [Math.min(first, atUs), Math.max(last, atUs)], [Infinity, 0])
  const stepUs = Math.max(1, Math.ceil((lastUs - firstUs) / (MOST_ROWS - 1) / US_PER_S)) * US_PER_S
  const rowOf = (atUs: number) => Math.ceil(atUs / stepUs)
  const rows = Array.from({ length: rowOf(lastUs) - rowOf(firstUs) + 1 }, (_, i) => rowOf(firstUs) + i)
  const laid = (name: keyof typeof columns) => layOut(columns[name], rows, stepUs)
  return {
    tS: rows.map((row) => (row * stepUs) / US_PER_S),
    connections: laid('connections'),
    subscriptions: laid('subscriptions'),
    queued: laid('queued'),
    memoryBytes: laid('memoryBytes'),
    cpuCores: laid('cpuCores'),
    messagesInPerSec: laid('messagesInPerSec'),
    messagesOutPerSec: laid('messagesOutPerSec'),
    droppedPerSec: laid('droppedPerSec'),
  }
}

/** In each row the highest that was told in it, or else what was told last, unless that is too long ago. */
function layOut(points: readonly Point[], rows: readonly number[], stepUs: number): (number | null)[] {
  const staleUs = stepUs + STALE * usualGapUs(points)
  let next = 0
  return rows.map((row) => {
    const before = points[next - 1]
    const from = next
    while (next < points.length && points[next]!.atUs <= row * stepUs) next++
    if (next > from) return points.slice(from, next).reduce((most, { value }) => Math.max(most, value), -Infinity)
    return before !== undefined && row * stepUs - before.atUs <= staleUs ? before.value : null
  })
}
