import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatBitRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  parseBitRate,
  parseBytes,
  parseCount,
  parseDuration,
  parseRate,
  parseShare,
} from '../src/units.ts'

describe('what people write', () => {
  test.each([
    { parse: parseDuration, text: '250ms', is: 250_000 },
    { parse: parseDuration, text: '30s', is: 30e6 },
    { parse: parseDuration, text: '1.5m', is: 90e6 },
    { parse: parseDuration, text: '2h', is: 7200e6 },
    { parse: parseDuration, text: '1d', is: 86_400e6 },
    { parse: parseDuration, text: '20us', is: 20 },
    { parse: parseDuration, text: 0, is: 0 },
    { parse: parseDuration, text: '-5s', is: -5e6 },
    { parse: parseDuration, text: '0.1s', is: 100_000 },
    { parse: parseRate, text: '500/s', is: 500 },
    { parse: parseRate, text: '30/m', is: 0.5 },
    { parse: parseRate, text: '10k/s', is: 10_000 },
    { parse: parseRate, text: '3.6k/h', is: 1 },
    { parse: parseRate, text: '-5/s', is: -5 },
    { parse: parseCount, text: 7, is: 7 },
    { parse: parseCount, text: '10k', is: 10_000 },
    { parse: parseCount, text: '2.5M', is: 2_500_000 },
    { parse: parseCount, text: '1.1M', is: 1_100_000 },
    { parse: parseCount, text: '10_000', is: 10_000 },
    { parse: parseBytes, text: 64, is: 64 },
    { parse: parseBytes, text: '64B', is: 64 },
    { parse: parseBytes, text: '1KiB', is: 1024 },
    { parse: parseBytes, text: '1.5 kB', is: 1500 },
    { parse: parseBitRate, text: '10Gbit/s', is: 10e9 },
    { parse: parseBitRate, text: '2.5 Mbit/s', is: 2.5e6 },
    { parse: parseShare, text: '95%', is: 0.95 },
    { parse: parseShare, text: '250 %', is: 2.5 },
  ])('$text is $is', ({ parse, text, is }) => expect(parse(text)).toBe(is))

  test.each([
    { parse: parseDuration, text: 5, why: 'a duration needs its unit' },
    { parse: parseDuration, text: '5 lightyears', why: 'no such unit' },
    { parse: parseDuration, text: 'constructor', why: 'a name every object has is no unit' },
    { parse: parseDuration, text: '', why: 'nothing is not 0' },
    { parse: parseDuration, text: null, why: 'null is no duration' },
    { parse: parseRate, text: 500, why: 'a rate needs its time' },
    { parse: parseRate, text: '500', why: 'a rate needs its time, as text too' },
    { parse: parseRate, text: '500/day', why: 'no such time' },
    { parse: parseRate, text: '/s', why: 'a rate needs a number' },
    { parse: parseCount, text: '2.5', why: 'half a client does not exist' },
    { parse: parseCount, text: '10m', why: 'm is minutes, not millions' },
    { parse: parseCount, text: Number.NaN, why: 'not a number' },
    { parse: parseCount, text: [1], why: 'a list is no number' },
    { parse: parseBytes, text: '0.5B', why: 'half a byte' },
    { parse: parseBytes, text: '1Kib', why: 'no such unit' },
    { parse: parseBitRate, text: '10G', why: 'bits or bytes, and in which time?' },
    { parse: parseBitRate, text: '10GB/s', why: 'bandwidth is in bits' },
    { parse: parseShare, text: 0.95, why: '0.95 could be 95 % or 0.95 %' },
    { parse: parseShare, text: '95', why: 'a share needs its %' },
  ])('$text is refused: $why', ({ parse, text }) => expect(parse(text)).toMatch(/^expected a/))
})

describe('what people read', () => {
  test.each([
    [formatDuration(0), '0 µs'],
    [formatDuration(850), '850 µs'],
    [formatDuration(999.7), '1 ms'],
    [formatDuration(1840), '1.84 ms'],
    [formatDuration(12_345), '12.3 ms'],
    [formatDuration(999_700), '1 s'],
    [formatDuration(12e6), '12 s'],
    [formatDuration(450e6), '7.5 min'],
    [formatDuration(7200e6), '2 h'],
    [formatDuration(Number.POSITIVE_INFINITY), '∞'],
    [formatCount(12_345), '12,345'],
    [formatCount(-0), '0'],
    [formatRate(0.5), '0.5/s'],
    [formatRate(12_345.6), '12,346/s'],
    [formatBitRate(0.26e9), '0.26 Gbit/s'],
    [formatBitRate(24e6), '24 Mbit/s'],
    [formatBitRate(850), '850 bit/s'],
    [formatBytes(64), '64 B'],
    [formatBytes(1536), '1.5 KiB'],
    [formatBytes(12 * 1024 ** 3), '12 GiB'],
    [formatShare(0.123456), '12.3 %'],
    [formatShare(1), '100 %'],
    [formatShare(0.9996), '99.96 %'],
    [formatShare(0.999999), '> 99.99 %'],
    [formatShare(0.0000001), '< 0.01 %'],
    [formatShare(0), '0 %'],
  ])('%s', (got, expected) => expect(got).toBe(expected))

  test('a duration is never off by more than half a percent', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 100 * 3600e6 }), (us) => {
        const back = parseDuration(formatDuration(us).replaceAll(',', '').replace('min', 'm').replace(' ', ''))
        expect(Math.abs((back as number) - us) / us).toBeLessThanOrEqual(0.0051)
      }),
    )
  })
})
