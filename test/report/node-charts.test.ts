/**
 * Charts of what nodes told of themselves: on the seconds of the run, in words and in a browser.
 */
import { describe, expect, test } from 'vitest'
import { timeCharts, timeTable, timeWords } from '../../src/report/charts.ts'
import { renderHtml } from '../../src/report/html.ts'
import type { NodeMetrics, NodeOverTime, Report } from '../../src/report/types.ts'
import { formatBytes, formatShare } from '../../src/units.ts'
import { overTime } from '../../src/watch/over-time.ts'
import type { Point } from '../../src/watch/series.ts'
import { hasChromium, hover, legendOf, useBrowser } from '../helpers/browser.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const MIB = 1024 ** 2
const plain = sampleReport()
const [NODE] = Object.keys(plain.nodes)
const SECONDS = plain.timeline.map(({ tS }) => tS)

const UNTOLD = SECONDS.map(() => null)
/** At whole seconds, as `overTime` has them; those of the timeline end a little later. */
const told = (change: Partial<NodeOverTime> = {}): NodeOverTime => ({
  tS: SECONDS.map(Math.floor),
  connections: SECONDS.map((_, i) => 2000 + i),
  queued: SECONDS.map(() => null),
  memoryBytes: SECONDS.map((_, i) => (i + 1) * MIB),
  cpuCores: SECONDS.map((_, i) => (i === 0 ? null : i / 200)),
  subscriptions: UNTOLD,
  messagesInPerSec: UNTOLD,
  messagesOutPerSec: UNTOLD,
  droppedPerSec: UNTOLD,
  ...change,
})

const SILENT: NodeMetrics = {
  source: 'process',
  readings: 60,
  connections: null,
  subscriptions: null,
  queued: null,
  memoryBytes: null,
  cpuCores: null,
  messagesIn: null,
  messagesOut: null,
  dropped: null,
  bytesPerConnection: null,
  cpuUsPerMessage: null,
  overTime: null,
  reconciliation: null,
}

function reportWith(overTimes: Readonly<Record<string, NodeOverTime>>): Report {
  const nodes = Object.entries(overTimes).map(([name, overTime]) => [name, { ...plain.nodes[NODE!], metrics: { ...SILENT, overTime } }])
  return sampleReport({ nodes: Object.fromEntries(nodes) })
}

const chartOf = (report: Report, id: string) => timeCharts(report)!.charts.find((chart) => chart.id === id)

