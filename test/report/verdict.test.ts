import { describe, expect, test } from 'vitest'
import type { RunResult } from '../../src/report/build.ts'
import type { Report } from '../../src/report/types.ts'
import { judge } from '../../src/report/verdict.ts'
import { fault, faultyReport } from '../helpers/sample-faults.ts'
import { latency, sampleReport } from '../helpers/sample-report.ts'

/** A report of a run that went well. */
function goodReport(changes: Partial<Report> = {}): Report {
  return sampleReport({ status: 'passed', reasons: [], thresholds: [], ...changes })
}

const calm: Pick<RunResult, 'unsentOfOurs' | 'losses' | 'isInterrupted' | 'abort' | 'checks' | 'faultTroubles'> = {
  unsentOfOurs: 0,
  losses: [],
  isInterrupted: false,
  abort: null,
  checks: [],
  faultTroubles: [],
}

function verdictOf(report: Partial<Report>, result: Partial<typeof calm> = {}) {
  const { report: judged, exitCode } = judge(goodReport(report), { ...calm, ...result } as RunResult)
  return { exitCode, status: judged.status, reasons: judged.reasons, suspect: judged.generator.suspect, valid: judged.generator.valid }
}

const clients = { planned: 10, connected: 10, failed: 0, disconnected: 0, reconnected: 0 }
const nobody = { ...clients, connected: 0, failed: 10 }
const broken = { expression: 'deliveries.lost == 0', actual: 12, ok: false }
const withLimit = (text: string) => ({ ...goodReport().plan, thresholds: [text] })
const lag = (us: number) => latency(1000, us, 0.0001)

