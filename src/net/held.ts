/**
 * The bytes of one socket that the kernel has not taken yet, in order.
 *
 * They are [start, end) of one buffer, sent from the front and appended at the back. Bytes are moved to the front only when the back has no
 * room, and the buffer is replaced only when they don't fit at all, so that appending stays linear.
 */
import type { Libc } from './libc.ts'

const MIN_BYTES = 4096

export class Held {
  private readonly libc: Libc
  private bytes = Buffer.alloc(0)
  private base = 0
  private start = 0
  private end = 0

  constructor(libc: Libc) {
    this.libc = libc
  }

  get length(): number {
    return this.end - this.start
  }

  /** Of the first byte; valid until the next `append`. */
  get address(): number {
    return this.base + this.start
  }

  append(source: Buffer, start: number, end: number): void {
    const count = end - start
    if (this.end + count > this.bytes.length) this.makeRoom(this.length + count)
    source.copy(this.bytes, this.end, start, end)
    this.end += count
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    this.start += count
  }

  private makeRoom(room: number): void {
    let size = Math.max(MIN_BYTES, this.bytes.length)
    // Twice the room: a buffer that is nearly full would be moved on every append.
    while (size < room * 2) size *= 2
    const bytes = size > this.bytes.length ? Buffer.allocUnsafeSlow(size) : this.bytes
    this.bytes.copy(bytes, 0, this.start, this.end)
    this.end -= this.start
    this.start = 0
    if (bytes === this.bytes) return
    this.bytes = bytes
    this.base = this.libc.address(bytes)
  }
}
