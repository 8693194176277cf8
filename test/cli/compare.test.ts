import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type CompareFlags, compare } from '../../src/cli/compare.ts'
import type { Run } from '../../src/compare/runs.ts'
import { counts, side } from '../compare/sample-runs.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { folder, QUICK, tool } from './tool.ts'

/** A folder with the runs of two sides, each a report folder. */
function withSides(base: readonly Run[], candidate: readonly Run[]): string {
  const cwd = folder()
  for (const { path, report } of [...base, ...candidate]) {
    mkdirSync(join(cwd, path), { recursive: true })
    writeFileSync(join(cwd, path, 'report.json'), JSON.stringify(report))
  }
  return cwd
}

const SIDES = ['compare', '--base', 'base', '--candidate', 'candidate']

describe('compare', () => {
  const scatter = [0.9, 1.1, 1, 0.95, 1.05]
  test.each([
    { what: 'ok', base: {}, candidate: {}, code: 0, first: /^✓ ok {2}no gate is worse/ },
    { what: 'an improvement', base: {}, candidate: { medianUs: 1500 }, code: 0, first: /^✓ improvement {2}endToEnd\.p50 −25/ },
    { what: 'a regression', base: {}, candidate: { medianUs: 2500 }, code: 3, first: /^✗ REGRESSION {2}endToEnd\.p50 \+25/ },
    { what: 'inconclusive', base: { scatter }, candidate: { scatter }, code: 5, first: /^! inconclusive {2}endToEnd\.p50/ },
    {
      what: 'not gated',
      base: { count: 1 },
      candidate: { count: 1, medianUs: 2500 },
      code: 0,
      first: /^! not gated {2}1 run of base and 1 run of candidate/,
    },
  ])('exits with $code where it is $what', async ({ base, candidate, code, first }) => {
    const cwd = withSides(side('base', base), side('candidate', candidate))
    const ended = await tool(SIDES, { cwd })
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code, stderr: '' })
    expect(ended.stdout).toMatch(first)
  })

  test('takes gates, a format, and further forms as files', async () => {
    const cwd = withSides(side('base'), side('candidate', { medianUs: 2500 }))
    const forms = ['md=c.md', 'junit=c.xml', 'html=c.html', 'text=c.txt']
    const flags = [
      '--gate',
      'ack.p99=10%',
      '--gate',
      'endToEnd.p50=30%',
      '--format',
      'json',
      ...forms.flatMap((form) => ['--report', form]),
    ]
    const { code, stdout } = await tool([...SIDES, ...flags], { cwd })
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'ok', gates: [{ metric: 'ack.p99' }, { metric: 'endToEnd.p50', margin: 0.3 }] })
    expect(code).toBe(0)
    const starts = { 'c.md': '### ✅ ok', 'c.xml': '<?xml', 'c.html': '<!doctype html>', 'c.txt': '✓ ok' }
    for (const [file, start] of Object.entries(starts)) expect(readFileSync(join(cwd, file), 'utf8').startsWith(start)).toBe(true)
  })

  test('refuses apples and oranges with 2 and a way out', async () => {
    const [sample] = side('candidate')
    const changes = () => ({ host: { ...sample!.report.host, cores: 64 } })
    const cwd = withSides(side('base'), side('candidate', { changes }))
    const refused = await tool(SIDES, { cwd })
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(/different machines/)
    expect(refused.stderr).toMatch(/hint: .*--allow host/)
    const allowed = await tool([...SIDES, '--allow', 'host'], { cwd })
    expect(allowed.code).toBe(0)
    expect(allowed.stdout).toMatch(/Compared all the same \(--allow host\)/)
  })

  test('says what a loss was, whatever the latencies are', async () => {
    const changes = (i: number) => ({ qos: { 1: { deliveries: counts({ lost: i }) } } })
    const { code, stdout } = await tool(SIDES, { cwd: withSides(side('base'), side('candidate', { medianUs: 1500, changes })) })
    expect(code).toBe(3)
    expect(stdout).toMatch(/^✗ REGRESSION {2}lost, QoS 1: 10 of 50,000, in 4 runs, which MQTT forbids/)
  })

  test('--aa says how much runs scatter, in the forms it has', async () => {
    const cwd = withSides(side('base', { count: 8 }), [])
    const { code, stdout } = await tool(['compare', '--aa', 'base', '--report', 'json=aa.json'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^0 % of 1,000 comparisons of 4 of these runs with 4 others/)
    expect(JSON.parse(readFileSync(join(cwd, 'aa.json'), 'utf8'))).toMatchObject({ schema: 'mqtt-scale/aa@1', runs: 8 })
    expect((await tool(['compare', '--aa', 'base', '--format', 'junit'], { cwd })).stderr).toMatch(/--aa has no junit/)
  })

  test('says what is wrong with its arguments, and prints nothing', async () => {
    const { code, stdout, stderr } = await tool([...SIDES, '--format', 'csv'], { cwd: withSides(side('base', { count: 1 }), []) })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/expected one of text, md, json, junit, html/)
  })

  test.each([
    { names: [], flags: {}, words: 'say what to compare' },
    { names: ['stray'], flags: { base: ['a'], candidate: ['b'] }, words: 'stray is on no side' },
    { names: [], flags: { base: ['a'] }, words: '--candidate is missing' },
    { names: [], flags: { candidate: ['a'] }, words: '--base is missing' },
    { names: [], flags: { base: ['a'], aa: 'a' }, words: 'say what to compare' },
    { names: [], flags: { base: ['nowhere'], candidate: ['nowhere'] }, words: 'can’t read nowhere (ENOENT)' },
    { names: ['mqtt://127.0.0.1:1'], flags: { ab: true }, words: '--ab takes two brokers and a scenario, or two scenarios' },
    { names: [], flags: { base: ['a'], candidate: ['b'], gate: ['endToEnd.p99'] }, words: '--gate endToEnd.p99: expected METRIC=MARGIN' },
    { names: [], flags: { base: ['a'], candidate: ['b'], allow: ['hots'] }, words: '--allow hots: there is no such rule' },
  ])('$names with $flags is wrong: $words', async ({ names, flags, words }) => {
    const all: CompareFlags = {
      gate: [],
      allow: [],
      report: [],
      format: 'text',
      broker: [],
      set: [],
      label: [],
      metrics: [],
      allowTarget: [],
      ...flags,
    }
    await expect(compare(names, all)).rejects.toThrow(words.replace('’', "'"))
  })
})

