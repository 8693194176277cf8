import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { evidenceOf } from '../../src/capacity/evidence.ts'
import { readSources, type Search } from '../../src/capacity/files.ts'
import { sloKey } from '../../src/capacity/target.ts'
import type { SearchReport, SearchResult } from '../../src/capacity/types.ts'
import type { Run } from '../../src/compare/runs.ts'
import { UsageError } from '../../src/errors.ts'
import type { GroupPlan } from '../../src/load/plan.ts'
import { sampleReport } from '../helpers/sample-report.ts'
import { BROKER, plateau, plateaus, SLO, search, storm } from './sample-evidence.ts'

const evidence = (searches: readonly Search[], runs = plateaus(1e5)) => evidenceOf({ runs, searches }, [sloKey(SLO)], [])
/** The same search with other results. */
const altered = (one: Search, change: (result: SearchResult) => Partial<SearchResult>, report: Partial<SearchReport> = {}): Search => ({
  ...one,
  report: { ...one.report, ...report, series: one.report.series.map((result) => ({ ...result, ...change(result) })) },
})

describe('throughput is of searches', () => {
  test('that were found, each one measurement', () => {
    const { scaling, measuredFanOut, notes } = evidence([search([1, 2]), search([4])])
    expect(scaling.sizes.map(({ nodes, measurements }) => [nodes, measurements])).toEqual([
      [1, 3],
      [2, 3],
      [4, 3],
    ])
    expect(measuredFanOut).toBe(1)
    expect(notes).toEqual([])
  })

  test.each([
    {
      what: 'the generator ended',
      change: { status: 'generatorLimited' },
      note: 'rate/search.json with 1 node: the generator was the limit, so the cluster’s is not known: at least 39,800/s.',
    },
    { what: 'nothing was good', change: { status: 'belowLowest', low: null }, note: 'rate/search.json with 1 node: no load was good.' },
    { what: 'was interrupted', change: { status: 'interrupted' }, note: 'rate/search.json with 1 node: it was interrupted.' },
    { what: 'have no number of nodes', change: { nodes: null }, note: 'rate/search.json: nobody said how many nodes it had.' },
  ] as const)('and not of those where $what', ({ change, note }) => {
    const { scaling, notes, unfound } = evidence([altered(search([1], { repeats: 1 }), () => change)])
    expect(scaling.sizes).toEqual([])
    expect(notes).toEqual([note])
    expect(unfound).toEqual([note])
  })

  test('for the rate, with the target’s SLO and maybe more', () => {
    const more = search([1], { slo: ['deliveries.lost == 0', 'endToEnd.p99<0.1s'] })
    const other = altered(search([2]), () => ({}), { slo: ['endToEnd.p99 < 500ms'] })
    const clients = altered(search([4]), () => ({}), { vary: 'clients' })
    const { scaling, notes } = evidence([more, other, clients])
    expect(scaling.sizes.map(({ nodes }) => nodes)).toEqual([1])
    expect(notes).toEqual([
      'rate/search.json has another SLO (endToEnd.p99 < 500ms): not used.',
      'rate/search.json varied clients, not rate: it says nothing of throughput.',
    ])
  })

  test('of one scenario: the one with the most sizes', () => {
    const { scaling, notes } = evidence([altered(search([8]), () => ({}), { scenario: 'other' }), search([1, 2])])
    expect(scaling.sizes.map(({ nodes }) => nodes)).toEqual([1, 2])
    expect(notes[0]).toMatch(/^Searches are of several kinds \(other; rate\), which can’t be mixed: those of rate are used/)
  })

  test('of one kind of messages: what --set has changed makes another', () => {
    const [run] = plateaus(1e5)
    const { plan } = run!.report
    const of = (
      sizes: readonly number[],
      change: (entry: GroupPlan['publish'][number]) => Partial<GroupPlan['publish'][number]>,
    ): Search => {
      const groups = plan.groups.map((group) => ({
        ...group,
        publish: group.publish.map((entry) => ({ ...entry, ...change(entry) })),
      }))
      return { ...search(sizes), trials: new Map([['trial-1-0', { path: 'x', report: { ...run!.report, plan: { ...plan, groups } } }]]) }
    }
    const large = of([8], () => ({ payload: { kind: 'bytes', min: 1064, max: 1064 } }))
    const sure = of([8], () => ({ qosShares: [0, 1, 0] }))
    const usual = of([1, 2], () => ({}))
    const sizesOf = (searches: readonly Search[]) => evidence(searches).scaling.sizes.map(({ nodes }) => nodes)
    expect(sizesOf([large, usual])).toEqual([1, 2])
    expect(sizesOf([sure, usual])).toEqual([1, 2])
    // A few bytes more are longer topics, and a search without its trials contradicts none.
    const longer = of([4], ({ payload }) => ({
      payload: payload.kind === 'bytes' ? { kind: 'bytes', min: payload.min + 2, max: payload.max + 2 } : payload,
    }))
    expect(sizesOf([longer, usual, search([8])])).toEqual([1, 2, 4, 8])
    expect(evidence([large, usual]).notes[0]).toMatch(
      /^Searches are of several kinds \(rate, 1,\d{3} B, fan-out [\d.]+, QoS [\d.]+ % \/ .*; rate, \d+ B, /,
    )
  })

  test('of as many nodes as their trials had, where nobody said', () => {
    const one = altered(search([1], { repeats: 1 }), () => ({ nodes: null }))
    const [run] = plateaus(1e5)
    const trials = new Map([['trial-1-0', run!]])
    expect(run!.report.plan.nodes).toHaveLength(2)
    const { scaling, notes } = evidence([{ ...one, trials }])
    expect(scaling.sizes).toMatchObject([{ nodes: 2 }])
    expect(notes).toEqual([
      'rate/search.json: nobody said how many nodes it had, so that its addresses were counted: 2. A load balancer is one.',
    ])
  })
})

describe('of runs', () => {
  test('a storm goes before connect phases, over the time since it was noticed, by the nodes that took it', () => {
    const { connects, failover } = evidence([], [...plateaus(1e5), storm(40_000, 2000, 5)])
    expect(connects).toMatchObject({ clientsPerNode: 20_000, basis: 'fault crash of storm: 40,000 clients back in 10 s' })
    expect(connects!.perSec).toBeCloseTo(2000, 6)
    expect(failover).toMatchObject({ value: 15, basis: '1 fault' })
  })

  test('and without one the fastest connect phase counts, without what it waits for routes', () => {
    const { connects } = evidence([])
    // 10,040 clients on two nodes in 21.2 s, of which 1 s is settle.
    expect(connects).toMatchObject({ clientsPerNode: 5020, basis: expect.stringContaining('which may have asked for no more') })
    expect(connects!.perSec).toBeCloseTo(5020 / 20.2, 6)
  })

  test('a search for a connect rate goes before all of them, with the fewest that were found', () => {
    const perSec = (low: number, nodes: number | null = 2) =>
      altered(search([2], { repeats: 1 }), () => ({ low, nodes }), { vary: 'connectRate', slo: ['connect.p99 < 1s'] })
    const [run] = plateaus(1e5)
    const trials = new Map([['trial-2-0', run!]])
    const { connects, notes } = evidence([{ ...perSec(1200), trials }, perSec(1400)], [...plateaus(1e5), storm(40_000, 2000, 5)])
    const { report } = run!
    const phases = report.run.phases.map((phase) => (phase.name === 'connect' ? { ...phase, lengthS: 1.4 } : phase))
    const burst = new Map([['trial-2-0', { path: 'x', report: { ...report, run: { ...report.run, phases } } }]])
    expect(evidence([{ ...perSec(1200), trials: burst }]).notes).toEqual([
      'rate/search.json: its clients were all connected within 400 ms, which is a burst and no rate: not used.',
    ])
    expect(evidence([{ ...perSec(1200), trials: burst }], [storm(40_000)]).connects!.basis).toMatch(/^fault crash/)
    expect(connects).toEqual({ perSec: 600, clientsPerNode: 5020, basis: 'a search of rate: 1,200/s with 2 nodes' })
    expect(notes).toEqual([])
    const limited = altered(perSec(9000), () => ({ status: 'generatorLimited' }))
    expect(evidence([limited], [storm(40_000)]).connects!.basis).toMatch(/^fault crash/)
  })

  test('memory is of plateaus, not of nodes that still grow', () => {
    const growing = plateau(2e6, 2e10, 1e8)
    const { memory, notes } = evidence([], [...plateaus(2e5, 5e5, 1e6), growing])
    expect(memory).toMatchObject({ plateaus: 3, most: { connections: 1e6 } })
    expect(notes).toEqual(['In 1 case a node’s memory or connections were not at rest in measure: no plateau.'])
  })

  test('memory is not of trials of a search, whose clients are few and busy', () => {
    const trials = new Map([1000, 1010, 1020].map((clients) => [`t${clients}`, plateau(clients, 5e9)]))
    const idle = plateaus(2e5, 5e5, 1e6)
    const { memory } = evidence([{ ...search([1]), trials }], [...idle, ...trials.values()])
    expect(memory).toMatchObject({ plateaus: 3, slopes: { connections: { bytes: expect.closeTo(BROKER.connectionBytes, 6) } } })
  })

  test('where a node’s memory is known but not its connections, ours are all there are, unless they came and went', () => {
    const sample = sampleReport().clients
    const ofProcess = (clients: number, disconnected: number): Run => {
      const { path, report } = plateau(clients, BROKER.baseBytes + BROKER.connectionBytes * clients)
      const metrics = { ...report.nodes.a!.metrics!, connections: null }
      return { path, report: { ...report, nodes: { a: { metrics, clients: { ...sample, connected: clients, disconnected } } } } }
    }
    const { memory, notes } = evidence([], [...[1e4, 2e4, 4e4].map((clients) => ofProcess(clients, 0)), ofProcess(8e4, 1)])
    expect(memory).toMatchObject({
      plateaus: 3,
      most: { connections: 4e4 },
      slopes: { connections: { bytes: expect.closeTo(BROKER.connectionBytes, 6) } },
    })
    expect(notes).toEqual(['In 1 case a node did not tell its connections, and some of ours came and went: no plateau.'])
  })

  test('where a node does not tell what waits, nothing does where nothing was sent; and subscriptions are ours', () => {
    const sample = sampleReport()
    const ofProcess = (clients: number, granted: number, isSilent: boolean): Run => {
      const { path, report } = plateau(clients, BROKER.baseBytes + BROKER.connectionBytes * clients + 700 * granted)
      const groups = report.plan.groups.map((group) => (isSilent ? { ...group, publish: [] } : group))
      const node = {
        metrics: report.nodes.a!.metrics!,
        clients: { ...sample.clients, disconnected: 0 },
        subscriptions: { planned: granted, granted, refused: 0 },
      }
      return { path, report: { ...report, plan: { ...report.plan, groups }, nodes: { a: node } } }
    }
    const subscribed = [0, 9e4, 3e4, 5e4].map((granted, i) => ofProcess((i + 1) * 1e5, granted, true))
    const { memory } = evidence([], subscribed)
    expect(memory).toMatchObject({ slopes: { subscriptions: { bytes: expect.closeTo(700, 4) } }, leftOut: [] })
    expect(evidence([], [...subscribed, ofProcess(5e5, 1e4, false)]).memory).toMatchObject({
      leftOut: ['queued: not told in 1 of 5 plateaus'],
    })
  })

  test('told by a process and by a broker is not mixed', () => {
    const heap = [6e5, 7e5].map((connections): Run => {
      const { path, report } = plateau(connections, 1e9)
      return { path, report: { ...report, nodes: { a: { metrics: { ...report.nodes.a!.metrics!, source: '$SYS (mosquitto)' } } } } }
    })
    const { memory, notes } = evidence([], [...heap, ...plateaus(2e5, 5e5, 1e6)])
    expect(memory).toMatchObject({ plateaus: 3, slopes: { connections: { bytes: expect.closeTo(BROKER.connectionBytes, 6) } } })
    expect(notes).toEqual([
      'Memory of plateaus is that told by process; of other sources it is another, and not used: $SYS (mosquitto) (2).',
    ])
  })

  test('nor of nodes that tell the memory of their machine', () => {
    const { path, report } = plateau(2e6, 9e10)
    const { metrics } = report.nodes.a!
    const machine = { path, report: { ...report, nodes: { a: { metrics: { ...metrics!, isOfMachine: true as const } } } } }
    const { memory, notes } = evidence([], [...plateaus(2e5, 5e5, 1e6), machine])
    expect(memory).toMatchObject({ plateaus: 3, most: { connections: 1e6 } })
    expect(notes).toEqual(['In 1 case a node told the memory of its machine, not its own: no plateau.'])
  })

  test('what messages were like is of their plans, whatever else was sent', () => {
    const [run] = plateaus(1e5)
    const { plan } = run!.report
    const of = (change: (group: GroupPlan) => Partial<GroupPlan>): Run => ({
      path: 'x',
      report: {
        ...run!.report,
        bytes: { sent: 1e12, received: 0 },
        plan: { ...plan, groups: plan.groups.map((g) => ({ ...g, ...change(g) })) },
      },
    })
    const small = evidence([], [run!])
    expect(small).toMatchObject({ hasQos: [true, true, true], hasPersistentSessions: false })
    expect(evidence([], [of(() => ({}))]).packetBytes).toEqual(small.packetBytes)
    const large = of(({ publish }) => ({
      cleanShare: 0,
      publish: publish.map((entry) => ({ ...entry, qosShares: [1, 0, 0], payload: { kind: 'bytes', min: 1064, max: 1064 } })),
    }))
    const { packetBytes, ...had } = evidence([], [large])
    expect(had).toMatchObject({ hasQos: [true, false, false], hasPersistentSessions: true })
    // A byte more for the length of the packet, and no packet identifiers.
    expect(packetBytes!.value).toBeCloseTo(small.packetBytes!.value + 1000 + 1 - 2 * 0.2, 6)
    const silent = of(() => ({ publish: [] }))
    expect(evidence([], [silent])).toMatchObject({ packetBytes: null, hasQos: [false, false, false] })
    const unknown = of(({ publish }) => ({ publish: publish.map((entry) => ({ ...entry, payload: { kind: 'file', path: 'gone' } })) }))
    expect(evidence([], [unknown]).packetBytes).toBeNull()
  })

  test('those that can’t be trusted are refused, but for trials of a search, which has judged them', () => {
    const [run] = plateaus(1e5)
    const invalid = { ...run!, path: 'x', report: { ...run!.report, status: 'invalid' as const, reasons: ['late'] } }
    const trial = { ...search([1]), trials: new Map([['trial-1-0', invalid]]) }
    expect(() => evidence([], [invalid])).toThrow(UsageError)
    expect(evidence([trial], [invalid]).reports).toBe(0)
  })
})

test('runs of several brokers are refused: no cluster has the memory of one and the throughput of another', () => {
  const of = (software: string, path: string) => {
    const [run] = plateaus(1e5)
    return { path, report: { ...run!.report, nodes: { a: { broker: { software, versions: [], limits: null } } } } }
  }
  const runs = [of('mosquitto 2.0', 'x'), of('RabbitMQ 4.0', 'y')]
  expect(() => evidence([], runs)).toThrow('these runs are of several brokers: mosquitto 2.0 (x), RabbitMQ 4.0 (y)')
  expect(evidenceOf({ runs, searches: [] }, [], ['broker']).notes[0]).toMatch(/used all the same \(--allow broker\)/)
  expect(evidence([], [runs[0]!, of('mosquitto 2.0', 'z')]).notes).toEqual([])
})

describe('--from', () => {
  function folder(files: Record<string, unknown>): string {
    const path = mkdtempSync(join(tmpdir(), 'mqtt-scale-from-'))
    onTestFinished(() => rmSync(path, { recursive: true }))
    for (const [name, value] of Object.entries(files)) {
      mkdirSync(join(path, name, '..'), { recursive: true })
      writeFileSync(join(path, name), typeof value === 'string' ? value : JSON.stringify(value))
    }
    return path
  }

  test('finds reports and searches however deep, with the trials of each', () => {
    const [first, second] = plateaus(1e5, 2e5)
    const from = folder({
      'a/b/idle/report.json': first!.report,
      'rate/search.json': search([1]).report,
      'rate/trial-1-0/report.json': second!.report,
      'rate/notes.json': {},
    })
    const { runs, searches } = readSources([from])
    expect(runs.map(({ path }) => path.slice(from.length + 1))).toEqual(['a/b/idle/report.json', 'rate/trial-1-0/report.json'])
    expect([...searches[0]!.trials.keys()]).toEqual(['trial-1-0'])
  })

  test('finds the trials of a search beside it, where only the search is named', () => {
    const [first, second] = plateaus(1e5, 2e5)
    const from = folder({
      'rate/search.json': search([1]).report,
      'rate/trial-1-0/report.json': first!.report,
      'rate/trial-1-1/report.json': second!.report,
    })
    const { runs, searches } = readSources([join(from, 'rate/search.json')])
    expect([...searches[0]!.trials.keys()]).toEqual(['trial-1-0', 'trial-1-1'])
    expect(runs).toHaveLength(2)
    expect(readSources([from]).runs).toHaveLength(2)
  })

  test('takes no trial that was cut short, which its search does not know', () => {
    const [first, second] = plateaus(1e5, 2e5)
    const one = altered(search([1], { repeats: 1 }), ({ trials }) => ({ trials: trials.map((trial) => ({ ...trial, path: 'trials/1' })) }))
    const from = folder({
      'rate/search.json': one.report,
      'rate/trials/1/report.json': first!.report,
      'rate/trials/2/report.json': { ...second!.report, status: 'interrupted' },
    })
    const { runs, searches } = readSources([from])
    expect(runs.map(({ path }) => path.slice(from.length + 1))).toEqual(['rate/trials/1/report.json'])
    expect([...searches[0]!.trials.keys()]).toEqual(['trials/1'])
  })

  test('takes a copy of a search for no second measurement', () => {
    const { report } = search([1])
    const from = folder({ 'a/search.json': report, 'b/search.json': report, 'c/search.json': { ...report, startedAt: 'later' } })
    expect(() => readSources([from])).toThrow(/a\/search\.json and .*b\/search\.json are one search/)
    expect(readSources([join(from, 'a'), join(from, 'c')]).searches).toHaveLength(2)
  })

  test('takes a path twice once, and files of any name', () => {
    const from = folder({ 'some.json': plateaus(1e5)[0]!.report })
    expect(readSources([join(from, 'some.json'), join(from, 'some.json')]).runs).toHaveLength(1)
  })

  test.each([
    { what: 'nothing', files: {}, at: '', error: /holds neither a report nor a search/ },
    { what: 'no such path', files: {}, at: 'none', error: /there is no .*none/ },
    {
      what: 'a search of a later version',
      files: { 'search.json': { schema: 'mqtt-scale/search@9' } },
      at: '',
      error: /is of schema mqtt-scale\/search@9/,
    },
    { what: 'something else', files: { 'report.json': 'no json' }, at: '', error: /is not JSON/ },
  ])('says that there is $what', ({ files, at, error }) => {
    expect(() => readSources([join(folder(files as Record<string, unknown>), at)])).toThrow(error)
  })
})
