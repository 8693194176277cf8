import { describe, expect, test } from 'vitest'
import { secondOf } from '../../src/stats/seconds.ts'
import { MemoryRun } from './memory.ts'

const S = 1e6

/** Four senders and four persistent listeners; measure begins with publishing, a fault of the given kind is told by the test. */
function factory(fault: string, more = ''): MemoryRun {
  return new MemoryRun(`
phases: { warmUp: 0s, measure: 60s, drain: 5s }
faults: [{ name: out, at: 0s, ${fault} }]
groups:
  senders:
    clients: 4
    keepAlive: 10s
    connect: { at: once }
    reconnect: { backoff: fixed, first: 2s }
    publish: [{ name: s, topic: "t/{client}", every: 1s, qos: 1, arrival: synchronized }]
  listeners:
    clients: 4
    cleanSession: false
    keepAlive: 10s
    connect: { at: once }
    reconnect: { backoff: fixed, first: 2s }
    ${more}
    subscribe: [{ filter: "t/{client}", qos: 1 }]`)
}

/** Starts, and strikes 5.5 s into measure; returns that moment. */
function strikeIn(run: MemoryRun): number {
  run.start()
  const atUs = run.fleet.measureStartUs + 5.5 * S
  run.until(atUs - 1000)
  run.heard.length = 0
  run.closed.length = 0
  run.sessionPresent = true
  run.fleet.faults.add(0, atUs)
  run.until(atUs)
  return atUs
}

const connects = (run: MemoryRun) => run.heard.filter(({ packet }) => packet.cmd === 'connect')

