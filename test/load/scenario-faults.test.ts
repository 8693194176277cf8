import { describe, expect, test } from 'vitest'
import { ScenarioError } from '../../src/errors.ts'
import type { Plan } from '../../src/load/plan.ts'
import { type LoadOptions, loadScenario, NO_OPTIONS, scenarioHash } from '../../src/load/scenario.ts'
import { parseThreshold } from '../../src/load/threshold.ts'

const CLUSTER = `brokers:
  - { name: a, url: "mqtt://h1" }
  - { name: b, url: "mqtt://h2" }
topics: { region: [eu, us], plant: 20 }
groups:
  sensors:
    clients: 100
    publish: [{ topic: "{region}/{plant}/{client}", every: 1s }]
  dashboards:
    clients: 4
    subscribe: [{ filter: "{region}/#" }]
  auditor:
    subscribe: [{ filter: "#" }]
faults:
  - { name: dies, at: 20s, exec: "./kill-node b" }
  - name: out
    at: 60s
    for: 7m
    clients: { groups: [sensors], where: { region: eu }, nodes: [a], share: 62% }
    drop: silent
    return: { over: 20s, arrival: beta }
  - { name: next, after: { fault: dies, is: recovered, wait: 30s }, exec: "./restart c" }
phases: { measure: { min: 10m, max: 60m, until: recovered } }
`

function load(set: readonly string[] = [], options: Partial<LoadOptions> = {}): Plan {
  return loadScenario('cluster.yaml', CLUSTER, { ...NO_OPTIONS, set, ...options })
}

/** What is wrong with the text, or with some values of it set, without the mark of --set. */
function problemOf(text: string, set: readonly string[] = [], options: Partial<LoadOptions> = {}): string {
  try {
    loadScenario('cluster.yaml', text, { ...NO_OPTIONS, set, ...options })
    return 'no problem'
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    return error.message.replaceAll(' (from --set)', '')
  }
}

const problemWith = (...set: string[]) => problemOf(CLUSTER, set)
/** Of one fault that is there alone, in a measure of 30 s. */
const problemOfFault = (fault: string) => problemWith('phases.measure=30s', `faults=[${fault}]`)

describe('the plan of faults', () => {
  test('has them as they are written, by index', () => {
    expect(load().faults).toEqual([
      { name: 'dies', index: 0, trigger: { kind: 'at', atUs: 20e6 }, exec: './kill-node b', drop: null },
      {
        name: 'out',
        index: 1,
        trigger: { kind: 'at', atUs: 60e6 },
        exec: null,
        drop: {
          how: 'silent',
          groups: [0],
          where: { region: 'eu' },
          nodes: [0],
          share: 0.62,
          forUs: 420e6,
          return: { overS: 20, arrival: 'beta' },
        },
      },
      { name: 'next', index: 2, trigger: { kind: 'after', fault: 0, is: 'recovered', waitUs: 30e6 }, exec: './restart c', drop: null },
    ])
  })

  test('has every default', () => {
    const faults = '[{name: x, at: 0s, drop: reset}, {name: y, after: {fault: x, is: ended}, drop: reset, for: 1s, return: {}}]'
    const [x, y] = load([`faults=${faults}`]).faults
    const drop = { how: 'reset', groups: [0, 1, 2], where: {}, nodes: null, share: 1, forUs: 0, return: null }
    expect(x).toEqual({ name: 'x', index: 0, trigger: { kind: 'at', atUs: 0 }, exec: null, drop })
    expect(y!.trigger).toEqual({ kind: 'after', fault: 0, is: 'ended', waitUs: 0 })
    expect(y!.drop).toMatchObject({ forUs: 1e6, return: { overS: 0, arrival: 'uniform' } })
  })

  test.each([
    { clients: '{}', groups: [0, 1, 2] },
    { clients: '{where: {region: eu}}', groups: [0, 1] },
    { clients: '{where: {region: eu, plant: plant-20}}', groups: [0] },
    { clients: '{groups: [auditor, sensors, auditor]}', groups: [0, 2] },
  ])('with clients $clients is about groups $groups', ({ clients, groups }) => {
    expect(load([`faults[1].clients=${clients}`]).faults[1]!.drop!.groups).toEqual(groups)
  })

  test('has the embedded broker’s node as node-1', () => {
    const set = ['brokers=[]', 'faults[1].clients.nodes=[node-1]']
    expect(load(set).faults[1]!.drop!.nodes).toEqual([0])
    expect(problemWith('brokers=[]', 'faults[1].clients.nodes=[a]')).toBe('faults[1].clients.nodes[0]: unknown node a (known: node-1)')
  })

  test('takes --set by index, in what is there and behind it', () => {
    expect(load(['faults[0].at=5s', 'faults.1.for=1m']).faults).toMatchObject([{ trigger: { atUs: 5e6 } }, { drop: { forUs: 60e6 } }, {}])
    expect(load(['faults[3].name=last', 'faults[3].at=1s', 'faults[3].drop=reset']).faults[3]).toMatchObject({ name: 'last', index: 3 })
    expect(problemWith('faults[4].name=x')).toBe('faults: has 3 entries, counted from 0')
  })

  test('is frozen plain data', () => {
    expect(Object.isFrozen(load().faults[1]!.drop!.groups)).toBe(true)
    expect(JSON.parse(JSON.stringify(load()))).toEqual(load())
  })
})

