import { describe, expect, test } from 'vitest'
import { MemoryRun } from './memory.ts'

const S = 1e6

function run(): MemoryRun {
  const run = new MemoryRun(`
phases: { warmUp: 0s, measure: 60s, drain: 5s }
groups:
  devices:
    clients: 4
    keepAlive: 10s
    connect: { at: once }
    reconnect: { backoff: fixed, first: 2s }
    publish: [{ name: s, topic: "t/{client}", every: 1s, qos: 1, arrival: synchronized }]
    subscribe: [{ filter: "t/{client}", qos: 1 }]`)
  run.start()
  run.until(run.nowUs + 5 * S)
  return run
}

describe('a fleet without a lease', () => {
  test('ends every connection once it has run out, as a crash would, and says so once', () => {
    const memory = run()
    const { fleet } = memory
    const untilUs = memory.nowUs + 3 * S
    fleet.leaseUntilUs = untilUs
    memory.until(untilUs)
    expect(memory.closed).toEqual([])
    memory.until(untilUs + S)
    expect(memory.closed.map(({ how }) => how)).toEqual(['reset', 'reset', 'reset', 'reset'])
    expect(memory.fenced).toHaveLength(1)
    expect(memory.fenced[0]!).toBeLessThanOrEqual(untilUs + 1000)
    expect(fleet.connected).toBe(0)
  })

  test('comes back no more, and sends no more', () => {
    const memory = run()
    memory.fleet.fence(memory.nowUs)
    memory.heard.length = 0
    const sent = memory.published.length
    memory.until(memory.nowUs + 30 * S)
    expect(memory.heard).toEqual([])
    expect(memory.published).toHaveLength(sent)
  })

  test('does not even acknowledge what it finds when it wakes', () => {
    const memory = run()
    memory.fleet.leaseUntilUs = memory.nowUs + S
    // The process was stopped: nothing has advanced.
    memory.nowUs += 12 * S
    memory.heard.length = 0
    const before = memory.fleet.metrics.deliveries.sum().counts.arrived
    memory.deliver(2, memory.published.at(-1)!.packet)
    memory.until(memory.nowUs + S)
    expect(memory.heard).toEqual([])
    expect(memory.fleet.metrics.deliveries.sum().counts.arrived).toBe(before)
    expect(memory.fenced).toHaveLength(1)
  })

  test('accounts for what it had: what had to have come by then and did not is lost', () => {
    const memory = run()
    const sent = memory.published.slice()
    for (const message of sent) memory.answer(message)
    for (const { packet } of sent.slice(0, 8)) memory.deliver(Number(packet.topic.split('/')[1]), packet)
    memory.fleet.fence(memory.nowUs)
    memory.until(memory.nowUs + S)
    const { counts } = memory.end()
    expect(counts).toEqual({ owed: 20, received: 8, lost: 12, excused: 4 })
  })

  test('goes on with each new one', () => {
    const memory = run()
    for (let i = 0; i < 20; i++) {
      memory.fleet.leaseUntilUs = memory.nowUs + 8 * S
      memory.until(memory.nowUs + S)
    }
    expect(memory.closed).toEqual([])
    expect(memory.fenced).toEqual([])
  })
})
