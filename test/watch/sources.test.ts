/**
 * Sources against endpoints that answer, refuse, answer something else or hang, and against processes of this machine.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Values } from '../../src/watch/evaluate.ts'
import { NatsReader } from '../../src/watch/nats.ts'
import { ProcessReader, processValues } from '../../src/watch/process.ts'
import { PrometheusReader } from '../../src/watch/prometheus.ts'
import { Poller, type Source } from '../../src/watch/source.ts'
import { FILTERS, type Listen, SysSource } from '../../src/watch/sys.ts'
import { freePort } from '../helpers/ports.ts'

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
const clock = () => performance.now() * 1000

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const answering = (text: string) => serve((_, response) => response.end(text))
const prometheus = (url: string) => new PrometheusReader({ kind: 'prometheus', url, as: null, map: null })

/** What a source says first: values, or words. */
function first(source: Source): Promise<Values | string> {
  onTestFinished(() => source.end())
  return new Promise((resolve) => source.begin({ onReading: (_, values) => resolve(values), onFailure: resolve }))
}

describe('a Prometheus endpoint', () => {
  test('is read, and known by what it tells', async () => {
    const reader = prometheus(`${await answering(fixture('rabbitmq.prom'))}/metrics`)
    expect(reader.words).toBe('prometheus')
    expect(await first(new Poller(reader, clock))).toMatchObject({ connections: 21, messagesIn: 1002 })
    expect(reader.words).toBe('prometheus (rabbitmq)')
  })

  test('of EMQX says whose its memory is', async () => {
    const reader = prometheus(await answering(fixture('emqx.prom')))
    await first(new Poller(reader, clock))
    expect([reader.words, reader.isOfMachine]).toEqual(['prometheus (emqx; memory is the machine’s)', true])
  })

  test('gets the credentials of its URL', async () => {
    const url = await serve(({ headers }, response) => {
      const isRight = headers.authorization === `Basic ${Buffer.from('me:p/w').toString('base64')}`
      response.writeHead(isRight ? 200 : 401).end(fixture('hivemq.prom'))
    })
    expect(await first(new Poller(prometheus(url.replace('//', '//me:p%2Fw@')), clock))).toMatchObject({ connections: 1000 })
    expect(await first(new Poller(prometheus(url.replace('//', '//me:wrong@')), clock))).toBe('HTTP 401')
  })

  test.each([
    { why: 'a page', text: '<html>log in</html>', words: 'its answer is not in the text format of Prometheus' },
    { why: 'nothing', text: '', words: 'its answer has no metrics' },
    {
      why: 'metrics of something else',
      text: 'go_goroutines 5\n',
      words: 'none of its metrics are those of a known broker: name them with map',
    },
    { why: 'far too much', text: 'x 1\n'.repeat(3e6), words: 'an answer of more than 8 MiB: is there an endpoint that adds up?' },
  ])('that answers $why is a failure in words', async ({ text, words }) => {
    expect(await first(new Poller(prometheus(await answering(text)), clock))).toBe(words)
  })

  test('that is away is one too, and is asked again', async () => {
    expect(await first(new Poller(prometheus(`http://127.0.0.1:${await freePort()}`), clock))).toBe('ECONNREFUSED')
    let count = 0
    const url = await serve((_, response) => response.writeHead(++count > 1 ? 200 : 503).end(fixture('vernemq.prom')))
    const poller = new Poller(prometheus(url), clock)
    onTestFinished(() => poller.end())
    const said: unknown[] = []
    poller.begin({ onReading: (_, values) => said.push(values.connections), onFailure: (words) => said.push(words) })
    await vi.waitFor(() => expect(said).toEqual(['HTTP 503', 1000]), 3000)
  })

  test('that hangs is given up when that is wanted, also within its answer', async () => {
    const texts = ['', 'x 1\n']
    for (const text of texts) {
      const late = new AbortController()
      const url = await serve((_, response) => {
        if (text !== '') response.write(text)
        setTimeout(() => late.abort(new Error('no answer within 5 s')), 20)
      })
      await expect(prometheus(url).read(late.signal)).rejects.toThrow('no answer within 5 s')
    }
  })

  test('that leads elsewhere is not followed, and that is said', async () => {
    let visits = 0
    const other = await serve((_, response) => {
      visits++
      response.end(fixture('hivemq.prom'))
    })
    const url = await serve((_, response) => response.writeHead(302, { location: other }).end())
    expect(await first(new Poller(prometheus(url), clock))).toBe('HTTP 302, which leads elsewhere: give that address')
    expect(visits).toBe(0)
  })
})

