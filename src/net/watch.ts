/**
 * Sees the end of sockets that nobody reads: for the `stream` transport, since Node learns of an end by reading only.
 *
 * The sockets stay Node's. Their descriptors are also in an epoll set of our own, which asks for EPOLLRDHUP and nothing else, and which is
 * looked at by a timer as long as something is in it. Linux only.
 *
 * Trap: whoever is told may let go of a socket of which an event lies later in the same batch. So events carry a number that is never used again.
 */
import { EPOLLRDHUP, EVENT_DATA_WORD, EVENT_WORDS, endErrno, loadLibc } from './libc.ts'
import { PollSet } from './pollset.ts'

/** How late an end may be seen: as fine as a figure in seconds needs it, and 50 system calls a second. */
const LOOK_MS = 20

interface Watched {
  readonly fd: number
  readonly onEnd: (errno: number) => void
}

export class Watch {
  private readonly libc = loadLibc()
  private readonly set = new PollSet(this.libc)
  private readonly watched = new Map<number, Watched>()
  private lastNumber = 0
  private timer: NodeJS.Timeout | undefined

  /**
   * Watches a socket until it has ended, which is told once, or `drop` is called with the number returned.
   *
   * @param onEnd  called from a timer with 0 (the peer ended it in order), what broke the connection, or why it can't be watched
   */
  add(fd: number, onEnd: (errno: number) => void): number {
    const number = ++this.lastNumber
    this.watched.set(number, { fd, onEnd })
    const errno = this.set.arm(fd, 0, EPOLLRDHUP, number, 0)
    if (errno !== 0) setImmediate(() => this.tell(number, errno))
    this.timer ??= setInterval(() => this.look(), LOOK_MS)
    return number
  }

  drop(number: number): void {
    const socket = this.watched.get(number)
    if (!socket) return
    this.watched.delete(number)
    this.set.arm(socket.fd, EPOLLRDHUP, 0, number, 0)
    if (this.watched.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  dispose(): void {
    clearInterval(this.timer)
    this.watched.clear()
    this.set.close()
  }

  private look(): void {
    const count = this.set.wait(0)
    for (let i = 0, at = EVENT_DATA_WORD; i < count; i++, at += EVENT_WORDS) {
      const number = this.set.events[at]!
      const socket = this.watched.get(number)
      if (socket) this.tell(number, endErrno(this.libc, socket.fd))
    }
  }

  private tell(number: number, errno: number): void {
    const socket = this.watched.get(number)
    this.drop(number)
    socket?.onEnd(errno)
  }
}
