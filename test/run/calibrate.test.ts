/** What a calibration makes of a machine whose ceilings are known; and that its scenarios run, on one that is real. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Plan } from '../../src/load/plan.ts'
import { PlannedMessages } from '../../src/load/rates.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { type Calibration, readCalibration, writeCalibration } from '../../src/machine/calibration.ts'
import type { Report, TimelineRow } from '../../src/report/types.ts'
import { calibrate, type Trial } from '../../src/run/calibrate.ts'
import type { TrialLayout, Tried } from '../../src/run/trial.ts'

interface Machine {
  readonly connects: number
  readonly publishes: readonly [number, number, number]
  readonly receives: number
  readonly clientBytes: number
  readonly processBytes: number
}

const MACHINE: Machine = {
  connects: 21_000,
  publishes: [180_000, 110_000, 60_000],
  receives: 130_000,
  clientBytes: 700,
  processBytes: 21e6,
}
const FACTS = { cpu: 'EPYC', cores: 2, kernel: '6.12.1', openFiles: { soft: 20_000, hard: 20_000 } }
const LAYOUT: TrialLayout = { workers: 1, processes: 1 }

/** What the machine would measure: it does what it is told, up to its ceilings. */
function trialOf(machine: Machine): Trial {
  return async (text, layout) => {
    const plan = loadScenario('trial.yaml', text, { ...NO_OPTIONS, brokers: ['mqtt://h'] })
    const report = {
      clients: { failed: 0, connected: plan.clients },
      sendLagUs: { p50: 300, p99: 900 },
      connectUs: { p99: connectP99(plan, machine) },
      generator: {
        memory: { residentBytes: 60e6 + layout.processes * machine.processBytes + plan.clients * machine.clientBytes },
      },
    }
    return { report: report as unknown as Report, rows: rowsOf(plan, machine) as TimelineRow[] }
  }
}

function connectP99({ groups, clients }: Plan, { connects }: Machine): number {
  const seconds = groups[0]!.connect.overS
  return 3000 + 1e6 * Math.max(0, clients / connects - seconds)
}

function rowsOf(plan: Plan, { publishes, receives }: Machine): Partial<TimelineRow>[] {
  const entry = plan.groups.flatMap(({ publish }) => publish)[0]
  if (entry === undefined) return []
  const planned = new PlannedMessages(plan)
  const ceiling = publishes[[0, 1, 2].find((qos) => entry.qosShares[qos as 0 | 1 | 2] === 1)!]!
  const subscribers = plan.groups.filter(({ subscribe }) => subscribe.length > 0).reduce((sum, { clients }) => sum + clients, 0)
  return Array.from({ length: plan.phases.measureUs / 1e6 }, (_, second) => {
    const plannedPerSec = planned.between(1 + second, 2 + second)
    const sentPerSec = Math.min(ceiling, plannedPerSec)
    return { plannedPerSec, sentPerSec, receivedPerSec: Math.min(receives, sentPerSec * subscribers) }
  })
}

