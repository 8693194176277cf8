import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PacketType } from '../../src/mqtt/packet.ts'
import {
  checkProperties,
  encodeProperties,
  findProperty,
  hasProperty,
  type Property,
  PropertyId,
  propertyEnd,
  readProperties,
} from '../../src/mqtt/properties.ts'
import { hex, protocolErrorOf, read } from './helpers.ts'

const { CONNACK, PUBLISH, PUBACK, DISCONNECT } = PacketType

const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((s) => !s.includes('\0'))
const uint = (bytes: number) => fc.integer({ min: 1, max: 256 ** bytes - 1 })
const publishProperty = fc.oneof(
  fc.tuple(fc.constant('messageExpiryInterval' as const), uint(4)),
  fc.tuple(fc.constant('payloadFormatIndicator' as const), fc.nat(1)),
  fc.tuple(fc.constant('contentType' as const), text),
  fc.tuple(
    fc.constant('responseTopic' as const),
    text.filter((s) => !/[+#]/.test(s)),
  ),
  fc.tuple(fc.constant('correlationData' as const), fc.uint8Array({ maxLength: 20 })),
  fc.tuple(fc.constant('topicAlias' as const), uint(2)),
  fc.tuple(fc.constant('subscriptionIdentifier' as const), fc.integer({ min: 1, max: 268_435_455 })),
  fc.tuple(fc.constant('userProperty' as const), fc.tuple(text, text)),
)

describe('properties', () => {
  test('what is encoded is read again, in its order, from any place', () => {
    fc.assert(
      fc.property(fc.array(publishProperty, { maxLength: 8 }), fc.nat(5), (list, offset) => {
        const encoded = encodeProperties(list)
        const bytes = new Uint8Array(encoded.length + offset + 3).fill(0xff)
        bytes.set(encoded, offset)
        expect(readProperties(bytes, offset, offset + encoded.length)).toEqual(list)
        for (const [name] of list) expect(findProperty(bytes, offset, offset + encoded.length, PropertyId[name])).toBeGreaterThan(offset)
      }),
    )
  })

  test('what is encoded passes the check of a PUBLISH unless it has something twice', () => {
    fc.assert(
      fc.property(fc.array(publishProperty, { maxLength: 5 }), (list) => {
        const once = list.map(([name]) => name).filter((name) => name !== 'userProperty' && name !== 'subscriptionIdentifier')
        const error = protocolErrorOf(() => {
          const encoded = encodeProperties(list)
          const seen = checkProperties(encoded, 0, encoded.length, PUBLISH)
          for (const name of ['contentType', 'userProperty', 'topicAlias'] as const) {
            expect(hasProperty(seen, PropertyId[name])).toBe(list.some(([n]) => n === name))
          }
        })
        expect(error?.[0] ?? null).toBe(new Set(once).size < once.length ? 0x82 : null)
      }),
    )
  })

  test('every property of the specification is encoded as mqtt-packet reads it', () => {
    const connect: Property[] = [
      ['sessionExpiryInterval', 0xfffffffe],
      ['receiveMaximum', 433],
      ['maximumPacketSize', 100],
      ['topicAliasMaximum', 456],
      ['requestResponseInformation', 1],
      ['requestProblemInformation', 1],
      ['userProperty', ['name', 'Wert ü']],
      ['authenticationMethod', 'test'],
      ['authenticationData', Uint8Array.of(1, 2, 3)],
    ]
    const properties = encodeProperties(connect)
    const body = Buffer.concat([hex('0004 4d515454 05 02 003c'), Uint8Array.of(properties.length), properties, hex('0001 63')])
    const packet = Buffer.concat([Uint8Array.of(0x10, body.length), body])
    expect(read(packet, 5)[0]!.properties).toEqual({
      sessionExpiryInterval: 0xfffffffe,
      receiveMaximum: 433,
      maximumPacketSize: 100,
      topicAliasMaximum: 456,
      requestResponseInformation: true,
      requestProblemInformation: true,
      userProperties: { name: 'Wert ü' },
      authenticationMethod: 'test',
      authenticationData: Buffer.from([1, 2, 3]),
    })
  })

  test.each([
    { why: 'an unknown identifier', packet: PUBLISH, bytes: '0701', code: 0x81 },
    { why: 'an identifier of two bytes', packet: PUBLISH, bytes: '810101', code: 0x81 },
    { why: 'one that is not of this packet', packet: PUBACK, bytes: '230001', code: 0x81 },
    { why: 'one that only clients send', packet: CONNACK, bytes: '1701', code: 0x81 },
    { why: 'a session expiry from the broker in DISCONNECT', packet: DISCONNECT, bytes: '1100000001', code: 0x81 },
    { why: 'twice the same', packet: CONNACK, bytes: '210001 210001', code: 0x82 },
    { why: 'a flag above 1', packet: CONNACK, bytes: '2402', code: 0x82 },
    { why: 'topic alias 0', packet: PUBLISH, bytes: '230000', code: 0x94 },
    { why: 'receive maximum 0', packet: CONNACK, bytes: '210000', code: 0x82 },
    { why: 'maximum packet size 0', packet: CONNACK, bytes: '2700000000', code: 0x82 },
    { why: 'subscription identifier 0', packet: PUBLISH, bytes: '0b00', code: 0x82 },
    { why: 'a padded subscription identifier', packet: PUBLISH, bytes: '0b8100', code: 0x81 },
    { why: 'a subscription identifier of five bytes', packet: PUBLISH, bytes: '0b8080808001', code: 0x81 },
    { why: 'a subscription identifier cut short', packet: PUBLISH, bytes: '0b80', code: 0x81 },
    { why: 'a number cut short', packet: PUBLISH, bytes: '02000000', code: 0x81 },
    { why: 'a flag cut short', packet: PUBLISH, bytes: '01', code: 0x81 },
    { why: 'a text without its length', packet: PUBLISH, bytes: '0300', code: 0x81 },
    { why: 'a text cut short', packet: PUBLISH, bytes: '03000261', code: 0x81 },
    { why: 'a text that is none', packet: PUBLISH, bytes: '030001ff', code: 0x81 },
    { why: 'a user property without its value', packet: PUBLISH, bytes: '26000161', code: 0x81 },
    { why: 'a user property with a bad name', packet: PUBLISH, bytes: '260001ff000161', code: 0x81 },
    { why: 'a user property with a bad value', packet: PUBLISH, bytes: '260001610001ff', code: 0x81 },
    { why: 'a response topic with a wildcard', packet: PUBLISH, bytes: '080003612f2b', code: 0x82 },
  ])('$why is refused', ({ packet, bytes, code }) => {
    // Behind the end of the block there is more: it must not be read.
    const all = hex(`${bytes.replaceAll(' ', '')}00000000`)
    expect(protocolErrorOf(() => checkProperties(all, 0, all.length - 4, packet))?.[0]).toBe(code)
  })

  test('binary data need not be text, and a user property may come often', () => {
    const bytes = hex('090002ff00 260001610000 260001610000')
    const seen = checkProperties(bytes, 0, bytes.length, PUBLISH)
    expect(hasProperty(seen, PropertyId.correlationData)).toBe(true)
    expect(hasProperty(seen, PropertyId.contentType)).toBe(false)
    expect(propertyEnd(bytes, 0, bytes.length)).toBe(5)
    expect(findProperty(bytes, 0, bytes.length, PropertyId.userProperty)).toBe(6)
    expect(findProperty(bytes, 11, bytes.length, PropertyId.userProperty)).toBe(12)
    expect(findProperty(bytes, 0, bytes.length, PropertyId.contentType)).toBe(-1)
  })
})
