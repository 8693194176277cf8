import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { folder, QUICK, tool } from '../cli/tool.ts'
import { type LyingBroker, type LyingBrokerOptions, startLyingBroker } from '../helpers/lying-broker.ts'
import { runScenario } from '../helpers/run.ts'

/** The sentinel beside runs: what it measures, and that it neither shows in their counts nor can break them. */
async function lying(options: LyingBrokerOptions = {}): Promise<LyingBroker> {
  const broker = await startLyingBroker(options)
  onTestFinished(() => broker.close())
  return broker
}

const SENTINEL = { sentinel: true } as const
const isOurs = (topic: string): boolean => topic.startsWith('mqtt-scale/sentinel/')

/** Two publishers, and one subscriber that gets everything that the broker has, the sentinel's messages too. */
const scenario = (measure = '1s', more = ''): string => `name: watched
settle: 0s
sentinel: { rate: 100/s }
groups:
  devices:
    clients: 2
    connect: { at: once }
    publish: [{ topic: "t/{client}", every: 100ms }]
  watcher:
    connect: { at: once }
    subscribe: [{ filter: "#" }]
phases: { warmUp: 500ms, measure: ${measure}, drain: 1s }
${more}
`

/** The sentinel's process, which a process has started. */
function sentinelOf(parent: number): number {
  return Number(execFileSync('pgrep', ['-P', String(parent), '-f', 'run/sentinel.js sentinel'], { encoding: 'utf8' }))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false // no such process
  }
}