/** A machine that other tests keep busy makes runs invalid, and too many of those end a series, as they should. */
describe('compare --ab', { retry: 2 }, () => {
  test('makes runs of both sides in turn, and finds the broker that is slower', { timeout: 60_000 }, async () => {
    const [base, candidate] = await Promise.all([slow(20), slow(40)])
    const cwd = folder()
    writeFileSync(join(cwd, 'quick.yaml'), QUICK)
    const { code, stdout, stderr } = await tool(
      ['compare', '--ab', base, candidate, 'quick.yaml', '--runs', '2', '--out', 'ab', '--format', 'json'],
      { cwd },
    )
    expect(stderr.match(/^(base|candidate) \d of 2$/gm)).toEqual(['base 1 of 2', 'candidate 1 of 2', 'candidate 2 of 2', 'base 2 of 2'])
    const result = JSON.parse(stdout)
    expect({ code, verdict: result.verdict }).toEqual({ code: 3, verdict: 'regression' })
    expect(result.gates[0]).toMatchObject({ metric: 'endToEnd.p50', ratio: expect.closeTo(2, 0), verdict: 'regression' })
    expect(result.base.map(({ path }: { path: string }) => path)).toEqual(['ab/base/1', 'ab/base/2'])
    // What was made can be compared again, and is not written over.
    expect((await tool(['compare', '--base', 'ab/base', '--candidate', 'ab/candidate'], { cwd })).code).toBe(3)
    const again = await tool(['compare', '--ab', base, candidate, 'quick.yaml', '--out', 'ab'], { cwd })
    expect({ code: again.code, stderr: again.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('ab/base/1 has a report already'),
    })
  })

  test('refuses two scenarios of different loads before the first run', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'a.yaml'), QUICK)
    writeFileSync(join(cwd, 'b.yaml'), QUICK.replace('every: 100ms', 'every: 50ms'))
    const { code, stderr } = await tool(['compare', '--ab', 'a.yaml', 'b.yaml', '--out', 'ab'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toMatch(/a\.yaml and b\.yaml are different loads .*\nhint: .*--allow scenario/)
    expect(existsSync(join(cwd, 'ab'))).toBe(false)
  })

  test('ends with the first interrupt, and says what to do with what there is', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'quick.yaml'), QUICK.replace('measure: 1s', 'measure: 30s'))
    let isAsked = false
    const { code, stdout, stderr } = await tool(['compare', '--ab', 'quick.yaml', 'quick.yaml', '--out', 'ab'], {
      cwd,
      onStderr: (text, child) => {
        if (!isAsked && text.includes('measure')) isAsked = child.kill('SIGINT')
      },
    })
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr).toMatch(/base 1 was interrupted: .*; it is kept in ab\/invalid\/base-1\nthe series ended after 0 and 0 of 5 runs/)
    expect(readdirSync(join(cwd, 'ab/base'))).toEqual([])
    expect(JSON.parse(readFileSync(join(cwd, 'ab/invalid/base-1/report.json'), 'utf8')).status).toBe('interrupted')
  })

  /** The URL of a broker whose deliveries take so long. */
  async function slow(delayMs: number): Promise<string> {
    const broker = await startLyingBroker({ lie: { delay: () => delayMs } })
    onTestFinished(() => broker.close())
    return broker.url
  }
})
