import { beforeAll, describe, expect, it } from 'vitest'
import type { Member } from '../../src/run/member.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, type Finished, headerOf, runScenario } from '../helpers/run.ts'

/** The same scenario and seed give the same traffic for any number of workers; and what a worker takes with it when it dies is said. */

const scenario = `
name: any-workers
settle: 100ms
topics: { region: [eu, us], plant: 4 }
groups:
  sensors:
    clients: 23
    cleanSession: { true: 70%, false: 30% }
    connect: { over: 200ms }
    publish:
      - { name: a, topic: "{region}/{plant}/{client}/a", every: 100ms, qos: { 0: 50%, 1: 30%, 2: 20% }, payload: { bytes: 64 } }
      - { name: b, topic: "{region}/{plant}/{client}/b", rate: 100/s, arrival: poisson, payload: { json: { v: { random: { min: 0, max: 9 } } } } }
      - { name: hello, topic: "{region}/{plant}/{client}/hello", on: connect, qos: 1, payload: { bytes: 40 } }
  boards: { clients: 5, subscribe: [{ filter: "{region}/{plant}/#", qos: 1 }] }
phases: { warmUp: 200ms, measure: 1s, drain: 3s }
`

describe('a run with 1, 2 and 3 workers', () => {
  const runs: { seen: string[]; finished: Finished }[] = []

  beforeAll(async () => {
    for (const workers of [1, 2, 3]) {
      const seen: string[] = []
      const broker = await startLyingBroker({
        lie: {
          noAck: (m) => {
            const { entry, seq } = headerOf(m.payload)
            seen.push([m.clientId.split('-').slice(1).join('-'), m.topic, entry, seq, m.qos, m.payload.length].join(' '))
            return false
          },
        },
      })
      const finished = await runScenario(scenario, [broker.url], { workers, seed: 5 })
      await broker.close()
      runs.push({ seen: seen.sort(), finished })
    }
  })

  it('publishes the same messages', () => {
    expect(runs[0]!.seen.length).toBeGreaterThan(300)
    expect(new Set(runs[0]!.seen).size).toBe(runs[0]!.seen.length)
    expect(runs[1]!.seen).toEqual(runs[0]!.seen)
    expect(runs[2]!.seen).toEqual(runs[0]!.seen)
  })

  it('reports the same counts', () => {
    for (const { finished } of runs) {
      const { report } = finished
      for (const part of ['clients', 'subscriptions', 'publishes', 'deliveries'] as const)
        expect(report[part]).toEqual(runs[0]!.finished.report[part])
      expect(report.deliveries).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, unexpected: 0 })
      expect(report.deliveries.owed).toBeGreaterThan(150)
    }
    expect(runs.map(({ finished }) => finished.report.generator.workers)).toEqual([1, 2, 3])
  })
})

describe('a run with both transports', () => {
  it('reports the same counts', async () => {
    const reports = []
    for (const transport of ['epoll', 'stream'] as const) {
      const broker = await startLyingBroker({ lie: { drop: (d) => headerOf(d.payload).seq % 5 === 1 } })
      reports.push((await runScenario(scenario, [broker.url], { transport, seed: 5 })).report)
      await broker.close()
    }
    const [epoll, stream] = reports
    expect(stream!.generator.transport).toBe('stream')
    expect(counted(stream!.deliveries)).toEqual(counted(epoll!.deliveries))
    expect(stream!.publishes).toEqual(epoll!.publishes)
    expect(stream!.deliveries.lost).toBeGreaterThan(20)
  })
})

describe('a worker that dies', () => {
  it('ends the run neither early nor silently: degraded, exit 4, and a report of the rest', async () => {
    const broker = await startLyingBroker()
    const text = `
name: loss
settle: 100ms
groups:
  sensors: { clients: 4, publish: [{ topic: "t/{client}", every: 20ms, payload: { bytes: 32 } }] }
  boards: { clients: 2, subscribe: [{ filter: "t/#" }] }
phases: { warmUp: 0s, measure: 3s, drain: 2s }
`
    let terminate: () => void
    const { report, exitCode, events } = await runScenario(text, [broker.url], {
      workers: 2,
      // A worker thread that is terminated ends as one that ran out of memory does: without a word.
      onController: (controller) => {
        const { crew } = controller as unknown as { crew: { members: Member[] } }
        terminate = () => crew.members[1]!.kill()
      },
      onPhase: (phase) => {
        if (phase === 'measure') void broker.until((counts) => counts.published >= 400).then(() => terminate())
      },
    })
    await broker.close()
    expect(exitCode).toBe(4)
    // A machine so busy that messages were late says that first.
    expect(report.status).toBe(report.generator.valid ? 'degraded' : 'invalid')
    expect(report.reasons.join()).toMatch(/worker 2 of 2 ended early/)
    expect(events.some(({ event }) => event === 'memberLost')).toBe(true)
    // The other worker's half is whole: 2 of 4 publishers to 1 of 2 subscribers. Of the lost one's there is what arrived.
    expect(report.publishes.sent).toBeGreaterThanOrEqual(300)
    const { owed, received } = report.deliveries
    expect(report.deliveries).toMatchObject({ lost: 0, unexpected: 0 })
    expect(received).toBe(owed)
    expect(received).toBeGreaterThan(350)
    expect(received).toBeLessThan(900)
    expect(report.endToEndUs.count).toBe(received)
  })

  it('before anybody has connected leaves the others to it', async () => {
    const broker = await startLyingBroker()
    const text = `
name: loss
settle: 100ms
groups: { sensors: { clients: 4, publish: [{ topic: "t/{client}", every: 20ms, payload: { bytes: 32 } }] } }
phases: { warmUp: 0s, measure: 300ms, drain: 1s }
`
    const { report, exitCode } = await runScenario(text, [broker.url], {
      workers: 2,
      onController: (controller) => {
        const { crew } = controller as unknown as { crew: { members: Member[] } }
        crew.members[0]!.kill()
      },
    })
    await broker.close()
    expect(exitCode).toBe(4)
    expect(report.clients.connected).toBe(2)
    expect(report.publishes.sent).toBe(30)
  })
})
