import { describe, expect, test } from 'vitest'
import { judgeTrial } from '../../src/capacity/trial.ts'
import { parseThreshold, type Threshold } from '../../src/load/threshold.ts'
import type { NodeMetrics, Report } from '../../src/report/types.ts'
import { latency, sampleReport } from '../helpers/sample-report.ts'

const slo = (...texts: string[]) => texts.map((text) => parseThreshold(text) as Threshold)
const sample = sampleReport()

/** A run of 10,000 messages a second that lost nothing and in which nothing stalled. */
function carried(changes: Partial<Report> = {}): Report {
  const steady = sample.timeline.map((row) => ({
    ...row,
    receivedPerSec: row.sentPerSec,
    endToEndP50Us: row.endToEndP50Us && 1840,
    endToEndP99Us: row.endToEndP99Us && 5900,
  }))
  return sampleReport({
    status: 'passed',
    reasons: [],
    timeline: steady,
    deliveries: { ...sample.deliveries, received: 300_000, lost: 0 },
    endToEndUs: latency(300_000, 1840, 0.5),
    ...changes,
  })
}

describe('a trial', () => {
  test('is good where the SLO surely holds and all is carried', () => {
    expect(judgeTrial(carried(), slo('endToEnd.p99 < 20ms'))).toEqual({
      verdict: 'good',
      criteria: [],
      figures: { 'endToEnd.p99': expect.any(Number) },
    })
  })

  test.each([
    { what: 'the SLO does not hold', changes: {}, limit: '2ms', words: /^endToEnd\.p99 < 2ms does not hold: 5\.\d+ ms$/ },
    {
      what: 'something was lost',
      changes: { deliveries: { ...sample.deliveries, lost: 12 } },
      limit: '20ms',
      words: /^12 of 300,000 deliveries were lost/,
    },
    {
      what: 'less was sent than planned',
      changes: { publishes: { ...sample.publishes, sent: 280_000, dropped: 20_000 } },
      limit: '20ms',
      words: /^only 93\.3 % of what was planned was sent/,
    },
    {
      what: 'clients failed',
      changes: { clients: { ...sample.clients, failed: 3 } },
      limit: '20ms',
      words: /^3 clients could not connect/,
    },
    {
      what: 'the nodes drop',
      changes: { drops: { counted: 7, unexplained: 0, byNode: {} } },
      limit: '20ms',
      words: /^the nodes count 7 as dropped/,
    },
    {
      what: 'a node tells so in its metrics',
      changes: { nodes: { a: { metrics: { dropped: { count: 9, perSec: 1, everyS: 1 } } as NodeMetrics } } },
      limit: '20ms',
      words: /^the nodes count 9 as dropped/,
    },
    {
      what: 'deliveries pile up',
      changes: { timeline: carried().timeline.map((row) => ({ ...row, receivedPerSec: row.receivedPerSec * 0.97 })) },
      limit: '20ms',
      words: /^deliveries pile up by 300\/s/,
    },
  ])('is bad where $what', ({ changes, limit, words }) => {
    const { verdict, criteria } = judgeTrial(carried(changes), slo(`endToEnd.p99 < ${limit}`))
    expect(verdict).toBe('bad')
    expect(criteria[0]).toMatch(words)
  })

  test('is undecided where the limit lies within what the run knows of its quantile', () => {
    const { verdict, criteria } = judgeTrial(carried(), slo('endToEnd.p99 < 5.9ms'))
    expect({ verdict, words: criteria[0] }).toEqual({
      verdict: 'undecided',
      words: expect.stringMatching(/^endToEnd\.p99 < 5\.9ms is not sure: endToEnd\.p99 lies between 5\.\d+ ms and [56]\.\d+ ms$/),
    })
  })

  test('of too few seconds for an interval is judged by its value, of too few messages not at all', () => {
    const timeline = carried().timeline.filter(({ phase }) => phase !== 'measure')
    const verdictOf = (limit: string, count: number) =>
      judgeTrial(carried({ timeline, endToEndUs: { ...carried().endToEndUs, count } }), slo(`endToEnd.p99 < ${limit}`)).verdict
    expect([verdictOf('6.1ms', 300_000), verdictOf('5ms', 300_000)]).toEqual(['good', 'bad'])
    // 298 messages may all lie below the quantile.
    expect([verdictOf('10s', 299), verdictOf('10s', 298)]).toEqual(['good', 'undecided'])
  })

  test('is invalid where the run can’t be trusted, whatever its figures are', () => {
    const report = carried({ status: 'invalid', reasons: ['the generator sent late'] })
    expect(judgeTrial(report, slo('endToEnd.p99 < 20ms'))).toMatchObject({ verdict: 'invalid', criteria: ['the generator sent late'] })
  })

  test('may lose what the SLO lets it', () => {
    // Which the nodes count too.
    const lossy = carried({ deliveries: { ...sample.deliveries, lost: 12 }, drops: { counted: 12, unexplained: 0, byNode: {} } })
    expect(judgeTrial(lossy, slo('endToEnd.p99 < 20ms', 'deliveries.lossRatio < 1%')).verdict).toBe('good')
  })
})
