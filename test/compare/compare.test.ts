import { describe, expect, test } from 'vitest'
import { type CompareOptions, compare } from '../../src/compare/compare.ts'
import { decide } from '../../src/compare/decide.ts'
import { resultOf } from '../../src/compare/evidence.ts'
import { gatesOf } from '../../src/compare/gates.ts'
import type { Comparison } from '../../src/compare/types.ts'
import { UsageError } from '../../src/errors.ts'
import type { Report } from '../../src/report/types.ts'
import { samplePlan, sampleReport } from '../helpers/sample-report.ts'
import { counts, type SideOptions, side } from './sample-runs.ts'

const NONE: CompareOptions = { gates: [], allowed: [] }

const compared = (base: SideOptions, candidate: SideOptions, options = NONE): Comparison =>
  compare(side('base', base), side('candidate', candidate), options)
const gateOf = (result: Comparison, metric: string) => result.gates.find((gate) => gate.metric === metric)!
const numbers = (figures: readonly number[]) => figures.map((figure) => ({ gates: [figure], counts: [] }))
const refusal = (act: () => unknown): UsageError => {
  try {
    act()
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('the verdict', () => {
  test.each([
    { what: 'the same', medianUs: 2000, verdict: 'ok', reason: /^no gate is worse/ },
    { what: 'slower by less than the margin', medianUs: 2040, verdict: 'ok', reason: /^no gate is worse/ },
    {
      what: 'slower by a quarter',
      medianUs: 2500,
      verdict: 'regression',
      reason: /^endToEnd\.p50 \+25 % \(\+2\d(\.\d)? % … \+2\d(\.\d)? %\), over its margin of 5 %$/,
    },
    { what: 'faster by a quarter', medianUs: 1500, verdict: 'improvement', reason: /^endToEnd\.p50 −25 %/ },
  ])('of a candidate that is $what is $verdict', ({ medianUs, verdict, reason }) => {
    const result = compared({}, { medianUs })
    expect(result).toMatchObject({ verdict, runsNeeded: 0 })
    expect(result.reasons[0]).toMatch(reason)
    expect(gateOf(result, 'endToEnd.p50').ratio).toBeCloseTo(medianUs / 2000, 2)
  })

  test('of runs that scatter more than the margin is inconclusive, and so many more decide it', () => {
    const scatter = [0.95, 1.05, 1, 0.97, 1.03]
    const first = compared({ scatter }, { scatter })
    expect(first.verdict).toBe('inconclusive')
    const { runsNeeded } = first
    expect(first.reasons[0]).toContain(`about ${runsNeeded} more runs a side should tell`)
    const count = 5 + runsNeeded!
    expect(compared({ scatter, count }, { scatter, count }).verdict).toBe('ok')
    expect(compared({ scatter, count }, { scatter, count, medianUs: 2600 }).verdict).toBe('regression')
  })

  test('of one run against one is none, but for thresholds', () => {
    const one = { count: 1 }
    expect(compared(one, { count: 1, medianUs: 9000 })).toMatchObject({
      verdict: 'notGated',
      runsNeeded: 0,
      gates: [{ p: null, interval: null, ratio: expect.closeTo(4.5, 1) }, {}],
    })
    const broken = { thresholds: [{ expression: 'endToEnd.p99 < 1ms', actual: 6000, ok: false }], status: 'failed' as const }
    const result = compared(one, { count: 1, changes: () => broken })
    expect(result.verdict).toBe('failed')
    expect(result.reasons).toEqual(['endToEnd.p99 < 1ms does not hold in 1 of 1 run of candidate'])
  })

  test('of one run against many is none either: there is no scatter to see on one side', () => {
    expect(compared({}, { count: 1, medianUs: 9000 }).verdict).toBe('notGated')
  })

  test('is that it failed, where a run did by something else than a threshold', () => {
    const changes = (i: number): Partial<Report> => (i === 2 ? { status: 'failed', reasons: ['fault dies never began'] } : {})
    const result = compared({}, { changes })
    expect(result.reasons).toEqual(['fault dies never began, in 1 of 5 runs of candidate'])
    expect(result.verdict).toBe('failed')
  })

  test('is never over a chance of 5 % for all gates together: each is adjusted for the others', () => {
    const { gates } = compared(
      {},
      { medianUs: 2150 },
      { ...NONE, gates: ['p50', 'p90', 'p95', 'p99'].map((quantile) => [`endToEnd.${quantile}`, '5%'] as const) },
    )
    for (const { p, adjusted } of gates) expect(adjusted).toBeGreaterThanOrEqual(p!)
    const [least] = gates.toSorted((a, b) => a.p! - b.p!)
    expect(least!.adjusted).toBeCloseTo(4 * least!.p!, 12)
  })
})

describe('what never came', () => {
  test('makes p99 ∞, and where it does so in all runs of the candidate only, their order decides', () => {
    const result = compared({}, { lost: [400] })
    expect(gateOf(result, 'endToEnd.p99')).toMatchObject({ verdict: 'regression', ratio: null, candidateMean: null, interval: null })
    expect(gateOf(result, 'endToEnd.p99').p).toBeCloseTo(1 / 252, 10)
    expect(gateOf(result, 'endToEnd.p50').verdict).toBe('ok')
  })

  test('leaves nothing to compare where it is so on both sides, however many runs there are', () => {
    const result = compared({ lost: [400] }, { lost: [400] })
    expect(result).toMatchObject({ verdict: 'inconclusive', runsNeeded: null })
    expect(result.reasons[0]).toMatch(/^endToEnd\.p99 is ∞ in some runs/)
  })

  const lossy = (qos: number, lost: readonly number[]): SideOptions => ({
    changes: (i) => ({
      qos: {
        0: { deliveries: counts() },
        1: { deliveries: counts() },
        2: { deliveries: counts() },
        [qos]: { deliveries: counts({ lost: lost[i]! }) },
      },
    }),
  })

  test.each([
    { what: 'one message of QoS 1, once', base: lossy(1, [0, 0, 0, 0, 0]), candidate: lossy(1, [0, 0, 1, 0, 0]), verdict: 'regression' },
    { what: 'as much of QoS 1 as the base', base: lossy(1, [3, 0, 2, 1, 0]), candidate: lossy(1, [0, 2, 1, 0, 3]), verdict: 'ok' },
    {
      what: 'far more of QoS 1 than the base',
      base: lossy(1, [3, 0, 2, 1, 0]),
      candidate: lossy(1, [30, 20, 12, 31, 25]),
      verdict: 'regression',
    },
    { what: 'one message of QoS 0, once', base: lossy(0, [0, 0, 0, 0, 0]), candidate: lossy(0, [0, 0, 1, 0, 0]), verdict: 'ok' },
    { what: 'messages of QoS 0 in each run', base: lossy(0, [0, 0, 0, 0, 0]), candidate: lossy(0, [2, 1, 1, 3, 1]), verdict: 'regression' },
  ])('is counted exactly: $what is $verdict', ({ base, candidate, verdict }) => {
    expect(compared(base, candidate).verdict).toBe(verdict)
  })

  test('of much, in so few runs that their order shows nothing, is inconclusive and never ok', () => {
    const result = compared({ count: 3 }, { ...lossy(0, [3000, 3000, 3000]), count: 3 })
    expect(result).toMatchObject({ verdict: 'inconclusive' })
    expect(result.reasons[0]).toMatch(
      /^lost, QoS 0: 9,000 of 30,000, in 3 runs; base 0 of 30,000: the order of so few runs does not show it, about \d more runs? a side should tell/,
    )
    const count = 3 + result.runsNeeded!
    expect(compared({ count }, { ...lossy(0, Array(count).fill(3000)), count }).verdict).toBe('regression')
  })

  test('is held to the margin too where the order decides', () => {
    // All but one run are slower by half a per cent, and one has lost too much for a p99.
    const scatter = [1, 1.0001, 1.0002, 1.0003, 1.0004]
    const slower = scatter.map((x) => x * 1.005)
    expect(gateOf(compared({ scatter }, { scatter: slower, lost: [0, 0, 400, 0, 0] }), 'endToEnd.p99').verdict).toBe('inconclusive')
  })

  test('on one side only leaves the other its figures, and says how many runs would tell', () => {
    const result = compared({ count: 3 }, { count: 3, lost: [400] })
    const gate = gateOf(result, 'endToEnd.p99')
    expect(gate).toMatchObject({ verdict: 'inconclusive', candidateMean: null, ratio: null })
    expect(gate.baseMean).toBeGreaterThan(6000)
    expect(gate.runsNeeded).toBeGreaterThan(0)
  })

  test('is bounded where none was seen: three over the number', () => {
    expect(compared({}, {}).counts.find(({ name }) => name === 'lost, QoS 1')).toMatchObject({
      candidate: { count: 0, of: 50_000, runs: 0 },
      bound: 3 / 50_000,
    })
  })
})

test('a message of QoS 2 that came twice is one too many, and of QoS 1 it is not', () => {
  const twice = (qos: number): SideOptions => ({
    changes: (i) => ({
      qos: { 1: { deliveries: counts() }, 2: { deliveries: counts() }, [qos]: { deliveries: counts({ duplicated: i === 0 ? 1 : 0 }) } },
    }),
  })
  expect(compared({}, twice(2)).verdict).toBe('regression')
  expect(compared({}, twice(1)).verdict).toBe('ok')
})

describe('apples against oranges', () => {
  const { run, host, nodes } = sampleReport()
  test.each([
    {
      rule: 'scenario',
      changes: { run: { ...run, scenarioHash: 'ffff', id: 'zzzzzz' } },
      words: /different loads.*: 5f0c2a91d7e44b6c \(base\), ffff \(candidate\)/,
    },
    {
      rule: 'version',
      changes: { host: { ...host, tool: '9.9.9' } },
      words: /different versions of mqtt-scale: 0\.1\.0 \(base\), 9\.9\.9 \(candidate\)/,
    },
    {
      rule: 'host',
      changes: { host: { ...host, cores: 8 } },
      words: /different machines: 2 cores, 24 GiB, kernel 6\.1 \(base\), 8 cores/,
    },
    { rule: 'host', changes: { host: { ...host, kernel: '6.12.1' } }, words: /kernel 6\.12 \(candidate\)/ },
    { rule: 'invalid', changes: { status: 'invalid', reasons: ['sent late'] }, words: /candidate\/1 is invalid: sent late/ },
    {
      rule: 'broker',
      changes: { nodes: broker('mosquitto version 2.0.18') },
      base: { nodes: broker('mosquitto version 2.0.11') },
      words: /different brokers: mosquitto version 2\.0\.11 \(base\), mosquitto version 2\.0\.18/,
    },
  ] as const)('are refused ($rule: $words), unless it is allowed, which is said', ({ rule, words, ...sides }) => {
    const changed = (changes: object | undefined): SideOptions => ({
      count: 1,
      ...(changes && { changes: () => changes as Partial<Report> }),
    })
    const [base, candidate] = [changed('base' in sides ? sides.base : undefined), changed(sides.changes)]
    const error = refusal(() => compared(base, candidate))
    expect(error.message).toMatch(words)
    expect(error.hint).toContain(`--allow ${rule};`)
    expect(error.exitCode).toBe(2)
    const { allowed } = compared(base, candidate, { ...NONE, allowed: [rule] })
    expect(allowed).toMatchObject([{ rule, words: expect.stringMatching(words) }])
  })

  test('are not brokers that are compared, as long as each side has one', () => {
    const of = (...names: string[]): SideOptions => ({ count: 2, changes: (i) => ({ nodes: broker(names[i % names.length]!) }) })
    const between: CompareOptions = { ...NONE, between: ['broker'] }
    expect(compared(of('a 1'), of('a 2'), between).allowed).toEqual([])
    expect(refusal(() => compared(of('a 1'), of('a 2', 'a 3'), between)).message).toMatch(/different brokers: a 2 \(1 of candidate\), a 3/)
    const embedded = { count: 2, changes: () => ({ plan: { ...samplePlan(), embedded: true } }) }
    expect(refusal(() => compared({ count: 2 }, embedded)).message).toMatch(
      /different brokers: yours \(base\), the embedded one \(candidate\)/,
    )
  })

  test('are scenarios of one load under two names not', () => {
    const renamed = { count: 1, changes: () => ({ run: { ...run, id: 'zzzzzz', scenario: 'another' } }) }
    expect(compared({ count: 1 }, renamed).allowed).toEqual([])
  })

  test('are loads that were made in another way', () => {
    const { generator } = sampleReport()
    const stream = { count: 1, changes: () => ({ generator: { ...generator, transport: 'stream' as const } }) }
    expect(refusal(() => compared({ count: 1 }, stream)).message).toMatch(/epoll, workers 1, processes 1 \(base\), stream/)
  })

  test('are not machines of one class, nor a broker that does not say what it is', () => {
    const other = { host: { ...host, cpu: 'another', kernel: '6.1.99-cloud', memoryBytes: host.memoryBytes * 0.98, node: '22.0.0' } }
    expect(compared({ count: 1 }, { count: 1, changes: () => ({ ...other, nodes: broker('mosquitto version 2.0.18') }) }).allowed).toEqual(
      [],
    )
  })

  test('one run on both sides, or twice on one, is refused without a way out', () => {
    const [one, two] = side('base')
    expect(refusal(() => compare([one!], [{ ...one!, path: 'copy' }], NONE)).message).toBe('base/1 and copy are one run, b00000')
    expect(refusal(() => compare([one!, two!, one!], side('candidate'), NONE)).message).toContain('are one run')
  })

  function broker(software: string): Report['nodes'] {
    return { a: { ...nodes.a!, broker: { software, versions: ['3.1.1'], limits: null } }, b: nodes.b! }
  }
})

describe('gates', () => {
  const gatesFor = (gates: [string, string][], plan = {}) =>
    compared({}, { changes: () => ({ plan: { ...samplePlan(), ...plan } }) }, { ...NONE, gates }).gates.map(({ metric, margin }) => [
      metric,
      margin,
    ])

  test('are those of the command line, else of the scenario, else the median and the tail', () => {
    expect(gatesFor([['ack.p50', '7%']], { gates: { 'connect.p99': '20%' } })).toEqual([['ack.p50', 0.07]])
    expect(gatesFor([], { gates: { 'connect.p99': '20%' } })).toEqual([['connect.p99', 0.2]])
    expect(gatesFor([])).toEqual([
      ['endToEnd.p50', 0.05],
      ['endToEnd.p99', 0.1],
    ])
  })

  test('are acknowledgements or connects where nothing is delivered', () => {
    const { groups } = samplePlan()
    const metrics = (kept: typeof groups) => gatesFor([], { groups: kept }).map(([metric]) => metric)
    expect(metrics(groups.slice(0, 1))).toEqual(['ack.p50', 'ack.p99'])
    expect(metrics(groups.slice(0, 1).map((group) => ({ ...group, publish: [] })))).toEqual(['connect.p50', 'connect.p99'])
  })

  test.each([
    { gates: [['endToEnd.p98', '5%']], message: /unknown metric endToEnd\.p98/ },
    { gates: [['deliveries.owed', '5%']], message: /more of it is neither better nor worse/ },
    { gates: [['endToEnd.p99', '0%']], message: /margin must be above 0/ },
    { gates: [['clients.failed', '5%']], message: /it is 0 in base\/1, and what is 0 has no ratio/ },
    { gates: [['groups.dashboards.ack.p99', '5%']], message: /group dashboards publishes nothing/ },
    {
      gates: [
        ['reconnect.p99', '5%'],
        ['reconnect.p99', '6%'],
      ],
      message: /given twice/,
    },
    { gates: ['p50', 'p90', 'p95', 'p99', 'p999'].map((q) => [`endToEnd.${q}`, '5%']), message: /at most 4 gates/ },
  ] as { gates: [string, string][]; message: RegExp }[])('are refused: $message', ({ gates, message }) => {
    expect(refusal(() => compared({}, {}, { ...NONE, gates })).message).toMatch(message)
  })

  test('may be metrics of which more is better', () => {
    const received = (factor: number): SideOptions => ({
      changes: (i) => ({ deliveries: counts({ owed: 20_000, received: Math.round(10_000 * factor * (1 + i / 1000)) }) }),
    })
    const gates = [['deliveries.received', '5%']] as const
    expect(compared(received(1), received(0.8), { ...NONE, gates })).toMatchObject({
      verdict: 'regression',
      gates: [{ isHigherBetter: true }],
    })
    expect(compared(received(1), received(1.2), { ...NONE, gates }).verdict).toBe('improvement')
  })
})

describe('what is said beside', () => {
  test('has no certainty in values that agree by chance', () => {
    const [gate] = decide(gatesOf([['endToEnd.p50', '5%']], samplePlan()), [], numbers([1, 1]), numbers([2, 2])).gates
    expect(gate!.verdict).toBe('inconclusive')
  })

  test('names runs that were not made in turn, few runs, and suspects', () => {
    const { generator } = sampleReport()
    const later = side('candidate').map((run) => ({
      ...run,
      report: { ...run.report, run: { ...run.report.run, startedAt: '2026-03-02T00:00:00Z' } },
    }))
    expect(compare(side('base'), later, NONE).notes).toEqual([expect.stringContaining('One side was measured after the other')])
    expect(compared({ count: 3 }, { count: 3 }).notes).toEqual([expect.stringContaining('3 runs a side see only large changes')])
    expect(compared({}, { changes: () => ({ generator: { ...generator, suspect: true } }) }).notes).toEqual([
      expect.stringContaining('In 5 of the runs'),
    ])
  })

  test('names runs that were not steady, but where nobody asked for that', () => {
    const { timeline } = sampleReport()
    const warming = timeline.map((row, i) => ({ ...row, endToEndP50Us: row.endToEndP50Us && (i < 41 ? 3000 : 2000) }))
    const steadying = (changes: Partial<Report> = {}): SideOptions => ({
      changes: (i) => (i === 1 ? { timeline: warming, ...changes } : {}),
    })
    expect(compared({}, steadying()).notes).toEqual([
      'candidate/2 was not steady: in the second half of measure its median is −33.3 %. A longer warmUp may help.',
    ])
    const plan = samplePlan()
    const ramp = plan.groups.map((group) => ({
      ...group,
      publish: group.publish.map((entry) => ({
        ...entry,
        load: [
          [0, 0.5],
          [30e6, 1],
        ] as const,
      })),
    }))
    expect(compared({}, steadying({ plan: { ...plan, groups: ramp } })).notes).toEqual([])
    expect(compared({}, steadying({ timeline: warming.slice(0, 30) })).notes).toEqual([])
  })

  test('doubts what the order of the runs does not show', () => {
    const [gate] = decide(
      gatesOf([['endToEnd.p50', '5%']], samplePlan()),
      [],
      numbers([100, 101, 99, 100, 102]),
      numbers([120, 122, 121, 123, 119]),
    ).gates
    expect(resultOf(gate!)).toMatchObject({ verdict: 'regression', doubt: null })
    const mixed = { base: [100, 118, 119, 99, 120], candidate: [119, 120, 121, 117, 118] }
    expect(resultOf({ ...gate!, ...mixed }).doubt).toMatch(/^the order of the runs alone does not show it \(p = 0\.\d\d\)$/)
  })

  test('doubts that all is well where one run that went astray hides nine', () => {
    const astray = [1.3, 1.3, 1.31, 1.29, 1.3, 1.32, 1.28, 1.3, 1.3, 0.1]
    const [gate] = compared({ count: 10 }, { count: 10, scatter: astray }).gates
    expect(gate!.verdict).not.toBe('regression')
    expect(gate!.doubt).toContain('by the order of the runs it is worse by more than the margin')
  })

  test('percentiles of both curves are the means of what the reports say', () => {
    const [base, candidate] = [side('base'), side('candidate', { medianUs: 2500 })]
    const { curve } = compare(base, candidate, NONE)
    const meanOf = (runs: typeof base, quantile: 'p50' | 'p99') =>
      Math.exp(runs.reduce((sum, { report }) => sum + Math.log(report.endToEndUs[quantile]!), 0) / runs.length)
    for (const [percent, quantile] of [
      [50, 'p50'],
      [99, 'p99'],
    ] as const) {
      const point = curve!.points.find((one) => one.percent === percent)!
      expect(point.base).toBeCloseTo(meanOf(base, quantile), 6)
      expect(point.candidate).toBeCloseTo(meanOf(candidate, quantile), 6)
      expect(point.interval!.low).toBeGreaterThan(1.2)
    }
    // 20,000 messages have four beyond 99.98 %.
    expect(Math.max(...curve!.points.map(({ percent }) => percent))).toBeLessThan(99.98)
  })
})
