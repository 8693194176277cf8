import { expect, test } from 'vitest'
import { exitCodeOf } from '../../src/cli/exit.ts'

test.each([
  { codes: [], all: 0 },
  { codes: [0, 0], all: 0 },
  { codes: [0, 5], all: 5 },
  { codes: [5, 3, 0], all: 3 },
  { codes: [3, 4], all: 4 },
  { codes: [4, 3, 130], all: 130 },
  { codes: [130, 2], all: 2 },
  { codes: [2, 1, 130], all: 1 },
])('of runs that ended with $codes the code is $all', ({ codes, all }) => expect(exitCodeOf(codes)).toBe(all))
