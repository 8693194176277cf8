import { describe, expect, it } from 'vitest'
import { FactBook } from '../../src/load/factbook.ts'
import { writeWide } from '../../src/load/header.ts'
import { Times } from '../../src/load/sheets.ts'
import { headerOf } from '../helpers/run.ts'
import { MemoryRun } from './memory.ts'

/** What was owed and what became of it, message by message: a broker that is this test, and a clock that it moves. */

const SUBSCRIBER = 1
const PERIOD_US = 100_000

const scenario = (publish = '', subscriber = '', qos = 1) => `
name: memory
settle: 100ms
groups:
  publisher: { reconnect: { backoff: fixed, first: 100ms }, ${publish}publish: [{ topic: t, every: 100ms, times: 4, qos: ${qos}, payload: { bytes: 32 } }] }
  subscriber: { reconnect: { backoff: fixed, first: 150ms }, ${subscriber}subscribe: [{ filter: t, qos: ${qos} }] }
phases: { warmUp: 0s, measure: 1s, drain: 1s }
`

/** Four messages are sent, acknowledged but for `unanswered`, and arrive in this order; numbers from 1. */
function run(arrivals: readonly number[], { unanswered = [] as number[], refused = [] as number[], version = 4 } = {}) {
  const memory = new MemoryRun(version === 5 ? scenario('version: 5, ', 'version: 5, ') : scenario())
  memory.start()
  memory.until(memory.nowUs + 5 * PERIOD_US)
  expect(memory.published.map(({ packet }) => headerOf(packet.payload as Buffer).seq)).toEqual([0, 1, 2, 3])
  memory.published.forEach((message, i) => {
    if (refused.includes(i + 1)) memory.answer(message, 0x97)
    else if (!unanswered.includes(i + 1)) memory.answer(message)
  })
  for (const number of arrivals) memory.deliver(SUBSCRIBER, memory.published[number - 1]!.packet)
  return memory
}

describe('the account of four messages', () => {
  it.each([
    ['all arrive', [1, 2, 3, 4], { owed: 4, received: 4 }],
    ['two arrive twice', [1, 2, 3, 2, 3, 4], { owed: 4, received: 4, duplicated: 2 }],
    ['one is overtaken', [1, 3, 2, 4], { owed: 4, received: 4, reordered: 1 }],
    ['one is missing', [1, 2, 4], { owed: 4, received: 3, lost: 1 }],
    ['none arrives', [], { owed: 4, received: 0, lost: 4 }],
  ])('%s', (_, arrivals, expected) => {
    const { counts, account } = run(arrivals).end()
    expect(counts).toEqual(Object.fromEntries(Object.entries(expected).filter(([, count]) => count !== 0)))
    expect(account.missing).toBe(4 - new Set(arrivals).size)
  })

  it('one of another run arrives: unexpected', () => {
    const memory = run([1, 2, 3, 4])
    const { packet } = memory.published[0]!
    const payload = Buffer.from(packet.payload as Buffer)
    memory.deliver(SUBSCRIBER, { ...packet, payload: foreign(payload) })
    expect(memory.end().counts).toEqual({ owed: 4, received: 4, unexpected: 1 })
  })

  it('the last is never acknowledged, but arrives: excused', () => {
    expect(run([1, 2, 3, 4], { unanswered: [4] }).end().counts).toEqual({ owed: 3, received: 3, excused: 1 })
  })

  it('the last is never acknowledged, and does not arrive: excused', () => {
    expect(run([1, 2, 3], { unanswered: [4] }).end().counts).toEqual({ owed: 3, received: 3, excused: 1 })
  })

  it('two are refused, one of them arrives: both excused', () => {
    expect(run([1, 2, 4], { refused: [2, 3], version: 5 }).end().counts).toEqual({ owed: 2, received: 2, excused: 2 })
  })

  it('one comes again as retained: excused, and no duplicate', () => {
    const memory = run([1, 2, 3, 4])
    memory.deliver(SUBSCRIBER, { ...memory.published[1]!.packet, retain: true })
    expect(memory.end().counts).toEqual({ owed: 4, received: 4, excused: 1 })
  })

  it('one is missing, and comes later as retained only: lost and excused, and not reordered', () => {
    const memory = run([1, 3, 4])
    memory.deliver(SUBSCRIBER, { ...memory.published[1]!.packet, retain: true })
    expect(memory.end().counts).toEqual({ owed: 4, received: 3, lost: 1, excused: 1 })
  })

  it('one comes on a topic that nobody asked for, and one on a topic that is not its own: unexpected', () => {
    const memory = run([1, 2, 3, 4])
    memory.deliver(SUBSCRIBER, { ...memory.published[1]!.packet, topic: 'u' })
    memory.deliver(SUBSCRIBER, { ...memory.published[2]!.packet, topic: 'tt' })
    expect(memory.end().counts).toEqual({ owed: 4, received: 4, unexpected: 2 })
  })
})

