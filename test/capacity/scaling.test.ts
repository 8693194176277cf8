import { describe, expect, test } from 'vitest'
import { confidenceOf, type Measurement, Scaling } from '../../src/capacity/scaling.ts'
import { fitUsl, throughputAt, type Usl } from '../../src/capacity/usl.ts'
import { keyOf, random } from '../../src/load/order.ts'
import { CISCO, RAYTRACER, SPEC } from './published.ts'

const PLAN: Usl = { gamma: 40_000, alpha: 0.03, beta: 0.0005 }

/** Three measurements of each size, without scatter unless given some. */
function measured(sizes: readonly number[], of: (nodes: number) => number, scatter: readonly number[] = [1, 1, 1]): Measurement[] {
  return sizes.flatMap((nodes) => scatter.map((factor) => ({ nodes, perSec: of(nodes) * factor, badPerSec: null })))
}
const law = (nodes: number) => throughputAt(PLAN, nodes)
const once = (points: typeof CISCO) => points.map((point) => ({ ...point, badPerSec: null }))
const thrice = (points: typeof CISCO) => once([...points, ...points, ...points])

describe('a law has intervals of Student’s t with n − 3 degrees of freedom, not those of R’s confint', () => {
  test.each([
    { name: 'SPEC', points: SPEC, alpha: [0.0024024841, 0.053054456], beta: [4.9182904e-5, 1.595481e-4], gamma: [50.532257, 129.4582] },
    {
      name: 'raytracer, six rows',
      points: RAYTRACER.slice(0, 6),
      alpha: [-0.0022587703, 0.0511468466],
      beta: [0.00079492285, 0.0024586959],
      gamma: [18.346666, 23.365424],
    },
  ])('on $name', ({ points, alpha, beta, gamma }) => {
    const confidence = confidenceOf(fitUsl(points))
    for (const [key, [low, high]] of Object.entries({ alpha, beta, gamma })) {
      const found = confidence![key as keyof Usl]
      expect(found.low / low!, key).toBeCloseTo(1, 3)
      expect(found.high / high!, key).toBeCloseTo(1, 3)
    }
  })

  test('and none where a coefficient sits on its bound', () => {
    expect(new Scaling(thrice(RAYTRACER), { replicates: 10 }).law!.confidence).toBeNull()
  })
})

describe('a prediction says where it comes from', () => {
  const scaling = new Scaling(measured([1, 2, 4, 8], law, [0.995, 1, 1.005]))

  test('measured, at a size that was', () => {
    const { quantity } = scaling.predict(4)
    expect(quantity).toMatchObject({ provenance: 'measured', basis: '3 searches with 4 nodes' })
    expect(quantity!.value).toBeCloseTo(145_985.401, 2)
    expect(quantity!.range!.low).toBeCloseTo(145_985.401 * 0.995, 2)
  })

  test('interpolated, between sizes', () => {
    const { quantity } = scaling.predict(6)
    expect(quantity).toMatchObject({ provenance: 'interpolated', basis: 'the scaling law of 1, 2, 4 and 8 nodes' })
    expect(quantity!.value / law(6)).toBeCloseTo(1, 3)
    expect(quantity!.range!.low).toBeLessThan(quantity!.value)
    expect(quantity!.range!.high).toBeGreaterThan(quantity!.value)
  })

  test('extrapolated, up to twice the largest, with the envelope of line, Amdahl and law as its range', () => {
    const { quantity } = scaling.predict(16)
    expect(quantity).toMatchObject({ provenance: 'extrapolated', basis: 'the scaling law of 1, 2, 4 and 8 nodes, × 2 beyond' })
    const { line, amdahl } = scaling.law!
    expect(quantity!.range!.high).toBe(throughputAt(line, 16))
    expect(quantity!.range!.high).toBeGreaterThan(throughputAt(amdahl, 16))
    expect(quantity!.range!.low).toBeLessThan(quantity!.value)
  })

  test('the worked case: X(4), X(10) and X(15) of exact data', () => {
    const exact = new Scaling(measured([1, 2, 3, 4, 6, 8], law), { replicates: 50 })
    expect(exact.law!.fit.alpha).toBeCloseTo(0.03, 8)
    expect(exact.predict(10).quantity!.value).toBeCloseTo(304_182.5095, 1)
    expect(exact.predict(15).quantity!.value).toBeCloseTo(393_442.623, 1)
    expect(exact.nodesFor(100_000 / 0.7).nodes).toBe(4)
  })
})

