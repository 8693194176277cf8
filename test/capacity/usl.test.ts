import { describe, expect, test } from 'vitest'
import { fitUsl, limitPerSec, nodesFor, peakNodes, type ScalePoint, throughputAt } from '../../src/capacity/usl.ts'
import { tQuantile } from '../../src/stats/distributions.ts'
import { CISCO, PLANNED, points, RAYTRACER, SPEC, USL4J, upTo } from './published.ts'

describe('the fit agrees with what was published', () => {
  test.each([
    { name: 'SPEC', data: SPEC, gamma: 89.995226772, alpha: 0.02772847, beta: 1.043655e-4 },
    { name: 'raytracer', data: RAYTRACER, gamma: 21.84884277, alpha: 0.05777078, beta: 0 },
    { name: 'raytracer, six rows', data: RAYTRACER.slice(0, 6), gamma: 20.8560450105, alpha: 0.0244440382, beta: 0.0016268094 },
    { name: 'cisco', data: CISCO, gamma: 995.6487981, alpha: 0.02671594713, beta: 7.690938808e-4 },
    { name: 'usl4j', data: USL4J, gamma: 1, alpha: 0.02, beta: 0.02 },
    { name: 'the worked case', data: PLANNED, gamma: 40_000, alpha: 0.03, beta: 0.0005 },
  ])('on $name', ({ data, gamma, alpha, beta }) => {
    const fit = fitUsl(data)
    expect(fit.gamma / gamma).toBeCloseTo(1, 5)
    expect(fit.alpha / alpha).toBeCloseTo(1, 4)
    expect(beta === 0 ? fit.beta : fit.beta / beta).toBeCloseTo(beta === 0 ? 0 : 1, 4)
  })

  test('with its residuals, standard errors and share explained', () => {
    const fit = fitUsl(SPEC)
    expect(fit.rss / 27453.72).toBeCloseTo(1, 5)
    expect(fit.degreesOfFreedom).toBe(4)
    expect(fit.r2).toBeCloseTo(0.98956148, 6)
    expect(fit.standardErrors!.gamma).toBeCloseTo(14.213488, 3)
    expect(fit.standardErrors!.alpha).toBeCloseTo(0.0091217312, 6)
    expect(fit.standardErrors!.beta / 1.987527e-5).toBeCloseTo(1, 3)
    expect(fitUsl(CISCO).r2).toBeCloseTo(0.9971511352, 8)
    expect(fitUsl(RAYTRACER).rss / 697.2378).toBeCloseTo(1, 5)
    const residual = (data: readonly ScalePoint[]) => {
      const { rss, degreesOfFreedom } = fitUsl(data)
      return Math.sqrt(rss / degreesOfFreedom)
    }
    expect([residual(SPEC) / 82.84582, residual(RAYTRACER) / 9.3356695, residual(CISCO) / 187.8966632]).toEqual([
      expect.closeTo(1, 6),
      expect.closeTo(1, 6),
      expect.closeTo(1, 6),
    ])
  })

  test('within 0.02 % with the book’s, and with 95 % intervals of n − 3 degrees of freedom, not those of R’s confint', () => {
    const { gamma, alpha, beta } = fitUsl(CISCO)
    for (const [own, book] of [
      [gamma, 995.6486],
      [alpha, 0.02671591],
      [beta, 7.690945e-4],
    ] as const)
      expect(Math.abs(own / book - 1)).toBeLessThan(2e-4)
    const intervals = (data: readonly ScalePoint[]) => {
      const fit = fitUsl(data)
      const half = (name: 'gamma' | 'alpha' | 'beta') => tQuantile(0.975, fit.degreesOfFreedom) * fit.standardErrors![name]
      return (['gamma', 'alpha', 'beta'] as const).flatMap((name) => [fit[name] - half(name), fit[name] + half(name)])
    }
    const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, value > 1 ? 3 : 7))
    expect(intervals(SPEC)).toEqual(near([50.532257, 129.4582, 0.0024024841, 0.053054456, 4.9182904e-5, 1.595481e-4]))
    const six = [18.346666, 23.365424, -0.0022587703, 0.0511468466, 7.9492285e-4, 0.0024586959]
    expect(intervals(RAYTRACER.slice(0, 6))).toEqual(near(six))
  })

  test('has no standard errors where a coefficient sits on its bound, or nothing is left over', () => {
    expect(fitUsl(RAYTRACER).standardErrors).toBeNull()
    expect(fitUsl(points([1, 2, 4], [10, 18, 30])).standardErrors).toBeNull()
  })

  test('is a line on exactly linear data, where R’s nls gives up', () => {
    const fit = fitUsl(points(upTo(5), [200_000, 400_000, 600_000, 800_000, 1_000_000]))
    expect(fit.gamma).toBeCloseTo(200_000, 4)
    expect([fit.alpha, fit.beta]).toEqual([0, 0])
  })

  test('finds laws of any kind again from exact points', () => {
    for (const [gamma, alpha, beta] of [
      [40_000, 0.03, 0.0005],
      [1, 0.5, 0.001],
      [123, 0.001, 0.02],
      [7e6, 0, 0.0001],
      [5, 0.2, 0],
    ] as const) {
      const law = { gamma, alpha, beta }
      const fit = fitUsl([1, 2, 3, 4, 6, 8, 12].map((nodes) => ({ nodes, perSec: throughputAt(law, nodes) })))
      expect(fit.gamma / gamma).toBeCloseTo(1, 6)
      expect(fit.alpha).toBeCloseTo(alpha, 6)
      expect(fit.beta).toBeCloseTo(beta, 7)
    }
  })

  test('can be held to Amdahl’s law, and to a line', () => {
    const amdahl = fitUsl(RAYTRACER, { beta: 0 })
    expect(amdahl.alpha).toBeCloseTo(0.05777078, 6)
    expect(fitUsl(SPEC, { alpha: 0, beta: 0 })).toMatchObject({ alpha: 0, beta: 0 })
  })
})

