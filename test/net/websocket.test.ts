/** WebSocket over the stream transport: the request, and the words of its failures. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { StreamTransport } from '../../src/net/stream.ts'
import type { Endpoint, WebSocketOptions } from '../../src/net/transport.ts'
import { listen, type PeerServer, Recorder, turns, until } from './peers.ts'

let server: PeerServer
let transport: StreamTransport
let recorder: Recorder

beforeEach(async () => {
  server = await listen('ws', '127.0.0.1')
  recorder = new Recorder()
  transport = new StreamTransport(recorder, 1024)
})

afterEach(() => {
  transport.dispose()
  server.close()
})

function open(ws: Partial<WebSocketOptions> = {}, endpoint: Partial<Endpoint> = {}): number {
  return transport.open(
    0,
    { ...server.endpoint, ...endpoint },
    { localAddress: null, tls: null, ws: { path: '/mqtt', headers: {}, ...ws } },
  )
}

async function closed(): Promise<string | null> {
  await until(transport, () => recorder.closed.has(0))
  return recorder.closed.get(0)!
}

test('the request has path, host, subprotocol and headers', async () => {
  open({ path: '/mqtt?token=1', headers: { 'X-Tenant': 'plant' } }, { hostname: 'localhost' })
  await until(transport, () => recorder.opened.length === 1 && server.peers.length === 1)
  const { url, headers } = server.peers[0]!.request!
  expect(url).toBe('/mqtt?token=1')
  expect(headers).toMatchObject({
    host: `localhost:${server.endpoint.port}`,
    'sec-websocket-protocol': 'mqtt',
    'x-tenant': 'plant',
  })
  expect(headers['sec-websocket-extensions']).toBeUndefined()
})

test('an IPv6 address stands in brackets in the Host header', async () => {
  const six = await listen('ws', '::1')
  open({}, six.endpoint)
  await until(transport, () => recorder.opened.length === 1 && six.peers.length === 1)
  expect(six.peers[0]!.request!.headers.host).toBe(`[::1]:${six.endpoint.port}`)
  six.close()
})

test.each([
  { why: 'a path nobody serves', ws: { path: '/wrong' }, says: 'WebSocket: HTTP 400' },
  { why: 'a header that HTTP does not allow', ws: { headers: { 'X-A': 'a\nb' } }, says: /^WebSocket: Invalid character/ },
])('$why: $says', async ({ ws, says }) => {
  open(ws)
  expect(recorder.calls).toBe(0)
  expect(await closed()).toMatch(says)
  expect(recorder.opened).toEqual([])
})

test('a server that is no WebSocket server is told by its status', async () => {
  const plain = createServer((_, response) => response.writeHead(404).end('none of that here'))
  await atServer(plain, async (port) => {
    open({}, { port })
    expect(await closed()).toBe('WebSocket: HTTP 404')
  })
})

test('a server that does not speak MQTT is refused', async () => {
  const plain = createServer()
  new WebSocketServer({ server: plain, handleProtocols: () => false })
  await atServer(plain, async (port) => {
    open({}, { port })
    expect(await closed()).toBe('WebSocket: Server sent no subprotocol')
  })
})

test.each([
  { why: 'an answer that is not HTTP', answer: 'SSH-2.0-OpenSSH', says: 'WebSocket: the answer is not HTTP' },
  { why: 'no answer', answer: '', says: 'WebSocket: closed during the handshake' },
])('$why: $says', async ({ answer, says }) => {
  const plain = await listen('tcp', '127.0.0.1')
  plain.onData = (peer) => peer.wire.end(answer)
  open({}, { port: plain.endpoint.port })
  expect(await closed()).toBe(says)
  plain.close()
})

test('a close code that is an error is told', async () => {
  const plain = createServer()
  new WebSocketServer({ server: plain }).on('connection', (ws) => ws.close(1011))
  await atServer(plain, async (port) => {
    open({}, { port })
    expect(await closed()).toBe('WebSocket: closed with 1011')
  })
})

test('a text frame breaks the protocol of MQTT', async () => {
  const plain = createServer()
  new WebSocketServer({ server: plain }).on('connection', (ws) => ws.send('text'))
  await atServer(plain, async (port) => {
    open({}, { port })
    expect(await closed()).toBe('WebSocket: text frame')
    expect(recorder.received.size).toBe(0)
  })
})

test('a close frame that waits behind unread messages is told when the socket is abandoned', async () => {
  let socket = -1
  let isPaused = false
  recorder.dataHook = () => {
    isPaused = true
    transport.pause(socket)
  }
  socket = open()
  await until(transport, () => recorder.opened.length === 1 && server.peers.length === 1)
  const peer = server.peers[0]!
  // In one segment, so that all is read before the first message has made the owner pause.
  peer.wire.cork()
  for (const word of ['one', 'two']) peer.write(Buffer.from(word))
  peer.end()
  peer.wire.uncork()
  await until(transport, () => isPaused && peer.ended !== null)
  await until(transport, () => peer.wire.destroyed)
  await turns(transport)
  expect(recorder.closed.size).toBe(0)
  transport.abandon(socket, 100)
  expect(recorder.closed.size).toBe(0)
  await until(transport, () => recorder.closed.size > 0)
  expect([...recorder.closed]).toEqual([[100, null]])
  expect(recorder.text(0)).toBe('one')
  expect(recorder.received.size).toBe(1)
})

async function atServer(plain: Server, run: (port: number) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  await run((plain.address() as AddressInfo).port)
  plain.closeAllConnections()
  plain.close()
}
