import { existsSync, readFileSync } from 'node:fs'
import { connectAsync } from 'mqtt'
import { describe, expect, test } from 'vitest'
import { certificates } from '../helpers/certs.ts'
import { ACCOUNT, requireMosquitto, startMosquitto } from './mosquitto.ts'

const read = (path: string) => readFileSync(path)
const mutual = () => {
  const { ca, client } = certificates()
  return { ca: read(ca), cert: read(client.cert), key: read(client.key) }
}

describe.skipIf(!requireMosquitto())('mosquitto from the packages', () => {
  test.each([
    { listener: 'plain', options: () => ({}) },
    { listener: 'password', options: () => ACCOUNT },
    { listener: 'ws', options: () => ({}) },
    { listener: 'tls', options: () => ({ ca: read(certificates().ca) }) },
    { listener: 'mtls', options: mutual },
    { listener: 'wss', options: () => ({ ca: read(certificates().ca) }) },
  ] as const)('takes a client on its $listener listener and is gone after stop', async ({ listener, options }) => {
    const broker = await startMosquitto({ listeners: [listener] })
    try {
      expect(broker.ports[listener]).toBeLessThan(32_000)
      const client = await connectAsync(broker.url(listener), { ...options(), reconnectPeriod: 0 })
      await client.subscribeAsync('a/#', { qos: 2 })
      const received = new Promise((resolve) => client.once('message', (_topic, payload) => resolve(payload.toString())))
      await client.publishAsync('a/b', 'hello', { qos: 2 })
      expect(await received).toBe('hello')
      await client.endAsync()
    } finally {
      await broker.stop()
    }
    expect(existsSync(`/proc/${broker.pid}`)).toBe(false)
  })

  test('refuses a client without a certificate where it asks for one', async () => {
    const broker = await startMosquitto({ listeners: ['mtls'] })
    try {
      const without = { ca: read(certificates().ca), reconnectPeriod: 0 }
      await expect(connectAsync(broker.url('mtls'), without, false)).rejects.toThrow()
    } finally {
      await broker.stop()
    }
  })

  test('refuses a wrong password', async () => {
    const broker = await startMosquitto({ listeners: ['password'] })
    try {
      const wrong = { ...ACCOUNT, password: 'wrong', reconnectPeriod: 0 }
      await expect(connectAsync(broker.url('password'), wrong, false)).rejects.toThrow('Not authorized')
    } finally {
      await broker.stop()
    }
  })

  test('a configuration it does not understand is an error with its log', async () => {
    await expect(startMosquitto({ listeners: ['plain'], config: 'no_such_option 1' })).rejects.toThrow('no_such_option')
  })
})
