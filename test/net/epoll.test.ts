/** What only the epoll transport does: its waits, its limits, and the corners of the kernel's interface. */
import { createRequire } from 'node:module'
import { release } from 'node:os'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EpollTransport } from '../../src/net/epoll.ts'
import type { OpenOptions } from '../../src/net/transport.ts'
import { listen, type PeerServer, Recorder, turns, until } from './peers.ts'

const OPTIONS: OpenOptions = { localAddress: null, tls: null, ws: null }
const MIB = 1024 * 1024
const [major, minor] = release().split('.').map(Number) as [number, number]
const isSince5_11 = major > 5 || (major === 5 && minor >= 11)

describe.runIf(process.platform === 'linux')('the epoll transport', () => {
  let server: PeerServer
  let recorder: Recorder
  let transport: EpollTransport

  beforeEach(async () => {
    server = await listen('tcp', '127.0.0.1')
    recorder = new Recorder()
    transport = new EpollTransport(recorder, MIB)
  })

  afterEach(() => {
    transport.dispose()
    server.close()
  })

  async function connect(owner: number) {
    const before = server.peers.length
    const socket = transport.open(owner, server.endpoint, OPTIONS)
    await until(transport, () => recorder.opened.includes(owner) && server.peers.length > before)
    return { socket, peer: server.peers[before]! }
  }

  /** Node's side of the loop alone, so that what the peer does is in the kernel before the transport looks. */
  async function peerTurns() {
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  test('poll waits as long as it may when nothing happens, and says how long', () => {
    const before = performance.now()
    const waitedUs = transport.poll(30_000)
    const passedUs = (performance.now() - before) * 1000
    expect(waitedUs).toBeGreaterThan(29_000)
    expect(waitedUs).toBeLessThanOrEqual(passedUs)
    expect(transport.poll(0)).toBe(0)
    expect(transport.poll(-1)).toBe(0)
  })

  test.runIf(isSince5_11)('poll waits for less than a millisecond, too', () => {
    const waits = Array.from({ length: 20 }, () => transport.poll(250))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(240)
    expect(Math.min(...waits)).toBeLessThan(900)
  })

  test('poll does not wait when there is something to tell', async () => {
    const { peer } = await connect(0)
    peer.write(Buffer.from('x'))
    await peerTurns()
    expect(transport.poll(10_000_000)).toBeLessThan(5_000_000)
    expect(recorder.text(0)).toBe('x')
    transport.open(1, server.endpoint, { ...OPTIONS, localAddress: '203.0.113.250' })
    expect(transport.poll(10_000_000)).toBe(0)
    expect(recorder.closed.get(1)).toBe('EADDRNOTAVAIL')
  })

  test('a paused socket whose peer has gone does not wake every poll', async () => {
    const { socket, peer } = await connect(0)
    transport.pause(socket)
    peer.reset()
    await turns(transport)
    expect(transport.poll(30_000)).toBeGreaterThan(29_000)
    transport.resume(socket)
    await until(transport, () => recorder.closed.size === 1)
    expect(recorder.closed.get(0)).toBe('ECONNRESET')
  })

  test('an abandoned socket wakes poll for its end, once, and not for unread bytes', async () => {
    const { socket, peer } = await connect(0)
    transport.abandon(socket, 100)
    peer.write(Buffer.from('unread'))
    await peerTurns()
    expect(transport.poll(30_000)).toBeGreaterThan(29_000)
    peer.wire.end()
    await peerTurns()
    expect(transport.poll(10_000_000)).toBeLessThan(5_000_000)
    expect([...recorder.closed]).toEqual([[100, null]])
    expect(transport.poll(30_000)).toBeGreaterThan(29_000)
  })

  test('an abandoned socket that is full is not written to once its peer has gone', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    while (transport.send(socket, 0, MIB));
    transport.abandon(socket, 100)
    peer.reset()
    await peerTurns()
    transport.poll(0)
    expect([...recorder.closed]).toEqual([[100, 'ECONNRESET']])
    expect(transport.poll(30_000)).toBeGreaterThan(29_000)
  })

  test('a socket whose failure is not told yet can be abandoned: its new owner is told', async () => {
    const { socket, peer } = await connect(0)
    peer.wire.write('the reason', () => peer.reset())
    await peerTurns()
    expect(transport.send(socket, 0, 1)).toBe(false)
    transport.abandon(socket, 100)
    transport.poll(0)
    expect([...recorder.closed]).toEqual([[100, 'ECONNRESET']])
    expect(recorder.received.size).toBe(0)
    await turns(transport)
  })

  test('a reset behind the end of an abandoned socket is its end', async () => {
    const { socket, peer } = await connect(0)
    transport.abandon(socket, 100)
    await new Promise<void>((resolve) => peer.wire.end(resolve))
    peer.reset()
    await peerTurns()
    transport.poll(0)
    expect([...recorder.closed]).toEqual([[100, null]])
  })

  test('a socket that is abandoned or resumed in the middle of a batch takes what it is then', async () => {
    const pairs = [await connect(0), await connect(1)]
    const [first, second] = pairs.map(({ socket }) => socket) as [number, number]
    // Whoever is told first: the other's bytes are in the same batch.
    recorder.dataHook = (owner) => transport.abandon(owner === 0 ? second : first, 100)
    for (const { peer } of pairs) peer.write(Buffer.from('x'))
    await peerTurns()
    transport.poll(0)
    expect(recorder.received.size).toBe(1)
    const abandoned = recorder.received.has(0) ? second : first
    recorder.dataHook = () => {}
    transport.resume(abandoned)
    await until(transport, () => recorder.text(100) === 'x')
  })

  test('an idle socket that has been full no longer wakes poll once it is writable', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    while (transport.send(socket, 0, MIB));
    await turns(transport)
    expect(transport.poll(30_000)).toBeGreaterThan(29_000)
    peer.resume()
    await until(transport, () => recorder.writable.length === 1)
    await turns(transport)
    expect(transport.poll(30_000)).toBeGreaterThan(29_000)
  })

  test('what came before a reset is delivered, also when sending is what finds out', async () => {
    const { socket, peer } = await connect(0)
    peer.wire.write('the reason', () => peer.reset())
    await peerTurns()
    // The first finds the connection gone, the second must not find it again.
    expect(transport.send(socket, 0, 1)).toBe(false)
    expect(transport.send(socket, 0, 1)).toBe(false)
    expect(recorder.closed.size).toBe(0)
    transport.poll(0)
    expect(recorder.text(0)).toBe('the reason')
    expect(recorder.closed.get(0)).toBe('ECONNRESET')
    await turns(transport)
  })

  test('a full socket whose peer resets is ECONNRESET, whether reading or writing finds out', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    while (transport.send(socket, 0, MIB));
    peer.reset()
    await until(transport, () => recorder.closed.size === 1)
    expect(recorder.closed.get(0)).toBe('ECONNRESET')
  })

  test('what is sent once the kernel has room again still goes behind what waits', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    transport.buffer.fill('a')
    let sentBytes = MIB
    while (transport.send(socket, 0, MIB)) sentBytes += MIB
    peer.resume()
    await peerTurns()
    transport.buffer.fill('b')
    expect(transport.send(socket, 0, 10)).toBe(false)
    const size = () => peer.received.reduce((sum, bytes) => sum + bytes.length, 0)
    await until(transport, () => size() === sentBytes + 10)
    expect(Buffer.concat(peer.received).indexOf('b')).toBe(sentBytes)
  })

  test('closing a socket that has just failed is silent', async () => {
    const { socket, peer } = await connect(0)
    peer.reset()
    await peerTurns()
    expect(transport.send(socket, 0, 1)).toBe(false)
    transport.close(socket, 'end')
    const next = await connect(1)
    expect(next.socket).toBe(socket)
    await turns(transport)
    expect(recorder.closed.size).toBe(0)
  })

  test('closing while a peer still sends is an orderly end for it', async () => {
    const { socket, peer } = await connect(0)
    peer.write(Buffer.alloc(10_000))
    await peerTurns()
    transport.close(socket, 'end')
    await until(transport, () => peer.ended !== null)
    expect(peer.ended).toBe('end')
  })

  test('an owner that never stops sending to a full socket loses it at the limit', async () => {
    server.startsPaused = true
    const { socket } = await connect(0)
    let sentBytes = 0
    while (recorder.closed.size === 0) {
      transport.send(socket, 0, MIB)
      sentBytes += MIB
      if (sentBytes % (8 * MIB) === 0) transport.poll(0)
    }
    expect(recorder.closed.get(0)).toBe('ENOBUFS')
    expect(sentBytes).toBeGreaterThanOrEqual(16 * MIB)
    expect(sentBytes).toBeLessThanOrEqual(40 * MIB)
  })

  test('a socket that waits to be emptied is let go when its peer resets', async () => {
    server.startsPaused = true
    const { socket, peer } = await connect(0)
    while (transport.send(socket, 0, MIB));
    transport.close(socket, 'end')
    peer.reset()
    await peerTurns()
    await turns(transport)
    expect(recorder.closed.size).toBe(0)
    expect((await connect(1)).socket).toBe(socket)
  })

  test('at the file limit a connection is EMFILE, and the next one is fine', async () => {
    await connect(0)
    await withoutFiles(() => {
      transport.open(1, server.endpoint, OPTIONS)
      expect(recorder.closed.size).toBe(0)
      transport.poll(0)
    })
    expect(recorder.closed.get(1)).toBe('EMFILE')
    await connect(2)
  })

  test('a handler may dispose of the transport in the middle of a batch', async () => {
    const peers = [await connect(0), await connect(1)]
    for (const { peer } of peers) peer.write(Buffer.from('x'))
    await peerTurns()
    recorder.dataHook = () => transport.dispose()
    transport.poll(0)
    expect(recorder.received.size).toBe(1)
    expect(recorder.closed.size).toBe(0)
  })
})

/** Runs with a file limit (RLIMIT_NOFILE) of 0 for this process. */
async function withoutFiles(run: () => void) {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
  const libc = koffi.load(null)
  const getrlimit = libc.func('int getrlimit(int, void *)')
  const setrlimit = libc.func('int setrlimit(int, const void *)')
  const limit = Buffer.alloc(16)
  expect(getrlimit(7, limit)).toBe(0)
  const none = Buffer.from(limit)
  none.writeBigUInt64LE(0n, 0)
  expect(setrlimit(7, none)).toBe(0)
  try {
    run()
  } finally {
    setrlimit(7, limit)
  }
}
