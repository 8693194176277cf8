import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hello } from '../../src/control/protocol.ts'
import { clientsOf, rangesInWords, type Share, sharesOf } from '../../src/control/shares.ts'
import { Near } from '../../src/load/near.ts'
import type { Plan } from '../../src/load/plan.ts'
import { sliceOf } from '../../src/load/slice.ts'
import { sampleGroup, samplePlan } from '../load/sample-plan.ts'
import { sampleHello } from './sample.ts'

function planOf(...sizes: readonly number[]): Plan {
  let firstClient = 0
  const groups = sizes.map((clients, index) => {
    const group = sampleGroup({ name: `g${index}`, index, clients, firstClient })
    firstClient += clients
    return group
  })
  return samplePlan({ groups, clients: firstClient })
}

const plans = fc.array(fc.nat(200), { minLength: 1, maxLength: 4 }).map((sizes) => planOf(...sizes))
const agents = fc
  .array(fc.record({ cores: fc.integer({ min: 1, max: 64 }), domain: fc.constantFrom('x', 'y', 'z') }), { minLength: 1, maxLength: 8 })
  .map((all) => all.map((fields, i) => sampleHello(`a${i}`, fields)))

/** Global indices of a share's clients. */
function clients(plan: Plan, { slice }: Share): number[] {
  return plan.groups.flatMap(({ firstClient }, g) => {
    const [from, to] = slice.ranges[g]!
    return Array.from({ length: to - from }, (_, i) => firstClient + from + i)
  })
}

const sizesOf = (plan: Plan, all: readonly Hello[]) => Object.fromEntries(sharesOf(plan, all, 'x').map((s) => [s.agent.id, s.clients]))

