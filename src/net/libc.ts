/**
 * The few functions of libc that the epoll transport calls, by FFI: no compiler, no addon of our own.
 *
 * Buffers cross as plain numbers (`uintptr_t`): an address is taken once for a buffer that lives as long as its transport, and a range
 * of it is then `base + start`, with no view made per call. User-space addresses have 47 bits, so a double holds them.
 * Trap: the address keeps nothing alive, and Node moves small arrays. Whoever takes one holds on to a Buffer of at least a page.
 *
 * koffi takes some 13 MB, so it is loaded by the first who asks, not by whoever imports this.
 * Constants are Linux's for x64 and arm64 (and all others but mips, parisc and sparc); both are little-endian.
 */
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { assert } from '../errors.ts'

export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_STREAM = 1
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const IPPROTO_IP = 0
export const IP_BIND_ADDRESS_NO_PORT = 24
export const IPPROTO_TCP = 6
export const TCP_NODELAY = 1
export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_ERROR = 4
export const SO_LINGER = 13
export const SO_REUSEPORT = 15
export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000
export const EPOLL_CLOEXEC = 0o2000000
export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3
const EPOLL_PWAIT2 = 441
export const EPOLLIN = 1
export const EPOLLOUT = 4
export const EPOLLERR = 8
export const EPOLLHUP = 16
export const EPOLLRDHUP = 0x2000

/** Each returns what libc does: -1 with `errno()`, to be asked before anything else, when it failed. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, addressBytes: number): number
  connect(fd: number, address: Uint8Array, addressBytes: number): number
  listen(fd: number, backlog: number): number
  /** Who it is that connects is not asked. */
  accept4(fd: number, address: null, addressBytes: null, flags: number): number
  getsockname(fd: number, address: Uint8Array, addressBytes: Uint8Array): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, valueBytes: number): number
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, valueBytes: Uint8Array): number
  send(fd: number, address: number, count: number, flags: number): number
  recv(fd: number, address: number, count: number, flags: number): number
  close(fd: number): number
  inet_pton(family: number, text: string, address: Uint8Array): number
  epoll_create1(flags: number): number
  epoll_ctl(epoll: number, operation: number, fd: number, event: number): number
  epoll_wait(epoll: number, events: number, count: number, timeoutMs: number): number
  /** `time` is a `struct __kernel_timespec` of two 64-bit words, `mask` 0 for none. ENOSYS before Linux 5.11. */
  epoll_pwait2(epoll: number, events: number, count: number, time: number, mask: number, maskBytes: number): number
  errno(): number
  /** Where the buffer lies: see the trap above. */
  address(buffer: Buffer): number
}

/** `struct epoll_event` is packed on x86, where the two words of its data follow the events at once; elsewhere there is a gap. In 32-bit words. */
const isPacked = process.arch === 'x64' || process.arch === 'ia32'
export const EVENT_WORDS = isPacked ? 3 : 4
export const EVENT_DATA_WORD = isPacked ? 1 : 2

let loaded: Libc | null = null

/** @throws Error  koffi is not installed, or has no binary for this machine */
export function loadLibc(): Libc {
  if (loaded) return loaded
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
  // The process itself: Node is linked to whichever libc the system has.
  const self = koffi.load(null)
  const syscall = self.func('long syscall(long, long, uintptr_t, long, uintptr_t, uintptr_t, size_t)')
  loaded = {
    socket: self.func('int socket(int, int, int)'),
    bind: self.func('int bind(int, const void *, uint)'),
    connect: self.func('int connect(int, const void *, uint)'),
    listen: self.func('int listen(int, int)'),
    accept4: self.func('int accept4(int, void *, void *, int)'),
    getsockname: self.func('int getsockname(int, void *, void *)'),
    setsockopt: self.func('int setsockopt(int, int, int, const void *, uint)'),
    getsockopt: self.func('int getsockopt(int, int, int, void *, void *)'),
    send: self.func('long send(int, uintptr_t, size_t, int)'),
    recv: self.func('long recv(int, uintptr_t, size_t, int)'),
    close: self.func('int close(int)'),
    inet_pton: self.func('int inet_pton(int, const char *, void *)'),
    epoll_create1: self.func('int epoll_create1(int)'),
    epoll_ctl: self.func('int epoll_ctl(int, int, int, uintptr_t)'),
    epoll_wait: self.func('int epoll_wait(int, uintptr_t, int, int)'),
    // By number: the kernel had it two years before glibc, and it is the same on every architecture.
    epoll_pwait2: (epoll, events, count, time, mask, maskBytes) => syscall(EPOLL_PWAIT2, epoll, events, count, time, mask, maskBytes),
    errno: koffi.errno as () => number,
    address: (buffer) => {
      assert(buffer.byteLength >= 64 && buffer.byteOffset === 0, 'only a buffer with memory of its own has a lasting address')
      return Number(koffi.address(buffer))
    },
  }
  return loaded
}

/** The name of an errno as Node's own errors have it: `ECONNREFUSED`. */
export function errnoName(errno: number): string {
  const name = getSystemErrorName(-errno)
  return name.startsWith('E') ? name : `errno ${errno}`
}

/** null: epoll can be used here; else why not. */
export function epollAvailable(): string | null {
  if (process.platform !== 'linux') return `epoll needs Linux, this is ${process.platform}`
  try {
    const libc = loadLibc()
    const epoll = libc.epoll_create1(EPOLL_CLOEXEC)
    if (epoll < 0) return `epoll_create1 failed: ${errnoName(libc.errno())}`
    libc.close(epoll)
    return null
  } catch (error) {
    return `koffi, which calls libc, can't be loaded: ${(error as Error).message}`
  }
}

/** What broke a connection (SO_ERROR, which is then forgotten), or 0. */
export function socketErrno(libc: Libc, fd: number): number {
  const value = Buffer.alloc(4)
  libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, Buffer.from([4, 0, 0, 0]))
  return value.readInt32LE(0)
}

/** How a connection ended whose end shows without reading (EPOLLRDHUP): 0, the peer ended it, or what broke it. */
export function endErrno(libc: Libc, fd: number): number {
  const errno = socketErrno(libc, fd)
  // A reset that came behind the end: reading would have met the end.
  return errno === constants.errno.EPIPE ? 0 : errno
}
