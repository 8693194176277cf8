/**
 * What each broker calls what is wanted of it: a fixture each, real ones where the broker can run here, and what they must say.
 *
 * In the real ones what waits and what was dropped was 0, which a wrong name would be too: so those figures are made up.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { MAPPINGS, type MappingName } from '../../src/load/metrics-source.ts'
import { evaluate, namesOf, type Values } from '../../src/watch/evaluate.ts'
import { parseExposition } from '../../src/watch/exposition.ts'
import { type Mapping, ownMapping, PROMETHEUS, SYS } from '../../src/watch/mappings.ts'
import { natsValues } from '../../src/watch/nats.ts'
import { recognize } from '../../src/watch/prometheus.ts'

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
const read = (mapping: Mapping, text: string): Values => evaluate(mapping, parseExposition(text, new Set(namesOf(mapping))))

const MADE_UP = { connections: 1000, subscriptions: 40, messagesIn: 5000, messagesOut: 200_000 }
const EXPECTED: Record<MappingName, Values> = {
  // Of the 1,002 in and out two are of the plugin's own start.
  rabbitmq: {
    connections: 21,
    queued: 11,
    memoryBytes: 140_926_976,
    cpuSeconds: 4.793,
    messagesIn: 1002,
    messagesOut: 1002,
    dropped: 5,
  },
  emqx: { ...MADE_UP, memoryBytes: 2 ** 31, dropped: 15 },
  vernemq: { ...MADE_UP, queued: 90, memoryBytes: 123_456_789, dropped: 7 },
  hivemq: { ...MADE_UP, dropped: 3 },
  'nats-exporter': { connections: 1000, messagesIn: 5000, subscriptions: 1040, queued: 13, memoryBytes: 2 ** 25, cpuCores: 1.5 },
}

describe('the metrics of', () => {
  test.each(MAPPINGS)('%s say what they must, and are known by their names', (name) => {
    const text = fixture(`${name}.prom`)
    expect(read(PROMETHEUS[name], text)).toEqual(EXPECTED[name])
    expect(recognize(text).name).toBe(name)
  })

  test('mosquitto, by $SYS, say what they must', () => {
    const lines = fixture('mosquitto.txt').trim().split('\n')
    const topics = lines.map((line) => /^\$SYS\/broker\/([^\t]+)\t(.*)$/.exec(line)!)
    const samples = new Map(topics.map(([, topic, text]) => [topic!, [{ labels: {}, value: Number(text) }]]))
    expect(evaluate(SYS, samples)).toEqual({
      connections: 21,
      subscriptions: 1,
      queued: 11,
      memoryBytes: 58_904,
      messagesIn: 1000,
      messagesOut: 1000,
      dropped: 9,
    })
  })

  test('NATS, by its monitoring, say what they must', () => {
    expect(natsValues(fixture('nats-varz.json'), fixture('nats-jsz.json'))).toMatchObject({
      connections: 21,
      queued: 17,
      memoryBytes: 17_440_768,
      cpuCores: 0,
    })
  })

  test('NATS are not those of streams whose names are theirs', () => {
    const stream = (name: string, messages: number) => ({ name, state: { messages } })
    const jsz = { account_details: [{ stream_detail: [stream('connections', 500), stream('mem', 7), stream('$MQTT_msgs', 3)] }] }
    const values = natsValues(fixture('nats-varz.json'), JSON.stringify(jsz))
    expect(values).toMatchObject({ connections: 21, memoryBytes: 17_440_768, queued: 3 })
  })

  test('NATS without JetStream don’t tell what waits', () => {
    expect(natsValues(fixture('nats-varz.json'), '{}')).not.toHaveProperty('queued')
  })
})

describe('a metric that is not there', () => {
  test.each(MAPPINGS)('of %s is not told, and never 0', (name) => {
    const lines = fixture(`${name}.prom`).split('\n')
    const whole = read(PROMETHEUS[name], lines.join('\n'))
    for (const metric of new Set(namesOf(PROMETHEUS[name]))) {
      const without = lines.filter((line) => !line.startsWith(`${metric} `) && !line.startsWith(`${metric}{`))
      if (without.length === lines.length) continue
      for (const [need, value] of Object.entries(read(PROMETHEUS[name], without.join('\n')))) {
        // What is told without it was told before, and nothing became 0 for want of it.
        expect(whole).toHaveProperty(need)
        if (value === 0) expect(whole[need as keyof Values]).toBe(0)
      }
    }
    expect(read(PROMETHEUS[name], 'something_else 5\n')).toEqual({})
  })

  test('is one whose samples are no numbers, too', () => {
    expect(read(ownMapping({ connections: 'm' }), 'm{a="1"} NaN\n')).toEqual({})
    expect(read(ownMapping({ connections: 'm' }), 'm{a="1"} NaN\nm{a="2"} 4\n')).toEqual({ connections: 4 })
  })
})

test('a mapping of one’s own takes the samples with its labels, and adds them up', () => {
  const text = 's{state="connected",node="a"} 3\ns{state="connected",node="b"} 4\ns{state="absent"} 9\nsent 5\n'
  const mapping = ownMapping({ connections: 's{state="connected"}', subscriptions: 's{state="gone"}', messagesOut: 'sent' })
  expect(read(mapping, text)).toEqual({ connections: 7, messagesOut: 5 })
})

test('nobody’s metrics are recognized as nobody’s', () => {
  expect(() => recognize('go_goroutines 5\n')).toThrow(/known broker/)
})
