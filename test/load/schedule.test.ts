import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PublishPlan, QoS } from '../../src/load/plan.ts'
import { Schedule } from '../../src/load/schedule.ts'
import { sampleEntry, sampleGroup, samplePlan } from './sample-plan.ts'

const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)

function scheduleOf(clients: number, fields: Partial<PublishPlan> = {}, seed = 42): Schedule {
  return new Schedule(samplePlan({ seed }), sampleGroup({ clients }), sampleEntry(fields))
}

const entries = fc.record({
  trigger: fc.record({
    kind: fc.constantFrom('periodic' as const, 'poisson' as const, 'synchronized' as const),
    periodUs: fc.integer({ min: 1000, max: 5e6 }),
  }),
  atUs: fc.constantFrom(0, 3e6, 12_345_678),
  times: fc.constantFrom(null, 1, 20),
  load: fc.constantFrom<PublishPlan['load']>(
    [[0, 1]],
    [[0, 0.3]],
    [
      [0, 0],
      [10, 1],
    ],
    [
      [0, 1],
      [2, 0],
      [15, 0],
      [16, 3],
    ],
    [
      [0, 0],
      [30, 0],
      [30.001, 2],
    ],
  ),
})

describe('intended times', () => {
  test('of a periodic group are evenly spaced over all of its clients', () => {
    const schedule = scheduleOf(50)
    const times = range(50)
      .flatMap((client) => range(4).map((k) => schedule.timeOf(client, k)))
      .sort((a, b) => a - b)
    times.forEach((timeUs, i) => {
      expect(timeUs).toBeCloseTo((i + 0.5) * 20_000, 3)
    })
  })

  test('put exactly one message of each client of a periodic group into any window of a period', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1_000_000, max: 1e9 }), (n, fromUs) => {
        const schedule = scheduleOf(n)
        for (const client of range(n)) {
          expect(schedule.countBefore(client, fromUs + 1e6) - schedule.countBefore(client, fromUs)).toBe(1)
        }
      }),
    )
  })

  test('of a synchronized group are the same for all clients', () => {
    const schedule = scheduleOf(10, { trigger: { kind: 'synchronized', periodUs: 5e5 }, atUs: 2e6 })
    for (const client of range(10)) expect(range(3).map((k) => schedule.timeOf(client, k))).toEqual([2e6, 2.5e6, 3e6])
  })

  test('of a Poisson group have exponential gaps: mean and deviation are the period', () => {
    const schedule = scheduleOf(200, { trigger: { kind: 'poisson', periodUs: 1e6 } })
    const gaps: number[] = []
    for (const client of range(200)) {
      for (let k = 0, area = 0, last = 0; k < 100; k++, last = area) {
        area = schedule.areaAfter(client, k, area)
        gaps.push(area - last)
      }
    }
    const mean = sum(gaps) / gaps.length
    expect(mean).toBeGreaterThan(0.97)
    expect(mean).toBeLessThan(1.03)
    expect(Math.sqrt(sum(gaps.map((gap) => (gap - mean) ** 2)) / gaps.length)).toBeCloseTo(1, 1)
  })

  test('follow the load curve: a pause delays messages and drops none', () => {
    const schedule = scheduleOf(1, {
      trigger: { kind: 'synchronized', periodUs: 1e6 },
      load: [
        [0, 1],
        [2, 1],
        [2.5, 0],
        [10, 0],
        [10.5, 1],
      ],
    })
    const times = range(5).map((k) => schedule.timeOf(0, k) / 1e6)
    expect(times[2]).toBe(2)
    expect(times[3]).toBeGreaterThan(10.5)
    expect(times[4]! - times[3]!).toBeCloseTo(1, 9)
  })

  test('are never before `at`, nor where the load is 0', () => {
    const schedule = scheduleOf(1, {
      trigger: { kind: 'synchronized', periodUs: 1e6 },
      atUs: 5e6,
      load: [
        [0, 0],
        [9, 0],
        [9.5, 1],
      ],
    })
    expect(schedule.timeOf(0, 0)).toBe(9e6)
  })

  test('end with `times`', () => {
    const schedule = scheduleOf(1, { times: 2 })
    expect([schedule.timeOf(0, 1), schedule.timeOf(0, 2)]).toEqual([1.5e6, Number.POSITIVE_INFINITY])
    expect(schedule.countBefore(0, 1e12)).toBe(2)
  })

  test('of messages on connect are never reached by time', () => {
    const schedule = scheduleOf(3, { trigger: { kind: 'connect' }, load: [[0, 2]] })
    expect(schedule.timeOf(1, 0)).toBe(Number.POSITIVE_INFINITY)
    expect(schedule.countBefore(1, 1e12)).toBe(0)
  })

  test('rise with k, and countBefore is their exact inverse', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 1000 }), fc.nat(), fc.nat({ max: 300 }), (fields, n, any, k) => {
        const schedule = scheduleOf(n, fields)
        const client = any % n
        const timeUs = schedule.timeOf(client, k)
        const nextUs = schedule.timeOf(client, k + 1)
        if (timeUs === Number.POSITIVE_INFINITY) return
        expect(timeUs).toBeGreaterThanOrEqual(fields.atUs - 1e-3)
        expect(nextUs).toBeGreaterThan(timeUs)
        expect(schedule.countBefore(client, timeUs)).toBe(k)
        const afterUs = timeUs + 1e-3
        if (nextUs > afterUs) expect(schedule.countBefore(client, afterUs)).toBe(k + 1)
      }),
    )
  })

  test('count from the next number after an intended time on', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 1000 }), fc.nat(), fc.nat({ max: 100_000 }), (fields, n, any, k) => {
        if (fields.trigger.kind === 'poisson') return
        const schedule = scheduleOf(n, { ...fields, times: null })
        const timeUs = schedule.timeOf(any % n, k)
        expect(schedule.countBefore(any % n, timeUs)).toBe(k)
        if (timeUs > 0) expect(schedule.countBefore(any % n, timeUs * (1 + 2 ** -52))).toBe(k + 1)
      }),
      { numRuns: 1000 },
    )
  })

  test('step by step are those asked for directly', () => {
    fc.assert(
      fc.property(entries, (fields) => {
        const schedule = scheduleOf(7, fields)
        let area = Number.NaN
        for (let k = 0; k < 25; k++) {
          area = schedule.areaAfter(3, k, area)
          expect(schedule.timeOfArea(area)).toBe(schedule.timeOf(3, k))
        }
      }),
    )
  })

  test('depend on the seed, the group and the entry', () => {
    const times = (seed: number, group: string, name: string) => {
      const schedule = new Schedule(samplePlan({ seed }), sampleGroup({ clients: 100, name: group }), sampleEntry({ name }))
      return range(100).map((client) => schedule.timeOf(client, 0))
    }
    const base = times(1, 'a', 'x')
    expect(times(1, 'a', 'x')).toEqual(base)
    for (const other of [times(2, 'a', 'x'), times(1, 'b', 'x'), times(1, 'a', 'y')]) {
      expect(other.filter((timeUs, i) => timeUs === base[i]).length).toBeLessThan(10)
    }
  })
})

