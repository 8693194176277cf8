/**
 * Transports: many connections behind one small contract, so that whoever simulates clients knows nothing of sockets.
 *
 * There are two. `epoll` is plain TCP by libc, for very many sockets on Linux; `stream` is Node's own sockets, for TLS, WebSocket and every
 * other system. A worker owns one of them. Sockets are small integers, reused once closed, and each carries the number of its owner, which
 * is all that the handler is told. One contract suite runs over both.
 *
 * Rules that both keep: the handler is never called from inside `open`, `send`, `pause`, `resume` or `close`; after `onClose`, or after the
 * owner's own `close`, nothing follows for that socket and its number is free; a paused socket brings no data, and its end shows only once
 * it is resumed or written to.
 *
 * An abandoned socket is one whose owner has gone, as with its network, while it stands: it is paused and never written to, but its end
 * shows at once. It is seen without reading, so what the peer had sent before is lost with it. `stream` can do that on Linux (where koffi can
 * be loaded; within 20 ms); elsewhere such an end may show only once the socket is resumed.
 */
import type { SecureContext } from 'node:tls'
import { EpollTransport } from './epoll.ts'
import { StreamTransport } from './stream.ts'

export { epollAvailable } from './libc.ts'

/** One place to connect to. A node whose host name has several addresses has several of these. */
export interface Endpoint {
  readonly scheme: 'tcp' | 'tls' | 'ws' | 'wss'
  /** An IP literal, without brackets. */
  readonly address: string
  readonly family: 4 | 6
  readonly port: number
  /** The host as the user wrote it, without brackets: for SNI, the certificate check and the Host header. */
  readonly hostname: string
}

export interface OpenOptions {
  /** Source address, an IP literal of the endpoint's family; null: the system's choice. */
  readonly localAddress: string | null
  /** Needed for the schemes tls and wss. */
  readonly tls: TlsOptions | null
  /** Needed for the schemes ws and wss. */
  readonly ws: WebSocketOptions | null
}

export interface TlsOptions {
  /** Of `secureContext`: one for a group, or one for each client that has its own certificate. */
  readonly context: SecureContext
  /** In place of the host name, for SNI and the certificate check. */
  readonly serverName: string | null
  /** Protocols to offer, e.g. `mqtt`; empty: no ALPN. */
  readonly alpn: readonly string[]
  /** Takes any certificate. */
  readonly insecure: boolean
  /** Keeps the owner's last session and offers it at its next connect. */
  readonly resume: boolean
}

export interface WebSocketOptions {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Transport {
  readonly kind: 'epoll' | 'stream'
  /** Outgoing bytes are written here, then handed over by `send`; free again when it returns. */
  readonly buffer: Buffer
  /** TLS handshakes that resumed an earlier session. */
  readonly resumedCount: number
  /** Starts to connect. Returns the socket; what becomes of it, failure too, comes to the handler. */
  open(owner: number, endpoint: Endpoint, options: OpenOptions): number
  /**
   * Sends [start, end) of `buffer`, on a socket that is open.
   *
   * true: it went out. false: a part waits; `onWritable` follows once all of it has gone, or `onClose`. Sending on in between only makes what waits grow.
   */
  send(socket: number, start: number, end: number): boolean
  pause(socket: number): void
  /** Reads again, a paused or an abandoned socket. */
  resume(socket: number): void
  /**
   * Gives an open socket to another owner, who is the one told of it from now on. Nothing is read any more, nothing may be sent.
   *
   * The peer's end or reset is told at once. `send`'s bytes that wait may still go out (`onWritable` follows then). The old owner can `open` again at once.
   */
  abandon(socket: number, owner: number): void
  /** Ends the connection. `end`: what waits is still sent, then the peer sees an orderly end. `reset`: at once, and it sees ECONNRESET. */
  close(socket: number, how: 'end' | 'reset'): void
  /**
   * epoll: waits up to `timeoutUs` for something to happen, and calls the handler. Returns the µs spent waiting.
   * stream: returns 0 at once, its handler calls come from Node's loop.
   */
  poll(timeoutUs: number): number
  /** Closes every socket, without a handler call. */
  dispose(): void
}

/** May call every method of the transport but `poll`. */
export interface TransportHandler {
  /** TCP is up, and TLS or the WebSocket upgrade begins: `onOpen` or `onClose` follows. Not called for plain TCP. */
  onTcp(owner: number): void
  /** TCP, and TLS and WebSocket where they are used, are up. */
  onOpen(owner: number): void
  /** Bytes [0, end) of `buffer` came in; borrowed: valid only during the call. */
  onData(owner: number, buffer: Uint8Array, end: number): void
  onWritable(owner: number): void
  /** @param error  few different words, to be counted: `ECONNREFUSED`, `TLS: …`, `WebSocket: …`; null: the peer ended it in order */
  onClose(owner: number, error: string | null): void
}

/** @param options.bufferBytes  size of the outgoing buffer */
export function createTransport(kind: 'epoll' | 'stream', handler: TransportHandler, options: { readonly bufferBytes: number }): Transport {
  return kind === 'epoll' ? new EpollTransport(handler, options.bufferBytes) : new StreamTransport(handler, options.bufferBytes)
}
