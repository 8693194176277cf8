/** What becomes of gains that come late, together or not at all: nothing of them is lost, and no second is told twice. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PlannedMessages } from '../../src/load/rates.ts'
import { sideBySide } from '../../src/run/gains.ts'
import type { Gain } from '../../src/run/messages.ts'
import type { Second } from '../../src/run/pace.ts'
import { Recorder } from '../../src/run/recorder.ts'
import { Strain } from '../../src/run/strain.ts'
import { Metrics } from '../../src/stats/metrics.ts'
import { sampleGain } from '../control/sample.ts'
import { samplePlan } from '../load/sample-plan.ts'

const OPEN_SECONDS = 5

/** Two agents, or as many as the test says are there. */
function start(members: () => number = () => 2) {
  const plan = samplePlan()
  const strain = new Strain({ plan, endpoints: [[]], sourceAddresses: [] }, { openFiles: null, localPorts: null }, 0, false)
  const seconds: Second[] = []
  const rows: number[] = []
  const recorder = new Recorder({
    folder: null,
    planned: new PlannedMessages(plan),
    strain,
    phaseAt: (timeUs) => (timeUs < 3e6 ? 'warmUp' : 'measure'),
    originUs: () => 0,
    members,
    openSeconds: OPEN_SECONDS,
    onRow: ({ tS }) => rows.push(tS),
    onSecond: (second) => seconds.push(second),
  })
  const connected = () => recorder.totals.clients.sum().counts.connected
  return { recorder, seconds, rows, connected, strain }
}

/** A member's second in which so many connected, sent and were delivered. */
function gain(endS: number, count: number, fields: Partial<Gain> = {}): Gain {
  const metrics = new Metrics()
  metrics.clients.at(0).counts.connected += count
  return sampleGain(endS, { metrics: metrics.take(), sent: count, arrived: count, fresh: count, connected: count, ...fields })
}

describe('a second', () => {
  test('is told when a later one begins, with what every member gained in it', () => {
    const { recorder, seconds } = start()
    recorder.take(0, gain(1, 10))
    recorder.take(1, gain(1, 5))
    expect(seconds).toEqual([])
    recorder.take(0, gain(2, 1))
    expect(seconds).toMatchObject([{ fromUs: 0, toUs: 1e6, sent: 15, received: 15, connected: 15 }])
    expect(recorder.timeline).toMatchObject([{ tS: 1, sentPerSec: 15, receivedPerSec: 15, connected: 15, connectsPerSec: 15 }])
  })

  test('is as long as one where each member tells it at a moment of its own, alone or together with others', () => {
    const shifted = (endS: number, lateUs: number) => gain(endS, 100, { fromUs: (endS - 1) * 1e6 + lateUs, toUs: endS * 1e6 + lateUs })
    const { recorder } = start()
    recorder.take(0, shifted(1, 0))
    recorder.take(1, shifted(1, 400_000))
    recorder.take(0, shifted(2, 0))
    expect(recorder.timeline).toMatchObject([{ sentPerSec: 200, receivedPerSec: 200, connectsPerSec: 200 }])
    const together = sideBySide([shifted(1, 0), shifted(1, 400_000)])
    expect(together).toMatchObject({ fromUs: 200_000, toUs: 1_200_000, sent: 200 })
  })

  test('that is told in parts has one row', () => {
    const { recorder, rows } = start(() => 1)
    for (const lateUs of [51_000, 67_000]) {
      recorder.take(0, gain(5, 1, { toUs: 5e6 + lateUs }))
      recorder.settle(5e6)
    }
    expect(rows).toEqual([5.051])
  })

  test('waits for a member that is late', () => {
    const { recorder, seconds } = start()
    for (const s of [1, 2, 3, 4]) recorder.take(0, gain(s, 10))
    expect(seconds).toEqual([])
    for (const s of [1, 2, 3]) recorder.take(1, gain(s, 1))
    expect(seconds.map(({ sent }) => sent)).toEqual([11, 11])
  })

  test('waits no longer than seconds stay open', () => {
    const { recorder, rows } = start()
    for (let s = 1; s <= 8; s++) recorder.take(0, gain(s, 10))
    expect(rows).toEqual([1, 2, 3])
  })

  test('waits for nobody who is lost', () => {
    let members = 2
    const { recorder, rows } = start(() => members)
    for (let s = 1; s <= 3; s++) recorder.take(0, gain(s, 10))
    members = 1
    recorder.take(0, gain(4, 10))
    expect(rows).toEqual([1, 2, 3])
  })

  test('that was told is not told again: what comes too late for it is in the totals only', () => {
    const { recorder, rows, seconds, connected } = start()
    for (let s = 1; s <= 8; s++) recorder.take(0, gain(s, 10))
    recorder.take(1, gain(2, 7))
    recorder.finish()
    expect(rows).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(seconds.map(({ sent }) => sent)).toEqual(Array(8).fill(10))
    expect(connected()).toBe(87)
  })

  test('is as long as those who told it say, whatever one told together', () => {
    const { recorder, seconds } = start()
    for (let s = 1; s <= 4; s++) recorder.take(0, gain(s, 10))
    // It could not tell for four seconds.
    recorder.take(1, gain(4, 40, { fromUs: 0 }))
    recorder.finish()
    expect(seconds.map(({ fromUs, toUs }) => [fromUs, toUs])).toEqual([1, 2, 3, 4].map((s) => [(s - 1) * 1e6, s * 1e6]))
    expect(recorder.timeline.map(({ sentPerSec }) => sentPerSec)).toEqual([10, 10, 10, 20])
    expect(seconds.map(({ sent }) => sent)).toEqual([10, 10, 10, 50])
  })
})