describe('shares of a plan', () => {
  test('are all of it, each client once', () => {
    fc.assert(
      fc.property(plans, agents, (plan, all) => {
        const shares = sharesOf(plan, all, 'x')
        const found = shares.flatMap((share) => clients(plan, share)).sort((a, b) => a - b)
        expect(found).toEqual(Array.from({ length: plan.clients }, (_, i) => i))
        expect(shares.map(({ slice }) => clientsOf(slice))).toEqual(shares.map((share) => share.clients))
        expect(new Set(shares.map(({ agent }) => agent.id)).size).toBe(all.length)
        expect(shares.map(({ slice }) => [slice.index, slice.of])).toEqual(all.map((_, i) => [i, all.length]))
      }),
    )
  })

  test('are in proportion to the cores, but for one client of each group', () => {
    fc.assert(
      fc.property(plans, agents, (plan, all) => {
        const cores = all.reduce((sum, { host }) => sum + host.cores, 0)
        for (const { agent, slice } of sharesOf(plan, all, 'x')) {
          for (const [g, [from, to]] of slice.ranges.entries()) {
            expect(Math.abs(to - from - (plan.groups[g]!.clients * agent.host.cores) / cores)).toBeLessThanOrEqual(1)
          }
        }
      }),
    )
  })

  test('are never more than an agent takes, where there is room for one more of each group', () => {
    fc.assert(
      fc.property(plans, agents, fc.array(fc.option(fc.nat(400)), { minLength: 8, maxLength: 8 }), (plan, all, caps) => {
        const capped = all.map((agent, i) => ({ ...agent, maxClients: caps[i]! }))
        const room = capped.reduce((sum, { maxClients }) => sum + Math.max(0, (maxClients ?? 1e6) - plan.groups.length), 0)
        fc.pre(room >= plan.clients)
        const shares = sharesOf(plan, capped, 'x')
        for (const { agent, clients } of shares) expect(clients).toBeLessThanOrEqual(agent.maxClients ?? Number.POSITIVE_INFINITY)
        expect(shares.reduce((sum, share) => sum + share.clients, 0)).toBe(plan.clients)
      }),
    )
  })

  test.each([
    { why: 'as their cores are', agents: [{ cores: 2 }, { cores: 6 }], sizes: { a0: 25, a1: 75 } },
    {
      why: 'up to the cap, and the others have the rest',
      agents: [{ cores: 6, maxClients: 10 }, {}, {}],
      sizes: { a0: 10, a1: 45, a2: 45 },
    },
    { why: 'up to one cap after the other', agents: [{ maxClients: 10 }, { maxClients: 40 }, {}], sizes: { a0: 10, a1: 40, a2: 50 } },
    { why: 'up to all caps', agents: [{ maxClients: 30 }, { maxClients: 70 }], sizes: { a0: 30, a1: 70 } },
    { why: 'nothing for one that takes none', agents: [{ maxClients: 0 }, {}], sizes: { a0: 0, a1: 100 } },
  ])('are $why', ({ agents: all, sizes }) => {
    const hellos = all.map((fields, i) => sampleHello(`a${i}`, fields))
    expect(sizesOf(planOf(100), hellos)).toEqual(sizes)
  })

  test('cannot be had where the agents take fewer, and each is told of', () => {
    const all = [sampleHello('a', { maxClients: 1000 }), sampleHello('b', { maxClients: 2000 })]
    expect(() => sharesOf(planOf(3001), all, 'x')).toThrow('the scenario has 3,001 clients, and the agents take fewer: a 1,000, b 2,000')
  })

  test('cannot be had where groups are not to be cut so, though there is room in all', () => {
    const all = ['a', 'b'].map((id) => sampleHello(id, { maxClients: 5 }))
    expect(() => sharesOf(planOf(3, 3, 4), all, 'x')).toThrow(/^the scenario has 10 clients, and cut group by group .*: a 5, b 5$/)
  })

  test('put neighbours on one clock, in whatever order they came', () => {
    const all = ['a', 'b', 'c', 'd'].map((id, i) => sampleHello(id, { domain: i % 2 === 0 ? 'y' : 'x' }))
    const order = (some: readonly Hello[]) => sharesOf(planOf(100), some, 'x').map(({ agent }) => agent.id)
    expect(order(all)).toEqual(['b', 'd', 'a', 'c'])
    expect(order(all.toReversed())).toEqual(['b', 'd', 'a', 'c'])
  })

  test('of equal agents are those of as many workers, in spite of rounding', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 9 }), (plan, count) => {
        const all = Array.from({ length: count }, (_, i) => sampleHello(`a${i}`))
        expect(sharesOf(plan, all, 'x').map(({ slice }) => slice)).toEqual(all.map((_, i) => sliceOf(plan, i, count)))
      }),
    )
  })

  test('are shown by their ranges', () => {
    const slice = {
      index: 0,
      of: 1,
      ranges: [
        [0, 3333],
        [4, 5],
        [7, 7],
      ] as const,
    }
    expect(rangesInWords(planOf(5000, 9, 9), slice)).toBe('g0 0–3332, g1 4')
    expect(rangesInWords(planOf(9), { index: 0, of: 1, ranges: [[3, 3]] })).toBe('no clients')
  })
})

describe('near an agent', () => {
  test('are its own clients, and all that have the controller’s clock where it has it too', () => {
    fc.assert(
      fc.property(plans, agents, (plan, all) => {
        const shares = sharesOf(plan, all, 'x')
        if (all.every(({ domain }) => domain === 'x')) {
          expect(shares.map(({ near }) => near)).toEqual(all.map(() => null))
          return
        }
        for (const share of shares) {
          const isExact = share.agent.domain === 'x'
          const expected = new Set(
            shares.filter((s) => s === share || (isExact && s.agent.domain === 'x')).flatMap((s) => clients(plan, s)),
          )
          const near = new Near(share.near!)
          for (let client = 0; client < plan.clients; client++) expect(near.has(client)).toBe(expected.has(client))
        }
      }),
    )
  })

  test('are few ranges: those that touch are one', () => {
    const all = [sampleHello('a', { domain: 'x' }), sampleHello('b', { domain: 'x' }), sampleHello('c', { domain: 'y' })]
    const [a, b, c] = sharesOf(planOf(30, 30), all, 'x')
    expect(a!.near).toEqual([
      [0, 20],
      [30, 50],
    ])
    expect(b!.near).toEqual(a!.near)
    expect(c!.near).toEqual([
      [20, 30],
      [50, 60],
    ])
  })
})
