import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Near } from '../../src/load/near.ts'

/** Ranges in order: gaps and lengths in turn. */
const ranges = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })), { maxLength: 6 }).map((steps) => {
  let at = 0
  return steps.map(([gap, length]) => {
    const from = at + gap
    at = from + length
    return [from, at] as const
  })
})

test('a client is near if one of the ranges has it, in whatever order one asks', () => {
  fc.assert(
    fc.property(ranges, fc.array(fc.nat(120), { minLength: 1 }), (some, clients) => {
      const near = new Near(some)
      for (const client of clients) expect(near.has(client)).toBe(some.some(([from, to]) => from <= client && client < to))
    }),
  )
})

test('nobody is near where there are no ranges', () => expect(new Near([]).has(0)).toBe(false))