describe('QoS levels', () => {
  const mixes = fc
    .tuple(fc.nat({ max: 20 }), fc.nat({ max: 20 }), fc.nat({ max: 20 }))
    .filter((weights) => sum(weights) > 0)
    .map((weights) => weights.map((weight) => weight / sum(weights)) as [number, number, number])

  test('are counted as they are dealt', () => {
    fc.assert(
      fc.property(mixes, fc.integer({ min: 1, max: 500 }), fc.nat(), (qosShares, n, any) => {
        const schedule = scheduleOf(n, { qosShares })
        const client = any % n
        const counts = [0, 0, 0]
        for (let k = 0; k < 60; k++) {
          expect(([0, 1, 2] as QoS[]).map((qos) => schedule.countOfQos(client, qos, k))).toEqual(counts)
          counts[schedule.qosOf(client, k)]!++
        }
      }),
    )
  })

  test('are within two messages of their share in every stream, at every time', () => {
    fc.assert(
      fc.property(mixes, fc.integer({ min: 1, max: 500 }), fc.nat({ max: 10_000 }), (qosShares, n, k) => {
        const schedule = scheduleOf(n, { qosShares })
        for (const qos of [0, 1, 2] as QoS[]) expect(Math.abs(schedule.countOfQos(0, qos, k) - k * qosShares[qos])).toBeLessThan(2)
      }),
    )
  })

  test('have their exact share of a whole group: QoS 0 to the message, QoS 1 and 2 within four', () => {
    fc.assert(
      fc.property(mixes, fc.integer({ min: 1, max: 3000 }), fc.nat({ max: 300 }), (qosShares, n, k) => {
        const schedule = scheduleOf(n, { qosShares })
        const total = (qos: QoS) => sum(range(n).map((client) => schedule.countOfQos(client, qos, k)))
        expect(Math.abs(total(0) - n * k * qosShares[0])).toBeLessThanOrEqual(1 + 1e-6)
        expect(Math.abs(total(1) - n * k * qosShares[1])).toBeLessThanOrEqual(4)
        expect(Math.abs(total(2) - n * k * qosShares[2])).toBeLessThanOrEqual(4)
      }),
    )
  })

  test('of 80, 15 and 5 % come out exactly after twenty messages of each client', () => {
    const schedule = scheduleOf(1000, { qosShares: [0.8, 0.15, 0.05] })
    const totals = ([0, 1, 2] as QoS[]).map((qos) => sum(range(1000).map((client) => schedule.countOfQos(client, qos, 20))))
    expect(totals).toEqual([16_000, 3000, 1000])
  })

  test('do not come at the same time in all streams', () => {
    const schedule = scheduleOf(1000, { qosShares: [0.8, 0.15, 0.05] })
    for (let k = 0; k < 20; k++) {
      const counts = [0, 0, 0]
      for (const client of range(1000)) counts[schedule.qosOf(client, k)]!++
      expect(Math.abs(counts[0]! - 800)).toBeLessThanOrEqual(1)
      expect(Math.abs(counts[2]! - 50)).toBeLessThanOrEqual(5)
    }
  })

  test.each([0, 1, 2] as QoS[])('of a stream with QoS %i alone are that', (qos) => {
    const schedule = scheduleOf(5, { qosShares: [0, 1, 2].map((q) => (q === qos ? 1 : 0)) as [number, number, number] })
    expect(range(10).map((k) => schedule.qosOf(3, k))).toEqual(new Array(10).fill(qos))
    expect(schedule.countOfQos(3, qos, 10)).toBe(10)
  })
})
