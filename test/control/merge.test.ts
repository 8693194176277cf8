/**
 * A run on two agents that are threads here, each of which keeps a journal as an agent does: what the journals tell has to be what their controller
 * made of it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CONTROLLER_GONE } from '../../src/control/alone.ts'
import { Journal, type JournalRecord, readJournal } from '../../src/control/journal.ts'
import { mergeJournals } from '../../src/control/merge.ts'
import { loadScenario } from '../../src/load/scenario.ts'
import { sliceOf } from '../../src/load/slice.ts'
import { hostFacts, toolVersion } from '../../src/report/host.ts'
import type { Report } from '../../src/report/types.ts'
import type { Recruit, Team } from '../../src/run/member.ts'
import type { Command, Telling } from '../../src/run/messages.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { sampleAssignment } from './sample.ts'

const SCENARIO = `
name: merged
settle: 200ms
sentinel: false
groups:
  sensors:
    clients: 21
    connect: { over: 200ms }
    publish:
      - { name: a, topic: "t/{client}/a", every: 100ms, qos: { 0: 50%, 1: 50% } }
      - { name: b, topic: "t/{client}/b", rate: 100/s, arrival: poisson }
  boards: { clients: 3, subscribe: [{ filter: "t/#", qos: 1 }] }
  workers: { clients: 4, subscribe: [{ filter: "$share/g/t/+/b", qos: 1 }] }
phases: { warmUp: 300ms, measure: { calm: 1s, storm: 1s }, drain: 3s }
`
const AGENTS = ['a', 'b'] as const
const DIST = new URL('../../dist/', import.meta.url)
const fromDist = (path: string): Promise<unknown> => import(new URL(path, DIST).href)

/** A member whose journal has what it was told and what it tells. */
function scribe(recruit: Recruit, journal: Journal, nowUs: () => number): Recruit {
  const report = (report: Extract<JournalRecord, { type: 'report' }>['report']) => journal.write({ type: 'report', atUs: nowUs(), report })
  const keep = (command: Command) => journal.write({ type: 'command', atUs: nowUs(), command })
  return {
    name: recruit.name,
    start: ({ onTelling, onEnd }) => {
      const member = recruit.start({
        onTelling: (telling: Telling) => {
          if (telling.type !== 'ready') report({ type: 'telling', telling })
          onTelling(telling)
        },
        onEnd: (error) => {
          report({ type: 'gone', why: error?.message ?? null })
          onEnd(error)
        },
      })
      return {
        ...member,
        post: (command) => {
          if (command.type !== 'stop') keep(command.type === 'account' ? { ...command, facts: [] } : command)
          member.post(command)
        },
      }
    },
  }
}

const top = mkdtempSync(join(tmpdir(), 'merge-'))
afterAll(() => rmSync(top, { recursive: true, force: true }))
const pathOf = (name: string) => join(top, name, 'journal.bin')
let told: Report

