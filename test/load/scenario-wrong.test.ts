import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ScenarioError } from '../../src/errors.ts'
import { type LoadOptions, loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { parseThreshold } from '../../src/load/threshold.ts'

const FACTORY = `name: factory
brokers:
  - { name: a, url: "mqtt://127.0.0.1:1883" }
  - { name: b, url: "mqtt://127.0.0.1:1884" }
topics: { region: [eu, us], plant: 20 }
groups:
  sensors:
    clients: 100
    publish:
      - name: temperature
        topic: "{region}/{plant}/{client}"
        every: 1s
  dashboards:
    clients: 40
    subscribe:
      - { filter: "{region}/{plant}/#", qos: 1 }
`

/** The lines of the error, or 'no problem'. */
function problemsOf(text: string, options: Partial<LoadOptions> = {}, file = 'factory.yaml'): string {
  try {
    loadScenario(file, text, { ...NO_OPTIONS, ...options })
    return 'no problem'
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    return error.message
  }
}

/** The problem of FACTORY with one value set, without the mark of --set. */
function problemWith(...set: string[]): string {
  return problemsOf(FACTORY, { set }).replaceAll(' (from --set)', '')
}

describe('what a header and a CONNECT can hold', () => {
  const payload = 'groups.sensors.publish[0].payload.bytes'
  test.each([
    { set: ['groups.sensors.password=x'], says: 'groups.sensors.password: needs a username' },
    { set: ['groups.sensors.password=x', 'groups.sensors.username=y'], says: 'no problem' },
    { set: ['groups.sensors.version=5', 'groups.sensors.sessionExpiry=1h'], says: 'sessionExpiry: no client comes back to its session' },
    { set: ['groups.sensors.version=5', 'groups.sensors.sessionExpiry=1h', 'groups.sensors.cleanSession=false'], says: 'no problem' },
    { set: ['groups.sensors.password=x', 'groups.sensors.version=5'], says: 'no problem' },
    { set: [`${payload}=16`, 'phases.measure=20h'], says: 'below 32 bytes there is room for times up to 19 hours only' },
    { set: [`${payload}=32`, 'phases.measure=20h'], says: 'no problem' },
    {
      set: [`${payload}=16`, 'groups.sensors.publish[0].every=1ms', 'phases.measure=18h', 'load={0s: 500%}'],
      says: 'room for 268435456 messages',
    },
    { set: [`${payload}=16`, 'groups.sensors.publish[0].every=1ms', 'phases.measure=18h'], says: 'no problem' },
  ])('$set', ({ set, says }) => expect(problemWith(...set)).toContain(says))
})

test('--set names a group that is there', () => {
  expect(problemWith('groups.sensrs.clients=5')).toBe('groups.sensrs.clients: there is no group sensrs (did you mean sensors?)')
  expect(problemWith('groups.extra={clients: 1}')).toBe('no problem')
})

test('two entries without a header have topics that can be told apart', () => {
  const two = (topic: string) =>
    `groups.sensors.publish=[${['a', 'b'].map((n) => `{name: ${n}, topic: "${n === 'a' ? 't/{client}' : topic}", every: 1s, payload: {text: x}}`).join(', ')}]`
  expect(problemWith(two('t/{group}'))).toContain("publish[1].topic: can't be told from the topics of a")
  expect(problemWith(two('u/{client}'))).toBe('no problem')
})

test('a group has at most 32 subscriptions', () => {
  const entries = (count: number) =>
    `groups.dashboards.subscribe=[${Array.from({ length: count }, (_, i) => `{filter: "a/${i}"}`).join(', ')}]`
  expect(problemWith(entries(33))).toContain('groups.dashboards.subscribe: has 33 entries: a group can have 32')
  expect(problemWith(entries(32))).toBe('no problem')
})

describe('a problem has its place', () => {
  test('file, line, column, path, what was expected and what was got', () => {
    const text = FACTORY.replace('    clients: 100', '    clients: 100\n    connect: { rate: -5/s }')
    expect(problemsOf(text)).toBe('factory.yaml:9:22 groups.sensors.connect.rate: must be above 0, got -5/s')
  })

  test('an unknown key is at the key, with the nearest known one', () => {
    expect(problemsOf(FACTORY.replace('every', 'evry'))).toBe(
      'factory.yaml:12:9 groups.sensors.publish[0].evry: unknown key (did you mean every?)',
    )
  })

  test('a missing key is where it should stand', () => {
    expect(problemsOf(FACTORY.replace('        topic: "{region}/{plant}/{client}"\n', ''))).toBe(
      'factory.yaml:10:9 groups.sensors.publish[0].topic: is missing: expected a text (in quotes, if it looks like a number)',
    )
  })

  test('a merged value is where its anchor has it', () => {
    const text = 'groups:\n  a: &base\n    clients: 0\n  b:\n    <<: *base\n    keepAlive: 5s\n'
    expect(problemsOf(text)).toBe(
      'factory.yaml:3:14 groups.a.clients: must be 1 to 16777216, got 0\nfactory.yaml:3:14 groups.b.clients: must be 1 to 16777216, got 0',
    )
  })

  test('an alias is where it is used', () => {
    expect(problemsOf('labels: { rate: &r "5" }\ngroups:\n  a:\n    connect: { rate: *r }\n')).toMatch(
      /^factory.yaml:4:22 groups.a.connect.rate/,
    )
  })

  test('a value of --set has none, and says so', () => {
    expect(problemsOf(FACTORY, { set: ['groups.sensors.publish[0].every=5'] })).toBe(
      'groups.sensors.publish[0].every: expected a duration such as 250ms, 30s, 5m or 2h, got 5 (from --set)',
    )
  })

  test('all problems are reported at once, in the order of the file', () => {
    const text = FACTORY.replace('name: factory', 'nmae: factory')
      .replace('1s', '5 lightyears')
      .replace('{plant}/#', '{plnt}/#')
      .concat('phases: { drain: -1s }\nthresholds:\n  - endToEnd.p98 < 50ms\n')
    expect(problemsOf(text).split('\n')).toEqual([
      'factory.yaml:1:1 nmae: unknown key (did you mean name?)',
      'factory.yaml:12:16 groups.sensors.publish[0].every: expected a duration such as 250ms, 30s, 5m or 2h, got 5 lightyears',
      'factory.yaml:16:19 groups.dashboards.subscribe[0].filter: unknown variable {plnt} (did you mean plant?)',
      'factory.yaml:17:18 phases.drain: must not be negative, got -1s',
      'factory.yaml:19:5 thresholds[0]: unknown metric endToEnd.p98 (did you mean endToEnd.p99?)',
    ])
  })

  test('what stands under a mistyped key is not judged before the key is right', () => {
    const text = FACTORY.replace('subscribe:', 'subscirbe:').replace('{plant}/#', '{plnt}/#')
    expect(problemsOf(text)).toBe('factory.yaml:15:5 groups.dashboards.subscirbe: unknown key (did you mean subscribe?)')
  })

  test('of a flood, the first 20 are shown', () => {
    const text = `groups:\n${Array.from({ length: 25 }, (_, i) => `  g${i}: { clients: 0 }`).join('\n')}`
    try {
      loadScenario('flood.yaml', text, NO_OPTIONS)
      expect.unreachable()
    } catch (error) {
      expect((error as ScenarioError).problems).toHaveLength(20)
      expect((error as ScenarioError).hint).toBe('5 more problems are not shown')
    }
  })
})

describe('what is no scenario at all', () => {
  test.each([
    { why: 'an unclosed list', text: 'groups: [', says: /^factory.yaml:1:\d+ scenario: Flow sequence/ },
    {
      why: 'a key that stands twice',
      text: 'name: x\ngroups: {a: {}}\ngroups: {b: {}}',
      says: 'factory.yaml:3:1 groups: Map keys must be unique',
    },
    { why: 'a group that stands twice', text: 'groups:\n  a: {}\n  a: {}', says: 'factory.yaml:3:3 groups.a: Map keys must be unique' },
    { why: 'an unknown anchor', text: 'groups: { a: *base }', says: 'factory.yaml:1:14 groups.a: no anchor &base stands before it' },
    { why: 'nothing', text: '', says: 'factory.yaml:1:1 scenario: expected a map, got nothing' },
    { why: 'a list', text: '- a', says: 'factory.yaml:1:1 scenario: expected a map, got a list' },
    { why: 'no groups', text: 'name: x', says: /groups: is missing: expected a map of groups/ },
    { why: 'an empty map of groups', text: 'groups: {}', says: 'factory.yaml:1:9 groups: needs at least one group' },
    { why: 'a key that is none', text: 'groups: { __proto__: {} }', says: 'factory.yaml:1:11 groups.__proto__: __proto__ is no key' },
    { why: 'an alias of itself', text: 'groups: &g { a: *g }', says: /^factory.yaml:1:\d+ / },
  ])('$why', ({ text, says }) => expect(problemsOf(text)).toMatch(says))
})

describe('a wrong --set', () => {
  test.each([
    { set: 'groups.sensors.clients', says: 'expected path=value' },
    { set: 'groups..clients=1', says: 'expected path=value' },
    { set: 'name.first=x', says: 'name: is not a map or list' },
    { set: 'groups.sensors.publish[2].every=1s', says: 'groups.sensors.publish: has 1 entries' },
    { set: 'labels={', says: 'labels: the value is not YAML' },
    { set: 'groups.__proto__.clients=1', says: '__proto__ is no key' },
  ])('$set', ({ set, says }) => expect(problemWith(set)).toContain(says))
})

describe('a wrong value', () => {
  const sensor = 'groups.sensors'
  const entry = 'groups.sensors.publish[0]'
  test.each([
    { set: 'seed=-1', says: 'seed: must be 0 to 4294967295, got -1' },
    { set: 'seed=1.5', says: 'seed: expected a whole number' },
    { set: 'name=a/b', says: 'name: is part of a folder’s name' },
    { set: 'labels=x', says: 'labels: expected a map, got x' },
    { set: 'settle=1', says: 'settle: expected a duration' },
    { set: 'transport=eopll', says: 'transport: expected auto, epoll or stream, got eopll (did you mean epoll?)' },
    { set: 'brokers[0].url=tcp://h:1', says: 'brokers[0].url: scheme tcp:// is not supported' },
    { set: 'brokers[0].url=localhost', says: 'brokers[0].url: expected a URL such as mqtt://127.0.0.1:1883' },
    { set: 'brokers[0].url="mqtt://:1883"', says: 'brokers[0].url: ' },
    { set: 'brokers[0].url=mqtt://h:99999', says: 'brokers[0].url: is no valid URL' },
    { set: 'brokers[0].url=mqtt://h/path', says: 'brokers[0].url: must end after its port' },
    { set: 'brokers[1].url=mqtt://user:hidden@h', says: 'brokers[1].url: has other credentials' },
    { set: 'brokers[1].name=a', says: 'brokers[1].name: two nodes are called a' },
    { set: 'brokers[1].name=a b', says: 'brokers[1].name: must be 1 to 32 characters' },
    { set: 'brokers[1].weight=0', says: 'brokers[1].weight: must be above 0' },
    { set: 'topics.region=[]', says: 'topics.region: needs at least one value' },
    { set: 'topics.plant=0', says: 'topics.plant: must be 1 to 16777216, got 0' },
    { set: 'topics.region=["", us]', says: 'topics.region[0]: must not be empty' },
    { set: 'topics.region=[eu/west, us]', says: 'topics.region[0]: is one level of a topic' },
    { set: 'topics.region=[eu, eu]', says: 'topics.region[1]: stands in the list twice' },
    { set: 'topics.client=5', says: 'topics.client: {client} is a variable of its own' },
    { set: 'topics.a b=5', says: 'topics.a b: the name must be 1 to 32 characters' },
    { set: 'placement=[a, c]', says: 'placement[1]: unknown node c' },
    {
      set: 'placement=weigted',
      says: 'placement: expected weighted, roundRobin, random, a list of node names, {zone: "{region}"} or {crossNode: 100%}, got weigted',
    },
    { set: 'load={0s: 100%, 10s: 0%}', says: 'load.10s: must end above 0' },
    { set: 'load={10s: 100%, 5s: 50%}', says: 'load.5s: must be later than the point before it' },
    { set: 'load={60s: 100%, 1m: 50%}', says: 'load.1m: must be later than the point before it' },
    { set: 'load={0s: -5%}', says: 'load.0s: must not be negative' },
    { set: 'load={soon: 5%}', says: 'load.soon: expected a duration' },
    { set: 'load={}', says: 'load: needs at least one point' },
    { set: 'phases.drain=-1s', says: 'phases.drain: must not be negative, got -1s' },
    { set: 'phases.cleanUp=sure', says: 'phases.cleanUp: expected true or false, got sure' },
    { set: 'gates={endToEnd.p98: 10%}', says: 'gates.endToEnd.p98: unknown metric endToEnd.p98' },
    { set: 'gates={ack.p50: 1%, ack.p90: 1%, ack.p95: 1%, ack.p99: 1%, ack.max: 1%}', says: 'gates: must be at most 4' },
    { set: `${sensor}.clients=0`, says: 'clients: must be 1 to 16777216, got 0' },
    { set: `${sensor}.clients=many`, says: 'clients: expected a whole number such as 500, 10k or 2.5M, got many' },
    { set: `${sensor}.scale=no`, says: 'scale: expected yes or keep, got no' },
    { set: `${sensor}.version=4`, says: 'version: expected 3.1, 3.1.1 or 5, got 4' },
    { set: `${sensor}.password=1234`, says: `${sensor}.password: expected a text (in quotes, if it looks like a number)` },
    { set: `${sensor}.sourceAddresses=[localhost]`, says: 'sourceAddresses[0]: expected an IP address of this machine, got localhost' },
    { set: `${sensor}.cleanSession={true: 95%, false: 4%}`, says: 'cleanSession: shares must add up to 100%, these are 99%' },
    { set: `${sensor}.keepAlive=65536s`, says: 'keepAlive: must be 0s to 65535s, got 65536s' },
    { set: `${sensor}.keepAlive=500ms`, says: 'keepAlive: must be whole seconds, got 500ms' },
    { set: `${sensor}.inFlight=0`, says: 'inFlight: must be 1 to 65535, got 0' },
    { set: `${sensor}.connect={rate: 5/s, over: 5s}`, says: 'connect: needs at most one of rate, over, at, has rate and over' },
    { set: `${sensor}.connect={at: twice}`, says: 'connect.at: expected once' },
    { set: `${sensor}.connect={arrival: gamma}`, says: 'connect.arrival: expected uniform, poisson or beta, got gamma' },
    { set: `${sensor}.connect={timeout: 0s}`, says: 'connect.timeout: must be above 0, got 0s' },
    { set: `${sensor}.reconnect=true`, says: 'reconnect: expected false or a map' },
    { set: `${sensor}.reconnect={first: 1m}`, says: 'reconnect: first must not be above max' },
    { set: `${sensor}.reconnect={factor: 0.5}`, says: 'reconnect.factor: must be at least 1, got 0.5' },
    { set: `${sensor}.churn={connected: 0s, away: 1s}`, says: 'churn.connected: must be above 0' },
    { set: `${sensor}.unsent={keep: -1}`, says: 'unsent.keep: must not be negative, got -1' },
    { set: `${sensor}.spread={region: [50%]}`, says: 'spread.region: shares must add up to 100%' },
    { set: `${sensor}.spread={region: [50%, 30%, 20%]}`, says: 'spread.region: needs 2 shares' },
    { set: `${sensor}.spread={regoin: [50%, 50%]}`, says: 'spread.regoin: unknown level regoin (did you mean region?)' },
    { set: `${sensor}.spread={region: {zipf: 0}}`, says: 'spread.region.zipf: must be above 0, got 0' },
    { set: `${sensor}.will={topic: a/+}`, says: 'will.topic: a topic to publish to can have no wildcard' },
    { set: `${sensor}.tls={cert: a.pem}`, says: 'tls.cert: needs its key' },
    { set: `${sensor}.ws={path: mqtt}`, says: 'ws.path: must start with /, got mqtt' },
    { set: `${entry}.topic=a/#`, says: 'topic: a topic to publish to can have no wildcard' },
    { set: `${entry}.topic=a/{+}`, says: 'topic: a topic to publish to can have no wildcard' },
    { set: `${entry}.topic=`, says: 'topic: expected a text' },
    { set: `${entry}.topic="{regoin}/x"`, says: 'topic: unknown variable {regoin} (did you mean region?)' },
    { set: `${entry}.topic="{from}/x"`, says: 'topic: {from} is for the topic of an entry with to: GROUP' },
    { set: `${entry}.to=dashboard`, says: 'to: unknown group dashboard (did you mean dashboards?)' },
    { set: `${entry}.pick=shuffled`, says: 'pick: needs to: GROUP' },
    { set: `${entry}.each={machine: 40}`, says: 'topic: needs {machine}, which tells the streams of each apart' },
    { set: `${entry}.each={client: 40}`, says: 'each.client: {client} is a variable of its own' },
    { set: `${entry}.each={region: 3}`, says: 'each.region: the level has 2 values, got 3' },
    { set: `${entry}.each={a: 1, b: 2}`, says: 'each: needs exactly one name' },
    { set: `${entry}.each={a: 0}`, says: 'each.a: must be 1 to 1048576, got 0' },
    { set: `${entry}.request={timeout: 1s}`, says: 'request.response: is missing' },
    { set: `${entry}.request={response: "a/+"}`, says: 'request.response: a topic to publish to can have no wildcard' },
    { set: `${entry}.request={response: a, timeout: 0s}`, says: 'request.timeout: must be above 0, got 0s' },
    { set: 'groups.dashboards.subscribe[0].reply={after: -1s}', says: 'reply.after: must not be negative, got -1s' },
    { set: 'groups.dashboards.subscribe[0].reply={after: 1s}', says: 'reply: there is nothing to answer: no publish entry has a request' },
    { set: `${entry}.topic="\${env:HOME}/x"`, says: 'topic: ${env:…} and ${file:…} are for' },
    { set: `${entry}.rate=5/s`, says: `${entry}: needs exactly one of every, rate, on, has every and rate` },
    { set: `${entry}.on=connect`, says: `${entry}: needs exactly one of every, rate, on, has every and on` },
    { set: `${entry}.every=0s`, says: 'every: must be above 0, got 0s' },
    { set: `${entry}.arrival=burst`, says: 'arrival: expected periodic, poisson or synchronized, got burst' },
    { set: `${entry}.times=0`, says: 'times: must be above 0, got 0' },
    { set: `${entry}.at=-1s`, says: 'at: must not be negative, got -1s' },
    { set: `${entry}.at=35s`, says: `${entry}: never sends` },
    { set: `${entry}.load={0s: 0%, 40s: 0%, 50s: 100%}`, says: `${entry}: never sends` },
    { set: `${entry}.qos=3`, says: 'qos: expected 0, 1, 2 or shares such as {0: 80%, 1: 20%}, got 3' },
    { set: `${entry}.qos={0: 80%, 1: 30%}`, says: 'qos: shares must add up to 100%, these are 110%' },
    { set: `${entry}.qos={0: 80%, 3: 20%}`, says: 'qos.3: unknown key' },
    { set: `${entry}.payload={}`, says: 'payload: needs exactly one of bytes, json, text, file, has none' },
    { set: `${entry}.payload={bytes: 5, text: x}`, says: 'payload: needs exactly one of bytes, json, text, file, has bytes and text' },
    { set: `${entry}.payload.bytes=-1`, says: 'payload.bytes: must be 0 to ' },
    { set: `${entry}.payload.bytes=256MiB`, says: 'payload.bytes: must be 0 to ' },
    { set: `${entry}.payload.bytes={min: 5, max: 4}`, says: 'payload.bytes: min must not be above max' },
    { set: `${entry}.payload.json=[1]`, says: 'payload.json: expected a map, got a list' },
    { set: `${entry}.payload.json={a: "{sequ}"}`, says: 'payload.json.a: unknown variable {sequ}' },
    { set: `${entry}.payload.json={a: {random: {min: 2, max: 1}}}`, says: 'payload.json.a.random: expected {min, max}' },
    { set: `${entry}.payload.json={_ms: 1}`, says: 'payload.json._ms: is where the header of a message goes' },
    { set: `${entry}.payload.file=missing.bin`, says: 'payload.file: no such file' },
    { set: `${entry}.payload.file=.`, says: 'payload.file: is not a file' },
    { set: 'groups.dashboards.subscribe[0].filter=a/#/b', says: 'subscribe[0].filter: # has to be the last level' },
    { set: 'groups.dashboards.subscribe[0].filter=a+/b', says: 'subscribe[0].filter: + has to fill a level' },
    { set: 'groups.dashboards.subscribe[0].filter=$share/a', says: 'subscribe[0].filter: a shared subscription is $share/NAME/FILTER' },
    { set: 'groups.dashboards.subscribe[0].qos=1.5', says: 'subscribe[0].qos: expected 0, 1 or 2, got 1.5' },
    { set: 'groups.dashboards.subscribe[0].identifier=0', says: 'subscribe[0].identifier: must be 1 to 268435455, got 0' },
    { set: 'groups.dashboards.subscribe[0].retainHandling=3', says: 'subscribe[0].retainHandling: expected 0, 1 or 2, got 3' },
    { set: 'probe=maybe', says: 'probe: expected true or false, got maybe' },
    { set: 'sentinel=often', says: 'sentinel: expected true, false or a map such as {rate: 10/s}, got often' },
    { set: 'sentinel={rate: 0/s}', says: 'sentinel.rate: must be above 0, got 0/s' },
    { set: 'sentinel={rate: 200/s}', says: 'sentinel.rate: must be at most 100/s, got 200/s' },
    { set: 'sentinel={rte: 5/s}', says: 'sentinel.rte: unknown key (did you mean rate?)' },
    {
      set: 'groups.sensors.publish[0].topic=mqtt-scale/sentinel/x',
      says: 'groups.sensors.publish[0].topic: topics under mqtt-scale/ are for the probe and the sentinel',
    },
    { set: 'groups.a b={}', says: 'groups.a b: the name must be 1 to 32 characters' },
    { set: 'groups.toString={}', says: 'groups.toString: the name is a reserved word' },
  ])('$set', ({ set, says }) => {
    const problem = problemWith(set)
    expect(problem).toContain(says)
    expect(problem.split('\n')).toHaveLength(1)
    expect(problem).not.toMatch(/hidden|1234/)
  })
})

describe('commands that can’t be', () => {
  test.each([
    { set: ['to=dashboards', 'pick=random'], says: 'pick: expected inTurn, shuffled or {zipf: 1.1}, got random' },
    { set: ['to=dashboards', 'pick={zipf: 0}'], says: 'pick.zipf: must be above 0, got 0' },
    { set: ['to=dashboards', 'each={machine: 4}', 'topic="a/{machine}"'], says: 'each: has no meaning with to' },
    { set: ['to=sensors'], says: 'topic: clients of sensors have no {region}: none of their templates uses it' },
    { set: ['request={response: a}', 'payload={bytes: 8}'], says: 'payload: has no room for a header, by which a reply finds its request' },
    { set: ['request={response: a}', 'payload={text: hello}'], says: 'payload: has no room for a header' },
    { set: ['request={response: a}', 'responseTopic=b'], says: 'responseTopic: has no meaning with request' },
    { set: ['to=dashboards', 'topicAlias=true'], says: 'topicAlias: needs one topic for all messages' },
  ])('$set', ({ set, says }) => {
    expect(problemWith(...set.map((value) => `groups.sensors.publish[0].${value}`))).toContain(says)
  })
})

test('a reply in a user property finds no requester below version 5', () => {
  const set = (version: number) => [
    'groups.sensors.publish[0].request={response: a}',
    `groups.sensors.version=${version}`,
    'groups.dashboards.version=5',
    'groups.dashboards.subscribe[0].reply={payload: {text: done}}',
  ]
  expect(problemWith(...set(5))).toBe('no problem')
  expect(problemWith(...set(3.1), 'groups.sensors.clientId=s{client}')).toContain('reply.payload: has no room for a header')
})

describe('a threshold that ends the run', () => {
  const END = 'is known only at the end of the run'
  test.each([
    { text: 'clients.failed == 0', says: 'no problem' },
    { text: 'groups.sensors.clients.disconnected <= 5', says: 'no problem' },
    { text: 'connect.p99 < 1s', says: 'no problem' },
    { text: 'nodes.a.endToEnd.p99 < 50ms', says: 'no problem' },
    { text: 'streams.temperature.sendLag.max < 1s', says: 'no problem' },
    { text: 'publishes.sentRatio >= 99%', says: 'no problem' },
    { text: 'deliveries.duplicated == 0', says: 'no problem' },
    {
      text: 'deliveries.lost == 0',
      says: `thresholds[0].abortOnFail: can't be with deliveries.lost, which ${END} (while it goes on there are deliveries.duplicated, deliveries.reordered, deliveries.unexpected)`,
    },
    { text: 'deliveries.lossRatio < 1%', says: END },
    { text: 'deliveries.unexplained == 0', says: END },
    { text: 'deliveries.received > 5', says: END },
    { text: 'endToEnd.count > 5', says: `abortOnFail: can't be with endToEnd.count, which ${END}` },
    { text: 'groups.dashboards.deliveries.owed > 5', says: END },
    {
      text: 'clients.connected >= 100',
      says: 'abortOnFail: needs grace: clients.connected begins with 0, and has to grow (such as grace: 30s)',
    },
    { text: 'publishes.sent == 9', says: 'needs grace' },
    { text: 'bytes.sent > 1KiB', says: 'needs grace' },
    // What is wrong with it anyway is said alone.
    { text: 'endToEnd.p98 < 1s', says: 'thresholds[0].expect: unknown metric endToEnd.p98 (did you mean endToEnd.p99?)' },
  ])('$text: $says', ({ text, says }) => {
    const problem = problemWith(`thresholds=[{expect: "${text}", abortOnFail: true}]`)
    expect(problem).toContain(says)
    expect(problem.split('\n')).toHaveLength(1)
  })

  test.each([
    { set: '{expect: "clients.connected >= 100", abortOnFail: true, grace: 30s}', says: 'no problem' },
    { set: '{expect: "clients.failed == 0", abortOnFail: true, grace: 0s}', says: 'no problem' },
    { set: '{expect: "clients.failed == 0", abortOnFail: true, grace: -1s}', says: 'thresholds[0].grace: must not be negative, got -1s' },
    { set: '{expect: "clients.failed == 0", abortOnFail: yes please}', says: 'thresholds[0].abortOnFail: expected true or false' },
    { set: '{expect: "clients.failed == 0", abortOnFail: false}', says: 'no problem' },
    { set: '{expect: "clients.failed == 0", grace: 10s}', says: 'thresholds[0].grace: is for abortOnFail: true' },
    { set: '{expect: "clients.failed == 0", abortOnFial: true}', says: 'unknown key (did you mean abortOnFail?)' },
  ])('$set: $says', ({ set, says }) => expect(problemWith(`thresholds=[${set}]`)).toContain(says))

  test('can not be one on a window or a fault, which are known only at the end', () => {
    const fault = 'faults=[{name: dies, at: 1s, drop: reset}]'
    for (const metric of ['windows.dies-after.endToEnd.p99', 'windows.dies-after.ack.p99', 'faults.dies.recover']) {
      const threshold = `thresholds=[{expect: "${metric} < 5s", abortOnFail: true}]`
      expect(problemWith(fault, 'groups.sensors.publish[0].qos=1', threshold)).toBe(
        `thresholds[0].abortOnFail: can't be with ${metric}, which ${END}`,
      )
    }
  })
})

describe('what does not go together', () => {
  test.each([
    { set: 'groups.sensors.sessionExpiry=1h', says: 'groups.sensors.sessionExpiry: needs version: 5' },
    { set: 'groups.sensors.userProperties={a: b}', says: 'groups.sensors.userProperties: needs version: 5' },
    { set: 'groups.sensors.will={topic: a, delay: 5s}', says: 'groups.sensors.will.delay: needs version: 5' },
    { set: 'groups.sensors.publish[0].expiry=5s', says: 'publish[0].expiry: needs version: 5' },
    { set: 'groups.sensors.publish[0].topicAlias=true', says: 'publish[0].topicAlias: needs version: 5' },
    { set: 'groups.dashboards.subscribe[0].noLocal=true', says: 'subscribe[0].noLocal: needs version: 5' },
    { set: 'groups.sensors.clientId=sensor', says: 'groups.sensors.clientId: without {client} all 100 clients have the same id' },
    { set: 'groups.sensors.clientId="{clientId}-{client}"', says: 'clientId: a client id can’t contain {clientId}' },
    { set: 'groups.sensors.spread={machine: {zipf: 1}}', says: 'spread.machine: unknown level machine' },
    { set: 'transport=epoll', with: 'brokers[0].url=mqtts://h', says: 'transport: epoll is for mqtt:// only' },
    { set: 'groups.sensors.publish[0].on=connect', with: 'groups.sensors.publish[0].arrival=poisson', says: 'needs exactly one of' },
    {
      set: 'groups.sensors.version=3.1',
      with: 'groups.sensors.clientId="{run}-{group}-{client}-{region}-xyz"',
      says: 'the longest id has 24',
    },
    {
      set: 'groups.dashboards.version=5',
      with: 'groups.dashboards.subscribe[0]={filter: $share/a/b, noLocal: true}',
      says: 'a shared subscription can’t',
    },
    {
      set: 'groups.sensors.clientId="c{client}"',
      with: 'groups.dashboards.clientId="c{client}"',
      says: 'gives ids that group sensors has too',
    },
    {
      set: 'groups.sensors.clientId="c{client}"',
      with: 'groups.dashboards.clientId="c1{client}"',
      says: 'gives ids that group sensors has too',
    },
    { set: 'groups.sensors.clientId="c{client}"', with: 'groups.dashboards={clientId: c7}', says: 'gives ids that group sensors has too' },
    { set: 'groups.sensors.clients=16M', with: 'groups.dashboards.clients=1M', says: 'all groups together have 17000000 clients' },
    { set: 'topics.plant=16M', with: 'topics.region=100', says: 'its templates span 1600000000 topics' },
  ])('$set $with', ({ set, with: also, says }) => expect(problemWith(set, ...(also ? [also] : []))).toContain(says))

  test.each([
    { why: 'one client needs no {client}', set: ['groups.solo={clientId: solo}'] },
    { why: 'an id of another form', set: ['groups.sensors.clientId="c{client}"', 'groups.dashboards.clientId="c-{client}"'] },
    { why: 'an index beyond the group', set: ['groups.sensors.clientId="c{client}"', 'groups.dashboards.clientId="c99{client}"'] },
    { why: 'overlapping subscriptions', set: ['groups.dashboards.subscribe[1].filter="#"'] },
    { why: '$share below version 5, which some brokers have', set: ['groups.dashboards.subscribe[0].filter=$share/a/b/#'] },
    {
      why: 'an id of 23 characters with 3.1',
      set: ['groups.sensors.version=3.1', 'groups.sensors.clientId="{run}-{group}-{client}-{region}"'],
    },
    { why: 'a payload without room for a header', set: ['groups.sensors.publish[0].payload.bytes=0'] },
  ])('fine: $why', ({ set }) => expect(problemWith(...set)).toBe('no problem'))

  test('a level that the group does not use can have no spread', () => {
    const problem = problemWith('topics.line=2', 'groups.sensors.spread={line: [50%, 50%]}')
    expect(problem).toBe('groups.sensors.spread.line: no template of the group uses {line}')
  })

  test('two entries of a group can’t share a name, given or by default', () => {
    const text = FACTORY.replace('name: temperature', 'name: sensors-2')
    const problem = problemsOf(text, { set: ['groups.sensors.publish[1]={topic: x, every: 1s}'] })
    expect(problem).toContain('groups.sensors.publish[1].name: the group has two entries called sensors-2')
  })

  test('256 publish entries are one too many', () => {
    const entries = Array.from({ length: 256 }, () => '{topic: x, every: 1s}').join(', ')
    expect(problemWith(`groups.sensors.publish=[${entries}]`)).toContain('all groups together have 256 publish entries')
  })

  test.each([
    { why: 'version 5', set: 'groups.sensors.version=5', says: 'groups.sensors.version: the embedded broker has no MQTT 5' },
    {
      why: '$share',
      set: 'groups.dashboards.subscribe[0].filter=$share/a/b',
      says: 'groups.dashboards.subscribe[0].filter: the embedded broker has no shared subscriptions',
    },
  ])('the embedded broker has no $why; the hint says how to name another', ({ set, says }) => {
    const embedded = ['brokers=[]', set]
    expect(problemsOf(FACTORY, { set: embedded })).toContain(says)
    expect(problemsOf(FACTORY, { set: embedded })).toContain('give --broker')
    expect(problemsOf(FACTORY, { set: embedded, brokers: ['mqtt://h'] })).toBe('no problem')
  })

  test('a wrong --broker is named as such, without what may be secret in it', () => {
    const problem = problemsOf(FACTORY, { brokers: ['http://user:hidden@h'] })
    expect(problem).toBe('brokers[0].url: scheme http:// is not supported (from --broker) (known: mqtt://, mqtts://, ws://, wss://)')
  })
})

describe('a wrong threshold', () => {
  test.each([
    { text: 'endToEnd.p99', says: 'expected METRIC OP VALUE, got endToEnd.p99' },
    { text: 'endToEnd.p99 =< 5ms', says: 'unknown comparison =<' },
    { text: 'endToEnd.p98 < 5ms', says: 'unknown metric endToEnd.p98 (did you mean endToEnd.p99?)' },
    { text: 'endtoend.p99 < 5ms', says: 'did you mean endToEnd.p99?' },
    { text: 'deliveries.lots == 0', says: 'did you mean deliveries.lost?' },
    { text: 'groups.sensors.ack.p9 < 5ms', says: 'did you mean groups.sensors.ack.p99?' },
    { text: 'endToEnd.p99 < 5', says: 'expected a duration such as 250ms, 30s, 5m or 2h for endToEnd.p99, got 5' },
    { text: 'deliveries.lost == 5ms', says: 'expected a whole number' },
    { text: 'deliveries.lossRatio < 5ms', says: 'expected a share such as 1% or 0.01' },
    { text: 'groups.sensor.publishes.sent > 0', says: 'unknown group sensor in groups.sensor.publishes.sent (did you mean sensors?)' },
    { text: 'nodes.c.endToEnd.p99 < 5ms', says: 'unknown node c' },
    { text: 'streams.temprature.ack.p99 < 5ms', says: 'did you mean temperature?' },
    { text: 'qos.3.endToEnd.p99 < 5ms', says: 'unknown QoS 3' },
    { text: 'groups.sensors.endToEnd.p99 < 5ms', says: 'group sensors has no subscription' },
    { text: 'groups.sensors.subscribe.p99 < 5ms', says: 'group sensors has no subscription' },
    { text: 'groups.dashboards.publishes.sent > 0', says: 'group dashboards publishes nothing' },
    { text: 'groups.sensors.ack.p99 < 5ms', says: 'what it publishes is not acknowledged (QoS 0)' },
    { text: 'ack.p99 < 5ms', says: 'what it publishes is not acknowledged (QoS 0)' },
    { text: 'streams.temperature.connect.p99 < 5ms', says: 'connect is not counted by stream' },
    { text: 'qos.0.clients.failed == 0', says: 'clients is not counted by QoS' },
  ])('$text', ({ text, says }) => expect(problemWith(`thresholds=["${text}"]`)).toContain(says))

  test.each([
    { qos: '2', text: 'qos.1.ack.p99 < 5ms', says: 'what it publishes is not acknowledged' },
    { qos: '2', text: 'qos.2.ack.p99 < 5ms', says: 'no problem' },
    { qos: '0', text: 'qos.1.sendLag.p99 < 1s', says: 'nothing is published or delivered with QoS 1' },
    { qos: '0', text: 'qos.2.deliveries.lost == 0', says: 'nothing is published or delivered with QoS 2' },
    { qos: '0', text: 'qos.0.sendLag.p99 < 1s', says: 'no problem' },
    { qos: '2', text: 'qos.1.endToEnd.p99 < 1s', says: 'no problem' },
    { qos: '{0: 99%, 1: 1%}', text: 'streams.temperature.ack.p99 < 5ms', says: 'no problem' },
    { qos: '0', text: 'groups.dashboards.endToEnd.p999 <= 5ms', says: 'no problem' },
    { qos: '0', text: 'nodes.b.deliveries.lossRatio<0.1%', says: 'no problem' },
    { qos: '0', text: 'publishes.sentRatio >= 0.999', says: 'no problem' },
  ])('with QoS $qos, $text: $says', ({ qos, text, says }) => {
    expect(problemWith(`groups.sensors.publish[0].qos=${qos}`, `thresholds=["${text}"]`)).toContain(says)
  })

  test('what it compares with is a number in the metric’s unit', () => {
    expect(parseThreshold('endToEnd.p99 < 50ms')).toMatchObject({ metric: 'endToEnd.p99', op: '<', value: 50_000, kind: 'duration' })
    expect(parseThreshold('deliveries.lossRatio <= 0.1%')).toMatchObject({ op: '<=', value: 0.001, kind: 'share' })
    expect(parseThreshold('clients.failed==0')).toMatchObject({ op: '==', value: 0, kind: 'count' })
    expect(parseThreshold('bytes.sent > 1MiB')).toMatchObject({ value: 1_048_576, kind: 'bytes' })
    expect(parseThreshold('groups.a.connect.count != 10k')).toMatchObject({
      metric: 'groups.a.connect.count',
      value: 10_000,
      kind: 'count',
    })
  })
})

describe('what a scenario names outside itself', () => {
  let dir = ''
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'mqtt-scale-'))
    writeFileSync(join(dir, 'garbage.pem'), 'no certificate')
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=x', '-keyout', 'key-0.pem', '-out', 'cert-0.pem'],
      {
        cwd: dir,
        stdio: 'ignore',
      },
    )
  })
  afterAll(() => rmSync(dir, { recursive: true }))

  const at = (...set: string[]) => problemsOf(FACTORY, { set }, join(dir, 'factory.yaml')).replaceAll(' (from --set)', '')

  test.each([
    { set: 'groups.sensors.tls.ca=missing.pem', says: 'groups.sensors.tls.ca: no such file' },
    { set: 'groups.sensors.tls.ca=garbage.pem', says: 'groups.sensors.tls.ca: the file holds no usable certificate' },
    {
      set: 'groups.sensors.tls={cert: cert-0.pem, key: garbage.pem}',
      says: 'groups.sensors.tls.key: the file holds no usable certificate',
    },
    { set: 'groups.sensors.tls={cert: "cert-{client}x.pem", key: key-0.pem}', says: 'groups.sensors.tls.cert: no such file' },
    { set: 'groups.sensors.tls={cert: "cert-{client}.pem", key: "key-{client}.pem", ca: cert-0.pem}', says: 'no problem' },
    { set: 'groups.sensors.password="${env:MQTT_SCALE_UNSET}"', says: 'password: environment variable MQTT_SCALE_UNSET is not set' },
    { set: 'groups.sensors.username="${file:nobody}"', says: "username: can't read nobody: ENOENT" },
    {
      set: 'groups.sensors.ws.headers={a: "${env:MQTT_SCALE_UNSET}"}',
      says: 'ws.headers.a: environment variable MQTT_SCALE_UNSET is not set',
    },
    { set: 'groups.sensors.username="${env:PATH}"', says: 'no problem' },
    { set: 'groups.sensors.publish[0].payload={file: garbage.pem}', says: 'no problem' },
  ])('$set', ({ set, says }) => expect(at(set)).toContain(says))
})

