/**
 * Runs on agents: three of them, a controller, NATS and a broker, each a process of its own; and what happens when one of them dies, hangs or is away
 * in the middle of a run.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Report } from '../../src/report/types.ts'
import { intended } from '../helpers/events.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, runScenario } from '../helpers/run.ts'
import { Field, said } from './agents.ts'
import { type Mosquitto, startMosquitto } from './mosquitto.ts'
import { requireBrokers } from './packages.ts'
import type { Process } from './process.ts'

const IDS = ['a', 'b', 'c']

/** Thirty publish ten times a second, to three that are with them and to three that are not. */
const scenario = (measure: string, more: object = {}) => ({
  name: 'agents',
  settle: '200ms',
  groups: {
    sensors: { clients: 30, cleanSession: false, connect: { over: '500ms' }, publish: [{ topic: 't/{client}', every: '100ms', qos: 1 }] },
    boards: { clients: 6, subscribe: [{ filter: 't/#', qos: 1 }] },
  },
  phases: { warmUp: '500ms', measure, drain: '5s' },
  ...more,
})

/** What must be the same, however it was measured. */
const totals = ({ clients, subscriptions, publishes, deliveries, groups, windows, endToEndUs, ackUs, sendLagUs }: Report) => ({
  clients,
  subscriptions,
  publishes,
  deliveries,
  groups: Object.values(groups).map((group) => [group.publishes, group.deliveries]),
  windows: Object.values(windows).map((window) => [window.publishes, window.deliveries]),
  samples: [endToEndUs.count, ackUs.count, sendLagUs.count],
})

/** Histograms too. */
const whole = (report: Report) => ({ ...totals(report), endToEndUs: report.endToEndUs, ackUs: report.ackUs, connectUs: report.connectUs })

