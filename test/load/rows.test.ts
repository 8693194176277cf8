import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rowAt, rowsOf } from '../../src/load/rows.ts'

it('rows give back what the map had, and nothing for other keys', () => {
  const rows = fc.array(fc.tuple(fc.nat(2 ** 40), fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 5 })), { maxLength: 30 })
  fc.assert(
    fc.property(rows, fc.nat(2 ** 40), (entries, other) => {
      const map = new Map(entries)
      const flat = rowsOf(map)
      for (const [key, values] of map) expect(Array.from(rowAt(flat, key))).toEqual(values)
      if (!map.has(other)) expect(rowAt(flat, other)).toHaveLength(0)
    }),
  )
})

it('rows that are not wanted are left out', () => {
  const map = new Map([
    [3, [1, 2]],
    [1, [5]],
    [2, [7]],
  ])
  const odd = rowsOf(map, (key) => key % 2 === 1)
  expect([1, 2, 3].map((key) => Array.from(rowAt(odd, key)))).toEqual([[5], [], [1, 2]])
})
