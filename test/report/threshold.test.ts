import { describe, expect, test } from 'vitest'
import { metricKind, type Operator, parseThreshold, type Threshold, type Wrong } from '../../src/load/threshold.ts'
import { evaluate, formatActual, lookUp } from '../../src/report/threshold.ts'
import type { FaultFigures, Report } from '../../src/report/types.ts'
import { Histogram, summarize } from '../../src/stats/histogram.ts'
import { emptyLatency, latency, sampleReport } from '../helpers/sample-report.ts'

const sample = sampleReport()

function evaluateText(report: Report, text: string) {
  const [metric, op, value] = text.split(' ') as [string, Operator, string]
  return evaluate(report, { metric, op, value: Number(value), text })
}

describe('a threshold', () => {
  test.each([
    { why: 'a latency, in µs', text: 'endToEnd.p50 < 2000', actual: 1840, ok: true },
    { why: 'a count', text: 'deliveries.lost == 0', actual: 12, ok: false },
    { why: 'a bound that is met exactly', text: 'deliveries.lost <= 12', actual: 12, ok: true },
    { why: 'a bound that has to be passed', text: 'deliveries.lost < 12', actual: 12, ok: false },
    { why: 'at least', text: 'clients.connected >= 10040', actual: 10_040, ok: true },
    { why: 'more than', text: 'clients.connected > 10040', actual: 10_040, ok: false },
    { why: 'anything but', text: 'clients.connected != 10040', actual: 10_040, ok: false },
    { why: 'how many latencies there are', text: 'ack.count == 60000', actual: 60_000, ok: true },
    { why: 'the share that is lost', text: 'deliveries.lossRatio < 0.001', actual: 0.00004, ok: true },
    { why: 'the share that was sent', text: 'publishes.sentRatio == 1', actual: 1, ok: true },
    { why: 'bytes', text: 'bytes.sent > 0', actual: 38_400_000, ok: true },
    { why: "a group's", text: 'groups.dashboards.deliveries.owed == 300000', actual: 300_000, ok: true },
    { why: "a node's", text: 'nodes.b.publishes.sent == 150000', actual: 150_000, ok: true },
    { why: "a stream's share", text: 'streams.temperature.deliveries.lossRatio == 0', actual: 0.00004, ok: false },
    { why: 'of one QoS', text: 'qos.1.deliveries.lost == 0', actual: 0, ok: true },
  ])('is about $why: $text', ({ text, actual, ok }) => {
    expect(evaluateText(sample, text)).toEqual({ expression: text, actual, ok })
  })

  test.each([
    { op: '<', ok: false },
    { op: '<=', ok: false },
    { op: '==', ok: false },
    { op: '>', ok: true },
    { op: '>=', ok: true },
    { op: '!=', ok: true },
  ])('on an infinite figure: $op any limit is $ok', ({ op, ok }) => {
    const text = `endToEnd.max ${op} 1000000`
    expect(evaluateText(sample, text)).toEqual({ expression: text, actual: null, ok, note: 'infinite' })
  })

  test.each(['<', '<=', '==', '>', '>=', '!='])('without a single sample does not hold with %s, and says so', (op) => {
    const owedNothing = { ...sample.deliveries, owed: 0, received: 0, lost: 0 }
    const silent = sampleReport({ endToEndUs: emptyLatency(), deliveries: owedNothing })
    for (const metric of ['endToEnd.p99', 'endToEnd.mean', 'deliveries.lossRatio']) {
      const text = `${metric} ${op} 1`
      expect(evaluateText(silent, text)).toEqual({ expression: text, actual: null, ok: false, note: 'no samples' })
    }
  })

  test('on the mean of what never arrived has no sample, though its quantiles are infinite', () => {
    const mute = sampleReport({ endToEndUs: summarize(new Histogram(), 10) })
    expect(evaluateText(mute, 'endToEnd.mean > 0')).toMatchObject({ ok: false, note: 'no samples' })
    expect(evaluateText(mute, 'endToEnd.p50 > 0')).toMatchObject({ ok: true, note: 'infinite' })
  })

  test.each([
    'endToEnd.p98 < 1',
    'endToEndUs.p99 < 1',
    'deliveries.ratio < 1',
    'groups.nobody.ack.p99 < 1',
    'groups.constructor.ack.p99 < 1',
    'groups.sensors.endToEnd.p99 < 1',
    'windows.first.ack.p99 < 1',
    'endToEnd.hdr < 1',
    'generator.valid == 1',
    'clients < 1',
    'x < 1',
  ])('that names no metric of the report is a bug: %s', (text) => {
    expect(() => evaluateText(sample, text)).toThrow('is a metric')
  })
})

