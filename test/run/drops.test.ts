import { describe, expect, test } from 'vitest'
import { dropsBetween } from '../../src/run/drops.ts'

describe('what nodes have dropped between two readings', () => {
  test.each([
    ['what was added', [5, 0], [12, 3], [7, 3]],
    ['nothing', [5], [5], [0]],
    ['all that a node counts which was started anew meanwhile', [500], [20], [20]],
    ['not known, where one of the readings is missing', [null, 4, null], [7, null, null], [null, null, null]],
  ])('%s', (_, before, after, between) => expect(dropsBetween(before, after)).toEqual(between))
})
