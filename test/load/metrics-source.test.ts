/**
 * Sources of nodes' figures: as a scenario and a flag have them, what of them is shown, and what is no part of what a run asks.
 */
import { describe, expect, test } from 'vitest'
import { filledSource, parseSource, shownSource } from '../../src/load/metrics-source.ts'
import { loadScenario, NO_OPTIONS, scenarioHash } from '../../src/load/scenario.ts'
import { publicPlan } from '../../src/load/secrets.ts'

const load = (metrics: unknown, brokers: string[] = []) =>
  loadScenario(
    'own.yaml',
    JSON.stringify({ brokers: [{ name: 'a', url: 'mqtt://h', ...(metrics !== undefined && { metrics }) }], groups: { g: {} } }),
    { ...NO_OPTIONS, brokers },
  )
const METRICS = 'http://h:15692/metrics'

describe('a source', () => {
  test.each([
    { given: { prometheus: METRICS }, flag: METRICS, source: { kind: 'prometheus', url: METRICS, as: null, map: null } },
    {
      given: { prometheus: METRICS, as: 'emqx' },
      flag: `emqx:${METRICS}`,
      source: { kind: 'prometheus', url: METRICS, as: 'emqx', map: null },
    },
    { given: { sys: true }, flag: 'sys', source: { kind: 'sys' } },
    { given: { nats: 'http://h:8222' }, flag: 'nats:http://h:8222', source: { kind: 'nats', url: 'http://h:8222' } },
    { given: { pid: 42 }, flag: 'pid:42', source: { kind: 'pid', pid: 42 } },
    { given: { pidFile: '/run/x.pid' }, flag: 'pidFile:/run/x.pid', source: { kind: 'pidFile', path: '/run/x.pid' } },
    {
      given: { prometheus: 'https://${env:WHO}@h/metrics?token=${env:T}' },
      flag: 'https://${env:WHO}@h/metrics?token=${env:T}',
      source: { kind: 'prometheus', url: 'https://${env:WHO}@h/metrics?token=${env:T}', as: null, map: null },
    },
  ])('$flag', ({ given, flag, source }) => {
    expect(load(given).nodes[0]!.metrics).toEqual([source])
    expect(load([given, { sys: true }]).nodes[0]!.metrics).toEqual([source, { kind: 'sys' }])
    expect(parseSource(flag)).toEqual(source)
  })

  test('may have names of its own', () => {
    const map = { connections: 'c{state="up"}', messagesIn: 'm' }
    expect(load({ prometheus: METRICS, map }).nodes[0]!.metrics).toEqual([{ kind: 'prometheus', url: METRICS, as: null, map }])
  })

  test.each([
    { why: 'nothing', given: {}, words: 'exactly one of prometheus, sys, nats, pid, pidFile' },
    { why: 'two', given: { sys: true, pid: 5 }, words: 'has sys and pid' },
    { why: 'no URL', given: { prometheus: 'h:15692' }, words: 'expected a URL' },
    { why: 'another scheme', given: { nats: 'nats://h:4222' }, words: 'expected a URL' },
    { why: 'an unknown broker', given: { prometheus: METRICS, as: 'emq' }, words: 'emqx' },
    { why: 'both a broker and names', given: { prometheus: METRICS, as: 'emqx', map: { dropped: 'd' } }, words: 'has no meaning with as' },
    { why: 'names without an endpoint', given: { sys: true, map: { dropped: 'd' } }, words: 'needs prometheus' },
    { why: 'a name that is none', given: { prometheus: METRICS, map: { dropped: 'sum(d)' } }, words: 'expected a metric' },
    { why: 'a need that is none', given: { prometheus: METRICS, map: { droped: 'd' } }, words: 'dropped' },
    { why: 'an empty list', given: [], words: 'at least one' },
  ])('with $why is refused', ({ given, words }) => {
    expect(() => load(given)).toThrow(expect.objectContaining({ message: expect.stringContaining(words) }))
  })

  test.each(['', 'pid:', 'pid:x', 'pid:0', 'pidFile:', 'h:15692', 'nats:nats://h', 'kafka:http://h', 'sys:1', 'http://'])(
    '%s is none',
    (flag) => {
      expect(parseSource(flag)).toContain('expected a URL')
    },
  )
})

test('metrics are no part of what a run asks of its brokers', () => {
  expect(scenarioHash(load({ sys: true }))).toBe(scenarioHash(load(undefined)))
  expect(load(undefined).nodes[0]).not.toHaveProperty('metrics')
})

test('where other addresses are given, only $SYS is read there', () => {
  const metrics = [{ prometheus: METRICS }, { sys: true }, { pid: 5 }]
  expect(load(metrics, ['mqtt://other']).nodes[0]!.metrics).toEqual([{ kind: 'sys' }])
  expect(load({ pid: 5 }, ['mqtt://other']).nodes[0]).not.toHaveProperty('metrics')
})

describe('what a URL holds', () => {
  test.each([
    ['http://me:hidden@h/metrics', 'http://***@h/metrics'],
    ['http://hidden@h/metrics', 'http://***@h/metrics'],
    ['http://me:hid@hidden@h:1/metrics', 'http://***@h:1/metrics'],
    ['http://me:hidden@${env:HOST}/metrics', 'http://***@${env:HOST}/metrics'],
    ['http://h/metrics?token=hidden', 'http://h/metrics?***'],
    ['http://${env:WHO}:${file:/a/b}@h/metrics', 'http://${env:WHO}:${file:/a/b}@h/metrics'],
    ['http://me:${env:PW}@h/metrics', 'http://***@h/metrics'],
    ['http://h/metrics', 'http://h/metrics'],
  ])('%s is shown as %s', (url, shown) => {
    expect(shownSource({ kind: 'nats', url })).toEqual({ kind: 'nats', url: shown })
    expect(JSON.stringify(publicPlan(load({ prometheus: url })))).not.toContain('hidden')
  })

  test('is filled in when the run starts, encoded where it is a part', () => {
    const resolve = (reference: string) => (reference === '${env:URL}' ? 'http://h:1' : 'p@s/s')
    expect(filledSource({ kind: 'nats', url: '${env:URL}/metrics' }, resolve)).toEqual({ kind: 'nats', url: 'http://h:1/metrics' })
    const filled = filledSource({ kind: 'nats', url: 'http://me:${env:PW}@h/metrics' }, resolve)
    expect(new URL((filled as { url: string }).url)).toMatchObject({ hostname: 'h', password: 'p%40s%2Fs' })
  })

  test('stands in no message of a wrong scenario', () => {
    expect(() => load({ prometheus: 'ftp://me:hidden@h' })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hidden') }),
    )
  })
})
