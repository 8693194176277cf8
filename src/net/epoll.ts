/**
 * Plain TCP by libc: as many sockets as the kernel lets one process have, at one `send` or `recv` a message and nothing allocated for it.
 *
 * A socket is a slot of a few parallel arrays. What the kernel is asked to tell (`armed`) follows from the slot's flags by one function, so
 * EPOLLOUT is on only while connecting or while bytes wait, and a slot that wants nothing is not registered at all: EPOLLHUP can't be
 * masked, so a paused socket whose peer has gone would otherwise wake every poll.
 *
 * Trap: a handler may close a socket of which an event lies later in the same batch, and a new socket may get its slot and even its
 * descriptor before that event's turn. Each event therefore carries the slot's generation, which changes when the slot is freed.
 *
 * Bytes that the kernel does not take are copied to a buffer of the slot's own until it does: rare, so kept in a map beside the arrays.
 *
 * epoll(7), tcp(7), ip(7).
 */
import { constants } from 'node:os'
import { assert } from '../errors.ts'
import { Dialer } from './dial.ts'
import { Held } from './held.ts'
import * as c from './libc.ts'
import { type Acceptor, isFull, listenOn, systemError } from './listen.ts'
import { PollSet } from './pollset.ts'
import type { Endpoint, OpenOptions, Transport, TransportHandler } from './transport.ts'

const { EAGAIN, EINTR, ENOBUFS } = constants.errno

/** Room for what a broker sends in a burst; it is read again when full, up to READS times, so that one socket can't starve the others. */
const RECEIVE_BYTES = 65_536
const READS = 16
/** What one socket may hold unsent. An owner that heeds `send` never comes near; one that doesn't must not eat the machine. */
const MAX_HELD_BYTES = 16 * 1024 * 1024

/** Flags of a slot. A free one has none. */
const CONNECTING = 1
const OPEN = 2
const PAUSED = 4
/** Bytes wait in `held`. */
const HOLDING = 8
/** Its end is known and told at the next poll. */
const FAILED = 16
/** The owner has left; what waits is still sent. */
const LEAVING = 32
/** It takes connections, and is none. */
const LISTENING = 128
/** Nothing is read, and the peer's end is told: EPOLLRDHUP shows it without reading. PAUSED goes with it. */
const ABANDONED = 64

/** Connections taken from one listener before the others have their turn. */
const ACCEPTS = 256

interface Failure {
  readonly slot: number
  readonly generation: number
  readonly errno: number
}

export class EpollTransport implements Transport {
  readonly kind = 'epoll'
  readonly buffer: Buffer
  readonly resumedCount = 0

  private readonly handler: TransportHandler
  private readonly libc = c.loadLibc()
  private readonly dialer = new Dialer(this.libc)
  private readonly set = new PollSet(this.libc)
  private readonly bufferAddress: number

  // By slot. They grow together.
  private owners = new Int32Array(0)
  private fds = new Int32Array(0)
  private generations = new Int32Array(0)
  private flags = new Uint8Array(0)
  private armed = new Uint16Array(0)
  private readonly freeSlots: number[] = []
  private readonly held = new Map<number, Held>()
  private failures: Failure[] = []
  private readonly acceptors = new Map<number, Acceptor>()

  private readonly received = Buffer.allocUnsafeSlow(RECEIVE_BYTES)
  private readonly receivedAddress = this.libc.address(this.received)

  constructor(handler: TransportHandler, bufferBytes: number) {
    this.handler = handler
    this.buffer = Buffer.allocUnsafeSlow(bufferBytes)
    this.bufferAddress = this.libc.address(this.buffer)
  }

  open(owner: number, endpoint: Endpoint, options: OpenOptions): number {
    assert(endpoint.scheme === 'tcp', 'the epoll transport is for plain TCP')
    const slot = this.takeSlot()
    this.owners[slot] = owner
    this.flags[slot] = CONNECTING
    const fd = this.dialer.dial(endpoint, options.localAddress)
    this.fds[slot] = fd
    if (fd < 0) this.fail(slot, -fd)
    else this.arm(slot)
    return slot
  }

