import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { Audience } from '../../src/load/audience.ts'
import { Group } from '../../src/load/group.ts'
import { Matching } from '../../src/load/matching.ts'
import type { RoutePlan } from '../../src/load/plan.ts'
import { Route } from '../../src/load/route.ts'
import { entryOf, laneOf, publisherOf } from '../../src/load/slice.ts'
import { sampleEntry, sampleGroup, samplePlan, sampleSubscription } from './sample-plan.ts'

type Pick = 'inTurn' | 'shuffled' | 'zipf'

/** Senders 0 … senders − 1, and as many targets; `each` has lanes without a group. */
function routeOf(kind: Pick | 'each', lanes: number, senders: number, topic = 'cmd/{clientId}', seed = 42): Route {
  const entry = sampleEntry({ topic: kind === 'each' ? 'm/{machine}' : topic })
  const route: RoutePlan =
    kind === 'each' ? { kind, level: 'machine', count: lanes } : { kind: 'to', group: 1, pick: kind, zipf: kind === 'zipf' ? 1.1 : 0 }
  const group = sampleGroup({ name: 'senders', clients: senders, publish: [{ ...entry, route }] })
  const targets = sampleGroup({ name: 'targets', index: 1, clients: lanes, firstClient: senders })
  const plan = samplePlan({ seed, groups: [group, targets], clients: senders + lanes })
  return new Route(plan, group, group.publish[0]!, route, 'abcdef')
}

/** How many of each sender's first `messages` messages take each lane. */
function dealt(route: Route, senders: number, messages: number): number[] {
  const counts: number[] = new Array(route.lanes).fill(0)
  for (let client = 0; client < senders; client++) for (let k = 0; k < messages; k++) counts[route.laneOf(client, k)]!++
  return counts
}

const kinds = fc.constantFrom<Pick | 'each'>('inTurn', 'shuffled', 'zipf', 'each')

describe('a route', () => {
  it('numbers the messages of each lane without gaps, and lane and rank name one message', () => {
    fc.assert(
      fc.property(kinds, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5 }), fc.nat(1e6), (kind, lanes, senders, seed) => {
        const route = routeOf(kind, lanes, senders, 'x', seed)
        for (let client = 0; client < senders; client++) {
          const next = Array.from({ length: lanes }, (_, lane) => route.rankFrom(client, lane, 0))
          for (let k = 0; k < 300; k++) {
            const lane = route.laneOf(client, k)
            expect(route.rankOf(client, k)).toBe(next[lane])
            expect(route.numberOf(client, lane, next[lane]!)).toBe(k)
            expect(route.rankFrom(client, lane, k)).toBe(next[lane])
            next[lane]!++
            expect(route.rankFrom(client, lane, k + 1)).toBe(next[lane])
          }
        }
      }),
      { numRuns: 30 },
    )
  })

  it('in turn and shuffled address every client once a round, whatever the seed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Pick>('inTurn', 'shuffled'),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(1e6),
        (kind, lanes, senders, seed) => {
          const rounds = 5
          expect(dealt(routeOf(kind, lanes, senders, 'x', seed), senders, rounds * lanes)).toEqual(new Array(lanes).fill(rounds * senders))
        },
      ),
    )
  })

  it('in turn goes on with the next client, and senders begin evenly apart', () => {
    const route = routeOf('inTurn', 12, 4)
    const firsts = [0, 1, 2, 3].map((client) => route.laneOf(client, 0)).sort((a, b) => a - b)
    expect(firsts).toEqual([1, 4, 7, 10])
    for (let k = 0; k < 30; k++) expect(route.laneOf(2, k + 1)).toBe((route.laneOf(2, k) + 1) % 12)
  })

  it('shuffled has another order in each round, and for each sender', () => {
    const route = routeOf('shuffled', 50, 2)
    const round = (client: number, n: number) => Array.from({ length: 50 }, (_, i) => route.laneOf(client, 50 * n + i)).join()
    expect(new Set([round(0, 0), round(0, 1), round(0, 2), round(1, 0), round(1, 1)]).size).toBe(5)
  })

  it('by Zipf has exact shares within a card of a deck, the first client the largest', () => {
    const route = routeOf('zipf', 100, 1)
    const deck = 2 ** 14
    const total = Array.from({ length: 100 }, (_, i) => (i + 1) ** -1.1).reduce((sum, weight) => sum + weight)
    for (const [lane, count] of dealt(route, 1, deck).entries()) {
      expect(Math.abs(count - ((lane + 1) ** -1.1 / total) * deck)).toBeLessThanOrEqual(1)
    }
  })

  it.each([
    ['inTurn', 'cmd/{clientId}', 2, 'cmd/abcdef-targets-2', false],
    ['shuffled', '{group}/{client}/{from}', 2, 'targets/2/abcdef-senders-1', true],
    ['zipf', '{from}/{from}', 0, 'abcdef-senders-1/abcdef-senders-1', true],
    ['each', '', 2, 'm/machine-3', true],
  ] as const)('%s with topic %s has the variables of target %i: %s', (kind, topic, lane, text, isOwn) => {
    const route = routeOf(kind, 5, 3, topic)
    expect(route.topicOf(1, lane)).toBe(text)
    expect(route.isOwn).toBe(isOwn)
  })

  it('each takes the values of a level of that name', () => {
    const route: RoutePlan = { kind: 'each', level: 'room', count: 2 }
    const group = sampleGroup({ publish: [sampleEntry({ topic: '{plant}/{room}', route })] })
    const levels = [
      { name: 'plant', count: 1, values: ['p'] },
      { name: 'room', count: 3, values: ['hall', 'attic', 'cellar'] },
    ]
    const made = new Route(samplePlan({ levels, groups: [group] }), group, group.publish[0]!, route, 'abcdef')
    expect([made.topicOf(0, 0), made.topicOf(0, 1)]).toEqual(['p/hall', 'p/attic'])
  })
})

