/** Who is believed to be alive, by whom: an agent that loses its server, its controller that does not hear it, and the time between. */
import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Heart } from '../../src/control/heart.ts'
import type { Stamps } from '../../src/control/offset.ts'
import { encode } from '../../src/control/parcel.ts'
import { Pulses } from '../../src/control/pulses.ts'
import { LEASE_US } from '../../src/control/service.ts'
import { Vigil } from '../../src/control/vigil.ts'
import { Air } from './air.ts'

beforeEach(() => {
  vi.useFakeTimers()
  // After what a test leaves to be ended.
  onTestFinished(() => void vi.useRealTimers())
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

function startVigil(air: Air, ...agents: string[]) {
  const connection = air.connect()
  const startMs = performance.now()
  const dead: { agent: string; why: string; atMs: number }[] = []
  const vigil = new Vigil(connection, agents, (agent, why) => dead.push({ agent, why, atMs: performance.now() - startMs }))
  onTestFinished(() => vigil.stop())
  return { vigil, connection, dead }
}

describe('an agent is dead', () => {
  test('when it has been silent for ten seconds, and once', async () => {
    const { vigil, dead } = startVigil(new Air(), 'a', 'b')
    for (let i = 0; i < 30; i++) {
      vigil.heard('b')
      await pass(1000)
    }
    expect(dead).toEqual([{ agent: 'a', why: 'no sign of life for 10 s', atMs: 10_000 }])
  })

  test('never before nine seconds of silence, whenever it was heard', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9500 }), { maxLength: 10 }), async (pauses) => {
        const { vigil, dead } = startVigil(new Air(), 'a')
        const startMs = performance.now()
        let heardMs = 0
        for (const pauseMs of pauses) {
          await pass(pauseMs)
          if (dead.length > 0) break
          vigil.heard('a')
          heardMs = performance.now() - startMs
        }
        await pass(10_600)
        vigil.stop()
        expect(dead).toHaveLength(1)
        expect(dead[0]!.atMs - heardMs).toBeGreaterThanOrEqual(9000)
        expect(dead[0]!.atMs - heardMs).toBeLessThanOrEqual(10_500)
      }),
    )
  })

  test('not by the time that the server is away', async () => {
    const { connection, dead } = startVigil(new Air(), 'a')
    await pass(6000)
    connection.isUp = false
    await pass(58_000)
    for (let i = 0; i < 20; i++) {
      connection.isUp = true
      await pass(20)
      connection.isUp = false
      await pass(3000)
    }
    expect(dead).toEqual([])
    connection.isUp = true
    await pass(5000)
    expect(dead).toHaveLength(1)
  })

  test('when the server has been away for a minute at once: by then it has ended the run by itself', async () => {
    const { connection, dead } = startVigil(new Air(), 'a', 'b')
    await pass(6000)
    connection.isUp = false
    await pass(59_000)
    expect(dead).toEqual([])
    await pass(2000)
    expect(dead.map(({ agent, why }) => [agent, why])).toEqual([
      ['a', 'the control server was away for 60 s'],
      ['b', 'the control server was away for 60 s'],
    ])
  })

  test('not by the time that its controller was stopped itself', async () => {
    const { dead } = startVigil(new Air(), 'a')
    await pass(5000)
    // Its clock goes on, and its timers fire once when it does.
    const now = performance.now
    performance.now = () => now.call(performance) + 60_000
    await pass(3500)
    expect(dead).toEqual([])
  })

  test('not when nobody waits for it any more', async () => {
    const { vigil, dead } = startVigil(new Air(), 'a')
    vigil.forget('a')
    // One that was forgotten does not come back by a word of it.
    vigil.heard('a')
    await pass(30_000)
    expect(dead).toEqual([])
  })
})

/** An agent's clock is ahead by that. */
const AHEAD_US = 5e6

/** A controller and one agent, each on a connection of its own. */
function startPair(air = new Air()) {
  const [ours, its] = [air.connect(), air.connect()]
  const dead: string[] = []
  const over: number[] = []
  const stamps: Stamps[] = []
  let clockBoundUs = 7
  const clock = () => performance.now() * 1000
  const pulses = new Pulses({ connection: ours, run: 'r', instances: new Map([['a', 'a-1']]), clock, onDead: (agent) => dead.push(agent) })
  const startHeart = (instance = 'a-1') => {
    const heart = new Heart({
      connection: its,
      run: 'r',
      agent: 'a',
      instance,
      clock: () => clock() + AHEAD_US,
      state: () => ({ clock: { offsetUs: 0, boundUs: clockBoundUs++ }, isFenced: false }),
      onBeat: () => {},
      onStamps: (one) => stamps.push(one),
      onOver: () => over.push(performance.now()),
    })
    onTestFinished(() => heart.stop())
    return heart
  }
  onTestFinished(() => pulses.stop())
  return {
    air,
    ours,
    its,
    pulses,
    heart: startHeart(),
    startHeart,
    dead,
    over,
    stamps,
    silentUs: (seenUs: number) => clock() + AHEAD_US - seenUs,
  }
}

