/**
 * Commands and their replies on a real broker, in every mix of versions, and with a device that is none of ours: the broker routes each message by
 * its topic, so what the figures say of `to`, `each` and `request` is what a subscriber of that topic gets.
 */
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { run, witness } from './helper.ts'
import { type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts'

const CLEAN = { lost: 0, excused: 0, duplicated: 0, reordered: 0, unexpected: 0, unverified: 0 }
const MACHINES = 9
/** Of 2 controllers in 1 s at 30/s. */
const COMMANDS = 30

const scenario = (root: string, versions: readonly [string, string], fields: object = {}) => ({
  name: 'commands',
  settle: '100ms',
  groups: {
    controllers: {
      clients: 2,
      version: versions[0],
      publish: [
        {
          name: 'command',
          topic: `${root}/cmd/{clientId}/{from}`,
          to: 'machines',
          rate: '30/s',
          qos: 1,
          request: { response: `${root}/resp/{from}` },
          ...fields,
        },
      ],
    },
    machines: {
      clients: MACHINES,
      version: versions[1],
      subscribe: [{ filter: `${root}/cmd/{clientId}/+`, qos: 1, reply: { after: '20ms', payload: { text: 'done' }, qos: 2 } }],
    },
  },
  phases: { warmUp: '0s', measure: '1s', drain: '10s' },
})

describe.skipIf(!requireMosquitto())('commands', () => {
  let broker: Mosquitto
  let url = ''
  beforeAll(async () => {
    broker = await startMosquitto({ listeners: ['plain'] })
    url = broker.url('plain')
  })
  afterAll(() => broker?.stop())

  test.each([
    ['3.1.1', '3.1.1', 1, 'inTurn'],
    ['3.1.1', '5', 2, 'shuffled'],
    ['5', '3.1.1', 1, { zipf: 1.2 }],
    ['5', '5', 7, 'shuffled'],
  ] as const)('from version %s to version %s in %i workers are all answered', async (from, to, workers, pick) => {
    const root = `commands-${from}-${to}`
    const { groups, ...rest } = scenario(root, [from, to], { pick })
    // A text has room for a header with version 5 only, on both sides.
    const payload = from === '5' && to === '5' ? { text: 'done' } : { bytes: 16 }
    const { filter } = groups.machines.subscribe[0]!
    const machines = { ...groups.machines, subscribe: [{ filter, qos: 1, reply: { after: '20ms', qos: 2, payload } }] }
    const { report, exitCode } = await run({ ...rest, groups: { ...groups, machines } }, [url], { workers })
    expect(report.errors).toEqual({})
    expect(exitCode).toBe(0)
    expect(report.publishes).toEqual({ planned: COMMANDS, sent: COMMANDS, acked: COMMANDS, refused: 0, dropped: 0 })
    expect(report.deliveries).toEqual({ owed: COMMANDS, received: COMMANDS, ...CLEAN })
    expect(report.roundTripUs.count).toBe(COMMANDS)
    expect(report.roundTripUs.max).toBeGreaterThan(20_000)
    expect(report.roundTripUs.min).toBeGreaterThanOrEqual(20_000)
  })

  test('a request has Response Topic and Correlation Data, and a device that returns them is heard', async () => {
    const root = 'foreign'
    const device = await connectAsync(url, { protocolVersion: 5 })
    onTestFinished(() => device.endAsync())
    const responses: string[] = []
    device.on('message', (topic, _, packet) => {
      const { responseTopic, correlationData } = packet.properties!
      const sender = topic.split('/').at(-1)!
      expect(responseTopic).toBe(`foreign/resp/${sender}`)
      responses.push(correlationData!.toString())
      device.publish(responseTopic!, 'a reply of its own', { qos: 1, properties: { correlationData: correlationData! } })
    })
    await device.subscribeAsync('foreign/cmd/+/+', { qos: 1 })
    const plan = scenario(root, ['5', '5'])
    const machines = { clients: MACHINES, subscribe: [{ filter: `${root}/cmd/{clientId}/+`, qos: 1 }] }
    const { report } = await run({ ...plan, groups: { ...plan.groups, machines } }, [url])
    expect(new Set(responses).size).toBe(COMMANDS)
    expect(report.roundTripUs.count).toBe(COMMANDS)
    expect(report.roundTripUs.max).not.toBeNull()
    expect(report.deliveries).toEqual({ owed: COMMANDS, received: COMMANDS, ...CLEAN })
  })

  test('shared services answer each request once, and what each sends is on a topic of its own', async () => {
    const seen = await witness(url, 'shared/#')
    onTestFinished(() => seen.stop())
    const { report } = await run(
      {
        name: 'services',
        settle: '100ms',
        groups: {
          askers: {
            clients: 5,
            version: '5',
            publish: [
              {
                name: 'ask',
                topic: 'shared/ask/{machine}',
                each: { machine: 4 },
                every: '500ms',
                qos: 1,
                request: { response: 'back/{from}' },
              },
            ],
          },
          services: { clients: 3, version: '5', subscribe: [{ filter: '$share/all/shared/ask/+', qos: 1, reply: { qos: 0 } }] },
        },
        phases: { warmUp: '0s', measure: '1s', drain: '10s' },
      },
      [url],
    )
    const asked = 5 * 4 * 2
    expect(report.publishes).toMatchObject({ planned: asked, sent: asked })
    expect(report.deliveries).toEqual({ owed: asked, received: asked, ...CLEAN })
    expect(report.roundTripUs.count).toBe(asked)
    expect(report.roundTripUs.max).not.toBeNull()
    await seen.until((packets) => packets.length >= asked)
    const topics = seen.packets.map((packet) => packet.topic)
    for (let i = 1; i <= 4; i++) expect(topics.filter((topic) => topic === `shared/ask/machine-${i}`)).toHaveLength(asked / 4)
  })
})
