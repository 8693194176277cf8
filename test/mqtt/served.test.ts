/** The sink's side of the protocol against an independent implementation of the client's side. */
import { describe, expect, test } from 'vitest'
import { bodyStart } from '../../src/mqtt/decode.ts'
import type { ProtocolLevel } from '../../src/mqtt/packet.ts'
import * as served from '../../src/mqtt/served.ts'
import { fromBroker, hex, LEVELS, makeOutput, read } from './helpers.ts'

const LIMIT = 1 << 20

/** Bytes of a packet as a client of that level writes it, with what says where its body is. */
function fromClient(packet: object, level: ProtocolLevel): readonly [bytes: Uint8Array, body: number, end: number] {
  const bytes = fromBroker(packet, level)
  return [bytes, bodyStart(bytes, 0), bytes.length]
}

const connect = (level: ProtocolLevel, more: object = {}) => ({
  cmd: 'connect',
  protocolId: level === 3 ? 'MQIsdp' : 'MQTT',
  protocolVersion: level,
  clean: true,
  clientId: 'c',
  keepalive: 60,
  ...more,
})

describe.each(LEVELS)('level %i', (level) => {
  test.each([
    connect(level),
    { cmd: 'publish', topic: 't', payload: 'x', qos: 2, messageId: 3, dup: true, retain: true },
    { cmd: 'puback', messageId: 1 },
    { cmd: 'pubrec', messageId: 1 },
    { cmd: 'pubrel', messageId: 1 },
    { cmd: 'pubcomp', messageId: 1 },
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] },
    { cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a'] },
    { cmd: 'pingreq' },
    { cmd: 'disconnect' },
  ])('$cmd is a client’s to send, and as long as it is', (packet) => {
    const bytes = fromBroker(packet, level)
    expect(served.requestBytes(bytes, 0, bytes.length, level, LIMIT)).toBe(bytes.length)
    expect(served.requestBytes(bytes, 0, 1, level, LIMIT)).toBe(0)
    expect(() => served.requestBytes(bytes, 0, bytes.length, level, bytes.length - 1)).toThrow('more than the limit')
  })

  test.each([
    { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false },
    { cmd: 'suback', messageId: 1, granted: [0] },
    { cmd: 'unsuback', messageId: 1, granted: [0] },
    { cmd: 'pingresp' },
  ])('$cmd is not', (packet) => {
    const bytes = fromBroker(packet, level)
    expect(() => served.requestBytes(bytes, 0, bytes.length, level, LIMIT)).toThrow('a client must not send')
  })

  test('reads a CONNECT with all that one can have', () => {
    const will = { topic: 'w', payload: Buffer.from('gone'), qos: 1, retain: true }
    const properties = level === 5 ? { properties: { sessionExpiryInterval: 9, userProperties: { a: 'b' } } } : {}
    const all = connect(level, { will, username: 'u', password: Buffer.from('p'), ...properties })
    expect(served.readConnect(...fromClient(all, level))).toEqual({ level, hasClientId: true })
    if (level > 3) expect(served.readConnect(...fromClient(connect(level, { clientId: '' }), level))).toEqual({ level, hasClientId: false })
  })

  test('reads filters and their options', () => {
    const subscriptions = [
      { topic: 'a/+/ö', qos: 2, nl: true, rap: false, rh: 0 },
      { topic: '#', qos: 0, nl: false, rap: false, rh: 0 },
    ]
    expect(served.readSubscribe(...fromClient({ cmd: 'subscribe', messageId: 700, subscriptions }, level), level)).toEqual({
      packetId: 700,
      wishes: [
        { filter: 'a/+/ö', qos: 2, noLocal: level === 5 },
        { filter: '#', qos: 0, noLocal: false },
      ],
    })
    const unsubscribe = { cmd: 'unsubscribe', messageId: 701, unsubscriptions: ['a', 'b/#'] }
    expect(served.readUnsubscribe(...fromClient(unsubscribe, level), level)).toEqual({ packetId: 701, filters: ['a', 'b/#'] })
  })

  test('writes what a client reads', () => {
    const out = makeOutput()
    served.writeConnack(out, level, 0, null)
    served.writeSuback(out, level, 0x1234, [0, 2, 0x80])
    served.writeUnsuback(out, level, 0x1235, [0, 0x11])
    served.writePingresp(out)
    const [connack, suback, unsuback, pingresp] = read(out.bytes.subarray(0, out.end), level)
    expect(connack).toMatchObject({ cmd: 'connack', sessionPresent: false, [level === 5 ? 'reasonCode' : 'returnCode']: 0 })
    expect(suback).toMatchObject({ cmd: 'suback', messageId: 0x1234, granted: [0, 2, 0x80] })
    expect(unsuback).toMatchObject({ cmd: 'unsuback', messageId: 0x1235, ...(level === 5 ? { granted: [0, 0x11] } : {}) })
    expect(pingresp).toMatchObject({ cmd: 'pingresp' })
  })

  test('what is cut short is no packet', () => {
    const packets = [connect(level), { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'abc', qos: 1 }] }]
    const readers = [served.readConnect, served.readSubscribe]
    for (const [i, packet] of packets.entries()) {
      const [bytes, body, end] = fromClient(packet, level)
      for (let short = body; short < end - (i === 0 ? 1 : 0); short++) {
        expect(() => readers[i]!(bytes, body, short, level)).toThrow(/cut short|without a filter|packet identifier/)
      }
    }
  })
})

test('a client of MQTT 5 is told what there is not, and the identifier that it did not bring', () => {
  const out = makeOutput()
  served.writeConnack(out, 5, 0, 'sink-1')
  const [{ properties }] = read(out.bytes.subarray(0, out.end), 5) as [{ properties: object }]
  expect(properties).toMatchObject({
    assignedClientIdentifier: 'sink-1',
    maximumPacketSize: served.MAX_PACKET_BYTES,
    sharedSubscriptionAvailable: false,
    subscriptionIdentifiersAvailable: false,
  })
})

test.each([
  { why: 'QoS 3', bytes: '82 06 0001 0001 61 03', problem: 'QoS 3' },
  { why: 'nothing', bytes: '82 02 0001', problem: 'without a filter' },
  { why: 'packet identifier 0', bytes: '82 06 0000 0001 61 00', problem: 'packet identifier 0' },
])('a SUBSCRIBE for $why is refused', ({ bytes, problem }) => {
  const packet = hex(bytes)
  expect(() => served.readSubscribe(packet, 2, packet.length, 4)).toThrow(problem)
})

test.each([
  { first: 0x80, level: 4, isFine: false },
  { first: 0x8a, level: 3, isFine: true },
  { first: 0x8a, level: 4, isFine: false },
  { first: 0x60, level: 4, isFine: false },
  { first: 0xc1, level: 4, isFine: false },
] as const)('flags of $first.toString(16) at level $level', ({ first, level, isFine }) => {
  const size = () => served.requestBytes(Uint8Array.of(first, 0), 0, 2, level, LIMIT)
  if (isFine) expect(size()).toBe(2)
  else expect(size).toThrow('reserved flags')
})