describe('who gets what of a route', () => {
  const SENDERS = 4
  const TARGETS = 6
  const to: RoutePlan = { kind: 'to', group: 1, pick: 'inTurn', zipf: 0 }
  const each: RoutePlan = { kind: 'each', level: 'machine', count: 5 }

  // Of each of 6 targets' clients; streams are 4 × 6 with `to` and 4 × 5 with `each`.
  test.each([
    { route: to, topic: 'cmd/{client}', filter: 'cmd/{client}', pairs: 24, shared: 0, why: 'each its own, from every sender' },
    { route: to, topic: 'cmd/{client}/{from}', filter: 'cmd/{client}/#', pairs: 24, shared: 0, why: 'whoever the sender is' },
    { route: to, topic: 'cmd/{client}', filter: 'cmd/+', pairs: 144, shared: 0, why: 'all of them, whose ever they are' },
    { route: to, topic: 'cmd/{client}', filter: 'cmd/3', pairs: 24, shared: 0, why: 'those of one target, for each of six' },
    { route: to, topic: 'cmd/{client}', filter: 'x/{client}', pairs: 0, shared: 0, why: 'none' },
    { route: to, topic: 'cmd/{client}', filter: '$share/a/cmd/+', pairs: 0, shared: 24, why: 'each stream once for all' },
    { route: each, topic: 'm/{machine}', filter: 'm/+', pairs: 120, shared: 0, why: 'all streams' },
    { route: each, topic: 'm/{machine}', filter: 'm/machine-2', pairs: 24, shared: 0, why: 'one value of each sender' },
    { route: each, topic: '{client}/{machine}', filter: '{client}/machine-2', pairs: 4, shared: 0, why: 'one value of one sender' },
  ])('$filter of $topic: $why', ({ route, topic, filter, pairs, shared }) => {
    const senders = sampleGroup({ name: 'senders', clients: SENDERS, publish: [sampleEntry({ topic, route })] })
    const targets = sampleGroup({
      name: 'targets',
      index: 1,
      clients: TARGETS,
      firstClient: SENDERS,
      subscribe: [sampleSubscription(filter)],
    })
    const plan = samplePlan({ groups: [senders, targets], clients: SENDERS + TARGETS })
    expect(new Matching(plan).between(targets, senders, senders.publish[0]!)).toMatchObject({ pairs, shared })

    // The same from the audience: one by one, from rendered topics.
    const around = { plan, run: 'abcdef', endpoints: [], files: new Map(), unixEpochMs: 0 }
    const groups = plan.groups.map((group) => new Group(around, group, [0, group.clients], null))
    const filters = Array.from({ length: TARGETS }, (_, i) => groups[1]!.renderer.render(filter, i))
    const audience = new Audience(groups, [{ template: filter, filters: () => filters }])
    let found = 0
    for (const instance of shared > 0 ? filters.slice(0, 1) : filters) {
      audience.eachStream(filter, instance, (stream, group, _entry, publisher, lane) => {
        expect(group).toBe(groups[0])
        expect([entryOf(stream), publisherOf(stream), laneOf(stream)]).toEqual([0, publisher, lane])
        expect(lane).toBeLessThan(group.routes[0]!.lanes)
        found++
      })
    }
    expect(found).toBe(pairs + shared)
  })
})
