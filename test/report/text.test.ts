import { describe, expect, test } from 'vitest'
import { renderText } from '../../src/report/text.ts'
import type { AgentFigures, Figures, Report } from '../../src/report/types.ts'
import { fault, faultyReport } from '../helpers/sample-faults.ts'
import { emptyLatency, latency, sampleReport } from '../helpers/sample-report.ts'

const sample = sampleReport()
const checks = sample.generator.checks

function linesOf(report: Report, width = 100): string[] {
  return renderText(report, { color: false, width, folder: 'reports/factory' }).split('\n')
}

describe('the summary', () => {
  test('looks like this', async () => {
    await expect(linesOf(sample).join('\n')).toMatchFileSnapshot('summary.golden.txt')
  })

  test('looks like this after faults', async () => {
    await expect(linesOf(faultyReport()).join('\n')).toMatchFileSnapshot('faults.golden.txt')
  })

  test.each([
    { why: 'passed', changes: { status: 'passed', reasons: [] }, line: '✓ passed  all 2 thresholds hold' },
    {
      why: 'failed',
      changes: { reasons: ['nobody could connect: 10,040 × ECONNREFUSED'] },
      line: '✗ FAILED  nobody could connect: 10,040 × ECONNREFUSED',
    },
    { why: 'invalid', changes: { status: 'invalid', reasons: ['send lag'] }, line: '✗ INVALID  send lag' },
    { why: 'interrupted', changes: { status: 'interrupted', reasons: ['by SIGINT'] }, line: '! INTERRUPTED  by SIGINT' },
  ] as const)('says first that it $why, and why', ({ changes, line }) => {
    expect(linesOf(sampleReport(changes))[0]).toBe(line)
  })

  test('says second what makes the generator suspect, and then what else is wrong', () => {
    const generator = {
      ...sample.generator,
      suspect: true,
      checks: [...checks, { name: 'cpu', ok: false, level: 'suspect', value: 0.97, limit: 0.9, words: 'the CPU was 97 % busy' } as const],
    }
    const lines = linesOf(sampleReport({ generator, reasons: ['the first', 'the second'] }))
    expect(lines.slice(0, 3)).toEqual(['✗ FAILED  the first', '  suspect  the CPU was 97 % busy', '  also  the second'])
  })

  test('says what the run came nearest to of what the machine was measured to do, and nothing where it was not', () => {
    const calibration = {
      at: '2026-11-29T12:00:00.000Z',
      connects: { perSec: 20_000, peak: 0.05 },
      publishes: { perSec: 133_333, peak: 0.75 },
      receives: null,
    }
    const generator = (changes: object) => linesOf(sampleReport({ generator: { ...sample.generator, ...changes } }), 200).join('\n')
    expect(generator({ calibration })).toContain(' · peak 75 % of the publishes that it can do')
    expect(generator({ calibration: { ...calibration, connects: null, publishes: null } })).not.toContain('peak')
    expect(generator({ calibration: undefined })).not.toContain('peak')
  })

  test('says that the load came from agents', () => {
    const { host } = sample
    const agent = {
      id: 'a',
      clients: {},
      host,
      cpu: sample.generator.cpu,
      memory: sample.generator.memory,
      clock: { offsetUs: 0, boundUs: 0 },
    }
    const agents = ['a', 'b', 'c'].map((id) => ({ ...agent, id, processes: 1, workers: 1, lostAtS: null }) as unknown as AgentFigures)
    const report = sampleReport({ generator: { ...sample.generator, workers: 3, processes: 3, agents } })
    expect(linesOf(report).join('\n')).toMatch(/^Generator {2}epoll · 3 agents · 3 workers · 3 processes/m)
    expect(linesOf(sample).join('\n')).toMatch(/^Generator {2}epoll · 1 worker/m)
  })

  test.each([
    { what: 'an exit code', exec: { exitCode: 3 }, words: '  node-b-dies  8 s into measure · ./kill-node b · exit 3 after 110 ms' },
    { what: 'a signal', exec: { exitCode: null, signal: 'SIGTERM' }, words: '· ended by SIGTERM after 110 ms' },
    { what: 'that it did not end', exec: { exitCode: null }, words: '· not ended after 110 ms' },
  ])('tells of a command $what', ({ exec, words }) => {
    const { faults } = faultyReport()
    const dies = fault({ exec: { ...fault().exec!, ...exec } })
    expect(linesOf(faultyReport({ faults: { ...faults, 'node-b-dies': dies } })).join('\n')).toContain(words)
  })

  test('notes the faults that were not recovered, and those only', () => {
    const notes = (report: Report) => linesOf(report, 200).filter((line) => line.includes('Not recovered'))
    const { faults } = faultyReport()
    expect(notes(faultyReport())).toEqual([expect.stringMatching(/Not recovered when measure ended: carrier-out\. /)])
    expect(notes(faultyReport({ faults: { ...faults, 'carrier-out': fault() } }))).toEqual([])
  })

  test('leaves out what a fault did not come to', () => {
    const { faults } = faultyReport()
    const zero = { count: 0, p50: null, p99: null, max: null }
    const calm = fault({
      disconnected: 0,
      reconnect: zero,
      resume: zero,
      attemptsPerClient: 0,
      takeovers: { count: 0, doubled: 0 },
      sessionsResumed: 0,
      sessionsForgotten: 0,
      wills: { fired: 0, missing: 0, false: 0 },
    })
    const lines = linesOf(faultyReport({ faults: { ...faults, 'node-b-dies': calm } }))
    const first = lines.indexOf('Faults') + 1
    expect(
      lines.slice(
        first,
        lines.findIndex((line) => line.startsWith('  carrier-out')),
      ),
    ).toEqual([
      '  node-b-dies  8 s into measure · ./kill-node b · exit 0 after 110 ms',
      '    detected after 120 ms · restored after 5.1 s · recovered after 6.3 s',
      '    41 lost · 3 duplicated · unavailable: 10.6 % of clients’ time, 4.21 % of messages',
    ])
  })

  test.each([80, 100, 120])('fits %i columns', (width) => {
    const reasons = ['a reason that goes on and on '.repeat(9).trim(), 'another that does so too '.repeat(9).trim()]
    const errors = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`TLS: a reason of some length, number ${i}`, 10 - i]))
    const run = { ...sample.run, insecureTls: true, leftovers: { sessions: 12_000, retained: 14 } }
    const faulty = faultyReport()
    const name = 'a-fault-with-quite-a-long-name-32'
    const faults = { [name]: fault() }
    const plan = { ...faulty.plan, faults: [{ ...faulty.plan.faults[0]!, name, exec: './kill-node '.repeat(20) }] }
    const windows = { [`${name}-during`]: faulty.windows.calm! }
    const lines = linesOf(faultyReport({ reasons, errors, run, faults, plan, windows }), width)
    expect(lines.filter((line) => line.length > width)).toEqual([])
  })

  test('explains the latencies where there is room', () => {
    expect(linesOf(sample, 100).join('\n')).toContain('intended time → subscriber')
    expect(linesOf(sample, 80).join('\n')).not.toContain('→')
  })

  test('has ∞ for what never came and - for what was never wanted', () => {
    const lines = linesOf(sampleReport({ ackUs: emptyLatency() }))
    expect(lines.find((line) => line.startsWith('  end to end'))).toMatch(/9\.54 ms\s+∞/)
    expect(lines.find((line) => line.startsWith('  ack'))).toMatch(/ack\s+0\s+-\s+-\s+-\s+-\s+-\s/)
  })

  test('has colour only when asked, and the same words either way', () => {
    const options = { width: 100, folder: null }
    const colored = renderText(sample, { ...options, color: true })
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')
    expect(colored.match(escapes)?.length).toBeGreaterThan(50)
    expect(colored.replaceAll(escapes, '').replaceAll(/ +$/gm, '')).toBe(renderText(sample, { ...options, color: false }))
  })

  test('lets no control character of a user or broker through', () => {
    const evil = `evil${String.fromCharCode(27)}[2J\nname`
    const { plan } = faultyReport()
    const report = faultyReport({
      run: { ...sample.run, scenario: evil },
      errors: { [evil]: 1 },
      reasons: [evil, evil],
      plan: { ...plan, faults: plan.faults.map((one) => ({ ...one, exec: evil })) },
    })
    expect(
      linesOf(report)
        .join('')
        .match(/\p{Cc}/u),
    ).toBeNull()
  })

  test.each([
    { what: 'the embedded broker', changes: { plan: { ...sample.plan, embedded: true } }, words: 'figures of the embedded broker' },
    { what: 'unverified certificates', changes: { run: { ...sample.run, insecureTls: true } }, words: 'not verified (insecure)' },
    {
      what: 'sessions that were forgotten',
      changes: { sessions: { ...sample.sessions, forgotten: 3 } },
      words: '3 forgotten',
    },
    { what: 'an offline queue', changes: { offline: { queued: 7_000, perSec: 120 } }, words: '120/s to a client' },
    { what: 'how long that took', changes: { unqueueUs: latency(9, 500, 0.1) }, words: 'unqueue' },
    { what: 'wills', changes: { wills: { fired: 1, missing: 0, false: 0 } }, words: 'wills' },
    {
      what: 'messages without a header',
      changes: { deliveries: { ...sample.deliveries, unverified: 1200 } },
      words: '1,200 messages had no room',
    },
    {
      what: 'leftovers',
      changes: { run: { ...sample.run, leftovers: { sessions: 3, retained: 0 } } },
      words: '3 sessions and 0 retained messages',
    },
    {
      what: 'deliveries that stayed on their nodes',
      changes: { pairs: sample.pairs.filter(({ from, to }) => from === to) },
      words: 'Only 0 % of deliveries crossed from one node to another',
    },
    { what: 'refusals of a 3.1.1 broker', changes: { reasonCodes: { CONNACK: { '0x00': 4, '0x05': 3 } } }, words: '3 × CONNACK 0x05' },
    {
      what: 'refusals of any other packet',
      changes: { reasonCodes: { PUBACK: { '0x10': 9, '0x97': 2 } } },
      words: 'Errors     7 × ECONNRESET · 2 × PUBACK 0x97\n',
    },
    {
      what: 'a threshold without a sample',
      changes: { thresholds: [{ expression: 'ack.p99 < 5ms', actual: null, ok: false, note: 'no samples' }] },
      words: '✗  ack.p99 < 5ms  no samples',
    },
  ])('tells of $what, and only then', ({ changes, words }) => {
    expect(linesOf(sample).join('\n')).not.toContain(words)
    expect(linesOf(sampleReport(changes)).join('\n')).toContain(words)
  })

  test('has a matrix of nodes whole or not at all', () => {
    const nodes = sample.plan.nodes.map((node) => ({ ...node, name: `a-node-with-a-rather-long-name-${node.name}` }))
    const pairs = sample.pairs.map((p) => ({ ...p, from: nodes[p.from === 'a' ? 0 : 1]!.name, to: nodes[p.to === 'a' ? 0 : 1]!.name }))
    const report = sampleReport({ pairs, plan: { ...sample.plan, nodes } })
    const matrix = (width: number) => {
      const lines = linesOf(report, width)
      return lines.slice(lines.indexOf('End to end from node to node, p99') + 1)
    }
    expect(matrix(120)[1]).toMatch(/^ {2}from a-node\S+ +5\.08 ms +6\.66 ms$/)
    expect(matrix(80)[0]).toBe('  too wide for this terminal: see the report')
  })

  test.each([
    { what: 'of a cluster', plan: sample.plan, expected: true },
    { what: 'not of a single node', plan: { ...sample.plan, nodes: sample.plan.nodes.slice(0, 1) }, expected: false },
  ])('tells how the nodes were used: $what', ({ plan, expected }) => {
    expect(linesOf(sampleReport({ plan })).some((line) => line.startsWith('Cluster    50 % of deliveries crossed nodes'))).toBe(expected)
  })

  test('leaves tables of one row out, and all but the first rows of very long ones', () => {
    const streams = Object.fromEntries(
      Array.from({ length: 40 }, (_, i): [string, Figures] => [`stream-${i}`, sample.streams.temperature!]),
    )
    expect(linesOf(sample)).not.toContain('Streams')
    const lines = linesOf(sampleReport({ streams }))
    expect(lines).toContain('Streams')
    expect(lines.filter((line) => line.includes('stream-'))).toHaveLength(11)
    expect(lines).toContain('  … and 29 more in the report')
  })
})
