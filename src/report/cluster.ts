/**
 * What a report says of the nodes of a cluster among each other: the matrix from node to node, how many deliveries crossed, and how evenly
 * the clients were spread. Nothing of it where there is one node.
 *
 * A cluster whose subscribers sit beside their publishers is measured node by node: that has to be said, since it flatters.
 */
import { formatCount, formatDuration, formatShare } from '../units.ts'
import { type Cell, countCell, latencyCell, NONE, type Table } from './cells.ts'
import type { PairFigures, Report } from './types.ts'

/** Nodes that a matrix has room for. */
const MOST_NODES = 8
/** Of what clients that are spread at random make of it: a share further below is a note. */
const TOLERANCE = 0.1

/** Share of the owed deliveries whose subscriber was on another node than their publisher; null: none were owed. */
export function crossNodeShare({ pairs }: Pick<Report, 'pairs'>): number | null {
  let all = 0
  let crossed = 0
  for (const { from, to, deliveries } of pairs) {
    all += deliveries.owed
    if (from !== to) crossed += deliveries.owed
  }
  return all === 0 ? null : crossed / all
}

/** Figures of the cluster as a whole, in words. */
export function clusterFacts(report: Report): string[] {
  if (report.plan.nodes.length < 2) return []
  const share = crossNodeShare(report)
  const [planned, connected] = (['planned', 'connected'] as const).map((count) => ratioOfMost(report, count).toFixed(2))
  return [
    ...(share === null ? [] : [`${formatShare(share)} of deliveries crossed nodes`]),
    `fullest node: ${planned} × the mean planned, ${connected} × the mean connected`,
  ]
}

/** That fewer deliveries crossed nodes than a reader would think. */
export function clusterNotes(report: Report): string[] {
  const nodes = report.plan.nodes.length
  const share = crossNodeShare(report)
  const random = 1 - 1 / nodes
  if (nodes < 2 || share === null || share >= (1 - TOLERANCE) * random) return []
  const [actual, expected] = [formatShare(share), formatShare(random)]
  return [
    `Only ${actual} of deliveries crossed from one node to another; with clients spread at random over ${nodes} nodes it would be ${expected}. ` +
      'The figures are more of single nodes than of a cluster: placement {crossNode: 100%} changes that.',
  ]
}

/** A table with the number of each cell; null: it has none. */
export interface Matrix extends Table {
  readonly values: readonly (readonly (number | null)[])[]
  readonly format: (value: number) => string
}

/** End-to-end p99 from node to node, and what was lost, where anything was; empty where there is one node, or too many. */
export function matrices(report: Report): Matrix[] {
  const names = report.plan.nodes.map(({ name }) => name)
  if (names.length < 2 || names.length > MOST_NODES || report.pairs.length === 0) return []
  const pairs = new Map(report.pairs.map((pair) => [`${pair.from} ${pair.to}`, pair]))
  const of = <T>(from: string, what: (pair: PairFigures | undefined) => T): T[] => names.map((to) => what(pairs.get(`${from} ${to}`)))
  const matrix = (
    title: string,
    format: Matrix['format'],
    cell: (pair: PairFigures) => Cell,
    value: (pair: PairFigures) => number | null,
  ) => ({
    title,
    columns: names.map((to) => `to ${to}`),
    rows: names.map((from) => ({ name: `from ${from}`, cells: of(from, (pair) => (pair === undefined ? NONE : cell(pair))) })),
    values: names.map((from) => of(from, (pair) => (pair === undefined ? null : value(pair)))),
    format,
  })
  return [
    matrix(
      'End to end from node to node, p99',
      formatDuration,
      ({ endToEndUs }) => latencyCell(endToEndUs, 'p99'),
      ({ endToEndUs }) => endToEndUs.p99,
    ),
    ...(report.pairs.some(({ deliveries }) => deliveries.lost > 0)
      ? [
          matrix(
            'Lost from node to node',
            formatCount,
            ({ deliveries }) => countCell(deliveries.lost, 'bad'),
            ({ deliveries }) => deliveries.lost,
          ),
        ]
      : []),
  ]
}

/** How many times the mean the node with the most clients has; 1 where there are none. */
function ratioOfMost({ nodes }: Report, count: 'planned' | 'connected'): number {
  const counts = Object.values(nodes).map(({ clients }) => clients?.[count] ?? 0)
  const sum = counts.reduce((total, clients) => total + clients, 0)
  return sum === 0 ? 1 : (Math.max(...counts) * counts.length) / sum
}
