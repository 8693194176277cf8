/**
 * The other end of a transport under test: servers of all four schemes on loopback, each of whose connections is a `Peer` that does as it is told
 * and notes what it saw; and a `Recorder`, which is a transport's handler that does the same.
 */
import { readFileSync } from 'node:fs'
import * as http from 'node:http'
import * as https from 'node:https'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Endpoint, Transport, TransportHandler } from '../../src/net/transport.ts'
import { certificates } from '../helpers/certs.ts'

export interface Peer {
  readonly remoteAddress: string | undefined
  readonly wire: net.Socket
  readonly request: http.IncomingMessage | null
  /** Everything received, in order. */
  received: Buffer[]
  /** How it ended, for the peer: in order, or by a reset. */
  ended: 'end' | 'reset' | null
  write(bytes: Uint8Array): void
  end(): void
  reset(): void
  resume(): void
}

export interface PeerServer {
  readonly endpoint: Endpoint
  readonly peers: Peer[]
  /** Called for each arrival of bytes. */
  onData: (peer: Peer, bytes: Buffer) => void
  /** New peers don't read until told to. */
  startsPaused: boolean
  close(): void
}

export async function listen(scheme: Endpoint['scheme'], host: '127.0.0.1' | '::1', options: tls.TlsOptions = {}): Promise<PeerServer> {
  const raws = new Map<number, net.Socket>()
  const server = makeServer(scheme, options)
  server.on('connection', (raw: net.Socket) => {
    raws.set(raw.remotePort!, raw)
    raw.once('close', () => raws.delete(raw.remotePort!))
  })
  const result: PeerServer = {
    endpoint: { scheme, address: host, family: host === '::1' ? 6 : 4, port: 0, hostname: host },
    peers: [],
    onData: () => {},
    startsPaused: false,
    close: () => {
      server.close()
      for (const raw of raws.values()) raw.destroy()
    },
  }
  const admit = (wire: net.Socket, ws: WebSocket | null, request: http.IncomingMessage | null) => {
    const raw = raws.get(wire.remotePort!)!
    const peer = makePeer(wire, raw, ws, request, (bytes) => result.onData(peer, bytes))
    if (result.startsPaused) (ws ?? wire).pause()
    result.peers.push(peer)
  }
  if (scheme === 'tcp') server.on('connection', (wire) => admit(wire, null, null))
  if (scheme === 'tls') server.on('secureConnection', (wire) => admit(wire, null, null))
  if (scheme === 'ws' || scheme === 'wss') {
    const sockets = new WebSocketServer({ server: server as http.Server, path: '/mqtt' })
    sockets.on('connection', (ws, request) => admit(request.socket, ws, request))
  }
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  Object.assign(result.endpoint, { port: (server.address() as net.AddressInfo).port })
  return result
}

function makeServer(scheme: Endpoint['scheme'], options: tls.TlsOptions): net.Server {
  if (scheme === 'tcp') return net.createServer({ noDelay: true })
  if (scheme === 'ws') return http.createServer()
  const { server } = certificates()
  const all = { cert: readFileSync(server.cert), key: readFileSync(server.key), ...options }
  return scheme === 'tls' ? tls.createServer(all) : https.createServer(all)
}

function makePeer(
  wire: net.Socket,
  raw: net.Socket,
  ws: WebSocket | null,
  request: http.IncomingMessage | null,
  onData: (bytes: Buffer) => void,
): Peer {
  const peer: Peer = {
    remoteAddress: wire.remoteAddress,
    wire,
    request,
    received: [],
    ended: null,
    write: (bytes) => void (ws ? ws.send(bytes) : wire.write(bytes)),
    end: () => void (ws ? ws.close(1000) : wire.end()),
    reset: () => raw.resetAndDestroy(),
    resume: () => void (ws ?? wire).resume(),
  }
  const receive = (bytes: Buffer) => {
    peer.received.push(bytes)
    onData(bytes)
  }
  const fails = (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') peer.ended ??= 'reset'
  }
  raw.on('error', fails)
  if (wire !== raw) wire.on('error', fails)
  if (ws) {
    ws.on('message', receive)
    ws.on('error', () => {})
    ws.on('close', (code) => {
      if (code === 1000) peer.ended ??= 'end'
    })
  } else {
    wire.on('data', receive)
    wire.on('end', () => {
      peer.ended ??= 'end'
    })
  }
  return peer
}

/** A handler that notes every call, and calls back what a test hangs in. */
export class Recorder implements TransportHandler {
  /** Owners whose TCP is up while more is to come. */
  readonly reached: number[] = []
  readonly opened: number[] = []
  readonly writable: number[] = []
  readonly closed = new Map<number, string | null>()
  readonly received = new Map<number, Buffer[]>()
  calls = 0
  closeHook: (owner: number) => void = () => {}
  tcpHook: (owner: number) => void = () => {}
  dataHook: (owner: number, bytes: Buffer) => void = () => {}

  onTcp(owner: number): void {
    this.calls++
    this.reached.push(owner)
    this.tcpHook(owner)
  }

  onOpen(owner: number): void {
    this.calls++
    this.opened.push(owner)
  }

  onData(owner: number, buffer: Uint8Array, end: number): void {
    this.calls++
    const bytes = Buffer.from(buffer.subarray(0, end))
    const all = this.received.get(owner)
    if (all) all.push(bytes)
    else this.received.set(owner, [bytes])
    this.dataHook(owner, bytes)
  }

  onWritable(owner: number): void {
    this.calls++
    this.writable.push(owner)
  }

  onClose(owner: number, error: string | null): void {
    this.calls++
    if (this.closed.has(owner)) throw new Error(`owner ${owner} was told twice of the end`)
    this.closed.set(owner, error)
    this.closeHook(owner)
  }

  /** What the owner received, as text. */
  text(owner: number): string {
    return Buffer.concat(this.received.get(owner) ?? []).toString()
  }
}

/** Gives the transport and Node's loop their turns until the condition holds; the test's own time limit ends it otherwise. */
export async function until(transport: Transport, condition: () => boolean): Promise<void> {
  while (!condition()) {
    transport.poll(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Gives both some turns in which nothing is expected to happen. */
export async function turns(transport: Transport, count = 20): Promise<void> {
  for (let i = 0; i < count; i++) {
    transport.poll(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A port of the endpoint's address at which nobody listens. */
export async function deadEndpoint(like: Endpoint): Promise<Endpoint> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, like.address, resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return { ...like, port }
}
