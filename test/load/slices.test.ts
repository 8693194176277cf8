import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Group } from '../../src/load/group.ts'
import type { Placement, Plan, PublishPlan, RoutePlan } from '../../src/load/plan.ts'
import { entryOf, publisherOf, sliceOf, streamOf } from '../../src/load/slice.ts'
import { sampleEntry, sampleGroup, sampleNode, samplePlan, sampleSubscription } from './sample-plan.ts'

const MESSAGES = 4
const shares = fc.constantFrom<[number, number, number]>([1, 0, 0], [0, 1, 0], [0.5, 0.3, 0.2], [0, 0.5, 0.5])
const kinds = fc.constantFrom<'periodic' | 'poisson' | 'synchronized'>('periodic', 'poisson', 'synchronized')

const routes = fc.constantFrom<RoutePlan | null>(
  null,
  { kind: 'to', group: 0, pick: 'inTurn', zipf: 0 },
  { kind: 'to', group: 0, pick: 'shuffled', zipf: 0 },
  { kind: 'to', group: 0, pick: 'zipf', zipf: 1.1 },
  { kind: 'each', level: 'machine', count: 3 },
)
const placements = fc.constantFrom<Placement>(
  { kind: 'weighted' },
  { kind: 'roundRobin' },
  { kind: 'random' },
  { kind: 'zone', zone: '{plant}', elseAny: true },
  { kind: 'crossNode', share: 0.6 },
)

const plans: fc.Arbitrary<Plan> = fc
  .record({
    seed: fc.nat(0xffffffff),
    nodes: fc.integer({ min: 1, max: 3 }),
    groups: fc.array(
      fc.record({
        clients: fc.integer({ min: 1, max: 25 }),
        cleanShare: fc.constantFrom(0, 0.3, 1),
        placement: placements,
        arrival: fc.constantFrom<'uniform' | 'poisson' | 'beta'>('uniform', 'poisson', 'beta'),
        entries: fc.array(fc.record({ kind: kinds, qosShares: shares, route: routes }), { maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(({ seed, nodes, groups }) => {
    let firstClient = 0
    let index = 0
    const made = groups.map((group, g) => {
      const publish = group.entries.map(
        ({ kind, qosShares, route }): PublishPlan =>
          sampleEntry({ index: index++, name: `e${index}`, topic: '{plant}/{client}', route, trigger: { kind, periodUs: 1e6 }, qosShares }),
      )
      const plan = sampleGroup({
        name: `g${g}`,
        index: g,
        clients: group.clients,
        firstClient,
        cleanShare: group.cleanShare,
        placement: group.placement,
        connect: { overS: 2, arrival: group.arrival, timeoutUs: 1e7 },
        churn: { connectedUs: 1e6, awayUs: 1e6, leave: 'disconnect' },
        publish,
        subscribe: [sampleSubscription('{plant}/#')],
      })
      firstClient += group.clients
      return plan
    })
    const levels = [{ name: 'plant', count: 4, values: null }]
    return samplePlan({
      seed,
      levels,
      nodes: Array.from({ length: nodes }, (_, i) => ({ ...sampleNode(`n${i}`, i + 1), zone: `plant-${i + 1}` })),
      groups: made,
      clients: firstClient,
    })
  })

/** All that the clients of a plan's k slices do that is a function of the plan, one line a client and message. */
function doings(plan: Plan, k: number): string[] {
  const around = { plan, run: 'abcdef', endpoints: [], files: new Map(), unixEpochMs: 0 }
  const lines: string[] = []
  for (let w = 0; w < k; w++) {
    const slice = sliceOf(plan, w, k)
    for (const groupPlan of plan.groups) {
      const group = new Group(around, groupPlan, slice.ranges[groupPlan.index]!, null)
      for (let i = group.from; i < group.to; i++) {
        const id = group.renderer.render(groupPlan.clientId, i)
        const nodes = [0, 1, 2].map((attempt) => group.placer.nodeOf(i, attempt))
        lines.push([id, group.arrivals.timeOf(i), group.isClean(i), nodes, group.churnOrder!.at(i)].join(' '))
        for (const [e, { topic }] of groupPlan.publish.entries())
          for (let seq = 0; seq < MESSAGES; seq++) {
            const schedule = group.schedules[e]!
            const route = group.routes[e]!
            lines.push(
              [
                id,
                e,
                route ? route.topicOf(i, route.laneOf(i, seq)) : group.renderer.render(topic, i),
                seq,
                schedule.timeOf(i, seq),
                schedule.qosOf(i, seq),
                group.payloads[e]!.size(i, seq),
              ].join(' '),
            )
          }
      }
    }
  }
  return lines.sort()
}

describe('the slices of a plan', () => {
  it('do the same together for any number of them, each client in one', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const whole = doings(plan, 1)
        expect(whole.length).toBe(plan.groups.reduce((sum, { clients, publish }) => sum + clients * (1 + MESSAGES * publish.length), 0))
        expect(new Set(whole).size).toBe(whole.length)
        expect(doings(plan, 2)).toEqual(whole)
        expect(doings(plan, 7)).toEqual(whole)
      }),
      { numRuns: 50 },
    )
  })

  it('differ in size by one client of a group at most', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 9 }), (plan, k) => {
        for (const { index, clients } of plan.groups) {
          const sizes = Array.from({ length: k }, (_, w) => sliceOf(plan, w, k).ranges[index]!).map(([from, to]) => to - from)
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(clients)
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })
})

describe('a stream number', () => {
  it('gives its entry and its publisher back', () => {
    fc.assert(
      fc.property(fc.nat(254), fc.nat(2 ** 24 - 1), (entry, publisher) => {
        const stream = streamOf(entry, publisher)
        expect([entryOf(stream), publisherOf(stream)]).toEqual([entry, publisher])
        expect(stream).toBeLessThan(2 ** 32)
      }),
    )
  })
})
