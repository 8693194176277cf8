import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Plan } from '../../src/load/plan.ts'
import { type LoadOptions, loadScenario, NO_OPTIONS, scenarioHash } from '../../src/load/scenario.ts'
import { publicPlan, resolveSecrets } from '../../src/load/secrets.ts'

function load(text: string, options: Partial<LoadOptions> = {}): Plan {
  return loadScenario('folder/some.yaml', text, { ...NO_OPTIONS, ...options })
}

const MINIMAL = 'groups: { a: {} }'
const MIX = `
brokers: [{ name: a, url: "mqtt://h1" }, { name: b, url: "mqtt://h2", zone: z, weight: 3 }]
topics: { region: [eu, us, ap], plant: 4 }
load: { 0s: 100%, 30s: 200% }
groups:
  sensors: &sensors
    clients: 100
    connect: { rate: 50/s, arrival: beta }
    cleanSession: { true: 95%, false: 5% }
    spread: { region: [50%, 30%, 20%], plant: { zipf: 1 } }
    publish:
      - { topic: "{region}/{plant}/a", every: 2s, qos: { 0: 80%, 1: 15%, 2: 5% } }
      - { topic: b, rate: 200/s, arrival: poisson, load: { 0s: 50% }, payload: { bytes: { min: 16, max: 1KiB } } }
      - { name: hello, topic: c, on: connect, times: 3, payload: { json: { n: "{seq}", v: { random: { min: 0, max: 5 } } } } }
  steady:
    <<: *sensors
    scale: keep
    load: { 0s: 10% }
    placement: [b, a]
    reconnect: false
    unsent: { keep: none }
    subscribe: [{ filter: b }]
`

describe('the plan of a minimal scenario', () => {
  const plan = load(MINIMAL)

  test('has every default', () => {
    expect(plan).toMatchObject({
      name: 'some',
      seed: 42,
      nodes: [],
      embedded: true,
      clients: 1,
      scale: 1,
      settleUs: 1e6,
      transport: 'auto',
      probe: true,
      sentinel: { ratePerSec: 10 },
    })
    expect(plan.phases).toEqual({
      connectUs: 600e6,
      warmUpUs: 5e6,
      measureUs: 30e6,
      untilRecovered: null,
      stretches: [],
      drainUs: 10e6,
      cleanUp: true,
    })
    expect(plan.faults).toEqual([])
    expect(plan.thresholds).toEqual(['clients.failed == 0'])
    expect(plan.aborts).toEqual([])
    expect(plan.groups[0]).toMatchObject({
      version: 4,
      clientId: '{run}-{group}-{client}',
      cleanShare: 1,
      keepAliveS: 60,
      inFlight: 20,
      placement: { kind: 'weighted' },
      connect: { overS: 0.001, arrival: 'uniform', timeoutUs: 10e6 },
      reconnect: { backoff: 'fullJitter', firstUs: 1e6, maxUs: 30e6, factor: 2, attempts: null, resetAfterUs: 0 },
      churn: null,
      unsent: { keep: 'all', drop: 'oldest' },
      ws: { path: '/mqtt', headers: {} },
      tls: { insecure: false, resume: false },
    })
  })

  test('is frozen all through, and plain data', () => {
    const isFrozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen))
    expect(isFrozen(load(MIX))).toBe(true)
    expect(JSON.parse(JSON.stringify(load(MIX)))).toEqual(load(MIX))
  })

  test('changes nothing of what the command line gave', () => {
    const set = ['labels.a=1']
    load(MINIMAL, { set })
    expect(set).toEqual(['labels.a=1'])
  })
})

