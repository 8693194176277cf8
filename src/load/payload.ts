/**
 * What messages carry: filler bytes, JSON, a text or a file, with the message's header where there is room for it.
 *
 * The size of a message is known before its bytes, since a PUBLISH begins with its length: `size` says it, `write` fills it in.
 * Both are pure functions of (seed, group, entry, client, seq), but for the intended time in the header and in `{now}`, whose width
 * is fixed.
 */
import { assert } from '../errors.ts'
import { COMPACT_BYTES, type Header, WIDE_BYTES, writeCompact, writeText, writeWide } from './header.ts'
import { HEADER_AT, JsonTemplate } from './json.ts'
import { keyOf, random } from './order.ts'
import type { GroupPlan, PayloadPlan, Plan, PublishPlan } from './plan.ts'

export type HeaderForm = 'wide' | 'compact' | 'json' | 'property' | 'none'

/**
 * Where the header of a stream's messages goes.
 *
 * For `bytes` it is what the smallest message has room for: of a 'compact' stream, messages of 32 bytes and more still carry the
 * wide form (readers go by length), while a 'none' stream has none in any message.
 */
export function headerForm(group: GroupPlan, payload: PayloadPlan): HeaderForm {
  if (payload.kind === 'json') return 'json'
  if (payload.kind !== 'bytes') return group.version === 5 ? 'property' : 'none'
  return payload.min >= WIDE_BYTES ? 'wide' : payload.min >= COMPACT_BYTES ? 'compact' : 'none'
}

export class PayloadWriter {
  /** The largest size of a message. */
  readonly maxBytes: number
  private readonly unixEpochMs: number
  private readonly key: number
  private readonly minBytes: number
  private readonly form: HeaderForm
  private readonly fixed: Uint8Array | null
  private readonly json: JsonTemplate | null
  /** The filler last needed beyond whole blocks: streams with messages of one size always find it here. */
  private rest: Uint8Array = FILLER

  /**
   * @param entry        null for a will
   * @param fileBytes    contents of the file, for payloads of kind `file`
   * @param unixEpochMs  wall clock at the run's epoch: what `{now}` counts from
   */
  constructor(
    plan: Plan,
    group: GroupPlan,
    entry: PublishPlan | null,
    payload: PayloadPlan,
    fileBytes: Uint8Array | null,
    unixEpochMs: number,
  ) {
    this.unixEpochMs = unixEpochMs
    this.key = entry ? keyOf(plan.seed, 'payload', group.name, entry.name) : keyOf(plan.seed, 'will', group.name)
    this.form = headerForm(group, payload)
    this.json = payload.kind === 'json' ? new JsonTemplate(payload.value, this.key) : null
    this.fixed = payload.kind === 'text' ? new TextEncoder().encode(payload.text) : payload.kind === 'file' ? fileBytes : null
    assert(payload.kind !== 'file' || this.fixed !== null, 'a payload file has been read')
    this.minBytes = payload.kind === 'bytes' ? payload.min : (this.fixed?.length ?? 0)
    this.maxBytes = payload.kind === 'bytes' ? payload.max : (this.json?.maxBytes ?? this.minBytes)
  }

  /** Bytes of message `seq` of a client, by its index in the group. */
  size(client: number, seq: number): number {
    if (this.json) return this.json.size(client, seq)
    if (this.minBytes === this.maxBytes) return this.minBytes
    return this.minBytes + Math.floor(random(this.key, client, seq) * (this.maxBytes - this.minBytes + 1))
  }

  /**
   * Writes the message to bytes [at, at + size).
   *
   * @param size    what `size` said for the same client and seq
   * @param header  borrowed; its intendedUs is also what `{now}` shows. Form 'property' is the caller's to write, with `writeText`
   */
  write(bytes: Uint8Array, at: number, size: number, client: number, seq: number, header: Header): void {
    if (this.json) {
      this.json.write(bytes, at, client, seq, Math.round(this.unixEpochMs + header.intendedUs / 1000))
      writeText(bytes, at + HEADER_AT, header)
    } else if (this.fixed) {
      bytes.set(this.fixed, at)
    } else if (this.form === 'none') {
      this.fill(bytes, at, at + size)
    } else if (size >= WIDE_BYTES) {
      writeWide(bytes, at, header)
      this.fill(bytes, at + WIDE_BYTES, at + size)
    } else {
      writeCompact(bytes, at, header)
      this.fill(bytes, at + COMPACT_BYTES, at + size)
    }
  }

  private fill(bytes: Uint8Array, at: number, end: number): void {
    for (; end - at >= FILLER.length; at += FILLER.length) bytes.set(FILLER, at)
    const left = end - at
    if (left <= SHORT) {
      for (let i = 0; i < left; i++) bytes[at + i] = FILLER[i]!
    } else {
      if (this.rest.length !== left) this.rest = FILLER.subarray(0, left)
      bytes.set(this.rest, at)
    }
  }
}

/** Up to this many bytes a loop is faster than a call of `set`. */
const SHORT = 64

/** Bytes without a pattern, so that compression on the way does not make them small, and without zeros, so that gaps are seen. */
const FILLER = Uint8Array.from({ length: 16_384 }, (_, i) => 1 + Math.floor(random(0, i) * 255))
