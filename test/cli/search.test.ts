import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SearchReport } from '../../src/capacity/types.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { folder, tool } from './tool.ts'

/** 200 messages a second at full load: in a second so few that only the slowest says something. */
const SCENARIO = `name: quick
settle: 0s
sentinel: false
groups:
  devices:
    clients: 4
    connect: { at: once }
    publish: [{ topic: "t/{client}", every: 20ms, qos: 1 }]
  watcher:
    connect: { at: once }
    subscribe: [{ filter: "t/+", qos: 1 }]
phases: { warmUp: 200ms, measure: 1s, drain: 3s }
thresholds: [endToEnd.max < 1s]
`
const SHORT = ['--trial', '1s', '--confirm', '1s', '--cool-down', '10ms']

function withScenario(): string {
  const cwd = folder()
  writeFileSync(join(cwd, 'quick.yaml'), SCENARIO)
  return cwd
}

/** A broker that is at once up to so many messages a second, and hopelessly late above: a queue without an end, as a delay. */
async function limited(perSec: number): Promise<string> {
  const times: number[] = []
  const broker = await startLyingBroker({
    lie: {
      delay: () => {
        const now = performance.now()
        times.push(now)
        while (times[0]! < now - 500) times.shift()
        return times.length > perSec / 2 ? 1300 : 2
      },
    },
  })
  onTestFinished(() => broker.close())
  return broker.url
}

const readSearch = (path: string): SearchReport => JSON.parse(readFileSync(path, 'utf8'))

