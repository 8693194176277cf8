import { describe, expect, test } from 'vitest'
import { cellKey } from '../../src/load/group.ts'
import type { FaultPlan, Plan } from '../../src/load/plan.ts'
import { metricProblem } from '../../src/load/threshold.ts'
import { buildReport, type RunResult } from '../../src/report/build.ts'
import { lookUp } from '../../src/report/threshold.ts'
import type { FaultFacts } from '../../src/report/types.ts'
import { windowsOf } from '../../src/report/windows.ts'
import { type CellKind, Cells, type Counter, type Latency, Metrics } from '../../src/stats/metrics.ts'
import { Seconds, secondKey } from '../../src/stats/seconds.ts'
import { sampleReport } from '../helpers/sample-report.ts'

/** Measure begins 30 s after the run and lasts 10 s; a fault begins 3.5 s into it and is over 6.2 s into it: its window is second 3 to 6. */
const START_US = 30_000_000
const END_US = START_US + 10_000_000
const FAULT: FaultPlan = { name: 'dies', index: 0, trigger: { kind: 'at', atUs: 3_500_000 }, exec: './kill b', drop: null }
const NEVER: FaultPlan = { name: 'next', index: 1, trigger: { kind: 'at', atUs: 9_000_000 }, exec: null, drop: null }
const FACTS: FaultFacts = {
  startUs: START_US + 3_500_000,
  endUs: START_US + 3_620_000,
  detectedUs: START_US + 3_700_400,
  restoredUs: START_US + 5_000_000,
  recoveredUs: START_US + 5_200_000,
  struck: 2,
  exec: { command: './kill b', exitCode: 0, signal: null, lengthS: 0.12, output: '' },
  connectedByNode: [9, 1],
}
const UNBEGUN: FaultFacts = {
  startUs: null,
  endUs: null,
  detectedUs: null,
  restoredUs: null,
  recoveredUs: null,
  struck: 0,
  exec: null,
  connectedByNode: [],
}

interface Told<K extends CellKind> {
  readonly kind: K
  readonly key: number
  readonly counts?: Partial<Record<Counter<K>, number>>
  readonly latencies?: Partial<Record<Latency<K>, readonly number[]>>
}

function clients(second: number, counts: Told<'clients'>['counts'] = {}, latencies: Told<'clients'>['latencies'] = {}): Told<'clients'> {
  return { kind: 'clients', key: secondKey.client(second), counts, latencies }
}

function deliveries(
  second: number,
  counts: Told<'deliveries'>['counts'],
  endToEnd: readonly number[] = [],
  isPersistent = false,
  qos = 0,
): Told<'deliveries'> {
  return { kind: 'deliveries', key: secondKey.delivery(second, isPersistent, qos), counts: counts ?? {}, latencies: { endToEnd } }
}

function tell<K extends CellKind>(cells: Cells<K>, { key, counts = {}, latencies = {} }: Told<K>): void {
  const cell = cells.at(key)
  for (const [name, count] of Object.entries(counts)) cell.counts[name as Counter<K>] += count as number
  for (const [name, values] of Object.entries(latencies)) for (const us of values as number[]) cell.record(name as Latency<K>, us)
}

/** As two workers would tell it, in turns. */
function secondsOf(told: readonly Told<CellKind>[]): Seconds {
  const seconds = new Seconds()
  for (const worker of [0, 1]) {
    const metrics = new Metrics()
    told.forEach((one, i) => {
      if (i % 2 === worker) tell(metrics[`${one.kind}BySecond`] as Cells<CellKind>, one)
    })
    seconds.add(metrics.take())
  }
  return seconds
}

type Owed = readonly [isPersistent: boolean, qos: number, counts: Partial<Record<Counter<'deliveries'>, number>>]

