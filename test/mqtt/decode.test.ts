import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ProtocolLevel } from '../../src/mqtt/packet.ts'
import type { SessionOptions } from '../../src/mqtt/requests.ts'
import { fromBroker, hex, LEVELS, makeHead, makeOptions, Peer, protocolErrorOf, type Seen, subscription } from './helpers.ts'

/** A client with everything under way that a broker can answer: QoS 1 (id 1), QoS 2 (2), QoS 2 with PUBREC (3), a subscribe and an unsubscribe. */
function busyPeer(level: ProtocolLevel, changes: Partial<SessionOptions> = {}): Peer {
  const peer = new Peer(makeOptions({ level, topicAliasMaximum: 10, ...changes }))
  peer.connect()
  peer.publish(makeHead('t', 1), '', 101)
  peer.publish(makeHead('t', 2), '', 102)
  peer.publish(makeHead('t', 2), '', 103)
  peer.receive({ cmd: 'pubrec', messageId: 3 })
  peer.session.subscribe(0, [subscription('a', 1), subscription('b', 2)], 201, peer.out)
  peer.session.unsubscribe(0, ['a', 'b'], 202, peer.out)
  peer.bytes()
  return peer
}

interface Outcome {
  events: Seen[]
  sent: string
  error: [number, string] | null
}

/** What a client makes of bytes that come in pieces of these lengths, round and round. */
function outcomeOf(peer: Peer, bytes: Uint8Array, pieces: readonly number[]): Outcome {
  const events: Seen[] = []
  // The transport's buffer: longer than what is in it, and overwritten by the next read.
  const buffer = new Uint8Array(bytes.length + 3)
  let error: Outcome['error'] = null
  for (let at = 0, i = 0; at < bytes.length && error === null; i++) {
    const piece = bytes.subarray(at, at + pieces[i % pieces.length]!)
    buffer.fill(0xd0)
    buffer.set(piece)
    error = protocolErrorOf(() => peer.session.receive(5, buffer, piece.length, peer.out))
    events.push(...peer.events())
    at += piece.length
  }
  return { events, sent: Buffer.from(peer.bytes()).toString('hex'), error }
}

const PINGRESP = hex('d000')

/** Runs a row whole, byte by byte, in twos and threes, and with a packet behind it. */
function expectEverywhere(makePeer: () => Peer, bytes: Uint8Array, expected: Outcome): void {
  for (const pieces of [[bytes.length], [1], [2], [3], [4, 1]]) expect(outcomeOf(makePeer(), bytes, pieces)).toEqual(expected)
  if (expected.error !== null || expected.events.some((e) => e.kind === 'DISCONNECT')) return
  const more = Buffer.concat([bytes, PINGRESP])
  const events = [...expected.events, { kind: 'PINGRESP' }]
  for (const pieces of [[more.length], [1], [2], [3], [bytes.length + 1, 1]])
    expect(outcomeOf(makePeer(), more, pieces)).toEqual({ ...expected, events })
}

const user = { userProperties: { a: 'ü' } }
const userList = { properties: [['userProperty', ['a', 'ü']]] }
const message = { qos: 0, retain: false, dup: false }

