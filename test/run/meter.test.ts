import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { generate } from 'mqtt-packet'
import { afterEach, describe, expect, test } from 'vitest'
import type { ThreadUse } from '../../src/run/meter.ts'
import { runScenario } from '../helpers/run.ts'

const METER = new URL('../../dist/run/meter.js', import.meta.url).href
const LENGTH_MS = 400

/** What a worker thread of its own reads after it has done something for a while. */
async function measured(work: string): Promise<ThreadUse & { lengthUs: number }> {
  const code = `
    import(${JSON.stringify(METER)}).then(async ({ ThreadMeter }) => {
      const meter = new ThreadMeter()
      const fromMs = performance.now()
      const untilMs = fromMs + ${LENGTH_MS}
      ${work}
      const lengthUs = (performance.now() - fromMs) * 1000
      require('node:worker_threads').parentPort.postMessage({ ...meter.read(), lengthUs })
    })`
  const worker = new Worker(code, { eval: true })
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
}

describe.runIf(existsSync('/proc/thread-self/schedstat'))('a thread', () => {
  test('that spins has a core all the time, or waits for one', async () => {
    const { cpuUs, waitingUs, lengthUs } = await measured('while (performance.now() < untilMs);')
    // On a machine with others to serve it gets less of it, and what it does not get it waits for.
    expect((cpuUs! + waitingUs!) / lengthUs).toBeGreaterThan(0.9)
    expect(cpuUs! / lengthUs).toBeGreaterThan(0.2)
  })

  test('that sleeps has none', async () => {
    const { cpuUs, lengthUs } = await measured(`await new Promise((resolve) => setTimeout(resolve, ${LENGTH_MS}))`)
    expect(cpuUs! / lengthUs).toBeLessThan(0.3)
  })

  test('reads what came since the last reading', async () => {
    const use = await measured('while (performance.now() < untilMs); meter.read()')
    expect(use.cpuUs! / use.lengthUs).toBeLessThan(0.1)
  })
})

test('pauses of the garbage collector are counted while the thread never rests', async () => {
  // As the loop of a worker does it: Node's loop has its turn every now and then.
  const work = `
    let kept = []
    while (performance.now() < untilMs) {
      for (let i = 0; i < 20_000; i++) kept.push({ i, of: [i] })
      if (kept.length > 400_000) kept = []
      await new Promise(setImmediate)
    }`
  const { gcUs, lengthUs } = await measured(work)
  expect(gcUs).toBeGreaterThan(0.01 * lengthUs)
  expect(gcUs).toBeLessThan(lengthUs)
})

describe('clients of a broker that reads no more', () => {
  let server: Server
  const sockets = new Set<Socket>()
  afterEach(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  test.each(['epoll', 'stream'] as const)('have sockets that take no bytes, which is said, with %s', async (transport) => {
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('data', () => {
        socket.write(generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }))
        socket.pause()
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const text = `
name: stuck
settle: 100ms
groups:
  sensors: { clients: 4, publish: [{ topic: t, every: 20ms, qos: 0, payload: { bytes: 1MiB } }] }
phases: { warmUp: 1s, measure: 2s, drain: 0s, cleanUp: false }
`
    const { report } = await runScenario(text, [`mqtt://127.0.0.1:${port}`], { transport, workers: 2 })
    const { unwritable, threads, files, ports, suspect, checks } = report.generator
    expect(unwritable).toEqual({ mean: 4, peak: 4 })
    expect(suspect).toBe(true)
    expect(checks.find(({ name }) => name === 'unwritable')!.words).toBe(
      "100 % of the clients' sockets took no bytes (mean of measure; at most 4): the broker or the network pushes back",
    )
    expect(threads).toHaveLength(2)
    expect(ports.used).toBe(4)
    expect(files.used).toBeGreaterThanOrEqual(4)
    expect(files.used).toBeLessThan(200)
  })
})
