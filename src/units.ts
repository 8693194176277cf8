/**
 * Units as people write them, and back: durations, rates, counts, sizes, shares.
 *
 * Inside the program a quantity is a plain number in one unit, which its name ends in: Us (microseconds), S, PerSec, Bytes, Count, Share (0 to 1).
 * This file converts, and nothing else does.
 *
 * A parser takes what YAML or the command line gave (a number or a text) and returns the number, or a text that says what was expected.
 * Signs are accepted: whether -5/s makes sense is for the caller to say, in words that fit the place.
 */

export const US_PER_MS = 1_000
export const US_PER_S = 1_000_000

/** The value, or what was expected instead: `typeof parsed === 'string'` tells. */
export type Parsed = number | string

const DURATION_US: Readonly<Record<string, number>> = {
  us: 1,
  µs: 1,
  ms: US_PER_MS,
  s: US_PER_S,
  m: 60 * US_PER_S,
  h: 3600 * US_PER_S,
  d: 86_400 * US_PER_S,
}
const RATE_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }
const COUNT: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6 }
const SIZE: Readonly<Record<string, number>> = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

const BITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9 }

/** A number with its unit: digits may be grouped by `_`. */
const QUANTITY = /^(-?(?:\d[\d_]*(?:\.\d+)?|\.\d+)) ?([a-zA-Zµ%]*)$/

/** `250ms`, `30s`, `5m`, `2h` (also `us`, `d`) to whole microseconds. 0 needs no unit. */
export function parseDuration(value: unknown): Parsed {
  const expected = 'expected a duration such as 250ms, 30s, 5m or 2h'
  const parts = split(value)
  if (!parts) return expected
  if (parts.unit === '') return parts.amount === 0 ? 0 : expected
  const factor = lookUp(DURATION_US, parts.unit)
  return factor === undefined ? expected : Math.round(parts.amount * factor)
}

/** `500/s`, `30/m`, `10k/s`, `90/h` to events a second. */
export function parseRate(value: unknown): Parsed {
  const expected = 'expected a rate such as 500/s, 30/m or 10k/s'
  if (typeof value !== 'string') return expected
  const slash = value.indexOf('/')
  const seconds = slash < 0 ? undefined : lookUp(RATE_S, value.slice(slash + 1).trim())
  const parts = slash < 0 ? null : split(value.slice(0, slash))
  const factor = parts ? lookUp(COUNT, parts.unit) : undefined
  return !parts || factor === undefined || seconds === undefined ? expected : (parts.amount * factor) / seconds
}

/** `500`, `10k`, `2.5M`, `10_000` to a whole number. */
export function parseCount(value: unknown): Parsed {
  const expected = 'expected a whole number such as 500, 10k or 2.5M'
  const parts = split(value)
  const factor = parts ? lookUp(COUNT, parts.unit) : undefined
  if (!parts || factor === undefined) return expected
  // 1.1 * 1e6 is 1100000.0000000002: what counts is whether a whole number was meant.
  const exact = parts.amount * factor
  const count = Math.round(exact)
  return Math.abs(exact - count) > 1e-6 || !Number.isSafeInteger(count) ? expected : count
}

/** `64`, `64B`, `1KiB`, `2MB` to bytes. */
export function parseBytes(value: unknown): Parsed {
  const expected = 'expected a size such as 64, 64B or 1KiB'
  const parts = split(value)
  const factor = parts ? lookUp(SIZE, parts.unit || 'B') : undefined
  if (!parts || factor === undefined) return expected
  const bytes = Math.round(parts.amount * factor)
  return (factor === 1 && bytes !== parts.amount) || !Number.isSafeInteger(bytes) ? expected : bytes
}

/** `10Gbit/s` to bits a second. */
export function parseBitRate(value: unknown): Parsed {
  const expected = 'expected a bandwidth such as 500Mbit/s or 10Gbit/s'
  const parts = typeof value === 'string' && value.trim().endsWith('/s') ? split(value.trim().slice(0, -2)) : null
  const factor = parts ? lookUp(BITS, parts.unit) : undefined
  return !parts || factor === undefined ? expected : parts.amount * factor
}