describe('what a recorder has in all', () => {
  test('is the same in whatever order members come to tell it, and each second is told once, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(50)), { maxLength: 60 }), (told) => {
        const { recorder, rows, connected } = start(() => 3)
        const nextS = [1, 1, 1]
        for (const [member, count] of told) recorder.take(member, gain(nextS[member]!++, count))
        recorder.finish()
        expect(connected()).toBe(told.reduce((sum, [, count]) => sum + count, 0))
        expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b))
        expect(rows.at(-1) ?? 0).toBe(Math.max(...nextS) - 1)
        expect([0, 1, 2].map((member) => recorder.toldUpTo(member))).toEqual(nextS.map((s) => (s - 1) * 1e6))
      }),
    )
  })

  test('of messages that are not verified is what each member last said', () => {
    const { recorder } = start()
    recorder.take(0, gain(1, 0, { unverified: 5 }))
    recorder.take(1, gain(1, 0, { unverified: 100 }))
    recorder.take(0, gain(2, 0, { unverified: 7 }))
    expect(recorder.unverified).toBe(107)
  })

  test('of its own use is that of measure, of the busiest worker of all members', () => {
    const { recorder } = start()
    const loop = (worker: number, busyUs: number) => ({ worker, allUs: 1e6, busyUs, cpuUs: 0, waitingUs: 0, gcUs: 0 })
    const processes = [{ cpuUs: 300_000, bytes: 50 }]
    recorder.take(0, gain(2, 0, { loops: [loop(0, 990_000)], processes }))
    recorder.take(0, gain(4, 0, { loops: [loop(0, 100_000)], processes }))
    recorder.take(1, gain(4, 0, { loops: [loop(0, 400_000), loop(1, 0)], processes }))
    recorder.take(1, gain(5, 0, { loops: [loop(0, 200_000), loop(1, 0)], processes }))
    recorder.finish()
    expect(recorder.busiest).toBeCloseTo(0.3)
    expect(recorder.othersCpuUs).toBe(900_000)
    expect(recorder.othersBytes).toBe(100)
  })
})