describe('where clocks may differ by 300 µs, a threshold', () => {
  const generator = { ...sample.generator, clockBoundUs: 300 }
  const { dashboards } = sample.groups
  const sameClockUs = latency(1000, 700, 0.1)
  const report = sampleReport({ generator, sameClockUs, groups: { dashboards: { ...dashboards!, sameClockUs: latency(500, 600, 0.1) } } })
  const figure = { whole: sample.endToEndUs.p50, same: sameClockUs.p50 }

  test.each([
    { why: 'below ten times that is held against one clock', text: 'endToEnd.p50 < 2999', actual: figure.same, ok: true },
    { why: 'may fail by that', text: 'endToEnd.p50 < 600', actual: figure.same, ok: false },
    { why: 'of a part is held against its own', text: 'groups.dashboards.endToEnd.p50 < 1000', actual: 600, ok: true },
  ])('$why: $text', ({ text, actual, ok }) => {
    const result = evaluateText(report, text)
    expect(result).toEqual({ expression: text, actual: expect.any(Number), ok, note: 'of deliveries with one clock' })
    expect(result.actual! / actual!).toBeCloseTo(1, 2)
  })

  test.each([
    { why: 'of ten times that is held against all', text: 'endToEnd.p50 < 3000', actual: figure.whole },
    { why: 'on what one clock measures is as ever', text: 'ack.p50 < 2000', actual: sample.ackUs.p50 },
    { why: 'on how many there are is about all', text: 'endToEnd.count > 2000', actual: 300_000 },
  ])('$why: $text', ({ text, actual }) => {
    expect(evaluateText(report, text)).toEqual({ expression: text, actual, ok: true })
  })

  test('has no sample where no delivery had one clock, and says so', () => {
    const text = 'endToEnd.p50 < 2500'
    for (const changes of [{}, { sameClockUs: emptyLatency() }]) {
      const result = evaluateText(sampleReport({ generator, ...changes }), text)
      expect(result).toEqual({ expression: text, actual: null, ok: false, note: 'no samples with one clock' })
    }
  })

  test('is infinite where one with one clock never came', () => {
    const text = 'endToEnd.max < 2500'
    const result = evaluateText(sampleReport({ generator, sameClockUs: latency(1000, 700, 0.1, 1) }), text)
    expect(result).toEqual({ expression: text, actual: null, ok: false, note: 'infinite' })
  })

  test('is held against all where all have the run’s clock', () => {
    expect(evaluateText(sampleReport({ sameClockUs }), 'endToEnd.p50 < 1').actual).toBe(figure.whole)
  })
})

