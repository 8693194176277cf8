/**
 * How connections reach a real broker: WebSocket paths and headers, host names, IPv6, and addresses to come from.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../helpers/ports.ts'
import { run } from './helper.ts'
import { type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts'

const scenario = (options: object) => ({
  name: 'ways',
  settle: '100ms',
  groups: {
    all: {
      clients: 4,
      publish: [{ topic: '{run}/{client}', every: '250ms', qos: 2 }],
      subscribe: [{ filter: '{run}/#', qos: 2 }],
      ...options,
    },
  },
  phases: { warmUp: '0s', measure: '500ms', drain: '5s' },
})
const EACH_TO_EACH = { owed: 4 * 4 * 2, received: 4 * 4 * 2, lost: 0, duplicated: 0 }

describe.skipIf(!requireMosquitto())('the way to the broker', () => {
  let broker: Mosquitto
  let portOf6 = 0
  beforeAll(async () => {
    portOf6 = await freePort()
    broker = await startMosquitto({ listeners: ['plain', 'ws'], config: `listener ${portOf6} ::1\nallow_anonymous true` })
  })
  afterAll(() => broker?.stop())

  test('a WebSocket asks for its path with its headers, each client with its secrets, which the report does not show', async () => {
    const proxy = await startProxy(broker.ports.ws)
    process.env.MQTT_SCALE_TEST_TOKEN = 'tok3n-from-outside'
    try {
      const ws = { path: '/gate/mqtt?v=1', headers: { authorization: 'Bearer ${env:MQTT_SCALE_TEST_TOKEN}', 'x-plain': 'wr1tten-out' } }
      const { report, exitCode, written } = await run(scenario({ ws }), [proxy.url])
      expect(exitCode).toBe(0)
      expect(report.deliveries).toMatchObject(EACH_TO_EACH)
      expect(proxy.requests).toHaveLength(4)
      for (const { url, headers } of proxy.requests) {
        expect(url).toBe('/gate/mqtt?v=1')
        expect(headers).toMatchObject({
          authorization: 'Bearer tok3n-from-outside',
          'x-plain': 'wr1tten-out',
          'sec-websocket-protocol': 'mqtt',
        })
      }
      expect(written).toContain('/gate/mqtt')
      expect(written).not.toContain('tok3n-from-outside')
      expect(written).not.toContain('wr1tten-out')
    } finally {
      proxy.stop()
    }
  })

  test.each([
    { name: 'IPv6', url: () => `mqtt://[::1]:${portOf6}`, transport: 'epoll' },
    { name: 'IPv6 by stream', url: () => `mqtt://[::1]:${portOf6}`, transport: 'stream' },
    { name: 'a host name', url: () => `mqtt://localhost:${broker.ports.plain}`, transport: 'epoll' },
  ])('$name leads to it', async ({ url, transport }) => {
    const { report, exitCode } = await run({ ...scenario({}), transport }, [url()])
    expect(exitCode).toBe(0)
    expect(report.deliveries).toMatchObject(EACH_TO_EACH)
  })

  test.each(['epoll', 'stream'])('clients come from the source addresses in equal shares, by %s', async (transport) => {
    const sourceAddresses = ['127.0.0.2', '127.0.0.3']
    const { report, exitCode } = await run({ ...scenario({ sourceAddresses }), transport }, [broker.url('plain')])
    expect(exitCode).toBe(0)
    const seen = [0, 1, 2, 3].map((i) => new RegExp(`from (\\S+):\\d+ as ${report.run.id}-all-${i} `).exec(broker.log())?.[1])
    expect(seen.sort()).toEqual(sourceAddresses.flatMap((address) => [address, address]))
  })
})

/** Between a client and a broker's WebSocket port: keeps the upgrade requests, and hands everything on. */
async function startProxy(port: number) {
  const requests: IncomingMessage[] = []
  const server = createServer()
  server.on('upgrade', (request: IncomingMessage, client: Duplex) => {
    requests.push(request)
    const upstream = connect(port, '127.0.0.1')
    const headers = Array.from({ length: request.rawHeaders.length / 2 }, (_, i) => request.rawHeaders.slice(2 * i, 2 * i + 2).join(': '))
    upstream.write(`GET /mqtt HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream]) socket.on('error', () => [client, upstream].forEach((other) => void other.destroy()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = (): void => void server.close()
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, stop }
}