beforeAll(async () => {
  const { Controller } = (await fromDist('run/controller.js')) as typeof import('../../src/run/controller.ts')
  const { localRun } = (await fromDist('run/local.js')) as typeof import('../../src/run/local.ts')
  const { resolveUrl } = (await fromDist('net/resolve.js')) as typeof import('../../src/net/resolve.ts')
  const { ReportFolder } = (await fromDist('report/folder.js')) as typeof import('../../src/report/folder.ts')
  const { startClock } = (await fromDist('run/clock.js')) as typeof import('../../src/run/clock.ts')
  const broker = await startLyingBroker({})
  const plan = loadScenario('merged.yaml', SCENARIO, { brokers: [broker.url], set: [], scale: null, seed: 7, durationUs: null })
  const endpoints = [await resolveUrl(broker.url)]
  const files = new Map<string, Uint8Array>()
  const ready = {
    plan,
    endpoints,
    sourceAddresses: plan.groups.map(() => []),
    files,
    transport: 'epoll',
    workers: 2,
    processes: 1,
  } as const
  const run = localRun(ready, join(top, 'merged.yaml'))
  const nowUs = startClock(run.epochNs)
  const journals = AGENTS.map((agent, i) => {
    const journal = new Journal(join(top, agent))
    const { run: name, unixEpochMs } = run.around
    const assignment = sampleAssignment({ run: name, slice: sliceOf(plan, i, 2), unixEpochMs, epochNs: run.epochNs, agents: AGENTS })
    journal.write({ type: 'begin', version: toolVersion(), agent, host: hostFacts(), assignment, parcel: { plan, files } })
    journal.write({ type: 'armed', clock: { offsetUs: 0, boundUs: i * 100 }, transport: 'epoll', workers: 1, processes: 1 })
    return journal
  })
  // As many open seconds as for agents.
  const team: Team = { ...run.team, openSeconds: 12, recruits: run.team.recruits.map((recruit, i) => scribe(recruit, journals[i]!, nowUs)) }
  const nothing = () => {}
  const controller = new Controller({
    ...run,
    team,
    shownPlan: plan,
    scenario: join(top, 'merged.yaml'),
    transport: 'epoll',
    startedAt: new Date(),
    folder: new ReportFolder(join(top, 'report'), false, new Date()),
    brokers: null,
    drops: null,
    ceilings: null,
    sentinel: null,
    watch: null,
    listener: { onPhase: nothing, onRow: nothing, onFault: nothing, onAbort: nothing, onMoment: nothing },
  })
  told = (await controller.runToReport()).report
  for (const journal of journals) journal.close()
  await broker.close()
})

/** What must be the same, however it was come by. */
function figuresOf(report: Report) {
  const { clients, subscriptions, publishes, deliveries, sessions, bytes, groups, streams, nodes, qos, pairs, windows, reasonCodes } =
    report
  const { endToEndUs, ackUs, connectUs, sendLagUs, subscribeUs } = report
  const latencies = { endToEndUs, ackUs, connectUs, sendLagUs, subscribeUs }
  return {
    clients,
    subscriptions,
    publishes,
    deliveries,
    sessions,
    bytes,
    groups,
    streams,
    nodes,
    qos,
    pairs,
    windows,
    reasonCodes,
    latencies,
  }
}

async function merged(...names: readonly string[]): Promise<Report> {
  return (await mergeJournals(names.map(pathOf))).report
}

/** A journal like another one, but for what becomes of each record; null: it is not in it. */
function rewrite(from: string, to: string, change: (record: JournalRecord) => JournalRecord | null): string {
  const journal = new Journal(join(top, to))
  for (const record of readJournal(pathOf(from))) {
    const changed = change(record)
    if (changed !== null) journal.write(changed)
  }
  journal.close()
  return to
}

describe('the report of journals', () => {
  test('has the figures that their controller had', async () => {
    expect(told.deliveries).toMatchObject({ lost: 0, duplicated: 0, unexpected: 0 })
    expect(told.deliveries.owed).toBeGreaterThan(1500)
    const report = await merged('a', 'b')
    expect(figuresOf(report)).toEqual(figuresOf(told))
    expect(Object.keys(report.windows)).toEqual(['calm', 'storm'])
    expect(report.groups.workers!.shares).toEqual(told.groups.workers!.shares)
    expect([report.status, report.reasons]).toEqual([told.status, told.reasons])
    expect(report.run).toMatchObject({ id: told.run.id, scenarioHash: told.run.scenarioHash, seed: 7 })
  })

  test('has the seconds that their controller had', async () => {
    const { timeline } = await merged('a', 'b')
    const rowsOf = (rows: Report['timeline']) =>
      rows.map(({ tS, connected, sentPerSec, receivedPerSec, backlog }) => ({ tS, connected, sentPerSec, receivedPerSec, backlog }))
    expect(rowsOf(timeline)).toEqual(rowsOf(told.timeline))
    expect(timeline.length).toBeGreaterThan(3)
  })

  test('is the same in whatever order they are named', async () => {
    expect(await merged('b', 'a')).toEqual(await merged('a', 'b'))
  })

  test('tells of each agent, and how far their clocks can be trusted', async () => {
    const { agents, clockBoundUs, workers } = (await merged('b', 'a')).generator
    expect(agents.map(({ id, clients }) => [id, clients])).toEqual([
      ['a', { sensors: [0, 10], boards: [0, 1], workers: [0, 2] }],
      ['b', { sensors: [10, 21], boards: [1, 3], workers: [2, 4] }],
    ])
    expect([clockBoundUs, workers]).toEqual([100, 2])
  })
})

