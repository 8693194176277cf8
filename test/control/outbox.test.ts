import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Outbox } from '../../src/control/outbox.ts'
import { Assembler, decode } from '../../src/control/parcel.ts'
import type { Report } from '../../src/control/protocol.ts'
import { Air } from './air.ts'
import { sampleGain } from './sample.ts'

beforeEach(() => {
  vi.useFakeTimers()
  // After what a test leaves to be ended.
  onTestFinished(() => void vi.useRealTimers())
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const gone = (why: string): Report => ({ type: 'gone', why })
const gained = (endS: number, sent = 1): Report => ({ type: 'telling', telling: { type: 'gained', gain: sampleGain(endS, { sent }) } })

/** A stream that keeps what it gets: each ID once, as JetStream does. */
function start({ maxBytes = 1_000_000 } = {}) {
  const air = new Air()
  air.maxBytes = maxBytes
  const connection = air.connect()
  const kept = new Map<string, Uint8Array>()
  const state = { tries: 0, isThere: true }
  air.serve('ms.tell.r.a', ({ headers, data }) => {
    state.tries++
    if (!state.isThere) return { error: { code: 503, err_code: 10_000, description: 'no stream' } }
    const id = headers!.get('Nats-Msg-Id')
    if (!kept.has(id)) kept.set(id, data.slice())
    return { stream: 'MS_r', seq: kept.size }
  })
  const outbox = new Outbox(connection, 'r', 'a')
  onTestFinished(async () => {
    const ended = outbox.end(0)
    await pass(5000)
    await ended
  })
  const assembler = new Assembler()
  const told = () => [...kept.values()].flatMap((part) => assembler.take(part) ?? []).map((whole) => decode(whole) as Report)
  return { air, outbox, kept, state, told }
}

function gainsOf(reports: readonly Report[]) {
  return reports.flatMap((report) => (report.type === 'telling' && report.telling.type === 'gained' ? [report.telling.gain] : []))
}

describe('an outbox', () => {
  test('sends what it is given in order, each with an ID of its own', async () => {
    const { outbox, kept, told } = start()
    const reports = ['1', '2', '3'].map(gone)
    for (const report of reports) outbox.push(report)
    await pass(0)
    expect([...kept.keys()]).toEqual(['a:0:0', 'a:1:0', 'a:2:0'])
    expect(told()).toEqual(reports)
    outbox.push(gone('later'))
    await pass(0)
    expect(told()).toEqual([gone('later')])
  })

  test('sends large ones in parts that the server takes', async () => {
    const { outbox, kept, told } = start({ maxBytes: 4096 + 100 })
    const why = Array.from({ length: 100 }, (_, i) => `${i * i * 7919}`).join()
    outbox.push(gone(why))
    outbox.push(gone('short'))
    await pass(0)
    expect(kept.size).toBeGreaterThan(3)
    expect([...kept.keys()].slice(0, 2)).toEqual(['a:0:0', 'a:0:1'])
    expect(told()).toEqual([gone(why), gone('short')])
  })

  test('tries again under the same ID until the server says that it has it', async () => {
    const { air, outbox, state, told } = start()
    // Every other message on its way is lost, be it a report or the word that it is there.
    let count = 0
    air.fate = () => (++count % 2 === 0 ? [] : [0])
    outbox.push(gone('1'))
    outbox.push(gone('2'))
    await pass(5000)
    air.fate = () => [0]
    await pass(5000)
    expect(state.tries).toBeGreaterThan(2)
    expect(told()).toEqual([gone('1'), gone('2')])
  })

  test('waits for a stream that is not there', async () => {
    const { outbox, state, told } = start()
    state.isThere = false
    outbox.push(gone('1'))
    await pass(60_000)
    expect(told()).toEqual([])
    state.isThere = true
    await pass(1000)
    expect(told()).toEqual([gone('1')])
  })

  test('joins gains when the server is away for long, and loses nothing of them', async () => {
    const { air, outbox, told } = start()
    air.fate = () => []
    for (let s = 1; s <= 100; s++) {
      outbox.push(gained(s, s))
      await pass(1000)
    }
    air.fate = () => [0]
    await pass(5000)
    const gains = gainsOf(told())
    expect(gains).toHaveLength(22)
    expect(gains.reduce((sum, { sent }) => sum + sent, 0)).toBe(5050)
    expect(gains.map(({ toUs }) => toUs / 1e6)).toEqual([...Array.from({ length: 21 }, (_, i) => i + 1), 100])
    for (const [i, { fromUs }] of gains.entries()) expect(fromUs).toBe(i === 0 ? 0 : gains[i - 1]!.toUs)
  })

  test('joins nothing across another word, so that all stays in order', async () => {
    const { air, outbox, told } = start()
    air.fate = () => []
    for (let s = 1; s <= 40; s++) {
      outbox.push(gained(s))
      if (s === 30) outbox.push(gone('30'))
    }
    air.fate = () => [0]
    await pass(5000)
    const ends = told().map((report) =>
      report.type === 'gone' ? 'gone' : report.telling.type === 'gained' && report.telling.gain.toUs / 1e6,
    )
    expect(ends.slice(-3)).toEqual([30, 'gone', 40])
  })
})

describe('at its end an outbox', () => {
  test('waits until the server has everything', async () => {
    const { air, outbox, told } = start()
    air.fate = () => []
    outbox.push(gone('1'))
    outbox.push(gone('2'))
    const ended = outbox.end(10_000)
    await pass(3000)
    air.fate = () => [0]
    await pass(2000)
    expect(await ended).toBe(true)
    expect(told()).toEqual([gone('1'), gone('2')])
  })

  test('has nothing to wait for when it is empty', async () => {
    const { outbox } = start()
    outbox.push(gone('1'))
    await pass(0)
    expect(await outbox.end(10_000)).toBe(true)
  })

  test('gives up in time, says so, and sends nothing any more', async () => {
    const { air, outbox, state } = start()
    air.fate = () => []
    outbox.push(gone('1'))
    const ended = outbox.end(3000)
    await pass(5000)
    expect(await ended).toBe(false)
    air.fate = () => [0]
    await pass(5000)
    expect(state.tries).toBe(0)
  })
})
