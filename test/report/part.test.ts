import { expect, test } from 'vitest'
import { cellKey } from '../../src/load/group.ts'
import { partOf, sumOf } from '../../src/report/part.ts'
import { Metrics } from '../../src/stats/metrics.ts'
import { sampleReport } from '../helpers/sample-report.ts'

test('a node has what its own clients have sent and received, wherever it came from', () => {
  const { plan } = sampleReport()
  const metrics = new Metrics()
  metrics.clients.at(cellKey.client(0, 1)).counts.connected = 5
  metrics.publishesByNode.at(0).counts.sent = 7
  metrics.deliveriesByPair.at(cellKey.pair(0, 1)).counts.received = 9
  const figuresOf = (name: string) => {
    const { clients, publishes, deliveries } = partOf(plan, 'nodes', name)
    return [sumOf(metrics, clients).counts.connected, sumOf(metrics, publishes).counts.sent, sumOf(metrics, deliveries).counts.received]
  }
  expect(plan.nodes.map(({ name }) => [name, ...figuresOf(name)])).toEqual([
    ['a', 0, 7, 0],
    ['b', 5, 0, 9],
  ])
})
