/**
 * What a connection and a message cost, when that is not known, and whether the broker counts as we do: by nodes whose answers are known.
 */
import { describe, expect, test } from 'vitest'
import { type Aside, FLAT_DRIFT, joined, type Watched } from '../../src/report/node-metrics.ts'
import { metricsNotes, metricsTable } from '../../src/report/node-metrics-view.ts'
import type { GaugeFigures, NodeFigures } from '../../src/report/types.ts'
import { viewOf } from '../../src/report/view.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const gauge = (before: number | null, mean: number, slopePerSec = 0): GaugeFigures => ({
  before,
  mean,
  peak: mean,
  last: mean,
  slopePerSec,
})
const DELIVERIES = { owed: 0, lost: 0, excused: 0, duplicated: 0, reordered: 0, unexpected: 0, unverified: 0, received: 20_000 }
const FIGURES: NodeFigures = { publishes: { planned: 1000, sent: 1000, acked: 0, refused: 0, dropped: 0 }, deliveries: DELIVERIES }
const NOTHING: Aside = { sent: 0, received: 0 }
const TOLD: Watched = {
  source: 'process + $SYS (mosquitto)',
  readings: 60,
  connections: gauge(2, 1002),
  subscriptions: gauge(1, 41),
  queued: null,
  memoryBytes: gauge(10e6, 14e6),
  cpuCores: gauge(0.02, 0.44),
  messagesIn: { count: 1000, perSec: 100, everyS: 1 },
  messagesOut: { count: 20_000, perSec: 2000, everyS: 1 },
  dropped: null,
  overTime: null,
  connected: 1000,
  cpuUsedS: 4.2,
  lengthS: 10,
}

test('a connection costs what memory has grown for each, a message the CPU above idle', () => {
  const { bytesPerConnection, cpuUsPerMessage, reconciliation } = joined(TOLD, FIGURES, NOTHING)
  expect(bytesPerConnection).toBe(4000)
  expect(cpuUsPerMessage).toBeCloseTo(200, 9)
  expect(reconciliation).toEqual({
    connected: { ours: 1000, theirs: 1000 },
    sent: { ours: 1000, theirs: 1000 },
    received: { ours: 20_000, theirs: 20_000 },
  })
  for (const own of ['lengthS', 'connected', 'cpuUsedS', 'isOfMachine']) expect(joined(TOLD, FIGURES, NOTHING)).not.toHaveProperty(own)
  // Who reads the report sees why there is none.
  expect(joined({ ...TOLD, isOfMachine: true }, FIGURES, NOTHING)).toMatchObject({ isOfMachine: true, bytesPerConnection: null })
})

test('where a node does not count, our own counts stand in', () => {
  const told = { ...TOLD, connections: null, messagesIn: null, messagesOut: null, connected: 500 }
  expect(joined(told, FIGURES, NOTHING)).toMatchObject({ bytesPerConnection: 8000, reconciliation: null })
  expect(joined(told, FIGURES, NOTHING).cpuUsPerMessage).toBeCloseTo(200, 9)
})

describe('what a connection costs is not known', () => {
  test.each([
    { why: 'the memory still grows', change: { memoryBytes: gauge(10e6, 14e6, (FLAT_DRIFT * 4e6 * 1.01) / 10) }, known: false },
    { why: 'it grows as little as on a plateau', change: { memoryBytes: gauge(10e6, 14e6, (FLAT_DRIFT * 4e6 * 0.99) / 10) }, known: true },
    { why: 'more messages wait than there are connections', change: { queued: gauge(0, 1001) }, known: false },
    { why: 'as many messages wait', change: { queued: gauge(0, 1000) }, known: true },
    { why: 'there are few', change: { connections: gauge(2, 101) }, known: false },
    { why: 'what was before is not known', change: { memoryBytes: gauge(null, 14e6) }, known: false },
    { why: 'the memory has not grown', change: { memoryBytes: gauge(14e6, 14e6) }, known: false },
    { why: 'the memory is that of the machine', change: { isOfMachine: true as const }, known: false },
  ])('where $why ($known)', ({ change, known }) => {
    expect(joined({ ...TOLD, ...change }, FIGURES, NOTHING).bytesPerConnection !== null).toBe(known)
  })
})

test('both counts stand side by side as far as there are two', () => {
  const only = joined({ ...TOLD, connections: gauge(null, 7), messagesOut: null }, FIGURES, { sent: 5, received: 0 })
  expect(only.reconciliation).toEqual({ connected: null, sent: { ours: 1005, theirs: 1000 }, received: null })
  expect(joined({ ...TOLD, lengthS: 0 }, FIGURES, NOTHING).reconciliation).toBeNull()
})

