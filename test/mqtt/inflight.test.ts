import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InFlight, SlotState } from '../../src/mqtt/inflight.ts'

describe('the in-flight window', () => {
  test('an identifier is not taken again at once', () => {
    const inFlight = new InFlight()
    const ids = Array.from({ length: 10 }, () => {
      const id = inFlight.freeId(20)
      inFlight.begin(id, 1, 0)
      inFlight.end(id)
      return id
    })
    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 1, 2])
  })

  test('identifiers stay within the window, differ, and keep their tokens', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(), { maxLength: 200 }), (window, steps) => {
        const inFlight = new InFlight()
        const model = new Map<number, number>()
        for (const [token, step] of steps.entries()) {
          if (model.size < window && step % 3 !== 0) {
            const id = inFlight.freeId(window)
            expect(id).toBeGreaterThanOrEqual(1)
            expect(id).toBeLessThanOrEqual(window)
            expect(model.has(id)).toBe(false)
            inFlight.begin(id, 1, token)
            expect(inFlight.lastId).toBe(id)
            model.set(id, token)
          } else if (model.size > 0) {
            const id = [...model.keys()][step % model.size]!
            inFlight.end(id)
            model.delete(id)
          }
          expect(inFlight.count).toBe(model.size)
        }
        // A map keeps its keys in the order of insertion: the order of sending.
        expect(inFlight.oldestFirst()).toEqual([...model.keys()])
        for (const [id, token] of model) {
          expect(inFlight.stateOf(id)).toBe(SlotState.AWAITS_PUBACK)
          expect(inFlight.tokenOf(id)).toBe(token)
        }
      }),
    )
  })

  test('a released message goes behind those whose turn came before', () => {
    const inFlight = new InFlight()
    for (const qos of [2, 1, 2] as const) inFlight.begin(inFlight.freeId(8), qos, 0)
    inFlight.release(1)
    expect(inFlight.oldestFirst()).toEqual([2, 3, 1])
    expect(inFlight.stateOf(1)).toBe(SlotState.AWAITS_PUBCOMP)
    expect(inFlight.stateOf(9)).toBe(SlotState.FREE)
  })

  test('tokens go up to 2^53', () => {
    const inFlight = new InFlight()
    const id = inFlight.freeId(1)
    inFlight.begin(id, 2, Number.MAX_SAFE_INTEGER)
    expect(inFlight.tokenOf(id)).toBe(Number.MAX_SAFE_INTEGER)
    expect(() => inFlight.freeId(1)).toThrow('full window')
  })
})
