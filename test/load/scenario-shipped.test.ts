import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { scenarioSchema } from '../../src/load/schema.ts'

const files = readdirSync('scenarios', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml') && !file.endsWith('.target.yaml'))
  .map((file) => `scenarios/${file}`)
  .sort()
const needsBroker = [
  'scenarios/cross-node.yaml',
  'scenarios/estate.yaml',
  'scenarios/mqttbs/sharedsub-1k.yaml',
  'scenarios/shared-subscription.yaml',
]
/** They name nodes, with addresses of this machine that --broker replaces. */
const namesNodes = ['scenarios/bridge.yaml', 'scenarios/node-failure.yaml', 'scenarios/rolling-restart.yaml', 'scenarios/zone-loss.yaml']
const nodes = ['mqtt://127.0.0.1:1883', 'mqtt://127.0.0.1:1884', 'mqtt://127.0.0.1:1885']
const read = (name: string) => readFileSync(`scenarios/${name}.yaml`, 'utf8')
const load = (name: string, options: Partial<typeof NO_OPTIONS> = {}) =>
  loadScenario(`${name}.yaml`, read(name), { ...NO_OPTIONS, ...options })
/** The lines of comments that a scenario begins with, without their `#`. */
const headOf = (name: string) =>
  read(name)
    .split(/^[a-z]/m, 1)[0]!
    .replaceAll(/^# ?/gm, '')

describe('the shipped scenarios', () => {
  test('are these', () => {
    expect(files.map((file) => file.replace(/^scenarios\/|\.yaml$/g, ''))).toEqual([
      '10m',
      '1m',
      'bridge',
      'command-and-control',
      'connect-storm',
      'cross-node',
      'estate',
      'fan-in',
      'fan-out',
      'last-will-storm',
      'mqttbs/conn-tcp-10k',
      'mqttbs/fanout-1k',
      'mqttbs/p2p-1k',
      'mqttbs/sharedsub-1k',
      'node-failure',
      'offline-queue',
      'point-to-point',
      'quickstart',
      'reconnect-storm',
      'rolling-restart',
      'session-takeover',
      'shared-subscription',
      'sizing/idle',
      'sizing/queue',
      'sizing/rate',
      'sizing/storm',
      'zone-loss',
    ])
  })

  test.each(files)('%s is right, and says what it models and what to look at', (file) => {
    const text = readFileSync(file, 'utf8')
    const schema = `${'../'.repeat(file.split('/').length - 1)}schema/scenario.schema.json`
    expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=${schema}`)
    const head = text.slice(0, text.search(/^[a-z]/m))
    expect(head).toMatch(/^# Models: /m)
    expect(head).toMatch(/^# Look at: /m)
    expect(() => loadScenario(file, text, { ...NO_OPTIONS, brokers: nodes })).not.toThrow()
    const alone = () => loadScenario(file, text, NO_OPTIONS)
    if (needsBroker.includes(file)) expect(alone).toThrow('give --broker')
    else {
      expect(alone().embedded).toBe(!namesNodes.includes(file))
      // What runs on the embedded broker needs no --allow-exec either.
      if (alone().embedded) expect(alone().faults.filter(({ exec }) => exec !== null)).toEqual([])
    }
  })

  test('stand in the README', () => {
    const readme = readFileSync('README.md', 'utf8')
    for (const file of files.filter((file) => !file.includes('mqttbs')))
      expect(readme).toContain(`\`${file.slice('scenarios/'.length, -5)}\``)
  })

  /** What stands together is for one run. */
  const settings = readdirSync('scenarios')
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -5))
    .flatMap((name) => Array.from(headOf(name).matchAll(/(--set\s+('[^']*'|[^\s'`;])+\s*)+/g), (m) => [name, setsOf(m[0])] as const))

  function setsOf(text: string): string[] {
    return text.split(/--set\s+/).flatMap((one) => (one === '' ? [] : [one.trim().replace(/\.$/, '').replaceAll("'", '')]))
  }

  test.each(settings)('%s can be run with --set %j, as its head says', (name, set) => {
    expect(() => load(name, { set, brokers: nodes })).not.toThrow()
  })

  test.each(files.filter((file) => file.includes('mqttbs')))('the --set lines in the head of %s are right', (file) => {
    const text = readFileSync(file, 'utf8')
    const lines = text.split('\n').filter((line) => line.startsWith('#   --set'))
    const set = lines.flatMap((line) => Array.from(line.matchAll(/--set ('[^']*'|[^' ]+'[^']*'|\S+)/g), (m) => m[1]!.replaceAll("'", '')))
    expect(set.length).toBeGreaterThan(0)
    const plan = loadScenario(file, text, { ...NO_OPTIONS, set, brokers: ['mqtt://h'] })
    expect([1_000_000, 1005, 100_000, 50_500]).toContain(plan.clients)
  })

  test('the quickstart takes less than 20 s and sends some 500 messages a second', () => {
    const file = 'scenarios/quickstart.yaml'
    const plan = loadScenario(file, readFileSync(file, 'utf8'), NO_OPTIONS)
    const { warmUpUs, measureUs, drainUs } = plan.phases
    const connectUs = Math.max(...plan.groups.map((g) => g.connect.overS)) * 1e6
    expect(connectUs + plan.settleUs + warmUpUs + measureUs + drainUs).toBeLessThan(18e6)
    const perSec = plan.groups.flatMap((g) => g.publish.map((e) => (g.clients * 1e6) / (e.trigger as { periodUs: number }).periodUs))
    expect(perSec.reduce((a, b) => a + b)).toBeCloseTo(512, 0)
  })

  test.each(['node-failure', 'rolling-restart', 'zone-loss'])(
    'the commands of %s are those of the environment, for the nodes it names',
    (name) => {
      const commands = load(name).faults.flatMap(({ exec }) => exec ?? [])
      const run = (command: string, env: NodeJS.ProcessEnv) => spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8', env })
      const env = {
        STOP_NODE: 'echo stop $NODE',
        START_NODE: 'echo start $NODE',
        STOP_ZONE: 'echo stop $ZONE',
        START_ZONE: 'echo start $ZONE',
      }
      expect(commands.map((command) => run(command, env).stdout.trim())).toEqual(
        {
          'node-failure': ['stop b', 'start b'],
          'rolling-restart': ['stop a', 'start a', 'stop b', 'start b', 'stop c', 'start c'],
          'zone-loss': ['stop eu-1', 'start eu-1'],
        }[name],
      )
      const variables = commands.map((command) => /\$\{?(ST\w+)/.exec(command)![1]!)
      for (const variable of variables) expect(headOf(name)).toContain(`${variable}='`)
      const missing = run(commands[0]!, {})
      expect(missing.status).not.toBe(0)
      expect(missing.stderr).toMatch(new RegExp(`${variables[0]}: say in it how .*(node b |node a |eu-1 )`))
      expect(commands.map((command) => run(command, Object.fromEntries(variables.map((v) => [v, 'exit 7']))).status)).toEqual(
        commands.map(() => 7),
      )
    },
  )

  test('about as much waits for the phones of offline-queue as its head says', () => {
    const { groups, faults } = load('offline-queue')
    const phones = groups[0]!
    const [entry] = groups.find(({ name }) => name === 'senders')!.publish
    const perSec = (groups.find(({ name }) => name === 'senders')!.clients * 1e6) / (entry!.trigger as { periodUs: number }).periodUs
    const said = /some ([\d,]+) for each fault/.exec(headOf('offline-queue'))![1]!.replace(',', '')
    for (const { drop } of faults) {
      const awayS = drop!.forUs / 1e6 + drop!.return!.overS / 2
      expect((perSec / phones.clients) * drop!.share * phones.clients * awayS).toBeCloseTo(Number(said), -3)
    }
  })

  test('10m has ten million devices', () => {
    const text = readFileSync('scenarios/10m.yaml', 'utf8')
    const plan = loadScenario('scenarios/10m.yaml', text, { ...NO_OPTIONS, brokers: ['mqtt://h'] })
    expect(plan.clients).toBe(10_001_100)
    const devices = plan.groups.filter(({ name }) => name === 'devices' || name === 'controllers')
    expect(devices.map(({ clients, cleanShare }) => [clients, cleanShare])).toEqual([
      [9_900_000, 1],
      [100_000, 0],
    ])
    expect(loadScenario('10m.yaml', text, { ...NO_OPTIONS, brokers: ['mqtt://h'], scale: 0.001 }).clients).toBe(11_001)
  })
})

describe('the JSON Schema', () => {
  const schema = scenarioSchema() as Node

  interface Node {
    $schema?: string
    type?: string | string[]
    properties?: Record<string, Node>
    additionalProperties?: Node | boolean
    items?: Node
    anyOf?: Node[]
    description?: string
  }

  /** Every key that a map of the schema knows. */
  function keysOf(node: Node): string[] {
    const own = Object.entries(node.properties ?? {}).flatMap(([key, member]) => [key, ...keysOf(member)])
    const rest = typeof node.additionalProperties === 'object' ? keysOf(node.additionalProperties) : []
    return [...own, ...rest, ...(node.items ? keysOf(node.items) : []), ...(node.anyOf ?? []).flatMap(keysOf)]
  }

  test('says which draft it is, and that unknown keys are wrong', () => {
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
    expect(schema.type).toBe('object')
    expect(schema.additionalProperties).toBe(false)
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema)
  })

  test('knows the keys of a scenario, and what editors show of them', () => {
    const group = (schema.properties!.groups!.additionalProperties as Node).properties!
    expect(group.keepAlive).toMatchObject({ default: '60s', type: ['string', 'number'] })
    expect(group.version).toHaveProperty('anyOf')
    expect(group.publish!.items!.properties!.topic!.description).toContain('Topic template')
  })

  test('docs/scenario.md has every key', () => {
    const docs = readFileSync('docs/scenario.md', 'utf8').replace(/```[\s\S]*?```/g, '')
    const words = new Set(Array.from(docs.matchAll(/`([^`]+)`/g), (m) => m[1]!).flatMap((code) => code.match(/[A-Za-z0-9]+/g) ?? []))
    expect([...new Set(keysOf(schema))].filter((key) => !words.has(key))).toEqual([])
  })

  test('the scenario at the head of docs/scenario.md is right', () => {
    const docs = readFileSync('docs/scenario.md', 'utf8')
    const text = /```yaml\n([\s\S]*?)```/.exec(docs)![1]!
    expect(loadScenario('docs/scenario.md', text, NO_OPTIONS).clients).toBe(10_040)
  })
})