describe('the plan of measure', () => {
  const phasesOf = (measure: string, options: Partial<LoadOptions> = {}) => load([`phases.measure=${measure}`], options).phases

  test.each([
    { measure: '8m', plan: { measureUs: 480e6, untilRecovered: null, stretches: [] } },
    { measure: '{min: 10m, max: 60m, until: recovered}', plan: { measureUs: 3600e6, untilRecovered: { minUs: 600e6 }, stretches: [] } },
    {
      measure: '{storm: 20m, calm: 10m}',
      plan: {
        measureUs: 1800e6,
        untilRecovered: null,
        stretches: [
          { name: 'storm', lengthUs: 1200e6 },
          { name: 'calm', lengthUs: 600e6 },
        ],
      },
    },
  ])('$measure', ({ measure, plan }) => expect(phasesOf(measure)).toMatchObject(plan))

  test('with --duration is that long, whatever it waits for', () => {
    const plain = { measureUs: 120e6, untilRecovered: null, stretches: [] }
    expect(phasesOf('{min: 10m, max: 60m, until: recovered}', { durationUs: 120e6 })).toMatchObject(plain)
  })

  test('with --duration can have no stretches, unless nothing changes', () => {
    const set = ['phases.measure={storm: 20m, calm: 10m}']
    expect(problemOf(CLUSTER, set, { durationUs: 600e6 })).toBe(
      'phases.measure: --duration 10 min does not say how long each stretch is (leave --duration out, or give it with --set phases.measure)',
    )
    expect(problemOf(CLUSTER, set, { durationUs: 1800e6 })).toBe('no problem')
  })
})

describe('the hash', () => {
  const hash = (...set: string[]) => scenarioHash(load(set))

  test.each([
    'faults=[]',
    'faults[0].at=21s',
    'faults[0].exec="./kill-node a"',
    'faults[1].clients.share=61%',
    'faults[1].return.arrival=uniform',
    'faults[2].after.is=ended',
    'phases.measure.min=11m',
    'phases.measure=60m',
  ])('depends on %s', (set) => {
    const rest = set === 'faults=[]' ? ['phases.measure=60m'] : []
    expect(hash(set, ...rest)).not.toBe(hash(...rest))
  })

  test('depends on stretches', () => {
    expect(hash('phases.measure={x: 20m, y: 10m}')).not.toBe(hash('phases.measure={x: 10m, y: 20m}'))
  })
})