describe('a plan', () => {
  const plan = load(MIX)
  const [sensors, steady] = [plan.groups[0]!, plan.groups[1]!]

  test('counts clients, entries and groups through', () => {
    expect([plan.clients, sensors.firstClient, steady.firstClient]).toEqual([200, 0, 100])
    expect(plan.groups.flatMap((g) => g.publish.map((e) => e.index))).toEqual([0, 1, 2, 3, 4, 5])
    expect(plan.groups.map((g) => g.index)).toEqual([0, 1])
  })

  test('calls entries without a name after their group', () => {
    expect(sensors.publish.map((e) => e.name)).toEqual(['sensors', 'sensors-2', 'hello'])
  })

  test('turns a group’s rate into each client’s period', () => {
    expect(sensors.publish.map((e) => e.trigger)).toEqual([
      { kind: 'periodic', periodUs: 2e6 },
      { kind: 'poisson', periodUs: 0.5e6 },
      { kind: 'connect' },
    ])
  })

  test('takes the nearest load curve', () => {
    expect(sensors.publish[0]!.load).toEqual([
      [0, 1],
      [30, 2],
    ])
    expect(sensors.publish[1]!.load).toEqual([[0, 0.5]])
    expect(steady.publish[0]!.load).toEqual([[0, 0.1]])
    expect(steady.publish[1]!.load).toEqual([[0, 0.5]])
  })

  test('has cumulative shares that end at 1', () => {
    expect(sensors.spread.region!.map((x) => Number(x.toFixed(9)))).toEqual([0.5, 0.8, 1])
    const zipf = sensors.spread.plant!
    expect(zipf).toHaveLength(4)
    expect(zipf[0]).toBeCloseTo(1 / (1 + 1 / 2 + 1 / 3 + 1 / 4))
    expect(zipf[3]).toBe(1)
  })

  test('has the nodes of a placement by index', () => {
    expect(steady.placement).toEqual({ kind: 'nodes', nodes: [0, 1] })
  })

  test('has QoS shares, payloads and the rest as numbers', () => {
    expect(sensors.publish[0]!.qosShares).toEqual([0.8, 0.15, 0.05])
    expect(sensors.publish[1]!.payload).toEqual({ kind: 'bytes', min: 16, max: 1024 })
    expect(sensors.publish[2]).toMatchObject({ times: 3, payload: { kind: 'json' } })
    expect(steady.reconnect).toBeNull()
    expect(steady.unsent.keep).toBe(0)
  })

  test('of version 5 keeps user properties in order, repeated ones too', () => {
    const text =
      'brokers: [{url: "mqtt://h"}]\ngroups: {a: {version: 5, cleanSession: false, sessionExpiry: 1h, userProperties: {k: v, l: [x, y]}}}'
    expect(load(text).groups[0]).toMatchObject({
      version: 5,
      sessionExpiryS: 3600,
      userProperties: [
        ['k', 'v'],
        ['l', 'x'],
        ['l', 'y'],
      ],
    })
  })
})

describe('the command line', () => {
  test('--broker takes the names of the scenario’s nodes in order, then goes on counting', () => {
    const { nodes } = load(MIX, { brokers: ['mqtt://x:1', 'mqtts://y', 'mqtt://z'] })
    expect(nodes).toEqual([
      { name: 'a', url: 'mqtt://x:1', zone: null, weight: 1 },
      { name: 'b', url: 'mqtts://y', zone: 'z', weight: 3 },
      { name: 'node-3', url: 'mqtt://z', zone: null, weight: 1 },
    ])
    expect(load(MINIMAL, { brokers: ['mqtt://x', 'mqtt://y'] }).nodes.map((n) => n.name)).toEqual(['node-1', 'node-2'])
  })

  test('credentials and the path of a URL go to the groups that have none', () => {
    const text = 'groups: { a: {}, b: { username: own, ws: { path: /own } } }'
    const { nodes, groups } = load(text, { brokers: ['wss://me:p%40ss@h:8084/socket', 'wss://me:p%40ss@i/socket'] })
    expect(nodes.map((n) => n.url)).toEqual(['wss://h:8084', 'wss://i'])
    expect(groups.map((g) => [g.username, g.password, g.ws.path])).toEqual([
      ['me', 'p@ss', '/socket'],
      ['own', null, '/own'],
    ])
  })

  test('--set changes values, makes what is missing, and leaves aliases alone', () => {
    const set = ['groups.sensors.clients=5', 'groups.sensors.publish.1.every=5s', 'labels.a.b=x', 'groups.sensors.publish[1].rate=~']
    expect(() => load(MIX, { set })).toThrow(/labels\.a/)
    const plan = load(MIX, { set: ['groups.sensors.clients=5', 'groups.sensors.publish[0].every=5s', 'labels.a=x', 'phases.warmUp=1s'] })
    expect(plan.groups.map((g) => g.clients)).toEqual([5, 100])
    expect(plan.groups.map((g) => g.publish[0]!.trigger)).toMatchObject([{ periodUs: 5e6 }, { periodUs: 2e6 }])
    expect(plan).toMatchObject({ labels: { a: 'x' }, phases: { warmUpUs: 1e6 } })
  })

  test('--set changes one of several aliases of a list', () => {
    const text = 'groups: { a: { publish: &p [{ topic: x, every: 1s }] }, b: { publish: *p } }'
    const plan = load(text, { set: ['groups.a.publish[0].topic=y'] })
    expect(plan.groups.map((g) => g.publish[0]!.topic)).toEqual(['y', 'x'])
  })

  test('--scale multiplies clients, group rates and connect rates, but for scale: keep', () => {
    const [sensors, steady] = load(MIX, { scale: 0.1 }).groups as [Plan['groups'][0], Plan['groups'][0]]
    expect([sensors.clients, steady.clients]).toEqual([10, 100])
    expect(sensors.publish.map((e) => e.trigger)).toMatchObject([{ periodUs: 2e6 }, { periodUs: 0.5e6 }, { kind: 'connect' }])
    expect([sensors.connect.overS, steady.connect.overS]).toEqual([2, 2])
    expect(load('groups: { a: { clients: 10, connect: { over: 7s } } }', { scale: 3 }).groups[0]!.connect.overS).toBe(7)
  })

  test('scaled clients are rounded up, and exact products stay exact', () => {
    const clients = (count: number, scale: number) => load(`groups: { a: { clients: ${count} } }`, { scale }).clients
    expect([clients(100, 1.1), clients(31, 0.1), clients(1, 0.001), clients(3, 1.1)]).toEqual([110, 4, 1, 4])
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 500 }), (count, percent) => {
        expect(clients(count, percent / 100)).toBe(Number((BigInt(count) * BigInt(percent) + 99n) / 100n))
      }),
    )
  })

  test('--seed and --duration replace the scenario’s', () => {
    expect(load(MINIMAL, { seed: 7, durationUs: 1e6 })).toMatchObject({ seed: 7, phases: { measureUs: 1e6, warmUpUs: 5e6 } })
  })
})

