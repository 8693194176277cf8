import { describe, expect, test } from 'vitest'
import { cellKey } from '../../src/load/group.ts'
import { Aborts } from '../../src/run/aborts.ts'
import { Metrics } from '../../src/stats/metrics.ts'
import { samplePlan } from '../load/sample-plan.ts'

/** A run whose connect phase begins at 10 s and measure at 20 s, and what becomes of it; times are seconds since the epoch. */
function abortsOf(...thresholds: readonly (readonly [expect: string, graceS: number])[]) {
  const metrics = new Metrics()
  const plan = samplePlan({
    thresholds: thresholds.map(([expect]) => expect),
    aborts: thresholds.map(([expect, graceS]) => ({ expect, graceUs: graceS * 1e6 })),
  })
  const events: object[] = []
  const words: string[] = []
  const aborts = new Aborts(plan, {
    folder: { event: (tS, event, details) => events.push({ tS, event, ...details }) },
    listener: { onAbort: (text) => words.push(text) },
  })
  return {
    aborts,
    metrics,
    events,
    words,
    phase: (name: string, atS: number) => aborts.phase(name, atS * 1e6),
    /** What `metrics` has comes in, and each second of them is whole. @returns what has ended the run */
    seconds(fromS: number, toS: number) {
      for (let s = fromS; s <= toS; s++) {
        aborts.take(metrics.take())
        aborts.second(s * 1e6, { earliestUs: s * 1e6, latestUs: s * 1e6 }, null)
      }
      return aborts.abort
    },
  }
}

describe('a threshold with abortOnFail', () => {
  test('on connections is held against them from its grace after the start of connect', () => {
    const { phase, seconds, metrics, events, words } = abortsOf(['clients.failed < 3', 5])
    metrics.clients.at(cellKey.client(0, 0)).counts.failed = 3
    phase('connect', 10)
    expect(seconds(10, 14)).toBeNull()
    expect(seconds(15, 15)).toEqual({
      expect: 'clients.failed < 3',
      atUs: 15e6,
      words: 'after 5 s of connect: clients.failed < 3 did not hold: 3',
    })
    expect(events).toEqual([{ tS: 15, event: 'abort', expect: 'clients.failed < 3', words: words[0] }])
  })

  test('on messages is held against them from its grace after the start of measure', () => {
    const { phase, seconds, metrics } = abortsOf(['endToEnd.p99 < 50ms', 4])
    metrics.deliveries.at(cellKey.delivery(1, 0, 0)).record('endToEnd', 81_000)
    phase('connect', 10)
    phase('warmUp', 15)
    expect(seconds(10, 19)).toBeNull()
    phase('measure', 20)
    expect(seconds(20, 23)).toBeNull()
    expect(seconds(24, 24)?.words).toBe('after 4 s of measure: endToEnd.p99 < 50ms did not hold: 81 ms')
  })

  test('holds as long as nothing is there to be held against it', () => {
    const { phase, seconds } = abortsOf(['endToEnd.p99 < 50ms', 0], ['publishes.sentRatio > 99%', 0])
    phase('connect', 10)
    phase('measure', 20)
    expect(seconds(20, 40)).toBeNull()
  })

  test('ends a run once, and nothing behind measure', () => {
    const { phase, seconds, metrics, words } = abortsOf(['clients.failed < 3', 0], ['clients.failed < 2', 0])
    phase('connect', 10)
    phase('measure', 20)
    phase('drain', 30)
    metrics.clients.at(cellKey.client(0, 0)).counts.failed = 3
    expect(seconds(30, 31)).toBeNull()
    phase('measure', 32)
    expect(seconds(32, 34)?.expect).toBe('clients.failed < 3')
    expect(words).toHaveLength(1)
  })

  test('knows during its grace already what becomes late', () => {
    const { phase, seconds, metrics } = abortsOf(['ack.p99 < 2s', 6])
    phase('connect', 10)
    phase('measure', 20)
    metrics.publishes.at(cellKey.publish(0, 1)).counts.ackWanted = 5
    expect(seconds(21, 25)).toBeNull()
    expect(seconds(26, 26)?.words).toBe('after 6 s of measure: ack.p99 < 2s did not hold: ∞')
  })
})
