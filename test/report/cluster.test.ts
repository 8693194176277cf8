import { describe, expect, test } from 'vitest'
import { clusterFacts, clusterNotes, crossNodeShare, matrices } from '../../src/report/cluster.ts'
import type { PairFigures, Report } from '../../src/report/types.ts'
import { latency, sampleReport } from '../helpers/sample-report.ts'

const sample = sampleReport()
const [pair] = sample.pairs as [PairFigures]

/** A report of so many owed deliveries from node (row) to node (column): '50 50 | - 75'; '-': they exchanged nothing. */
function reportOf(matrix: string, lost = 0): Report {
  const owed = matrix.split(' | ').map((row) => row.split(' ').map((count) => (count === '-' ? null : Number(count))))
  const names = owed.map((_, i) => `n${i + 1}`)
  const pairs = owed.flatMap((row, from) =>
    row.flatMap((count, to) =>
      count === null
        ? []
        : [
            {
              from: names[from]!,
              to: names[to]!,
              endToEndUs: latency(100, 1000 * (1 + from) * (1 + to), 0),
              deliveries: { ...pair.deliveries, owed: count, lost },
            },
          ],
    ),
  )
  const nodes = Object.fromEntries(names.map((name) => [name, sample.nodes.a!]))
  return sampleReport({ pairs, nodes, plan: { ...sample.plan, nodes: names.map((name) => ({ name, url: '', zone: null, weight: 1 })) } })
}

describe('the cross-node share', () => {
  test.each([
    { owed: '50 50 | 25 75', share: 0.375 },
    { owed: '- 10 | - -', share: 1 },
    { owed: '10 - | - 10', share: 0 },
    { owed: '0 0 | 0 0', share: null },
    { owed: '-', share: null },
  ])('of $owed is $share', ({ owed, share }) => expect(crossNodeShare(reportOf(owed))).toBe(share))
})

describe('a note', () => {
  test.each([
    { why: 'none at nine tenths of 1 - 1/2', owed: '55 45 | 45 55', note: false },
    { why: 'one below', owed: '56 44 | 45 55', note: true },
    { why: 'one at half with three nodes', owed: '50 50 0 | 0 50 50 | 50 0 50', note: true },
    { why: 'none without deliveries', owed: '0 0 | 0 0', note: false },
    { why: 'none with one node', owed: '100', note: false },
  ])('is $why', ({ owed, note }) => expect(clusterNotes(reportOf(owed))).toHaveLength(note ? 1 : 0))

  test('says what crossed, what would be expected, and what to do', () => {
    const notes = clusterNotes(reportOf('80 20 | 20 80'))
    expect(notes).toEqual([
      'Only 20 % of deliveries crossed from one node to another; with clients spread at random over 2 nodes it would be 50 %. ' +
        'The figures are more of single nodes than of a cluster: placement {crossNode: 100%} changes that.',
    ])
  })
})

describe('the facts of a cluster', () => {
  const clients = (planned: number, connected: number) => ({ clients: { ...sample.clients, planned, connected } })

  test('are the share that crossed, and how much fuller than the mean the fullest node is', () => {
    expect(clusterFacts(sampleReport({ nodes: { a: clients(100, 50), b: clients(100, 150) } }))).toEqual([
      '50 % of deliveries crossed nodes',
      'fullest node: 1.00 × the mean planned, 1.50 × the mean connected',
    ])
  })

  test('are without a share where nothing was delivered, and even where nobody connected', () => {
    expect(clusterFacts(sampleReport({ pairs: [], nodes: { a: clients(3, 0), b: clients(1, 0) } }))).toEqual([
      'fullest node: 1.50 × the mean planned, 1.00 × the mean connected',
    ])
  })

  test('are none with one node', () => expect(clusterFacts(reportOf('100'))).toEqual([]))
})

describe('the matrix from node to node', () => {
  const texts = (report: Report) => matrices(report).map(({ rows }) => rows.map(({ cells }) => cells.map(({ text }) => text)))

  test('has a row for each publisher’s node and a column for each subscriber’s', () => {
    const [table] = matrices(reportOf('1 1 | - 1'))
    expect(table!.columns).toEqual(['to n1', 'to n2'])
    expect(table!.rows.map(({ name }) => name)).toEqual(['from n1', 'from n2'])
    expect(table!.rows.map(({ cells }) => cells.map(({ text }) => text))).toEqual([
      ['1 ms', '2 ms'],
      ['-', '4 ms'],
    ])
  })

  test('has a second one of what was lost, where anything was', () => {
    expect(texts(reportOf('1 1 | 1 1', 3))[1]).toEqual([
      ['3', '3'],
      ['3', '3'],
    ])
    expect(texts(reportOf('1 1 | 1 1'))).toHaveLength(1)
  })

  test.each([
    { nodes: 1, tables: 0 },
    { nodes: 8, tables: 1 },
    { nodes: 9, tables: 0 },
  ])('is left out with too many nodes, or one: $nodes', ({ nodes, tables }) => {
    expect(matrices(reportOf(new Array(nodes).fill(new Array(nodes).fill(1).join(' ')).join(' | ')))).toHaveLength(tables)
  })
})