describe('what becomes of the connections', () => {
  test.each([
    ['disconnect', 'end', 4],
    ['reset', 'reset', 0],
  ] as const)('%s: they end at once, and come back by the backoff', (drop, how, goodbyes) => {
    const run = factory(`drop: ${drop}, clients: { groups: [listeners] }`)
    const atUs = strikeIn(run)
    expect(run.struck).toEqual([{ fault: 0, members: 4 }])
    expect(run.closed.map((c) => c.how)).toEqual([how, how, how, how])
    expect(run.heard.filter(({ packet }) => packet.cmd === 'disconnect')).toHaveLength(goodbyes)
    run.until(atUs + 1.9 * S)
    expect(connects(run)).toHaveLength(0)
    run.until(atUs + 2.1 * S)
    expect(connects(run)).toHaveLength(4)
    expect(run.fleet.connected).toBe(8)
    // Nobody but the fault has ended anything.
    expect(run.noticed).toEqual([])
  })

  test('while it lasts no attempt leaves the client, and each counts', () => {
    const run = factory('drop: reset, for: 9s, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.fleet.metrics.take()
    run.until(atUs + 9 * S)
    expect(connects(run)).toHaveLength(0)
    // At 2, 4, 6 and 8 s.
    expect(run.fleet.metrics.clients.sum().counts.attempts).toBe(16)
    run.until(atUs + 10.1 * S)
    expect(connects(run)).toHaveLength(4)
  })

  test('with `return` they come back at its times, and not at their next attempt', () => {
    const run = factory('drop: reset, for: 7s, return: { over: 4s }, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.until(atUs + 12 * S)
    const times = connects(run).map(({ timeUs }) => (timeUs - atUs) / S)
    expect(times).toHaveLength(4)
    for (const [i, timeS] of [7.5, 8.5, 9.5, 10.5].entries()) expect(times[i]).toBeCloseTo(timeS, 1)
  })

  test('silent: the old socket stays open and unread, and the new connection takes over', () => {
    const run = factory('drop: silent, for: 3s, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    expect(run.closed).toEqual([])
    const old = [...run.paused]
    expect(old).toHaveLength(4)
    run.heard.length = 0
    run.until(atUs + 3.9 * S)
    // Not a byte, on any socket of theirs.
    expect(run.heard.filter(({ socket, packet }) => old.includes(socket) || packet.cmd === 'connect')).toEqual([])
    run.until(atUs + 4.1 * S)
    expect(connects(run)).toHaveLength(4)
    expect(run.fleet.metrics.clients.sum().counts).toMatchObject({ takenOver: 4, doubled: 0, resumed: 4, forgotten: 0 })
    // From now on they are read, for the broker's last word.
    expect(run.paused.size).toBe(0)
    for (const socket of old) run.hangUp(socket)
    run.fleet.ghosts.check(atUs + 30 * S)
    expect(run.fleet.metrics.clients.sum().counts.doubled).toBe(0)
  })

  test('silent: an old connection that the broker ends before it says CONNACK is taken over all the same', () => {
    const run = factory('drop: silent, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.beforeConnack = () => {
      const old = [...run.ghosts()][0]!
      expect(run.paused.has(old)).toBe(false)
      run.hangUp(old)
    }
    run.until(atUs + 2.1 * S)
    expect(connects(run)).toHaveLength(4)
    expect(run.ghosts()).toEqual([])
    expect(run.fleet.metrics.clients.sum().counts).toMatchObject({ takenOver: 4, doubled: 0 })
    expect(run.noticed).toEqual([])
  })

  test('silent: an old connection that stands on `settle` after the new one is a second live one', () => {
    const run = factory('drop: silent, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    const [first, ...others] = run.paused
    run.until(atUs + 2.1 * S)
    for (const socket of others) run.hangUp(socket)
    run.until(atUs + 2.9 * S)
    run.fleet.ghosts.check(run.nowUs)
    expect(run.fleet.metrics.clients.sum().counts.doubled).toBe(0)
    run.until(atUs + 3.2 * S)
    run.fleet.ghosts.check(run.nowUs)
    expect(run.fleet.metrics.clients.sum().counts).toMatchObject({ takenOver: 4, doubled: 1 })
    expect(run.closed.filter(({ how }) => how === 'reset').map(({ socket }) => socket)).toEqual([first])
  })

  test('silent: a broker that ends the old connection has noticed', () => {
    const run = factory('drop: silent, for: 20s, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.until(atUs + 15 * S)
    expect(run.noticed).toEqual([])
    run.hangUp([...run.paused][0]!)
    expect(run.noticed).toEqual([{ fault: 0, timeUs: run.nowUs }])
  })

  test('stopReading: nothing is read, pings go on, and no missing answer ends the connection', () => {
    const run = factory('drop: stopReading, for: 35s, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    expect(run.paused.size).toBe(4)
    run.until(atUs + 34 * S)
    expect(run.fleet.connected).toBe(8)
    const pings = run.heard.filter(({ socket, packet }) => run.paused.has(socket) && packet.cmd === 'pingreq')
    expect(pings.length).toBeGreaterThanOrEqual(12)
    run.until(atUs + 35.1 * S)
    expect(run.paused.size).toBe(0)
  })

  test('drain ends every fault', () => {
    const run = factory('drop: reset, for: 50s')
    const atUs = strikeIn(run)
    run.until(atUs + 5 * S)
    run.fleet.drain(run.nowUs)
    run.until(run.nowUs + 0.1 * S)
    expect(run.fleet.connected).toBe(8)
  })
})

describe('what is counted by second', () => {
  test('losses and returns in the second of the loss, attempts when they were made', () => {
    const run = factory('drop: reset, for: 3s, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.until(atUs + 6 * S)
    const seconds = new Map(run.fleet.metrics.clientsBySecond.entries())
    expect(seconds.get(5)!.counts).toMatchObject({ disconnected: 4, interrupted: 0, reconnected: 4, attempts: 0 })
    expect(seconds.get(5)!.counts.downUs / 4 / S).toBeCloseTo(4, 1)
    expect(seconds.get(5)!.latencies.reconnect!.count).toBe(4)
    // 2 s after the loss in vain, 4 s after it with success.
    expect(seconds.get(7)!.counts.attempts).toBe(4)
    expect(seconds.get(9)!.counts).toMatchObject({ attempts: 4, resumed: 4 })
    expect(seconds.get(9)!.latencies.connack!.count).toBe(4)
    expect(seconds.get(9)!.latencies.tls).toBeUndefined()
  })

  test('messages in the second of their intended time', () => {
    const run = factory('drop: reset, for: 3s, clients: { groups: [senders] }')
    const atUs = strikeIn(run)
    run.until(atUs + 10 * S)
    const sent: number[] = []
    for (const [key, cell] of run.fleet.metrics.publishesBySecond.entries()) sent[secondOf.publish(key).second] = cell.counts.sent
    // Also those that waited for the new connection.
    expect(sent.slice(0, 15)).toEqual(Array.from({ length: 15 }, () => 4))
    const waited = [...run.fleet.metrics.publishesBySecond.entries()].find(([key]) => secondOf.publish(key).second === 6)![1]
    expect(waited.latencies.blocked!.min / S).toBeCloseTo(3.5, 1)
  })

  test('who never comes back was away to the end of measure', () => {
    const run = factory('drop: reset, for: 3s, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.fleet.finish(atUs + 1 * S)
    const { counts } = [...run.fleet.metrics.clientsBySecond.entries()].find(([key]) => key === 5)![1]
    expect(counts.downUs / 4 / S).toBeCloseTo(54.5, 1)
  })

  test('nothing, without windows to ask for it', () => {
    const run = new MemoryRun('groups: { g: { publish: [{ topic: t, every: 1s }] } }')
    run.start()
    run.until(run.nowUs + 10 * S)
    const { clientsBySecond, publishesBySecond } = run.fleet.metrics
    expect([...clientsBySecond.keys(), ...publishesBySecond.keys()]).toEqual([])
  })
})
