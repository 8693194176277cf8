import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Header } from '../../src/load/header.ts'
import * as header from '../../src/load/header.ts'

const { DAMAGED, NONE, OK, readHeader, readText, runHash, sameRun, writeCompact, writeText, writeWide } = header

const blank = (): Header => ({ run: 0, publisher: 0, entry: 0, seq: 0, intendedUs: 0, node: 0 })
const byte = fc.integer({ min: 0, max: 255 })

function headers(messages: number, endUs: number): fc.Arbitrary<Header> {
  const upTo = (end: number) => fc.oneof(fc.integer({ min: 0, max: end - 1 }), fc.constantFrom(0, end - 1))
  return fc.record({
    run: fc.integer({ min: 0x10000, max: 0xffffffff }),
    publisher: upTo(2 ** 24),
    entry: byte,
    seq: upTo(messages),
    intendedUs: upTo(endUs),
    node: byte,
  })
}
const wide = headers(header.WIDE_MESSAGES, 2 ** 48)
const compact = headers(header.COMPACT_MESSAGES, header.COMPACT_END_US)

/** A payload of `size` bytes of 0x55 that begins with the header, at offset 5 of a larger array. */
function payload(size: number, write: (bytes: Uint8Array, at: number, h: Header) => void, h: Header): Uint8Array {
  const bytes = new Uint8Array(size + 9).fill(0x55)
  write(bytes, 5, h)
  return bytes
}

function writeJson(bytes: Uint8Array, at: number, h: Header): void {
  bytes.set(new TextEncoder().encode(header.JSON_PREFIX), at)
  writeText(bytes, at + header.JSON_PREFIX.length, h)
}

describe('a header', () => {
  test('in its wide form comes back whole, from payloads of 32 bytes and more', () => {
    fc.assert(
      fc.property(wide, fc.integer({ min: 32, max: 200 }), (h, size) => {
        const read = blank()
        expect(readHeader(payload(size, writeWide, h), 5, 5 + size, read)).toBe(OK)
        expect(read).toEqual(h)
      }),
    )
  })

  test('in its compact form comes back but for the high half of the run, from payloads of 16 to 31 bytes', () => {
    fc.assert(
      fc.property(compact, fc.integer({ min: 16, max: 31 }), (h, size) => {
        const read = blank()
        expect(readHeader(payload(size, writeCompact, h), 5, 5 + size, read)).toBe(OK)
        expect(read).toEqual({ ...h, run: h.run & 0xffff })
      }),
    )
  })

  test('as the first member of JSON comes back whole', () => {
    fc.assert(
      fc.property(wide, (h) => {
        const read = blank()
        expect(readHeader(payload(60, writeJson, h), 5, 65, read)).toBe(OK)
        expect(read).toEqual(h)
      }),
    )
  })

  test('as text is base64url of the wide form, 43 characters, and comes back whole', () => {
    fc.assert(
      fc.property(wide, (h) => {
        const text = payload(43, writeText, h).subarray(5, 48)
        expect(Buffer.from(text).toString()).toBe(Buffer.from(payload(32, writeWide, h).subarray(5, 37)).toString('base64url'))
        const read = blank()
        expect(readText(text, 0, 43, read)).toBe(OK)
        expect(read).toEqual(h)
      }),
    )
  })

  test('touches no byte but its own', () => {
    const h = { run: 0xffffffff, publisher: 0xffffff, entry: 255, seq: 2 ** 28 - 1, intendedUs: 2 ** 36 - 1, node: 255 }
    for (const [write, length] of [
      [writeWide, 32],
      [writeCompact, 16],
      [writeText, 43],
    ] as const) {
      const bytes = payload(length, write, h)
      expect([...bytes.subarray(0, 5), ...bytes.subarray(5 + length)]).toEqual(new Array(9).fill(0x55))
    }
  })

  test('has its intended time rounded down to whole µs', () => {
    const read = blank()
    readHeader(payload(32, writeWide, { ...blank(), intendedUs: 2 ** 40 + 0.75 }), 5, 37, read)
    expect(read.intendedUs).toBe(2 ** 40)
  })

  test('that is too large for its form is a bug, not a wrong message', () => {
    expect(() => writeCompact(new Uint8Array(16), 0, { ...blank(), seq: header.COMPACT_MESSAGES })).toThrow('compact')
    expect(() => writeCompact(new Uint8Array(16), 0, { ...blank(), intendedUs: header.COMPACT_END_US })).toThrow('compact')
    expect(() => writeWide(new Uint8Array(32), 0, { ...blank(), intendedUs: -1 })).toThrow('wide')
  })
})

