import { expect } from 'vitest'
import type { Report } from '../../src/report/types.ts'
import { run } from './helper.ts'

/**
 * Load that crosses a cluster: on each node two publishers and one subscriber, who hears everybody. And what must be true of its report,
 * whatever became of the nodes.
 */
export interface Crossing {
  readonly qos?: readonly number[]
  /** Further keys of both groups. */
  readonly clients?: object
  readonly phases?: object
}

const PUBLISHERS = 2
const EVERY_MS = 100
const MEASURE_MS = 2000

export function crossing(nodes: number, { qos = [1], clients = {}, phases = {} }: Crossing = {}) {
  const publish = qos.map((q) => ({ name: `qos${q}`, topic: `cross/${q}/{client}`, every: `${EVERY_MS}ms`, qos: q }))
  const group = { connect: { at: 'once' }, reconnect: { first: '200ms', max: '1s' }, ...clients }
  return {
    name: 'crossing',
    settle: '1s',
    placement: 'roundRobin',
    probe: false,
    sentinel: false,
    groups: {
      pub: { clients: PUBLISHERS * nodes, publish, ...group },
      sub: { clients: nodes, subscribe: [{ filter: 'cross/#', qos: Math.max(...qos) }], ...group },
    },
    phases: { connect: '30s', warmUp: '500ms', measure: `${MEASURE_MS}ms`, drain: '10s', ...phases },
  }
}

/** What each pair of nodes is owed where nothing goes wrong, for each QoS. */
export const PER_PAIR = (PUBLISHERS * MEASURE_MS) / EVERY_MS

/**
 * Every pair of nodes exchanges every message of every QoS, once.
 *
 * @param mostLost  of QoS 1, where the broker is known to lose some
 */
export async function expectDelivery(urls: readonly string[], qos: readonly number[], mostLost = 0): Promise<void> {
  const { report, exitCode } = await run(crossing(urls.length, { qos, phases: { drain: mostLost > 0 ? '2s' : '10s' } }), urls)
  // 4: a busy machine has kept the generator late, which is nothing that the cluster did.
  expect([0, 4]).toContain(exitCode)
  expect(report.errors).toEqual({})
  expectSound(report)
  const owed = Object.fromEntries(pairNames(urls.length).map((pair) => [pair, PER_PAIR * qos.length]))
  expect(Object.fromEntries(report.pairs.map(({ from, to, deliveries }) => [`${from} → ${to}`, deliveries.owed]))).toEqual(owed)
  for (const q of qos) {
    const { deliveries } = report.qos[q]!
    expect(deliveries).toMatchObject({ owed: PER_PAIR * urls.length ** 2, excused: 0, reordered: 0 })
    expect(deliveries!.lost).toBeLessThanOrEqual(q === 1 ? mostLost : 0)
  }
  expect(report.deliveries.unexpected).toBe(0)
}

export const pairNames = (nodes: number): string[] =>
  Array.from({ length: nodes ** 2 }, (_, i) => `node-${1 + Math.floor(i / nodes)} → node-${1 + (i % nodes)}`)

export function lossByPair(report: Report): Record<string, { owed: number; lost: number }> {
  return Object.fromEntries(report.pairs.map(({ from, to, deliveries: { owed, lost } }) => [`${from} → ${to}`, { owed, lost }]))
}

/** The sums of a report that hold in any weather. */
export function expectSound(report: Report): void {
  const { clients, publishes, deliveries } = report
  const nodes = Object.values(report.nodes)
  for (const name of ['planned', 'connected', 'disconnected', 'reconnected'] as const) {
    expect([name, sum(nodes.map((node) => node.clients![name]))]).toEqual([name, clients[name]])
  }
  // Without churn each loss of a connection is one reconnect that was wanted, at the node where it was lost.
  expect(report.reconnectUs.count).toBe(clients.disconnected)
  for (const node of nodes) expect(node.reconnectUs!.count).toBe(node.clients!.disconnected)
  expect(publishes.sent + publishes.dropped).toBe(publishes.planned)
  for (const { owed, received, lost } of [deliveries, ...report.pairs.map((pair) => pair.deliveries)]) expect(received + lost).toBe(owed)
  expect(sum(report.pairs.map((pair) => pair.deliveries.owed))).toBe(deliveries.owed)
  if (publishes.dropped > 0) return
  // Each owed delivery has its latency at its own pair: infinite if it was lost, and only then.
  for (const { endToEndUs, deliveries } of report.pairs) {
    expect(endToEndUs.count).toBe(deliveries.owed)
    expect(endToEndUs.max === null).toBe(deliveries.lost > 0 || deliveries.owed === 0)
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