describe('the law', () => {
  test.each([
    { name: 'SPEC', law: fitUsl(SPEC), peak: 96.519553, limit: 1883.899 },
    { name: 'cisco', law: fitUsl(CISCO), peak: 35.57378908, limit: 12342.8526 },
    { name: 'usl4j', law: fitUsl(USL4J), peak: 7, limit: 3.571428571 },
    { name: 'the worked case', law: fitUsl(PLANNED), peak: 44.04543109, limit: 543_881.5084 },
  ])('of $name has its peak at $peak', ({ law, peak, limit }) => {
    expect(peakNodes(law)).toBeCloseTo(peak, 3)
    expect(limitPerSec(law)).toBeCloseTo(limit, 2)
  })

  test('has no peak without coherency, and without contention no limit', () => {
    expect([peakNodes({ gamma: 1, alpha: 0.1, beta: 0 }), limitPerSec({ gamma: 1, alpha: 0.1, beta: 0 })]).toEqual([Infinity, 10])
    expect(limitPerSec({ gamma: 1, alpha: 0, beta: 0 })).toBe(Infinity)
  })

  test('can be asked backwards', () => {
    expect(nodesFor(fitUsl(CISCO), 11_048)).toBeCloseTo(19.923903, 3)
    for (const law of [
      { gamma: 9, alpha: 0.02, beta: 0.001 },
      { gamma: 9, alpha: 0.02, beta: 0 },
      { gamma: 9, alpha: 0, beta: 0 },
    ]) {
      expect(nodesFor(law, throughputAt(law, 7.5))).toBeCloseTo(7.5, 8)
    }
    expect(nodesFor({ gamma: 1, alpha: 0.1, beta: 0 }, 10)).toBeNull()
  })

  test('says what it says of known points', () => {
    const cisco = fitUsl(CISCO)
    expect(throughputAt(cisco, 20)).toBeCloseTo(11063.6331, 2)
    expect(throughputAt(cisco, 35)).toBeCloseTo(12341.74572, 2)
    // What R's package calls the limit and the optimum: γ/α, and X(1/α).
    const spec = fitUsl(SPEC)
    expect(limitPerSec({ ...spec, beta: 0 })).toBeCloseTo(3245.5893, 1)
    expect(throughputAt(spec, 1 / spec.alpha)).toBeCloseTo(1542.3995, 2)
  })
})
