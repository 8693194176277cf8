import { describe, expect, test } from 'vitest'
import { Fleet } from '../../src/load/fleet.ts'
import type { Plan } from '../../src/load/plan.ts'
import { sliceOf } from '../../src/load/slice.ts'
import type { Transport } from '../../src/net/transport.ts'
import { sampleEntry, sampleGroup, samplePlan } from './sample-plan.ts'

const CONNACK = Uint8Array.of(0x20, 2, 0, 0)

/**
 * A fleet on a transport that takes everything and a clock that only moves when it is read: each reading costs `stepUs`, as on a machine that is slow.
 * The broker behind it answers CONNECT and nothing else.
 */
class Simulation {
  readonly fleet: Fleet
  private nowUs = 0
  private readonly opened: number[] = []
  private readonly greeted: number[] = []

  constructor(plan: Plan, stepUs: number) {
    const clock = () => (this.nowUs += stepUs)
    const around = { plan, run: 'abc123', endpoints: [[LOOPBACK]], sourceAddresses: [[]], unixEpochMs: 0, files: new Map(), near: null }
    const listener = {
      onFault: () => {},
      onArrived: () => {},
      onCleaned: () => {},
      onFenced: () => {},
      onStruck: () => {},
      onNoticed: () => {},
    }
    this.fleet = new Fleet(around, sliceOf(plan, 0, 1), clock, listener, [null])
    const transport: Transport = {
      kind: 'epoll',
      buffer: Buffer.alloc(65_536),
      resumedCount: 0,
      open: (owner) => this.opened.push(owner) && owner,
      send: (socket) => {
        // The first bytes of a connection are its CONNECT.
        if (!this.greeted.includes(socket)) this.greeted.push(socket)
        return true
      },
      pause: () => {},
      resume: () => {},
      abandon: () => {},
      close: () => {},
      poll: () => 0,
      dispose: () => {},
    }
    this.fleet.attach(transport)
  }

  /** Turns the loop until a time: due timers, then to the next one, never before it. */
  runUntil(endUs: number): void {
    while (this.nowUs < endUs) {
      this.fleet.advance(this.nowUs)
      for (const owner of this.opened.splice(0)) {
        this.fleet.onOpen(owner)
        this.fleet.onData(owner, CONNACK, CONNACK.length)
      }
      this.nowUs = Math.max(this.nowUs + 1, Math.min(endUs, this.fleet.timers.nextUs(this.nowUs + 10_000)))
    }
  }
}

const LOOPBACK = { scheme: 'tcp', address: '127.0.0.1', family: 4, port: 1883, hostname: '127.0.0.1' } as const

describe('a client with several streams', () => {
  test('sends each message when it is due, also what comes due while it sends another', () => {
    const entry = (index: number, periodUs: number) => sampleEntry({ index, name: `e${index}`, trigger: { kind: 'periodic', periodUs } })
    const group = sampleGroup({ clients: 20, publish: [entry(0, 10_000), entry(1, 7_000), entry(2, 13_000)] })
    const plan = samplePlan({
      groups: [group],
      clients: 20,
      phases: { connectUs: 0, warmUpUs: 0, measureUs: 2e6, untilRecovered: null, stretches: [], drainUs: 0, cleanUp: false },
    })
    const simulation = new Simulation(plan, 5)
    simulation.fleet.connect(0)
    simulation.runUntil(100_000)
    simulation.fleet.publish(200_000)
    simulation.runUntil(2_300_000)
    const { counts, latencies } = simulation.fleet.metrics.publishes.sum()
    const due = simulation.fleet.groups[0]!.schedules.flatMap((schedule) =>
      Array.from({ length: 20 }, (_, i) => schedule.countBefore(i, 2e6)),
    )
    expect(counts.sent).toBe(due.reduce((sum, n) => sum + n, 0))
    // A turn of all clients takes some hundred µs here; a message that misses its turn would wait for a period.
    expect(latencies.sendLag!.max).toBeLessThan(3000)
    expect(latencies.blocked!.max).toBe(0)
  })
})
