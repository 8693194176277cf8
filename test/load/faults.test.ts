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
    // Its end could still be waiting to be read.
    expect(run.fleet.metrics.clients.sum().counts.doubled).toBe(0)
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

  test('who is refused a subscription that it had before tries another connection', () => {
    const run = factory('drop: reset, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.sessionPresent = false
    run.refusesSubscriptions = true
    run.until(atUs + 2.1 * S)
    expect(run.fleet.connected).toBe(4)
    run.refusesSubscriptions = false
    run.until(atUs + 4.2 * S)
    expect(run.fleet.connected).toBe(8)
    expect(run.fleet.clients[4]!.receiver!.hasAll).toBe(true)
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

  test('silent: what ends after a refused attempt was not taken over', () => {
    const run = factory('drop: silent, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.refusal = 3
    run.until(atUs + 2.1 * S)
    expect(connects(run)).toHaveLength(4)
    run.hangUp(run.ghosts()[0]!)
    expect(run.fleet.metrics.clients.sum().counts.takenOver).toBe(0)
    expect(run.noticed).toHaveLength(1)
    // Those that are left are, once somebody gets in.
    run.refusal = 0
    run.until(atUs + 4.2 * S)
    expect(run.fleet.metrics.clients.sum().counts.takenOver).toBe(3)
  })

  test('stopReading: who loses the connection meanwhile comes back at its next attempt', () => {
    const run = factory('drop: stopReading, for: 30s, clients: { groups: [listeners] }')
    const atUs = strikeIn(run)
    run.until(atUs + 1 * S)
    for (const owner of [4, 5, 6, 7]) run.kick(owner)
    run.until(atUs + 3.1 * S)
    expect(run.fleet.connected).toBe(8)
  })

  test('two at once: the longer one holds, and who had no connection is not struck', () => {
    const run = factory('drop: silent, for: 20s, clients: { groups: [listeners] } }, { name: two, at: 1s, drop: reset, for: 2s')
    const atUs = strikeIn(run)
    run.until(atUs + 1 * S)
    run.heard.length = 0
    run.fleet.faults.add(1, run.nowUs)
    run.until(atUs + 19.9 * S)
    expect(run.struck).toEqual([
      { fault: 0, members: 4 },
      { fault: 1, members: 4 },
    ])
    // The senders only.
    expect(connects(run)).toHaveLength(4)
    run.until(atUs + 22.1 * S)
    expect(connects(run)).toHaveLength(8)
  })

  test('many clients are struck in turns, and the rest of the fleet goes on between them', () => {
    const run = new MemoryRun(`
phases: { warmUp: 0s, measure: 60s }
faults: [{ name: out, at: 0s, drop: reset }]
groups: { many: { clients: 5000, connect: { at: once }, reconnect: { backoff: fixed, first: 20s } } }`)
    run.start()
    // A clock that moves by itself: each look at it takes 100 us.
    run.lookUs = 100
    run.fleet.faults.add(0, run.nowUs)
    run.fleet.advance(run.nowUs)
    expect(run.fleet.faults.isBusy).toBe(true)
    expect(run.fleet.connected).toBeLessThan(5000)
    expect(run.fleet.connected).toBeGreaterThan(0)
    expect(run.struck).toEqual([])
    for (let turn = 0; turn < 100 && run.fleet.faults.isBusy; turn++) run.fleet.advance(run.nowUs)
    expect(run.struck).toEqual([{ fault: 0, members: 5000 }])
    expect(run.fleet.connected).toBe(0)
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

  test('the time to the first delivery, from the first loss, of who was kicked again before it came', () => {
    const run = factory('drop: reset, clients: { groups: [listeners] }')
    run.start()
    const startUs = run.fleet.measureStartUs
    run.sessionPresent = true
    let told = 0
    const deliverUntil = (untilUs: number) => {
      while (run.nowUs < untilUs) {
        run.until(run.nowUs + 10_000)
        for (const message of run.published.slice(told)) {
          run.answer(message)
          const owner = 4 + Number(message.packet.topic.split('/')[1])
          if (run.fleet.clients[owner]!.isConnected) run.deliver(owner, message.packet)
        }
        told = run.published.length
      }
    }
    deliverUntil(startUs + 5.5 * S)
    run.fleet.faults.add(0, run.nowUs)
    deliverUntil(startUs + 7.6 * S)
    for (const owner of [4, 5, 6, 7]) run.kick(owner)
    deliverUntil(startUs + 20 * S)
    const all = run.fleet.metrics.clientsBySecond.sum()
    expect(all.counts).toMatchObject({ disconnected: 8, interrupted: 4 })
    expect(all.latencies.resume!.count).toBe(4)
    // Lost at 5.5 s, back at 7.5 s and, after the kick, at 9.6 s; the next message came due at 10 s.
    expect(all.latencies.resume!.min / S).toBeCloseTo(4.5, 1)
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
