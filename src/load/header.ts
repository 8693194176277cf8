/**
 * The header that each message carries: whose it is, which one, and when it was meant to be sent.
 *
 * Three forms, big-endian:
 *
 *     wide, 32 bytes      magic 2 · entry 1 · node 1 · run 4 · publisher 4 · seq 4 · intended µs 6 · zero 6 · check 4
 *     compact, 16 bytes   check 1 · node 1 · entry 1 · publisher 3 · low half of run 2 · seq 28 bits · intended µs 36 bits
 *     text, 43 characters base64url of the wide form, for JSON and user properties
 *
 * A reader tells them apart by the payload's length and first bytes alone. The check is a hash, against corruption and chance, not
 * against forgery: of damaged wide headers one in four billion passes, of compact ones one in 256.
 *
 * Intended times are rounded down to whole µs. So a window with whole-µs bounds holds the same messages by header as by schedule.
 */
import { assert } from '../errors.ts'
import { keyOf, mix } from './order.ts'

export interface Header {
  /** `runHash` of the run; only its low 16 bits when read from a compact header: compare with `sameRun`. */
  run: number
  /** Global client index, below 2^24. */
  publisher: number
  /** `PublishPlan.index`, or `WILL_ENTRY`. */
  entry: number
  /** Number of the message in its stream, from 0. */
  seq: number
  /** µs since the run's epoch. */
  intendedUs: number
  /** Index of the node that the publisher was connected to, 0 to 254; or `REPLY_NODE`. */
  node: number
}

export const WIDE_BYTES = 32
export const COMPACT_BYTES = 16
export const TEXT_LENGTH = 43
/** The entry of a will: plans have at most 255 publish entries, 0 to 254. */
export const WILL_ENTRY = 255
/** In place of a node: the message is the reply to the one that the rest of the header names. */
export const REPLY_NODE = 255
/** Messages of a stream that the wide form can number: 32 bits. */
export const WIDE_MESSAGES = 2 ** 32
/** Messages of a stream that the compact form can number: 28 bits. */
export const COMPACT_MESSAGES = 2 ** 28
/** The compact form's times are below it: 36 bits of µs, 19 hours. */
export const COMPACT_END_US = 2 ** 36
/** What a JSON payload begins with; the text form follows. */
export const JSON_PREFIX = '{"_ms":"'

/** What a reader found. */
export const NONE = 0
export const OK = 1
export const DAMAGED = 2

const U32 = 2 ** 32
/** Not text in any encoding that we know of (0xF1 0x5C is no UTF-8), so foreign text is never taken for ours. */
const MAGIC = 0xf15c
const CHECK_SEED = 0x6d716873
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const ENCODE = Uint8Array.from(ALPHABET, (c) => c.charCodeAt(0))
const INVALID = 64
const DECODE = new Uint8Array(256).fill(INVALID)
for (const [value, code] of ENCODE.entries()) DECODE[code] = value
const PREFIX = Uint8Array.from(JSON_PREFIX, (c) => c.charCodeAt(0))

/** The wide form between its bytes and its text. The 33rd byte stays 0: it pads the last of eleven triples. */
const scratch = new Uint8Array(WIDE_BYTES + 1)

/** A run as headers carry it: 32 bits of its six characters, never below 2^16, so that a compact header's half can be told from it. */
export function runHash(run: string): number {
  const hash = keyOf(0, 'run', run)
  return hash > 0xffff ? hash : hash + 0x10000
}

/** Whether a header that was read, of any form, belongs to the run with this `runHash`. */
export function sameRun(found: number, run: number): boolean {
  return found > 0xffff ? found === run : found === (run & 0xffff)
}

/** Writes the wide form to bytes [at, at + 32). */
export function writeWide(bytes: Uint8Array, at: number, h: Header): void {
  const us = Math.floor(h.intendedUs)
  assert(h.seq < WIDE_MESSAGES && us >= 0, 'the message fits a wide header')
  const usHigh = Math.floor(us / U32)
  writeWord(bytes, at, (MAGIC << 16) | (h.entry << 8) | h.node)
  writeWord(bytes, at + 4, h.run)
  writeWord(bytes, at + 8, h.publisher)
  writeWord(bytes, at + 12, h.seq)
  writeWord(bytes, at + 16, (usHigh << 16) | ((us >>> 16) & 0xffff))
  writeWord(bytes, at + 20, us << 16)
  writeWord(bytes, at + 24, 0)
  writeWord(bytes, at + 28, wideCheck(bytes, at))
}

