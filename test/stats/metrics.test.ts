import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CELLS, type Counter, countIn, Metrics } from '../../src/stats/metrics.ts'

/** One thing that a worker counts. */
const happening = fc.oneof(
  fc.record({
    kind: fc.constant('count' as const),
    key: fc.nat(3),
    name: fc.constantFrom<Counter<'deliveries'>>(...CELLS.deliveries.counters),
    by: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({ kind: fc.constant('latency' as const), key: fc.nat(3), us: fc.nat(5_000_000) }),
  fc.record({ kind: fc.constant('error' as const), name: fc.constantFrom('ECONNREFUSED', 'TLS') }),
  fc.record({ kind: fc.constant('bytes' as const), by: fc.nat(1000) }),
  /** The second is over: what was gained is sent. */
  fc.record({ kind: fc.constant('take' as const) }),
)
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never

function happen(metrics: Metrics, what: Happening): void {
  if (what.kind === 'count') metrics.deliveries.at(what.key).counts[what.name] += what.by
  else if (what.kind === 'latency') metrics.deliveries.at(what.key).record('endToEnd', what.us)
  else if (what.kind === 'error') countIn(metrics.errors, what.name)
  else if (what.kind === 'bytes') metrics.clients.at(0).counts.bytesSent += what.by
}

function shown(metrics: Metrics) {
  const cells = [...metrics.deliveries.entries()].map(([key, { counts, latencies }]) => ({
    key,
    counts,
    latencies: latencies.endToEnd?.toSparse() ?? null,
  }))
  return {
    cells: cells.sort((a, b) => a.key - b.key),
    errors: [...metrics.errors].sort(),
    bytes: metrics.clients.sum().counts.bytesSent,
  }
}

describe('metrics', () => {
  it('are the same whether counted by one worker at once or by many in deltas, added in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), happening), { maxLength: 80 }), fc.infiniteStream(fc.nat()), (happenings, dice) => {
        const whole = new Metrics()
        const workers = [new Metrics(), new Metrics(), new Metrics()]
        const deltas = []
        for (const [worker, what] of happenings) {
          if (what.kind === 'take') deltas.push(workers[worker]!.take())
          else {
            happen(whole, what)
            happen(workers[worker]!, what)
          }
        }
        deltas.push(...workers.map((worker) => worker.take()))
        const shuffled = deltas.map((delta) => ({ delta, at: dice.next().value })).sort((a, b) => a.at - b.at)
        const sum = new Metrics()
        for (const { delta } of shuffled) sum.add(structuredClone(delta))
        expect(shown(sum)).toEqual(shown(whole))
      }),
    )
  })

  it('are gained once: a second take of the same has nothing', () => {
    const metrics = new Metrics()
    metrics.clients.at(1).counts.connected++
    metrics.clients.at(1).record('connect', 1000)
    expect(metrics.take().clients).toMatchObject([[1, { counts: { connected: 1 }, latencies: { connect: { count: 1, max: 1000 } } }]])
    expect(metrics.take().clients).toEqual([])
    metrics.clients.at(1).counts.failed++
    expect(metrics.take().clients).toEqual([[1, { counts: { failed: 1 }, latencies: {} }]])
  })

  it('are summed over the cells that pass, and the cells stay as they are', () => {
    const { publishes } = new Metrics()
    for (const key of [0, 1, 2]) {
      publishes.at(key).counts.sent += 10 ** key
      publishes.at(key).record('ack', 100 * (key + 1))
    }
    expect(publishes.sum().counts.sent).toBe(111)
    expect(publishes.sum((key) => key !== 1).counts.sent).toBe(101)
    expect(publishes.sum((key) => key !== 1).latencies.ack).toMatchObject({ count: 2, min: 100, max: 300 })
    expect(publishes.at(0).latencies.ack!.count).toBe(1)
  })
})
