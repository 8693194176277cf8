import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Plan, PublishPlan } from '../../src/load/plan.ts'
import { PlannedMessages } from '../../src/load/rates.ts'
import { Schedule } from '../../src/load/schedule.ts'
import { sampleEntry, sampleGroup, samplePlan } from './sample-plan.ts'

const CLIENTS = 50

/** A plan of 50 clients that send for 10 s, warm-up and measure together. */
function planOf(entry: Partial<PublishPlan>): Plan {
  const group = sampleGroup({ clients: CLIENTS, publish: [sampleEntry({ trigger: { kind: 'periodic', periodUs: 1e6 }, ...entry })] })
  return samplePlan({
    groups: [group],
    clients: CLIENTS,
    phases: { connectUs: 0, warmUpUs: 4e6, measureUs: 6e6, untilRecovered: null, stretches: [], drainUs: 0, cleanUp: true },
  })
}

const between = (entry: Partial<PublishPlan>, fromS: number, toS: number) => new PlannedMessages(planOf(entry)).between(fromS, toS)

describe('planned messages', () => {
  test.each([
    { why: '50 clients once a second, for 3 s', entry: {}, fromS: 2, toS: 5, messages: 150 },
    { why: 'nothing before the start', entry: {}, fromS: -5, toS: 0, messages: 0 },
    { why: 'nothing behind the end of measure', entry: {}, fromS: 9, toS: 20, messages: 50 },
    { why: 'nothing before the entry starts', entry: { atUs: 3e6 }, fromS: 0, toS: 4, messages: 50 },
    { why: 'no more than its times', entry: { times: 2 }, fromS: 0, toS: 10, messages: 100 },
    { why: 'half the load, half the messages', entry: { load: [[0, 0.5]] as const }, fromS: 0, toS: 4, messages: 100 },
    { why: 'connecting is no rate', entry: { trigger: { kind: 'connect' } as const }, fromS: 0, toS: 10, messages: 0 },
  ])('$why', ({ entry, fromS, toS, messages }) => {
    expect(between(entry, fromS, toS)).toBeCloseTo(messages, 6)
  })

  test('are as many as the schedules of all clients have, within one a client', () => {
    const load = fc.tuple(fc.double({ min: 0.1, max: 3, noNaN: true }), fc.double({ min: 0.1, max: 3, noNaN: true }))
    fc.assert(
      fc.property(load, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 10 }), ([a, b], atS, toS) => {
        const entry = { load: [[0, a] as const, [8, b] as const], atUs: atS * 1e6 }
        const plan = planOf(entry)
        const schedule = new Schedule(plan, plan.groups[0]!, plan.groups[0]!.publish[0]!)
        let scheduled = 0
        for (let i = 0; i < CLIENTS; i++) scheduled += schedule.countBefore(i, toS * 1e6)
        expect(Math.abs(new PlannedMessages(plan).between(0, toS) - scheduled)).toBeLessThanOrEqual(CLIENTS)
      }),
    )
  })
})