function piece(fromS: number, toS: number, owed: readonly Owed[]): RunResult['pieces'][number] {
  const cells = new Cells('deliveries')
  for (const [isPersistent, qos, counts] of owed)
    tell(cells, { kind: 'deliveries', key: cellKey.delivery(1, 0, qos, isPersistent), counts })
  return { startUs: START_US + fromS * 1e6, endUs: START_US + toS * 1e6, deliveries: cells }
}

function report(told: readonly Told<CellKind>[], result: Partial<RunResult> = {}, changes: Partial<Plan> = {}) {
  const sample = sampleReport()
  const plan = { ...sample.plan, clients: 10, faults: [FAULT, NEVER], thresholds: [], ...changes }
  const faults = result.faults ?? [FACTS, UNBEGUN]
  return buildReport({
    plan,
    run: sample.run,
    metrics: new Metrics(),
    unverified: 0,
    timeline: [],
    generator: sample.generator,
    unsentOfOurs: 0,
    losses: [],
    isInterrupted: false,
    abort: null,
    brokers: null,
    checks: [],
    faults,
    faultTroubles: [],
    seconds: secondsOf(told),
    measureStartUs: START_US,
    windows: windowsOf(plan, faults, START_US, END_US),
    pieces: [],
    wills: null,
    shares: [],
    drops: null,
    watched: null,
    retained: null,
    ...result,
  }).report
}

describe('a window', () => {
  test('is the seconds that lie in it, to the last one', () => {
    const told = Array.from({ length: 12 }, (_, second) => clients(second, { disconnected: 10 ** second }))
    const { windows } = report(told)
    expect(Object.entries(windows).map(([name, { startS, lengthS, clients: c }]) => [name, startS, lengthS, c.disconnected])).toEqual([
      ['dies-before', 30, 3, 111],
      ['dies-during', 33, 4, 1_111_000],
      ['dies-after', 37, 3, 1_110_000_000],
    ])
  })

  test('has the second in which measure ended early', () => {
    const windows = [{ name: 'cut', startUs: START_US, endUs: START_US + 1_400_000 }]
    const told = [clients(0, { disconnected: 1 }), clients(1, { disconnected: 10 }), clients(2, { disconnected: 100 })]
    expect(report(told, { windows }).windows.cut).toMatchObject({ lengthS: 1.4, clients: { disconnected: 11 } })
  })

  test('has what was owed from the pieces, what arrived from the seconds, and what never came as infinitely late', () => {
    const told = [
      deliveries(3, { arrived: 3, duplicated: 1, excused: 1 }, [1000, 2000]),
      deliveries(6, { arrived: 1, reordered: 1, unexpected: 1 }, [3000], true, 1),
      deliveries(7, { arrived: 50 }, [9_000_000]),
    ]
    const pieces = [
      piece(0, 3, [[false, 0, { owed: 100, received: 100 }]]),
      piece(3, 5, [[false, 0, { owed: 4, received: 2, lost: 2, excused: 3 }]]),
      piece(5, 7, [[true, 1, { owed: 2, received: 1, lost: 1, dropped: 4 }]]),
      piece(7, 10, [[false, 0, { owed: 1000, received: 1000 }]]),
    ]
    const { deliveries: counts, endToEndUs } = report(told, { pieces }).windows['dies-during']!
    expect(counts).toEqual({ owed: 6, received: 3, lost: 3, excused: 4, duplicated: 1, reordered: 1, unexpected: 1, unverified: 0 })
    expect(endToEndUs).toMatchObject({ count: 10, min: 1000, p50: null, max: null, mean: 2000 })
  })

  test('has publishes by their second, of all QoS', () => {
    const publish = (second: number, qos: number, sent: number, ack: readonly number[]): Told<'publishes'> => {
      const counts = { sent, ackWanted: 2, acked: ack.length }
      return { kind: 'publishes', key: secondKey.publish(second, qos), counts, latencies: { ack } }
    }
    const told = [publish(2, 1, 100, [1]), publish(3, 1, 5, [10, 20]), publish(4, 2, 7, [30]), publish(7, 1, 100, [1])]
    const { publishes, ackUs } = report(told).windows['dies-during']!
    expect(publishes).toEqual({ planned: 12, sent: 12, acked: 3, refused: 0, dropped: 0 })
    expect(ackUs).toMatchObject({ count: 4, p50: 20, max: null })
  })

  test('has reconnects of connections that were lost in it', () => {
    const told = [clients(3, { disconnected: 3, reconnected: 2 }, { reconnect: [100, 400] })]
    const { clients: counts, reconnectUs } = report(told).windows['dies-during']!
    expect(counts).toEqual({ disconnected: 3, reconnected: 2 })
    expect(reconnectUs).toMatchObject({ count: 3, p50: 400, p99: null })
  })
})

