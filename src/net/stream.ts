/**
 * Node's own sockets behind the transport contract: TCP, TLS, WebSocket, and WebSocket over TLS, on every system.
 *
 * A connection is a stack: `raw` is the TCP socket, `wire` is what bytes are written to (TLS on it, or itself), and `ws` the framing where there is
 * one. We build the stack ourselves, for WebSocket too, so that addresses, certificates, session resumption and the names of errors
 * are the same for all four, and so that a reset can be done where it has to be: on the TCP socket.
 *
 * Against `epoll` it costs more for each message, and `send` is true a little early: a socket counts as full when Node's own high-water
 * mark (16 KiB) is passed, not at the first byte that waits.
 *
 * Node learns of a peer's end by reading. On an abandoned socket a `Watch` sees it without; it is made, and libc loaded, for the first.
 *
 * Trap: Node emits after destroy too (errors, and what sits in queues). So every listener asks `isHere` first.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import WebSocket from 'ws'
import { assert } from '../errors.ts'
import { epollAvailable, errnoName } from './libc.ts'
import type { Endpoint, OpenOptions, TlsOptions, Transport, TransportHandler, WebSocketOptions } from './transport.ts'
import { Watch } from './watch.ts'
import { errorWords } from './words.ts'

const RECEIVE_BYTES = 65_536
/** MQTT 5.0 §6, MQTT 3.1.1 §6. */
const SUBPROTOCOL = 'mqtt'
const BINARY = { binary: true }
/** Normal closure, going away, no code given, no close frame: RFC 6455 §7.4.1. */
const ORDERLY_CLOSES = [1000, 1001, 1005, 1006]

export class StreamTransport implements Transport {
  readonly kind = 'stream'
  readonly buffer: Buffer
  resumedCount = 0

  private readonly handler: TransportHandler
  private readonly connections: (Connection | undefined)[] = []
  private readonly freeIds: number[] = []
  /** Those that their owner has closed in order, until they are. */
  private readonly leaving = new Set<Connection>()
  /** TLS sessions by owner. */
  private readonly sessions = new Map<number, Buffer>()
  /** null: there can't be one. */
  private watch: Watch | null | undefined
  /** Shared by all plain TCP sockets: Node fills it and calls back at once. */
  private readonly received = Buffer.allocUnsafeSlow(RECEIVE_BYTES)

  constructor(handler: TransportHandler, bufferBytes: number) {
    this.handler = handler
    this.buffer = Buffer.allocUnsafeSlow(bufferBytes)
  }

  open(owner: number, endpoint: Endpoint, options: OpenOptions): number {
    const id = this.freeIds.pop() ?? this.connections.length
    const connection = new Connection(id, owner)
    this.connections[id] = connection
    this.connect(connection, endpoint, options)
    return id
  }

  send(id: number, start: number, end: number): boolean {
    const { ws, wire, isAbandoned } = this.connections[id]!
    assert(!isAbandoned, 'nothing is sent on an abandoned socket')
    const copy = Buffer.allocUnsafe(end - start)
    this.buffer.copy(copy, 0, start, end)
    if (ws === null) return wire.write(copy)
    ws.send(copy, BINARY)
    return !wire.writableNeedDrain
  }

  pause(id: number): void {
    const connection = this.connections[id]!
    connection.isPaused = true
    if (connection.isOpen) connection.source.pause()
  }

  resume(id: number): void {
    const connection = this.connections[id]!
    connection.isPaused = false
    this.recall(connection)
    if (connection.unread.length > 0 || connection.ending !== null) setImmediate(() => this.readOn(connection))
    else if (connection.isOpen) connection.source.resume()
  }

  abandon(id: number, owner: number): void {
    const connection = this.connections[id]
    assert(connection?.isOpen === true, 'only an open socket is abandoned')
    connection.owner = owner
    this.pause(id)
    if (connection.isAbandoned) return
    connection.isAbandoned = true
    const { ending, fd } = connection
    if (ending !== null) setImmediate(() => connection.isAbandoned && ending())
    if (this.watch === undefined) this.watch = epollAvailable() === null ? new Watch() : null
    if (this.watch === null || fd === null) return
    connection.watchNumber = this.watch.add(fd, (errno) => this.fail(connection, errno === 0 ? null : errnoName(errno)))
  }

