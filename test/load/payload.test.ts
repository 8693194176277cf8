import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Header, OK, readHeader } from '../../src/load/header.ts'
import { headerForm, PayloadWriter } from '../../src/load/payload.ts'
import type { PayloadPlan, ProtocolLevel } from '../../src/load/plan.ts'
import { sampleEntry, sampleGroup, samplePayload, samplePlan } from './sample-plan.ts'

const EPOCH_MS = 1_790_000_000_000

const headerOf = (seq: number): Header => ({ run: 0xabcdef01, publisher: 5, entry: 3, seq, intendedUs: 12_345_678, node: 1 })

function writerOf(payload: PayloadPlan, file: Uint8Array | null = null, seed = 42): PayloadWriter {
  return new PayloadWriter(samplePlan({ seed }), sampleGroup({ clients: 100 }), sampleEntry(), payload, file, EPOCH_MS)
}

/** The message, having checked that not a byte around it was touched. */
function messageOf(writer: PayloadWriter, client: number, seq: number): Uint8Array {
  const size = writer.size(client, seq)
  expect(size).toBeLessThanOrEqual(writer.maxBytes)
  const bytes = new Uint8Array(size + 20)
  writer.write(bytes, 10, size, client, seq, headerOf(seq))
  expect([...bytes.subarray(0, 10), ...bytes.subarray(10 + size)]).toEqual(new Array(20).fill(0))
  return bytes.subarray(10, 10 + size)
}

const jsonOf = (value: unknown, client = 7, seq = 3) =>
  JSON.parse(Buffer.from(messageOf(writerOf({ kind: 'json', value }), client, seq)).toString())

test.each<[string, PayloadPlan, ProtocolLevel, string]>([
  ['32 bytes', samplePayload(32), 4, 'wide'],
  ['31 bytes', samplePayload(31), 4, 'compact'],
  ['16 to 500 bytes', samplePayload(16, 500), 4, 'compact'],
  ['15 bytes', samplePayload(15), 5, 'none'],
  ['0 to 500 bytes', samplePayload(0, 500), 4, 'none'],
  ['JSON', { kind: 'json', value: {} }, 3, 'json'],
  ['a text in version 5', { kind: 'text', text: 'on' }, 5, 'property'],
  ['a text in version 3.1.1', { kind: 'text', text: 'on' }, 4, 'none'],
  ['a file in version 5', { kind: 'file', path: 'x' }, 5, 'property'],
  ['a file in version 3.1', { kind: 'file', path: 'x' }, 3, 'none'],
])('the header of %s goes where there is room', (_, payload, version, form) => {
  expect(headerForm(sampleGroup({ version }), payload)).toBe(form)
})