  /**
   * Takes connections at an address, beside other processes that do; `pause`, `resume` and `dispose` are for listeners too.
   *
   * @throws Error  with the `code` of what stood in the way, such as `EADDRINUSE`
   */
  listen(acceptor: Acceptor, address: string, port: number): { readonly listener: number; readonly port: number } {
    const listening = listenOn(this.libc, address, port)
    const slot = this.takeSlot()
    this.flags[slot] = LISTENING
    this.fds[slot] = listening.fd
    this.acceptors.set(slot, acceptor)
    this.arm(slot)
    if (this.armed[slot] === 0) {
      this.release(slot)
      throw systemError(this.failures.pop()!.errno)
    }
    return { listener: slot, port: listening.port }
  }

  send(slot: number, start: number, end: number): boolean {
    const flags = this.flags[slot]!
    if ((flags & (FAILED | ABANDONED)) !== 0) {
      assert((flags & ABANDONED) === 0, 'nothing is sent on an abandoned socket')
      return false
    }
    let sent = 0
    if ((flags & (HOLDING | CONNECTING)) === 0) {
      sent = this.libc.send(this.fds[slot]!, this.bufferAddress + start, end - start, c.MSG_NOSIGNAL | c.MSG_DONTWAIT)
      if (sent === end - start) return true
      if (sent < 0) {
        const errno = this.libc.errno()
        if (errno !== EAGAIN && errno !== EINTR) {
          this.fail(slot, errno)
          return false
        }
        sent = 0
      }
    }
    this.hold(slot, start + sent, end)
    return false
  }

  pause(slot: number): void {
    this.flags[slot]! |= PAUSED
    this.arm(slot)
  }

  resume(slot: number): void {
    this.flags[slot]! &= ~(PAUSED | ABANDONED)
    this.arm(slot)
  }

  abandon(slot: number, owner: number): void {
    assert((this.flags[slot]! & (OPEN | LEAVING)) === OPEN, 'only an open socket is abandoned')
    this.owners[slot] = owner
    this.flags[slot]! |= PAUSED | ABANDONED
    this.arm(slot)
  }

  close(slot: number, how: 'end' | 'reset'): void {
    const flags = this.flags[slot]!
    assert((flags & (CONNECTING | OPEN)) !== 0 && (flags & LEAVING) === 0, 'only a socket in use is closed')
    if (how === 'reset') {
      this.libc.setsockopt(this.fds[slot]!, c.SOL_SOCKET, c.SO_LINGER, LINGER_NOT, LINGER_NOT.length)
    } else if ((flags & OPEN) !== 0) {
      if ((flags & (HOLDING | FAILED)) === HOLDING) {
        this.flags[slot] = (flags & ~ABANDONED) | LEAVING
        this.arm(slot)
        return
      }
      this.discard(slot)
    }
    this.release(slot)
  }

  poll(timeoutUs: number): number {
    const timeout = this.failures.length > 0 ? 0 : Math.max(0, timeoutUs)
    const before = timeout > 0 ? performance.now() : 0
    // -1 is EINTR, which is no event; the owner polls again.
    const count = this.set.wait(timeout)
    const waitedUs = timeout > 0 ? (performance.now() - before) * 1000 : 0
    if (this.failures.length > 0) this.tellFailures()
    const { events } = this.set
    for (let i = 0, at = 0; i < count; i++, at += c.EVENT_WORDS) {
      const slot = events[at + c.EVENT_DATA_WORD]!
      const generation = events[at + c.EVENT_DATA_WORD + 1]!
      if (this.generations[slot] === generation) this.dispatch(slot, generation, events[at]!)
    }
    return waitedUs
  }

  dispose(): void {
    for (let slot = 0; slot < this.flags.length; slot++) if (this.flags[slot] !== 0) this.release(slot)
    this.set.close()
  }

