import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Assembler, decode, encode, numberOf, partsOf, piecesOf } from '../../src/control/parcel.ts'

/** A server that takes 100 bytes of ours at once. */
const MAX_BYTES = 4096 + 100
const bytes = fc.uint8Array({ maxLength: 1000 })

describe('what is encoded', () => {
  test.each([
    { what: 'nothing', message: null },
    { what: 'a map, infinities and what is not there', message: new Map([['a', [Number.POSITIVE_INFINITY, -0, undefined, 1n << 70n]]]) },
    { what: 'typed arrays', message: { counts: Float64Array.of(1.5, Number.NaN), bytes: new Uint8Array(5) } },
    { what: 'something large', message: Array.from({ length: 10_000 }, (_, i) => `client-${i}`) },
  ])('comes out as it went in: $what', ({ message }) => {
    expect(decode(encode(message))).toEqual(message)
  })

  test('is deflated where that helps', () => {
    expect(encode('x'.repeat(400)).length).toBeGreaterThan(400)
    expect(encode('x'.repeat(100_000)).length).toBeLessThan(1000)
  })
})

describe('parts of a message', () => {
  test('fit the server with their head, and together are the message', () => {
    fc.assert(
      fc.property(bytes, fc.nat(0xffffffff), (whole, number) => {
        const parts = partsOf(whole, number, MAX_BYTES)
        expect(parts.length).toBe(Math.max(1, Math.ceil(whole.length / 100)))
        expect(parts.every((part) => part.length < MAX_BYTES && numberOf(part) === number)).toBe(true)
        const assembler = new Assembler()
        const taken = parts.map((part) => assembler.take(part))
        expect(taken.slice(0, -1).every((none) => none === null)).toBe(true)
        expect(Buffer.from(taken.at(-1)!)).toEqual(Buffer.from(whole))
      }),
    )
  })

  test('are of a byte at least, whatever the server says', () => {
    expect(piecesOf(new Uint8Array(3), 0).map(({ length }) => length)).toEqual([1, 1, 1])
    expect(piecesOf(new Uint8Array(0), 0).map(({ length }) => length)).toEqual([0])
  })

  test('may come again at any time, and make each message once', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (messages, dice) => {
        const assembler = new Assembler()
        const sent: Uint8Array[] = []
        const taken: Uint8Array[] = []
        for (const part of messages.flatMap((message, number) => partsOf(message, number, MAX_BYTES))) {
          sent.push(part)
          const again = Array.from({ length: dice.next().value! % 3 }, () => sent[dice.next().value! % sent.length]!)
          for (const one of [part, ...again]) {
            const whole = assembler.take(one)
            if (whole !== null) taken.push(whole)
          }
        }
        expect(taken.map((whole) => Buffer.from(whole))).toEqual(messages.map((message) => Buffer.from(message)))
      }),
    )
  })

  test('of a message that was given up are dropped with the first of the next', () => {
    const assembler = new Assembler()
    const [first] = partsOf(new Uint8Array(150).fill(1), 0, MAX_BYTES)
    expect(assembler.take(first!)).toBeNull()
    const next = partsOf(new Uint8Array(150).fill(2), 1, MAX_BYTES).map((part) => assembler.take(part))
    expect(next[1]).toEqual(Buffer.alloc(150, 2))
    expect(assembler.number).toBe(1)
  })

  test('of a message that was given up change nothing when they come late', () => {
    const assembler = new Assembler()
    const [old, next] = [0, 1].map((number) => partsOf(new Uint8Array(150).fill(number), number, MAX_BYTES))
    expect([old![0]!, next![0]!, old![1]!, old![0]!].map((part) => assembler.take(part))).toEqual([null, null, null, null])
    expect(assembler.take(next![1]!)).toEqual(Buffer.alloc(150, 1))
  })

  test('that lack one before them make nothing', () => {
    const assembler = new Assembler()
    const parts = partsOf(new Uint8Array(250), 0, MAX_BYTES)
    expect([parts[0]!, parts[2]!].map((part) => assembler.take(part))).toEqual([null, null])
    expect(assembler.number).toBe(-1)
    expect([parts[1]!, parts[2]!].map((part) => assembler.take(part)?.length ?? null)).toEqual([null, 250])
  })
})