describe('bytes', () => {
  test('carry their header and no zero after it, at any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 40_000 }), fc.nat({ max: 1000 }), (size, seq) => {
        const message = messageOf(writerOf(samplePayload(size)), 5, seq)
        const read = headerOf(0)
        expect(message.length).toBe(size)
        expect(readHeader(message, 0, size, read)).toBe(OK)
        expect(read).toEqual({ ...headerOf(seq), run: size < 32 ? 0xef01 : 0xabcdef01 })
        expect(message.subarray(size < 32 ? 16 : 32).includes(0)).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test('without room for a header are filler alone, also the larger ones of a mix', () => {
    const writer = writerOf(samplePayload(0, 64))
    for (let seq = 0; seq < 100; seq++) {
      const message = messageOf(writer, 5, seq)
      expect(message.includes(0)).toBe(false)
      expect(readHeader(message, 0, message.length, headerOf(0))).not.toBe(OK)
    }
  })

  test('between two sizes take each about equally often, the same for the same message', () => {
    const writer = writerOf(samplePayload(100, 103))
    const counts = [0, 0, 0, 0]
    for (let seq = 0; seq < 4000; seq++) counts[writer.size(seq % 100, seq) - 100]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
    expect(writer.size(3, 7)).toBe(writerOf(samplePayload(100, 103)).size(3, 7))
    expect(writer.maxBytes).toBe(103)
    for (let seq = 0; seq < 50; seq++) messageOf(writer, 3, seq)
  })

  test('do not compress to nothing', () => {
    const counts = new Array(256).fill(0)
    for (const byte of messageOf(writerOf(samplePayload(16_000)), 0, 0)) counts[byte]++
    expect(Math.max(...counts)).toBeLessThan(120)
  })
})

describe('JSON', () => {
  test('begins with the header, and stays valid', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const message = messageOf(writerOf({ kind: 'json', value }), 7, 3)
        const read = headerOf(0)
        expect(readHeader(message, 0, message.length, read)).toBe(OK)
        expect(read).toEqual(headerOf(3))
        const { _ms, ...rest } = JSON.parse(Buffer.from(message).toString())
        expect(_ms).toHaveLength(43)
        const { _ms: _, ...expected } = JSON.parse(JSON.stringify(value))
        expect(rest).toEqual(expected)
      }),
    )
  })

  test('has no other member of the header’s name', () => {
    const message = messageOf(writerOf({ kind: 'json', value: { a: 1, _ms: 'mine' } }), 7, 3)
    expect(Buffer.from(message).toString()).toMatch(/^\{"_ms":"[\w-]{43}","a":1\}$/)
  })

  test.each<[string, unknown, unknown]>([
    ['a sequence number', '{seq}', 3],
    ['a client', '{client}', 7],
    ['the intended time in Unix ms', '{now}', EPOCH_MS + 12_346],
    ['text with numbers in it', 'd{client}-{seq}/{seq}', 'd7-3/3'],
    ['a time in a text', '"{now}"', `"${EPOCH_MS + 12_346}"`],
    ['other braces', '{plant} {', '{plant} {'],
    ['no placeholder at all', 'Müller\n', 'Müller\n'],
    ['a list', ['{seq}', null, [true, '{client}']], [3, null, [true, 7]]],
    ['an object in an object', { a: { b: '{seq}', c: {} } }, { a: { b: 3, c: {} } }],
    ['a fixed range', { random: { min: 4, max: 4 } }, 4],
    ['a range of fractions without width', { random: { min: -1.25, max: -1.25 } }, -1.25],
    ['a fraction that is rounded to one more digit', { random: { min: 9.9999, max: 9.9999 } }, 10],
    ['a negative one, too', { random: { min: -9.9999, max: -9.9999 } }, -10],
    ['a sign that the whole part does not show', { random: { min: -0.5, max: -0.5 } }, -0.5],
    ['a map that has `random` and more', { random: { min: 1, max: 2 }, unit: 'C' }, { random: { min: 1, max: 2 }, unit: 'C' }],
    ['a map whose `random` is no range', { random: 'yes' }, { random: 'yes' }],
  ])('can hold %s', (_, value, expected) => {
    expect(jsonOf({ value })).toEqual({ _ms: expect.any(String), value: expected })
  })

  test('has random numbers in their range, by client, message and place', () => {
    const value = {
      whole: { random: { min: -3, max: 120 } },
      real: { random: { min: -0.5, max: 20 } },
      again: { random: { min: -0.5, max: 20 } },
    }
    const writer = writerOf({ kind: 'json', value })
    const wholes = new Set<number>()
    for (let seq = 0; seq < 2000; seq++) {
      const text = Buffer.from(messageOf(writer, seq % 13, seq)).toString()
      const { whole, real, again } = JSON.parse(text)
      expect(Number.isInteger(whole) && whole >= -3 && whole <= 120).toBe(true)
      expect(real >= -0.5 && real <= 20 && real !== again).toBe(true)
      expect(text).toMatch(/"real":-?\d+\.\d{3},/)
      wholes.add(whole)
    }
    expect(wholes.size).toBe(124)
    expect(jsonOf(value, 1, 1)).toEqual(jsonOf(value, 1, 1))
    expect(jsonOf(value, 1, 1)).not.toEqual(jsonOf(value, 2, 1))
  })

  test('never outgrows the size it announces: rounding, signs and the widest numbers', () => {
    const ends = fc.oneof(
      fc.integer({ min: -1e6, max: 1e6 }),
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.constantFrom(9.9999, -9.9999, -0.0001),
    )
    fc.assert(
      fc.property(ends, ends, fc.nat({ max: 2 ** 24 - 1 }), fc.nat({ max: 2 ** 32 - 1 }), (a, b, client, seq) => {
        const value = { v: { random: { min: Math.min(a, b), max: Math.max(a, b) } }, s: '{seq}', c: '{client}', n: 'at {now}' }
        const read = jsonOf(value, client, seq)
        expect(read.v).toBeGreaterThanOrEqual(Math.min(a, b) - 0.001)
        expect(read.v).toBeLessThanOrEqual(Math.max(a, b) + 0.001)
        expect([read.s, read.c, read.n]).toEqual([seq, client, `at ${EPOCH_MS + 12_346}`])
      }),
    )
  })

  test.each([
    [99, 123_456],
    [99, 3],
    [7, 123_456],
  ])('is the same whichever message was sized before it: client %i, number %i', (client, seq) => {
    const payload: PayloadPlan = { kind: 'json', value: { v: '{seq} of {client} at {now}' } }
    const size = writerOf(payload).size(7, 3)
    const writer = writerOf(payload)
    writer.size(client, seq)
    const bytes = new Uint8Array(size)
    writer.write(bytes, 0, size, 7, 3, headerOf(3))
    expect(JSON.parse(Buffer.from(bytes).toString()).v).toBe(`3 of 7 at ${EPOCH_MS + 12_346}`)
  })
})

describe('texts and files', () => {
  test('are sent as they are', () => {
    expect(Buffer.from(messageOf(writerOf({ kind: 'text', text: 'größer {client}' }), 1, 1)).toString()).toBe('größer {client}')
    expect([...messageOf(writerOf({ kind: 'file', path: 'x' }, Uint8Array.of(1, 0, 255)), 1, 1)]).toEqual([1, 0, 255])
  })

  test('may be empty, but a file must have been read', () => {
    expect(messageOf(writerOf({ kind: 'text', text: '' }), 1, 1)).toHaveLength(0)
    expect(() => writerOf({ kind: 'file', path: 'x' })).toThrow('has been read')
  })
})