test('a source that takes a second is read, one that takes five is not; there is one reading at a time', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const takesMs = [1000, 6000, 100]
  let asked = 0
  const read = (signal: AbortSignal) =>
    new Promise<Values>((resolve, reject) => {
      setTimeout(() => resolve({ connections: 1 }), takesMs[asked++])
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  const startMs = Date.now()
  const poller = new Poller({ words: '', isOfMachine: false, read }, () => (Date.now() - startMs) * 1000)
  const said: unknown[] = []
  poller.begin({ onReading: (atUs) => said.push(atUs / 1e6), onFailure: (words) => said.push(words) })
  // The first is of the middle of its second; the next begins with the second one, and the one after that once it is given up.
  await vi.advanceTimersByTimeAsync(8500)
  poller.end()
  expect(said).toEqual([0.5, 'no answer within 5 s', 8.05])
})

test('readings come once a second, in step with a moment, though timers fire a little early', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const startMs = Date.now()
  // Half a millisecond a second behind the timers.
  const slow = () => (Date.now() - startMs) * 999.5
  const poller = new Poller({ words: '', isOfMachine: false, read: () => ({ connections: 1 }) }, slow)
  const times: number[] = []
  poller.begin({ onReading: (atUs) => times.push(atUs), onFailure: () => {} })
  poller.align(400_000)
  await vi.advanceTimersByTimeAsync(10_000)
  poller.end()
  await vi.advanceTimersByTimeAsync(5000)
  expect(times.map((atUs) => Math.round(atUs / 1e5) / 10)).toEqual([0, 0.4, 1.4, 2.4, 3.4, 4.4, 5.4, 6.4, 7.4, 8.4, 9.4])
})

describe('the monitoring of NATS', () => {
  test('is read from /varz and /jsz', async () => {
    const url = await serve(({ url: path }, response) => response.end(fixture(path === '/varz' ? 'nats-varz.json' : 'nats-jsz.json')))
    expect(await first(new Poller(new NatsReader(url), clock))).toMatchObject({ connections: 21, queued: 17 })
  })

  test.each(['{}', '[1]', 'null', 'hello'])('that answers %s is none', async (text) => {
    const words = await first(new Poller(new NatsReader(await answering(text)), clock))
    expect(words).toBe('its answer is not that of a NATS server')
  })
})

