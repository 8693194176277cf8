import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GroupPlan, LevelPlan } from '../../src/load/plan.ts'
import { levelValue, Tree, templatesOf, UNUSED } from '../../src/load/tree.ts'
import { sampleEntry, sampleGroup, samplePlan } from './sample-plan.ts'

const level = (name: string, count: number): LevelPlan => ({ name, count, values: null })
const levels = [level('region', 2), level('plant', 20), level('line', 10)]

function treeOf(topic: string, clients: number, fields: Partial<GroupPlan> = {}, seed = 42, all = levels): Tree {
  return new Tree(samplePlan({ seed, levels: all }), sampleGroup({ clients, publish: [sampleEntry({ topic })], ...fields }))
}

const valuesOf = (tree: Tree, clients: number) => Array.from({ length: clients }, (_, client) => tree.values(client))

describe('the levels of a client', () => {
  test('are its index in mixed radix, the last varying fastest, and start over after the last leaf', () => {
    const tree = treeOf('{region}/{plant}/{line}', 1000)
    expect(tree.values(0)).toEqual([0, 0, 0])
    expect(tree.values(1)).toEqual([0, 0, 1])
    expect(tree.values(10)).toEqual([0, 1, 0])
    expect(tree.values(399)).toEqual([1, 19, 9])
    expect(tree.values(400)).toEqual([0, 0, 0])
  })

  test('count only those that the templates use, in the order of the tree', () => {
    const tree = treeOf('{plant}/{region}/x', 40)
    expect(tree.values(21)).toEqual([1, 1, UNUSED])
    expect(new Set(valuesOf(tree, 40).map(String)).size).toBe(40)
  })

  test.each<[string, Partial<GroupPlan>]>([
    [
      'a filter',
      {
        subscribe: [
          {
            index: 0,
            filter: '{plant}/#',
            qos: 0,
            ackAfterUs: 0,
            noLocal: false,
            retainAsPublished: false,
            retainHandling: 0,
            identifier: null,
            reply: null,
            isResponse: false,
          },
        ],
      },
    ],
    ['the client id', { clientId: '{plant}-{client}' }],
    ['the user name', { username: 'user-{plant}' }],
    ['the password', { password: '{plant}' }],
    ['the certificate', { tls: { ...sampleGroup().tls, cert: 'certs/{plant}.pem' } }],
    ['the will', { will: { topic: '{plant}/gone', payload: { kind: 'text', text: '' }, qos: 0, retain: false, delayS: 0 } }],
    ['a property', { publish: [sampleEntry({ userProperties: [['plant', '{plant}']] })] }],
  ])('include those that only %s uses', (_, fields) => {
    expect(templatesOf(sampleGroup(fields)).some((text) => text.includes('{plant}'))).toBe(true)
    expect(treeOf('fixed', 20, fields).values(13)).toEqual([UNUSED, 13, UNUSED])
  })

  test('of fewer clients than leaves are strewn over the whole tree: client i has a leaf of the i-th stretch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 399 }), fc.nat(), (clients, seed) => {
        valuesOf(treeOf('{region}/{plant}/{line}', clients, {}, seed), clients).forEach(([region, plant, line], i) => {
          const leaf = (region! * 20 + plant!) * 10 + line!
          expect(leaf).toBeGreaterThanOrEqual(Math.floor((i * 400) / clients))
          expect(leaf).toBeLessThanOrEqual(Math.floor(((i + 1) * 400) / clients))
        })
      }),
    )
  })

  test('of fewer clients than leaves depend on the seed, and are not always the first of their stretch', () => {
    const lines = (seed: number) => valuesOf(treeOf('{region}/{plant}/{line}', 40, {}, seed), 40).map((values) => values[2])
    expect(lines(1)).not.toEqual(lines(2))
    expect(new Set(lines(1)).size).toBeGreaterThan(5)
  })

  test('stay paired between groups of equal size, with and without a spread', () => {
    const spread = { region: [0.9, 1] }
    for (const clients of [7, 1000]) {
      for (const shares of [{}, spread]) {
        const one = treeOf('{region}/{plant}/{line}', clients, { name: 'one', spread: shares })
        const other = treeOf('a/{region}/{plant}/{line}', clients, { name: 'other', spread: shares })
        expect(valuesOf(one, clients)).toEqual(valuesOf(other, clients))
      }
    }
  })

  test('of a very large tree stay in it', () => {
    const tree = treeOf('{a}/{b}', 3, {}, 42, [level('a', 2 ** 26), level('b', 2 ** 26)])
    for (const [a, b] of valuesOf(tree, 3)) {
      expect(Math.max(a!, b!)).toBeLessThan(2 ** 26)
      expect(Math.min(a!, b!)).toBeGreaterThanOrEqual(0)
    }
  })
})

describe('a spread', () => {
  test('deals a level by exact shares while the others count on', () => {
    const tree = treeOf('{region}/{plant}', 1000, { spread: { region: [0.7, 1] } })
    const values = valuesOf(tree, 1000)
    expect(values.filter(([region]) => region === 0).length).toBe(700)
    values.forEach(([, plant], client) => {
      expect(plant).toBe(client % 20)
    })
  })

  test('leaves the other levels a tree of their own, which few clients cover too', () => {
    const tree = treeOf('{region}/{plant}', 10, { spread: { region: [0.5, 1] } })
    valuesOf(tree, 10).forEach(([, plant], client) => {
      expect(Math.floor(plant! / 2)).toBe(client)
    })
  })

  test('does not favour any value of the other levels', () => {
    const values = valuesOf(treeOf('{region}/{plant}', 10_000, { spread: { region: [0.5, 1] } }), 10_000)
    for (let plant = 0; plant < 20; plant++) {
      const here = values.filter((v) => v[1] === plant && v[0] === 0).length
      expect(Math.abs(here - 250)).toBeLessThan(60)
    }
  })
})

test('a level’s values are its own, or numbered from 1', () => {
  expect(levelValue({ name: 'region', count: 2, values: ['eu', 'us'] }, 1)).toBe('us')
  expect(levelValue(level('plant', 20), 0)).toBe('plant-1')
  expect(levelValue(level('plant', 20), 19)).toBe('plant-20')
})
