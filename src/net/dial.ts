/**
 * Starts TCP connections by libc: a non-blocking socket with its options, bound if asked to, on its way to an endpoint.
 *
 * Socket addresses are encoded once: a run has few endpoints and source addresses, and very many connections.
 */
import { constants } from 'node:os'
import { assert } from '../errors.ts'
import * as c from './libc.ts'
import type { Endpoint } from './transport.ts'

/** `int` 1. */
export const ONE = Buffer.from([1, 0, 0, 0])

export class Dialer {
  private readonly libc: c.Libc
  private readonly remotes = new WeakMap<Endpoint, Uint8Array>()
  private readonly locals = new Map<string, Uint8Array | null>()

  constructor(libc: c.Libc) {
    this.libc = libc
  }

  /** Returns the descriptor, or what stood in the way as a negative errno. The rest shows when the descriptor becomes writable. */
  dial(endpoint: Endpoint, localAddress: string | null): number {
    const family = endpoint.family === 4 ? c.AF_INET : c.AF_INET6
    const fd = this.libc.socket(family, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0)
    if (fd < 0) return -this.libc.errno()
    const errno = this.start(fd, family, endpoint, localAddress)
    if (errno === 0 || errno === constants.errno.EINPROGRESS) return fd
    this.libc.close(fd)
    return -errno
  }

  private start(fd: number, family: number, endpoint: Endpoint, localAddress: string | null): number {
    const { libc } = this
    if (libc.setsockopt(fd, c.IPPROTO_TCP, c.TCP_NODELAY, ONE, ONE.length) < 0) return libc.errno()
    if (localAddress !== null) {
      // Without it the bind would reserve a port for this address towards everywhere, and they would run out early. Old kernels may refuse.
      libc.setsockopt(fd, c.IPPROTO_IP, c.IP_BIND_ADDRESS_NO_PORT, ONE, ONE.length)
      const local = this.localOf(localAddress, family)
      // A source address of the other family, as when a host name has addresses of both: what bind would say.
      if (local === null) return constants.errno.EINVAL
      if (libc.bind(fd, local, local.length) < 0) return libc.errno()
    }
    const remote = this.remoteOf(endpoint, family)
    return libc.connect(fd, remote, remote.length) < 0 ? libc.errno() : 0
  }

  private remoteOf(endpoint: Endpoint, family: number): Uint8Array {
    let bytes = this.remotes.get(endpoint)
    if (!bytes) {
      const encoded = socketAddress(this.libc, endpoint.address, family, endpoint.port)
      assert(encoded !== null, `${endpoint.address} is an IP address of the endpoint's family`)
      this.remotes.set(endpoint, (bytes = encoded))
    }
    return bytes
  }

  private localOf(address: string, family: number): Uint8Array | null {
    const key = `${family} ${address}`
    let bytes = this.locals.get(key)
    if (bytes === undefined) this.locals.set(key, (bytes = socketAddress(this.libc, address, family, 0)))
    return bytes
  }
}

/** `struct sockaddr_in` (ip(7)) or `sockaddr_in6` (ipv6(7)); null: no address of that family. */
export function socketAddress(libc: c.Libc, address: string, family: number, port: number): Uint8Array | null {
  const bytes = Buffer.alloc(family === c.AF_INET ? 16 : 28)
  bytes.writeUInt16LE(family, 0)
  bytes.writeUInt16BE(port, 2)
  return libc.inet_pton(family, address, bytes.subarray(family === c.AF_INET ? 4 : 8)) === 1 ? bytes : null
}
