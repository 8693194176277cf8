import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isClean, Placer } from '../../src/load/placement.ts'
import type { GroupPlan, NodePlan, Placement, Plan } from '../../src/load/plan.ts'
import { sampleEntry, sampleGroup, sampleNode, samplePlan, sampleSubscription } from './sample-plan.ts'

function placerOf(weights: number[], clients: number, placement: Placement, name = 'sensors'): Placer {
  const nodes = weights.map((weight, i) => sampleNode(`node-${i + 1}`, weight))
  return new Placer(samplePlan({ nodes }), sampleGroup({ clients, placement, name }))
}

/** How many of `clients` go to each of `nodes`. */
function counts(placer: Placer, clients: number, nodes: number, attempt = 0): number[] {
  const found = new Array(nodes).fill(0)
  for (let client = 0; client < clients; client++) found[placer.nodeOf(client, attempt)]++
  return found
}

describe('first connects', () => {
  test.each<{ why: string; weights: number[]; clients: number; placement: Placement; expected: number[] }>([
    { why: 'are shared equally', weights: [1, 1], clients: 10, placement: { kind: 'weighted' }, expected: [5, 5] },
    { why: 'are shared by weight', weights: [1, 3, 6], clients: 1000, placement: { kind: 'weighted' }, expected: [100, 300, 600] },
    { why: 'leave out a node without weight', weights: [1, 0, 1], clients: 10, placement: { kind: 'weighted' }, expected: [5, 0, 5] },
    { why: 'go round all nodes, weight or not', weights: [1, 9, 1], clients: 10, placement: { kind: 'roundRobin' }, expected: [4, 3, 3] },
    { why: 'keep to named nodes', weights: [5, 1, 3], clients: 8, placement: { kind: 'nodes', nodes: [2, 1] }, expected: [0, 2, 6] },
  ])('$why', ({ weights, clients, placement, expected }) => {
    expect(counts(placerOf(weights, clients, placement), clients, weights.length)).toEqual(expected)
  })

  test('by weight are exact for any weights and number of clients: never a whole client off', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 2000 }),
        (weights, n) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0)
          counts(placerOf(weights, n, { kind: 'weighted' }), n, weights.length).forEach((count, j) => {
            expect(Math.abs(count - (n * weights[j]!) / total)).toBeLessThan(1 + 1e-9)
          })
        },
      ),
    )
  })

  test('at random are only about equal', () => {
    const found = counts(placerOf([1, 1], 10_000, { kind: 'random' }), 10_000, 2)
    expect(Math.abs(found[0]! - 5000)).toBeLessThan(200)
    expect(found[0]).not.toBe(5000)
  })

  test('of many groups of one client do not all go to one node', () => {
    const nodes = Array.from({ length: 100 }, (_, i) => placerOf([1, 1], 1, { kind: 'weighted' }, `group-${i}`).nodeOf(0, 0))
    expect(Math.abs(nodes.reduce((sum, node) => sum + node, 0) - 50)).toBeLessThan(20)
  })

  test('are not aligned with the index', () => {
    const placer = placerOf([1, 1], 1000, { kind: 'roundRobin' })
    let evenOnFirst = 0
    for (let client = 0; client < 1000; client += 2) if (placer.nodeOf(client, 0) === 0) evenOnFirst++
    expect(Math.abs(evenOnFirst - 250)).toBeLessThan(50)
  })
})

describe('reconnects', () => {
  test('go to any node of the placement by weight, and differ from attempt to attempt', () => {
    const placer = placerOf([1, 4, 1], 5000, { kind: 'nodes', nodes: [0, 1] })
    const first = counts(placer, 5000, 3, 1)
    expect(Math.abs(first[0]! - 1000)).toBeLessThan(120)
    expect(first[2]).toBe(0)
    const changed = Array.from({ length: 5000 }, (_, client) => placer.nodeOf(client, 1) !== placer.nodeOf(client, 2)).filter(Boolean)
    expect(Math.abs(changed.length - 1600)).toBeLessThan(160) // 2 · 0.2 · 0.8 of 5000
  })
})

/** Nodes of equal weight in these zones. */
function zones(...zones: (string | null)[]): NodePlan[] {
  return zones.map((zone, i) => ({ ...sampleNode(`node-${i + 1}`), zone }))
}

