import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  PUBLISH_OVERHEAD_BYTES,
  writeAck,
  writeConnect,
  writeDisconnect,
  writePingreq,
  writePublish,
  writeSubscribe,
  writeUnsubscribe,
} from '../../src/mqtt/encode.ts'
import type { Output } from '../../src/mqtt/output.ts'
import { MAXIMUM_PACKET_BYTES, PacketType, type ProtocolLevel, type QoS } from '../../src/mqtt/packet.ts'
import { encodeProperties } from '../../src/mqtt/properties.ts'
import type { ConnectDetails, SessionOptions } from '../../src/mqtt/requests.ts'
import { details, LEVELS, makeHead, makeOptions, makeOutput, read, subscription } from './helpers.ts'

/** What the broker reads of what was written, behind bytes of an earlier packet. */
function written(level: ProtocolLevel, write: (out: Output) => void): Record<string, unknown> {
  const out = makeOutput()
  const start = out.reserve(7)
  write(out)
  const packets = read(out.bytes.subarray(start + 7, out.end), level)
  expect(packets).toHaveLength(1)
  return packets[0]!
}

const will = { topic: 'w/ü', payload: Uint8Array.of(0, 255), qos: 2 as QoS, retain: true, delayS: 7 }

describe('CONNECT', () => {
  const rows: {
    why: string
    level: ProtocolLevel
    options?: Partial<SessionOptions>
    details?: Partial<ConnectDetails>
    expected: object
  }[] = [
    {
      why: 'MQTT 3.1 has its own name',
      level: 3,
      expected: { protocolId: 'MQIsdp', protocolVersion: 3, clean: true, keepalive: 60, clientId: 'c1' },
    },
    { why: '3.1.1', level: 4, expected: { protocolId: 'MQTT', protocolVersion: 4 } },
    { why: '5.0 without properties', level: 5, expected: { protocolId: 'MQTT', protocolVersion: 5 } },
    {
      why: 'a session to keep',
      level: 4,
      options: { cleanStart: false, keepAliveS: 65_535 },
      expected: { clean: false, keepalive: 65_535 },
    },
    { why: 'credentials', level: 4, details: { username: 'ü', password: 'p' }, expected: { username: 'ü', password: Buffer.from('p') } },
    { why: 'a username alone', level: 3, details: { username: 'u' }, expected: { username: 'u' } },
    { why: 'a password alone, which only 5.0 knows', level: 5, details: { password: 'p' }, expected: { password: Buffer.from('p') } },
    { why: 'an empty client id', level: 5, details: { clientId: '' }, expected: { clientId: '' } },
    {
      why: 'a will',
      level: 4,
      details: { will },
      expected: { will: { topic: 'w/ü', payload: Buffer.from([0, 255]), qos: 2, retain: true } },
    },
    {
      why: 'a will with a delay',
      level: 5,
      details: { will, username: 'u', password: 'p' },
      expected: {
        will: { topic: 'w/ü', payload: Buffer.from([0, 255]), qos: 2, retain: true, properties: { willDelayInterval: 7 } },
        username: 'u',
        password: Buffer.from('p'),
      },
    },
    {
      why: 'all properties',
      level: 5,
      options: { sessionExpiryS: 3600, receiveMaximum: 5, maximumPacketSize: 70_000, topicAliasMaximum: 9, userProperties: [['a', 'b']] },
      expected: {
        properties: {
          sessionExpiryInterval: 3600,
          receiveMaximum: 5,
          maximumPacketSize: 70_000,
          topicAliasMaximum: 9,
          userProperties: { a: 'b' },
        },
      },
    },
    { why: 'a body of more than 127 bytes', level: 4, details: { clientId: 'x'.repeat(1000) }, expected: { clientId: 'x'.repeat(1000) } },
  ]
  test.each(rows)('$why', ({ level, options, details: changes, expected }) => {
    const packet = written(level, (out) => writeConnect(out, makeOptions({ level, ...options }), { ...details, ...changes }))
    expect(packet).toMatchObject({ cmd: 'connect', ...expected })
  })

  test('below 5.0 properties are left out', () => {
    const options = makeOptions({ level: 4, sessionExpiryS: 1, receiveMaximum: 5, userProperties: [['a', 'b']] })
    const packet = written(4, (out) => writeConnect(out, options, { ...details, will }))
    expect(packet.properties).toBeUndefined()
    expect(packet.clientId).toBe('c1')
  })

  test('a password without a username is not written below 5.0', () => {
    expect(() => writeConnect(makeOutput(), makeOptions(), { ...details, password: 'p' })).toThrow('only in MQTT 5')
  })
})

describe('SUBSCRIBE and UNSUBSCRIBE', () => {
  test.each(LEVELS)('level %i says filters and QoS', (level) => {
    const list = [subscription('a/#', 1), subscription('ü/+', 2), subscription('$share/g/a', 0)]
    expect(written(level, (out) => writeSubscribe(out, level, 65_535, list))).toMatchObject({
      cmd: 'subscribe',
      messageId: 65_535,
      subscriptions: [
        { topic: 'a/#', qos: 1 },
        { topic: 'ü/+', qos: 2 },
        { topic: '$share/g/a', qos: 0 },
      ],
    })
    expect(written(level, (out) => writeUnsubscribe(out, level, 258, ['a/#', 'ü/+']))).toMatchObject({
      cmd: 'unsubscribe',
      messageId: 258,
      unsubscriptions: ['a/#', 'ü/+'],
    })
  })

  const options = { noLocal: true, retainAsPublished: true, retainHandling: 2, identifier: 268_435_455 } as const
  test('5.0 says their options and the identifier', () => {
    expect(
      written(5, (out) => writeSubscribe(out, 5, 1, [subscription('a', 1, options), subscription('b', 2, { identifier: 268_435_455 })])),
    ).toMatchObject({
      properties: { subscriptionIdentifier: 268_435_455 },
      subscriptions: [
        { topic: 'a', qos: 1, nl: true, rap: true, rh: 2 },
        { topic: 'b', qos: 2, nl: false, rap: false, rh: 0 },
      ],
    })
  })

  test('3.1.1 does not', () => {
    expect(written(4, (out) => writeSubscribe(out, 4, 1, [subscription('a', 1, options)])).subscriptions).toEqual([{ topic: 'a', qos: 1 }])
  })
})

