import type { NatsConnection } from '@nats-io/transport-node'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Muster, type MusterOptions } from '../../src/control/muster.ts'
import { encode } from '../../src/control/parcel.ts'
import { type Hello, PROTOCOL } from '../../src/control/protocol.ts'
import type { Runs } from '../../src/control/runs.ts'
import { Interrupted } from '../../src/errors.ts'
import { hostFacts } from '../../src/report/host.ts'
import { samplePlan } from '../load/sample-plan.ts'

/** Without a server: the test says what becomes of calls and of the bucket. */
function musterWith(connection: Partial<NatsConnection>, runs: Partial<Runs> = {}, isLast = true) {
  const said: string[] = []
  const options: MusterOptions = {
    control: { url: 'nats://nowhere' },
    agents: 2,
    plan: samplePlan(),
    files: new Map(),
    startedAt: new Date(0),
    isLast,
    workers: null,
    processes: null,
    onWords: (words) => said.push(words),
    waitMs: 2000,
  }
  const inside = Muster as unknown as new (...args: unknown[]) => Muster
  return { muster: new inside(options, connection, { putState: async () => {}, removePlan: async () => {}, ...runs }), said }
}

test('who ends the wait for agents ends it at once', async () => {
  let isClosed = false
  const { muster } = musterWith({
    requestMany: async () => {
      if (isClosed) throw new Error('closed connection')
      await new Promise((resolve) => setTimeout(resolve, 10))
      throw new Error('nobody')
    },
    close: async () => {
      isClosed = true
    },
  })
  const gathered = expect(muster.gather()).rejects.toThrow(Interrupted)
  await muster.end('interrupted')
  await gathered
})

test.each([
  { server: 'refuses', putState: () => Promise.reject(new Error('TIMEOUT')), words: 'TIMEOUT' },
  { server: 'never answers', putState: () => new Promise<never>(() => {}), words: 'no answer within 10 s' },
])('a server that $server at the end stops the reader and closes all the same', async ({ putState, words }) => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const done: string[] = []
  const close = async () => void done.push('closed')
  const { muster, said } = musterWith({ close }, { putState })
  Object.assign(muster, { tellings: { stop: () => done.push('stopped'), end: async () => {} } })
  const ended = muster.end(null)
  await vi.advanceTimersByTimeAsync(11_000)
  await ended
  expect(done).toEqual(['stopped', 'closed'])
  expect(said).toEqual([`the run's stream is still on the server: ${words}`])
})

test.each([
  { isLast: false, once: [false, true], words: 'more runs are to come, and agents serve but one (--once): agent-1' },
  // What comes after they have been found: there is room for the plan nowhere.
  { isLast: true, once: [false, true], words: 'full' },
  { isLast: false, once: [true, false, false], words: 'full' },
])('agents that serve one run, $once, are taken for the last of a series only: $isLast', async ({ isLast, once, words }) => {
  const hellos = once.map((once, i): Hello => {
    const id = `agent-${i}`
    return { protocol: PROTOCOL, id, instance: id, host: hostFacts(), maxClients: null, allowed: [], domain: '', run: null, once }
  })
  const requestMany = async () =>
    (async function* () {
      for (const hello of hellos) yield { data: encode(hello) }
    })()
  const putPlan = () => Promise.reject(new Error('full'))
  const { muster } = musterWith({ requestMany, close: async () => {} } as unknown as Partial<NatsConnection>, { putPlan }, isLast)
  await expect(muster.gather()).rejects.toThrow(words)
})