/** A machine that other tests keep busy makes trials invalid, as it should. */
describe('search', { retry: 2 }, () => {
  test('finds the rate of a broker whose limit is hidden, and goes on where it was cut short', { timeout: 240_000 }, async () => {
    const cwd = withScenario()
    const url = await limited(500)
    const args = ['search', 'quick.yaml', '--broker', url, ...SHORT, '--out', 's', '--width', '50%']
    let isAsked = false
    const cut = await tool(args, {
      cwd,
      onStderr: (text, child) => void (!isAsked && /^trial 3 /m.test(text) && (isAsked = child.kill('SIGINT'))),
    })
    expect(cut.code).toBe(130)
    expect(cut.stderr).toContain('the search is in s; with --out s the same command goes on\n')
    const kept = readSearch(join(cwd, 's/search.json')).series[0]!.trials
    expect(kept.length).toBeGreaterThanOrEqual(3)
    const { code, stdout, stderr } = await tool(args, { cwd })
    expect({ code, first: stdout.split('\n')[0] }).toEqual({
      code: 0,
      first: expect.stringMatching(/^✓ found {2}the SLO holds up to somewhere between/),
    })
    // The trials of before were not made again.
    expect(stderr).not.toMatch(/^trial [123] /m)
    expect(stderr).toContain(`goes on after trial ${kept.length}\n`)
    const { series, ...rest } = readSearch(join(cwd, 's/search.json'))
    expect(rest).toMatchObject({ schema: 'mqtt-scale/search@1', vary: 'rate', slo: ['endToEnd.max < 1s'] })
    const [{ low, high, limit, trials }] = series as [SearchReport['series'][number]]
    expect(low).toBeLessThanOrEqual(500)
    expect(high).toBeGreaterThanOrEqual(500)
    expect(high! / low!).toBeLessThanOrEqual(1.5 + 1e-9)
    expect(limit).toMatch(/endToEnd\.max < 1s/)
    expect(trials.slice(0, kept.length)).toEqual(kept)
    // Each trial has a report of its own, with the SLO as its threshold.
    expect(readdirSync(join(cwd, 's/trials'))).toHaveLength(trials.length)
    const report = JSON.parse(readFileSync(join(cwd, 's', trials[0]!.path, 'report.json'), 'utf8'))
    expect(report.thresholds).toMatchObject([{ expression: 'endToEnd.max < 1s' }])
    expect(readFileSync(join(cwd, 's/search.html'), 'utf8')).toContain('endToEnd.max against load')
    const again = await tool(args, { cwd })
    expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 2, stderr: expect.stringContaining('s has a search that is over') })
  })

  /** A hundred and fifty clients are the most that a process with so few files may have: the next load is beyond it at once. */
  async function idle(): Promise<{ cwd: string; args: string[] }> {
    const cwd = withScenario()
    const scenario =
      'settle: 0s\ngroups: { devices: { clients: 150, connect: { at: once } } }\nphases: { warmUp: 0s, measure: 1s, drain: 0s }\n'
    writeFileSync(join(cwd, 'idle.yaml'), scenario)
    const broker = await startLyingBroker({})
    onTestFinished(() => broker.close())
    const args = ['search', 'idle.yaml', '--vary', 'clients', '--slo', 'connect.max < 1s', '--processes', '1', ...SHORT, '--out', 's']
    return { cwd, args: [...args, '--broker', broker.url] }
  }
  const openFiles = 256

  test('sets the cluster to each size by the command, takes as many brokers, and says why there is no law', async () => {
    const { cwd, args } = await idle()
    const more = ['--broker', args.at(-1)!, '--nodes', '1,2', '--each', 'echo $NODES >> sizes', '--json']
    const { code, stdout } = await tool([...args, ...more], { cwd, openFiles })
    const { series, scaling } = JSON.parse(stdout) as SearchReport
    expect(code).toBe(4)
    expect(series).toMatchObject([
      { nodes: 1, status: 'generatorLimited', low: 150, high: null },
      { nodes: 2, status: 'generatorLimited', low: 150, high: null },
    ])
    for (const { nodes, trials } of series) {
      const report = JSON.parse(readFileSync(join(cwd, 's', trials[0]!.path, 'report.json'), 'utf8'))
      expect(report.plan.nodes).toHaveLength(nodes!)
    }
    expect(scaling).toMatchObject({ law: null, refusal: { measure: 'search at four sizes or more, three times each' } })
    expect(readFileSync(join(cwd, 'sizes'), 'utf8')).toBe('1\n2\n')
    expect(readFileSync(join(cwd, 's/search.html'), 'utf8')).toContain('connect.max against load, 2 nodes')
  })

  test('says that the generator was the limit, and exits with 0 where it was to go that far', async () => {
    const { cwd, args } = await idle()
    const { code, stdout } = await tool([...args, '--until', 'generator'], { cwd, openFiles })
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^! limited by the generator {2}capacity is at least 150 clients: at\s+\d+\s+the\s+generator\s+was\s+the\s+limit\s+\(/,
      ),
    })
  })

  test('ends with a broker that dies, which is no limit of anything, and can go on', async () => {
    const cwd = withScenario()
    const broker = await startLyingBroker({})
    const args = ['search', 'quick.yaml', '--broker', broker.url, ...SHORT, '--until', 'generator', '--out', 's']
    const { code, stderr } = await tool(args, {
      cwd,
      onStderr: (text) => void (/^trial 1 /m.test(text) && broker.close()),
    })
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('error: ') })
    const { series } = readSearch(join(cwd, 's/search.json'))
    expect(series).toMatchObject([{ status: 'interrupted', trials: [{ verdict: 'good' }] }])
  })

  test.each([
    { args: ['--vary', 'connectRate'], words: /--vary connectRate: all groups connect at once/ },
    { args: ['--vary', 'speed'], words: /expected one of rate, clients, connectRate, fanOut/ },
    { args: ['--slo', 'endToEnd.p98 < 5ms'], words: /--slo endToEnd\.p98 < 5ms: unknown metric/ },
    { args: ['--nodes', '1,2'], words: /--nodes 1: there are 0 --broker/ },
    { args: ['--nodes', '1,x'], words: /expected sizes such as 1,2,4/ },
    { args: ['--each', 'true'], words: /--each is of --nodes/ },
    { args: ['--broker', 'mqtt://127.0.0.1:1', '--set', 'groups.devices.connect.timeout=300ms', '--skip-probe'], words: /error: / },
  ])('$args is wrong: $words', async ({ args, words }) => {
    const cwd = withScenario()
    const { code, stdout, stderr } = await tool(['search', 'quick.yaml', ...SHORT, ...args, '--out', 's'], { cwd })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(words)
  })

  test('does not touch a folder with another search', async () => {
    const cwd = withScenario()
    mkdirSync(join(cwd, 's'))
    writeFileSync(join(cwd, 's/search.json'), '{"schema":"mqtt-scale/search@1"}')
    const { code, stderr } = await tool(['search', 'quick.yaml', '--out', 's'], { cwd })
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('is not that of a search') })
    expect(existsSync(join(cwd, 's/trials'))).toBe(false)
  })
})
