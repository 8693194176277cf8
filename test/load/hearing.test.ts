import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Hearing } from '../../src/load/hearing.ts'
import { Placer } from '../../src/load/placement.ts'
import type { GroupPlan, Plan } from '../../src/load/plan.ts'
import { Renderer } from '../../src/load/template.ts'
import { matches, parseShare } from '../../src/mqtt/topic.ts'
import { sampleEntry, sampleGroup, sampleNode, samplePlan, sampleSubscription } from './sample-plan.ts'

const SECONDS = 10
const levels = [
  { name: 'region', count: 2, values: ['eu', 'us'] },
  { name: 'plant', count: 3, values: null },
]

interface Case {
  readonly topics: readonly string[]
  readonly filters: readonly string[]
  readonly clients: readonly [publishers: number, subscribers: number]
}

function planOf({ topics, filters, clients }: Case): Plan {
  const publish = topics.map((topic, index) => sampleEntry({ index, topic, trigger: { kind: 'periodic', periodUs: 1e6 / (index + 1) } }))
  const groups = [
    sampleGroup({ name: 'publishers', clients: clients[0], publish }),
    sampleGroup({ name: 'subscribers', index: 1, clients: clients[1], subscribe: filters.map(sampleSubscription) }),
  ]
  const nodes = ['a', 'b', 'c'].map((name, i) => sampleNode(name, i + 1))
  return samplePlan({ levels, nodes, groups, phases: { ...samplePlan().phases, measureUs: SECONDS * 1e6 } })
}

function hearingIn(plan: Plan, most?: number): Hearing {
  const [publishers, subscribers] = plan.groups as [GroupPlan, GroupPlan]
  return new Hearing(plan, subscribers, [publishers], (group) => new Placer(plan, group), most)
}

/** By looking at every publisher, entry and filter. */
function heardBySearch(plan: Plan, client: number): number[] {
  const [publishers, subscribers] = plan.groups as [GroupPlan, GroupPlan]
  const from = new Renderer(plan, publishers, 'xxxxxx')
  const to = new Renderer(plan, subscribers, 'xxxxxx')
  const placer = new Placer(plan, publishers)
  const heard = plan.nodes.map(() => 0)
  for (const filter of new Set(subscribers.subscribe.map((s) => s.filter)))
    for (const [e, entry] of publishers.publish.entries())
      for (let publisher = 0; publisher < publishers.clients; publisher++) {
        const share = parseShare(filter)
        const asked = to.render(share?.filter ?? filter, client)
        if (!matches(asked, from.render(entry.topic, publisher))) continue
        heard[placer.nodeOf(publisher, 0)]! += (SECONDS * (e + 1)) / (share ? subscribers.clients : 1)
      }
  return heard
}

const topicLevel = fc.constantFrom('{region}', '{plant}', '{client}', 'device-{client}', '{node}', 't', 'eu', 'plant-2', 'a', '$SYS')
const filters = fc
  .tuple(fc.array(fc.oneof(topicLevel, fc.constant('+')), { maxLength: 3 }), fc.boolean(), fc.boolean())
  .map(([parts, isOpen, isShared]) => {
    const plain = [...parts, ...(isOpen || parts.length === 0 ? ['#'] : [])].join('/')
    return isShared ? `$share/s/${plain}` : plain
  })
const cases: fc.Arbitrary<Case> = fc.record({
  topics: fc.array(
    fc.array(topicLevel, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
    { minLength: 1, maxLength: 2 },
  ),
  filters: fc.array(filters, { minLength: 1, maxLength: 2 }),
  clients: fc.tuple(fc.integer({ min: 1, max: 13 }), fc.integer({ min: 1, max: 13 })),
})

test('a client hears what a search of all publishers finds for its filters', () => {
  let withSomething = 0
  fc.assert(
    fc.property(cases, (some) => {
      const plan = planOf(some)
      const hearing = hearingIn(plan)
      for (let client = 0; client < some.clients[1]; client++) {
        const found = heardBySearch(plan, client)
        if (found.some((messages) => messages > 0)) withSomething++
        for (const [node, messages] of hearing.of(client).entries()) expect(messages).toBeCloseTo(found[node]!, 6)
      }
    }),
    { numRuns: 300 },
  )
  expect(withSomething).toBeGreaterThan(100)
})

test('clients with the same {client} hear each other only where the rest is the same too', () => {
  const plan = planOf({ topics: ['{region}/{plant}/{client}'], filters: ['{region}/{plant}/{client}'], clients: [4, 6] })
  const found = Array.from({ length: 6 }, (_, client) => heardBySearch(plan, client))
  const hears = found.slice(0, 4).map((heard) => Math.max(...heard) > 0)
  expect([hears.includes(true), hears.includes(false)]).toEqual([true, true])
  expect(found.map((_, client) => hearingIn(plan).of(client))).toEqual(found)
})

test('a sample of many publishers stands for all of them', () => {
  const plan = planOf({ topics: ['{region}/x'], filters: ['{region}/#'], clients: [6000, 2] })
  const heard = (most?: number) => hearingIn(plan, most).of(0)
  const all = heard()
  expect(all.reduce((sum, messages) => sum + messages)).toBe(3000 * SECONDS)
  for (const [node, messages] of heard(1000).entries()) expect(Math.abs(messages / all[node]! - 1)).toBeLessThan(0.15)
})

test('what is published on connecting counts once', () => {
  const plan = planOf({ topics: ['x'], filters: ['x'], clients: [12, 1] })
  const [publishers, subscribers] = plan.groups as [GroupPlan, GroupPlan]
  const greeting = { ...publishers, publish: [sampleEntry({ topic: 'x', trigger: { kind: 'connect' } })] }
  expect(hearingIn({ ...plan, groups: [greeting, subscribers] }).of(0)).toEqual([2, 4, 6])
})
