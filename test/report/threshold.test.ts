import { describe, expect, test } from 'vitest'
import { type Operator, parseThreshold, type Threshold } from '../../src/load/threshold.ts'
import { evaluate, formatActual } from '../../src/report/threshold.ts'
import type { Report } from '../../src/report/types.ts'
import { Histogram, summarize } from '../../src/stats/histogram.ts'
import { emptyLatency, sampleReport } from '../helpers/sample-report.ts'

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
