import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Endpoint } from '../../src/net/transport.ts'
import { reachable } from '../../src/run/reach.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A port on which these loopback addresses listen, and no others. */
async function listen(...hosts: string[]): Promise<number> {
  let port = 0
  for (const host of hosts) {
    const server = createServer((socket) => socket.destroy())
    servers.push(server)
    await new Promise<void>((resolve) => server.listen({ host, port }, resolve))
    port = (server.address() as { port: number }).port
  }
  return port
}

const at = (address: string, port: number): Endpoint => ({
  scheme: 'tcp',
  address,
  port,
  family: address.includes(':') ? 6 : 4,
  hostname: 'localhost',
})

describe('of several addresses', () => {
  test('those that refuse are left out', async () => {
    const port = await listen('127.0.0.1')
    expect(await reachable([at('127.0.0.2', port), at('127.0.0.1', port)])).toEqual([at('127.0.0.1', port)])
  })

  test('all that accept stay, in their order', async () => {
    const port = await listen('127.0.0.1', '127.0.0.2')
    const both = [at('127.0.0.2', port), at('127.0.0.1', port)]
    expect(await reachable(both)).toEqual(both)
  })

  test('all stay where none accepts: the run says what is wrong', async () => {
    const port = await listen('127.0.0.1')
    const others = [at('127.0.0.2', port), at('127.0.0.3', port)]
    expect(await reachable(others)).toEqual(others)
  })

  test('a single one is not tried', async () => {
    let connections = 0
    const port = await listen('127.0.0.1')
    servers[0]!.on('connection', () => connections++)
    expect(await reachable([at('127.0.0.1', port)])).toHaveLength(1)
    expect(connections).toBe(0)
  })
})