  private dispatch(slot: number, generation: number, events: number): void {
    const flags = this.flags[slot]!
    if ((flags & CONNECTING) !== 0) {
      this.finishConnect(slot, events)
      return
    }
    if ((flags & LISTENING) !== 0) {
      this.accept(slot)
      return
    }
    if ((flags & ABANDONED) !== 0 && (events & (c.EPOLLRDHUP | c.EPOLLERR | c.EPOLLHUP)) !== 0) {
      this.finish(slot, c.endErrno(this.libc, this.fds[slot]!))
      return
    }
    if ((flags & HOLDING) !== 0 && (events & (c.EPOLLOUT | c.EPOLLERR | c.EPOLLHUP)) !== 0) {
      this.flush(slot)
      if (this.generations[slot] !== generation) return
    }
    if ((events & (c.EPOLLIN | c.EPOLLERR | c.EPOLLHUP)) !== 0) {
      const errno = this.read(slot, generation, PAUSED | LEAVING | FAILED)
      if (errno !== EAGAIN) this.finish(slot, errno)
    }
  }

  private finishConnect(slot: number, events: number): void {
    const errno = (events & (c.EPOLLERR | c.EPOLLHUP)) !== 0 ? c.socketErrno(this.libc, this.fds[slot]!) : 0
    if (errno !== 0) {
      this.finish(slot, errno)
      return
    }
    this.flags[slot] = (this.flags[slot]! & ~CONNECTING) | OPEN
    this.arm(slot)
    this.handler.onOpen(this.owners[slot]!)
  }

  private accept(listener: number): void {
    const acceptor = this.acceptors.get(listener)!
    for (let accepts = 0; accepts < ACCEPTS && (this.flags[listener]! & PAUSED) === 0; accepts++) {
      const fd = this.libc.accept4(this.fds[listener]!, null, null, c.SOCK_NONBLOCK | c.SOCK_CLOEXEC)
      if (fd < 0) {
        const errno = this.libc.errno()
        if (errno === EAGAIN) return
        if (isFull(errno)) {
          this.pause(listener)
          acceptor.onFull(listener, c.errnoName(errno))
          return
        }
        continue
      }
      const slot = this.takeSlot()
      this.fds[slot] = fd
      this.flags[slot] = OPEN
      this.owners[slot] = acceptor.onAccept(slot)
      this.arm(slot)
    }
  }

  /**
   * Reads until there is no more, the socket is closed or gets one of the flags in `stops`, or it had its share.
   *
   * Returns EAGAIN while the connection stands, 0 when the peer has ended it, or what broke it.
   */
  private read(slot: number, generation: number, stops: number): number {
    for (let reads = 0; reads < READS; reads++) {
      if (this.generations[slot] !== generation || (this.flags[slot]! & stops) !== 0) return EAGAIN
      const got = this.libc.recv(this.fds[slot]!, this.receivedAddress, RECEIVE_BYTES, c.MSG_DONTWAIT)
      if (got === 0) return 0
      if (got < 0) {
        const errno = this.libc.errno()
        return errno === EINTR ? EAGAIN : errno
      }
      this.handler.onData(this.owners[slot]!, this.received, got)
      // It did not fill the buffer, so it emptied the socket.
      if (got < RECEIVE_BYTES) return EAGAIN
    }
    return EAGAIN
  }

  /** Trap: closing with unread bytes sends RST, which may overtake what was just sent. Reading first leaves only what is still on its way. */
  private discard(slot: number): void {
    for (let reads = 0; reads < READS; reads++) {
      if (this.libc.recv(this.fds[slot]!, this.receivedAddress, RECEIVE_BYTES, c.MSG_DONTWAIT) < RECEIVE_BYTES) return
    }
  }

  private hold(slot: number, start: number, end: number): void {
    let held = this.held.get(slot)
    if (!held) this.held.set(slot, (held = new Held(this.libc)))
    if (held.length + (end - start) > MAX_HELD_BYTES) {
      this.fail(slot, ENOBUFS)
      return
    }
    held.append(this.buffer, start, end)
    this.flags[slot]! |= HOLDING
    this.arm(slot)
  }

