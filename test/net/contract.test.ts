/** What every transport promises, over each way to connect. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { secureContext } from '../../src/net/tls.ts'
import { createTransport, epollAvailable, type OpenOptions, type Transport } from '../../src/net/transport.ts'
import { certificates } from '../helpers/certs.ts'
import { deadEndpoint, listen, type Peer, type PeerServer, Recorder, turns, until } from './peers.ts'

const rows = [
  { row: 'epoll, TCP over IPv4', kind: 'epoll', scheme: 'tcp', host: '127.0.0.1' },
  { row: 'epoll, TCP over IPv6', kind: 'epoll', scheme: 'tcp', host: '::1' },
  { row: 'stream, TCP over IPv4', kind: 'stream', scheme: 'tcp', host: '127.0.0.1' },
  { row: 'stream, TCP over IPv6', kind: 'stream', scheme: 'tcp', host: '::1' },
  { row: 'stream, TLS', kind: 'stream', scheme: 'tls', host: '127.0.0.1' },
  { row: 'stream, WebSocket', kind: 'stream', scheme: 'ws', host: '127.0.0.1' },
  { row: 'stream, WebSocket over TLS', kind: 'stream', scheme: 'wss', host: '127.0.0.1' },
] as const

test.runIf(process.platform === 'linux')('epoll can be used on Linux', () => {
  expect(epollAvailable()).toBeNull()
})

const BUFFER_BYTES = 256 * 1024
const MIB = 1024 * 1024

// On Linux the epoll rows fail where epoll can't be used: they are never left out there.
describe.each(rows.filter(({ kind }) => kind === 'stream' || process.platform === 'linux'))('$row', ({ kind, scheme, host }) => {
  let server: PeerServer
  let recorder: Recorder
  let transport: Transport
  let options: OpenOptions

  beforeEach(async () => {
    server = await listen(scheme, host)
    recorder = new Recorder()
    transport = createTransport(kind, recorder, { bufferBytes: BUFFER_BYTES })
    const context = secureContext({ ca: certificates().ca, cert: null, key: null })
    options = {
      localAddress: null,
      tls: { context, serverName: null, alpn: [], insecure: false, resume: false },
      ws: { path: '/mqtt', headers: {} },
    }
  })

  afterEach(() => {
    transport.dispose()
    server.close()
  })

  /** Opens a connection for the owner, and returns the socket and the peer at its other end. */
  async function connect(owner: number): Promise<{ socket: number; peer: Peer }> {
    const before = server.peers.length
    const socket = transport.open(owner, server.endpoint, options)
    await until(transport, () => recorder.opened.includes(owner) && server.peers.length > before)
    return { socket, peer: server.peers[before]! }
  }

  function send(socket: number, text: string): boolean {
    return transport.send(socket, 0, transport.buffer.write(text))
  }

  test('bytes go there and back', async () => {
    server.onData = (peer, bytes) => peer.write(bytes)
    const { socket } = await connect(7)
    expect(send(socket, 'hello')).toBe(true)
    await until(transport, () => recorder.text(7) === 'hello')
    transport.buffer.write('..world!', 0)
    expect(transport.send(socket, 2, 7)).toBe(true)
    transport.buffer.fill(0) // it is free again
    await until(transport, () => recorder.text(7) === 'helloworld')
    expect(recorder.writable).toEqual([])
    expect(recorder.closed.size).toBe(0)
  })

  test('a peer that does not read fills the socket; all bytes arrive in order once it reads', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    const hash = createHash('sha256')
    let sentBytes = 0
    const sendChunk = () => {
      for (let at = 0; at < BUFFER_BYTES; at += 4) transport.buffer.writeUInt32BE(sentBytes + at, at)
      sentBytes += BUFFER_BYTES
      hash.update(transport.buffer)
      return transport.send(socket, 0, BUFFER_BYTES)
    }
    let fulls = 0
    // Until it is full and stays so: a buffer below may have taken what one above could not.
    while (recorder.writable.length === fulls) {
      while (sendChunk());
      fulls++
      // What is sent to a full socket waits behind the rest.
      expect(sendChunk()).toBe(false)
      await turns(transport)
    }
    expect(recorder.writable).toHaveLength(fulls - 1)
    peer.resume()
    while (sentBytes < 24 * MIB) {
      await until(transport, () => recorder.writable.length === fulls)
      if (!sendChunk()) fulls++
    }
    await until(transport, () => recorder.writable.length === fulls)
    await until(transport, () => sizeOf(peer) === sentBytes)
    expect(createHash('sha256').update(Buffer.concat(peer.received)).digest('hex')).toBe(hash.digest('hex'))
    expect(recorder.writable).toHaveLength(fulls)
  })

  test('many MiB come in, in order', async () => {
    const { peer } = await connect(0)
    const bytes = Buffer.alloc(6 * MIB)
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32BE(at, at)
    peer.write(bytes)
    let receivedBytes = 0
    recorder.dataHook = (_, some) => (receivedBytes += some.length)
    await until(transport, () => receivedBytes === bytes.length)
    expect(Buffer.concat(recorder.received.get(0)!).equals(bytes)).toBe(true)
  })

  test('a peer that ends gives its last bytes and then an end without an error', async () => {
    const { peer } = await connect(3)
    peer.write(Buffer.from('bye'))
    peer.end()
    await until(transport, () => recorder.closed.has(3))
    expect(recorder.closed.get(3)).toBeNull()
    expect(recorder.text(3)).toBe('bye')
  })

  test('a peer that resets is ECONNRESET', async () => {
    const { socket, peer } = await connect(3)
    // After a word, so that a TLS server has its handshake behind it, and no close_notify to send.
    send(socket, 'hello')
    await until(transport, () => peer.received.length > 0)
    peer.reset()
    await until(transport, () => recorder.closed.has(3))
    expect(recorder.closed.get(3)).toBe('ECONNRESET')
  })

  test('a port where nobody listens is ECONNREFUSED', async () => {
    transport.open(3, await deadEndpoint(server.endpoint), options)
    expect(recorder.calls).toBe(0)
    await until(transport, () => recorder.closed.has(3))
    expect(recorder.closed.get(3)).toBe('ECONNREFUSED')
    expect(recorder.calls).toBe(1)
  })

  test('a source address this machine has not is EADDRNOTAVAIL, told after open has returned', async () => {
    const localAddress = host === '::1' ? '2001:db8::1' : '203.0.113.250'
    transport.open(3, server.endpoint, { ...options, localAddress })
    expect(recorder.calls).toBe(0)
    await until(transport, () => recorder.closed.has(3))
    expect(recorder.closed.get(3)).toBe('EADDRNOTAVAIL')
    expect(recorder.calls).toBe(1)
  })

  test('a source address of the other family is EINVAL', async () => {
    transport.open(3, server.endpoint, { ...options, localAddress: host === '::1' ? '127.0.0.1' : '::1' })
    await until(transport, () => recorder.closed.has(3))
    expect(recorder.closed.get(3)).toBe('EINVAL')
  })

  test('a peer sees the end of a socket that is closed, after all bytes', async () => {
    const { socket, peer } = await connect(0)
    send(socket, 'last words')
    transport.close(socket, 'end')
    await until(transport, () => peer.ended !== null)
    expect(peer.ended).toBe('end')
    expect(Buffer.concat(peer.received).toString()).toBe('last words')
    expect(recorder.closed.size).toBe(0)
  })

  test('a socket closed while bytes wait sends them first', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    let sentBytes = BUFFER_BYTES
    while (transport.send(socket, 0, BUFFER_BYTES)) sentBytes += BUFFER_BYTES
    transport.close(socket, 'end')
    await turns(transport)
    peer.resume()
    await until(transport, () => peer.ended !== null)
    expect(peer.ended).toBe('end')
    expect(sizeOf(peer)).toBe(sentBytes)
    expect(recorder.writable).toEqual([])
    expect(recorder.closed.size).toBe(0)
  })

  test('a peer sees a reset where one was asked for', async () => {
    const { socket, peer } = await connect(0)
    transport.close(socket, 'reset')
    await until(transport, () => peer.ended !== null)
    expect(peer.ended).toBe('reset')
    expect(recorder.closed.size).toBe(0)
  })

  test.each(['end', 'reset'] as const)('closing (%s) while it connects is silent', async (how) => {
    const socket = transport.open(5, server.endpoint, options)
    transport.close(socket, how)
    await turns(transport)
    expect(recorder.calls).toBe(0)
    await connect(6)
  })

  test('a paused socket brings nothing until it is resumed', async () => {
    const { socket, peer } = await connect(0)
    transport.pause(socket)
    peer.write(Buffer.from('one '))
    peer.write(Buffer.from('two '))
    await turns(transport)
    expect(recorder.text(0)).toBe('')
    transport.resume(socket)
    await until(transport, () => recorder.text(0) === 'one two ')
    peer.write(Buffer.from('three'))
    await until(transport, () => recorder.text(0) === 'one two three')
  })

  test('a socket paused at its first bytes brings no more, and loses none', async () => {
    const { socket, peer } = await connect(0)
    let isPaused = false
    recorder.dataHook = () => {
      expect(isPaused).toBe(false)
      isPaused = true
      transport.pause(socket)
    }
    const bytes = Buffer.alloc(300_000, 'abcdefg')
    for (let at = 0; at < bytes.length; at += 1000) peer.write(bytes.subarray(at, at + 1000))
    await until(transport, () => isPaused)
    await turns(transport)
    while (recorder.text(0).length < bytes.length) {
      isPaused = false
      transport.resume(socket)
      await until(transport, () => isPaused)
    }
    expect(recorder.text(0)).toBe(bytes.toString())
  })

  test('a socket paused while it connects opens, and brings nothing', async () => {
    const socket = transport.open(0, server.endpoint, options)
    transport.pause(socket)
    await until(transport, () => recorder.opened.length === 1 && server.peers.length === 1)
    server.peers[0]!.write(Buffer.from('early'))
    await turns(transport)
    expect(recorder.text(0)).toBe('')
    transport.resume(socket)
    await until(transport, () => recorder.text(0) === 'early')
  })

  test('the end of a paused socket shows when it is resumed', async () => {
    const { socket, peer } = await connect(0)
    transport.pause(socket)
    peer.write(Buffer.from('bye'))
    peer.end()
    await turns(transport)
    expect(recorder.closed.size).toBe(0)
    transport.resume(socket)
    await until(transport, () => recorder.closed.has(0))
    expect(recorder.text(0)).toBe('bye')
    expect(recorder.closed.get(0)).toBeNull()
  })

  test('a socket paused at its first bytes gets the rest and the end when it is resumed', async () => {
    const { socket, peer } = await connect(0)
    let isPaused = false
    recorder.dataHook = () => {
      if (recorder.received.get(0)!.length > 1) return
      isPaused = true
      transport.pause(socket)
    }
    const words = ['one ', 'two ', 'three ']
    for (const word of words) peer.write(Buffer.from(word))
    peer.end()
    await until(transport, () => isPaused)
    await turns(transport)
    expect(recorder.closed.size).toBe(0)
    transport.resume(socket)
    await until(transport, () => recorder.closed.has(0))
    expect(recorder.closed.get(0)).toBeNull()
    expect(recorder.text(0)).toBe(words.join(''))
  })

  test('what is below TLS and WebSocket is told when it is up, before the whole', async () => {
    const tcpFirst: boolean[] = []
    recorder.tcpHook = () => tcpFirst.push(recorder.opened.length === 0)
    await connect(4)
    expect(recorder.reached).toEqual(scheme === 'tcp' ? [] : [4])
    expect(tcpFirst).toEqual(scheme === 'tcp' ? [] : [true])
    transport.open(5, await deadEndpoint(server.endpoint), options)
    await until(transport, () => recorder.closed.has(5))
    expect(recorder.reached).not.toContain(5)
  })

  test.runIf(scheme !== 'tcp').each(['end', 'reset'] as const)('closing (%s) when TCP is up is silent', async (how) => {
    const socket = transport.open(5, server.endpoint, options)
    recorder.tcpHook = () => transport.close(socket, how)
    await until(transport, () => recorder.reached.length === 1)
    await turns(transport)
    expect(recorder.calls).toBe(1)
  })

  test('an abandoned socket brings nothing, and all to its new owner once it is resumed', async () => {
    const { socket, peer } = await connect(0)
    peer.write(Buffer.from('zero '))
    await until(transport, () => recorder.text(0) === 'zero ')
    transport.abandon(socket, 100)
    peer.write(Buffer.from('one '))
    peer.write(Buffer.from('two '))
    await turns(transport)
    expect(recorder.text(100)).toBe('')
    transport.resume(socket)
    await until(transport, () => recorder.text(100) === 'one two ')
    // It is a socket like any other again: its end comes behind its bytes.
    send(socket, 'hello')
    peer.write(Buffer.from('three'))
    peer.end()
    await until(transport, () => recorder.closed.has(100))
    expect(recorder.closed.get(100)).toBeNull()
    expect(recorder.text(100)).toBe('one two three')
    expect(Buffer.concat(peer.received).toString()).toBe('hello')
    expect(recorder.text(0)).toBe('zero ')
    expect(recorder.closed.has(0)).toBe(false)
  })

  test('the old owner of an abandoned socket can connect again beside it', async () => {
    const { socket, peer } = await connect(0)
    transport.abandon(socket, 100)
    const next = await connect(0)
    expect(next.socket).not.toBe(socket)
    peer.write(Buffer.from('old'))
    next.peer.write(Buffer.from('new'))
    await until(transport, () => recorder.text(0) === 'new')
    send(next.socket, 'here')
    await until(transport, () => sizeOf(next.peer) === 4)
    transport.resume(socket)
    await until(transport, () => recorder.text(100) === 'old')
    expect(recorder.text(0)).toBe('new')
    expect(peer.received).toEqual([])
  })

  // Elsewhere Node sees these ends only when it reads.
  describe.runIf(process.platform === 'linux')('an abandoned socket', () => {
    test.each([
      { what: 'the end', unread: '', how: 'end', says: null },
      { what: 'the end behind unread bytes', unread: 'bye', how: 'end', says: null },
      { what: 'a reset', unread: '', how: 'reset', says: 'ECONNRESET' },
      { what: 'a reset behind unread bytes', unread: 'bye', how: 'reset', says: 'ECONNRESET' },
    ] as const)('tells its new owner at once of $what', async ({ unread, how, says }) => {
      const { socket, peer } = await connect(0)
      // A word first, so that a TLS server has its handshake behind it.
      send(socket, 'hello')
      await until(transport, () => peer.received.length > 0)
      transport.abandon(socket, 100)
      if (unread !== '') {
        peer.write(Buffer.from(unread))
        await turns(transport)
      }
      if (how === 'reset') peer.reset()
      else peer.wire.end()
      await until(transport, () => recorder.closed.size > 0)
      expect([...recorder.closed]).toEqual([[100, says]])
      expect(recorder.received.size).toBe(0)
      await turns(transport)
      // Its number is free.
      expect((await connect(1)).socket).toBe(socket)
    })

    test('tells of an end that had come while it was paused', async () => {
      const { socket, peer } = await connect(0)
      transport.pause(socket)
      peer.write(Buffer.from('bye'))
      peer.wire.end()
      await turns(transport)
      expect(recorder.closed.size).toBe(0)
      transport.abandon(socket, 100)
      expect(recorder.closed.size).toBe(0)
      await until(transport, () => recorder.closed.size > 0)
      expect([...recorder.closed]).toEqual([[100, null]])
      expect(recorder.received.size).toBe(0)
    })

    test('tells of its end after it has been resumed and abandoned again', async () => {
      const { socket, peer } = await connect(0)
      transport.abandon(socket, 100)
      transport.resume(socket)
      peer.write(Buffer.from('one'))
      await until(transport, () => recorder.text(100) === 'one')
      transport.abandon(socket, 101)
      transport.abandon(socket, 102)
      peer.write(Buffer.from('two'))
      await turns(transport)
      peer.reset()
      await until(transport, () => recorder.closed.size > 0)
      expect([...recorder.closed]).toEqual([[102, 'ECONNRESET']])
      expect(recorder.received.size).toBe(1)
    })

    test('is told of together with others: one closed by its handler is told of no more', async () => {
      const sockets = new Map<number, number>()
      for (const owner of [0, 1, 2]) sockets.set(100 + owner, (await connect(owner)).socket)
      for (const [owner, socket] of sockets) transport.abandon(socket, owner)
      recorder.closeHook = (first) => {
        for (const [owner, socket] of sockets) if (owner !== first) transport.close(socket, 'reset')
      }
      for (const peer of server.peers) peer.write(Buffer.from('bye'))
      await turns(transport)
      for (const peer of server.peers) peer.wire.end()
      await until(transport, () => recorder.closed.size > 0)
      await turns(transport)
      expect(recorder.closed.size).toBe(1)
    })
  })

  test.each(['end', 'reset'] as const)(
    'an abandoned socket can be closed (%s), unread bytes and all',
    async (how) => {
      const { socket, peer } = await connect(0)
      transport.abandon(socket, 100)
      peer.write(Buffer.from('unread'))
      await turns(transport)
      const { calls } = recorder
      transport.close(socket, how)
      await until(transport, () => peer.ended !== null)
      expect(peer.ended).toBe(how)
      await turns(transport)
      expect(recorder.calls).toBe(calls)
      expect((await connect(1)).socket).toBe(socket)
      // Less than the time after which a WebSocket gives up waiting for the peer's close frame.
    },
    10_000,
  )

  test('what waits on a socket when it is abandoned still goes out', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    let sentBytes = BUFFER_BYTES
    while (transport.send(socket, 0, BUFFER_BYTES)) sentBytes += BUFFER_BYTES
    transport.abandon(socket, 100)
    peer.resume()
    await until(transport, () => sizeOf(peer) === sentBytes && recorder.writable.length === 1)
    expect(recorder.writable).toEqual([100])
  })

  test('an abandoned socket that is closed while bytes wait sends them first, and tells nobody of the end', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    let sentBytes = BUFFER_BYTES
    while (transport.send(socket, 0, BUFFER_BYTES)) sentBytes += BUFFER_BYTES
    transport.abandon(socket, 100)
    transport.close(socket, 'end')
    peer.wire.end()
    await turns(transport)
    peer.resume()
    await until(transport, () => sizeOf(peer) === sentBytes)
    expect(recorder.closed.size).toBe(0)
    expect(recorder.writable).toEqual([])
  })

  test('only an open socket is abandoned, and nothing is sent on it', async () => {
    const connecting = transport.open(1, server.endpoint, options)
    expect(() => transport.abandon(connecting, 100)).toThrow('only an open socket is abandoned')
    const { socket } = await connect(0)
    transport.abandon(socket, 100)
    expect(() => send(socket, 'hello')).toThrow('nothing is sent on an abandoned socket')
  })

  test('each of hundreds of sockets answers to its own owner, and their numbers are used again', async () => {
    server.onData = (peer, bytes) => peer.write(bytes)
    const count = 300
    const isBelow = (socket: number) => socket >= 0 && socket < count
    for (const round of [0, 1]) {
      const sockets = Array.from({ length: count }, (_, i) => transport.open(round * 10_000 + i, server.endpoint, options))
      expect(new Set(sockets).size).toBe(count)
      expect(sockets.every(isBelow)).toBe(true)
      await until(transport, () => recorder.opened.length === (round + 1) * count)
      for (const [i, socket] of sockets.entries()) send(socket, `of ${round * 10_000 + i}`)
      await until(transport, () => recorder.received.size === (round + 1) * count)
      for (const i of sockets.keys()) expect(recorder.text(round * 10_000 + i)).toBe(`of ${round * 10_000 + i}`)
      for (const [i, socket] of sockets.entries()) transport.close(socket, i % 2 === 0 ? 'end' : 'reset')
    }
    expect(recorder.closed.size).toBe(0)
  }, 20_000)

  test('a connection comes from the address it was told to', async () => {
    const localAddress = host === '::1' ? '::1' : '127.0.0.42'
    transport.open(0, server.endpoint, { ...options, localAddress })
    await until(transport, () => server.peers.length === 1)
    expect(server.peers[0]!.remoteAddress).toBe(localAddress)
  })

  test('nothing is told of a socket after its owner has closed it', async () => {
    const { socket, peer } = await connect(0)
    recorder.dataHook = () => transport.close(socket, 'end')
    for (let i = 0; i < 100; i++) peer.write(Buffer.alloc(5000))
    peer.end()
    await until(transport, () => recorder.received.size === 1)
    const { calls } = recorder
    await turns(transport)
    expect(recorder.calls).toBe(calls)
  })

  test('what had come for a socket never reaches the one that takes its place', async () => {
    const dead = await deadEndpoint(server.endpoint)
    const sockets = new Map<number, number>()
    for (const owner of [0, 1]) sockets.set(owner, (await connect(owner)).socket)
    // Whoever is told first closes both and opens one that can't succeed, while the other's bytes are in the same batch of events.
    recorder.dataHook = () => {
      for (const socket of sockets.values()) transport.close(socket, 'reset')
      transport.open(2, dead, options)
      transport.open(3, dead, options)
    }
    for (const peer of server.peers) peer.write(Buffer.from('x'))
    // Both are in before the transport looks.
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
    await until(transport, () => recorder.closed.size === 2)
    expect(recorder.received.size).toBe(1)
    expect(recorder.opened).toEqual([0, 1])
    expect([...recorder.closed]).toEqual(expect.arrayContaining([2, 3].map((owner) => [owner, 'ECONNREFUSED'])))
  })

  test('dispose closes everything and tells nobody', async () => {
    const { peer } = await connect(0)
    transport.open(1, server.endpoint, options)
    const { calls } = recorder
    transport.dispose()
    await new Promise((resolve) => peer.wire.once('close', resolve))
    expect(recorder.calls).toBe(calls)
  })

  test('dispose does not wait for what a closed socket still had to send', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    let sentBytes = BUFFER_BYTES
    while (transport.send(socket, 0, BUFFER_BYTES)) sentBytes += BUFFER_BYTES
    // Far more than any buffer below could take.
    for (let i = 0; i < 48; i++, sentBytes += BUFFER_BYTES) expect(transport.send(socket, 0, BUFFER_BYTES)).toBe(false)
    transport.close(socket, 'end')
    transport.dispose()
    const ended = new Promise((resolve) => peer.wire.once('close', resolve))
    peer.resume()
    await ended
    expect(sizeOf(peer)).toBeLessThan(sentBytes)
  })
})

function sizeOf(peer: Peer): number {
  let bytes = 0
  for (const some of peer.received) bytes += some.length
  return bytes
}
