/**
 * The charts of what nodes told of themselves, on the same seconds as those of the run, so that a fault and a broker's memory are seen side by side.
 */
import type { TimeChart, TimeLine } from './charts.ts'
import type { LineColor } from './curve.ts'
import type { NodeOverTime, Report } from './types.ts'

const COLORS: readonly LineColor[] = ['line-1', 'line-2', 'line-3', 'line-4']
/** Lines that can be told apart: each colour, whole and dashed. */
const MOST_NODES = 2 * COLORS.length
/** Ends of seconds in the timeline are as late as a timer. */
const SAME_S = 0.1

/** Of nodes that tell it; with more than can be told apart, those of the highest peak. */
export function nodeCharts({ nodes, timeline }: Report): TimeChart[] {
  const tS = timeline.map((row) => row.tS)
  const told = Object.entries(nodes).flatMap(([name, { metrics }]) =>
    metrics?.overTime ? [{ name, overTime: metrics.overTime, isOfMachine: metrics.isOfMachine }] : [],
  )
  const chart = (id: string, what: string, column: Exclude<keyof NodeOverTime, 'tS'>, look: Pick<TimeChart, 'scale' | 'format'>) => {
    const lines = told
      .map(({ name, overTime, isOfMachine }) => ({
        name: isOfMachine && column === 'memoryBytes' ? `${name} (its machine)` : name,
        values: onSeconds(tS, overTime.tS, overTime[column]),
      }))
      .filter(({ values }) => values.some((value) => value !== null))
    const shown = lines.length <= MOST_NODES ? lines : highest(lines)
    const left = lines.length - shown.length
    return {
      id,
      what: left === 0 ? what : `${what}; ${left} nodes with lower peaks are left out`,
      height: 180,
      ...look,
      lines: shown.map(({ name, values }, i): TimeLine => {
        const isDashed = i >= COLORS.length
        return { label: name, color: COLORS[i % COLORS.length]!, width: 2, ...(isDashed && { isDashed }), values, many: 'highest' }
      }),
    }
  }
  return [
    chart('node-memory', 'Memory of each broker', 'memoryBytes', { scale: 'linear', format: 'bytes' }),
    chart('node-cpu', 'CPU of each broker, of a core', 'cpuCores', { scale: 'fraction', format: 'share' }),
    chart('node-connections', 'Connections that each broker counts', 'connections', { scale: 'linear', format: 'count' }),
    chart('node-subscriptions', 'Subscriptions that each broker counts', 'subscriptions', { scale: 'linear', format: 'count' }),
    chart('node-in', 'Messages a second that come in, as each broker counts', 'messagesInPerSec', { scale: 'linear', format: 'count' }),
    chart('node-out', 'Messages a second that go out, as each broker counts', 'messagesOutPerSec', { scale: 'linear', format: 'count' }),
    chart('node-queued', 'Messages that wait at each broker', 'queued', { scale: 'linear', format: 'count' }),
    chart('node-dropped', 'Messages a second that each broker drops', 'droppedPerSec', { scale: 'linear', format: 'count' }),
  ]
}

/** At the end of each second what the row has that it is in: with rows of several seconds, many have the same. */
function onSeconds(seconds: readonly number[], tS: readonly number[], values: readonly (number | null)[]): (number | null)[] {
  let row = 0
  return seconds.map((endS) => {
    while (row < tS.length && tS[row]! < endS - SAME_S) row++
    // What was not told yet is nothing, though its row may begin later.
    return row === tS.length || (row === 0 && tS[0]! > endS + SAME_S) ? null : values[row]!
  })
}

function highest<T extends { readonly values: readonly (number | null)[] }>(lines: readonly T[]): T[] {
  const peak = ({ values }: T) => values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0)
  const kept = new Set(lines.toSorted((a, b) => peak(b) - peak(a)).slice(0, MOST_NODES))
  return lines.filter((line) => kept.has(line))
}
