/**
 * What the kernel is asked to watch, and what it has to tell: one epoll set, with the memory that its calls read and write.
 *
 * A descriptor is registered for the events its owner wants, with two words that come back with each of them; one that wants nothing is not
 * registered at all, since EPOLLHUP can't be masked. Closing a descriptor takes it out.
 *
 * epoll(7).
 */
import { US_PER_S } from '../units.ts'
import * as c from './libc.ts'

/** Events taken from the kernel at once; the kernel hands out the rest in turn. */
const MAX_EVENTS = 1024

export class PollSet {
  private readonly libc: c.Libc
  private fd: number
  private readonly eventBytes = Buffer.alloc(MAX_EVENTS * c.EVENT_WORDS * 4)
  /** Those of the last `wait`, EVENT_WORDS each: what happened, and from EVENT_DATA_WORD on the two words given to `arm`. */
  readonly events = words(this.eventBytes)
  private readonly eventsAddress: number
  // The one that epoll_ctl reads: a page of its own, as an address asks for.
  private readonly interestBytes = Buffer.alloc(4096)
  private readonly interest = words(this.interestBytes)
  private readonly interestAddress: number
  /** Seconds and nanoseconds, each the low word of 64 bits. */
  private readonly timeBytes = Buffer.alloc(4096)
  private readonly time = words(this.timeBytes)
  private readonly timeAddress: number
  /** Linux waits for less than a millisecond since 5.11; before, and where a container forbids it, waits are rounded up. */
  private readonly isFine: boolean

  constructor(libc: c.Libc) {
    this.libc = libc
    this.eventsAddress = libc.address(this.eventBytes)
    this.interestAddress = libc.address(this.interestBytes)
    this.timeAddress = libc.address(this.timeBytes)
    this.fd = libc.epoll_create1(c.EPOLL_CLOEXEC)
    if (this.fd < 0) throw new Error(`epoll_create1: ${c.errnoName(libc.errno())}`)
    this.isFine = libc.epoll_pwait2(this.fd, this.eventsAddress, 1, this.timeAddress, 0, 0) === 0
  }

  /**
   * Asks for the events `wanted` of a descriptor, where `armed` is what was asked for before; 0 is none.
   *
   * Returns 0, or an errno (ENOMEM; ENOSPC: max_user_watches), and then the descriptor is not watched.
   */
  arm(fd: number, armed: number, wanted: number, first: number, second: number): number {
    this.interest[0] = wanted
    this.interest[c.EVENT_DATA_WORD] = first
    this.interest[c.EVENT_DATA_WORD + 1] = second
    const operation = armed === 0 ? c.EPOLL_CTL_ADD : wanted === 0 ? c.EPOLL_CTL_DEL : c.EPOLL_CTL_MOD
    // To stop watching what is closed by now is no failure.
    return this.libc.epoll_ctl(this.fd, operation, fd, this.interestAddress) < 0 && wanted !== 0 ? this.libc.errno() : 0
  }

  /** Returns how many `events` there are, -1 where a signal (EINTR) came first. Not to wait at all is the older call's: it has no time to read. */
  wait(timeoutUs: number): number {
    if (timeoutUs === 0 || !this.isFine) return this.libc.epoll_wait(this.fd, this.eventsAddress, MAX_EVENTS, Math.ceil(timeoutUs / 1000))
    const seconds = Math.floor(timeoutUs / US_PER_S)
    this.time[0] = seconds
    this.time[2] = Math.ceil((timeoutUs - seconds * US_PER_S) * 1000)
    return this.libc.epoll_pwait2(this.fd, this.eventsAddress, MAX_EVENTS, this.timeAddress, 0, 0)
  }

  close(): void {
    if (this.fd >= 0) this.libc.close(this.fd)
    this.fd = -1
  }
}

function words(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}
