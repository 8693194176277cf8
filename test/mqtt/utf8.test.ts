import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkText, checkTopicName, decodeText } from '../../src/mqtt/utf8.ts'
import { hex, protocolErrorOf } from './helpers.ts'

const encode = (text: string) => new TextEncoder().encode(text)

describe('text', () => {
  test.each(['', 'abc', 'ü', '温', '🌡', '\ufeffmark', '\u0001', '\ud7ff\ue000\uffff', '\u{10ffff}'])('%j passes and comes back', (text) => {
    const bytes = encode(`<${text}>`)
    checkText(bytes, 1, bytes.length - 1)
    expect(decodeText(bytes, 1, bytes.length - 1)).toBe(text)
  })

  test.each([
    { why: 'U+0000', bytes: '610062' },
    { why: 'a lone continuation', bytes: '80' },
    { why: 'an overlong slash', bytes: 'c0af' },
    { why: 'an overlong three-byte form', bytes: 'e08080' },
    { why: 'an overlong four-byte form', bytes: 'f0808080' },
    { why: 'a surrogate', bytes: 'eda080' },
    { why: 'beyond U+10FFFF', bytes: 'f4908080' },
    { why: 'a five-byte form', bytes: 'f888808080' },
    { why: 'cut short', bytes: 'e282' },
    { why: 'cut short by the end of the text, not of the bytes', bytes: 'c3', more: 'bc' },
    { why: 'a bad third byte', bytes: 'e28241' },
  ])('$why is malformed', ({ bytes, more = '' }) => {
    const all = hex(bytes + more)
    expect(protocolErrorOf(() => checkText(all, 0, hex(bytes).length))?.[0]).toBe(0x81)
    expect(protocolErrorOf(() => checkTopicName(all, 0, hex(bytes).length))?.[0]).toBe(0x81)
  })

  test('any bytes pass exactly if the platform decodes them and they have no U+0000', () => {
    const strict = new TextDecoder('utf-8', { fatal: true })
    const isText = (bytes: Uint8Array) => {
      try {
        return !strict.decode(bytes).includes('\0')
      } catch {
        return false
      }
    }
    // Bytes near the borders of the table are what goes wrong.
    const byte = fc.constantFrom(
      0,
      0x41,
      0x7f,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xe1,
      0xed,
      0xef,
      0xf0,
      0xf1,
      0xf4,
      0xf5,
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), fc.array(byte, { maxLength: 6 }), (any, near) => {
        for (const bytes of [any, Uint8Array.from(near)]) {
          expect(protocolErrorOf(() => checkText(bytes, 0, bytes.length)) === null).toBe(isText(bytes))
        }
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    { topic: 'a/+', code: 0x90 },
    { topic: 'a/#', code: 0x90 },
    { topic: '', code: 0x81 },
  ])('a PUBLISH can not have the topic "$topic"', ({ topic, code }) => {
    const bytes = encode(topic)
    expect(protocolErrorOf(() => checkTopicName(bytes, 0, bytes.length))?.[0]).toBe(code)
  })
})