describe('a wrong fault', () => {
  test.each([
    { fault: '{at: 1s, drop: reset}', says: 'faults[0].name: is missing: expected a text (in quotes, if it looks like a number)' },
    { fault: '{name: a b, at: 1s, drop: reset}', says: 'faults[0].name: must be 1 to 32 characters of A-Z, a-z, 0-9, _ and -, got a b' },
    { fault: '{name: x, drop: reset}', says: 'faults[0]: needs exactly one of at, after, has none' },
    {
      fault: '{name: x, at: 1s, after: {fault: y, is: ended}, drop: reset}',
      says: 'faults[0]: needs exactly one of at, after, has at and after',
    },
    { fault: '{name: x, at: 1s}', says: 'faults[0]: needs exec, drop, or both: it does nothing' },
    { fault: '{name: x, at: 1s, exec: ""}', says: 'faults[0].exec: must not be empty, got an empty text' },
    { fault: '{name: x, at: 1s, exec: y, clients: {share: 5%}}', says: 'faults[0].clients: needs drop' },
    { fault: '{name: x, at: 1s, exec: y, for: 5s}', says: 'faults[0].for: needs drop' },
    { fault: '{name: x, at: 1s, exec: y, return: {over: 5s}}', says: 'faults[0].return: needs drop' },
    { fault: '{name: x, at: 1s, drop: stopReading}', says: 'faults[0].drop: stopReading needs for: how long nothing is read' },
    {
      fault: '{name: x, at: 1s, drop: stopReading, for: 5s, return: {}}',
      says: 'faults[0].return: has no meaning with stopReading: nobody is away',
    },
    { fault: '{name: x, at: 1s, drop: reset, return: {over: 5s}}', says: 'faults[0].return: needs for: how long they are away' },
    { fault: '{name: x, at: 1s, drop: reset, for: 0s}', says: 'faults[0].for: must be above 0, got 0s' },
    {
      fault: '{name: x, at: 1s, drop: silnt}',
      says: 'faults[0].drop: expected disconnect, reset, silent or stopReading, got silnt (did you mean silent?)',
    },
    { fault: '{name: x, at: 1s, dorp: silent}', says: 'faults[0].dorp: unknown key (did you mean drop?)' },
    { fault: '{name: x, at: -1s, drop: reset}', says: 'faults[0].at: must not be negative, got -1s' },
    { fault: '{name: x, at: 30s, drop: reset}', says: 'faults[0].at: 30 s is not within measure, which lasts 30 s' },
    {
      fault: '{name: x, at: 29100ms, drop: reset}',
      says: 'faults[0].at: 29.1 s leaves less than 1 s of measure, which lasts 30 s',
    },
    { fault: '{name: x, at: 29s, drop: reset}', says: 'no problem' },
    {
      fault: '{name: x, at: 1s, drop: reset, clients: {groups: [sensor]}}',
      says: 'faults[0].clients.groups[0]: unknown group sensor (did you mean sensors?)',
    },
    { fault: '{name: x, at: 1s, drop: reset, clients: {groups: []}}', says: 'faults[0].clients.groups: needs at least one group' },
    {
      fault: '{name: x, at: 1s, drop: reset, clients: {nodes: [a, c]}}',
      says: 'faults[0].clients.nodes[1]: unknown node c (known: a, b)',
    },
    { fault: '{name: x, at: 1s, drop: reset, clients: {share: 101%}}', says: 'faults[0].clients.share: must be 0% to 100%, got 101%' },
    { fault: '{name: x, at: 1s, drop: reset, clients: {share: 0%}}', says: 'faults[0].clients.share: must be above 0, got 0%' },
    {
      fault: '{name: x, at: 1s, drop: reset, clients: {where: {regoin: eu}}}',
      says: 'faults[0].clients.where.regoin: unknown level regoin (did you mean region?)',
    },
    {
      fault: '{name: x, at: 1s, drop: reset, clients: {where: {region: ap}}}',
      says: 'faults[0].clients.where.region: the level has no value ap (known: eu, us)',
    },
    ...['plant-21', 'plant-0', 'plant-01', 'plant', '7'].map((value) => ({
      fault: `{name: x, at: 1s, drop: reset, clients: {where: {plant: ${value}}}}`,
      says: `faults[0].clients.where.plant: the level has no value ${value} (they are plant-1 to plant-20)`,
    })),
    { fault: '{name: x, at: 1s, drop: reset, clients: {where: {plant: plant-20}}}', says: 'no problem' },
    {
      fault: '{name: x, at: 1s, drop: reset, clients: {groups: [sensors, dashboards], where: {plant: plant-1}}}',
      says: 'faults[0].clients.where.plant: no template of group dashboards uses {plant}',
    },
    {
      fault: '{name: x, at: 1s, drop: reset, return: {arrival: gamma}, for: 1s}',
      says: 'faults[0].return.arrival: expected uniform, poisson or beta, got gamma',
    },
    {
      fault: '{name: x, after: {is: ended}, drop: reset}',
      says: 'faults[0].after.fault: is missing: expected a text (in quotes, if it looks like a number)',
    },
    {
      fault: '{name: x, after: {fault: y, is: over}, drop: reset}',
      says: 'faults[0].after.is: expected ended, detected, restored or recovered, got over',
    },
    { fault: '{name: x, after: {fault: y, is: ended}, drop: reset}', says: 'faults[0].after.fault: unknown fault y' },
    { fault: '{name: x, after: {fault: x, is: ended}, drop: reset}', says: 'faults[0].after.fault: waits for itself' },
    { fault: '{name: x, at: 1s, drop: reset}, {name: x, at: 2s, drop: reset}', says: 'faults[1].name: two faults are called x' },
    {
      fault: '{name: xy, at: 1s, drop: reset}, {name: z, after: {fault: xx, is: ended}, drop: reset}',
      says: 'faults[1].after.fault: unknown fault xx (known: xy)',
    },
    {
      fault:
        '{name: x, after: {fault: y, is: ended}, drop: reset}, {name: y, after: {fault: x, is: ended}, drop: reset}, {name: z, after: {fault: x, is: ended}, drop: reset}',
      says: 'faults[0].after.fault: waits for itself: x after y after x',
    },
    {
      fault: '{name: y, after: {fault: x, is: ended, wait: 15s}, drop: reset}, {name: x, at: 5s, drop: reset, for: 6s, return: {over: 4s}}',
      says: 'faults[0].after: begins after 30 s at the earliest: that is not within measure, which lasts 30 s',
    },
    {
      fault: '{name: y, after: {fault: x, is: detected, wait: 1500ms}, drop: reset}, {name: x, at: 28s, drop: reset}',
      says: 'faults[0].after: begins after 29.5 s at the earliest: that leaves less than 1 s of measure, which lasts 30 s',
    },
    {
      fault:
        '{name: y, after: {fault: x, is: recovered, wait: 15s}, drop: reset}, {name: x, at: 5s, drop: reset, for: 6s, return: {over: 4s}}',
      says: 'no problem',
    },
    {
      fault: '{name: x, at: 40s, drop: reset}, {name: y, after: {fault: x, is: ended}, drop: reset}',
      says: 'faults[0].at: 40 s is not within measure, which lasts 30 s',
    },
  ])('$fault: $says', ({ fault, says }) => {
    expect(problemOfFault(fault)).toBe(says)
  })

  test('is where it stands in the file, key or value', () => {
    const at = (from: string, to: string) => problemOf(CLUSTER.replace(from, to))
    expect(at('at: 20s', 'at: 2h')).toBe('cluster.yaml:15:23 faults[0].at: 2 h is not within measure, which lasts 60 min')
    expect(at('region: eu }', 'line: eu }')).toBe(
      'cluster.yaml:19:44 faults[1].clients.where.line: unknown level line (known: region, plant)',
    )
    expect(at('nodes: [a]', 'nodes: [z]')).toMatch(/^cluster\.yaml:19:66 faults\[1\]\.clients\.nodes\[0\]: unknown node z/)
    expect(at('fault: dies', 'fault: dyes')).toBe('cluster.yaml:22:35 faults[2].after.fault: unknown fault dyes (did you mean dies?)')
    expect(at(', is: recovered', '')).toMatch(/^cluster\.yaml:22:\d+ faults\[2\]\.after\.is: is missing: expected ended, detected/)
  })

  test('is judged with --duration as without', () => {
    expect(problemOf(CLUSTER, [], { durationUs: 60e6 })).toMatch(/faults\[1\]\.at: 60 s is not within measure, which lasts 60 s$/)
    expect(problemOf(CLUSTER, ['faults[2].after.wait=50s'], { durationUs: 61e6 })).toMatch(
      /faults\[2\]\.after: begins after 70 s at the earliest/,
    )
    expect(problemOf(CLUSTER, [], { durationUs: 61e6 })).toBe('no problem')
  })

  test('is one where no group has all the levels', () => {
    const problem = problemOfFault('{name: x, at: 1s, drop: reset, clients: {where: {line: line-1}}}').replace(/ \(.*/, '')
    expect(problem).toBe('faults[0].clients.where.line: unknown level line')
    const set = ['topics.line=3', 'faults[1].clients={where: {region: eu, line: line-1}}']
    expect(problemWith(...set)).toBe('faults[1].clients.where: no group has templates that use {region} and {line}')
  })

  test('knows no list that is none', () => {
    expect(problemWith('faults={}')).toBe('faults: expected a list, got a map')
    expect(problemWith('windows={}')).toBe('windows: unknown key')
  })
})

describe('a wrong measure', () => {
  const forms = 'expected a duration such as 30s, stretches such as {calm: 20m, storm: 10m}, or {min: 10m, max: 60m, until: recovered}'
  test.each([
    { measure: 'soon', says: 'phases.measure: expected a duration such as 250ms, 30s, 5m or 2h, got soon' },
    { measure: '-5s', says: 'phases.measure: must not be negative, got -5s' },
    { measure: '[]', says: `phases.measure: ${forms}, got a list` },
    { measure: '{}', says: `phases.measure: ${forms}, got a map` },
    { measure: '{a: 20m, b: 5}', says: 'phases.measure.b: expected a duration such as 250ms, 30s, 5m or 2h, got 5' },
    { measure: '{a: 20m, b: 0s}', says: 'phases.measure.b: must be above 0, got 0s' },
    { measure: '{a: 20m, b: 1500ms}', says: 'phases.measure.b: must be whole seconds, got 1500ms' },
    {
      measure: '{"a.b": 20m}',
      says: 'phases.measure.a.b: the name must be 1 to 32 characters of A-Z, a-z, 0-9, _ and -',
    },
    { measure: '{20: 20m, ten: 10m}', says: 'phases.measure.20: the name can’t be a number' },
    { measure: '{min: 10m, later: 20m}', says: 'phases.measure.min: needs until: recovered' },
    { measure: '{min: 10m, until: recovered}', says: 'phases.measure.max: is missing: expected a duration such as 250ms, 30s, 5m or 2h' },
    { measure: '{max: 10m, until: recovered}', says: 'phases.measure.min: is missing: expected a duration such as 250ms, 30s, 5m or 2h' },
    { measure: '{min: 20m, max: 10m, until: recovered}', says: 'phases.measure.max: must not be below min, got 10m' },
    { measure: '{min: 10m, max: 20m, until: restored}', says: 'phases.measure.until: expected recovered, got restored' },
    { measure: '{min: 10m, max: 20m, until: recovered, calm: 1m}', says: 'phases.measure.calm: has no meaning with until' },
    { measure: '{calm: 20m, out-during: 10m}', says: 'phases.measure.out-during: is also a window of fault out (give it another name)' },
    { measure: '{calm: 20m, out-later: 10m}', says: 'no problem' },
  ])('$measure: $says', ({ measure, says }) => {
    expect(problemWith(`phases.measure=${measure}`)).toBe(says)
  })

  test('waits for faults that there are', () => {
    expect(problemWith('faults=[]')).toBe(
      'cluster.yaml:23:49 phases.measure.until: the scenario has no faults to recover from (give faults, or a length such as 30s)',
    )
    expect(problemOf(CLUSTER, ['faults=[]'], { durationUs: 5e6 })).toBe('no problem')
  })

  test('is at its key', () => {
    const text = CLUSTER.replace('{ min: 10m, max: 60m, until: recovered }', '{ calm: 20m, dies-after: 10m }')
    expect(problemOf(text)).toMatch(/^cluster\.yaml:23:33 phases\.measure\.dies-after: is also a window of fault dies/)
  })
})

describe('a threshold on windows and faults', () => {
  const problemOfThreshold = (text: string, ...set: string[]) => problemWith(`thresholds=["${text}"]`, ...set)

  test.each([
    'windows.dies-before.endToEnd.p99 < 50ms',
    'windows.out-during.deliveries.lossRatio < 1%',
    'windows.next-after.clients.disconnected == 0',
    'windows.next-after.reconnect.p99 < 10s',
    'windows.next-after.sessions.forgotten == 0',
    'faults.dies.detect < 2s',
    'faults.dies.restored < 30s',
    'faults.dies.recover < 30s',
    'faults.out.ended < 10m',
    'faults.out.reconnect.p99 < 5s',
    'faults.out.reconnect.count > 0',
    'faults.out.resume.max < 5s',
    'faults.out.attemptsPerClient < 1.5',
    'faults.out.peakAttemptsPerSec < 10k',
    'faults.out.peakAcceptedPerSec > 100',
    'faults.out.lost == 0',
    'faults.out.duplicated == 0',
    'faults.out.bySession.persistent.1.lost == 0',
    'faults.out.owed > 0',
    'faults.out.struck == 31',
    'faults.out.disconnected < 100',
    'faults.out.sessionsResumed > 0',
    'faults.out.sessionsForgotten == 0',
    'faults.out.takeovers.count > 0',
    'faults.out.takeovers.doubled == 0',
    'faults.out.unavailability.clients < 5%',
    'faults.out.unavailability.messages < 0.05',
    'faults.out.connack.p99 < 1s',
  ])('%s can be had', (text) => expect(problemOfThreshold(text)).toBe('no problem'))

  test.each([
    {
      text: 'windows.die-before.ack.p99 < 5ms',
      says: 'unknown window die-before in windows.die-before.ack.p99 (did you mean dies-before?)',
    },
    { text: 'windows.dies-during.bytes.sent > 0', says: 'bytes is not counted by window' },
    { text: 'windows.dies-during.connect.p99 < 1s', says: 'connect is not counted by window' },
    { text: 'windows.dies-during.clients.planned > 0', says: 'clients.planned is not counted by window' },
    { text: 'windows.dies-during.ack.p99 < 1s', says: 'what it publishes is not acknowledged (QoS 0)' },
    { text: 'windows.dies-during.endToEnd.p98 < 1s', says: 'did you mean windows.dies-during.endToEnd.p99?' },
    { text: 'faults.dyes.recover < 5s', says: 'unknown fault dyes in faults.dyes.recover (did you mean dies?)' },
    { text: 'faults.dies.recovr < 5s', says: 'unknown metric faults.dies.recovr (did you mean faults.dies.recover?)' },
    { text: 'faults.dies.reconnect.p90 < 5s', says: 'did you mean faults.dies.reconnect.p99?' },
    { text: 'faults.dies.recover < 5', says: 'expected a duration such as 250ms, 30s, 5m or 2h for faults.dies.recover, got 5' },
    { text: 'faults.dies.attemptsPerClient < few', says: 'expected a number such as 1.5 for faults.dies.attemptsPerClient, got few' },
    { text: 'faults.dies.endToEnd.p99 < 5s', says: 'unknown metric faults.dies.endToEnd.p99' },
    { text: 'faults.dies.struck > 0', says: 'faults.dies.struck does not exist: fault dies has no drop' },
    { text: 'faults.dies.wills.missing == 0', says: 'faults.dies.wills.missing does not exist: no group has a will' },
    { text: 'wills.missing == 0', says: 'wills.missing does not exist: no group has a will' },
    { text: 'groups.sensors.wills.missing == 0', says: 'wills is not counted by group' },
  ])('$text: $says', ({ text, says }) => expect(problemOfThreshold(text)).toContain(says))

  test('on wills can be had where there are some', () => {
    const will = 'groups.sensors.will={topic: "wills/{client}"}'
    expect(problemOfThreshold('faults.out.wills.missing == 0', will)).toBe('no problem')
    expect(problemOfThreshold('wills.false == 0', will)).toBe('no problem')
  })

  test('on what is lost needs somebody who listens', () => {
    const deaf = ['groups.dashboards.subscribe=[]', 'groups.auditor.subscribe=[]']
    expect(problemOfThreshold('faults.out.lost == 0', ...deaf)).toContain('the scenario has no subscription')
    expect(problemOfThreshold('faults.out.recover < 5s', ...deaf)).toBe('no problem')
  })

  test('on a stretch needs one', () => {
    const stretches = 'phases.measure={calm: 20m, storm: 10m}'
    expect(problemOfThreshold('windows.storm.endToEnd.p99 < 5s', stretches)).toBe('no problem')
    expect(problemOfThreshold('windows.strom.endToEnd.p99 < 5s', stretches)).toContain('did you mean storm?')
    const none = ['faults=[]', 'phases.measure=30s']
    expect(problemOfThreshold('windows.storm.endToEnd.p99 < 5s', ...none)).toContain(
      '(windows are stretches of phases.measure and parts of',
    )
  })

  test('compares with numbers in the metric’s unit', () => {
    expect(parseThreshold('faults.a.recover < 1.5s')).toMatchObject({ value: 1.5e6, kind: 'duration' })
    expect(parseThreshold('faults.a.attemptsPerClient <= 1.25')).toMatchObject({ value: 1.25, kind: 'number' })
    expect(parseThreshold('faults.a.unavailability.clients < 1%')).toMatchObject({ value: 0.01, kind: 'share' })
    expect(parseThreshold('faults.a.lost == 2k')).toMatchObject({ value: 2000, kind: 'count' })
  })
})