describe('the settle time', () => {
  /** Kicks the subscriber at a moment after the start of publishing: it is back 150 ms later. Messages are due at 50, 150, 250 and 350 ms. */
  function kicked(atMs: number, subscriber: string, qos: number, arriving: readonly number[], present: boolean) {
    const memory = new MemoryRun(scenario('', subscriber, qos))
    memory.start()
    const originUs = memory.nowUs
    memory.until(originUs + atMs * 1000)
    memory.sessionPresent = present
    memory.kick(SUBSCRIBER)
    memory.until(originUs + 700_000)
    for (const message of memory.published) if (qos > 0) memory.answer(message)
    for (const number of arriving) memory.deliver(SUBSCRIBER, memory.published[number - 1]!.packet)
    return memory.end().counts
  }

  // Kicked at 200 ms, back at 350 ms, settled at 450 ms.
  it('excuses what was sent shortly before a clean session ends, arrived or not, and owes nothing for the time without', () => {
    // 1 was sent 150 ms before: owed. 2 was sent 50 ms before: excused. 3 was sent into nothing, 4 as the client returned.
    expect(kicked(200, '', 1, [1], false)).toMatchObject({ owed: 1, received: 1 })
    expect(kicked(200, '', 1, [], false)).toMatchObject({ owed: 1, lost: 1 })
    expect(kicked(200, '', 1, [1, 2], false).lost ?? 0).toBe(0)
    expect(kicked(200, '', 1, [1, 2], false)).toMatchObject({ owed: 1, received: 1, excused: expect.any(Number) })
  })

  it('owes QoS 1 to a session that was to be kept, through the time away', () => {
    expect(kicked(200, 'cleanSession: false, ', 1, [1, 2, 3, 4], true)).toEqual({ owed: 4, received: 4 })
    expect(kicked(200, 'cleanSession: false, ', 1, [1, 4], true)).toEqual({ owed: 4, received: 2, lost: 2 })
  })

  it('owes it to a session that the broker forgot, too, but for the settle time before that showed', () => {
    // Back at 350 ms without a session: 1 and 2 were due more than 100 ms before, 3 exactly 100 ms, 4 just now.
    const counts = kicked(200, 'cleanSession: false, ', 1, [1], false)
    expect(counts).toMatchObject({ received: 1, excused: expect.any(Number) })
    expect(counts.lost).toBeGreaterThanOrEqual(1)
    expect(counts.owed! + counts.excused!).toBe(4)
  })

  it('owes QoS 0 only to who was connected', () => {
    // 2 was sent 50 ms before the connection was lost; 3 while away; 4 within the settle time after it.
    expect(kicked(200, 'cleanSession: false, ', 0, [1], true)).toEqual({ owed: 1, received: 1, excused: 3 })
  })
})

