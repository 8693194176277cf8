/**
 * The watch with sources that the test speaks for: who tells what of a node, what was before, what is said of a source that fails.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Source, SourceListener } from '../../src/watch/source.ts'
import { Watch } from '../../src/watch/watch.ts'

class Told implements Source {
  readonly isOfMachine: boolean
  readonly words: string
  listener!: SourceListener
  alignedUs = 0
  isEnded = false

  constructor(words: string, isOfMachine = false) {
    this.words = words
    this.isOfMachine = isOfMachine
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
    messagesIn: { count: 1000, perSec: 100, everyS: 1 },
    connected: 3,
    lengthS: 10,
  })
  expect(a!.cpuCores!.mean).toBeCloseTo(0.5, 9)
  expect(a!.cpuCores!.before).toBe(0)
  expect(a!.cpuUsedS).toBeCloseTo(5, 9)
  expect(a).not.toHaveProperty('trouble')
  expect(a).not.toHaveProperty('isOfMachine')
  expect(a!.overTime!.tS).toEqual(Array.from({ length: 16 }, (_, second) => second))
  expect(a!.overTime!.connections.slice(3, 7)).toEqual([0, 0, 7, 7])
  expect(a!.overTime!.cpuCores.slice(0, 7)).toEqual([null, 0, 0, 0, 0, 0.5, 0.5])
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

test('CPU that was used is that of what the readings cover, and above what it was before', async () => {
  const dying = new Told('process')
  const { watch } = watchOf([dying])
  for (let second = 0; second <= 16; second++) {
    // Idle at a tenth of a core, then one and a tenth; it dies at 16 s.
    dying.listener.onReading(second * 1e6, { cpuSeconds: second / 10 + Math.max(0, second - 4) })
    if (second === 2) await vi.advanceTimersByTimeAsync(2000)
  }
  await watch.ready
  watch.end()
  const [a] = watch.figures({ startUs: 10e6, endUs: 20e6 })
  expect(a!.cpuUsedS).toBeCloseTo(7, 9)
})

test('where CPU is told as cores, what was used is of all of the stretch; without idle before it is not known', async () => {
  const broker = new Told('monitoring (nats)')
  const { watch } = watchOf([broker])
  for (let second = 0; second <= 20; second++) {
    broker.listener.onReading(second * 1e6, { cpuCores: second < 5 ? 0.25 : 0.75 })
    if (second === 0) await vi.advanceTimersByTimeAsync(2000)
  }
  await watch.ready
  watch.end()
  expect(watch.figures({ startUs: 10e6, endUs: 20e6 })[0]!.cpuUsedS).toBeCloseTo(5, 9)
  const late = new Told('process')
  const other = watchOf([late]).watch
  await vi.advanceTimersByTimeAsync(5000)
  for (let second = 10; second <= 20; second++) late.listener.onReading(second * 1e6, { cpuSeconds: second })
  expect(other.figures({ startUs: 10e6, endUs: 20e6 })[0]).toMatchObject({ cpuUsedS: null, cpuCores: { before: null } })
})

test('memory is said to be the machine’s where it is, and not where a process tells it', () => {
  const told = (...sources: readonly Told[]) => {
    const { watch } = watchOf(sources)
    for (const { listener } of sources) listener.onReading(1e6, { memoryBytes: 5, connections: 1 })
    return watch.figures({ startUs: 0, endUs: 2e6 })[0]!
  }
  expect(told(new Told('prometheus (emqx)', true)).isOfMachine).toBe(true)
  expect(told(new Told('process'), new Told('prometheus (emqx)', true))).not.toHaveProperty('isOfMachine')
})

test('CPU that a source tells in cores is over time as it was told', async () => {
  const broker = new Told('monitoring')
  const { watch } = watchOf([broker])
  broker.listener.onReading(1e6, { cpuCores: 0.5 })
  broker.listener.onReading(2e6, { cpuCores: 0.75 })
  watch.end()
  expect(watch.figures({ startUs: 0, endUs: 2e6 })[0]!.overTime!.cpuCores).toEqual([0.5, 0.75])
})
