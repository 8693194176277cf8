/** What watches the stream transport's abandoned sockets: nothing is left of it when they are gone. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StreamTransport } from '../../src/net/stream.ts'
import { listen, type PeerServer, Recorder, until } from './peers.ts'

let server: PeerServer
let recorder: Recorder
let transport: StreamTransport

beforeEach(async () => {
  server = await listen('tcp', '127.0.0.1')
  recorder = new Recorder()
  transport = new StreamTransport(recorder, 1024)
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})

afterEach(() => {
  transport.dispose()
  vi.useRealTimers()
  server.close()
})

test.runIf(process.platform === 'linux').each([
  { what: 'closed', leave: (socket: number) => transport.close(socket, 'end') },
  { what: 'reset', leave: (socket: number) => transport.close(socket, 'reset') },
  { what: 'resumed', leave: (socket: number) => transport.resume(socket) },
  { what: 'disposed of', leave: () => transport.dispose() },
])('one timer looks after all abandoned sockets until they are $what', async ({ leave }) => {
  const sockets = [0, 1].map((owner) => transport.open(owner, server.endpoint, { localAddress: null, tls: null, ws: null }))
  await until(transport, () => recorder.opened.length === 2)
  expect(vi.getTimerCount()).toBe(0)
  for (const [i, socket] of sockets.entries()) transport.abandon(socket, 100 + i)
  expect(vi.getTimerCount()).toBe(1)
  leave(sockets[0]!)
  if (leave.length > 0) {
    expect(vi.getTimerCount()).toBe(1)
    leave(sockets[1]!)
  }
  expect(vi.getTimerCount()).toBe(0)
})