/** A report with three faults: one with all figures, one that came to nothing, and one that never began. */
function faultyReport(): Report {
  const spread = (count: number, p50: number | null, p99 = p50) => ({ count, p50, p99, max: p99 })
  const full: FaultFigures = {
    startS: 46.2,
    ended: 12,
    exec: null,
    struck: 31,
    disconnected: 40,
    detect: 0.8,
    restored: 9.25,
    recover: 14,
    reconnect: spread(40, 1.5, null),
    resume: spread(40, 2.25, 8),
    attemptsPerClient: 1.375,
    peakAttemptsPerSec: 900,
    peakAcceptedPerSec: 700,
    tcpUs: latency(40, 150, 0.3),
    tlsUs: emptyLatency(),
    connackUs: latency(40, 2_000, 0.3, 1),
    owed: 5_000,
    lost: 7,
    duplicated: 3,
    bySession: { clean: { 0: { owed: 4_000, lost: 7, duplicated: 0 } }, persistent: {} },
    wills: { fired: 5, missing: 1, false: 0 },
    takeovers: { count: 9, doubled: 2 },
    sessionsResumed: 4,
    sessionsForgotten: 1,
    unavailability: { clients: 0.031, messages: null, limitUs: 1e6 },
    clientsPerNode: { a: 20, b: 20 },
  }
  const futile = { ...full, detect: null, restored: null, recover: null, reconnect: spread(0, null), resume: spread(3, null) }
  const plan = sample.plan
  const trigger = { kind: 'at', atUs: 20e6 } as const
  const faults = ['dies', 'futile', 'never'].map((name, index) => ({ name, index, trigger, exec: 'x', drop: null }))
  const { endToEndUs, deliveries, publishes, ackUs } = sample
  const clients = { disconnected: 40, reconnected: 39 }
  return sampleReport({
    plan: { ...plan, faults, phases: { ...plan.phases, stretches: [{ name: 'calm', lengthUs: 30e6 }] } },
    faults: { dies: full, futile, never: { ...futile, startS: null, ended: null, exec: null } },
    windows: { 'dies-during': { startS: 46, lengthS: 14, clients, publishes, deliveries, endToEndUs, ackUs } },
  })
}

