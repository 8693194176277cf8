import hdr from 'hdr-histogram-js'
import { describe, expect, test } from 'vitest'
import { HlogWriter } from '../../src/report/hlog.ts'
import { Histogram } from '../../src/stats/histogram.ts'

const STARTED = new Date('2026-03-01T12:00:00.250Z')

function histogramOf(...values: number[]): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

function logOf(...rows: Parameters<HlogWriter['row']>[]): string {
  let log = ''
  const writer = new HlogWriter((line) => {
    log += line
  }, STARTED)
  for (const row of rows) writer.row(...row)
  return log
}

describe('an HdrHistogram log', () => {
  test('looks like this', () => {
    const log = logOf(['endToEnd', 0, 1, histogramOf(1500, 2_000_001)], ['ack', 1, 0.5, histogramOf(7)])
    expect(log.replaceAll(/HISTF\S+/g, 'HISTF…')).toBe(
      [
        '#[Histogram log format version 1.3]',
        '#[StartTime: 1772366400.250 (seconds since epoch), 2026-03-01T12:00:00.250Z]',
        '#[BaseTime: 1772366400.250 (seconds since epoch)]',
        '#[Unit: values and Interval_Max are microseconds]',
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
        'Tag=endToEnd,0.000,1.000,2000001.000,HISTF…',
        'Tag=ack,1.000,0.500,7.000,HISTF…',
        '',
      ].join('\n'),
    )
  })

  test("is read by HdrHistogram's reader: tags, times and every count", () => {
    const log = logOf(
      ['endToEnd', 0, 1, histogramOf(100, 200, 200)],
      ['ack', 0, 1, histogramOf(50)],
      ['endToEnd', 1, 1, histogramOf(3_000_000)],
    )
    expect(hdr.listTags(log)).toEqual(['endToEnd', 'ack'])
    const reader = new hdr.HistogramLogReader(log)
    const read = []
    for (let h = reader.nextIntervalHistogram(); h !== null; h = reader.nextIntervalHistogram()) {
      read.push({
        tag: h.tag,
        startS: (h.startTimeStampMsec - STARTED.getTime()) / 1000,
        count: h.totalCount,
        p50: h.getValueAtPercentile(50),
      })
    }
    expect(read).toEqual([
      { tag: 'endToEnd', startS: 0, count: 3, p50: 200 },
      { tag: 'ack', startS: 0, count: 1, p50: 50 },
      // 3 s share a bucket 2,048 µs wide, of which it is the end that counts.
      { tag: 'endToEnd', startS: 1, count: 1, p50: 3_000_319 },
    ])
  })

  test('has no row where nothing was measured', () => {
    expect(logOf(['ack', 0, 1, new Histogram()])).toBe(logOf())
  })

  test('refuses a tag that would break its columns', () => {
    expect(() => logOf(['a,b', 0, 1, histogramOf(1)])).toThrow('no comma')
  })
})