/** Writes the compact form to bytes [at, at + 16). Plans with longer streams or runs than it can hold give it no room. */
export function writeCompact(bytes: Uint8Array, at: number, h: Header): void {
  const us = Math.floor(h.intendedUs)
  assert(h.seq < COMPACT_MESSAGES && us >= 0 && us < COMPACT_END_US, 'the message fits a compact header')
  writeWord(bytes, at, (h.node << 16) | (h.entry << 8) | (h.publisher >>> 16))
  writeWord(bytes, at + 4, (h.publisher << 16) | (h.run & 0xffff))
  writeWord(bytes, at + 8, (h.seq << 4) | Math.floor(us / U32))
  writeWord(bytes, at + 12, us)
  bytes[at] = compactCheck(bytes, at)
}

/** Writes the text form, 43 ASCII characters, to bytes [at, at + 43). */
export function writeText(bytes: Uint8Array, at: number, h: Header): void {
  writeWide(scratch, 0, h)
  for (let i = 0, o = at; i < WIDE_BYTES; i += 3, o += 4) {
    const triple = (scratch[i]! << 16) | (scratch[i + 1]! << 8) | scratch[i + 2]!
    bytes[o] = ENCODE[triple >>> 18]!
    bytes[o + 1] = ENCODE[(triple >>> 12) & 63]!
    bytes[o + 2] = ENCODE[(triple >>> 6) & 63]!
    if (i < WIDE_BYTES - 2) bytes[o + 3] = ENCODE[triple & 63]!
  }
}

/**
 * Reads the header of a payload, bytes [start, end), of whatever form it has.
 *
 * @returns NONE: no header of ours can be recognised. OK. DAMAGED: it looks like ours, or is too short for anything but the compact
 *   form, and its check fails. `into` is only meaningful after OK.
 */
export function readHeader(bytes: Uint8Array, start: number, end: number, into: Header): number {
  const length = end - start
  if (length < COMPACT_BYTES) return NONE
  if (length < WIDE_BYTES) return readCompact(bytes, start, into)
  if (isMagic(bytes, start)) return readWide(bytes, start, into)
  for (let i = 0; i < PREFIX.length; i++) if (bytes[start + i] !== PREFIX[i]) return NONE
  return readText(bytes, start + PREFIX.length, end, into) === OK ? OK : DAMAGED
}

/** Reads the text form from the first 43 bytes of [start, end). NONE where they are no base64url or begin otherwise. */
export function readText(bytes: Uint8Array, start: number, end: number, into: Header): number {
  if (end - start < TEXT_LENGTH) return NONE
  for (let i = 0, o = start; i < WIDE_BYTES; i += 3, o += 4) {
    const a = DECODE[bytes[o]!]!
    const b = DECODE[bytes[o + 1]!]!
    const c = DECODE[bytes[o + 2]!]!
    const d = i < WIDE_BYTES - 2 ? DECODE[bytes[o + 3]!]! : 0
    if (((a | b | c | d) & INVALID) !== 0) return NONE
    const triple = (a << 18) | (b << 12) | (c << 6) | d
    scratch[i] = triple >>> 16
    scratch[i + 1] = (triple >>> 8) & 0xff
    scratch[i + 2] = triple & 0xff
  }
  return isMagic(scratch, 0) ? readWide(scratch, 0, into) : NONE
}

function readWide(bytes: Uint8Array, at: number, into: Header): number {
  if (wideCheck(bytes, at) >>> 0 !== word(bytes, at + 28)) return DAMAGED
  into.entry = bytes[at + 2]!
  into.node = bytes[at + 3]!
  into.run = word(bytes, at + 4)
  into.publisher = word(bytes, at + 8)
  into.seq = word(bytes, at + 12)
  into.intendedUs = word(bytes, at + 16) * 0x10000 + (word(bytes, at + 20) >>> 16)
  return OK
}

function readCompact(bytes: Uint8Array, at: number, into: Header): number {
  if (compactCheck(bytes, at) !== bytes[at]) return DAMAGED
  into.node = bytes[at + 1]!
  into.entry = bytes[at + 2]!
  into.publisher = word(bytes, at + 2) & 0xffffff
  into.run = word(bytes, at + 4) & 0xffff
  const high = word(bytes, at + 8)
  into.seq = high >>> 4
  into.intendedUs = (high & 15) * U32 + word(bytes, at + 12)
  return OK
}

function isMagic(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === MAGIC >>> 8 && bytes[at + 1] === (MAGIC & 0xff)
}

function wideCheck(bytes: Uint8Array, at: number): number {
  let hash = CHECK_SEED
  for (let i = 0; i < WIDE_BYTES - 4; i += 4) hash = mix(hash ^ word(bytes, at + i))
  return hash
}

/** Of the 15 bytes after the check. */
function compactCheck(bytes: Uint8Array, at: number): number {
  let hash = mix(CHECK_SEED ^ (word(bytes, at) & 0xffffff))
  for (let i = 4; i < COMPACT_BYTES; i += 4) hash = mix(hash ^ word(bytes, at + i))
  return hash >>> 24
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