/** `95%` or `95 %` to 0.95. More than 100 % is a share too: of a load, or a scale. */
export function parseShare(value: unknown): Parsed {
  const parts = split(value)
  return parts?.unit === '%' ? parts.amount / 100 : 'expected a share such as 95%'
}

/** `850 µs`, `1.84 ms`, `12 s`, `7.5 min`, `2 h`; ∞ for what never came. Three significant digits. */
export function formatDuration(us: number): string {
  if (!Number.isFinite(us)) return us < 0 ? '-∞' : '∞'
  const size = Math.abs(us)
  // The bounds are where rounding to three digits would reach the next unit.
  if (size < 999.5) return `${significant(us)} µs`
  if (size < 999.5 * US_PER_MS) return `${significant(us / US_PER_MS)} ms`
  if (size < 119.5 * US_PER_S) return `${significant(us / US_PER_S)} s`
  if (size < 119.5 * 60 * US_PER_S) return `${significant(us / (60 * US_PER_S))} min`
  return `${significant(us / (3600 * US_PER_S))} h`
}

/** `12,345`; rounded to a whole number. */
export function formatCount(count: number): string {
  return Number.isFinite(count) ? grouped(Math.round(count)) : '∞'
}

/** `12,345/s`; below 100/s with three significant digits. */
export function formatRate(perSec: number): string {
  return `${Math.abs(perSec) < 99.95 ? significant(perSec) : formatCount(perSec)}/s`
}

/** `64 B`, `1.5 KiB`, `11.2 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (Math.abs(bytes) >= 1023.5 && unit < units.length - 1) {
    bytes /= 1024
    unit++
  }
  return `${significant(bytes)} ${units[unit]}`
}

/** `850 bit/s`, `24 Mbit/s`, `0.24 Gbit/s`. */
export function formatBitRate(bitsPerSec: number): string {
  const [unit, size] =
    bitsPerSec >= 1e8 ? ['Gbit', 1e9] : bitsPerSec >= 1e5 ? ['Mbit', 1e6] : bitsPerSec >= 1e3 ? ['kbit', 1e3] : ['bit', 1]
  return `${significant(bitsPerSec / Number(size))} ${unit}/s`
}

/** `12.3 %`. What is not all is never shown as 100 %, and what is not nothing never as 0 %. */
export function formatShare(share: number): string {
  const percent = share * 100
  const text = significant(percent)
  if (text === '100' && percent < 100) return percent >= 99.99 ? '> 99.99 %' : `${Math.floor(percent * 100) / 100} %`
  if (text === '0' && percent > 0) return '< 0.01 %'
  return `${text} %`
}

function split(value: unknown): { amount: number; unit: string } | null {
  if (typeof value === 'number') return Number.isFinite(value) ? { amount: value, unit: '' } : null
  const match = typeof value === 'string' ? QUANTITY.exec(value.trim()) : null
  return match ? { amount: Number(match[1]!.replaceAll('_', '')), unit: match[2]! } : null
}

function lookUp(units: Readonly<Record<string, number>>, unit: string): number | undefined {
  return Object.hasOwn(units, unit) ? units[unit] : undefined
}

/** Three significant digits above 1, two decimals below, no trailing zeros. */
function significant(x: number): string {
  const size = Math.abs(x)
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2
  return grouped(Number(x.toFixed(digits)))
}

const NUMBERS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 })

function grouped(x: number): string {
  // -0 would print as "-0".
  return NUMBERS.format(x === 0 ? 0 : x)
}

/** A reason code as the specification writes it: 0x8E. */
export function formatCode(code: number): string {
  return `0x${code.toString(16).toUpperCase().padStart(2, '0')}`
}

/** Three decimals: a share to a tenth of a percent, seconds to the millisecond. */
export function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000
}
