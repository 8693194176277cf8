import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { scenarioSchema } from '../../src/load/schema.ts'

const files = readdirSync('scenarios', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => `scenarios/${file}`)
  .sort()
const needsBroker = [
  'scenarios/10m.yaml',
  'scenarios/cross-node.yaml',
  'scenarios/mqttbs/sharedsub-1k.yaml',
  'scenarios/shared-subscription.yaml',
]

describe('the shipped scenarios', () => {
  test('are these', () => {
    expect(files.map((file) => file.replace(/^scenarios\/|\.yaml$/g, ''))).toEqual([
      '10m',
      'command-and-control',
      'connect-storm',
      'cross-node',
      'fan-in',
      'fan-out',
      'mqttbs/conn-tcp-10k',
      'mqttbs/fanout-1k',
      'mqttbs/p2p-1k',
      'mqttbs/sharedsub-1k',
      'point-to-point',
      'quickstart',
      'shared-subscription',
    ])
  })

  test.each(files)('%s is right, and says what it models and what to look at', (file) => {
    const text = readFileSync(file, 'utf8')
    const schema = `${'../'.repeat(file.split('/').length - 1)}schema/scenario.schema.json`
    expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=${schema}`)
    const head = text.slice(0, text.search(/^[a-z]/m))
    expect(head).toMatch(/^# Models: /m)
    expect(head).toMatch(/^# Look at: /m)
    const brokers = ['mqtt://127.0.0.1:1883', 'mqtt://127.0.0.1:1884']
    expect(() => loadScenario(file, text, { ...NO_OPTIONS, brokers })).not.toThrow()
    const alone = () => loadScenario(file, text, NO_OPTIONS)
    if (needsBroker.includes(file)) expect(alone).toThrow('give --broker')
    else expect(alone).not.toThrow()
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

  test('10m has ten million devices', () => {
    const text = readFileSync('scenarios/10m.yaml', 'utf8')
    const plan = loadScenario('scenarios/10m.yaml', text, { ...NO_OPTIONS, brokers: ['mqtt://h'] })
    expect(plan.clients).toBe(10_011_000)
    expect(loadScenario('10m.yaml', text, { ...NO_OPTIONS, brokers: ['mqtt://h'], scale: 0.001 }).clients).toBe(21_000)
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