describe('the hash of a scenario', () => {
  const hash = (options: Partial<LoadOptions>) => scenarioHash(load(MIX, options))

  test.each([
    ['name=other'],
    ['description=other'],
    ['labels.a=b'],
    ['brokers[0].url=mqtts://elsewhere:1'],
    ['groups.sensors.username=x'],
    ['groups.sensors.ws.headers={a: b}'],
    ['thresholds=[deliveries.lost == 0]'],
    ['thresholds=[{expect: clients.failed == 0, abortOnFail: true}]'],
    ['gates={endToEnd.p99: 5%}'],
  ])('does not depend on %s', (set) => expect(hash({ set: [set] })).toBe(hash({})))

  test.each([
    ['seed=1'],
    ['groups.sensors.clients=99'],
    ['groups.sensors.publish[0].every=3s'],
    ['groups.sensors.publish[0].payload={text: x}'],
    ['topics.plant=5'],
    ['phases.drain=9s'],
    ['brokers[0].weight=2'],
  ])('depends on %s', (set) => expect(hash({ set: [set] })).not.toBe(hash({})))

  test('depends on --scale and --duration, by what they do', () => {
    expect(hash({ scale: 2 })).not.toBe(hash({}))
    expect(hash({ durationUs: 5e6 })).not.toBe(hash({}))
    expect(hash({ durationUs: 30e6 })).toBe(hash({}))
  })

  test('is the same for the embedded broker and one that --broker names', () => {
    expect(scenarioHash(load(MINIMAL, { brokers: ['mqtt://h'] }))).toBe(scenarioHash(load(MINIMAL)))
  })
})

describe('secrets', () => {
  const text =
    'groups: { a: { username: me, password: "${env:HOME}", ws: { path: "/m?t=hidden", headers: { x: hidden, y: "${env:HOME}" } } } }'

  test('what is written out is masked in the public plan; references stay', () => {
    const shown = publicPlan(load(text))
    expect(shown.groups[0]).toMatchObject({
      username: '***',
      password: '${env:HOME}',
      ws: { path: '/m?***', headers: { x: '***', y: '${env:HOME}' } },
    })
    expect(JSON.stringify(shown)).not.toContain('hidden')
    expect(load(text).groups[0]!.username).toBe('me')
  })

  test('credentials of a URL are not in the public plan either', () => {
    expect(JSON.stringify(publicPlan(load(MINIMAL, { brokers: ['mqtt://me:hidden@h'] })))).not.toMatch(/hidden|"me"/)
  })

  test('are fetched when asked for, as they are', () => {
    expect(resolveSecrets('a-${env:HOME}-${env:HOME}', '.')).toBe(`a-${process.env.HOME}-${process.env.HOME}`)
    expect(resolveSecrets('${file:package.json}', process.cwd())).toMatch(/^\{[\s\S]*\}$/)
    expect(resolveSecrets('$& {env:HOME} $HOME', '.')).toBe('$& {env:HOME} $HOME')
    expect(() => resolveSecrets('${env:MQTT_SCALE_UNSET}', '.')).toThrow('MQTT_SCALE_UNSET is not set')
    expect(() => resolveSecrets('${file:none}', '.')).toThrow("can't read none")
  })
})
