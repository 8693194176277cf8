/**
 * What a run adds to the watch of its nodes: URLs with what their references stand for, and who listens to `$SYS`.
 */
import { createServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { EnvironmentError } from '../../src/errors.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { guestOf } from '../../src/run/guest.ts'
import { equip } from '../../src/run/prepare.ts'
import { Visits } from '../../src/run/visit.ts'
import { subscribed, withMetricsSecrets } from '../../src/run/watching.ts'

const HOST = '10.0.0.1:15692'

function planOf(metrics: object, url = 'mqtt://127.0.0.1') {
  return loadScenario('own.yaml', JSON.stringify({ brokers: [{ name: 'a', url, metrics }], groups: { g: {} } }), NO_OPTIONS)
}

test('a URL that is none once its reference is filled in is an error with the reference, and without what it stands for', async () => {
  vi.stubEnv('HOSTPORT', HOST)
  onTestFinished(() => void vi.unstubAllEnvs())
  const plan = planOf({ prometheus: 'http://me:hidden@${env:HOSTPORT}/metrics' })
  const equipping = equip(plan, { folder: '.', files: new Map(), slice: null, allowed: [], wanted: null, planAt: null })
  const error = await equipping.then(
    () => null,
    (error: unknown) => error as EnvironmentError,
  )
  expect(error).toBeInstanceOf(EnvironmentError)
  expect(error!.message).toBe('node a: with ${env:HOSTPORT} the URL of its metrics is none')
  expect(error!.hint).toContain('for the host alone')
  expect(`${error!.message}${error!.hint}${error!.stack}`).not.toMatch(/hidden|10\.0\.0\.1/)
})

test.each([
  { written: '${env:IT}/metrics', it: `http://${HOST}`, filled: `http://${HOST}/metrics` },
  { written: 'http://${env:IT}:15692/metrics', it: '10.0.0.1', filled: 'http://10.0.0.1:15692/metrics' },
  { written: 'http://${env:IT}:15692/metrics', it: 'a b', filled: null },
  { written: '${env:IT}', it: 'ftp://h/metrics', filled: null },
  { written: '${env:IT}', it: '', filled: null },
])('$written, where that is “$it”', ({ written, it, filled }) => {
  vi.stubEnv('IT', it)
  onTestFinished(() => void vi.unstubAllEnvs())
  const [node] = planOf({ nats: written }).nodes
  if (filled === null) expect(() => withMetricsSecrets(node!, '.')).toThrow(EnvironmentError)
  else expect(withMetricsSecrets(node!, '.').metrics).toEqual([{ kind: 'nats', url: filled }])
})

/** A visit whose requests are answered with these codes; undefined: not at all. */
function visitOf(codes: readonly (number | null | undefined)[]) {
  const [waiting, calls]: [((code: null) => void)[], string[]] = [[], []]
  let asked = 0
  return {
    calls,
    visit: {
      request: () =>
        new Promise<number | null>((resolve) => {
          const code = codes[asked++]
          if (code === undefined) waiting.push(resolve)
          else resolve(code)
        }),
      fail: () => {
        calls.push('fail')
        for (const answer of waiting) answer(null)
      },
      end: () => void calls.push('end'),
    },
  }
}

test.each([
  { why: 'all are granted', codes: [0, 1], words: null, calls: [] },
  { why: 'one is not', codes: [0, 0x87], words: 'its $SYS topics may not be subscribed to', calls: ['end'] },
  { why: 'the connection ends before', codes: [0, null], words: 'the connection ended before its SUBACK', calls: ['end'] },
  { why: 'none is answered', codes: [0, undefined], words: 'no SUBACK in time', calls: ['fail', 'end'] },
])('who subscribes to $SYS, where $why', async ({ codes, words, calls }) => {
  const { visit, calls: made } = visitOf(codes)
  expect(await subscribed(visit, ['a', 'b'], 20)).toBe(words)
  expect(made).toEqual(calls)
})

test('a visit that waits for its welcome when all are ended is answered, and nothing comes of it later', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  onTestFinished(() => void server.close())
  const plan = planOf({ sys: true })
  const endpoint = { scheme: 'tcp', address: '127.0.0.1', family: 4, port, hostname: '127.0.0.1' } as const
  const guest = guestOf({ plan, endpoints: [[endpoint]], sourceAddresses: [[]], run: 'r' }, 0, '.')
  const visits = new Visits()
  const answer = visits.open(guest, { level: guest.level, sessionExpiryS: 0, timeoutMs: 5000, clientId: null })
  await new Promise((resolve) => server.once('connection', resolve))
  visits.dispose()
  expect(await answer).toEqual({ refusal: 'the visit was ended' })
})