describe('a threshold on a fault or a window', () => {
  const report = faultyReport()

  test.each([
    { text: 'faults.dies.detect < 1000000', actual: 800_000, ok: true },
    { text: 'faults.dies.restored < 9000000', actual: 9_250_000, ok: false },
    { text: 'faults.dies.recover == 14000000', actual: 14_000_000, ok: true },
    { text: 'faults.dies.ended <= 12000000', actual: 12_000_000, ok: true },
    { text: 'faults.dies.reconnect.p50 < 2000000', actual: 1_500_000, ok: true },
    { text: 'faults.dies.reconnect.count == 40', actual: 40, ok: true },
    { text: 'faults.dies.resume.max < 5000000', actual: 8_000_000, ok: false },
    { text: 'faults.dies.attemptsPerClient < 1.5', actual: 1.375, ok: true },
    { text: 'faults.dies.peakAttemptsPerSec < 1000', actual: 900, ok: true },
    { text: 'faults.dies.tcp.count == 40', actual: 40, ok: true },
    { text: 'faults.dies.lost == 0', actual: 7, ok: false },
    { text: 'faults.dies.bySession.clean.0.lost < 8', actual: 7, ok: true },
    { text: 'faults.dies.wills.missing == 0', actual: 1, ok: false },
    { text: 'faults.dies.takeovers.doubled == 0', actual: 2, ok: false },
    { text: 'faults.dies.sessionsForgotten == 1', actual: 1, ok: true },
    { text: 'faults.dies.unavailability.clients < 0.05', actual: 0.031, ok: true },
    { text: 'windows.dies-during.endToEnd.p50 < 2000', actual: 1_840, ok: true },
    { text: 'windows.dies-during.clients.disconnected == 0', actual: 40, ok: false },
    { text: 'windows.dies-during.deliveries.lossRatio < 0.001', actual: 0.00004, ok: true },
  ])('has its figure, in µs where it is a time: $text', ({ text, actual, ok }) => {
    expect(evaluateText(report, text)).toEqual({ expression: text, actual, ok })
  })

  test.each([
    { why: 'a moment that never came', text: 'faults.futile.recover < 60000000' },
    { why: 'nobody noticed', text: 'faults.futile.detect < 60000000' },
    { why: 'a client that never came back', text: 'faults.dies.reconnect.p99 < 60000000' },
    { why: 'three that got nothing', text: 'faults.futile.resume.p50 < 60000000' },
    { why: 'an attempt without CONNACK', text: 'faults.dies.connack.max < 60000000' },
  ])('is infinite where it is about $why', ({ text }) => {
    expect(evaluateText(report, text)).toEqual({ expression: text, actual: null, ok: false, note: 'infinite' })
  })

  test.each([
    { why: 'a fault that never began', text: 'faults.never.recover >= 0' },
    { why: 'its counts', text: 'faults.never.lost == 0' },
    { why: 'nobody who lost a connection', text: 'faults.futile.reconnect.p99 >= 0' },
    { why: 'connections without TLS', text: 'faults.dies.tls.p99 >= 0' },
    { why: 'nothing that was owed', text: 'faults.dies.unavailability.messages < 1' },
    { why: 'sessions that there are not', text: 'faults.dies.bySession.persistent.1.lost == 0' },
    { why: 'the time after a fault that never recovered', text: 'windows.futile-after.endToEnd.p99 >= 0' },
    { why: 'a stretch that was cut off', text: 'windows.calm.deliveries.lost == 0' },
  ])('has no sample where it is about $why', ({ text }) => {
    expect(evaluateText(report, text)).toEqual({ expression: text, actual: null, ok: false, note: 'no samples' })
  })

  test.each([
    ...['clients', 'subscriptions', 'publishes', 'deliveries', 'sessions', 'offline', 'wills', 'bytes', 'endToEnd', 'unqueue'],
    ...['faults.dies.reconnect', 'faults.dies.takeovers', 'faults.dies.unavailability', 'faults.dies.bySession', 'faults.dies.tcp'],
  ])('is there for all that the catalogue knows of %s', (section) => {
    const scope = section.includes('.') ? section.replace(/[^.]+$/, '') : ''
    const { hint } = metricKind(`${section}.${'?'.repeat(40)}`) as Wrong
    const known = hint!.replace('known: ', '').split(', ')
    expect(known.length).toBeGreaterThan(1)
    const whole = { ...report, wills: { fired: 1, missing: 0, false: 0 } }
    for (const metric of known) expect(lookUp(whole, scope + metric)).not.toBeUndefined()
  })

  test.each([
    'faults.nobody.recover < 1',
    'faults.dies.recovr < 1',
    'windows.nobody-after.ack.p99 < 1',
    'windows.dies-during.connect.p99 < 1',
  ])('that names none of the report is a bug: %s', (text) => expect(() => evaluateText(report, text)).toThrow('is a metric'))

  test.each([
    { text: 'faults.dies.recover < 30s', words: '14 s' },
    { text: 'faults.futile.recover < 30s', words: '∞' },
    { text: 'faults.never.recover < 30s', words: 'no samples' },
    { text: 'faults.dies.attemptsPerClient < 2', words: '1.38' },
    { text: 'faults.dies.unavailability.clients < 5%', words: '3.1 %' },
  ])('$text on paper: $words', ({ text, words }) => {
    expect(formatActual(evaluate(report, parseThreshold(text) as Threshold))).toBe(words)
  })
})

describe("a threshold's figure on paper", () => {
  test.each([
    { text: 'endToEnd.p50 < 2000us', words: '1.84 ms' },
    { text: 'endToEnd.max < 2s', words: '∞' },
    { text: 'bytes.sent>1MB', words: '36.6 MiB' },
    { text: 'endToEnd.count > 0', words: '300,000' },
    { text: 'deliveries.lossRatio > 0', words: '< 0.01 %' },
    { text: 'groups.sensors.clients.planned > 0', words: '10,000' },
  ])('$text: $words', ({ text, words }) => {
    const parsed = parseThreshold(text)
    expect(formatActual(evaluate(sample, parsed as Threshold))).toBe(words)
  })

  test('that has no sample says so', () => {
    expect(formatActual(evaluateText(sampleReport({ ackUs: emptyLatency() }), 'ack.p50 < 1'))).toBe('no samples')
  })
})
