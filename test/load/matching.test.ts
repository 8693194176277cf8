import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Matching } from '../../src/load/matching.ts'
import type { GroupPlan, Plan } from '../../src/load/plan.ts'
import { Renderer } from '../../src/load/template.ts'
import { matches, parseShare } from '../../src/mqtt/topic.ts'
import { sampleEntry, sampleGroup, samplePlan } from './sample-plan.ts'

const LEVELS = [
  { name: 'region', count: 2, values: ['eu', 'us'] },
  { name: 'plant', count: 3, values: null },
]

interface Case {
  readonly topic: string
  readonly filters: readonly string[]
  readonly publishers: number
  readonly subscribers: number
  readonly spread?: GroupPlan['spread']
}

function planOf({ topic, filters, publishers, subscribers, spread = {} }: Case): Plan {
  const subscribe = filters.map((filter, index) => subscription(filter, index))
  return samplePlan({
    levels: LEVELS,
    groups: [
      sampleGroup({ name: 'publishers', clients: publishers, publish: [sampleEntry({ topic })], spread }),
      sampleGroup({ name: 'subscribers', index: 1, firstClient: publishers, clients: subscribers, subscribe }),
    ],
    clients: publishers + subscribers,
  })
}

function subscription(filter: string, index = 0, noLocal = false) {
  return {
    index,
    filter,
    qos: 1,
    ackAfterUs: 0,
    noLocal,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: null,
    reply: null,
    isResponse: false,
  } as const
}

/** Every subscriber with every publisher, text by text. */
function counted(plan: Plan): { pairs: number; shared: number } {
  const [publishers, subscribers] = plan.groups as [GroupPlan, GroupPlan]
  const from = new Renderer(plan, publishers, 'xxxxxx')
  const to = new Renderer(plan, subscribers, 'xxxxxx')
  let pairs = 0
  const shared = new Set<string>()
  for (let p = 0; p < publishers.clients; p++) {
    const topic = from.render(publishers.publish[0]!.topic, p)
    for (let s = 0; s < subscribers.clients; s++) {
      const filters = subscribers.subscribe.map(({ filter }) => to.render(filter, s))
      if (filters.some((filter) => parseShare(filter) === null && matches(filter, topic))) pairs++
      for (const filter of filters) {
        const share = parseShare(filter)
        if (share && matches(share.filter, topic)) shared.add(`${filter} ${p}`)
      }
    }
  }
  return { pairs, shared: shared.size }
}

function estimated(plan: Plan): { pairs: number; shared: number } {
  const [publishers, subscribers] = plan.groups as [GroupPlan, GroupPlan]
  const { pairs, shared } = new Matching(plan).between(subscribers, publishers, publishers.publish[0]!)
  return { pairs, shared }
}

