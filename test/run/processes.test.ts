import { beforeAll, describe, expect, it } from 'vitest'
import type { Member } from '../../src/run/member.ts'
import { type Intended, intended } from '../helpers/events.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { type Finished, runScenario } from '../helpers/run.ts'

/**
 * However a run's workers are spread over processes, what they intend is the same to the microsecond, and what they report the same to the message.
 */

const scenario = `
name: any-processes
settle: 100ms
topics: { region: [eu, us], plant: 4 }
groups:
  sensors:
    clients: 29
    cleanSession: { true: 70%, false: 30% }
    connect: { over: 200ms }
    publish:
      - { name: a, topic: "{region}/{plant}/{client}/a", every: 100ms, qos: { 0: 50%, 1: 30%, 2: 20% }, payload: { bytes: 64 } }
      - { name: b, topic: "{region}/{plant}/{client}/b", rate: 100/s, arrival: poisson, payload: { bytes: 32 } }
  boards: { clients: 5, subscribe: [{ filter: "{region}/{plant}/#", qos: 1 }] }
  workers: { clients: 3, subscribe: [{ filter: "$share/g/{region}/+/+/b", qos: 1 }] }
phases: { warmUp: 200ms, measure: { calm: 1s, storm: 1s }, drain: 5s }
`

const LAYOUTS = [
  { processes: 1, workers: 1 },
  { processes: 2, workers: 2 },
  { processes: 4, workers: 4 },
  { processes: 2, workers: 5 },
]

describe('a run with 1, 2 and 4 processes, and with several workers in each', () => {
  const runs: { events: ReturnType<Intended['events']>; finished: Finished }[] = []

  beforeAll(async () => {
    for (const layout of LAYOUTS) {
      const { lie, events } = intended()
      const broker = await startLyingBroker({ lie })
      const finished = await runScenario(scenario, [broker.url], { ...layout, seed: 5 })
      await broker.close()
      runs.push({ events: events(), finished })
    }
  })

  it('intends the same events', () => {
    expect(runs[0]!.events.count).toBeGreaterThan(500)
    for (const { events } of runs) expect(events).toEqual(runs[0]!.events)
  })

  it('reports the same counts, in all and in each part', () => {
    const countsOf = ({ report }: Finished) => ({
      clients: report.clients,
      subscriptions: report.subscriptions,
      publishes: report.publishes,
      deliveries: report.deliveries,
      groups: Object.values(report.groups).map(({ publishes, deliveries }) => [publishes, deliveries]),
      windows: Object.values(report.windows).map(({ publishes, deliveries }) => [publishes, deliveries]),
      samples: [report.endToEndUs.count, report.ackUs.count, report.sendLagUs.count],
    })
    const [first, ...others] = runs.map(({ finished }) => countsOf(finished))
    expect(first!.deliveries).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, unexpected: 0 })
    for (const other of others) expect(other).toEqual(first)
  })

  it('says what it was made of', () => {
    const made = runs.map(({ finished }) => finished.report.generator)
    expect(made.map(({ processes, workers }) => ({ processes, workers }))).toEqual(LAYOUTS)
    expect(made.map(({ threads }) => threads.length)).toEqual([1, 2, 4, 5])
    for (const { cpu, memory, files } of made) {
      expect(cpu.processCores).toBeGreaterThan(0)
      expect(memory.residentBytes).toBeGreaterThan(30e6)
      expect(files.used).toBeGreaterThan(0)
    }
    // Of two processes each has half the sockets.
    expect(made[1]!.files.used).toBeLessThan(made[0]!.files.used)
  })
})

describe('a process that is killed', () => {
  it('leaves the others to it: degraded, exit 4, and what it had told is kept', async () => {
    const broker = await startLyingBroker()
    const text = `
name: loss
settle: 100ms
groups:
  sensors: { clients: 4, publish: [{ topic: "t/{client}", every: 20ms, payload: { bytes: 32 } }] }
  boards: { clients: 2, subscribe: [{ filter: "t/#" }] }
phases: { warmUp: 0s, measure: 4s, drain: 2s }
`
    let kill: () => void
    const { report, exitCode } = await runScenario(text, [broker.url], {
      workers: 2,
      processes: 2,
      onController: (controller) => {
        const { crew } = controller as unknown as { crew: { members: Member[] } }
        kill = () => crew.members[1]!.kill()
      },
      onPhase: (phase) => {
        if (phase === 'measure') void broker.until((counts) => counts.published >= 500).then(() => kill())
      },
    })
    await broker.close()
    expect(exitCode).toBe(4)
    expect(report.reasons.join()).toMatch(/process 2 of 2 ended early: ended by SIGKILL/)
    // 2 publishers to the subscriber that lived: 400 each. Of the others what arrived, less the last second that was not told.
    const { owed, received, lost } = report.deliveries
    expect({ lost, owed }).toEqual({ lost: 0, owed: received })
    expect(received).toBeGreaterThan(600)
    expect(received).toBeLessThan(1200)
    expect(report.endToEndUs.count).toBe(received)
    expect(report.publishes.sent).toBeGreaterThan(450)
  })
})
