import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Timers } from '../../src/load/timers.ts'

const TICK_US = 512
const TURN_US = 4096 * TICK_US
const NEVER = Number.POSITIVE_INFINITY

/** What the wheel must do, without a wheel: a plain list. */
class Oracle {
  readonly dueUs: number[]

  constructor(count: number) {
    this.dueUs = Array.from({ length: count }, () => NEVER)
  }

  due(nowUs: number): number[] {
    return this.dueUs.flatMap((dueUs, id) => (dueUs <= nowUs ? [id] : []))
  }
}

/** Times near and far: within a tick, within a turn of the near ring, at its edges, beyond it, and beyond the far ring. */
const delays = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 3 * TICK_US }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: TURN_US }) },
  { weight: 2, arbitrary: fc.integer({ min: TURN_US - 2 * TICK_US, max: TURN_US + 2 * TICK_US }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 * TURN_US }) },
  { weight: 1, arbitrary: fc.integer({ min: 4095 * TURN_US, max: 4200 * TURN_US }) },
  { weight: 1, arbitrary: fc.constant(NEVER) },
  // Already past.
  { weight: 1, arbitrary: fc.integer({ min: -5 * TICK_US, max: 0 }) },
)
const COUNT = 6
const action = fc.record({
  /** Timers to set before time goes on, and within the first calls. */
  sets: fc.array(fc.record({ id: fc.nat(COUNT - 1), delayUs: delays }), { maxLength: 4 }),
  within: fc.array(fc.record({ id: fc.nat(COUNT - 1), delayUs: delays }), { maxLength: 3 }),
  stepUs: fc.oneof(fc.nat(4 * TICK_US), fc.nat(3 * TURN_US)),
})

describe('timers', () => {
  it('fire each once, never early, and all that are due, whatever is set, moved and cleared before and within calls', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), fc.nat(10 * TURN_US), (actions, startUs) => {
        const timers = new Timers(COUNT)
        const oracle = new Oracle(COUNT)
        let nowUs = startUs
        for (const { sets, within, stepUs } of actions) {
          const set = ({ id, delayUs }: { id: number; delayUs: number }) => {
            timers.set(id, nowUs + delayUs)
            oracle.dueUs[id] = nowUs + delayUs
          }
          sets.forEach(set)
          nowUs += stepUs
          const waiting = new Set(oracle.due(nowUs))
          const left = [...within]
          timers.advance(nowUs, (id) => {
            expect(oracle.dueUs[id]).toBeLessThanOrEqual(nowUs)
            expect(timers.dueOf(id)).toBe(NEVER)
            oracle.dueUs[id] = NEVER
            waiting.delete(id)
            const next = left.pop()
            if (next) {
              set(next)
              // Moved or set while this call goes on: now, or next time.
              waiting.delete(next.id)
            }
          })
          expect([...waiting], 'due and not fired').toEqual([])
        }
        // What was set for a moment that has passed fires in the next call.
        timers.advance(nowUs, (id) => {
          expect(oracle.dueUs[id]).toBeLessThanOrEqual(nowUs)
          oracle.dueUs[id] = NEVER
        })
        expect(oracle.due(nowUs)).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  it('fire in the order of their ticks', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3 * TURN_US), { minLength: 1, maxLength: 30 }), (dues) => {
        const timers = new Timers(dues.length)
        for (const [id, dueUs] of dues.entries()) timers.set(id, dueUs)
        const ticks: number[] = []
        timers.advance(4 * TURN_US, (id) => ticks.push(Math.floor(dues[id]! / TICK_US)))
        expect(ticks).toEqual([...ticks].sort((a, b) => a - b))
        expect(ticks.length).toBe(dues.length)
      }),
    )
  })

  it('fire less than a tick late for who sleeps until nextUs, with few wakes more than there are timers', () => {
    const WAIT_US = 100_000
    fc.assert(
      fc.property(fc.array(fc.nat(3 * TURN_US), { minLength: 1, maxLength: 8 }), fc.nat(TURN_US), (dues, startUs) => {
        const timers = new Timers(dues.length)
        let nowUs = startUs
        timers.advance(nowUs, () => undefined)
        for (const [id, dueUs] of dues.entries()) timers.set(id, startUs + dueUs)
        let fired = 0
        let wakes = 0
        while (fired < dues.length) {
          const wakeUs = timers.nextUs(nowUs + WAIT_US)
          expect(wakeUs).toBeLessThanOrEqual(nowUs + WAIT_US)
          nowUs = Math.max(nowUs, wakeUs)
          wakes++
          timers.advance(nowUs, (id) => {
            fired++
            expect(nowUs - (startUs + dues[id]!)).toBeGreaterThanOrEqual(0)
            expect(nowUs - (startUs + dues[id]!)).toBeLessThanOrEqual(TICK_US)
          })
          expect(wakes).toBeLessThan((4 * TURN_US) / WAIT_US + 2 * dues.length + 10)
        }
      }),
    )
  })

  it('that a call sets for a moment already past fire soon, and not for ever', () => {
    const timers = new Timers(1)
    timers.set(0, 10 * TICK_US)
    const fired: number[] = []
    // The worker was late: it advances over many ticks at once, and the call wants to be called again for a time before now.
    timers.advance(50 * TICK_US, (id) => {
      fired.push(50)
      timers.set(id, 10 * TICK_US + 1)
    })
    timers.advance(51 * TICK_US, () => fired.push(51))
    // Once more when this advance comes to its own tick, then in the next one.
    expect(fired).toEqual([50, 50, 51])
  })
})
