import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Standing } from '../../src/load/standing.ts'

const NEVER = Number.POSITIVE_INFINITY

/** Connected from 100 to 200 and again from 300 on, on nodes 1 and 2; subscription 0 granted at 110 and, after a lost session, at 310. */
function broken({ clean = true, present = false, expiryUs = NEVER } = {}): Standing {
  const standing = new Standing(1)
  standing.connected(100, 1, false, expiryUs)
  standing.granted(0, 110, 1)
  standing.lost(200, clean)
  standing.connected(300, 2, present, expiryUs)
  if (!present) standing.granted(0, 310, 1)
  return standing
}

describe('a subscription', () => {
  it.each<[string, Standing, from: number, to: number, stood: boolean]>([
    ['stands from its SUBACK on', broken(), 110, 150, true],
    ['does not stand before it', broken(), 105, 150, false],
    ['ends with a clean session', broken(), 150, 201, false],
    ['stands up to that moment', broken(), 150, 200, true],
    ['stands again from the next SUBACK on', broken(), 310, 9999, true],
    ['does not stand across a gap', broken(), 150, 350, false],
    ['outlives the connection with a session that is kept', broken({ clean: false, present: true }), 150, 350, true],
    ['is still owed what was sent before a forgotten session showed', broken({ clean: false }), 150, 300, true],
    ['but not what came after it', broken({ clean: false }), 150, 301, false],
    ['ends when its session expires', broken({ clean: false, expiryUs: 50 }), 150, 251, false],
    ['and not before', broken({ clean: false, expiryUs: 50 }), 150, 250, true],
  ])('%s', (_, standing, from, to, stood) => {
    expect(standing.stood(0, from, to, NEVER)).toBe(stood)
  })

  it('stands while its client is away, until the session expires', () => {
    const standing = new Standing(1)
    standing.connected(100, 0, false, 50)
    standing.granted(0, 110, 1)
    standing.lost(200, false)
    expect(standing.stood(0, 120, 250, 50)).toBe(true)
    expect(standing.stood(0, 120, 251, 50)).toBe(false)
    expect(standing.isConnected).toBe(false)
    expect(standing.isUnbroken).toBe(false)
  })

  it('that is granted again within its session stands since the first time', () => {
    const standing = broken({ clean: false, present: true })
    standing.granted(0, 320, 2)
    expect(standing.stood(0, 110, 330, NEVER)).toBe(true)
    expect(standing.grantedQos[0]).toBe(2)
  })
})

describe('a client', () => {
  it('was connected between CONNACK and loss, and is on the node of its last connection', () => {
    const standing = broken()
    expect(standing.wasConnected(100, 200)).toBe(true)
    expect(standing.wasConnected(100, 201)).toBe(false)
    expect(standing.wasConnected(250, 260)).toBe(false)
    expect(standing.wasConnected(300, 9999)).toBe(true)
    expect([150, 250, 300, 350].map((timeUs) => standing.nodeAt(timeUs))).toEqual([1, 1, 2, 2])
  })

  it('that never lost anything is unbroken', () => {
    const standing = new Standing(1)
    standing.connected(100, 1, false, 0)
    standing.granted(0, 110, 1)
    expect(standing.isUnbroken).toBe(true)
    expect(broken().isUnbroken).toBe(false)
  })

  it('tells its stands and absences', () => {
    const spans = (each: (visit: (from: number, to: number) => void) => void) => {
      const found: [number, number][] = []
      each((from, to) => found.push([from, to]))
      return found
    }
    const standing = broken()
    expect(spans((visit) => standing.eachStand(0, 0, visit))).toEqual([
      [110, 200],
      [310, NEVER],
    ])
    expect(spans((visit) => standing.eachAbsence(visit))).toEqual([[200, 300]])
    standing.lost(400, false)
    expect(spans((visit) => standing.eachStand(0, 25, visit))).toEqual([
      [110, 200],
      [310, 425],
    ])
    expect(spans((visit) => standing.eachAbsence(visit))).toEqual([
      [200, 300],
      [400, NEVER],
    ])
  })

  it('with any history stood and was connected exactly in its intervals', () => {
    const step = fc.record({ gapUs: fc.integer({ min: 1, max: 50 }), lengthUs: fc.integer({ min: 2, max: 50 }), present: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), fc.nat(600), fc.nat(100), (steps, fromUs, lengthUs) => {
        const standing = new Standing(1)
        const connections: [number, number][] = []
        const stands: [number, number][] = []
        let nowUs = 0
        for (const [i, { gapUs, lengthUs: lastsUs, present }] of steps.entries()) {
          nowUs += gapUs
          const isKept = present && i > 0
          if (!isKept && i > 0) stands.at(-1)![1] = nowUs
          standing.connected(nowUs, 0, isKept, NEVER)
          if (!isKept) {
            standing.granted(0, nowUs + 1, 1)
            stands.push([nowUs + 1, NEVER])
          }
          connections.push([nowUs, nowUs + lastsUs])
          nowUs += lastsUs
          standing.lost(nowUs, false)
        }
        const isIn = (spans: [number, number][]) => spans.some(([from, to]) => from <= fromUs && fromUs + lengthUs <= to)
        expect(standing.stood(0, fromUs, fromUs + lengthUs, NEVER)).toBe(isIn(stands))
        expect(standing.wasConnected(fromUs, fromUs + lengthUs)).toBe(isIn(connections))
      }),
    )
  })
})
