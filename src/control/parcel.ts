/**
 * Messages of any size over a server that takes some megabytes at once: plain data to bytes, cut into parts, and back.
 *
 * The encoding is V8's structured clone, so that maps, typed arrays and infinities arrive as they were, deflated where that helps; both ends run the
 * same version of mqtt-scale. Parts of one message come in order: a sender waits for each to be taken.
 */
import { deserialize, serialize } from 'node:v8'
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** Room for the head of a part and of the server's own message. */
const SPARE_BYTES = 4096
const HEAD_BYTES = 12
/** Below it deflating costs more than it saves. */
const DEFLATE_FROM_BYTES = 512
const DEFLATE_LEVEL = 1

const PLAIN = 0
const DEFLATED = 1

export function encode(message: unknown): Uint8Array {
  const bytes = serialize(message)
  if (bytes.length < DEFLATE_FROM_BYTES) return Buffer.concat([Buffer.from([PLAIN]), bytes])
  return Buffer.concat([Buffer.from([DEFLATED]), deflateRawSync(bytes, { level: DEFLATE_LEVEL })])
}

/** @throws Error  these bytes are not from `encode` */
export function decode(bytes: Uint8Array): unknown {
  const body = bytes.subarray(1)
  return deserialize(bytes[0] === DEFLATED ? inflateRawSync(body) : body)
}

/**
 * Cuts bytes so that each piece fits, with a head of ours and of the server's; at least one.
 *
 * @param maxBytes  what the server takes at once
 */
export function piecesOf(bytes: Uint8Array, maxBytes: number): Uint8Array[] {
  const room = Math.max(1, maxBytes - SPARE_BYTES)
  const count = Math.max(1, Math.ceil(bytes.length / room))
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * room, (i + 1) * room))
}

/**
 * Cuts an encoded message into parts, each with a head: number of the message, number of the part, how many there are.
 *
 * @param maxBytes  what the server takes at once
 */
export function partsOf(bytes: Uint8Array, number: number, maxBytes: number): Uint8Array[] {
  const pieces = piecesOf(bytes, maxBytes)
  return pieces.map((body, i) => {
    const part = Buffer.alloc(HEAD_BYTES + body.length)
    part.writeUInt32BE(number, 0)
    part.writeUInt32BE(i, 4)
    part.writeUInt32BE(pieces.length, 8)
    part.set(body, HEAD_BYTES)
    return part
  })
}

/** It has a head at least; what has none was not sent by `partsOf`. */
export function isPart(bytes: Uint8Array): boolean {
  return bytes.length >= HEAD_BYTES
}

/** The number of the message that a part is of. */
export function numberOf(part: Uint8Array): number {
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength).readUInt32BE(0)
}

/** Puts the parts of one sender's messages together; a part that comes again is nothing new. */
export class Assembler {
  /** Of the last message that was whole. */
  number = -1
  private parts: Uint8Array[] = []
  private current = -1

  /** The message's bytes with its last part, null before; and null for what was whole already. */
  take(part: Uint8Array): Uint8Array | null {
    const view = Buffer.from(part.buffer, part.byteOffset, part.byteLength)
    const [number, i, count] = [view.readUInt32BE(0), view.readUInt32BE(4), view.readUInt32BE(8)]
    // Of one that was given up, a part may come late.
    if (number <= this.number || number < this.current) return null
    if (number > this.current) {
      this.current = number
      this.parts = []
    }
    if (i !== this.parts.length) return null
    this.parts.push(part.subarray(HEAD_BYTES))
    if (this.parts.length < count) return null
    this.number = number
    const whole = count === 1 ? this.parts[0]! : Buffer.concat(this.parts)
    this.parts = []
    return whole
  }
}