describe('by zone', () => {
  const levels = [{ name: 'region', count: 4, values: ['eu', 'us', 'eu-2', 'ap'] }]
  const nodes = zones('eu-1', 'eu-2', 'us', 'usa', null)
  const group = sampleGroup({ clients: 8000, placement: { kind: 'zone', zone: '{region}', elseAny: true } })

  test.each([
    { region: 0, why: 'the zone begins with the value and a hyphen', expected: [0, 1] },
    { region: 1, why: 'the zone is the value, and not only begins with it', expected: [2] },
    { region: 2, why: 'the zone is the value', expected: [1] },
    { region: 3, why: 'no zone fits: anywhere', expected: [0, 1, 2, 3, 4] },
  ])('a client of region $region goes where $why, at first and when it comes back', ({ region, expected }) => {
    const some = new Placer(samplePlan({ nodes, levels }), group)
    const seen = new Set<number>()
    for (let client = region; client < 8000; client += 4) for (const attempt of [0, 1, 2]) seen.add(some.nodeOf(client, attempt))
    expect([...seen].sort()).toEqual(expected)
  })

  test('the nodes of a zone share by weight', () => {
    const heavy = nodes.map((node, i) => ({ ...node, weight: i === 1 ? 3 : 1 }))
    const some = new Placer(samplePlan({ nodes: heavy, levels }), group)
    let second = 0
    for (let client = 0; client < 8000; client += 4) second += some.nodeOf(client, 0)
    expect(Math.abs(second - 1500)).toBeLessThan(100)
  })
})