test('what a message costs is not known without messages, or where nothing was used', () => {
  const silent = { publishes: { ...FIGURES.publishes!, sent: 0 }, deliveries: { ...DELIVERIES, received: 0 } }
  expect(joined(TOLD, silent, { sent: 100, received: 100 }).cpuUsPerMessage).toBeNull()
  // Of less than ten ticks of a clock neither.
  for (const cpuUsedS of [null, 0, -0.1, 0.09]) expect(joined({ ...TOLD, cpuUsedS }, FIGURES, NOTHING).cpuUsPerMessage).toBeNull()
  const none = { count: 0, perSec: 0, everyS: 1 }
  expect(joined({ ...TOLD, messagesIn: none, messagesOut: none }, FIGURES, NOTHING).cpuUsPerMessage).toBeNull()
})

describe('a report', () => {
  const reportWith = (told: Watched, figures: NodeFigures = FIGURES, aside = NOTHING) => {
    const sample = sampleReport()
    return sampleReport({ run: { ...sample.run, durationS: 30 }, nodes: { a: { ...figures, metrics: joined(told, figures, aside) } } })
  }

  test('has a table of what they tell, without columns that nobody tells', () => {
    const { columns, rows } = metricsTable(reportWith(TOLD))
    const cells = Object.fromEntries(columns.map((column, i) => [column, rows[0]!.cells[i]!.text]))
    expect(cells).toEqual({
      connections: '1,002',
      subscriptions: '41',
      in: '100/s',
      out: '2,000/s',
      memory: '13.4 MiB',
      CPU: '44 % of a core',
      'a connection': '3.91 KiB',
      'a message': '200 µs',
      'read from': 'process + $SYS (mosquitto), 60 ×',
    })
    expect(viewOf(sampleReport()).parts.map(({ title }) => title)).not.toContain('Brokers’ own figures')
  })

  test('says nothing where both count alike, the sentinel’s too', () => {
    expect(metricsNotes(reportWith(TOLD))).toEqual([])
    const told = { ...TOLD, messagesIn: { count: 2000, perSec: 200, everyS: 1 } }
    expect(metricsNotes(reportWith(told, FIGURES, { sent: 1000, received: 0 }))).toEqual([])
    expect(metricsNotes(reportWith({ ...TOLD, messagesOut: { count: 18_700, perSec: 1870, everyS: 1 } }))).toEqual([])
  })

  test('takes what goes through between readings of the counter itself for as good as the same', () => {
    const off = { count: 1500, perSec: 100 }
    // Read each 10 s, beside a process that is read a hundred times a second.
    expect(metricsNotes(reportWith({ ...TOLD, readings: 3000, messagesIn: { ...off, everyS: 10 } }))).toEqual([])
    expect(metricsNotes(reportWith({ ...TOLD, readings: 3, messagesIn: { ...off, everyS: 1 } }))).toHaveLength(1)
  })

  test('says where the broker counts something else', () => {
    expect(metricsNotes(reportWith({ ...TOLD, messagesIn: { count: 1200, perSec: 120, everyS: 1 } }))).toEqual([
      'Node a counts 1,200 messages in, we sent 1,000 to it.',
    ])
    expect(metricsNotes(reportWith({ ...TOLD, messagesOut: { count: 15_000, perSec: 1500, everyS: 1 } }))).toEqual([
      'Node a counts 15,000 messages out, we received 20,000 from it.',
    ])
    expect(metricsNotes(reportWith({ ...TOLD, connections: gauge(2, 902) }))).toEqual([
      'Node a counts 900 connections more than before, we have 1,000 to it.',
    ])
    expect(metricsNotes(reportWith({ ...TOLD, messagesOut: null, messagesIn: { count: 1200, perSec: 120, everyS: 1 } }))).toHaveLength(1)
    // What is excused may have come.
    const excusing = { ...FIGURES, deliveries: { ...DELIVERIES, excused: 5000 } }
    expect(metricsNotes(reportWith({ ...TOLD, messagesOut: { count: 24_000, perSec: 2400, everyS: 1 } }, excusing))).toEqual([])
  })

  test('says what could not be read', () => {
    const [note] = metricsNotes(reportWith({ ...TOLD, trouble: 'process: no such process (5 of 30 readings)' }))
    expect(note).toBe('What node a tells of itself could not all be read: process: no such process (5 of 30 readings).')
  })
})