describe('a fault', () => {
  const figures = (told: readonly Told<CellKind>[], result: Partial<RunResult> = {}, changes: Partial<Plan> = {}) =>
    report(told, result, changes).faults.dies!

  test('has its moments in seconds from its start', () => {
    const { startS, ended, detect, restored, recover, struck, exec, clientsPerNode } = figures([])
    expect({ startS, ended, detect, restored, recover }).toEqual({ startS: 33.5, ended: 0.12, detect: 0.2, restored: 1.5, recover: 1.7 })
    expect({ struck, exec, clientsPerNode }).toEqual({ struck: 2, exec: FACTS.exec, clientsPerNode: { a: 9, b: 1 } })
  })

  test('that never began has nothing', () => {
    const told = [clients(9, { disconnected: 9, attempts: 9, downUs: 9 }), deliveries(9, { arrived: 9, duplicated: 9 }, [1])]
    const wills = { all: { fired: 1, missing: 0, false: 0 }, ended: [{ atUs: START_US + 9_500_000, outcome: 'fired' as const }] }
    const {
      startS,
      disconnected,
      reconnect,
      attemptsPerClient,
      duplicated,
      wills: w,
      unavailability,
    } = report(told, { wills }).faults.next!
    expect({ startS, disconnected, attemptsPerClient, duplicated, w, unavailability }).toEqual({
      startS: null,
      disconnected: 0,
      attemptsPerClient: 0,
      duplicated: 0,
      w: { fired: 0, missing: 0, false: 0 },
      unavailability: { clients: 0, messages: null, limitUs: 1_000_000 },
    })
    expect(reconnect).toEqual({ count: 0, p50: null, p99: null, max: null })
  })

  test('that was not recovered lasts to the end of measure', () => {
    const told = [clients(2, { disconnected: 1 }), clients(3, { disconnected: 10 }), clients(9, { disconnected: 100 })]
    expect(figures(told, { faults: [{ ...FACTS, recoveredUs: null }, UNBEGUN] })).toMatchObject({ recover: null, disconnected: 110 })
  })

  test('has who lost a connection, how long until it was back, and until messages were', () => {
    const told = [
      clients(3, { disconnected: 2, interrupted: 2 }, { reconnect: [1_000_000, 2_000_000], resume: [1_500_000] }),
      clients(4, { disconnected: 2, interrupted: 0 }, { reconnect: [3_000_000] }),
      clients(8, { disconnected: 5, interrupted: 5 }, { reconnect: [9_000_000], resume: [9_000_000] }),
    ]
    const { disconnected, reconnect, resume } = figures(told)
    expect(disconnected).toBe(4)
    // A histogram's bucket is as late as its last value, to the millisecond.
    expect(reconnect).toEqual({ count: 4, p50: 2.001, p99: null, max: null })
    expect(resume).toEqual({ count: 2, p50: 1.5, p99: null, max: null })
  })

  test('has the attempts and the peak of the storm, summed over workers', () => {
    const told = [
      clients(2, { attempts: 1000 }, { connack: Array<number>(9).fill(1) }),
      clients(3, { disconnected: 10, attempts: 4 }, { tcp: [100], connack: [1000] }),
      clients(3, { attempts: 5 }, { tcp: [300], connack: [3000, 3000] }),
      clients(6, { attempts: 6 }, { tls: [7], connack: [2000] }),
    ]
    const { attemptsPerClient, peakAttemptsPerSec, peakAcceptedPerSec, tcpUs, tlsUs, connackUs } = figures(told)
    expect({ attemptsPerClient, peakAttemptsPerSec, peakAcceptedPerSec }).toEqual({
      attemptsPerClient: 1.5,
      peakAttemptsPerSec: 9,
      peakAcceptedPerSec: 3,
    })
    expect([tcpUs, tlsUs, connackUs].map(({ count, max }) => [count, max])).toEqual([
      [2, 300],
      [1, 7],
      [4, 3000],
    ])
  })

  test('counts an attempt of a client that churn brings back as its own', () => {
    expect(figures([clients(3, { disconnected: 1, attempts: 6 }, { connack: [1, 1, 1] })]).attemptsPerClient).toBe(2)
  })

  test('has what was lost and duplicated, by session and QoS', () => {
    const told = [
      deliveries(3, { duplicated: 1 }, [], true, 1),
      deliveries(4, { duplicated: 2 }, [], true, 2),
      deliveries(7, { duplicated: 9 }, [], true, 1),
    ]
    const pieces = [
      piece(0, 3, [[true, 1, { owed: 900, lost: 900 }]]),
      piece(3, 7, [
        [true, 1, { owed: 10, received: 7, lost: 3 }],
        [false, 0, { owed: 5, received: 1, lost: 4 }],
      ]),
    ]
    const { owed, lost, duplicated, bySession } = figures(told, { pieces })
    expect({ owed, lost, duplicated }).toEqual({ owed: 15, lost: 7, duplicated: 3 })
    expect(bySession).toEqual({
      clean: { 0: { owed: 5, lost: 4, duplicated: 0 } },
      persistent: { 1: { owed: 10, lost: 3, duplicated: 1 }, 2: { owed: 0, lost: 0, duplicated: 2 } },
    })
  })

  test('has what became of sessions, and of wills by when their connection ended', () => {
    const told = [clients(3, { resumed: 4, forgotten: 3, takenOver: 2, doubled: 1 }), clients(8, { resumed: 90 })]
    const at = (s: number, outcome: 'fired' | 'missing' | 'false') => ({ atUs: START_US + s * 1e6, outcome })
    const ended = [at(2.9, 'fired'), at(3, 'fired'), at(5, 'fired'), at(6.9, 'missing'), at(6.9, 'false'), at(7, 'false')]
    const all = { fired: 3, missing: 1, false: 2 }
    const result = report(told, { wills: { all, ended } })
    expect(result.faults.dies).toMatchObject({
      sessionsResumed: 4,
      sessionsForgotten: 3,
      takeovers: { count: 2, doubled: 1 },
      wills: { fired: 2, missing: 1, false: 1 },
    })
    expect(result.wills).toEqual(all)
  })

  test.each([
    { why: 'half of ten clients for its four seconds', downUs: 20_000_000, share: 0.5 },
    { why: 'a connection that came back long after it', downUs: 90_000_000, share: 1 },
  ])('was unavailable to clients: $why', ({ downUs, share }) => {
    expect(figures([clients(3, { downUs }), clients(7, { downUs: 1e9 })]).unavailability.clients).toBe(share)
  })

  const second = 1_000_000
  test.each([
    { why: 'what was lost', endToEnd: [1, 1, 1], counts: { owed: 4, received: 3, lost: 1 }, thresholds: [], messages: 1 / 4 },
    {
      why: 'what came later than 1 s',
      endToEnd: [1, 2 * second],
      counts: { owed: 4, received: 2, lost: 2 },
      thresholds: [],
      messages: 3 / 4,
    },
    {
      why: 'what came later than the tightest threshold',
      endToEnd: [1, 60_000, 80_000, 120_000],
      counts: { owed: 4, received: 4 },
      thresholds: ['endToEnd.max < 200ms', 'groups.dashboards.endToEnd.p99 <= 100ms', 'ack.p99 < 1ms', 'endToEnd.p99 > 1ms'],
      messages: 1 / 4,
    },
    {
      why: 'not what is slower than a threshold on the median',
      endToEnd: [1, 60_000],
      counts: { owed: 2, received: 2 },
      thresholds: ['endToEnd.p50 < 1ms'],
      messages: 0,
    },
    { why: 'what was dropped unsent', endToEnd: [1], counts: { owed: 1, received: 1, dropped: 3 }, thresholds: [], messages: 3 / 4 },
    {
      why: 'late ones that were excused later',
      endToEnd: [2 * second, 2 * second],
      counts: { owed: 2, received: 1, lost: 1 },
      thresholds: [],
      messages: 1,
    },
    { why: 'nothing, of nothing', endToEnd: [], counts: {}, thresholds: [], messages: null },
  ])('was unavailable to messages: $why', ({ endToEnd, counts, thresholds, messages }) => {
    const pieces = [piece(3, 7, [[false, 0, counts]])]
    const told = [deliveries(3, { arrived: endToEnd.length }, endToEnd)]
    expect(figures(told, { pieces }, { thresholds }).unavailability.messages).toBe(messages)
  })
})

