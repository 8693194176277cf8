import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { loadOf, readTarget, sloKey } from '../../src/capacity/target.ts'
import { targetSchema } from '../../src/capacity/target-schema.ts'
import { ScenarioError } from '../../src/errors.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { TARGET } from './sample-evidence.ts'

const MINIMAL = `clients: 10k
publish: 1k/s
payload: 100B
slo: [endToEnd.p99 < 50ms]
survive: none
node: { memory: 4GiB }
`
const problemsOf = (text: string, set: readonly string[] = []) => {
  try {
    readTarget('t.target.yaml', text, set)
    return []
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    expect(error.what).toBe('target')
    return error.message.split('\n')
  }
}
const changed = (from: string, to: string) => MINIMAL.replace(from, to)

describe('a target', () => {
  test('needs little, and has its defaults', () => {
    const target = readTarget('factory.target.yaml', MINIMAL, [])
    expect(target).toMatchObject({
      name: 'factory',
      zones: 1,
      use: { memory: 0.75, cpu: 0.7, network: 0.5 },
      availability: { goal: expect.closeTo(0.9999, 12) },
    })
    expect(loadOf(target, null, () => 0)).toMatchObject({
      clients: 10_000,
      publishesPerSec: 1000,
      fanOut: 1,
      packetBytes: 146,
      qosShares: [1, 0, 0],
      keepAliveS: 60,
      provenance: 'assumed',
      basis: 'target file',
    })
  })

  test('takes --set', () => {
    expect(readTarget('t.yaml', MINIMAL, ['node.connections=100k', 'survive=node', 'recoveryTime=5m'])).toMatchObject({
      survive: 'node',
      recoveryTime: 300e6,
      node: { connections: 100_000 },
    })
  })

  test('takes its load from a scenario, but for what it states itself', () => {
    const plan = loadScenario('10m.yaml', readFileSync('scenarios/10m.yaml', 'utf8'), NO_OPTIONS)
    const text = changed('clients: 10k\npublish: 1k/s\npayload: 100B\n', 'load: 10m.yaml\n')
    const load = loadOf(readTarget('t.yaml', text, []), plan, () => 0)
    expect(load).toMatchObject({ clients: 10_001_100, subscriptionsPerClient: expect.closeTo(0.0104, 3), basis: 'scenario 10m' })
    expect(load.publishesPerSec).toBeCloseTo(101_000, -1)
    expect(load.fanOut).toBeCloseTo(1, 2)
    expect(load.keepAliveS).toBeCloseTo(300, 0)
    expect(load.persistentShare).toBeCloseTo(0.01, 3)
    expect(load.qosShares[1]).toBeCloseTo((0.2 * 100_000 + 1000) / 101_000, 3)
    const stated = loadOf(readTarget('t.yaml', text, ['clients=5M', 'fanOut=2']), plan, () => 0)
    expect(stated).toMatchObject({ clients: 5_000_000, fanOut: 2, packetBytes: load.packetBytes })
  })

  test('has thresholds that say the same as others', () => {
    expect(sloKey('endToEnd.p99<100ms')).toBe(sloKey('endToEnd.p99 < 0.1s'))
    expect(sloKey('endToEnd.p99 < 100ms')).not.toBe(sloKey('endToEnd.p99 <= 100ms'))
  })
})

