/** A report in the forms that other programs show. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rendered } from '../../src/report/formats.ts'
import { readReport } from '../../src/report/read.ts'
import type { Report, TimelineRow } from '../../src/report/types.ts'
import { REPORT_FORMATS } from '../../src/report/types.ts'
import { faultyReport } from '../helpers/sample-faults.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const sample = sampleReport()
/** The example that came with the tool in November 2026. */
const OLD = 'test/report/before-agents.json'
const as = (format: (typeof REPORT_FORMATS)[number], report: Report = sample) => rendered(report, format, { color: false, width: 100 })

test.each(REPORT_FORMATS)('%s ends with a newline, and has the scenario or the time in it', (format) => {
  const text = as(format)
  expect(text.endsWith('\n')).toBe(true)
  expect(text).toContain(format === 'csv' ? 'tS,phase,connected' : sample.run.scenario)
})

test.each(REPORT_FORMATS)('a report that was kept from before there were agents can be had as %s', (format) => {
  const kept = JSON.parse(readFileSync(OLD, 'utf8'))
  expect(kept.generator).not.toHaveProperty('agents')
  expect(as(format, readReport(OLD))).toContain(format === 'csv' ? 'tS,phase' : kept.run.scenario)
})

describe('Markdown', () => {
  test('begins with the verdict, and has thresholds, latencies and what was sent', () => {
    const lines = as('md').split('\n')
    expect(lines[0]).toMatch(/^### ❌ FAILED: /)
    expect(lines).toContain('| Thresholds | actual |')
    for (const { expression, ok } of sample.thresholds) {
      const row = lines.find((line) => line.startsWith('| ') && line.includes(expression.replaceAll('<', '&lt;')))
      expect(row).toMatch(ok ? /^\| ✅ / : /^\| ❌ /)
    }
    expect(lines).toContain('| Latency | count | p50 | p90 | p99 | p99.9 | max |')
    expect(lines.find((line) => line.startsWith('| end to end |'))).toMatch(/^\| end to end \| [\d,]+ \|/)
  })

  test('rows of a table have as many cells as its head, whatever names are like', () => {
    const groups = { 'a|b': sample.groups[Object.keys(sample.groups)[0]!]!, c: {} }
    const tables = as('md', faultyReport({ groups }))
      .split('\n\n')
      .filter((block) => block.startsWith('|'))
    expect(tables.length).toBeGreaterThan(4)
    for (const table of tables) {
      const widths = table.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length)
      expect(new Set(widths).size).toBe(1)
    }
  })

  test('what others wrote makes no link, mention or markup', () => {
    const reasons = ['@everyone <img src=x> [here](http://x) `code` *bold*\n# head']
    const line = as('md', sampleReport({ reasons })).split('\n')[0]!
    expect(line).toContain('@<!-- -->everyone &lt;img src=x> \\[here\\](http://x) \\`code\\` \\*bold\\*')
    expect(line).toContain('\\# head')
  })

  test('fits a comment, with many groups too', () => {
    const groups = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`group-${i}`, Object.values(sample.groups)[0]!]))
    const text = as('md', sampleReport({ groups }))
    expect(text.length).toBeLessThan(65_536)
    expect(text).toContain('… and 470 more in the report')
  })
})

describe('JUnit', () => {
  const cases = (report: Report) =>
    [...as('junit', report).matchAll(/<testcase classname="([^"]*)" name="([^"]*)"(?:\/>|>\n +<failure message="([^"]*)"\/>)/g)].map(
      ([, , name, failure]) => [name, failure ?? null],
    )

  test('has a case for each threshold, and one for whether the result can be trusted', () => {
    const found = cases(sample)
    expect(found.map(([name]) => name)).toEqual([
      ...sample.thresholds.map(({ expression }) => expression.replaceAll('<', '&lt;').replaceAll('>', '&gt;')),
      'the result can be trusted',
    ])
    const failed = sample.thresholds.filter(({ ok }) => !ok).length
    expect(found.filter(([, failure]) => failure !== null)).toHaveLength(failed)
    expect(as('junit')).toContain(`<testsuites tests="${found.length}" failures="${failed}">`)
  })

  test.each([
    { status: 'invalid', reasons: ['sent late'], name: 'the result can be trusted', failure: 'sent late' },
    { status: 'degraded', reasons: [], name: 'the result can be trusted', failure: 'degraded' },
    { status: 'failed', reasons: ['fault x never began'], name: 'the run did what it was to do', failure: 'fault x never began' },
  ] as const)('of a run that is $status says $failure', ({ status, reasons, name, failure }) => {
    const thresholds = sample.thresholds.map((threshold) => ({ ...threshold, ok: true }))
    expect(cases(sampleReport({ status, reasons, thresholds }))).toContainEqual([name, failure])
  })

  test('is XML, whatever stands in a name', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), (text) => {
      const xml = as('junit', sampleReport({ run: { ...sample.run, scenario: text }, reasons: [text], status: 'invalid' }))
      const values = [...xml.matchAll(/="([^"]*)"/g)].map(([, value]) => value!)
      for (const value of values) {
        expect(value).not.toMatch(/[<>\n\r\t]|&(?!(amp|lt|gt|quot|#9|#10|#13);)/)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no place for these
        expect(value).not.toMatch(/[\u0000-\u001f\ufffe\uffff]|\p{Surrogate}/u)
      }
    })
    fc.assert(property, { numRuns: 60 })
  })
})

describe('CSV', () => {
  test('has a line for each second, and nothing where there is nothing', () => {
    const row: TimelineRow = { ...sample.timeline[0]!, tS: 1.002, phase: 'connect', endToEndP50Us: null, endToEndP99Us: null, busy: 0.25 }
    const [head, first, ...rest] = as('csv', sampleReport({ timeline: [row] })).split('\r\n')
    expect(rest).toEqual([''])
    const cells = Object.fromEntries(head!.split(',').map((name, i) => [name, first!.split(',')[i]]))
    expect(cells).toMatchObject({ tS: '1.002', phase: 'connect', endToEndP50Us: '', endToEndP99Us: '', busy: '0.25' })
    expect(Object.keys(cells).sort()).toEqual(Object.keys(row).sort())
  })
})
