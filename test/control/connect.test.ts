import { createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { connectControl } from '../../src/control/connect.ts'

/** As much of a server as a client asks for; `admits` says for each connection, from 0, whether it may stay. */
async function startServer(admits: (connection: number) => boolean): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    const mayStay = admits(sockets.push(socket) - 1)
    socket.on('error', () => {})
    socket.write(`INFO ${JSON.stringify({ server_id: 'S', version: '2.10.0', headers: true, max_payload: 1_000_000 })}\r\n`)
    socket.on('data', (data) => {
      const text = data.toString()
      if (!mayStay && text.includes('CONNECT')) socket.end("-ERR 'Authorization Violation'\r\n")
      else if (mayStay) for (const _ of text.matchAll(/PING\r\n/g)) socket.write('PONG\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, sockets }
}

test('a server that refuses the credentials for a while gets its client back', async () => {
  const { port, sockets } = await startServer((i) => i === 0 || i > 3)
  const connection = await connectControl({ url: `nats://127.0.0.1:${port}` }, 'test')
  onTestFinished(() => connection.close())
  sockets[0]!.destroy()
  await expect.poll(() => sockets.length, { timeout: 10_000 }).toBe(5)
  await connection.flush()
  expect(connection.isClosed()).toBe(false)
}, 20_000)
