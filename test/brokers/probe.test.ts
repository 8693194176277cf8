import { describe, expect, onTestFinished, test } from 'vitest'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { resolveUrl } from '../../src/net/resolve.ts'
import { probe } from '../../src/run/probe.ts'
import { certificates } from '../helpers/certs.ts'
import { run } from './helper.ts'
import { ACCOUNT, type Listener, type Mosquitto, type MosquittoOptions, requireMosquitto, startMosquitto } from './mosquitto.ts'

async function mosquitto(options: MosquittoOptions): Promise<Mosquitto> {
  const broker = await startMosquitto(options)
  onTestFinished(() => broker.stop())
  return broker
}

async function probeOf(scenario: object, urls: readonly string[]) {
  const plan = loadScenario('scenario.yaml', JSON.stringify({ settle: '0s', ...scenario }), { ...NO_OPTIONS, brokers: urls })
  const endpoints = await Promise.all(plan.nodes.map(({ url }) => resolveUrl(url)))
  return probe({ plan, endpoints, sourceAddresses: plan.groups.map(() => []), files: new Map() }, '.')
}

const group = (keys: object = {}) => ({ groups: { all: { subscribe: [{ filter: 'a/#' }], ...keys } } })

describe.skipIf(!requireMosquitto())('the probe of mosquitto', () => {
  test('reads what it allows in its MQTT 5 CONNACK', async () => {
    const config = ['max_inflight_messages 15', 'max_packet_size 5000', 'max_keepalive 40', 'retain_available false'].join('\n')
    const broker = await mosquitto({ listeners: [], config })
    const { brokers, warnings } = await probeOf(group(), [broker.url('plain')])
    expect(brokers).toMatchObject([
      {
        // It tells what it is by a retained message.
        software: null,
        versions: ['3.1', '3.1.1', '5'],
        limits: {
          maximumQoS: 2,
          retainAvailable: false,
          sharedSubscriptionAvailable: true,
          receiveMaximum: 15,
          maximumPacketSize: 5000,
          topicAliasMaximum: 10,
          serverKeepAliveS: 40,
        },
      },
    ])
    expect(warnings).toEqual([])
    // Each visit has said good-bye.
    expect(broker.log()).not.toContain('closed its connection')
  })

  test('knows its version, by whatever version of MQTT it comes in', async () => {
    const broker = await mosquitto({ listeners: ['password'] })
    for (const version of [3.1, '3.1.1', 5]) {
      const keys = { ...ACCOUNT, version, clientId: 'c{client}' }
      const { brokers } = await probeOf(group(keys), [broker.url('password')])
      expect(brokers[0]!.software).toMatch(/^mosquitto version \d+\.\d+\.\d+$/)
    }
  })

  const { ca, client } = certificates()
  const tls = { ca }
  const ways: { listener: Listener; version: number; keys: object }[] = [
    { listener: 'plain', version: 3.1, keys: {} },
    { listener: 'password', version: 5, keys: ACCOUNT },
    { listener: 'tls', version: 3.1, keys: { tls } },
    { listener: 'mtls', version: 5, keys: { tls: { ...tls, cert: client.cert, key: client.key } } },
    { listener: 'ws', version: 3.1, keys: {} },
    { listener: 'wss', version: 5, keys: { tls } },
  ]

  test.each(ways)('and the sentinel come in by the $listener listener as the group does', async ({ listener, version, keys }) => {
    const broker = await mosquitto({ listeners: [listener] })
    const url = broker.url(listener)
    expect((await probeOf(group(keys), [url])).brokers[0]!.versions).toEqual(['3.1', '3.1.1', '5'])
    const phases = { warmUp: '200ms', measure: '1s', drain: '0s' }
    const { report } = await run({ ...group({ ...keys, version, clientId: 'c{client}' }), sentinel: { rate: '50/s' }, phases }, [url], {
      sentinel: true,
    })
    expect(report.generator.sentinel).toMatchObject({ status: 'ok', count: 50, p50Us: expect.any(Number) })
    expect(report.deliveries).toMatchObject({ owed: 0, unexpected: 0 })
  })

  test('says that the password is wrong, or missing', async () => {
    const broker = await mosquitto({ listeners: ['password'] })
    const url = broker.url('password')
    await expect(probeOf(group({ ...ACCOUNT, password: 'wrong' }), [url])).rejects.toMatchObject({
      exitCode: 2,
      message: `node node-1, ${url}, refuses a client like those of group all: CONNACK 0x05: not authorized`,
    })
    await expect(probeOf(group({ version: 5 }), [url])).rejects.toMatchObject({
      message: expect.stringContaining('CONNACK 0x87: not authorized'),
    })
  })

  test('says that the certificate is not to be trusted', async () => {
    const broker = await mosquitto({ listeners: ['tls'] })
    await expect(probeOf(group(), [broker.url('tls')])).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("can't be reached: TLS: "),
    })
  })

  test('tells two of them from one cluster', async () => {
    const [a, b] = [await mosquitto({ listeners: [] }), await mosquitto({ listeners: [] })]
    const brokers = [
      { name: 'london', url: 'mqtt://x' },
      { name: 'tokyo', url: 'mqtt://x' },
    ]
    await expect(probeOf({ brokers, ...group() }, [a.url('plain'), b.url('plain')])).rejects.toMatchObject({
      exitCode: 2,
      message: 'nodes london and tokyo are not one cluster: what is published on london does not reach tokyo, nor the other way round',
    })
  })

  test('takes two that are joined by a bridge for one cluster', async () => {
    const hub = await mosquitto({ listeners: [] })
    const bridge = ['connection hub', `address 127.0.0.1:${hub.ports.plain}`, 'topic # both 0', 'restart_timeout 1']
    const leaf = await mosquitto({ listeners: [], config: bridge.join('\n') })
    const { brokers, warnings } = await probeOf(group(), [hub.url('plain'), leaf.url('plain')])
    expect({ nodes: brokers.length, warnings }).toEqual({ nodes: 2, warnings: [] })
  })
})
