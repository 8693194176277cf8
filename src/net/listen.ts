/**
 * Listening sockets by libc. Several processes may have one each at the same address (SO_REUSEPORT): the kernel then deals connections out among
 * them, by a hash of both ends' addresses and ports.
 *
 * listen(2), socket(7).
 */
import { isIP } from 'node:net'
import { constants } from 'node:os'
import { assert } from '../errors.ts'
import { ONE, socketAddress } from './dial.ts'
import * as c from './libc.ts'

/** Whoever is connected to. */
export interface Acceptor {
  /** A connection is open; returns its owner. */
  onAccept(socket: number): number
  /** None can be taken now, so the listener is paused: to be resumed once there may be room. @param error  `EMFILE`, mostly */
  onFull(listener: number, error: string): void
}

/** The kernel cuts it down to net.core.somaxconn. */
const BACKLOG = 65_535
const { EMFILE, ENFILE, ENOBUFS, ENOMEM } = constants.errno
const FULL: readonly number[] = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

/**
 * @param address  an IP literal
 * @param port  0: any that is free
 * @throws Error  with the `code` of what stood in the way
 */
export function listenOn(libc: c.Libc, address: string, port: number): { readonly fd: number; readonly port: number } {
  const family = isIP(address) === 6 ? c.AF_INET6 : c.AF_INET
  const bytes = socketAddress(libc, address, family, port)
  assert(bytes !== null, `${address} is an IP address`)
  const fd = libc.socket(family, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0)
  if (fd < 0) throw failure(libc)
  const hasFailed =
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_REUSEADDR, ONE, ONE.length) < 0 ||
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_REUSEPORT, ONE, ONE.length) < 0 ||
    // Linux hands it on to the connections that are accepted.
    libc.setsockopt(fd, c.IPPROTO_TCP, c.TCP_NODELAY, ONE, ONE.length) < 0 ||
    libc.bind(fd, bytes, bytes.length) < 0 ||
    libc.listen(fd, BACKLOG) < 0
  if (hasFailed) {
    const error = failure(libc)
    libc.close(fd)
    throw error
  }
  return { fd, port: boundPort(libc, fd) }
}

function boundPort(libc: c.Libc, fd: number): number {
  const bytes = Buffer.alloc(28)
  libc.getsockname(fd, bytes, Buffer.from([bytes.length, 0, 0, 0]))
  return bytes.readUInt16BE(2)
}

function failure(libc: c.Libc): Error {
  return systemError(libc.errno())
}

export function systemError(errno: number): Error {
  const code = c.errnoName(errno)
  return Object.assign(new Error(code), { code })
}

/** Whether no connection can be taken now. What else accept(2) says is of one connection, which has gone while it waited. */
export function isFull(errno: number): boolean {
  return FULL.includes(errno)
}