describe('where clients are put', () => {
  const ZONES = ['brokers[0].zone=eu-1', 'brokers[1].zone=us']
  const [ALONE, BOTH] = [{ brokers: ['mqtt://h'] }, {}]

  test.each<{ set: string[]; options?: Partial<LoadOptions>; says: string }>([
    { set: ['placement={zone: "{region}"}', ...ZONES], says: 'no problem' },
    {
      set: ['placement={zone: "{region}"}', ZONES[0]!],
      says: 'placement.zone: no node is in zone us (zones: eu-1; with else: any such clients go to any node)',
    },
    { set: ['placement={zone: "{region}", else: any}', ZONES[0]!], says: 'no problem' },
    { set: ['placement={zone: "{region}"}', ZONES[0]!, 'groups.sensors.spread.region=[100%, 0%]'], says: 'no node is in zone us' },
    {
      set: ['groups.sensors.placement={zone: "{region}"}', ZONES[0]!, 'groups.sensors.spread.region=[100%, 0%]'],
      says: 'no problem',
    },
    { set: ['groups.sensors.placement={zone: e}', ...ZONES], says: 'groups.sensors.placement.zone: no node is in zone e (zones: eu-1, us' },
    { set: ['groups.sensors.placement={zone: eu-1-a}', ...ZONES], says: 'no node is in zone eu-1-a' },
    { set: ['groups.sensors.placement={zone: "{group}"}'], says: 'no node is in zone sensors (zones: none' },
    { set: ['placement={zone: "{plan}"}'], says: 'placement.zone: {plan} is no level of topics, nor {group} (did you mean plant?)' },
    { set: ['placement={zone: "{client}"}'], says: 'placement.zone: {client} is no level of topics, nor {group}' },
    { set: ['placement={zone: "{node}", else: any}'], says: 'placement.zone: {node} is no level of topics, nor {group}' },
    { set: ['placement={zone: ""}'], says: 'placement.zone: must not be empty' },
    { set: ['placement={zone: eu, else: none}', ...ZONES], says: 'placement.else: expected any, got none' },
    { set: ['placement={zone: eu, crossNode: 5%}'], says: 'placement: needs exactly one of zone, crossNode, has zone and crossNode' },
    { set: ['placement={else: any}'], says: 'placement: needs exactly one of zone, crossNode, has none' },
    { set: ['placement={crossNode: 5%, else: any}'], says: 'placement.else: goes with zone' },
    { set: ['placement={crossNod: 5%}'], says: 'placement.crossNod: unknown key (did you mean crossNode?)' },
    { set: ['placement={crossNode: 101%}'], says: 'placement.crossNode: must be 0% to 100%, got 101%' },
    { set: ['placement={crossNode: 100%}'], options: BOTH, says: 'no problem' },
    {
      set: ['placement={crossNode: 100%}'],
      options: ALONE,
      says: 'placement.crossNode: needs two nodes or more (give --broker twice or more',
    },
    { set: ['groups.dashboards.placement={crossNode: 0%}'], says: 'no problem' },
    {
      set: ['groups.sensors.placement={crossNode: 100%}'],
      says: 'groups.sensors.placement.crossNode: the group subscribes to nothing (give it to the group that listens)',
    },
    {
      set: ['placement={crossNode: 100%}', 'groups.dashboards.subscribe[0].filter="{node}/#"'],
      says: 'groups.dashboards.subscribe[0].filter: crossNode puts a client by what its filters match, so they can’t have {node}',
    },
    {
      set: [
        'placement={crossNode: 100%}',
        'groups.dashboards.clientId="{node}-{client}"',
        'groups.dashboards.subscribe[0].filter="{clientId}/#"',
      ],
      says: 'so they can’t have {node}',
    },
  ])('$set', ({ set, options = {}, says }) => {
    const problem = problemsOf(FACTORY, { set, ...options }).replaceAll(' (from --set)', '')
    expect(problem).toContain(says)
    expect(problem.split('\n')).toHaveLength(1)
  })

  test('a zone makes its level one that the group uses, which a spread may then have', () => {
    const set = ['groups.dashboards.subscribe[0].filter="#"', 'groups.dashboards.spread.region=[90%, 10%]']
    expect(problemWith(...set)).toContain('no template of the group uses {region}')
    expect(problemWith(...set, ...ZONES, 'groups.dashboards.placement={zone: "{region}"}')).toBe('no problem')
  })
})