describe('PUBLISH', () => {
  const properties = fc.option(
    fc.string({ maxLength: 200 }).map((s) => encodeProperties([['userProperty', ['k', s.replaceAll('\0', '')]]])),
    { nil: null },
  )
  const shape = fc.record({
    level: fc.constantFrom(...LEVELS),
    topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }).filter((s) => !/[+#\0]/.test(s)),
    payload: fc.uint8Array({ maxLength: 300 }),
    packetId: fc.integer({ min: 1, max: 65_535 }),
    qos: fc.constantFrom<QoS>(0, 1, 2),
    retain: fc.boolean(),
    dup: fc.boolean(),
    alias: fc.nat(65_535),
    properties,
  })

  test('is read by mqtt-packet as it was meant, and its overhead is bounded', () => {
    fc.assert(
      fc.property(shape, ({ level, topic, payload, packetId, qos, retain, dup: isDup, alias, properties }) => {
        const dup = isDup && qos > 0
        let size = 0
        const packet = written(level, (out) => {
          const before = out.end
          const head = makeHead(topic, qos, { retain, properties })
          const at = writePublish(
            out,
            level,
            head,
            qos === 0 ? 0 : packetId,
            dup,
            level < 5 ? 0 : alias,
            false,
            payload.length,
            MAXIMUM_PACKET_BYTES,
          )
          out.bytes.set(payload, at)
          size = out.end - before
        })
        expect(packet).toMatchObject({ cmd: 'publish', topic, qos, retain, dup, payload: Buffer.from(payload) })
        expect(packet.messageId).toBe(qos === 0 ? undefined : packetId)
        const read = packet.properties as { topicAlias?: number; userProperties?: object } | undefined
        expect(read?.topicAlias ?? 0).toBe(level < 5 ? 0 : alias)
        expect(read?.userProperties !== undefined).toBe(level === 5 && properties !== null)
        const own = size - Buffer.byteLength(topic) - payload.length - (level < 5 ? 0 : (properties?.length ?? 0))
        expect(own).toBeLessThanOrEqual(PUBLISH_OVERHEAD_BYTES)
      }),
    )
  })

  test('with a known alias has no topic', () => {
    const packet = written(5, (out) => writePublish(out, 5, makeHead('a/b', 0), 0, false, 3, true, 0, MAXIMUM_PACKET_BYTES))
    expect(packet).toMatchObject({ topic: '', properties: { topicAlias: 3 } })
  })

  test('is written up to the size that the broker takes, and not a byte above', () => {
    // Type 1, length 2, topic with its length 5, payload 123.
    const out = makeOutput()
    expect(writePublish(out, 4, makeHead('abc', 0), 0, false, 0, false, 123, 130)).toBe(-1)
    expect(out.end).toBe(0)
    expect(writePublish(out, 4, makeHead('abc', 0), 0, false, 0, false, 123, 131)).toBe(8)
    expect(out.end).toBe(131)
  })

  test('beyond what MQTT can state is too large for anybody', () => {
    const out = makeOutput()
    expect(writePublish(out, 4, makeHead('abc', 0), 0, false, 0, false, 268_435_451, MAXIMUM_PACKET_BYTES)).toBe(-1)
    // One byte less would be written: the output has no room for it, which is a bug of its owner.
    expect(() => writePublish(out, 4, makeHead('abc', 0), 0, false, 0, false, 268_435_450, MAXIMUM_PACKET_BYTES)).toThrow('leaves room')
  })
})

describe('short packets', () => {
  const { PUBACK, PUBREC, PUBREL, PUBCOMP } = PacketType
  test.each([
    { cmd: 'puback', packet: PUBACK, code: 0x97 },
    { cmd: 'pubrec', packet: PUBREC, code: 0x97 },
    { cmd: 'pubrel', packet: PUBREL, code: 0x92 },
    { cmd: 'pubcomp', packet: PUBCOMP, code: 0x92 },
  ])('$cmd takes 4 bytes, and 5 with a code', ({ cmd, packet, code }) => {
    for (const level of LEVELS) {
      expect(written(level, (out) => writeAck(out, packet, 0x1234, 0))).toMatchObject({ cmd, messageId: 0x1234, length: 2 })
    }
    expect(written(5, (out) => writeAck(out, packet, 1, code))).toMatchObject({ cmd, messageId: 1, reasonCode: code, length: 3 })
  })

  test('PINGREQ and DISCONNECT', () => {
    expect(written(4, writePingreq)).toMatchObject({ cmd: 'pingreq', length: 0 })
    for (const level of LEVELS)
      expect(written(level, (out) => writeDisconnect(out, level, 0))).toMatchObject({ cmd: 'disconnect', length: 0 })
    expect(written(4, (out) => writeDisconnect(out, 4, 4))).toMatchObject({ cmd: 'disconnect', length: 0 })
    expect(written(5, (out) => writeDisconnect(out, 5, 4))).toMatchObject({ cmd: 'disconnect', reasonCode: 4 })
  })
})