describe('a damaged header', () => {
  test('is found out in the wide form, wherever a byte has changed; without the magic it is not ours', () => {
    fc.assert(
      fc.property(wide, fc.nat({ max: 31 }), fc.integer({ min: 1, max: 255 }), (h, at, flip) => {
        const bytes = payload(32, writeWide, h)
        bytes[5 + at]! ^= flip
        expect(readHeader(bytes, 5, 37, blank())).toBe(at < 2 ? NONE : DAMAGED)
      }),
    )
  })

  test('is found out in JSON, also where the text is no base64url or is cut short', () => {
    const bytes = payload(60, writeJson, { ...blank(), seq: 7 })
    expect(readHeader(bytes, 5, 5 + 40, blank())).toBe(DAMAGED)
    for (let i = 0; i < 42; i++) {
      const changed = bytes.slice()
      changed[13 + i]! = changed[13 + i] === 0x41 ? 0x42 : 0x41
      expect(readHeader(changed, 5, 65, blank())).toBe(DAMAGED)
      changed[13 + i]! = 0x2a
      expect(readHeader(changed, 5, 65, blank())).toBe(DAMAGED)
    }
  })

  test('passes in the compact form in about one of 256 cases', () => {
    let passed = 0
    for (let seq = 0; seq < 20_000; seq++) {
      const bytes = payload(16, writeCompact, { ...blank(), seq, intendedUs: seq * 1000 })
      bytes[5 + (seq % 16)]! ^= 1 << (seq % 8)
      if (readHeader(bytes, 5, 21, blank()) === OK) passed++
    }
    expect(passed / 20_000).toBeLessThan(2 / 256)
  })
})

describe('what is not ours', () => {
  test.each([
    ['15 bytes', new Uint8Array(15), NONE],
    ['nothing', new Uint8Array(0), NONE],
    ['32 zeros', new Uint8Array(32), NONE],
    ['JSON of others', new TextEncoder().encode('{"temperature": 21.5, "unit": "celsius"}'), NONE],
    ['16 zeros, which are as long as a compact header', new Uint8Array(16), DAMAGED],
    ['20 letters, which are as long as a compact header', new TextEncoder().encode('abcdefghijklmnopqrst'), DAMAGED],
  ])('is told: %s', (_, bytes, found) => {
    expect(readHeader(bytes, 0, bytes.length, blank())).toBe(found)
  })

  test('is told in a user property too', () => {
    expect(readText(new TextEncoder().encode('12'), 0, 2, blank())).toBe(NONE)
    expect(readText(new TextEncoder().encode('x'.repeat(43)), 0, 43, blank())).toBe(NONE)
  })

  test('never makes a reader throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect([NONE, OK, DAMAGED]).toContain(readHeader(bytes, 0, bytes.length, blank()))
        expect([NONE, OK, DAMAGED]).toContain(readText(bytes, 0, bytes.length, blank()))
      }),
    )
  })
})

describe('the run in a header', () => {
  test('is recognised whole and by the half that compact headers carry', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6, maxLength: 6 }), fc.string({ minLength: 6, maxLength: 6 }), (mine, other) => {
        const run = runHash(mine)
        expect(run).toBeGreaterThan(0xffff)
        expect(sameRun(run, run) && sameRun(run & 0xffff, run)).toBe(true)
        expect(sameRun(runHash(other), run)).toBe(mine === other)
      }),
    )
  })

  test('of another run is told in the compact form, and in the others also where the low half is the same', () => {
    expect(sameRun(0x20001, 0x10001)).toBe(false)
    expect(sameRun((runHash('abc123') & 0xffff) ^ 1, runHash('abc123'))).toBe(false)
  })
})
