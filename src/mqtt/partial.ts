/**
 * The one packet of a session that has come only in part.
 *
 * Its bytes grow with what has arrived, never with what a header promises: a broker can't make a client reserve memory.
 */
import type { packetBytes } from './decode.ts'
import type { ProtocolLevel } from './packet.ts'

const FIRST_BYTES = 64

export class Partial {
  bytes: Uint8Array
  end = 0
  isWhole = false

  /** Keeps bytes [start, end) of a chunk: no whole packet. */
  constructor(chunk: Uint8Array, start: number, end: number) {
    this.bytes = new Uint8Array(Math.max(FIRST_BYTES, end - start))
    this.append(chunk, start, end)
  }

  /**
   * Takes from the start of chunk bytes [0, end) what the packet lacks; returns how many bytes those were.
   *
   * @param sizeOf  `packetBytes`, or what it is for the other side
   * @throws ProtocolError  as `sizeOf`
   */
  feed(chunk: Uint8Array, end: number, level: ProtocolLevel, limit: number, sizeOf: typeof packetBytes): number {
    let taken = 0
    for (;;) {
      const size = sizeOf(this.bytes, 0, this.end, level, limit)
      this.isWhole = size === this.end
      // A header that isn't whole is taken byte by byte: the next one may be the last before another packet.
      const wanted = Math.min((size === 0 ? this.end + 1 : size) - this.end, end - taken)
      if (wanted === 0) return taken
      this.append(chunk, taken, taken + wanted)
      taken += wanted
    }
  }

  private append(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.end + end - start
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.bytes.length))
      grown.set(this.bytes.subarray(0, this.end))
      this.bytes = grown
    }
    this.bytes.set(chunk.subarray(start, end), this.end)
    this.end = needed
  }
}
