/**
 * JSON payloads: a template compiled once, written for each message without building strings.
 *
 * The first member is the header, `"_ms"`. A string that is exactly `{seq}`, `{now}` or `{client}` becomes a number; inside a longer
 * string they are replaced. `{random: {min, max}}` becomes a number from min to max: whole if both are, else with three decimals.
 *
 * All widths but those of `{seq}`, `{client}` and random numbers are fixed: `{now}` has 13 digits from 2001 to 2286.
 */
import { assert } from '../errors.ts'
import { JSON_PREFIX, TEXT_LENGTH } from './header.ts'
import { keyOf, random } from './order.ts'

/** Where in the payload the header's text form goes. */
export const HEADER_AT = JSON_PREFIX.length

/** The member that is ours: a scenario's own of that name gives way. */
const HEADER_MEMBER = '_ms'
const PLACEHOLDER = /\{(seq|now|client)\}/
const NOW_DIGITS = 13
/** Digits of the largest sequence number and client index, 2^32 and 2^24. */
const SEQ_DIGITS = 10
const CLIENT_DIGITS = 8

type Part =
  | { readonly kind: 'text'; readonly bytes: Uint8Array }
  | { readonly kind: 'seq' }
  | { readonly kind: 'client' }
  | { readonly kind: 'now' }
  | { readonly kind: 'random'; readonly key: number; readonly min: number; readonly max: number; readonly isWhole: boolean }

export class JsonTemplate {
  readonly maxBytes: number
  private readonly parts: readonly Part[]
  /** The message last built, but for its header and times: `write` mostly follows `size`. */
  private readonly built: Uint8Array
  private builtBytes = 0
  private builtClient = -1
  private builtSeq = -1
  private readonly nowAt: number[] = []

  /** @param value  an object as the scenario has it */
  constructor(value: unknown, key: number) {
    assert(isObject(value), 'a JSON payload is an object')
    this.parts = new Compiler(key).compile(value)
    this.maxBytes = this.parts.reduce((sum, part) => sum + widest(part), 0)
    this.built = new Uint8Array(this.maxBytes)
  }

  /** Bytes of a message. */
  size(client: number, seq: number): number {
    if (client !== this.builtClient || seq !== this.builtSeq) this.build(client, seq)
    return this.builtBytes
  }

  /** Writes a message to `bytes` from `at`, with room left for the header at HEADER_AT. */
  write(bytes: Uint8Array, at: number, client: number, seq: number, nowMs: number): void {
    const size = this.size(client, seq)
    assert(nowMs >= 1e12 && nowMs < 1e13, 'the time has 13 digits')
    for (const offset of this.nowAt) writeDigits(this.built, offset, nowMs)
    bytes.set(this.built.subarray(0, size), at)
  }

  private build(client: number, seq: number): void {
    const { built } = this
    let at = 0
    let nowCount = 0
    for (const part of this.parts) {
      if (part.kind === 'text') {
        built.set(part.bytes, at)
        at += part.bytes.length
      } else if (part.kind === 'now') {
        this.nowAt[nowCount++] = at
        at += NOW_DIGITS
      } else if (part.kind === 'random') {
        const share = random(part.key, client, seq)
        if (part.isWhole) at = writeDigits(built, at, part.min + Math.floor(share * (part.max - part.min + 1)))
        else at = writeThousandths(built, at, Math.round((part.min + share * (part.max - part.min)) * 1000))
      } else {
        at = writeDigits(built, at, part.kind === 'seq' ? seq : client)
      }
    }
    this.builtBytes = at
    this.builtClient = client
    this.builtSeq = seq
  }
}

class Compiler {
  private readonly key: number
  private readonly parts: Part[] = []
  private text = `${JSON_PREFIX}${'-'.repeat(TEXT_LENGTH)}"`
  private randomCount = 0

  constructor(key: number) {
    this.key = key
  }

  compile(value: object): Part[] {
    for (const [name, member] of Object.entries(value)) {
      if (name === HEADER_MEMBER) continue
      this.text += `,${JSON.stringify(name)}:`
      this.add(member)
    }
    this.text += '}'
    this.endText()
    return this.parts
  }

  private add(value: unknown): void {
    if (typeof value === 'string') this.addString(value)
    else if (Array.isArray(value)) this.addList('[', value, ']', (item) => this.add(item))
    else if (!isObject(value)) this.text += JSON.stringify(value)
    else if (!this.addRandom(value)) {
      this.addList('{', Object.entries(value), '}', ([name, member]) => {
        this.text += `${JSON.stringify(name)}:`
        this.add(member)
      })
    }
  }

  private addList<T>(open: string, items: readonly T[], close: string, add: (item: T) => void): void {
    this.text += open
    for (const [i, item] of items.entries()) {
      if (i > 0) this.text += ','
      add(item)
    }
    this.text += close
  }

  private addString(value: string): void {
    const pieces = value.split(PLACEHOLDER)
    const isNumber = pieces.length === 3 && pieces[0] === '' && pieces[2] === ''
    if (!isNumber) this.text += '"'
    for (const [i, piece] of pieces.entries()) {
      if (i % 2 === 0) this.text += JSON.stringify(piece).slice(1, -1)
      else this.addPart({ kind: piece as 'seq' | 'now' | 'client' })
    }
    if (!isNumber) this.text += '"'
  }

  private addRandom(value: object): boolean {
    const range = 'random' in value && Object.keys(value).length === 1 ? value.random : null
    if (!isObject(range) || !('min' in range) || !('max' in range)) return false
    const { min, max } = range
    if (typeof min !== 'number' || typeof max !== 'number') return false
    const isWhole = Number.isInteger(min) && Number.isInteger(max)
    this.addPart({ kind: 'random', key: keyOf(this.key, 'random', this.randomCount++), min, max, isWhole })
    return true
  }

  private addPart(part: Part): void {
    this.endText()
    this.parts.push(part)
  }

  private endText(): void {
    if (this.text !== '') this.parts.push({ kind: 'text', bytes: new TextEncoder().encode(this.text) })
    this.text = ''
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The most bytes that a part can take. Numbers in a range are widest at one of its ends. */
function widest(part: Part): number {
  if (part.kind === 'text') return part.bytes.length
  if (part.kind === 'seq') return SEQ_DIGITS
  if (part.kind === 'client') return CLIENT_DIGITS
  if (part.kind === 'now') return NOW_DIGITS
  const whole = Math.max(...[part.min, part.max].map((end) => String(Math.trunc(end)).length))
  return part.isWhole ? whole : whole + '.000'.length + 1 // one more for a carry, as of 9.9999, or for the sign of -0.5
}

/** Writes a whole number in decimal from `at`; returns where it ends. */
function writeDigits(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0) {
    bytes[at++] = 0x2d // -
    value = -value
  }
  let digits = 1
  for (let limit = 10; value >= limit; limit *= 10) digits++
  for (let i = at + digits - 1; i >= at; i--) {
    const tenth = Math.floor(value / 10)
    bytes[i] = 0x30 + value - tenth * 10
    value = tenth
  }
  return at + digits
}

/** Writes a number of thousandths with three decimals, so -1500 as -1.500. */
function writeThousandths(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0) {
    bytes[at++] = 0x2d
    value = -value
  }
  const point = writeDigits(bytes, at, Math.floor(value / 1000))
  const end = writeDigits(bytes, point, 1000 + (value % 1000)) // its leading 1 makes way for the point
  bytes[point] = 0x2e
  return end
}