describe('journals that are not whole', () => {
  test('leave out an agent whose journal is missing, and say so', async () => {
    const report = await merged('a')
    expect(report.status).toBe('degraded')
    expect(report.reasons).toContain('the journal of agent b is missing, and with it all that its clients did')
    expect(report.clients.connected).toBe(13)
    expect(report.publishes.sent).toBeLessThan(told.publishes.sent)
  })

  test('of an agent that died keep what it told, and owe it nothing more', async () => {
    const ends = [...readJournal(pathOf('b'))].flatMap((record) =>
      record.type === 'command' && record.command.type === 'publish' ? [record.atUs + 2e6] : [],
    )
    const name = rewrite('b', 'b-died', (record) => ('atUs' in record && record.atUs > ends[0]! ? null : record))
    const report = await merged('a', name)
    expect(report.status).toBe('degraded')
    expect(report.reasons).toEqual([expect.stringMatching(/^agent b ended early: its journal ends [\d.]+ s after the start$/)])
    expect(report.generator.agents.map(({ lostAtS }) => lostAtS)).toEqual([null, expect.any(Number)])
    expect(report.deliveries.lost).toBe(0)
    // Two of the three boards were its own.
    const [received, all] = [report, told].map(({ groups }) => groups.boards!.deliveries!.received)
    expect(received).toBeGreaterThan(all! / 2)
    expect(received).toBeLessThan(all!)
  })

  test.each([
    { what: 'that left', why: 'it was ended by SIGTERM', words: 'agent b left the run before its end: it was ended by SIGTERM' },
    {
      what: 'whose controller was gone',
      why: CONTROLLER_GONE,
      words: /^the controller was lost, and its agents ended the run by themselves/,
    },
  ])('of an agent $what say why', async ({ what, why, words }) => {
    const name = rewrite('b', `b-${what.replaceAll(' ', '-')}`, (record) =>
      record.type === 'report' && record.report.type === 'gone' ? { ...record, report: { type: 'gone', why } } : record,
    )
    const report = await merged('a', name)
    expect(report.reasons).toEqual([typeof words === 'string' ? words : expect.stringMatching(words)])
    expect(report.deliveries).toEqual(told.deliveries)
  })

  test('of an agent that ended its connections say so, and from when', async () => {
    const name = rewrite('b', 'b-fenced', (record) =>
      record.type === 'report' && record.report.type === 'telling' && record.report.telling.type === 'finished'
        ? { ...record, report: { type: 'telling', telling: { type: 'fenced', atUs: 1.5e6 } } }
        : record,
    )
    const report = await merged('a', name)
    expect(report.reasons).toEqual(['agent b: it had no sign of the control server for too long, and ended all its connections'])
    expect(report.generator.agents[1]!.lostAtS).toBe(1.5)
  })

  test('of two runs are not put together', async () => {
    const other = rewrite('b', 'other-run', (record) =>
      record.type === 'begin' ? { ...record, assignment: { ...record.assignment, run: 'zzzzzz' } } : record,
    )
    await expect(async () => merged('a', other)).rejects.toThrow(`these are journals of 2 runs: ${told.run.id}, zzzzzz`)
  })

  test('of one agent are not counted twice', async () => {
    const again = rewrite('b', 'b-again', (record) => record)
    await expect(async () => merged('a', 'b', again)).rejects.toThrow(`${pathOf('b')} and ${pathOf('b-again')} are both of agent b`)
  })

  test('are an error where there is none', async () => {
    await expect(async () => mergeJournals([])).rejects.toThrow('there is no journal of an agent')
  })
})