describe('pieces of measure', () => {
  const sums = (pieces: readonly (readonly [number, { counts: Readonly<Record<string, number>> }])[][]) =>
    pieces.map((piece) => {
      const total: Record<string, number> = {}
      for (const [, { counts }] of piece) for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count
      return total
    })

  it('have their own messages, by intended time: 50, 150, 250 and 350 ms', () => {
    const memory = run([1, 3, 4])
    const { account, counts } = memory.end([200_000, 300_000])
    expect(counts).toEqual({ owed: 4, received: 3, lost: 1 })
    expect(sums(account.pieces)).toEqual([
      { owed: 2, received: 1, lost: 1 },
      { owed: 1, received: 1 },
      { owed: 1, received: 1 },
    ])
  })

  it.each(['periodic', 'poisson'])('add up to the whole, also for a subscriber that was away (%s)', (arrival) => {
    const busy = scenario('', 'cleanSession: false, ').replace('times: 4', `arrival: ${arrival}`).replace('every: 100ms', 'every: 10ms')
    const runs = [[], [310_000, 420_000, 770_000]].map((edges) => {
      const memory = new MemoryRun(busy)
      memory.start()
      memory.sessionPresent = true
      const kickAtUs = memory.nowUs + 300_000
      while (memory.nowUs < memory.fleet.measureEndUs + 300_000) {
        const from = memory.published.length
        memory.until(memory.nowUs + 10_000)
        for (const message of memory.published.slice(from)) memory.answer(message)
        if (memory.nowUs === kickAtUs) memory.kick(SUBSCRIBER)
      }
      for (const message of memory.published.filter((_, i) => i % 7 !== 0)) memory.deliver(SUBSCRIBER, message.packet)
      return memory.end(edges)
    })
    const [whole, cut] = runs
    expect(whole!.counts.owed).toBeGreaterThan(60)
    expect(whole!.counts.lost).toBeGreaterThan(8)
    expect(cut!.counts).toEqual(whole!.counts)
    expect(cut!.account.missing).toBe(whole!.account.missing)
    const parts = sums(cut!.account.pieces)
    expect(parts).toHaveLength(4)
    for (const name of ['owed', 'received', 'lost']) {
      expect(parts.reduce((sum, part) => sum + (part[name] ?? 0), 0)).toBe(whole!.counts[name])
    }
  })
})

describe('intended times, counted up', () => {
  it.each(['periodic', 'poisson'])('are those of the schedule, whatever is left out (%s)', (arrival) => {
    const memory = new MemoryRun(scenario().replace('times: 4', `arrival: ${arrival}`))
    const [group] = memory.fleet.groups
    const times = new Times(new FactBook([]), 5e6, group!, 0, 0)
    for (const seq of [0, 1, 2, 7, 7, 8, 30]) expect(times.of(seq)).toBeCloseTo(5e6 + group!.schedules[0]!.timeOf(0, seq), 3)
  })
})

describe('a message that expires', () => {
  it.each([
    ['before the client is back: not owed', 1, { owed: 1, received: 1, excused: 3 }],
    ['after that: owed', 3, { owed: 4, received: 1, lost: 3 }],
  ])('%s', (_, expiryS, expected) => {
    const publish = `expiry: ${expiryS}s`
    const text = scenario('version: 5, ', 'version: 5, sessionExpiry: 1h, cleanSession: false, ')
      .replace('times: 4', `times: 4, ${publish}`)
      .replace('first: 150ms', 'first: 2s')
      .replace('measure: 1s', 'measure: 3s')
    const memory = new MemoryRun(text)
    memory.start()
    memory.until(memory.nowUs + 130_000)
    memory.sessionPresent = true
    // 1 was due at 50 ms, and is settled before; 2 is due at 150 ms.
    memory.until(memory.nowUs + 10_000)
    memory.kick(SUBSCRIBER)
    memory.until(memory.nowUs + 2_500_000)
    for (const message of memory.published) memory.answer(message)
    memory.deliver(SUBSCRIBER, memory.published[0]!.packet)
    expect(memory.end().counts).toEqual(expected)
  })
})

/** The header of the same message in another run. */
function foreign(payload: Buffer): Buffer {
  const header = headerOf(payload)
  writeWide(payload, 0, { ...header, run: header.run + 1 })
  return payload
}