describe('pairs of subscriber and stream are those of comparing every topic with every filter', () => {
  const TREE = '{region}/{plant}/device-{client}/t'
  test.each<Case & { why: string }>([
    { why: 'everything', topic: TREE, filters: ['#'], publishers: 12, subscribers: 3 },
    { why: 'a level each', topic: TREE, filters: ['{region}/{plant}/#'], publishers: 13, subscribers: 6 },
    { why: 'a part of the tree', topic: TREE, filters: ['{region}/#'], publishers: 13, subscribers: 2 },
    { why: 'a value by its name', topic: TREE, filters: ['eu/plant-2/+/t'], publishers: 20, subscribers: 2 },
    { why: 'a name that no value has', topic: TREE, filters: ['asia/+/+/t'], publishers: 20, subscribers: 2 },
    { why: 'too few levels', topic: TREE, filters: ['+/+/+'], publishers: 5, subscribers: 2 },
    { why: 'the parent of #', topic: 'a/{client}', filters: ['a/{client}/#'], publishers: 5, subscribers: 3 },
    { why: 'one to one', topic: 'to/{client}', filters: ['to/{client}'], publishers: 8, subscribers: 5 },
    { why: 'one to one on a tree', topic: '{region}/{client}', filters: ['{region}/{client}'], publishers: 8, subscribers: 8 },
    { why: 'an index in another text', topic: 'to/{client}', filters: ['to/{client}0', 'to/5'], publishers: 25, subscribers: 3 },
    { why: 'filters that overlap', topic: TREE, filters: ['{region}/#', '+/{plant}/#', 'eu/#'], publishers: 13, subscribers: 6 },
    { why: 'the same filter twice', topic: TREE, filters: ['{region}/#', '{region}/+/+/t'], publishers: 13, subscribers: 4 },
    { why: 'fewer clients than leaves', topic: TREE, filters: ['{region}/{plant}/#'], publishers: 4, subscribers: 4 },
    { why: 'unequal shares', topic: TREE, filters: ['{region}/#'], publishers: 20, subscribers: 2, spread: { region: [0.8, 1] } },
    { why: 'a topic that begins with $', topic: '$x/{client}', filters: ['#', '+/{client}'], publishers: 4, subscribers: 2 },
    { why: 'the group in the topic', topic: '{group}/{client}', filters: ['publishers/#'], publishers: 4, subscribers: 2 },
    { why: 'a client id in the topic', topic: '{clientId}/t', filters: ['+/t', '{run}-publishers-2/t'], publishers: 4, subscribers: 2 },
    { why: 'shared by all', topic: TREE, filters: ['$share/s/+/+/+/t'], publishers: 13, subscribers: 5 },
    { why: 'shared, a plant each', topic: TREE, filters: ['$share/s/{region}/{plant}/#'], publishers: 13, subscribers: 4 },
    { why: 'shared and alone', topic: TREE, filters: ['$share/s/#', '{region}/#'], publishers: 13, subscribers: 4 },
  ])('$why', (example) => {
    const plan = planOf(example)
    expect(estimated(plan)).toEqual(counted(plan))
  })

  test('for any mix of them', () => {
    const part = (...texts: string[]) => fc.constantFrom(...texts)
    const filter = fc.tuple(
      part('', '$share/s/'),
      part('{region}', 'eu', '+'),
      part('{plant}', 'plant-1', '+'),
      part('{client}', '3', '+', '#'),
    )
    const cases = fc.record({
      topic: part('{region}/{plant}/{client}', '{region}/plant-1/{client}', 'eu/{plant}/3'),
      filters: fc.array(
        filter.map(([share, ...levels]) => share + levels.join('/')),
        { minLength: 1, maxLength: 4 },
      ),
      publishers: fc.integer({ min: 1, max: 15 }),
      subscribers: fc.integer({ min: 1, max: 9 }),
      spread: fc.constantFrom({}, { region: [0.7, 1] }, { plant: [0.5, 0.6, 1] }),
    })
    fc.assert(
      fc.property(cases, (example) => {
        const plan = planOf(example)
        expect(estimated(plan).pairs).toBeCloseTo(counted(plan).pairs, 6)
        if (new Set(example.filters.filter((text) => text.startsWith('$share'))).size < 2)
          expect(estimated(plan).shared).toBe(counted(plan).shared)
      }),
    )
  })
})

describe('a plan too large to look through', () => {
  const large = (topic: string, filter: string, spread = {}) => {
    const plan = planOf({ topic, filters: [filter], publishers: 6_000_000, subscribers: 3_000_000, spread })
    return estimated(plan).pairs
  }

  test('on an even tree is exact', () => {
    expect(large('{region}/{plant}/{client}/t', '{region}/{plant}/+/t')).toBe((6e6 * 3e6) / 6)
    expect(large('to/{client}', 'to/{client}')).toBe(3e6)
  })

  test('with unequal shares is close', () => {
    const pairs = large('{region}/{client}', '{region}/+', { region: [0.8, 1] })
    expect(pairs / (6e6 * 3e6 * 0.5)).toBeCloseTo(1, 2)
  })
})

test('with noLocal a client gets everything of its group but its own', () => {
  const group = sampleGroup({ clients: 10, publish: [sampleEntry({ topic: 'a/{client}' })], subscribe: [subscription('a/+', 0, true)] })
  const plan = samplePlan({ groups: [group] })
  expect(new Matching(plan).between(group, group, group.publish[0]!).pairs).toBe(90)
})
