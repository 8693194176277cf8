import { describe, expect, test } from 'vitest'
import { EnvironmentError } from '../../src/errors.ts'
import { resolveUrl } from '../../src/net/resolve.ts'

describe('a broker URL', () => {
  test.each([
    { url: 'mqtt://127.0.0.1', scheme: 'tcp', address: '127.0.0.1', family: 4, port: 1883 },
    { url: 'mqtt://127.0.0.1:2883', scheme: 'tcp', address: '127.0.0.1', family: 4, port: 2883 },
    { url: 'tcp://10.0.0.1:1', scheme: 'tcp', address: '10.0.0.1', family: 4, port: 1 },
    { url: 'mqtt://[::1]', scheme: 'tcp', address: '::1', family: 6, port: 1883 },
    { url: 'mqtts://[2001:db8::7]:99', scheme: 'tls', address: '2001:db8::7', family: 6, port: 99 },
    { url: 'mqtts://127.0.0.1', scheme: 'tls', address: '127.0.0.1', family: 4, port: 8883 },
    { url: 'ssl://127.0.0.1', scheme: 'tls', address: '127.0.0.1', family: 4, port: 8883 },
    { url: 'ws://127.0.0.1', scheme: 'ws', address: '127.0.0.1', family: 4, port: 80 },
    { url: 'ws://127.0.0.1:8083/mqtt', scheme: 'ws', address: '127.0.0.1', family: 4, port: 8083 },
    { url: 'wss://[::1]', scheme: 'wss', address: '::1', family: 6, port: 443 },
    { url: 'mqtt://user:secret@127.0.0.1:1883', scheme: 'tcp', address: '127.0.0.1', family: 4, port: 1883 },
  ])('$url', async ({ url, ...expected }) => {
    expect(await resolveUrl(url)).toEqual([{ ...expected, hostname: expected.address }])
  })

  test('with a host name gives each of its addresses once, under that name', async () => {
    const endpoints = await resolveUrl('mqtts://localhost')
    expect(endpoints.length).toBeGreaterThan(0)
    expect(new Set(endpoints.map((e) => e.address)).size).toBe(endpoints.length)
    for (const endpoint of endpoints) {
      expect(endpoint).toMatchObject({ scheme: 'tls', hostname: 'localhost', port: 8883 })
      expect(['127.0.0.1', '::1']).toContain(endpoint.address)
      expect(endpoint.family).toBe(endpoint.address === '::1' ? 6 : 4)
    }
  })

  test.each([
    { url: 'broker:1883', says: 'unknown scheme broker:' },
    { url: '127.0.0.1:1883', says: 'not a URL' },
    { url: 'http://127.0.0.1', says: 'unknown scheme http:' },
    { url: 'mqtt://', says: 'no host' },
    { url: 'mqtt://127.0.0.1:70000', says: 'not a URL' },
    { url: 'mqtt://127.0.0.1:0', says: 'port must be 1 to 65535, got 0' },
    { url: 'mqtt://no-such-host.invalid', says: 'no address for the host no-such-host.invalid' },
  ])('$url is refused: $says', async ({ url, says }) => {
    const refusal = await resolveUrl(url).catch((error) => error)
    expect(refusal).toBeInstanceOf(EnvironmentError)
    expect(refusal.message).toContain(says)
    expect(refusal.hint).not.toBe('')
  })

  test('is never repeated with its password', async () => {
    await expect(resolveUrl('mqtt://user:secret@no-such-host.invalid')).rejects.toThrow('mqtt://no-such-host.invalid: no address')
    await expect(resolveUrl('mqtt://user:secret@host:0')).rejects.not.toThrow('secret')
  })
})