describe('sessions and offline queues', () => {
  test('are of the whole run, its groups and its nodes', () => {
    const metrics = new Metrics()
    const counts = { resumed: 5, forgotten: 4, takenOver: 2, doubled: 1, queued: 300 }
    tell(metrics.clients, { kind: 'clients', key: cellKey.client(0, 1), counts, latencies: { unqueue: [500_000, 1_000_000] } })
    tell(metrics.clients, { kind: 'clients', key: cellKey.client(1, 0), counts: { resumed: 10 } })
    const { sessions, offline, unqueueUs, groups, nodes } = report([], { metrics })
    const others = { forgotten: 4, takenOver: 2, doubled: 1 }
    expect(sessions).toEqual({ resumed: 15, ...others })
    expect(offline).toEqual({ queued: 300, perSec: 200 })
    expect(unqueueUs).toMatchObject({ count: 2, p50: 500_223, max: 1_000_000 })
    expect([groups.sensors!.sessions, nodes.b!.sessions]).toEqual(Array(2).fill({ resumed: 5, ...others }))
    expect([groups.dashboards!.sessions!.resumed, groups.dashboards!.offline]).toEqual([10, { queued: 0, perSec: null }])
  })
})

test('every metric that a scenario may have of a window or a fault is in its report', () => {
  const names = ['windows.dies-during', 'windows.dies-before', 'faults.dies', 'faults.next']
  const sections =
    'clients subscriptions publishes deliveries sessions offline wills bytes endToEnd ack connect reconnect resume subscribe sendLag blocked connectLag roundTrip unqueue takeovers unavailability tcp tls connack bySession.clean.0 bySession.persistent.1'
  const figures =
    'planned connected failed disconnected reconnected granted refused sent acked dropped owed received lost excused duplicated reordered unexpected resumed forgotten takenOver doubled queued perSec fired missing false p50 p99 p999 min max mean count lossRatio sentRatio clients messages'
  const own =
    'detect restored recover ended attemptsPerClient peakAttemptsPerSec peakAcceptedPerSec lost duplicated owed struck disconnected sessionsResumed sessionsForgotten'
  const all = [...sections.split(' ').flatMap((section) => figures.split(' ').map((figure) => `${section}.${figure}`)), ...own.split(' ')]
  const result = report([])
  const known = names
    .flatMap((name) => all.map((figure) => `${name}.${figure}`))
    .filter((metric) => metricProblem(metric, result.plan) === null)
  expect(known.length).toBeGreaterThan(200)
  for (const metric of known) expect(() => lookUp(result, metric), metric).not.toThrow()
})