describe('a calibration', () => {
  test('finds the ceilings from below, in the order of its steps, and says how', async () => {
    const steps: string[] = []
    const found = await calibrate({ facts: FACTS, layout: LAYOUT, trial: trialOf(MACHINE), onStep: (what) => steps.push(what) })
    expectNear(found, MACHINE)
    expect(found.bytesPerIdleClient).toMatchObject({ value: 700, workers: 2, processes: 2 })
    expect(found.bytesPerProcess).toMatchObject({ value: 21e6, workers: 6, processes: 6 })
    expect(found.timerLatenessUs).toMatchObject({ value: { p50: 300, p99: 900 }, workers: 1, processes: 1 })
    expect(steps).toEqual([
      'timers',
      'connects',
      'publishes of QoS 0',
      'publishes of QoS 1',
      'publishes of QoS 2',
      'receives',
      'the memory of a process',
      'the memory of a client',
    ])
  })

  test('of a machine ten times as large has ten times the figures', async () => {
    const large: Machine = { ...MACHINE, connects: 210_000, publishes: [1.8e6, 1.1e6, 0.6e6] }
    const layout = { workers: 16, processes: 1 }
    expectNear(await calibrate({ facts: FACTS, layout, trial: trialOf(large), onStep() {} }), large)
  })

  test('can be written and read, for this machine alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mqtt-scale-calibrate-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const found = await calibrate({ facts: FACTS, layout: LAYOUT, trial: trialOf(MACHINE), onStep() {} })
    const path = join(folder, 'new', 'calibration.json')
    writeCalibration(path, found)
    expect(readCalibration(path, found.machine)).toEqual({ calibration: found, problem: null })
    expect(readCalibration(path, { ...found.machine, cores: 4 }).calibration).toBeNull()
  })

  test.each([
    { what: 'connects', machine: { ...MACHINE, connects: 3000 }, words: '4000 connects a second' },
    { what: 'publishes', machine: { ...MACHINE, publishes: [0, 1, 1] as const }, words: 'publishing' },
    { what: 'receives', machine: { ...MACHINE, receives: 100 }, words: 'receiving' },
  ])('says of a machine with no time for $what that it is too busy', async ({ machine, words }) => {
    const found = calibrate({ facts: FACTS, layout: LAYOUT, trial: trialOf(machine), onStep() {} })
    await expect(found).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(`too busy to be calibrated: ${words}`) })
  })
})

/** A rate is no more than the ceiling, and not far below: by a step of its search. */
function expectNear({ connectsPerSec, publishesPerSec, receivesPerSec }: Calibration, machine: Machine): void {
  const pairs = [
    [connectsPerSec.value, machine.connects],
    ...([0, 1, 2] as const).map((qos) => [publishesPerSec[qos].value, machine.publishes[qos]] as const),
    [receivesPerSec.value, machine.receives],
  ] as const
  for (const [found, ceiling] of pairs) {
    expect(found / ceiling).toBeLessThanOrEqual(1.11)
    expect(found / ceiling).toBeGreaterThan(0.85)
  }
}

describe.runIf(process.platform === 'linux')('a trial', () => {
  test('against a sink has the rows of measure, and everything arrives', async () => {
    const dist = (path: string) => import(new URL(`../../dist/${path}`, import.meta.url).href)
    const { startSink } = (await dist('sink/sink.js')) as typeof import('../../src/sink/sink.ts')
    const { tryOut } = (await dist('run/trial.js')) as typeof import('../../src/run/trial.ts')
    const folder = mkdtempSync(join(tmpdir(), 'mqtt-scale-trial-'))
    const sink = await startSink({ address: '127.0.0.1', port: 0, processes: 2 })
    onTestFinished(async () => {
      await sink.stop()
      rmSync(folder, { recursive: true, force: true })
    })
    const text = `groups: { all: { clients: 20, publish: [{ topic: "t/{client}", rate: 200/s, qos: 1 }], subscribe: [{ filter: "t/{client}" }] } }
settle: 100ms
phases: { warmUp: 0s, measure: 2s, drain: 3s }`
    const { report, rows }: Tried = await tryOut(text, `mqtt://127.0.0.1:${sink.port}`, folder, { workers: 2, processes: 2 })
    expect(report).toMatchObject({ status: 'passed', clients: { connected: 20 }, deliveries: { owed: 400, received: 400 } })
    expect(report.generator).toMatchObject({ processes: 2, workers: 2, sentinel: null })
    expect(rows.length).toBeGreaterThanOrEqual(1)
    expect(new Set(rows.map(({ phase }) => phase))).toEqual(new Set(['measure']))
    expect(await sink.counts()).toMatchObject({ connects: 20, publishes: [0, 400, 0], deliveries: 400 })
  }, 20_000)
})
