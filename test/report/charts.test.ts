import { describe, expect, test } from 'vitest'
import { timeCharts, timeTable, timeWords } from '../../src/report/charts.ts'
import type { Report } from '../../src/report/types.ts'
import { faultyReport } from '../helpers/sample-faults.ts'
import { hourReport } from '../helpers/sample-hour.ts'
import { sampleReport } from '../helpers/sample-report.ts'

/** Charts over time as text: what those read who don't see them. */
function chartOf(report: Report, id: string) {
  const times = timeCharts(report)!
  const chart = times.charts.find((chart) => chart.id === id)!
  return { words: timeWords(times, chart), table: timeTable(times, chart) }
}

describe('a chart’s words', () => {
  test('have where each line is lowest and highest, the phases and the faults', () => {
    expect(chartOf(faultyReport(), 'latency').words).toBe(
      'End-to-end latency of each second; p50: 1.8 ms at 23 s to 290 ms at 41 s; p99: 5.61 ms at 56 s to 2.1 s at 35 s; ' +
        'phase connect from 0 s; phase warmUp from 21.2 s; phase measure from 26.2 s; phase drain from 56.2 s; phase cleanUp from 59.3 s; ' +
        'fault node-b-dies from 34.2 s to its recovery at 40.5 s; fault carrier-out from 46.2 s to the end',
    )
  })

  test('say so where a line is flat', () => {
    const flat = sampleReport({ timeline: sampleReport().timeline.map((row) => ({ ...row, busy: 0.25 })) })
    expect(chartOf(flat, 'busy').words).toContain('; busy: 25 % throughout; ')
  })
})

describe('a chart’s table', () => {
  const texts = ({ rows }: ReturnType<typeof chartOf>['table']) => rows.map(({ name, cells }) => [name, ...cells.map(({ text }) => text)])

  test('has a row a second, as long as they are 60 at the most', () => {
    const report = sampleReport({ timeline: sampleReport().timeline.slice(0, 60) })
    const { table } = chartOf(report, 'latency')
    expect(table).toMatchObject({ title: 'End-to-end latency of each second, by the end of each second', columns: ['phase', 'p50', 'p99'] })
    expect(texts(table).filter((_, i) => [0, 40].includes(i))).toEqual([
      ['1 s', 'connect', '-', '-'],
      ['41 s', 'measure', '290 ms', '610 ms'],
    ])
    expect(table.rows).toHaveLength(60)
  })

  test('has several seconds a row above that: rates as their mean, latencies as the highest, clients as the last', () => {
    const rates = chartOf(sampleReport(), 'rates').table
    expect(rates.title).toBe('Messages planned, sent and received each second: each row is 2 seconds, by the end of the last')
    expect(rates.columns).toEqual(['phase', 'planned, mean', 'received, mean', 'sent, mean'])
    expect(rates.rows).toHaveLength(31)
    // Seconds 41 and 42, which had 4,100 and 15,900; of 40 and 41 the stall was in the second.
    expect(texts(rates)[20]).toEqual(['42 s', 'measure', '10,000', '10,000', '10,000'])
    expect(texts(chartOf(sampleReport(), 'latency').table)[20]).toEqual(['42 s', 'measure', '290 ms', '610 ms'])
    expect(texts(chartOf(sampleReport(), 'connected').table)[1]).toEqual(['4 s', 'connect', '2,000'])
  })

  test('names both phases of a row that two of them share', () => {
    const row = texts(chartOf(hourReport(), 'rates').table)[0]!
    expect(row.slice(0, 2)).toEqual(['60 s', 'connect to measure'])
  })
})

test('there are no charts of a run that ended before its first second', () => {
  expect(timeCharts(sampleReport({ timeline: [] }))).toBeNull()
})
