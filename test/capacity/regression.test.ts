import { describe, expect, test } from 'vitest'
import { leastSquares, type MemoryModel, memoryModel, type Plateau } from '../../src/capacity/regression.ts'

const plateau = (connections: number, memoryBytes: number, more: Partial<Plateau> = {}): Plateau => ({
  connections,
  memoryBytes,
  subscriptions: null,
  queued: null,
  ...more,
})
const modelOf = (plateaus: readonly Plateau[]) => memoryModel(plateaus) as MemoryModel

describe('least squares', () => {
  test('of one column are the textbook’s: sums of squares, and t', () => {
    const x = [100, 200, 400, 800, 1600]
    const y = [1210, 1395, 1820, 2590, 4230]
    const n = x.length
    const [mx, my] = [x, y].map((values) => values.reduce((a, b) => a + b) / n) as [number, number]
    const sxx = x.reduce((sum, value) => sum + (value - mx) ** 2, 0)
    const slope = x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0) / sxx
    const base = my - slope * mx
    const rss = x.reduce((sum, value, i) => sum + (y[i]! - base - slope * value) ** 2, 0)
    const { coefficients, errors } = leastSquares([x], y)
    expect(coefficients[0]).toBeCloseTo(base, 8)
    expect(coefficients[1]).toBeCloseTo(slope, 10)
    expect(errors[1]).toBeCloseTo(Math.sqrt(rss / (n - 2) / sxx), 10)
    expect(errors[0]).toBeCloseTo(Math.sqrt((rss / (n - 2)) * (1 / n + mx ** 2 / sxx)), 8)
    // One-sided 95 % with 3 degrees of freedom: 2.353363 in any table.
    const { slopes } = modelOf(x.map((value, i) => plateau(value, y[i]!)))
    expect(slopes.connections!.upperBytes).toBeCloseTo(slope + 2.353363 * Math.sqrt(rss / (n - 2) / sxx), 5)
  })

  test('of two columns find what the values were made of', () => {
    const a = [0, 1, 0, 1, 2, 3]
    const b = [0, 0, 1, 1, 5, 2]
    const { coefficients, errors } = leastSquares(
      [a, b],
      a.map((value, i) => 7 + 3 * value - 2 * b[i]!),
    )
    expect(coefficients.map((value) => Number(value.toFixed(9)))).toEqual([7, 3, -2])
    for (const error of errors) expect(error).toBeLessThan(1e-9)
  })
})

describe('a node’s memory', () => {
  test('has a base, and a price for each connection and subscription where both vary by themselves', () => {
    const some = [
      [1e5, 1e5],
      [2e5, 1e5],
      [4e5, 8e5],
      [8e5, 2e5],
      [1e6, 9e5],
    ] as const
    const { baseBytes, slopes, most, leftOut } = modelOf(
      some.map(([connections, subscriptions]) =>
        plateau(connections, 1.5e9 + 11_264 * connections + 700 * subscriptions, { subscriptions, queued: 0 }),
      ),
    )
    expect(baseBytes / 1.5e9).toBeCloseTo(1, 6)
    expect(slopes.connections!.bytes).toBeCloseTo(11_264, 2)
    expect(slopes.subscriptions!.bytes).toBeCloseTo(700, 2)
    expect(Object.keys(slopes)).toEqual(['connections', 'subscriptions'])
    expect(most).toEqual({ connections: 1e6, subscriptions: 9e5 })
    expect(leftOut).toEqual([])
  })

  test('has a price for each queued message beside plateaus in which none waits', () => {
    const idle = [2000, 5000, 10_000].map((n) => plateau(n, 8e6 + 733 * n, { subscriptions: 0, queued: 0 }))
    const waiting = [20_000, 50_000, 90_000].map((n, i) => {
      const subscriptions = (i % 2) * 100 + 100
      return plateau(100, 8e6 + 73_300 + 1100 * subscriptions + 465 * n, { subscriptions, queued: n })
    })
    const { slopes, leftOut } = modelOf([...idle, ...waiting])
    expect(slopes.connections!.bytes).toBeCloseTo(733, 6)
    expect(slopes.subscriptions!.bytes).toBeCloseTo(1100, 4)
    expect(slopes.queued!.bytes).toBeCloseTo(465, 8)
    expect(leftOut).toEqual([])
    // Of one that does not tell it is not known whether some waited.
    expect(memoryModel([...idle, ...waiting, plateau(3000, 8e6 + 733 * 3000, { subscriptions: 0 })])).toEqual({
      refusal: expect.stringMatching(/^memory does not surely grow with connections over 7 plateaus; queued: not told in 1 of 7 plateaus/),
    })
  })

  test('has no price for what would make it less, or can’t be told from nothing', () => {
    const idle = [2000, 5000, 10_000].map((n) => plateau(n, 8e6 + 733 * n, { subscriptions: 0, queued: 0 }))
    // The heap keeps what it took with 900 messages a session.
    const kept = [900, 300].map((n) => plateau(100, 51e6 + n, { subscriptions: 100, queued: 100 * n }))
    expect(memoryModel([...idle, plateau(3500, 8e6 + 733 * 3500, { subscriptions: 0, queued: 0 }), ...kept])).toEqual({
      refusal: expect.stringMatching(
        /^memory does not surely grow .*; subscriptions: at two numbers only; queued: what they take can’t be told from nothing/,
      ),
    })
    const shrinking = modelOf([
      ...idle,
      ...[100, 300, 500].map((n) => plateau(n, 8e6 + 733 * n - 84_000, { subscriptions: n === 300 ? 90 : 101, queued: 0 })),
    ])
    expect(Object.keys(shrinking.slopes)).toEqual(['connections'])
    expect(shrinking.leftOut).toContain('subscriptions: what they take can’t be told from nothing')
  })

  test('has no price for what varies only together with connections, or not at all', () => {
    const { slopes, leftOut } = modelOf([1e5, 2e5, 4e5].map((n) => plateau(n, 1e9 + 12_000 * n, { subscriptions: 2 * n, queued: 500 })))
    expect(Object.keys(slopes)).toEqual(['connections'])
    expect(slopes.connections!.bytes).toBeCloseTo(12_000, 3)
    expect(leftOut).toEqual(['subscriptions: they vary only together with connections', 'queued: as many in every plateau'])
  })

  test.each([
    { why: 'no plateau', plateaus: [], refusal: /^connections hardly vary over 0 plateaus|^0 plateaus/ },
    { why: 'one', plateaus: [plateau(1e5, 1e9)], refusal: /^connections hardly vary over 1 plateau:/ },
    {
      why: 'two, through which any line goes',
      plateaus: [plateau(1e5, 1e9), plateau(2e5, 2e9)],
      refusal: /^2 plateaus for 2 unknowns \(a base and connections\): it takes at least 3/,
    },
    {
      why: 'memory that shrinks',
      plateaus: [1, 2, 3].map((n) => plateau(n * 1e5, 1e9 - n * 1e6)),
      refusal: /^memory does not surely grow with connections over 3 plateaus/,
    },
    { why: 'three that are one', plateaus: [1, 2, 3].map(() => plateau(1e5, 1e9)), refusal: /^connections hardly vary over 3 plateaus/ },
  ])('is refused from $why', ({ plateaus, refusal }) => {
    expect((memoryModel(plateaus) as { refusal: string }).refusal).toMatch(refusal)
  })
})