describe('across nodes', () => {
  const levels = [{ name: 'plant', count: 10, values: null }]
  const cross = (share: number): Placement => ({ kind: 'crossNode', share })

  interface Cluster {
    readonly nodes?: NodePlan[]
    readonly topic?: string
    readonly filter?: string
    readonly clients?: readonly [publishers: number, subscribers: number]
    readonly share?: number
    readonly publishers?: Partial<GroupPlan>
    readonly subscribers?: Partial<GroupPlan>
  }

  function planOf({
    nodes = zones(null, null, null),
    topic = 'x/{client}',
    filter = topic,
    clients = [1000, 1000],
    ...more
  }: Cluster): Plan {
    const groups = [
      sampleGroup({ name: 'publishers', clients: clients[0], publish: [sampleEntry({ topic })], ...more.publishers }),
      sampleGroup({
        name: 'subscribers',
        index: 1,
        firstClient: clients[0],
        clients: clients[1],
        subscribe: [sampleSubscription(filter)],
        placement: cross(more.share ?? 1),
        ...more.subscribers,
      }),
    ]
    return samplePlan({ nodes, levels, groups })
  }

  const placersOf = (plan: Plan) => plan.groups.map((group) => new Placer(plan, group)) as [Placer, Placer]

  /** Pairs with the same index on different nodes. */
  function crossing(plan: Plan): number {
    const [one, two] = placersOf(plan)
    return Array.from({ length: 1000 }, (_, i) => one.nodeOf(i, 0) !== two.nodeOf(i, 0)).filter(Boolean).length
  }

  test.each([
    { why: 'all', share: 1, expected: 1000 },
    { why: 'a part', share: 0.8, expected: 800 },
    { why: 'none', share: 0, expected: 0 },
    { why: 'all, on two nodes', nodes: zones(null, null), share: 1, expected: 1000 },
    { why: 'a part, on two nodes', nodes: zones(null, null), share: 0.3, expected: 300 },
    { why: 'all, by the client id', filter: '+/{client}', share: 1, expected: 1000 },
    {
      why: 'all, whatever the publishers are placed by',
      publishers: { placement: { kind: 'roundRobin' } as const },
      share: 1,
      expected: 1000,
    },
    { why: 'all, whose publishers are all on one node', publishers: { placement: { kind: 'nodes', nodes: [1] } as const }, expected: 1000 },
    { why: 'all, with {node} in topics', topic: '{node}/{client}', filter: '+/{client}', expected: 1000 },
    { why: 'all, in a shared subscription', filter: '$share/s/x/{client}', expected: 1000 },
  ])('exactly the share of pairs crosses: $why', ({ why: _, expected, ...cluster }) => {
    expect(crossing(planOf({ topic: 'x/{client}', ...cluster }))).toBe(expected)
  })

  test('exactly the share of pairs crosses, for any number of nodes, weights and seed', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(weights, fc.integer({ min: 0, max: 10 }), fc.nat(0xffffffff), (some, tenths, seed) => {
        const nodes = some.map((weight, i) => sampleNode(`n${i}`, weight))
        expect(crossing({ ...planOf({ nodes, share: tenths / 10 }), seed })).toBe(tenths * 100)
      }),
      { numRuns: 40 },
    )
  })

  test('pairs that both publish and listen cross in both directions', () => {
    const plan = planOf({
      publishers: { subscribe: [sampleSubscription('y/{client}')], placement: cross(1) },
      subscribers: { publish: [sampleEntry({ index: 1, topic: 'y/{client}' })] },
    })
    expect(crossing(plan)).toBe(1000)
  })

  test('many groups that hear each other are placed one after the other', () => {
    const groups = Array.from({ length: 30 }, (_, index) =>
      sampleGroup({
        name: `g${index}`,
        index,
        clients: 10,
        placement: cross(1),
        publish: [sampleEntry({ index, topic: `${index}/{client}` })],
        // Each hears the one before it; the first two and the last only publish.
        subscribe: index < 2 || index === 29 ? [] : [sampleSubscription(`${index - 1}/{client}`)],
      }),
    )
    const plan = samplePlan({ nodes: zones(null, null, null), groups })
    const placers = groups.map((group) => new Placer(plan, group))
    for (let g = 2; g < 29; g++) for (let i = 0; i < 10; i++) expect(placers[g]!.nodeOf(i, 0)).not.toBe(placers[g - 1]!.nodeOf(i, 0))
  })

  test('clients stay about evenly spread', () => {
    for (const count of counts(placersOf(planOf({ clients: [9000, 9000] }))[1], 9000, 3)) expect(Math.abs(count - 3000)).toBeLessThan(150)
  })

  test('a client stays away from the node of its publisher when it comes back', () => {
    const [one, two] = placersOf(planOf({}))
    for (let i = 0; i < 1000; i++) for (const attempt of [1, 2, 3]) expect(two.nodeOf(i, attempt)).not.toBe(one.nodeOf(i, 0))
  })

  test('a client that hears from all nodes takes the one it hears least from', () => {
    const nodes = [1, 2, 7].map((weight, i) => sampleNode(`n${i}`, weight))
    const placed = (share: number) => counts(placersOf(planOf({ nodes, filter: '#', share, clients: [1000, 50] }))[1], 50, 3)
    expect(placed(1)).toEqual([50, 0, 0])
    expect(placed(0)).toEqual([0, 0, 50])
    expect(placed(0.2)).toEqual([10, 0, 40])
  })

  test('clients that hear about as much from each node go to all of them', () => {
    const found = counts(placersOf(planOf({ filter: '#', clients: [1000, 60] }))[1], 60, 3)
    expect(found).toEqual([20, 20, 20])
  })

  test('how much is heard is a matter of messages, not of publishers', () => {
    const talkative = sampleGroup({
      name: 'talkative',
      index: 2,
      placement: { kind: 'nodes', nodes: [0] },
      publish: [sampleEntry({ index: 1, topic: 'z', trigger: { kind: 'periodic', periodUs: 1e3 } })],
    })
    const plan = planOf({ filter: '#', publishers: { placement: { kind: 'nodes', nodes: [1, 2] } }, clients: [20, 10], share: 0 })
    expect(counts(new Placer({ ...plan, groups: [...plan.groups, talkative] }, plan.groups[1]!), 10, 3)).toEqual([10, 0, 0])
  })

  test.each([
    { who: 'a group that only publishes', cluster: { publishers: { placement: cross(1) } }, group: 0 },
    { who: 'a group that hears nobody', cluster: { filter: 'nothing' }, group: 1 },
    { who: 'a group that hears only itself', cluster: { filter: 'y', subscribers: { publish: [sampleEntry({ topic: 'y' })] } }, group: 1 },
  ])('$who is placed by weight', ({ cluster, group }) => {
    expect(counts(placersOf(planOf(cluster))[group]!, 1000, 3).sort()).toEqual([333, 333, 334])
  })
})

describe('clean sessions', () => {
  const cleanCount = (fields: Partial<GroupPlan> & { clients: number }) => {
    const clean = isClean(samplePlan(), sampleGroup(fields))
    return Array.from({ length: fields.clients }, (_, client) => clean(client)).filter(Boolean).length
  }

  test.each([
    [1, 7, 7],
    [0, 7, 0],
    [0.95, 10_000, 9500],
    [0.05, 200, 10],
    [0.5, 2, 1],
  ])('a share of %d of %i clients is %i of them', (cleanShare, clients, expected) => {
    expect(cleanCount({ cleanShare, clients })).toBe(expected)
  })

  test('are rounded up or down where a share is no whole number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 1000 }), (percent, clients) => {
        expect(Math.abs(cleanCount({ cleanShare: percent / 100, clients }) - (clients * percent) / 100)).toBeLessThan(1)
      }),
    )
  })
})
