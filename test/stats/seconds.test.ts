import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CellDelta, Metrics } from '../../src/stats/metrics.ts'
import { Seconds, secondKey, secondOf } from '../../src/stats/seconds.ts'

/** One delivery: which worker, in which second, how late, and whether the worker tells what it has before. */
const delivery = fc.record({ worker: fc.nat(2), second: fc.nat(3), us: fc.nat(500_000_000), isTold: fc.boolean() })

test('the sum of seconds is what one worker has counted, whoever tells how often', () => {
  fc.assert(
    fc.property(fc.array(delivery, { maxLength: 60 }), fc.nat(4), (deliveries, until) => {
      const workers = [new Metrics(), new Metrics(), new Metrics()]
      const whole = new Metrics().deliveries
      const seconds = new Seconds()
      for (const { worker, second, us, isTold } of deliveries) {
        if (isTold) seconds.add(structuredClone(workers[worker]!.take()))
        const key = secondKey.delivery(second, worker > 0, 1)
        for (const cell of [workers[worker]!.deliveriesBySecond.at(key), whole.at(key)]) {
          cell.counts.arrived++
          cell.record('endToEnd', us)
        }
      }
      for (const worker of workers) seconds.add(worker.take())
      const passes = (key: number) => secondOf.delivery(key).second < until
      const shown = (cell: ReturnType<typeof whole.sum>) => [cell.counts, cell.latencies.endToEnd?.toSparse()]
      expect(shown(seconds.sum('deliveries', passes))).toEqual(shown(whole.sum(passes)))
    }),
  )
})

test('however often a second is told, it is kept once', () => {
  const seconds = new Seconds()
  const size = () => {
    const kept = [...seconds.entries('publishes')].flatMap(([, delta]: readonly [number, CellDelta]) => Object.values(delta.latencies))
    return kept.reduce((sum, { indices, counts }) => sum + indices.byteLength + counts.byteLength, 0)
  }
  const tell = () => {
    const metrics = new Metrics()
    for (const us of [10, 20, 30]) metrics.publishesBySecond.at(secondKey.publish(7, 1)).record('ack', us)
    seconds.add(metrics.take())
  }
  tell()
  const once = size()
  for (let i = 1; i < 100; i++) tell()
  expect(size()).toBe(once)
  expect(seconds.sum('publishes', () => true).latencies.ack).toMatchObject({ count: 300, min: 10, max: 30 })
})