describe.skipIf(!requireBrokers('nats', 'mosquitto'))('agents', () => {
  let field: Field
  let broker: Mosquitto
  beforeAll(async () => {
    ;[field, broker] = await Promise.all([Field.start(), startMosquitto({ listeners: ['plain'], config: 'max_queued_messages 0' })])
  })
  afterEach(async () => {
    // A client id that is there twice makes mosquitto end the first.
    expect(broker.log()).not.toMatch(/already connected|session taken over/)
    await field.clear()
  })
  afterAll(async () => {
    await field?.stop()
    await broker?.stop()
  })

  async function agents(args: string[] = ['--once']): Promise<readonly [Process, Process, Process]> {
    const [a, b, c] = await Promise.all(IDS.map((id) => field.agent(id, { args })))
    return [a!, b!, c!]
  }

  /** Does something so many seconds into measure, once. */
  function inMeasure(seconds: number, act: () => Promise<unknown> | unknown): (text: string) => void {
    let isDone = false
    return (text) => {
      if (isDone || !text.includes('measure')) return
      isDone = true
      void delay(seconds * 1000).then(act)
    }
  }

  test('end a run early where a threshold does not hold for all of them together', async () => {
    await agents()
    const slow = await startLyingBroker({ lie: { delay: (_, index) => (index < 3000 ? 0 : 500) } })
    const thresholds = [{ expect: 'groups.boards.endToEnd.p99 < 400ms', abortOnFail: true, grace: '1s' }]
    const { code, report, stderr } = await field.run(scenario('60s', { thresholds }), slow.url, 3)
    await slow.close()
    const { reasons, deliveries, run, publishes } = report()
    expect({ code, reason: reasons[0] }).toEqual({
      code: 3,
      reason: expect.stringMatching(/^aborted after \d+ s of measure: groups\.boards/),
    })
    expect(stderr).toContain(`${reasons[0]}; drain runs, then the report is written\n`)
    expect(run.phases.find(({ name }) => name === 'measure')!.lengthS).toBeLessThan(20)
    expect(counted(deliveries)).toEqual({ owed: 6 * publishes.sent, received: 6 * publishes.sent })
  })

  test('serve a series of runs, one after the other', async () => {
    await Promise.all(IDS.map((id) => field.agent(id)))
    const { code, stdout, stderr } = await field.run(scenario('1s'), broker.url('plain'), 3, { args: ['--repeat', '2', '--json'] })
    const reports = code === 0 ? (JSON.parse(stdout) as Report[]) : []
    expect({ code, stderr, owed: reports.map(({ deliveries }) => deliveries.owed) }).toMatchObject({ code: 0, owed: [1800, 1800] })
  })

  test('intend what one process intends, and report the same; so does what they kept', async () => {
    const text = {
      name: 'anywhere',
      settle: '200ms',
      topics: { region: ['eu', 'us'], plant: 4 },
      groups: {
        sensors: {
          clients: 29,
          cleanSession: { true: '70%', false: '30%' },
          connect: { over: '200ms' },
          publish: [
            {
              name: 'a',
              topic: '{region}/{plant}/{client}/a',
              every: '100ms',
              qos: { 0: '50%', 1: '30%', 2: '20%' },
              payload: { bytes: 64 },
            },
            { name: 'b', topic: '{region}/{plant}/{client}/b', rate: '100/s', arrival: 'poisson', payload: { bytes: 32 } },
          ],
        },
        boards: { clients: 5, subscribe: [{ filter: '{region}/{plant}/#', qos: 1 }] },
        workers: { clients: 3, subscribe: [{ filter: '$share/g/{region}/+/+/b', qos: 1 }] },
      },
      phases: { warmUp: '200ms', measure: { calm: '1s', storm: '1s' }, drain: '5s' },
      sentinel: false,
      probe: false,
    }
    const alone = intended()
    const first = await startLyingBroker({ lie: alone.lie })
    const { report } = await runScenario(JSON.stringify(text), [first.url], { seed: 5 })
    await first.close()

    await agents()
    const together = intended()
    const second = await startLyingBroker({ lie: together.lie })
    const ran = await field.run(text, second.url, 3, { args: ['--seed', '5'] })
    await second.close()
    expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 0 })
    expect(alone.events().count).toBeGreaterThan(500)
    expect(together.events()).toEqual(alone.events())
    expect(totals(ran.report())).toEqual(totals(report))
    const { generator } = ran.report()
    expect(generator.agents.map(({ id, clients }) => [id, clients])).toEqual([
      ['a', { sensors: [0, 9], boards: [0, 1], workers: [0, 1] }],
      ['b', { sensors: [9, 19], boards: [1, 3], workers: [1, 2] }],
      ['c', { sensors: [19, 29], boards: [3, 5], workers: [2, 3] }],
    ])
    // They are on one machine: one clock, whose offset is measured all the same, and nearly nothing.
    expect(generator.clockBoundUs).toBeNull()
    for (const { clock } of generator.agents) expect(Math.abs(clock.offsetUs)).toBeLessThan(5000)

    const kept = await field.merged()
    expect(kept.code).toBe(0)
    expect(whole(kept.report)).toEqual(whole(ran.report()))
    expect(kept.report.run).toMatchObject({ id: ran.report().run.id, scenarioHash: report.run.scenarioHash })
  })

  test('one that is killed and one that hangs for 12 s leave the third to it', async () => {
    const [a, b, c] = await agents()
    const hang = async () => {
      b.pause()
      await delay(12_000)
      b.resume()
      await said(b, 'the controller had given this agent up')
    }
    let hung: Promise<void> = Promise.resolve()
    const onStderr = inMeasure(1, () => {
      hung = hang()
      return c.kill()
    })
    const { code, report } = await field.run(scenario('14s'), broker.url('plain'), 3, { onStderr })
    await hung
    expect(code).toBe(4)
    const { status, reasons, deliveries, publishes, endToEndUs, generator } = report()
    expect(status).toBe('degraded')
    expect(reasons.join('\n')).toMatch(/agent b \(sensors 10–19, boards 2–3\) ended early: no sign of life for 10 s/)
    expect(reasons.join('\n')).toMatch(/agent c \(sensors 20–29, boards 4–5\) ended early: no sign of life for 10 s/)
    // It cut its clients off before anybody could take their places, and before it read a byte.
    expect(b.log).toContain('all connections of run')
    expect(a.log).not.toContain('all connections of run')
    expect(deliveries).toMatchObject({ lost: 0, duplicated: 0, unexpected: 0 })
    expect(endToEndUs.count).toBe(deliveries.received)
    // What the first has sent in 14 s, and the others in their second or two.
    expect(publishes.sent).toBeGreaterThan(1400)
    expect(publishes.sent).toBeLessThan(1400 + 2 * 300)
    expect(generator.agents.map(({ id, lostAtS }) => [id, lostAtS !== null])).toEqual([
      ['a', false],
      ['b', true],
      ['c', true],
    ])
    for (const { lostAtS } of generator.agents) expect(lostAtS ?? 0).toBeLessThan(8)
    // Nothing that was measured is lost: what the killed one had written is there, to the second.
    const kept = await field.merged()
    expect(kept.code).toBe(4)
    expect(kept.report.publishes.sent).toBeGreaterThanOrEqual(publishes.sent)
    expect(kept.report.reasons.join('\n')).toContain('agent c ended early: its journal ends')
  }, 90_000)

  test('without their controller they end the run, and what they kept is its report', async () => {
    const [a, b, c] = await agents()
    const onStderr = (text: string, child: { kill(signal: 'SIGKILL'): unknown }) => {
      if (text.includes('measure')) child.kill('SIGKILL')
    }
    const { code } = await field.run(scenario('6s'), broker.url('plain'), 3, { onStderr })
    expect(code).toBeNull()
    for (const agent of [a, b, c]) {
      while (agent.isRunning) await delay(100)
      expect(agent.log).toContain('[ended: 4]')
    }
    const kept = await field.merged()
    expect(kept.code).toBe(4)
    expect(kept.report.status).toBe('degraded')
    expect(kept.report.reasons).toEqual([expect.stringContaining('the controller was lost')])
    // 30 publishers, 60 messages each, to 6: each agent knew what the others had sent.
    expect(kept.report.publishes).toMatchObject({ sent: 1800, acked: 1800 })
    expect(kept.report.deliveries).toMatchObject({ owed: 10_800, received: 10_800, lost: 0, duplicated: 0 })
    expect(kept.report.run.phases.map(({ name }) => name)).toEqual(['connect', 'warmUp', 'measure', 'drain', 'cleanUp'])
    // One folder is missing: that is said, and the rest counts.
    const part = await field.merged(`${field.folder}/a`, `${field.folder}/c`)
    expect(part.report.reasons.join('\n')).toContain('the journal of agent b is missing')
    expect(part.report.publishes.sent).toBe(1200)
  }, 90_000)

  test('a server that is killed and comes back costs nothing', async () => {
    await agents()
    const onStderr = inMeasure(1, async () => {
      await field.server.kill()
      await delay(3000)
      field.server.spawn()
    })
    const { code, report, stderr } = await field.run(scenario('8s'), broker.url('plain'), 3, { onStderr })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(report().deliveries).toMatchObject({ owed: 14_400, received: 14_400, lost: 0 })
    // No second is missing, and none is told twice.
    const measured = report().timeline.filter(({ phase }) => phase === 'measure')
    expect(measured.length).toBeGreaterThanOrEqual(7)
    for (const { sentPerSec } of measured.slice(1, -1)) expect(sentPerSec).toBeCloseTo(300, -1.5)
  }, 60_000)

  test('one that stays away makes them all cut their clients off, and the run ends with what there is', async () => {
    const all = await agents()
    const onStderr = inMeasure(1, async () => {
      await field.server.kill()
      await delay(10_000)
      field.server.spawn()
    })
    const { code, report } = await field.run(scenario('60s'), broker.url('plain'), 3, { onStderr })
    expect(code).toBe(4)
    expect(report().status).toBe('degraded')
    expect(report().reasons.join('\n')).toMatch(/agent a .* ended all its connections/)
    for (const agent of all) expect(agent.log).toContain('no sign of the server for 8 s')
    const { owed, received, lost, duplicated } = report().deliveries
    expect({ lost, duplicated, owed }).toEqual({ lost: 0, duplicated: 0, owed: received })
    expect(received).toBeGreaterThan(6 * 300 * 7)
  }, 90_000)

  test('the loss of one ends measure, where the scenario says so', async () => {
    const [, , c] = await agents(['--once'])
    const { code, report } = await field.run(scenario('60s', { onAgentLoss: 'fail' }), broker.url('plain'), 3, {
      // As somebody stops it: its clients leave in order, and it says that it goes.
      onStderr: inMeasure(1, () => c.stop()),
    })
    expect(code).toBe(4)
    expect(report().run.phases.find(({ name }) => name === 'measure')!.lengthS).toBeLessThan(10)
    expect(report().reasons.join('\n')).toMatch(/agent c \(sensors 20–29, boards 4–5\) ended early: somebody ended it/)
    expect(c.log).toContain('[ended: 130]')
  }, 60_000)

  test('whose run is ended before it began have done their part', async () => {
    const a = await field.agent('a', { args: ['--once'] })
    const b = await field.agent('b', { args: ['--once', '--allow-target', '192.0.2.1'] })
    const { code, stderr } = await field.run(scenario('1s'), broker.url('plain'), 2)
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('error: agent b: ') })
    for (const agent of [a, b]) {
      while (agent.isRunning) await delay(50)
      expect(agent.log).toContain('[ended: 0]')
      expect(agent.log).toMatch(/run \w{6} has ended: agent b: /)
    }
  }, 60_000)

  test('serve one run after the other, and say who is busy', async () => {
    await agents([])
    const first = field.run(scenario('3s'), broker.url('plain'), 2)
    await delay(1500)
    const { code, stderr } = await field.run(scenario('1s'), broker.url('plain'), 3)
    expect((await first).code).toBe(0)
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/1 of 3 agents is here \(.*serves run.*waiting for the others/),
    })
  }, 60_000)
})
