import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))
const run = promisify(execFile)

const hasCompiler = spawnSync('gcc', ['--version']).status === 0
if (!hasCompiler && process.env.CI) throw new Error('gcc is needed in CI')

/** The fields of the sink's last line that are looked at here. */
interface Final {
  connects: number
  subscribes: number
  publishes: number
  qos: [number, number, number]
  forwarded: number
  buckets: number[]
}

const running: { child: ChildProcess; clients: MqttClient[] }[] = []
afterEach(() => {
  for (const { child, clients } of running.splice(0)) {
    for (const client of clients) client.end(true)
    child.kill('SIGKILL')
  }
})

async function startSink(...words: string[]) {
  const child = spawn(path('.cache/bench/sink'), words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const clients: MqttClient[] = []
  running.push({ child, clients })
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout! })
  reader.on('line', (line) => lines.push(line))
  await once(reader, 'line')
  const { port } = JSON.parse(lines[0]!) as { port: number }
  return {
    port,
    async client(protocolVersion: 4 | 5) {
      const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion, reconnectPeriod: 0 })
      clients.push(client)
      return client
    },
    async nextLine(): Promise<Final> {
      const [line] = await once(reader, 'line')
      return JSON.parse(line)
    },
    async stop(): Promise<Final> {
      child.kill('SIGTERM')
      await once(reader, 'close')
      return JSON.parse(lines.at(-1)!)
    },
  }
}

describe.skipIf(!hasCompiler)('the programs of the benches', () => {
  beforeAll(() => run('bash', [path('bench/build.sh')]))

  test.each([4, 5] as const)('the sink takes all QoS of MQTT.js, version %s, and fans out in order', async (version) => {
    const sink = await startSink('--fan', '--buckets', '100')
    const [one, two, pub] = [await sink.client(version), await sink.client(version), await sink.client(version)]
    const inboxes = [one, two].map((client) => {
      const list: string[] = []
      client.on('message', (topic, payload) => list.push(`${topic} ${payload}`))
      return list
    })
    for (const client of [one, two]) await client.subscribeAsync(['a/#', 'b'], { qos: 1 })
    for (const qos of [0, 1, 2] as const) await pub.publishAsync('a/b', `${qos}`, { qos })
    // An answer to a subscriber follows all that was forwarded to it.
    for (const client of [one, two]) await client.unsubscribeAsync('b')
    expect(inboxes).toEqual([['a/b 0', 'a/b 1', 'a/b 2'], ['a/b 0', 'a/b 1', 'a/b 2']]) // biome-ignore format: two equal rows
    const final = await sink.stop()
    expect(final).toMatchObject({ connects: 3, subscribes: 2, publishes: 3, qos: [1, 1, 1], forwarded: 6 })
    expect(final.buckets.reduce((sum, bucket) => sum + bucket)).toBe(3)
  })

  test('while a subscriber does not read, its publisher waits, and nothing is dropped', async () => {
    const sink = await startSink('--fan')
    const pub = await sink.client(4)
    const socket = connectSocket(sink.port, '127.0.0.1')
    // CONNECT as "sub"; SUBSCRIBE to "big"; the answers are 4 and 5 bytes.
    socket.write(Buffer.from('100f00044d5154540402003c000373756282080001000362696700', 'hex'))
    let receivedBytes = -9
    while (receivedBytes < 0) receivedBytes += (await once(socket, 'data'))[0].length
    socket.pause()
    // More than the kernel's buffers on the way hold. Each packet has 5 bytes of topic and 4 of header.
    const [count, payload] = [800, Buffer.alloc(50_000, 'x')]
    for (let i = 0; i < count; i++) pub.publish('big', payload)
    expect((await sink.nextLine()).publishes).toBeLessThan(count)
    const all = new Promise<void>((resolve) => {
      socket.on('data', (bytes) => {
        receivedBytes += bytes.length
        if (receivedBytes >= count * (payload.length + 9)) resolve()
      })
    })
    socket.resume()
    await all
    socket.destroy()
    expect(receivedBytes).toBe(count * (payload.length + 9))
    expect(await sink.stop()).toMatchObject({ publishes: count, forwarded: count })
  })

  test('what flood says it sent is what the sink got', async () => {
    const sink = await startSink()
    const { stdout } = await run(path('.cache/bench/flood'), ['--port', `${sink.port}`, '--connections', '20', '--seconds', '0.2'])
    const flood = JSON.parse(stdout) as { sent: number; perSec: number; cpuUsPerMessage: number; packetBytes: number }
    const watcher = await sink.client(4)
    expect(flood.packetBytes).toBe(2 + 2 + 31 + 64)
    expect(flood.sent).toBeGreaterThan(0)
    expect(flood.cpuUsPerMessage).toBeGreaterThan(0)
    await watcher.endAsync()
    const final = await sink.stop()
    expect(final.publishes).toBe(flood.sent)
    expect(final.connects).toBe(21)
  })
})