  close(id: number, how: 'end' | 'reset'): void {
    const connection = this.connections[id]!
    this.release(connection)
    if (how === 'reset' || !connection.isOpen) connection.reset()
    else {
      this.leaving.add(connection)
      connection.raw.once('close', () => this.leaving.delete(connection))
      // What comes is read, for nobody: a WebSocket waits for the peer's close frame.
      if (connection.isPaused) connection.source.resume()
      connection.end()
    }
  }

  poll(): number {
    return 0
  }

  dispose(): void {
    for (const connection of this.connections) if (connection?.isHere) this.release(connection).destroy()
    for (const connection of this.leaving) connection.destroy()
    this.watch?.dispose()
    this.sessions.clear()
  }

  private connect(connection: Connection, endpoint: Endpoint, options: OpenOptions): void {
    const { scheme } = endpoint
    const raw = connectTcp({
      host: endpoint.address,
      port: endpoint.port,
      noDelay: true,
      ...(options.localAddress !== null && { localAddress: options.localAddress }),
      ...(scheme === 'tcp' && {
        onread: { buffer: this.received, callback: (count: number) => this.onData(connection, this.received, count) },
      }),
    })
    connection.raw = connection.wire = raw
    raw.on('error', (error) => this.fail(connection, errorWords(error)))
    if (scheme !== 'tcp') raw.once('connect', () => connection.isHere && this.handler.onTcp(connection.owner))
    if (scheme === 'tls' || scheme === 'wss') {
      assert(options.tls !== null, `${scheme} needs TLS options`)
      connection.wire = this.secure(connection, endpoint, options.tls)
    }
    if (scheme === 'ws' || scheme === 'wss') {
      assert(options.ws !== null, `${scheme} needs WebSocket options`)
      this.upgrade(connection, endpoint, options.ws)
    } else {
      this.listen(connection, scheme === 'tcp' ? 'connect' : 'secureConnect')
    }
    connection.wire.on('drain', () => connection.isHere && connection.isOpen && this.handler.onWritable(connection.owner))
  }

  private listen(connection: Connection, opened: 'connect' | 'secureConnect'): void {
    const { wire } = connection
    wire.once(opened, () => this.onOpen(connection))
    // Plain TCP has its own way in (`onread`). A listener there would do harm: it starts a flow that a pause on connecting does not stop.
    if (opened === 'secureConnect') wire.on('data', (bytes: Buffer) => this.onData(connection, bytes, bytes.length))
    wire.once('end', () => this.fail(connection, connection.isOpen ? null : 'TLS: closed during the handshake'))
    wire.once('close', () => this.fail(connection, null))
  }

  private secure(connection: Connection, endpoint: Endpoint, options: TlsOptions): TLSSocket {
    const name = options.serverName ?? endpoint.hostname
    // Sessions are those of the owner that connects, whoever has the socket later.
    const { owner } = connection
    const session = options.resume ? this.sessions.get(owner) : undefined
    const wire = connectTls({
      socket: connection.raw,
      secureContext: options.context,
      host: name,
      // SNI has no addresses (RFC 6066 §3); the certificate is checked against `host`.
      servername: isIP(name) === 0 ? name : '',
      rejectUnauthorized: !options.insecure,
      ...(options.alpn.length > 0 && { ALPNProtocols: [...options.alpn] }),
      ...(session && { session }),
    })
    wire.on('error', (error) => this.fail(connection, errorWords(error)))
    wire.once('secureConnect', () => {
      if (wire.isSessionReused()) this.resumedCount++
    })
    // With TLS 1.3 it comes after the handshake, and more than once: the last is the one to use.
    if (options.resume) wire.on('session', (bytes) => this.sessions.set(owner, bytes))
    return wire
  }

