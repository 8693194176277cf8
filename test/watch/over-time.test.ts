import { describe, expect, test } from 'vitest'
import { MOST_ROWS, overTime, type Told } from '../../src/watch/over-time.ts'
import type { Point } from '../../src/watch/series.ts'

const NOTHING: Told = {}
const UNTOLD = ['subscriptions', 'queued', 'cpuCores', 'messagesInPerSec', 'messagesOutPerSec', 'droppedPerSec']
const at = (...rows: readonly (readonly [s: number, value: number])[]): Point[] => rows.map(([s, value]) => ({ atUs: s * 1e6, value }))

describe('what a node told over time', () => {
  test('is nothing where nothing was told', () => {
    expect(overTime(NOTHING)).toBeNull()
  })

  test('has a row for each whole second of the run, with what was told in the second before it', () => {
    expect(overTime({ ...NOTHING, memoryBytes: at([0.5, 10], [1.4, 20], [2.4, 30]), connections: at([1.5, 7], [3, 8]) })).toEqual({
      tS: [1, 2, 3],
      connections: [null, 7, 8],
      memoryBytes: [10, 20, 30],
      ...Object.fromEntries(UNTOLD.map((column) => [column, [null, null, null]])),
    })
  })

  test('has the highest of what was told in a row', () => {
    const { queued } = overTime({ ...NOTHING, queued: at([0.5, 1], [1.2, 5], [1.5, 9], [1.9, 2], [2.5, 1]) })!
    expect(queued).toEqual([1, 9, 1])
  })

  test('has no holes where a source tells each 10 s', () => {
    const { tS, connections } = overTime({ ...NOTHING, connections: at([5.3, 1], [15.3, 2], [25.4, 3], [35.3, 4]), queued: at([0.2, 0]) })!
    expect([tS[0], tS.at(-1)]).toEqual([1, 36])
    expect(connections.slice(0, 5)).toEqual([null, null, null, null, null])
    expect(connections.slice(5)).not.toContain(null)
    expect([connections[14], connections[15], connections[35]]).toEqual([1, 2, 4])
  })

  test('says nothing where nothing was told for one and a half of its usual gaps and a row', () => {
    const { memoryBytes } = overTime({ ...NOTHING, memoryBytes: at([1, 10], [2, 20], [3, 30], [8, 80]) })!
    expect(memoryBytes).toEqual([10, 20, 30, 30, 30, null, null, 80])
  })

  test('has CPU by how much its counter rose from reading to reading, also where it began anew', () => {
    const { tS, cpuCores } = overTime({ ...NOTHING, cpuSeconds: at([1, 100], [2, 100.25], [3, 101], [4, 0.5], [5, 1]) })!
    expect(tS).toEqual([2, 3, 4, 5])
    expect(cpuCores).toEqual([0.25, 0.75, 0.5, 0.5])
    expect(overTime({ ...NOTHING, cpuCores: at([1, 0.5], [2, 0.75]) })!.cpuCores).toEqual([0.5, 0.75])
    // A watch has an empty row of what is not told.
    expect(overTime({ cpuCores: at([1, 0.5], [2, 0.75]), cpuSeconds: [] })!.cpuCores).toEqual([0.5, 0.75])
  })

  test('has messages by how many came in, went out and were dropped a second', () => {
    const counted = at([1, 1000], [2, 1200], [3, 1250])
    const told = overTime({
      messagesIn: counted,
      messagesOut: at([1, 0], [3, 20]),
      dropped: at([2, 5], [3, 5]),
      subscriptions: at([2, 40]),
    })!
    expect(told).toMatchObject({ messagesInPerSec: [200, 50], messagesOutPerSec: [null, 10], droppedPerSec: [null, 0] })
    expect(told.subscriptions).toEqual([40, 40])
  })

  test('has CPU of a stretch in which it was read late as it was on the mean', () => {
    const { cpuCores } = overTime({ ...NOTHING, cpuSeconds: at([1, 0], [2, 1], [3, 2], [4, 3], [6, 4]), connections: at([6, 1]) })!
    expect(cpuCores).toEqual([1, 1, 1, 1, 0.5])
  })

  test('of a long run has rows at multiples of a step, and the highest of each', () => {
    const hours = Array.from({ length: 7201 }, (_, s) => [s + 5.5, s % 100] as const)
    const { tS, connections } = overTime({ ...NOTHING, connections: at(...hours) })!
    expect(tS.length).toBeLessThanOrEqual(MOST_ROWS)
    expect(tS.length).toBeGreaterThan(MOST_ROWS / 2)
    expect(new Set(tS.map((s, i) => s - (i + 1) * tS[0]!))).toEqual(new Set([0]))
    const [first, second] = [tS[0]!, tS[1]!]
    const within = hours.filter(([s]) => s > first && s <= second).map(([, value]) => value)
    expect(connections[1]).toBe(Math.max(...within))
  })
})