describe('packets from a broker', () => {
  const rows: { why: string; levels: readonly ProtocolLevel[]; packet: object; events: Seen[]; sent?: string }[] = [
    {
      why: 'PUBLISH of QoS 0',
      levels: LEVELS,
      packet: { cmd: 'publish', ...message, topic: 'a/ü', payload: 'hello' },
      events: [{ kind: 'PUBLISH', packetId: 0, ...message, topic: 'a/ü', payload: 'hello' }],
    },
    {
      why: 'an empty payload, retained',
      levels: LEVELS,
      packet: { cmd: 'publish', ...message, retain: true, topic: 'a', payload: '' },
      events: [{ kind: 'PUBLISH', packetId: 0, ...message, retain: true, topic: 'a', payload: '' }],
    },
    {
      why: 'PUBLISH of QoS 1 is acknowledged',
      levels: LEVELS,
      packet: { cmd: 'publish', qos: 1, retain: false, dup: true, messageId: 258, topic: 'a', payload: 'x'.repeat(200) },
      events: [{ kind: 'PUBLISH', packetId: 258, qos: 1, retain: false, dup: true, topic: 'a', payload: 'x'.repeat(200) }],
      sent: '40020102',
    },
    {
      why: 'PUBLISH of QoS 2 is received',
      levels: LEVELS,
      packet: { cmd: 'publish', qos: 2, retain: false, dup: false, messageId: 65_535, topic: 'a', payload: 'x' },
      events: [{ kind: 'PUBLISH', packetId: 65_535, qos: 2, retain: false, dup: false, topic: 'a', payload: 'x' }],
      sent: '5002ffff',
    },
    {
      why: 'PUBLISH with properties',
      levels: [5],
      packet: {
        cmd: 'publish',
        ...message,
        topic: 'a',
        payload: 'x',
        properties: {
          messageExpiryInterval: 4321,
          contentType: 'json',
          correlationData: Buffer.from([1, 0]),
          subscriptionIdentifier: [1, 200],
          ...user,
        },
      },
      events: [
        {
          kind: 'PUBLISH',
          packetId: 0,
          ...message,
          topic: 'a',
          payload: 'x',
          properties: expect.arrayContaining([
            ['messageExpiryInterval', 4321],
            ['contentType', 'json'],
            ['correlationData', Uint8Array.of(1, 0)],
            ['subscriptionIdentifier', 1],
            ['subscriptionIdentifier', 200],
            ['userProperty', ['a', 'ü']],
          ]) as unknown,
        },
      ],
    },
    {
      why: 'PUBACK ends QoS 1',
      levels: LEVELS,
      packet: { cmd: 'puback', messageId: 1 },
      events: [{ kind: 'PUBLISHED', packetId: 1, qos: 1, token: 101, code: 0, packet: 4 }],
    },
    {
      why: 'PUBACK with a code and properties',
      levels: [5],
      packet: { cmd: 'puback', messageId: 1, reasonCode: 0x87, properties: { reasonString: 'no', ...user } },
      events: [{ kind: 'PUBLISHED', packetId: 1, qos: 1, token: 101, code: 0x87, packet: 4 }],
    },
    { why: 'a PUBACK for nothing is late and passes', levels: LEVELS, packet: { cmd: 'puback', messageId: 900 }, events: [] },
    {
      why: 'a code of a PUBACK for nothing is still seen',
      levels: [5],
      packet: { cmd: 'puback', messageId: 900, reasonCode: 0x87 },
      events: [{ kind: 'REASON', packetId: 900, packet: 4, code: 0x87 }],
    },
    { why: 'PUBREC is answered with PUBREL', levels: LEVELS, packet: { cmd: 'pubrec', messageId: 2 }, events: [], sent: '62020002' },
    { why: 'a repeated PUBREC too', levels: LEVELS, packet: { cmd: 'pubrec', messageId: 3 }, events: [], sent: '62020003' },
    {
      why: 'PUBREC that nobody listens',
      levels: [5],
      packet: { cmd: 'pubrec', messageId: 2, reasonCode: 0x10 },
      events: [{ kind: 'REASON', packetId: 2, packet: 5, code: 0x10 }],
      sent: '62020002',
    },
    {
      why: 'PUBREC with a failure ends QoS 2',
      levels: [5],
      packet: { cmd: 'pubrec', messageId: 2, reasonCode: 0x97, properties: user },
      events: [{ kind: 'PUBLISHED', packetId: 2, qos: 2, token: 102, code: 0x97, packet: 5 }],
    },
    {
      why: 'a failure for nothing is seen, not answered',
      levels: [5],
      packet: { cmd: 'pubrec', messageId: 900, reasonCode: 0x97 },
      events: [{ kind: 'REASON', packetId: 900, packet: 5, code: 0x97 }],
    },
    { why: 'PUBREC for nothing is answered', levels: [3, 4], packet: { cmd: 'pubrec', messageId: 900 }, events: [], sent: '62020384' },
    {
      why: 'PUBREC for nothing is answered with 0x92',
      levels: [5],
      packet: { cmd: 'pubrec', messageId: 900 },
      events: [],
      sent: '6203038492',
    },
    {
      why: 'PUBCOMP ends QoS 2',
      levels: LEVELS,
      packet: { cmd: 'pubcomp', messageId: 3 },
      events: [{ kind: 'PUBLISHED', packetId: 3, qos: 2, token: 103, code: 0, packet: 7 }],
    },
    {
      why: 'PUBCOMP with a code',
      levels: [5],
      packet: { cmd: 'pubcomp', messageId: 3, reasonCode: 0x92 },
      events: [{ kind: 'PUBLISHED', packetId: 3, qos: 2, token: 103, code: 0x92, packet: 7 }],
    },
    {
      why: 'a PUBREL for an unknown id is answered with PUBCOMP',
      levels: [3, 4],
      packet: { cmd: 'pubrel', messageId: 7 },
      events: [],
      sent: '70020007',
    },
    {
      why: 'a PUBREL for an unknown id is answered with PUBCOMP 0x92',
      levels: [5],
      packet: { cmd: 'pubrel', messageId: 7 },
      events: [],
      sent: '7003000792',
    },
    {
      why: 'the code of a PUBREL is seen',
      levels: [5],
      packet: { cmd: 'pubrel', messageId: 7, reasonCode: 0x92 },
      events: [{ kind: 'REASON', packetId: 7, packet: 6, code: 0x92 }],
      sent: '7003000792',
    },
    {
      why: 'SUBACK',
      levels: LEVELS,
      packet: { cmd: 'suback', messageId: 65_535, granted: [1, 0x80] },
      events: [
        { kind: 'SUBACK', packetId: 65_535, token: 201, index: 0, code: 1 },
        { kind: 'SUBACK', packetId: 65_535, token: 201, index: 1, code: 0x80 },
      ],
    },
    {
      why: 'SUBACK with properties',
      levels: [5],
      packet: { cmd: 'suback', messageId: 65_535, granted: [0x9e, 2], properties: user },
      events: [
        { kind: 'SUBACK', packetId: 65_535, token: 201, index: 0, code: 0x9e, ...userList },
        { kind: 'SUBACK', packetId: 65_535, token: 201, index: 1, code: 2, ...userList },
      ],
    },
    {
      why: 'UNSUBACK says nothing of each filter below 5.0',
      levels: [3, 4],
      packet: { cmd: 'unsuback', messageId: 65_534 },
      events: [
        { kind: 'UNSUBACK', packetId: 65_534, token: 202, index: 0, code: 0 },
        { kind: 'UNSUBACK', packetId: 65_534, token: 202, index: 1, code: 0 },
      ],
    },
    {
      why: 'UNSUBACK',
      levels: [5],
      packet: { cmd: 'unsuback', messageId: 65_534, granted: [0, 0x11] },
      events: [
        { kind: 'UNSUBACK', packetId: 65_534, token: 202, index: 0, code: 0 },
        { kind: 'UNSUBACK', packetId: 65_534, token: 202, index: 1, code: 0x11 },
      ],
    },
    { why: 'PINGRESP', levels: LEVELS, packet: { cmd: 'pingresp' }, events: [{ kind: 'PINGRESP' }] },
    { why: 'DISCONNECT', levels: [5], packet: { cmd: 'disconnect', reasonCode: 0 }, events: [{ kind: 'DISCONNECT', code: 0 }] },
    {
      why: 'DISCONNECT with a reason',
      levels: [5],
      packet: { cmd: 'disconnect', reasonCode: 0x8e, properties: { reasonString: 'taken over' } },
      events: [{ kind: 'DISCONNECT', code: 0x8e, properties: [['reasonString', 'taken over']] }],
    },
  ]
  const cases = rows.flatMap((row) => row.levels.map((level) => ({ ...row, level })))

  test.each(cases)('$why (level $level)', ({ level, packet, events, sent = '' }) => {
    expectEverywhere(() => busyPeer(level), fromBroker(packet, level), { events, sent, error: null })
  })

  test('any split of a long stream gives the same', () => {
    for (const level of LEVELS) {
      const packets = cases.filter((c) => c.level === level && !c.why.startsWith('DISCONNECT')).map((c) => fromBroker(c.packet, level))
      const stream = fc.shuffledSubarray(packets, { minLength: 3 }).map((parts) => Buffer.concat(parts))
      fc.assert(
        fc.property(stream, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }), (bytes, pieces) => {
          expect(outcomeOf(busyPeer(level), bytes, pieces)).toEqual(outcomeOf(busyPeer(level), bytes, [bytes.length]))
        }),
        { numRuns: 50 },
      )
    }
  })

  test('any bytes give events or a ProtocolError, and any split the same', () => {
    const good = (level: ProtocolLevel) => cases.filter((c) => c.level === level).map((c) => [...fromBroker(c.packet, level)])
    for (const level of LEVELS) {
      // Damaged packets get further into the decoder than noise does.
      const damaged = fc
        .tuple(fc.constantFrom(...good(level)), fc.nat(), fc.nat(255))
        .map(([bytes, at, byte]) => bytes.with(at % bytes.length, byte))
      const first = fc.constantFrom(0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0)
      const noise = fc.tuple(first, fc.array(fc.nat(255), { maxLength: 30 })).map(([b, rest]) => [b, rest.length, ...rest])
      const parts = fc.array(fc.oneof(fc.constantFrom(...good(level)), damaged, noise, fc.array(fc.nat(255), { maxLength: 10 })), {
        minLength: 1,
        maxLength: 5,
      })
      fc.assert(
        fc.property(
          parts,
          fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
          fc.boolean(),
          (list, pieces, isConnected) => {
            const bytes = Uint8Array.from(list.flat())
            const make = () => {
              const peer = busyPeer(level)
              if (!isConnected) {
                peer.session.connectionLost(0, peer.out)
                peer.session.connect(0, { clientId: 'c', username: null, password: null, will: null }, peer.out)
                peer.out.clear()
              }
              return peer
            }
            expect(outcomeOf(make(), bytes, pieces)).toEqual(outcomeOf(make(), bytes, [Math.max(1, bytes.length)]))
          },
        ),
        { numRuns: 300 },
      )
    }
  })
})

