import { expect, test } from 'vitest'
import type { ShareSpread } from '../../src/load/shares.ts'
import { shareFacts, shareFigures } from '../../src/report/shares.ts'
import { renderText } from '../../src/report/text.ts'
import type { ShareFigures } from '../../src/report/types.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const spread = (filter: string, fairness: number | null, groups = [0]): ShareSpread => ({
  filter,
  groups,
  members: 4,
  received: 1000,
  least: 100,
  most: 400,
  fairness,
})

test('a group has the shares that its clients are members of, the least even first and the idle ones last', () => {
  const all = [spread('$share/a/t', 1), spread('$share/b/t', null), spread('$share/c/t', 0.73456, [0, 1]), spread('$share/d/t', 0.5, [2])]
  expect(shareFigures(all, 0).shares).toEqual([
    { filter: '$share/c/t', members: 4, received: 1000, least: 100, most: 400, fairness: 0.735 },
    { filter: '$share/a/t', members: 4, received: 1000, least: 100, most: 400, fairness: 1 },
    { filter: '$share/b/t', members: 4, received: 1000, least: 100, most: 400, fairness: null },
  ])
  expect(shareFigures(all, 1).shares!.map(({ filter }) => filter)).toEqual(['$share/c/t'])
  expect(shareFigures(all, 3)).toEqual({})
})

test('a group of very many shares has the least even of them', () => {
  const many = Array.from({ length: 500 }, (_, i) => spread(`$share/a/${i}`, 1 - i / 1000))
  const { shares } = shareFigures(many, 0)
  expect(shares).toHaveLength(100)
  expect(shares![0]!.filter).toBe('$share/a/499')
})

const share: ShareFigures = { filter: '$share/a/t', members: 4, received: 1000, least: 100, most: 400, fairness: 0.735 }

test('the words say how many, to how many, and how evenly', () => {
  const groups = {
    one: { shares: [share, { ...share, filter: '$share/b/t', members: 1, received: 7, least: 7, most: 7, fairness: 1 }] },
    // Of both groups: told once.
    two: { shares: [share, { ...share, filter: '$share/i/t', received: 0, least: 0, most: 0, fairness: null }] },
    more: { shares: [0.9, 0.95].map((fairness, i) => ({ ...share, filter: `$share/m/${i}`, fairness })) },
  }
  expect(shareFacts(sampleReport({ groups }))).toEqual([
    '$share/a/t: 1,000 to 4 members, 100 to 400 each, fairness 0.73',
    '$share/m/0: 1,000 to 4 members, 100 to 400 each, fairness 0.90',
    '$share/m/1: 1,000 to 4 members, 100 to 400 each, fairness 0.95',
    '2 more in the report',
  ])
})

test('a summary has them, and only where there are some', () => {
  const text = (report = sampleReport()) => renderText(report, { color: false, width: 100, folder: null })
  const { dashboards } = sampleReport().groups
  expect(text()).not.toContain('Shares')
  expect(text(sampleReport({ groups: { dashboards: { ...dashboards!, shares: [share] } } }))).toContain(
    '\nShares     $share/a/t: 1,000 to 4 members, 100 to 400 each, fairness 0.73\n',
  )
})