  private upgrade(connection: Connection, endpoint: Endpoint, options: WebSocketOptions): void {
    const host = isIP(endpoint.hostname) === 6 ? `[${endpoint.hostname}]` : endpoint.hostname
    let ws: WebSocket
    try {
      ws = connection.ws = new WebSocket(`${endpoint.scheme}://${host}:${endpoint.port}${options.path}`, SUBPROTOCOL, {
        headers: { ...options.headers },
        perMessageDeflate: false,
        createConnection: () => connection.wire,
      })
    } catch (error) {
      // A path or a header that HTTP does not allow.
      process.nextTick(() => this.fail(connection, errorWords(error as Error)))
      return
    }
    ws.once('open', () => this.onOpen(connection))
    ws.on('message', (bytes: Buffer, isBinary) => {
      if (!connection.isHere) return
      if (!isBinary) this.fail(connection, 'WebSocket: text frame')
      // The frames of one read come in a row, also when the first has made the owner pause.
      else if (connection.isPaused || connection.unread.length > 0) connection.unread.push(bytes)
      else this.onData(connection, bytes, bytes.length)
    })
    ws.once('unexpected-response', (_, response) => this.fail(connection, `WebSocket: HTTP ${response.statusCode}`))
    ws.on('error', (error) => this.fail(connection, errorWords(error)))
    ws.once('close', (code) => {
      connection.ending = () => this.fail(connection, ORDERLY_CLOSES.includes(code) ? null : `WebSocket: closed with ${code}`)
      // A close frame ends a paused connection too, and would overtake what is unread.
      if (connection.isAbandoned || (!connection.isPaused && connection.unread.length === 0)) connection.ending()
    })
  }

  private readOn(connection: Connection): void {
    while (connection.isHere && !connection.isPaused && connection.unread.length > 0) {
      const bytes = connection.unread.shift()!
      this.onData(connection, bytes, bytes.length)
    }
    if (!connection.isHere || connection.isPaused) return
    if (connection.ending !== null) connection.ending()
    else connection.source.resume()
  }

  private onOpen(connection: Connection): void {
    if (!connection.isHere) return
    connection.isOpen = true
    if (connection.isPaused) connection.source.pause()
    this.handler.onOpen(connection.owner)
  }

  private onData(connection: Connection, buffer: Buffer, end: number): true {
    if (connection.isHere) this.handler.onData(connection.owner, buffer, end)
    return true // false would pause the socket
  }

  private fail(connection: Connection, error: string | null): void {
    if (!connection.isHere) return
    this.release(connection).destroy()
    this.handler.onClose(connection.owner, error)
  }

  /** It is abandoned no more. */
  private recall(connection: Connection): void {
    connection.isAbandoned = false
    this.watch?.drop(connection.watchNumber)
  }

  private release(connection: Connection): Connection {
    assert(connection.isHere, 'only a socket in use is closed')
    connection.isHere = false
    this.recall(connection)
    this.connections[connection.id] = undefined
    this.freeIds.push(connection.id)
    return connection
  }
}

class Connection {
  readonly id: number
  owner: number
  raw!: Socket
  wire!: Socket
  ws: WebSocket | null = null
  /** Its owner has neither closed it nor been told of its end. */
  isHere = true
  isOpen = false
  isPaused = false
  isAbandoned = false
  /** 0: it is not watched. */
  watchNumber = 0
  /** WebSocket messages that came while it was paused. At most those of one read. */
  readonly unread: Buffer[] = []
  /** Tells the end of a WebSocket that came to one. */
  ending: (() => void) | null = null

  constructor(id: number, owner: number) {
    this.id = id
    this.owner = owner
  }

  /** What is paused and resumed. */
  get source(): WebSocket | Socket {
    return this.ws ?? this.wire
  }

  /** null: it is gone. Node has no public name for it. */
  get fd(): number | null {
    const { _handle: handle } = this.raw as Socket & { _handle: { fd: number } | null }
    return handle?.fd ?? null
  }

  end(): void {
    if (this.ws === null) this.wire.destroySoon()
    else this.ws.close(1000)
  }

  reset(): void {
    if (this.raw.connecting) this.raw.destroy()
    else this.raw.resetAndDestroy()
    this.wire.destroy()
  }

  destroy(): void {
    this.wire.destroy()
    this.raw.destroy()
  }
}