describe('a verdict', () => {
  test.each([
    { why: 'all is well', report: {}, result: {}, status: 'passed', exitCode: 0 },
    { why: 'a threshold does not hold', report: { thresholds: [broken] }, result: {}, status: 'failed', exitCode: 3 },
    {
      why: 'no planned subscription was granted',
      report: { subscriptions: { planned: 4, granted: 0, refused: 4 } },
      result: {},
      status: 'failed',
      exitCode: 3,
    },
    {
      why: 'one granted is enough',
      report: { subscriptions: { planned: 4, granted: 1, refused: 3 } },
      result: {},
      status: 'passed',
      exitCode: 0,
    },
    { why: 'nobody could connect', report: { clients: nobody }, result: {}, status: 'failed', exitCode: 2 },
    { why: 'a fault never began', report: {}, result: { faultTroubles: ['fault b never began'] }, status: 'failed', exitCode: 3 },
    {
      why: 'a loss comes before a fault',
      report: {},
      result: { losses: ['gone'], faultTroubles: ['fault b never began'] },
      status: 'degraded',
      exitCode: 4,
    },
    { why: 'a worker was lost', report: {}, result: { losses: ['worker 1 of 2 ended early'] }, status: 'degraded', exitCode: 4 },
    {
      why: 'a loss comes before a threshold',
      report: { thresholds: [broken] },
      result: { losses: ['gone'] },
      status: 'degraded',
      exitCode: 4,
    },
    {
      why: 'an interrupt comes before a loss',
      report: { thresholds: [broken] },
      result: { losses: ['gone'], isInterrupted: true },
      status: 'interrupted',
      exitCode: 130,
    },
    {
      why: 'nobody could connect since the user interrupted',
      report: { clients: nobody },
      result: { isInterrupted: true },
      status: 'interrupted',
      exitCode: 130,
    },
    { why: 'a fifth of a percent unsent is fine', report: {}, result: { unsentOfOurs: 600 }, status: 'passed', exitCode: 0 },
    { why: 'one percent unsent is not', report: {}, result: { unsentOfOurs: 3100 }, status: 'invalid', exitCode: 4 },
    {
      why: 'a check of the controller fails',
      report: {},
      result: { checks: [{ name: 'ledger', ok: false, level: 'invalid' as const, value: 1, limit: 0, words: 'w' }] },
      status: 'invalid',
      exitCode: 4,
    },
  ])('$why: $status, exit $exitCode', ({ report, result, status, exitCode }) => {
    expect(verdictOf(report, result)).toMatchObject({ status, exitCode })
  })

  test.each([
    {
      why: '6 ms against a limit of 50 ms: over a tenth of it and over 5 ms',
      us: 6000,
      limit: 'endToEnd.p99 < 50ms',
      expected: { status: 'invalid', exitCode: 4 },
    },
    {
      why: '4 ms against a limit of 10 ms: over a tenth of it, but below 5 ms',
      us: 4000,
      limit: 'endToEnd.p99 < 10ms',
      expected: { status: 'passed', suspect: false },
    },
    {
      why: '6 ms against a limit of 100 ms: below a tenth of it',
      us: 6000,
      limit: 'ack.p99 < 100ms',
      expected: { status: 'passed', suspect: false },
    },
    {
      why: '6 ms without a latency limit is a note',
      us: 6000,
      limit: 'clients.failed == 0',
      expected: { status: 'passed', suspect: true, valid: true },
    },
    {
      why: 'a lower limit is none',
      us: 6000,
      limit: 'endToEnd.p50 > 1ms',
      expected: { status: 'passed', suspect: true },
    },
    {
      why: 'a limit on connects says nothing of messages',
      us: 6000,
      limit: 'connect.p99 < 10ms',
      expected: { status: 'passed', suspect: true },
    },
  ])('send lag p99 of $why', ({ us, limit, expected }) => {
    expect(verdictOf({ sendLagUs: lag(us), plan: withLimit(limit) })).toMatchObject(expected)
  })

  test('the reason that nobody could connect names what most attempts ended with', () => {
    const { reasons } = verdictOf({ clients: nobody, errors: { ECONNREFUSED: 7 }, reasonCodes: { CONNACK: { '0x05': 3 } } })
    expect(reasons).toEqual(['nobody could connect: ECONNREFUSED (7 times)'])
  })

  test('what became of the faults comes before the thresholds, and is nothing to speak of where nobody could connect', () => {
    const faultTroubles = ['fault b never began']
    const held = 'deliveries.lost == 0 does not hold: 12'
    expect(verdictOf({ thresholds: [broken] }, { faultTroubles }).reasons).toEqual([...faultTroubles, held])
    expect(verdictOf({ clients: nobody }, { faultTroubles }).reasons).toEqual([expect.stringContaining('nobody could connect')])
  })

  test('a busy worker makes a run suspect and changes nothing else', () => {
    const { generator } = goodReport()
    expect(verdictOf({ generator: { ...generator, busy: 0.86 } })).toMatchObject({ exitCode: 0, suspect: true })
    expect(verdictOf({ generator: { ...generator, busy: 0.85 } })).toMatchObject({ exitCode: 0, suspect: false })
  })

  const ok = { status: 'ok', ratePerSec: 10, count: 300 } as const
  test.each([
    { why: 'the same p99', fleet: 2000, sentinel: { ...ok, p50Us: 900, p99Us: 2000 }, suspect: false },
    { why: 'over twice its p99, but not 5 ms above', fleet: 6500, sentinel: { ...ok, p50Us: 900, p99Us: 2000 }, suspect: false },
    { why: '5 ms above its p99, but not over twice', fleet: 19_000, sentinel: { ...ok, p50Us: 900, p99Us: 10_000 }, suspect: false },
    { why: 'over twice and 5 ms above its p99', fleet: 7500, sentinel: { ...ok, p50Us: 900, p99Us: 2000 }, suspect: true },
    { why: 'too few samples of it', fleet: 7500, sentinel: { ...ok, count: 299, p50Us: 900, p99Us: 2000 }, suspect: false },
    { why: 'its own messages lost', fleet: 7500, sentinel: { ...ok, p50Us: 900, p99Us: null }, suspect: false },
    {
      why: 'nothing back',
      fleet: 7500,
      sentinel: { ...ok, status: 'unavailable', count: 0, p50Us: null, p99Us: null } as const,
      suspect: false,
    },
    { why: 'none', fleet: 7500, sentinel: null, suspect: false },
  ])('with a sentinel, and $why', ({ fleet, sentinel, suspect }) => {
    const generator = { ...goodReport().generator, sentinel }
    expect(verdictOf({ generator, endToEndUs: lag(fleet) })).toMatchObject({ exitCode: 0, status: 'passed', suspect })
  })

  test.each([
    { why: 'calm before the fault', before: 2500, suspect: false },
    { why: 'already far above it before the fault', before: 9000, suspect: true },
  ])('where a fault has made the fleet slow, which was $why', ({ before, suspect }) => {
    const generator = { ...goodReport().generator, sentinel: { ...ok, p50Us: 900, p99Us: 2000 } }
    const window = { ...Object.values(faultyReport().windows)[0]!, endToEndUs: lag(before) }
    const faults = { later: fault({ startS: 20 }), out: fault({ startS: 10 }) }
    const windows = { 'out-before': window, 'later-before': { ...window, endToEndUs: lag(900_000) } }
    expect(verdictOf({ generator, endToEndUs: lag(900_000), faults, windows })).toMatchObject({ suspect })
  })

  test('deliveries that never came are no reason to suspect the generator', () => {
    const generator = { ...goodReport().generator, sentinel: { ...ok, p50Us: 900, p99Us: 2000 } }
    expect(verdictOf({ generator, endToEndUs: latency(1000, 900, 0.1, 500) })).toMatchObject({ suspect: false })
  })
})
