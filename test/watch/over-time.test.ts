import { describe, expect, test } from 'vitest'
import { MOST_ROWS, overTime, type Told } from '../../src/watch/over-time.ts'
import type { Point } from '../../src/watch/series.ts'

const NOTHING: Told = { connections: [], queued: [], memoryBytes: [], cpuCores: [], cpuSeconds: [] }
const at = (...rows: readonly (readonly [s: number, value: number])[]): Point[] => rows.map(([s, value]) => ({ atUs: s * 1e6, value }))

describe('what a node told over time', () => {
  test('is nothing where nothing was told', () => {
    expect(overTime(NOTHING)).toBeNull()
  })

  test('has a row a second, each with what was told last', () => {
    expect(overTime({ ...NOTHING, memoryBytes: at([0.5, 10], [1.4, 20], [2.4, 30]), connections: at([1.5, 7], [2.5, 8]) })).toEqual({
      tS: [0.5, 1.5, 2.5],
      connections: [null, 7, 8],
      queued: [null, null, null],
      memoryBytes: [10, 20, 30],
      cpuCores: [null, null, null],
    })
  })

  test('says nothing of a second whose last reading is older than the one before', () => {
    const { memoryBytes } = overTime({ ...NOTHING, memoryBytes: at([0, 10], [1, 20], [5, 30]) })!
    expect(memoryBytes).toEqual([10, 20, 20, null, null, 30])
  })

  test('has CPU by how much its counter rose from row to row, also where it began anew', () => {
    const { cpuCores } = overTime({ ...NOTHING, cpuSeconds: at([0, 100], [1, 100.25], [2, 101], [3, 0.5], [4, 1]) })!
    expect(cpuCores).toEqual([null, 0.25, 0.75, 0.5, 0.5])
    expect(overTime({ ...NOTHING, cpuCores: at([0, 0.5], [1, 0.75]) })!.cpuCores).toEqual([0.5, 0.75])
  })

  test('of a long run has fewer rows, and CPU over the whole of each', () => {
    const hours = Array.from({ length: 7201 }, (_, s) => [s, s % 2 === 0 ? s / 2 : (s - 1) / 2 + 1] as const)
    const { tS, cpuCores } = overTime({ ...NOTHING, cpuSeconds: at(...hours) })!
    expect(tS).toHaveLength(MOST_ROWS + 1)
    expect(tS.slice(0, 3)).toEqual([0, 12, 24])
    expect(new Set(cpuCores.slice(1))).toEqual(new Set([0.5]))
  })
})