  private flush(slot: number): void {
    const held = this.held.get(slot)!
    const sent = this.libc.send(this.fds[slot]!, held.address, held.length, c.MSG_NOSIGNAL | c.MSG_DONTWAIT)
    if (sent < 0) {
      const errno = this.libc.errno()
      if (errno !== EAGAIN && errno !== EINTR) this.fail(slot, errno)
      return
    }
    held.drop(sent)
    if (held.length > 0) return
    this.held.delete(slot)
    this.flags[slot]! &= ~HOLDING
    if ((this.flags[slot]! & LEAVING) !== 0) {
      this.discard(slot)
      this.release(slot)
      return
    }
    this.arm(slot)
    this.handler.onWritable(this.owners[slot]!)
  }

  /** The end of a socket that comes to light while its owner is calling us: told at the next poll. */
  private fail(slot: number, errno: number): void {
    if ((this.flags[slot]! & LEAVING) !== 0) {
      this.release(slot)
      return
    }
    this.flags[slot]! |= FAILED
    this.arm(slot)
    this.failures.push({ slot, generation: this.generations[slot]!, errno })
  }

  private tellFailures(): void {
    // A handler may open and fail again: that is for the next poll.
    const failures = this.failures
    this.failures = []
    for (const { slot, generation, errno } of failures) {
      // What arrived before the end is still there, and worth having: a broker gives its reason in a DISCONNECT.
      if (this.generations[slot] === generation && (this.flags[slot]! & OPEN) !== 0) this.read(slot, generation, PAUSED | LEAVING)
      if (this.generations[slot] === generation) this.finish(slot, errno)
    }
  }

  /** @param errno  0: the peer ended it */
  private finish(slot: number, errno: number): void {
    const owner = this.owners[slot]!
    this.release(slot)
    this.handler.onClose(owner, errno === 0 ? null : c.errnoName(errno))
  }

  /** What the slot wants to be told of; see the head of this file. */
  private wanted(slot: number): number {
    const flags = this.flags[slot]!
    if ((flags & FAILED) !== 0) return 0
    if ((flags & CONNECTING) !== 0) return c.EPOLLOUT
    const reading = (flags & ABANDONED) !== 0 ? c.EPOLLRDHUP : (flags & (PAUSED | LEAVING)) !== 0 ? 0 : c.EPOLLIN
    return reading | ((flags & HOLDING) !== 0 ? c.EPOLLOUT : 0)
  }

  private arm(slot: number): void {
    const wanted = this.wanted(slot)
    const armed = this.armed[slot]!
    if (wanted === armed) return
    this.armed[slot] = wanted
    const errno = this.set.arm(this.fds[slot]!, armed, wanted, slot, this.generations[slot]!)
    if (errno === 0) return
    // The socket would be silent for ever.
    this.armed[slot] = 0
    this.fail(slot, errno)
  }

  private takeSlot(): number {
    if (this.freeSlots.length === 0) this.grow()
    return this.freeSlots.pop()!
  }

  private grow(): void {
    const count = this.flags.length
    const room = Math.max(64, count * 2)
    this.owners = extend(this.owners, new Int32Array(room))
    this.fds = extend(this.fds, new Int32Array(room).fill(-1))
    this.generations = extend(this.generations, new Int32Array(room))
    this.flags = extend(this.flags, new Uint8Array(room))
    this.armed = extend(this.armed, new Uint16Array(room))
    for (let slot = room - 1; slot >= count; slot--) this.freeSlots.push(slot)
  }

  private release(slot: number): void {
    const fd = this.fds[slot]!
    // Closing takes it out of the epoll set too. EINTR closes as well: Linux never wants a second close.
    if (fd >= 0) this.libc.close(fd)
    this.fds[slot] = -1
    this.flags[slot] = 0
    this.armed[slot] = 0
    this.generations[slot]!++
    this.held.delete(slot)
    this.acceptors.delete(slot)
    this.freeSlots.push(slot)
  }
}

/** `struct linger` { on, 0 s }. */
const LINGER_NOT = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])

function extend<T extends Int32Array | Uint16Array | Uint8Array>(old: T, larger: T): T {
  larger.set(old)
  return larger
}