describe('the pulse of an agent', () => {
  test('keeps it alive, and tells both sides of its clock', async () => {
    const { heart, pulses, dead, stamps, silentUs } = startPair()
    expect(pulses.clockOf('a')).toBeNull()
    await pass(60_000)
    expect(dead).toEqual([])
    expect(silentUs(heart.serverSeenUs)).toBeLessThanOrEqual(1e6)
    expect(silentUs(heart.controllerSeenUs)).toBeLessThanOrEqual(1e6)
    expect(pulses.clockOf('a')).toEqual({ offsetUs: 0, boundUs: 66 })
    expect(stamps).toHaveLength(60)
    const { t0, t1 } = stamps[0]!
    expect(t0 - t1).toBeCloseTo(AHEAD_US)
  })

  test('of the server goes on without a controller', async () => {
    const { heart, ours, silentUs } = startPair()
    await pass(5000)
    ours.isUp = false
    await pass(20_000)
    expect(silentUs(heart.serverSeenUs)).toBeLessThanOrEqual(1e6)
    expect(silentUs(heart.controllerSeenUs)).toBeGreaterThanOrEqual(20e6)
  })

  test('is of when it asked, not of when an answer came', async () => {
    const { air, heart, silentUs } = startPair()
    await pass(3500)
    air.fate = () => [450]
    await pass(1400)
    // Asked at 4 s, answered at 4.9 s.
    expect([heart.controllerSeenUs, heart.serverSeenUs].map(silentUs)).toEqual([0.9e6, 0.9e6])
  })

  test.each([
    { who: 'an agent that lost the server', cut: ['its'] as const },
    { who: 'an agent whose server lost both', cut: ['its', 'ours'] as const },
  ])('of $who has no lease any more before its controller gives it up', async ({ cut }) => {
    const pair = startPair()
    await pass(5300)
    for (const end of cut) pair[end].isUp = false
    let fencedMs = Number.POSITIVE_INFINITY
    for (let ms = 0; ms < 20_000 && pair.dead.length === 0; ms += 10) {
      await pass(10)
      if (pair.silentUs(pair.heart.serverSeenUs) > LEASE_US) fencedMs = Math.min(fencedMs, ms)
    }
    const cutBoth = cut.length > 1
    expect(fencedMs).toBeLessThan(8000)
    expect(pair.dead).toEqual(cutBoth ? [] : ['a'])
  })

  test('of one that was given up is told that it is over', async () => {
    const { its, dead, over } = startPair()
    await pass(3000)
    its.isUp = false
    await pass(15_000)
    expect([dead, over]).toEqual([['a'], []])
    its.isUp = true
    await pass(1500)
    expect(over.length).toBeGreaterThan(0)
  })

  test('of another one with the same name is nobody’s', async () => {
    const { heart, startHeart, dead, over } = startPair()
    heart.stop()
    const other = startHeart('a-2')
    await pass(12_000)
    expect([dead, over]).toEqual([['a'], []])
    expect(other.controllerSeenUs).toBeLessThan(other.serverSeenUs)
  })

  test('that can’t be read is nobody’s, and those after it count', async () => {
    const { its, dead, stamps } = startPair()
    for (const bytes of [new Uint8Array(0), Buffer.from('hello'), encode(null), encode(7)])
      its.request('ms.ctl.r.a', bytes, { timeout: 1000 }).catch(() => {})
    await pass(20_000)
    expect(dead).toEqual([])
    expect(stamps).toHaveLength(20)
  })

  test('that is compared many times says how far the clocks are apart, as often as an answer comes', async () => {
    const { air, heart } = startPair()
    const compared = heart.compare(5)
    await pass(0)
    const offsets = await compared
    expect(offsets).toHaveLength(5)
    for (const { us } of offsets) expect(us).toBeCloseTo(-AHEAD_US)
    air.fate = () => []
    const none = heart.compare(3)
    await pass(5000)
    expect(await none).toEqual([])
  })
})