describe('charts of nodes', () => {
  test('are not there where no node tells, nor one of what none of them tells', () => {
    expect(timeCharts(plain)!.charts.filter(({ id }) => id.startsWith('node-'))).toEqual([])
    expect(chartOf(reportWith({ a: told() }), 'node-queued')).toBeUndefined()
  })

  test('have at each second of the run what was told last', () => {
    const report = reportWith({ a: told() })
    const chart = chartOf(report, 'node-memory')!
    expect(chart.lines.map(({ label, values }) => [label, values.slice(0, 3)])).toEqual([['a', [MIB, 2 * MIB, 3 * MIB]]])
    const times = timeCharts(report)!
    expect(timeWords(times, chart)).toContain(`Memory of each broker; a: 1 MiB at 1 s to ${SECONDS.length} MiB at ${SECONDS.at(-1)} s`)
    expect(timeTable(times, chart).columns).toEqual(['phase', 'a, highest'])
  })

  test('have a gap where nothing was told, and what was told of several seconds on all of them', () => {
    const memoryBytes = told().memoryBytes.map((value, i) => (i > 10 && i < 20 ? null : value))
    const gap = chartOf(reportWith({ a: told({ memoryBytes }) }), 'node-memory')!
    expect(gap.lines[0]!.values.slice(9, 22).map((value) => value && value / MIB)).toEqual([
      10,
      11,
      null,
      null,
      null,
      null,
      null,
      null,
      null,
      null,
      null,
      21,
      22,
    ])
    const rows = {
      tS: [6, 9, 12],
      connections: [1, 2, 3],
      queued: [null, 4, null],
      memoryBytes: [1, 2, 3],
      cpuCores: [1, 2, 3],
      subscriptions: [5, 40, 5],
      messagesInPerSec: [0, 1000, 0],
      messagesOutPerSec: [0, 3000, 1],
      droppedPerSec: [0, 7, 0],
    }
    const report = reportWith({ a: rows })
    const first = SECONDS.findIndex((s) => Math.floor(s) === 6)
    const values = (id: string) => chartOf(report, id)!.lines[0]!.values.slice(first - 1, first + 8)
    expect(values('node-connections')).toEqual([null, 1, 2, 2, 2, 3, 3, 3, null])
    expect(values('node-queued')).toEqual([null, null, 4, 4, 4, null, null, null, null])
    expect(['node-subscriptions', 'node-in', 'node-out', 'node-dropped'].map((id) => values(id).slice(1, 6))).toEqual([
      [5, 40, 40, 40, 5],
      [0, 1000, 1000, 1000, 0],
      [0, 3000, 3000, 3000, 1],
      [0, 7, 7, 7, 0],
    ])
  })

  test('have no holes where a source tells each 10 s', () => {
    const points = SECONDS.filter((_, i) => i % 10 === 0).map((s, i): Point => ({ atUs: (s + 0.3) * 1e6, value: i + 1 }))
    const overTimes = overTime({ connections: points, memoryBytes: points, cpuSeconds: points })!
    const report = reportWith({ a: overTimes })
    for (const id of ['node-memory', 'node-connections', 'node-cpu']) {
      const { values } = chartOf(report, id)!.lines[0]!
      const told = values.slice(values.findIndex((value) => value !== null))
      expect([id, told.includes(null)]).toEqual([id, false])
      expect(told.length).toBeGreaterThan(SECONDS.length - 13)
    }
  })

  test('say whose memory it is where it is that of the machine', () => {
    const report = reportWith({ a: told(), b: told() })
    const { a, b } = report.nodes
    const of = { ...report, nodes: { a: a!, b: { ...b, metrics: { ...b!.metrics!, isOfMachine: true as const } } } }
    expect(chartOf(of, 'node-memory')!.lines.map(({ label }) => label)).toEqual(['a', 'b (its machine)'])
    expect(chartOf(of, 'node-connections')!.lines.map(({ label }) => label)).toEqual(['a', 'b'])
  })

  test('with more nodes than can be told apart show those of the highest peaks, and say how many are left out', () => {
    const many = Array.from({ length: 10 }, (_, i) => [`n${i}`, told({ memoryBytes: SECONDS.map(() => (10 - i) * MIB) })] as const)
    const { what, lines } = chartOf(reportWith(Object.fromEntries(many)), 'node-memory')!
    expect(what).toBe('Memory of each broker; 2 nodes with lower peaks are left out')
    expect(lines.map(({ label }) => label)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'])
    expect(new Set(lines.map(({ color, isDashed }) => `${color} ${isDashed}`)).size).toBe(8)
  })
})

describe.skipIf(!hasChromium)('in a browser', () => {
  const open = useBrowser()

  test('they are drawn, with the cursor of all other charts, and say what was told', async () => {
    const { page, faults } = await open(renderHtml(reportWith({ a: told(), b: told({ memoryBytes: SECONDS.map(() => 7 * MIB) }) })))
    const i = 24
    await hover(page, 'latency', i / (SECONDS.length - 1))
    expect(await legendOf(page, 'node-memory')).toEqual({ time: `${SECONDS[i]} s`, a: formatBytes((i + 1) * MIB), b: '7 MiB' })
    expect(await legendOf(page, 'node-cpu')).toMatchObject({ a: formatShare(i / 200) })
    expect(await page.locator('#brokers').textContent()).toBe('Brokers over time')
    expect(faults).toEqual([])
    await page.close()
  })
})
