/**
 * Thresholds that end a run: against a broker that begins to lie in the middle of it. What was measured until then is whole.
 */
import { afterEach, describe, expect, test } from 'vitest'
import type { Lies } from '../helpers/lies.ts'
import { type LyingBroker, startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, type Finished, groupOf, indexOf, type RunSettings, runScenario } from '../helpers/run.ts'

const MEASURE_S = 60
/** Long enough for a machine that is busy with other tests. */
const SOON_S = 20

let broker: LyingBroker
afterEach(() => broker.close())

interface Setting {
  readonly lie?: Lies
  readonly connect?: string
  readonly measureS?: number
  readonly settings?: RunSettings
}

/** Ten publish a hundred messages a second. */
async function run(threshold: string, { lie = {}, connect = 'at: once', measureS = MEASURE_S, settings = {} }: Setting): Promise<Finished> {
  broker = await startLyingBroker({ lie })
  const text = `
settle: 100ms
groups:
  sensors:
    clients: 10
    inFlight: 200
    connect: { ${connect}, timeout: 300ms }
    reconnect: false
    publish: [{ topic: "t/{client}", every: 100ms, qos: 1 }]
  board:
    connect: { at: once }
    subscribe: [{ filter: "t/+", qos: 1 }]
phases: { warmUp: 500ms, measure: ${measureS}s, drain: 5s }
thresholds: [${threshold}]
`
  return runScenario(text, [broker.url], settings)
}

/** Measure was cut short, and the report says by what. */
function expectAborted({ report, exitCode, events }: Finished, words: RegExp): void {
  expect({ exitCode, status: report.status, reasons: report.reasons[0] }).toEqual({
    exitCode: 3,
    status: 'failed',
    reasons: expect.stringMatching(words),
  })
  const [abort, ...others] = events.filter(({ event }) => event === 'abort')
  expect(others).toEqual([])
  expect(`aborted ${abort!.words}`).toBe(report.reasons[0])
  expect(report.thresholds[0]!.abortedAtS).toBe(abort!.tS)
  expect(events.at(-1)).toMatchObject({ event: 'end', status: 'failed' })
}

const measureOf = ({ report }: Finished) => report.run.phases.find(({ name }) => name === 'measure')!

describe('a threshold with abortOnFail ends a run', { retry: 2 }, () => {
  test.each<{ by: string; settings: RunSettings }>([
    { by: 'one worker', settings: {} },
    { by: 'two workers', settings: { workers: 2 } },
    { by: 'two processes', settings: { workers: 2, processes: 2 } },
  ])('by $by whose broker becomes slow, and loses nothing', async ({ settings }) => {
    const lie: Lies = { delay: (_, index) => (index < 300 ? 0 : 400) }
    const finished = await run('{ expect: endToEnd.p99 < 300ms, abortOnFail: true, grace: 1s }', { lie, settings })
    const { report } = finished
    expectAborted(finished, /^aborted after \d+ s of measure: endToEnd\.p99 < 300ms did not hold: \d+ ms$/)
    const { lengthS } = measureOf(finished)
    expect(lengthS).toBeGreaterThan(1)
    expect(lengthS).toBeLessThan(SOON_S)
    expect(report.run.phases.map(({ name }) => name)).toEqual(['connect', 'warmUp', 'measure', 'drain', 'cleanUp'])
    // Whatever was due up to the cut was sent and has come; the account is of that, and of nothing else.
    const { sent, planned } = report.publishes
    expect(counted(report.deliveries)).toEqual({ owed: sent, received: sent })
    expect(planned).toBe(sent)
    expect(Math.abs(sent - 100 * lengthS)).toBeLessThanOrEqual(10)
    expect(report.thresholds[0]).toMatchObject({ expression: 'endToEnd.p99 < 300ms', ok: false })
    expect(report.thresholds[0]!.actual).toBeGreaterThan(400_000)
  })

  test('though its broker answers nothing any more, and nothing arrives that would be late', async () => {
    const finished = await run('{ expect: ack.p99 < 1s, abortOnFail: true }', { lie: { stall: { atMs: 3000, forMs: 5000 } } })
    expectAborted(finished, /^aborted after \d+ s of measure: ack\.p99 < 1s did not hold: ∞$/)
    expect(measureOf(finished).lengthS).toBeLessThan(SOON_S)
    // What was on its way then has come in the drain.
    const { sent, acked } = finished.report.publishes
    expect(acked).toBe(sent)
    expect(finished.report.deliveries.lost).toBe(0)
  })

  test('before anybody publishes, where connecting fails', async () => {
    const refuseConnect = (id: string) => (groupOf(id) === 'sensors' && indexOf(id) < 8 ? 3 : null)
    const finished = await run('{ expect: clients.failed < 3, abortOnFail: true, grace: 0s }', {
      lie: { refuseConnect },
      connect: 'over: 20s',
    })
    expectAborted(finished, /^aborted after \d+ s of connect: clients\.failed < 3 did not hold: [345]$/)
    expect(finished.report.run.phases.map(({ name }) => name)).toEqual(['connect', 'drain', 'cleanUp'])
    expect(finished.report.run.durationS).toBeLessThan(SOON_S)
    expect(broker.counts.published).toBe(0)
  })

  test('where a figure has not grown to what it must be within its grace', async () => {
    const finished = await run('{ expect: publishes.sent >= 10k, abortOnFail: true, grace: 3s }', {})
    expectAborted(finished, /^aborted after [345] s of measure: publishes\.sent >= 10k did not hold: \d{3}$/)
  })

  test('only where it does not hold', async () => {
    const { report, exitCode, events } = await run('{ expect: ack.p99 < 5s, abortOnFail: true, grace: 0s }', { measureS: 2 })
    expect({ exitCode, reasons: report.reasons }).toEqual({ exitCode: 0, reasons: [] })
    expect(report.publishes.sent).toBe(200)
    expect(events.filter(({ event }) => event === 'abort')).toEqual([])
  })
})