/** A machine that other tests keep busy makes a figure worse, not wrong: such a run is tried again. */
describe('the sentinel', { retry: 2 }, () => {
  test('measures the same node, on its schedule, and is in none of the counts', async () => {
    const broker = await lying()
    const { report } = await runScenario(scenario(), [broker.url], SENTINEL)
    const watched = broker.connects.filter(({ clientId }) => /^mqtt-scale-(pub|sub)-\w{6}$/.test(clientId))
    expect(watched).toHaveLength(2)
    const { sentinel } = report.generator
    expect(sentinel).toMatchObject({ status: 'ok', ratePerSec: 100, count: 100 })
    expect(sentinel!.p50Us).toBeGreaterThan(0)
    expect(sentinel!.p99Us).toBeGreaterThanOrEqual(sentinel!.p50Us!)
    expect(report.deliveries).toMatchObject({ owed: 20, received: 20, excused: 0, unexpected: 0, duplicated: 0 })
    expect(report.clients).toMatchObject({ planned: 3, connected: 3 })
    // Three seconds' worth of messages at 20 a second, without 100 a second of the sentinel's.
    expect(Math.max(...report.timeline.map(({ receivedPerSec }) => receivedPerSec))).toBeLessThan(40)

    const other = await lying()
    const without = await runScenario(scenario(), [other.url])
    expect(without.report.generator.sentinel).toBeNull()
    expect(other.connects).toHaveLength(3)
    expect(without.report.bytes).toEqual(report.bytes)
    expect(without.report.deliveries).toEqual(report.deliveries)
  })

  test('counts what never comes back as infinitely late', async () => {
    let n = 0
    const broker = await lying({
      lie: { drop: ({ topic, subscriber }) => isOurs(topic) && subscriber.startsWith('mqtt-scale-') && n++ % 10 === 0 },
    })
    const { report } = await runScenario(scenario(), [broker.url], SENTINEL)
    expect(report.generator.sentinel).toMatchObject({ status: 'ok', count: 100, p50Us: expect.any(Number), p99Us: null })
    expect(report.generator.checks.map(({ name }) => name)).not.toContain('sentinel')
  })

  test('is unavailable where nothing of it comes back, which is no verdict', async () => {
    const broker = await lying({ lie: { drop: ({ topic }) => isOurs(topic) } })
    const { report, exitCode } = await runScenario(scenario(), [broker.url], SENTINEL)
    expect(report.generator.sentinel).toEqual({ status: 'unavailable', ratePerSec: 100, count: 0, p50Us: null, p99Us: null })
    expect({ exitCode, checks: report.generator.checks.filter(({ name }) => name === 'sentinel') }).toEqual({ exitCode: 0, checks: [] })
  })

  test('makes a run suspect that is far slower than it is', async () => {
    const broker = await lying({ lie: { delay: ({ topic }) => (isOurs(topic) ? 0 : 200) } })
    const { report, exitCode } = await runScenario(scenario('3s'), [broker.url], SENTINEL)
    const check = report.generator.checks.find(({ name }) => name === 'sentinel')
    expect(check).toMatchObject({ ok: false, level: 'suspect', value: report.endToEndUs.p99 })
    expect(check!.words).toContain('an independent client (the sentinel)')
    expect({ suspect: report.generator.suspect, status: report.status, exitCode }).toEqual({ suspect: true, status: 'passed', exitCode: 0 })
  })

  test('is content with a run that is as slow as it is', async () => {
    const broker = await lying({ lie: { delay: () => 200 } })
    const { report } = await runScenario(scenario('3s'), [broker.url], SENTINEL)
    expect(report.generator.checks.find(({ name }) => name === 'sentinel')).toMatchObject({ ok: true })
  })

  test('publishes on one node and subscribes on another', async () => {
    const brokers = [await lying(), await lying()]
    const more = 'brokers: [{ name: a, url: "mqtt://x" }, { name: b, url: "mqtt://x" }]'
    const { report } = await runScenario(
      scenario('1s', more),
      brokers.map(({ url }) => url),
      SENTINEL,
    )
    const parts = brokers.map(({ connects }) =>
      connects.map(({ clientId }) => clientId.slice(0, 15)).filter((id) => id.startsWith('mqtt-scale')),
    )
    expect(parts).toEqual([['mqtt-scale-pub-'], ['mqtt-scale-sub-']])
    // These two are no cluster.
    expect(report.generator.sentinel!.status).toBe('unavailable')
  })

  test('ends its measure where the run is interrupted', async () => {
    const broker = await lying()
    let interrupt = () => {}
    const { report, exitCode } = await runScenario(scenario('30s'), [broker.url], {
      ...SENTINEL,
      onController: (controller) => {
        interrupt = () => controller.interrupt()
      },
      onPhase: (phase) => phase === 'measure' && interrupt(),
    })
    expect({ exitCode, status: report.generator.sentinel!.status }).toEqual({ exitCode: 130, status: 'ok' })
    expect(report.generator.sentinel!.count).toBeLessThan(100)
  })

  test('that is killed does not break the run', async () => {
    const broker = await lying()
    const onPhase = (phase: string) => phase === 'measure' && process.kill(sentinelOf(process.pid), 'SIGKILL')
    const { report, exitCode } = await runScenario(scenario(), [broker.url], { ...SENTINEL, onPhase })
    expect(report.generator.sentinel!.status).toBe('unavailable')
    expect({ exitCode, received: report.deliveries.received }).toEqual({ exitCode: 0, received: 20 })
  })

  test('that is not let in keeps nobody waiting but for a moment', async () => {
    const broker = await lying({ lie: { refuseConnect: (clientId) => (clientId.startsWith('mqtt-scale-') ? 5 : null) } })
    const { report, exitCode } = await runScenario(scenario(), [broker.url], SENTINEL)
    expect({ exitCode, status: report.generator.sentinel!.status }).toEqual({ exitCode: 0, status: 'unavailable' })
  })

  test('ends with its run, and also with a parent that dies', async () => {
    const broker = await lying()
    await runScenario(scenario(), [broker.url], SENTINEL)
    expect(() => sentinelOf(process.pid)).toThrow()

    let pid = 0
    const cwd = folder()
    writeFileSync(join(cwd, 'quick.yaml'), QUICK)
    await tool(['run', 'quick.yaml', '--duration', '60s'], {
      cwd,
      onStderr(text, child) {
        if (pid > 0 || !text.includes('measure')) return
        pid = sentinelOf(child.pid!)
        child.kill('SIGKILL')
      },
    })
    expect(pid).toBeGreaterThan(0)
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 5000)
  })
})