describe('what is wrong in a target is said with its place', () => {
  test.each([
    {
      text: changed('clients: 10k', 'clients: many'),
      says: 't.target.yaml:1:10 clients: expected a whole number such as 500, 10k or 2.5M, got many',
    },
    { text: changed('clients', 'cleints'), says: 't.target.yaml:1:1 cleints: unknown key (did you mean clients?)' },
    {
      text: changed('memory: 4GiB', 'memory: 4GiB, conections: 5'),
      says: 't.target.yaml:6:23 node.conections: unknown key (did you mean connections?)',
    },
    {
      text: changed('{ memory: 4GiB }', '{ cores: 4 }'),
      says: 't.target.yaml:6:7 node.memory: is missing: expected a size such as 64, 64B or 1KiB',
    },
    {
      text: changed('memory: 4GiB', 'memory: 4GiB, network: 10'),
      says: 't.target.yaml:6:32 node.network: expected a bandwidth such as 500Mbit/s or 10Gbit/s, got 10',
    },
    {
      text: changed('survive: none', 'survive: zone\nzones: 1\nrecoveryTime: 1m'),
      says: 't.target.yaml:5:10 survive: needs two zones or more',
    },
    {
      text: changed('survive: none', 'survive: zoen'),
      says: 't.target.yaml:5:10 survive: expected zone, node or none, got zoen (did you mean zone?)',
    },
    {
      text: changed('survive: none', 'survive: node'),
      says: 't.target.yaml:1:1 target: needs recoveryTime, since something is to be survived',
    },
    { text: changed('payload: 100B\n', ''), says: 't.target.yaml:1:1 target: needs payload, or a load that says it' },
    { text: changed('p99 < 50ms', 'p9 < 50ms'), says: /^t\.target\.yaml:4:7 slo\[0\]: unknown metric endToEnd\.p9/ },
    { text: changed('[endToEnd.p99 < 50ms]', '[]'), says: 't.target.yaml:4:6 slo: needs at least one threshold' },
    { text: `${MINIMAL}price: { perHour: 1, perMonth: 500 }`, says: 't.target.yaml:7:8 price: needs exactly one of perHour, perMonth' },
    { text: `${MINIMAL}price: { perHour: cheap }`, says: 't.target.yaml:7:19 price.perHour: expected a number, got cheap' },
    { text: `${MINIMAL}assume: { contention: 0.1 }`, says: 't.target.yaml:7:23 assume.contention: needs perNode' },
    { text: `${MINIMAL}availability: { goal: 100% }`, says: 't.target.yaml:7:23 availability.goal: must be below 100%, got 100%' },
    { text: `${MINIMAL}growth: { perYear: 20 }`, says: 't.target.yaml:7:20 growth.perYear: expected a share such as 95%, got 20' },
  ])('$says', ({ text, says }) => {
    const problems = problemsOf(text)
    expect(problems).toContainEqual(typeof says === 'string' ? says : expect.stringMatching(says))
  })

  test('all at once, and from --set without one', () => {
    expect(problemsOf(changed('clients: 10k', 'clients: -1'), ['zones=many'])).toEqual([
      't.target.yaml:1:10 clients: must be above 0, got -1',
      'zones: expected a whole number such as 500, 10k or 2.5M, got many (from --set)',
    ])
  })
})

describe('the targets that ship', () => {
  const files = readdirSync('scenarios/sizing').filter((file) => file.endsWith('.target.yaml'))
  test.each(files)('%s is right, and its load is there', (file) => {
    const target = readTarget(file, readFileSync(`scenarios/sizing/${file}`, 'utf8'), [])
    expect(existsSync(`scenarios/sizing/${target.load}`)).toBe(true)
  })
})

test('the table of docs/capacity.md has every key of a target', () => {
  const [, section] = readFileSync('docs/capacity.md', 'utf8').split('\n## A target\n')
  const rows = section!.split('\n').filter((line) => line.startsWith('| `'))
  const keysOf = (schema: { properties?: Record<string, object> }): string[] =>
    Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [key, ...keysOf(inner)])
  const keys = keysOf(z.toJSONSchema(targetSchema, { io: 'input' }) as object)
  expect(keys.length).toBeGreaterThan(50)
  expect(keys.filter((key) => !rows.some((row) => row.includes(`\`${key}\``) || row.includes(`\`${key}: `)))).toEqual([])
})

test('the worked case of the tests is a target', () => expect(problemsOf(TARGET)).toEqual([]))