describe('refused, with words for what to measure, is', () => {
  test.each([
    {
      why: 'one size',
      scaling: new Scaling(measured([1], law)),
      nodes: 4,
      reason: 'a scaling law needs four sizes of the cluster, and there are 1: 1 node',
      measure: 'search at 3 more sizes, three times each',
    },
    {
      why: 'three sizes, as in 1, 2 and 4 nodes for 32',
      scaling: new Scaling(thrice(CISCO.filter(({ nodes }) => [1, 2, 4].includes(nodes)))),
      nodes: 32,
      reason: 'a scaling law needs four sizes of the cluster, and there are 3: 1, 2 and 4 nodes',
      measure: 'search at 1 more size, three times each',
    },
    {
      why: 'three sizes, once each',
      scaling: new Scaling(measured([1, 2, 3], law).filter((_, i) => i % 3 === 0)),
      nodes: 4,
      reason: 'a scaling law needs four sizes of the cluster, and there are 3: 1, 2 and 3 nodes',
      measure: 'search at 1 more size, three times each, and again with 1, 2 and 3 nodes until there are three of each',
    },
    {
      why: 'too few measurements of a size',
      scaling: new Scaling(measured([1, 2, 4, 8], law).slice(1)),
      nodes: 6,
      reason: 'a scaling law needs three measurements of each size, and of 1 node there are fewer',
      measure: 'search again with 1 node',
    },
    {
      why: 'more than twice the largest size',
      scaling: new Scaling(thrice(CISCO.filter(({ nodes }) => [1, 2, 4, 8].includes(nodes)))),
      nodes: 32,
      reason: '32 nodes are × 4 the largest size measured, and nothing can be said beyond × 2',
      measure: 'search with 16 nodes or more, three times',
    },
    {
      why: 'less than the smallest size',
      scaling: new Scaling(measured([2, 4, 6, 8], law), { replicates: 50 }),
      nodes: 1,
      reason: '1 nodes are fewer than the 2 of the smallest size measured',
      measure: 'search with 1, three times',
    },
    {
      why: 'nothing at all',
      scaling: new Scaling([]),
      nodes: 1,
      reason: 'no size of the cluster was measured',
      measure: 'search at four sizes or more, three times each',
    },
  ])('$why', ({ scaling, nodes, reason, measure }) => {
    expect(scaling.predict(nodes)).toMatchObject({ quantity: null, refusal: { reason, measure } })
  })

  test('a load beyond what twice the largest size surely does', () => {
    const scaling = new Scaling(measured([1, 2, 3, 4], law, [0.99, 1, 1.01]))
    const { nodes, refusal } = scaling.nodesFor(900_000)
    expect(nodes).toBeNull()
    expect(refusal).toMatchObject({ reason: 'nothing up to 8 nodes, twice the largest size measured, surely does 900,000/s' })
    expect(refusal!.measure).toMatch(/^search with \d+ nodes or more, three times$/)
  })

  test('but never what was measured itself', () => {
    const scaling = new Scaling(measured([1, 2, 4], law))
    expect(scaling.predict(4).quantity).toMatchObject({ provenance: 'measured' })
    expect(scaling.nodesFor(70_000).nodes).toBe(2)
  })
})

test.each([
  { sizes: [1, 2, 4], at16: 7018, at32: 5435 },
  { sizes: [1, 2, 4, 8], at16: 11_196, at32: 17_423 },
  { sizes: [1, 2, 3, 4, 5, 6], at16: 11_404, at32: 18_087 },
  { sizes: [1, 2, 4, 8, 12], at16: 10_034, at32: 11_024 },
])('and rightly so: a law of $sizes says $at32 for 32 nodes, which do 12,074', ({ sizes, at16, at32 }) => {
  const fit = fitUsl(CISCO.filter(({ nodes }) => sizes.includes(nodes)))
  expect(throughputAt(fit, 16) / at16).toBeCloseTo(1, 3)
  expect(throughputAt(fit, 32) / at32).toBeCloseTo(1, 3)
})

describe('without a law it is still sure', () => {
  test('how many are surely too few: no cluster does more than the share of a smaller one', () => {
    const scaling = new Scaling(measured([1, 2], law))
    // 2 nodes do 77,594.57/s, so that one does at most 38,797/s in any cluster of more.
    expect(scaling.fewestFor(400_000)).toBe(11)
    expect(scaling.fewestFor(60_000)).toBe(2)
    // Two may do it, by what one does; that four were seen to do it says nothing of two.
    expect(new Scaling(measured([1, 4], law)).fewestFor(75_000)).toBe(2)
    expect(new Scaling(measured([4, 6], law)).fewestFor(75_000)).toBe(1)
  })

  test('what a size does between two that do it: there is one peak', () => {
    const scaling = new Scaling(measured([1, 4, 9], law))
    expect(scaling.isBetween(6, 100_000)).toBe(true)
    expect(scaling.isBetween(10, 100_000)).toBe(false)
    expect(scaling.isBetween(2, 100_000)).toBe(false)
  })
})

test('on exactly linear data the law is a line', () => {
  const scaling = new Scaling(measured([1, 2, 3, 4, 5], (nodes) => 200_000 * nodes))
  expect(scaling.law!.fit).toMatchObject({ alpha: 0, beta: 0 })
  expect(scaling.predict(10).quantity!.value).toBeCloseTo(2_000_000, 3)
})

test('the band of resampled fits holds the truth in about 90 % of simulations', { timeout: 60_000 }, () => {
  const simulations = 200
  let held = 0
  for (let i = 0; i < simulations; i++) {
    const key = keyOf(7, 'simulation', i)
    // The sum of twelve uniform numbers is normal enough; 2 % of the throughput.
    const noise = (nodes: number, repeat: number) =>
      Array.from({ length: 12 }, (_, k) => random(key, nodes * 16 + repeat, k)).reduce((sum, x) => sum + x, -6)
    const some = [1, 2, 4, 6, 8, 12].flatMap((nodes) =>
      [0, 1, 2].map((repeat) => ({ nodes, perSec: law(nodes) * (1 + 0.02 * noise(nodes, repeat)), badPerSec: null })),
    )
    const { range } = new Scaling(some, { replicates: 200, seed: i }).predict(10).quantity!
    if (range!.low <= law(10) && law(10) <= range!.high) held++
  }
  expect(held / simulations).toBeGreaterThan(0.84)
  expect(held / simulations).toBeLessThan(0.96)
})

test('the same measurements have the same band', () => {
  const some = measured([1, 2, 4, 8], law, [0.98, 1, 1.03])
  expect(new Scaling(some).predict(6)).toEqual(new Scaling(some).predict(6))
})