describe('a process', () => {
  test('is read from /proc, whatever its name', () => {
    const stat = '77 (a) b (c)) S 1 77 77 0 -1 4194560 100 0 0 0 150 75 0 0 20 0 4 0 987654 1000 200 18446744073709551615'
    expect(processValues(stat, 'Name:\ta\nVmRSS:\t    2048 kB\n')).toEqual({ cpuSeconds: 2.25, memoryBytes: 2 ** 21, began: '987654' })
    expect(() => processValues('nonsense', '')).toThrow('no such process')
  })

  test.runIf(process.platform === 'linux')('of this machine has CPU and memory, and an ended one none', async () => {
    const child = spawn(
      process.execPath,
      ['-e', 'for (const end = Date.now() + 300; Date.now() < end; );process.send("done");setInterval(() => {}, 1000)'],
      {
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      },
    )
    await new Promise((resolve) => child.once('message', resolve))
    const folder = mkdtempSync(join(tmpdir(), 'pid-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'it.pid'), `${child.pid}\n`)
    const readers = [new ProcessReader(child.pid!), new ProcessReader(join(folder, 'it.pid'))]
    for (const reader of readers) {
      const { cpuSeconds, memoryBytes } = reader.read()
      expect(cpuSeconds).toBeGreaterThan(0.1)
      expect(cpuSeconds).toBeLessThan(5)
      const kibibytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' }))
      expect(memoryBytes! / 1024 / kibibytes).toBeCloseTo(1, 1)
    }
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    for (const reader of readers) expect(() => reader.read()).toThrow('no such process')
    writeFileSync(join(folder, 'it.pid'), 'none')
    expect(() => readers[1]!.read()).toThrow('its pid file has no number of a process')
    rmSync(join(folder, 'it.pid'))
    expect(() => readers[1]!.read()).toThrow("its pid file can't be read (ENOENT)")
    // A node that was started again has a new number in its file.
    writeFileSync(join(folder, 'it.pid'), String(process.pid))
    expect(readers[1]!.read().memoryBytes).toBeGreaterThan(0)
  })
})

describe('$SYS', () => {
  /** A broker whose topics the test tells. */
  function broker() {
    let tell: (topic: string, text: string, isRetained: boolean) => void = () => {}
    const it = {
      isOver: false,
      stays: 0,
      ended: false,
      tell: (topic: string, text: string, kept = false) => tell(`$SYS/broker/${topic}`, text, kept),
    }
    const listen: Listen = async (filters, onMessage) => {
      expect(filters).toEqual(FILTERS)
      tell = onMessage
      return {
        get isOver() {
          return it.isOver
        },
        stay: () => it.stays++,
        end: () => {
          it.ended = true
        },
      }
    }
    return { it, listen }
  }

  test('is what was told together, less what we are ourselves', async () => {
    const { it, listen } = broker()
    const source = new SysSource(listen, clock)
    const readings: Values[] = []
    source.begin({ onReading: (_, values) => readings.push(values), onFailure: () => {} })
    await Promise.resolve()
    // What is retained was told before we came: four messages to us.
    it.tell('version', 'mosquitto version 2.0.11', true)
    it.tell('clients/connected', '5', true)
    it.tell('publish/messages/sent', '100', true)
    it.tell('uptime', '10 seconds', true)
    await vi.waitFor(() => expect(readings).toEqual([{ connections: 5, messagesOut: 100 }]))
    expect(source.words).toBe('$SYS (mosquitto)')
    it.tell('clients/connected', '6')
    it.tell('subscriptions/count', String(3 + FILTERS.length))
    it.tell('publish/messages/sent', '106')
    await vi.waitFor(() => expect(readings[1]).toEqual({ connections: 5, subscriptions: 3, messagesOut: 100 }))
    source.end()
    expect(it.ended).toBe(true)
  })

  test('that can’t be had is said, and asked for again', async () => {
    const { it, listen } = broker()
    let count = 0
    const source = new SysSource(async (...args) => (++count === 1 ? 'the node takes nobody now' : listen(...args)), clock)
    onTestFinished(() => source.end())
    const said: unknown[] = []
    source.begin({ onReading: (_, { queued }) => said.push(queued), onFailure: (words) => said.push(words) })
    await vi.waitFor(() => expect(count).toBe(2), 3000)
    await Promise.resolve()
    it.tell('store/messages/count', '60')
    it.tell('retained messages/count', '53')
    await vi.waitFor(() => expect(said).toEqual(['the node takes nobody now', 7]))
  })

  test('of a node that was started again is what that tells, and nothing of what it told before', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { it, listen } = broker()
    const source = new SysSource(listen, () => Date.now() * 1000)
    onTestFinished(() => source.end())
    const readings: Values[] = []
    source.begin({ onReading: (_, values) => readings.push(values), onFailure: () => {} })
    it.tell('clients/connected', '5', true)
    it.tell('store/messages/count', '60', true)
    it.tell('retained messages/count', '53', true)
    await vi.advanceTimersByTimeAsync(500)
    it.isOver = true
    await vi.advanceTimersByTimeAsync(1000)
    it.tell('clients/connected', '1', true)
    await vi.advanceTimersByTimeAsync(500)
    expect(readings).toEqual([{ connections: 5, queued: 7 }, { connections: 1 }])
  })

  test('whose access can’t be had is said, and asked for again', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    let count = 0
    const refuses: Listen = () => {
      count++
      throw new Error('its certificate is gone')
    }
    const source = new SysSource(refuses, () => Date.now() * 1000)
    const said: string[] = []
    source.begin({ onReading: () => {}, onFailure: (words) => said.push(words) })
    await vi.advanceTimersByTimeAsync(2500)
    source.end()
    await vi.advanceTimersByTimeAsync(2500)
    expect([count, said]).toEqual([3, Array(3).fill('its certificate is gone')])
  })

  test('that answers when the run is over is left, and what comes then is not told', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { it, listen } = broker()
    let answer = () => {}
    const late = new Promise<void>((resolve) => {
      answer = resolve
    })
    const said: unknown[] = []
    const listener = { onReading: () => said.push('reading'), onFailure: () => said.push('failure') }
    const good = new SysSource(async (...args) => {
      const listening = await listen(...args)
      await late
      return listening
    }, clock)
    const bad = new SysSource(() => late.then(() => 'the node takes nobody now'), clock)
    for (const source of [good, bad]) {
      source.begin(listener)
      source.end()
    }
    it.tell('clients/connected', '5')
    answer()
    await vi.advanceTimersByTimeAsync(500)
    expect([said, it.ended]).toEqual([[], true])
  })
})