describe('what no broker may send is a ProtocolError', () => {
  const V5 = [5] as const
  const V3 = [3, 4] as const
  const rows: { why: string; levels?: readonly ProtocolLevel[]; bytes: string; code: number; words: string }[] = [
    { why: 'packet type 0', bytes: '0000', code: 0x81, words: 'packet type 0' },
    { why: 'AUTH below 5.0', levels: V3, bytes: 'f000', code: 0x81, words: 'packet type 15' },
    { why: 'AUTH', levels: V5, bytes: 'f000', code: 0x82, words: 'enhanced authentication (AUTH), which mqtt-scale does not support' },
    { why: 'CONNECT', bytes: '1000', code: 0x82, words: 'must not send CONNECT' },
    { why: 'SUBSCRIBE', bytes: '8200', code: 0x82, words: 'must not send SUBSCRIBE' },
    { why: 'UNSUBSCRIBE', bytes: 'a200', code: 0x82, words: 'must not send UNSUBSCRIBE' },
    { why: 'PINGREQ', bytes: 'c000', code: 0x82, words: 'must not send PINGREQ' },
    { why: 'DISCONNECT below 5.0', levels: V3, bytes: 'e000', code: 0x82, words: 'must not send DISCONNECT' },
    { why: 'a second CONNACK', bytes: '20020000', code: 0x82, words: 'second CONNACK' },
    { why: 'PUBACK with flags', bytes: '41020001', code: 0x81, words: 'reserved flags' },
    { why: 'PUBREL without its flags', bytes: '60020001', code: 0x81, words: 'reserved flags' },
    { why: 'PUBREL with DUP, which 3.1 had', levels: [4, 5], bytes: '6a020001', code: 0x81, words: 'reserved flags' },
    { why: 'PINGRESP with flags', bytes: 'd100', code: 0x81, words: 'reserved flags' },
    { why: 'PINGRESP with a body', bytes: 'd00100', code: 0x81, words: 'PINGRESP is longer' },
    { why: 'a remaining length of five bytes', bytes: '30ffffffff', code: 0x81, words: 'more than four' },
    { why: 'a padded remaining length', levels: V5, bytes: 'd08000', code: 0x81, words: 'longer than it has to be' },
    { why: 'more than is accepted', bytes: '30808040', code: 0x95, words: '1048580 bytes, more than the limit of 1048576' },
    { why: 'PUBLISH with QoS 3', bytes: '360400016161', code: 0x81, words: 'QoS 3' },
    { why: 'PUBLISH of QoS 0 with DUP', levels: [4, 5], bytes: '380400016100', code: 0x81, words: 'DUP' },
    { why: 'PUBLISH without anything', bytes: '3000', code: 0x81, words: 'PUBLISH is cut short' },
    { why: 'PUBLISH with half a topic length', bytes: '300100', code: 0x81, words: 'PUBLISH is cut short' },
    { why: 'PUBLISH with half a topic', bytes: '3003000261', code: 0x81, words: 'PUBLISH is cut short' },
    { why: 'PUBLISH without its packet identifier', bytes: '3203000161', code: 0x81, words: 'PUBLISH is cut short' },
    { why: 'PUBLISH with packet identifier 0', bytes: '320600016100 0000', code: 0x82, words: 'PUBLISH with packet identifier 0' },
    { why: 'PUBLISH without a topic', levels: V3, bytes: '30020000', code: 0x82, words: 'without a topic' },
    { why: 'PUBLISH without a topic or alias', levels: V5, bytes: '3003000000', code: 0x82, words: 'without a topic' },
    { why: 'a wildcard in a topic', levels: V3, bytes: '30050003612f23', code: 0x90, words: 'wildcard' },
    { why: 'a wildcard in a topic (5.0)', levels: V5, bytes: '30060003612f2b00', code: 0x90, words: 'wildcard' },
    { why: 'a topic that is not UTF-8', levels: V3, bytes: '30030001ff', code: 0x81, words: 'UTF-8' },
    { why: 'U+0000 in a topic', levels: V5, bytes: '300400010000', code: 0x81, words: 'U+0000' },
    { why: 'PUBLISH without its properties', levels: V5, bytes: '3003000161', code: 0x81, words: 'cut short' },
    { why: 'PUBLISH with half its properties', levels: V5, bytes: '30050001610223', code: 0x81, words: 'PUBLISH is cut short' },
    { why: 'a property twice', levels: V5, bytes: '3008000161 0401000100', code: 0x82, words: 'payloadFormatIndicator twice' },
    {
      why: 'a property of another packet',
      levels: V5,
      bytes: '300700016103130005',
      code: 0x81,
      words: 'PUBLISH with property serverKeepAlive',
    },
    { why: 'an unknown property', levels: V5, bytes: '3006000161027f00', code: 0x81, words: 'PUBLISH with property 127' },
    { why: 'an alias above the maximum', levels: V5, bytes: '300700016103 23000b', code: 0x94, words: 'topic alias 11' },
    { why: 'alias 0', levels: V5, bytes: '300700016103 230000', code: 0x94, words: 'topic alias 0' },
    { why: 'an alias that was not introduced', levels: V5, bytes: '3006000003 230005', code: 0x82, words: 'topic alias 5 has no topic' },
    { why: 'PUBACK without its identifier', bytes: '400100', code: 0x81, words: 'PUBACK is cut short' },
    { why: 'PUBACK with identifier 0', bytes: '40020000', code: 0x82, words: 'PUBACK with packet identifier 0' },
    { why: 'PUBACK with a code below 5.0', levels: V3, bytes: '4003000100', code: 0x81, words: 'PUBACK is longer' },
    { why: 'PUBACK with more behind its properties', levels: V5, bytes: '400500010000ff', code: 0x81, words: 'PUBACK is longer' },
    { why: 'PUBACK with half its properties', levels: V5, bytes: '40050001000226', code: 0x81, words: 'PUBACK is cut short' },
    { why: 'PUBACK for QoS 2', bytes: '40020002', code: 0x82, words: 'PUBACK at the wrong time' },
    { why: 'PUBREC for QoS 1', bytes: '50020001', code: 0x82, words: 'PUBREC at the wrong time' },
    { why: 'PUBCOMP for QoS 1', bytes: '70020001', code: 0x82, words: 'PUBCOMP at the wrong time' },
    { why: 'PUBCOMP before PUBREC', bytes: '70020002', code: 0x82, words: 'PUBCOMP at the wrong time' },
    { why: 'SUBACK for nothing', bytes: '90030001 00', levels: V3, code: 0x82, words: 'SUBACK for nothing' },
    { why: 'SUBACK for an unsubscribe', levels: V3, bytes: '9004fffe0000', code: 0x82, words: 'SUBACK for nothing' },
    { why: 'SUBACK with too few codes', levels: V3, bytes: '9003ffff00', code: 0x82, words: '1 codes for 2 filters' },
    { why: 'SUBACK with too many codes', levels: V5, bytes: '9006ffff00000000', code: 0x82, words: '3 codes for 2 filters' },
    { why: 'SUBACK that grants QoS 3', levels: V3, bytes: '9004ffff0103', code: 0x81, words: 'grants QoS 3' },
    { why: 'UNSUBACK with codes below 5.0', levels: V3, bytes: 'b004fffe0000', code: 0x81, words: 'UNSUBACK is longer' },
    { why: 'UNSUBACK without codes', levels: V5, bytes: 'b003fffe00', code: 0x82, words: '0 codes for 2 filters' },
    { why: 'DISCONNECT with more behind its properties', levels: V5, bytes: 'e0038e0000', code: 0x81, words: 'DISCONNECT is longer' },
  ]
  const cases = rows.flatMap((row) => (row.levels ?? LEVELS).map((level) => ({ ...row, level })))

  test.each(cases)('$why (level $level)', ({ level, bytes, code, words }) => {
    expectEverywhere(() => busyPeer(level), hex(bytes), { events: [], sent: '', error: [code, expect.stringContaining(words) as string] })
  })

  test.each(LEVELS)('anything before CONNACK (level %i)', (level) => {
    const make = () => {
      const peer = new Peer(makeOptions({ level }))
      peer.session.connect(0, { clientId: 'c', username: null, password: null, will: null }, peer.out)
      peer.bytes()
      return peer
    }
    expectEverywhere(make, hex('d000'), { events: [], sent: '', error: [0x82, 'PINGRESP before CONNACK'] })
    const connack = level === 5 ? '20020000' : '200100'
    expectEverywhere(make, hex(connack), { events: [], sent: '', error: [0x81, expect.stringContaining('cut short') as string] })
    if (level === 5)
      expectEverywhere(make, hex('f000'), { events: [], sent: '', error: [0x82, expect.stringContaining('(AUTH)') as string] })
    if (level === 3) return
    const reserved = level === 5 ? '2003020000' : '20020200'
    expectEverywhere(make, hex(reserved), { events: [], sent: '', error: [0x81, 'CONNACK with reserved flags'] })
    const refusal = level === 5 ? '2003018700' : '20020105'
    expectEverywhere(make, hex(refusal), { events: [], sent: '', error: [0x82, 'CONNACK refuses and has a session present'] })
    const present = level === 5 ? '2003010000' : '20020100'
    expectEverywhere(make, hex(present), { events: [], sent: '', error: [0x82, 'CONNACK has a session present after a clean start'] })
  })

  test('what came before it counts', () => {
    const peer = busyPeer(4)
    const outcome = outcomeOf(peer, hex('300300016d 40020001 d100'), [100])
    expect(outcome.events.map((e) => e.kind)).toEqual(['PUBLISH', 'PUBLISHED'])
    expect(outcome.error).toEqual([0x81, 'PINGRESP with reserved flags'])
  })

  test('the broker has to keep to the maximum packet size that it was told', () => {
    const bytes = fromBroker({ cmd: 'publish', ...message, topic: 'a', payload: 'x'.repeat(100) }, 5)
    expect(outcomeOf(busyPeer(5, { maximumPacketSize: bytes.length }), bytes, [10]).error).toBeNull()
    expect(outcomeOf(busyPeer(5, { maximumPacketSize: bytes.length - 1 }), bytes, [10]).error?.[0]).toBe(0x95)
    // Below 5.0 nobody was told.
    expect(
      outcomeOf(
        busyPeer(4, { maximumPacketSize: 10 }),
        fromBroker({ cmd: 'publish', ...message, topic: 'a', payload: 'x'.repeat(100) }, 4),
        [10],
      ).error,
    ).toBeNull()
  })

  test('MQTT 3.x may pad a remaining length', () => {
    for (const level of [3, 4] as const)
      expectEverywhere(() => busyPeer(level), hex('d08000'), { events: [{ kind: 'PINGRESP' }], sent: '', error: null })
  })

  test('MQTT 3.1 sends PUBREL again with DUP', () => {
    expectEverywhere(() => busyPeer(3), hex('6a020007'), { events: [], sent: '70020007', error: null })
  })
})
