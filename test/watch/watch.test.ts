/**
 * The watch with sources that the test speaks for: who tells what of a node, what was before, what is said of a source that fails.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Source, SourceListener } from '../../src/watch/source.ts'
import { Watch } from '../../src/watch/watch.ts'

class Told implements Source {
  readonly isOfMachine = false
  readonly words: string
  listener!: SourceListener
  alignedUs = 0
  isEnded = false

  constructor(words: string) {
    this.words = words
  }

  begin(listener: SourceListener): void {
    this.listener = listener
  }

  align(atUs: number): void {
    this.alignedUs = atUs
  }

  end(): void {
    this.isEnded = true
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function watchOf(sources: readonly Source[]) {
  const startMs = Date.now()
  const [rows, troubles]: [unknown[], unknown[]] = [[], []]
  let ends = 0
  const watch = new Watch({
    nodes: [
      { name: 'a', sources },
      { name: 'b', sources: [] },
    ],
    clock: () => (Date.now() - startMs) * 1000,
    onReading: (row) => rows.push(row),
    onTrouble: (...words) => troubles.push(words),
    onEnd: () => ends++,
  })
  return { watch, rows, troubles, ends: () => ends }
}

test('each need is told by one source: the process where it is seen, and else the first that tells it', async () => {
  const [process, broker] = [new Told('process'), new Told('$SYS')]
  const { watch, rows, ends } = watchOf([process, broker])
  for (let second = 0; second <= 14; second++) {
    const load = Math.max(0, second - 4)
    process.listener.onReading(second * 1e6, { memoryBytes: 1e6 + load, cpuSeconds: load / 2 })
    broker.listener.onReading(second * 1e6 + 500, { memoryBytes: 5, connections: second < 4 ? 0 : 7, messagesIn: 100 * load })
    watch.connected(second * 1e6, [3, 9])
    if (second === 0) await vi.advanceTimersByTimeAsync(2000)
  }
  await watch.ready
  watch.align(4e6)
  watch.end()
  watch.end()
  expect([process.alignedUs, process.isEnded, broker.isEnded, ends()]).toEqual([4e6, true, true, 1])
  const [a, b] = watch.figures({ startUs: 4e6, endUs: 14e6 })
  expect(b).toBeNull()
  expect(a).toMatchObject({
    source: 'process + $SYS',
    readings: 30,
    memoryBytes: { before: 1e6, peak: 1e6 + 10, slopePerSec: 1 },
    connections: { before: 0, mean: 7 },
    subscriptions: null,
    dropped: null,
    messagesIn: { count: 1000, perSec: 100 },
    connected: 3,
    lengthS: 10,
  })
  expect(a!.cpuCores!.mean).toBeCloseTo(0.5, 9)
  expect(a!.cpuCores!.before).toBe(0)
  expect(a).not.toHaveProperty('trouble')
  expect(rows[1]).toEqual({ tS: 0.001, node: 'a', source: '$SYS', memoryBytes: 5, connections: 0, messagesIn: 0 })
})

test('a source that fails is said once, and counted; nobody waits for it', async () => {
  const [away, broker] = [new Told('process'), new Told('$SYS')]
  const { watch, troubles } = watchOf([away, broker])
  away.listener.onFailure('no such process')
  away.listener.onFailure('something else')
  broker.listener.onReading(0, { connections: 1 })
  let isReady = false
  void watch.ready.then(() => {
    isReady = true
  })
  await vi.advanceTimersByTimeAsync(1900)
  expect(isReady).toBe(false)
  await vi.advanceTimersByTimeAsync(200)
  expect(isReady).toBe(true)
  expect(troubles).toEqual([['a', 'process', 'no such process']])
  const [a] = watch.figures({ startUs: 0, endUs: 1e6 })
  expect(a).toMatchObject({ source: '$SYS', cpuCores: null, memoryBytes: null, trouble: 'process: no such process (2 of 2 readings)' })
})

test('a source that never tells holds up a run for four seconds', async () => {
  const { watch } = watchOf([new Told('$SYS')])
  let isReady = false
  void watch.ready.then(() => {
    isReady = true
  })
  await vi.advanceTimersByTimeAsync(3900)
  expect(isReady).toBe(false)
  await vi.advanceTimersByTimeAsync(200)
  expect(isReady).toBe(true)
  expect(watch.figures({ startUs: 0, endUs: 1e6 })[0]).toMatchObject({ source: '$SYS', readings: 0, connections: null })
})
