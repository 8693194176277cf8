import { describe, expect, test } from 'vitest'
import type { ProtocolLevel, QoS } from '../../src/mqtt/packet.ts'
import { MAXIMUM_PENDING } from '../../src/mqtt/pending.ts'
import { encodeProperties } from '../../src/mqtt/properties.ts'
import type { SessionOptions } from '../../src/mqtt/requests.ts'
import { Session } from '../../src/mqtt/session.ts'
import { details, fromBroker, LEVELS, makeHead, makeOptions, makeOutput, Peer, protocolErrorOf, subscription } from './helpers.ts'

const S = 1_000_000

function connected(level: ProtocolLevel, changes: Partial<SessionOptions> = {}, connack: object = {}): Peer {
  const peer = new Peer(makeOptions({ level, ...changes }))
  peer.connect(connack)
  return peer
}

/** A session that its broker keeps. */
function persistent(level: ProtocolLevel, changes: Partial<SessionOptions> = {}, connack: object = {}): Peer {
  return connected(level, { cleanStart: false, sessionExpiryS: 100, ...changes }, connack)
}

function publishFromBroker(messageId: number, qos: QoS, changes: object = {}): object {
  return { cmd: 'publish', qos, dup: false, retain: false, messageId, topic: 'a', payload: 'x', ...changes }
}

describe('connecting', () => {
  test.each(LEVELS)('level %i: is connected from CONNACK to the end of the connection', (level) => {
    const peer = new Peer(makeOptions({ level }))
    expect(peer.session.isConnected).toBe(false)
    expect(peer.session.canPublish(0)).toBe(false)
    peer.session.connect(0, details, peer.out)
    expect(peer.sent()).toMatchObject([{ cmd: 'connect', clientId: 'c1' }])
    expect(peer.session.isConnected).toBe(false)
    expect(peer.connect()).toEqual([{ kind: 'CONNACK', code: 0, sessionPresent: false }])
    expect(peer.session.isConnected).toBe(true)
    expect(peer.session.canPublish(2)).toBe(true)
    peer.session.connectionLost(0, peer.out)
    expect(peer.session.isConnected).toBe(false)
  })

  test.each([3, 4] as const)('level %i: a refusal keeps its return code and says no more', (level) => {
    const peer = new Peer(makeOptions({ level }))
    expect(peer.connect({ returnCode: 5 })).toEqual([{ kind: 'CONNACK', code: 5, sessionPresent: false }])
    expect(peer.session.isConnected).toBe(false)
    expect(peer.receive({ cmd: 'pingresp' })).toEqual([])
  })

  test('5.0: a refusal has its reason', () => {
    const peer = new Peer(makeOptions({ level: 5 }))
    expect(peer.connect({ reasonCode: 0x86, properties: { reasonString: 'no' } })).toEqual([
      { kind: 'CONNACK', code: 0x86, sessionPresent: false, properties: [['reasonString', 'no']] },
    ])
    expect(peer.session.isConnected).toBe(false)
  })

  test('what CONNACK allows is known, and forgotten on the next connection', () => {
    const properties = {
      receiveMaximum: 3,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 100,
      topicAliasMaximum: 4,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: false,
      serverKeepAlive: 7,
      sessionExpiryInterval: 0,
      assignedClientIdentifier: 'given',
    }
    const peer = persistent(5, {}, { properties })
    expect(peer.session.negotiated).toEqual({
      receiveMaximum: 3,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 100,
      topicAliasMaximum: 4,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifierAvailable: false,
      sharedSubscriptionAvailable: false,
      serverKeepAliveS: 7,
      sessionExpiryS: 0,
      assignedClientId: 'given',
    })
    peer.connect()
    expect(peer.session.negotiated).toBe(connected(4).session.negotiated)
    expect(peer.session.negotiated).toMatchObject({ receiveMaximum: 65_535, maximumQoS: 2, topicAliasMaximum: 0, assignedClientId: null })
  })

  test('half a packet of the last connection is forgotten', () => {
    const peer = persistent(4)
    peer.receive(Uint8Array.of(0x30, 5, 0))
    expect(peer.connect({ sessionPresent: true })).toEqual([{ kind: 'CONNACK', code: 0, sessionPresent: true }])
  })

  test('after our DISCONNECT nothing is written or heard', () => {
    const peer = connected(4)
    peer.session.disconnect(0, 0, peer.out)
    expect(peer.sent()).toEqual([expect.objectContaining({ cmd: 'disconnect' })])
    expect(peer.receive(publishFromBroker(1, 1))).toEqual([])
    peer.session.disconnect(0, 0, peer.out)
    peer.session.acknowledge(0, 1, 1, peer.out)
    expect(peer.out.end).toBe(0)
  })

  test('after the DISCONNECT of a broker the rest of its bytes is ignored', () => {
    const peer = connected(5)
    expect(peer.receive({ cmd: 'disconnect', reasonCode: 0x8b }, Uint8Array.of(0xff, 0xff))).toEqual([{ kind: 'DISCONNECT', code: 0x8b }])
    expect(peer.session.isConnected).toBe(false)
  })
})

describe('keep alive', () => {
  test('PINGREQ goes out when nothing was sent for that long, and not before', () => {
    const peer = connected(4, { keepAliveS: 10 })
    expect(peer.session.keepAliveDueUs).toBe(10 * S)
    expect(peer.session.keepAlive(10 * S - 1, peer.out)).toBe(true)
    expect(peer.out.end).toBe(0)
    expect(peer.session.keepAlive(10 * S, peer.out)).toBe(true)
    expect(peer.sent()).toMatchObject([{ cmd: 'pingreq' }])
    expect(peer.session.keepAliveDueUs).toBe(20 * S)
  })

  test('a PINGREQ without an answer for as long means that the broker is gone', () => {
    const peer = connected(4, { keepAliveS: 10 })
    peer.session.keepAlive(10 * S, peer.out)
    peer.nowUs = 15 * S
    peer.publish(makeHead('a', 0), '')
    expect(peer.session.keepAlive(20 * S - 1, peer.out)).toBe(true)
    expect(peer.session.keepAlive(20 * S, peer.out)).toBe(false)
  })

  test('PINGRESP starts it anew from what was sent last', () => {
    const peer = connected(4, { keepAliveS: 10 })
    peer.session.keepAlive(10 * S, peer.out)
    peer.nowUs = 15 * S
    peer.publish(makeHead('a', 0), '')
    expect(peer.receive({ cmd: 'pingresp' })).toEqual([{ kind: 'PINGRESP' }])
    expect(peer.session.keepAliveDueUs).toBe(25 * S)
  })

  test.each([
    ['a publish', (peer: Peer) => peer.publish(makeHead('a', 1), '')],
    ['a subscribe', (peer: Peer) => peer.session.subscribe(peer.nowUs, [subscription('a', 0)], 0, peer.out)],
    ['an unsubscribe', (peer: Peer) => peer.session.unsubscribe(peer.nowUs, ['a'], 0, peer.out)],
    ['an acknowledgement', (peer: Peer) => peer.receive(publishFromBroker(1, 1))],
    ['a late acknowledgement', (peer: Peer) => peer.session.acknowledge(peer.nowUs, 1, 1, peer.out)],
  ])('%s puts it off', (_, act) => {
    const peer = connected(4, { keepAliveS: 10 })
    peer.nowUs = 4 * S
    act(peer)
    expect(peer.session.keepAliveDueUs).toBe(14 * S)
  })

  test('what only arrives does not', () => {
    const peer = connected(4, { keepAliveS: 10 })
    peer.nowUs = 4 * S
    peer.receive(publishFromBroker(0, 0))
    expect(peer.session.keepAliveDueUs).toBe(10 * S)
  })

  test.each([
    { why: 'without one nothing is due', keepAliveS: 0, server: undefined, dueUs: Number.POSITIVE_INFINITY },
    { why: 'the server knows better', keepAliveS: 60, server: 5, dueUs: 5 * S },
    { why: 'the server wants none', keepAliveS: 60, server: 0, dueUs: Number.POSITIVE_INFINITY },
  ])('$why', ({ keepAliveS, server, dueUs }) => {
    const peer = connected(5, { keepAliveS }, server === undefined ? {} : { properties: { serverKeepAlive: server } })
    expect(peer.session.keepAliveDueUs).toBe(dueUs)
    peer.session.connectionLost(0, peer.out)
    expect(peer.session.keepAliveDueUs).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('publishing', () => {
  test.each(LEVELS)('level %i: QoS 0, 1 and 2 go out and are done', (level) => {
    const peer = connected(level)
    for (const qos of [0, 1, 2] as const) peer.publish(makeHead('a/ü', qos, { retain: qos === 1 }), `m${qos}`, 10 + qos)
    expect(peer.session.lastPacketId).toBe(2)
    expect(peer.session.inFlightCount).toBe(2)
    expect(peer.sent()).toMatchObject([
      { cmd: 'publish', topic: 'a/ü', qos: 0, payload: Buffer.from('m0'), retain: false, dup: false },
      { cmd: 'publish', topic: 'a/ü', qos: 1, payload: Buffer.from('m1'), retain: true, dup: false, messageId: 1 },
      { cmd: 'publish', topic: 'a/ü', qos: 2, payload: Buffer.from('m2'), retain: false, dup: false, messageId: 2 },
    ])
    expect(peer.receive({ cmd: 'puback', messageId: 1 }, { cmd: 'pubrec', messageId: 2 })).toEqual([
      { kind: 'PUBLISHED', packetId: 1, qos: 1, token: 11, code: 0, packet: 4 },
    ])
    expect(peer.sent()).toMatchObject([{ cmd: 'pubrel', messageId: 2 }])
    expect(peer.receive({ cmd: 'pubcomp', messageId: 2 })).toEqual([
      { kind: 'PUBLISHED', packetId: 2, qos: 2, token: 12, code: 0, packet: 7 },
    ])
    expect(peer.session.inFlightCount).toBe(0)
  })

  test.each([
    { why: 'our window', inFlight: 2, receiveMaximum: undefined },
    { why: 'the receive maximum of the broker', inFlight: 20, receiveMaximum: 2 },
  ])('$why bounds what is in flight, not QoS 0', ({ inFlight, receiveMaximum }) => {
    const peer = connected(5, { inFlight }, receiveMaximum === undefined ? {} : { properties: { receiveMaximum } })
    peer.publish(makeHead('a', 1), '')
    expect(peer.session.canPublish(2)).toBe(true)
    peer.publish(makeHead('a', 2), '')
    expect(peer.session.canPublish(1)).toBe(false)
    expect(peer.session.canPublish(0)).toBe(true)
    expect(() => peer.publish(makeHead('a', 1), '')).toThrow('room in the window')
    peer.receive({ cmd: 'pubrec', messageId: 2 })
    expect(peer.session.canPublish(1)).toBe(false)
    peer.receive({ cmd: 'pubcomp', messageId: 2 })
    expect(peer.session.canPublish(1)).toBe(true)
  })

  test('the largest window fills up, and its identifiers leave some to subscribes', () => {
    const peer = connected(4, { inFlight: 65_535 })
    const head = makeHead('a', 1)
    let count = 0
    for (; peer.session.canPublish(1); count++) {
      peer.publish(head, '')
      peer.out.clear()
    }
    expect(count).toBe(65_535 - MAXIMUM_PENDING)
    expect(peer.session.lastPacketId).toBe(count)
    for (let i = 0; i < MAXIMUM_PENDING; i++) peer.session.subscribe(0, [subscription('a', 0)], i, peer.out)
    const ids = peer.sent().map((packet) => packet.messageId)
    expect(ids.at(0)).toBe(65_535)
    expect(ids.at(-1)).toBe(count + 1)
    expect(() => peer.session.subscribe(0, [subscription('a', 0)], 0, peer.out)).toThrow('waits for answers')
    // One answer makes room: its identifier is the only one that is free.
    expect(peer.receive({ cmd: 'suback', messageId: 65_000, granted: [0] })).toMatchObject([{ token: 535 }])
    peer.session.unsubscribe(0, ['a'], 0, peer.out)
    expect(peer.sent()).toMatchObject([{ cmd: 'unsubscribe', messageId: 65_000 }])
  })

  test('what is larger than the broker takes is not sent and takes no place', () => {
    const peer = connected(5, {}, { properties: { maximumPacketSize: 20, topicAliasMaximum: 5 } })
    expect(peer.publish(makeHead('a', 1, { alias: 1 }), 'x'.repeat(20))).toBe(-1)
    expect(peer.out.end).toBe(0)
    expect(peer.session.inFlightCount).toBe(0)
    expect(peer.publish(makeHead('a', 1, { alias: 1 }), '')).toBeGreaterThan(0)
    // The alias was not introduced by what was not sent.
    expect(peer.sent()).toMatchObject([{ topic: 'a', messageId: 1, properties: { topicAlias: 1 } }])
  })

  test('a topic alias goes out with its topic once on each connection, and shrinks what follows', () => {
    const connack = { properties: { topicAliasMaximum: 2 } }
    const peer = persistent(5, {}, connack)
    const long = makeHead('a/long/topic', 0, { alias: 2 })
    peer.publish(long, '')
    const first = peer.bytes()
    peer.publish(long, '')
    const second = peer.bytes()
    expect(first.length - second.length).toBe('a/long/topic'.length)
    peer.publish(long, '')
    peer.publish(makeHead('other', 0, { alias: 1 }), '')
    peer.publish(makeHead('beyond', 0, { alias: 3 }), '')
    expect(peer.sent()).toMatchObject([
      { topic: '', properties: { topicAlias: 2 } },
      { topic: 'other', properties: { topicAlias: 1 } },
      { topic: 'beyond' },
    ])
    peer.connect({ sessionPresent: true, ...connack })
    peer.publish(long, '')
    expect(peer.sent()).toMatchObject([{ topic: 'a/long/topic', properties: { topicAlias: 2 } }])
  })

  test('properties go out from 5.0 on', () => {
    const properties = encodeProperties([
      ['messageExpiryInterval', 60],
      ['userProperty', ['k', 'v']],
    ])
    const five = connected(5)
    five.publish(makeHead('a', 1, { properties }), 'x')
    expect(five.sent()).toMatchObject([
      { payload: Buffer.from('x'), properties: { messageExpiryInterval: 60, userProperties: { k: 'v' } } },
    ])
    const four = connected(4)
    four.publish(makeHead('a', 1, { properties, alias: 1 }), 'x')
    expect(four.sent()).toMatchObject([{ topic: 'a', payload: Buffer.from('x') }])
  })
})

describe('subscribing', () => {
  test.each(LEVELS)('level %i: each filter has its answer, whatever the order of packets', (level) => {
    const peer = connected(level)
    peer.session.subscribe(0, [subscription('a', 1), subscription('b', 2)], 7, peer.out)
    peer.session.unsubscribe(0, ['c'], 8, peer.out)
    expect(peer.sent()).toMatchObject([
      {
        cmd: 'subscribe',
        messageId: 65_535,
        subscriptions: [
          { topic: 'a', qos: 1 },
          { topic: 'b', qos: 2 },
        ],
      },
      { cmd: 'unsubscribe', messageId: 65_534, unsubscriptions: ['c'] },
    ])
    const unsuback = { cmd: 'unsuback', messageId: 65_534, ...(level === 5 ? { granted: [0x11] } : {}) }
    expect(peer.receive(unsuback)).toEqual([{ kind: 'UNSUBACK', packetId: 65_534, token: 8, index: 0, code: level === 5 ? 0x11 : 0 }])
    expect(peer.receive({ cmd: 'suback', messageId: 65_535, granted: [0, 0x80] })).toMatchObject([
      { kind: 'SUBACK', token: 7, index: 0, code: 0 },
      { kind: 'SUBACK', token: 7, index: 1, code: 0x80 },
    ])
    // Identifiers that are free again are not taken at once.
    peer.session.unsubscribe(0, ['c'], 9, peer.out)
    expect(peer.sent()).toMatchObject([{ messageId: 65_533 }])
    expect(protocolErrorOf(() => peer.receive({ cmd: 'suback', messageId: 65_535, granted: [0, 0] }))?.[0]).toBe(0x82)
  })

  test('what was not answered on its connection is forgotten with it', () => {
    const peer = persistent(4)
    peer.session.subscribe(0, [subscription('a', 1)], 7, peer.out)
    peer.session.connectionLost(0, peer.out)
    expect(peer.events()).toEqual([])
    peer.connect({ sessionPresent: true })
    expect(protocolErrorOf(() => peer.receive({ cmd: 'suback', messageId: 65_535, granted: [1] }))?.[0]).toBe(0x82)
  })
})

describe('receiving', () => {
  test.each(LEVELS)('level %i: a message of QoS 2 is delivered once, however often it is sent', (level) => {
    const peer = persistent(level)
    expect(peer.receive(publishFromBroker(7, 2))).toHaveLength(1)
    expect(peer.receive(publishFromBroker(7, 2, { dup: true }))).toEqual([])
    expect(peer.sent()).toMatchObject([
      { cmd: 'pubrec', messageId: 7 },
      { cmd: 'pubrec', messageId: 7 },
    ])
    // Not on a new connection of the session either.
    peer.session.connectionLost(0, peer.out)
    peer.connect({ sessionPresent: true })
    expect(peer.receive(publishFromBroker(7, 2, { dup: true }))).toEqual([])
    expect(peer.receive({ cmd: 'pubrel', messageId: 7 })).toEqual([])
    expect(peer.sent()).toMatchObject([
      { cmd: 'pubrec', messageId: 7 },
      { cmd: 'pubcomp', messageId: 7 },
    ])
    // The next with this identifier is another message.
    expect(peer.receive(publishFromBroker(7, 2))).toHaveLength(1)
  })

  test('a new session holds nothing of the old one', () => {
    const peer = persistent(4)
    peer.receive(publishFromBroker(7, 2))
    peer.connect({ sessionPresent: false })
    expect(peer.receive(publishFromBroker(7, 2))).toHaveLength(1)
  })

  test('without autoAck the owner acknowledges', () => {
    const peer = connected(4, { autoAck: false })
    peer.receive(publishFromBroker(5, 1), publishFromBroker(6, 2))
    expect(peer.sent()).toEqual([])
    peer.session.acknowledge(0, 6, 2, peer.out)
    peer.session.acknowledge(0, 5, 1, peer.out)
    peer.session.acknowledge(0, 9, 0, peer.out)
    expect(peer.sent()).toMatchObject([
      { cmd: 'pubrec', messageId: 6 },
      { cmd: 'puback', messageId: 5 },
    ])
    peer.receive({ cmd: 'pubrel', messageId: 6 })
    expect(peer.sent()).toMatchObject([{ cmd: 'pubcomp', messageId: 6 }])
  })

  test('a broker that exceeds our receive maximum breaks the protocol', () => {
    const peer = connected(5, { autoAck: false, receiveMaximum: 2 })
    peer.receive(publishFromBroker(1, 1), publishFromBroker(2, 2))
    expect(protocolErrorOf(() => peer.receive(publishFromBroker(3, 1)))).toEqual([0x93, 'more than 2 messages wait for an acknowledgement'])
  })

  test('what is acknowledged or released makes room in the receive maximum', () => {
    const peer = connected(5, { autoAck: false, receiveMaximum: 1 })
    peer.receive(publishFromBroker(1, 1))
    peer.session.acknowledge(0, 1, 1, peer.out)
    peer.receive(publishFromBroker(2, 2))
    peer.session.acknowledge(0, 2, 2, peer.out)
    expect(protocolErrorOf(() => peer.receive(publishFromBroker(3, 1)))?.[0]).toBe(0x93)
    const other = connected(5, { receiveMaximum: 1 })
    for (const id of [1, 2]) {
      other.receive(publishFromBroker(id, 1))
      other.receive(publishFromBroker(id, 2))
      other.receive({ cmd: 'pubrel', messageId: id })
    }
    other.receive(publishFromBroker(3, 2))
    expect(protocolErrorOf(() => other.receive(publishFromBroker(4, 2)))?.[0]).toBe(0x93)
  })

  test('the receive maximum counts from zero on each connection', () => {
    const options = { autoAck: false, receiveMaximum: 1 }
    const peer = persistent(5, options)
    peer.receive(publishFromBroker(1, 1))
    peer.session.connectionLost(0, peer.out)
    peer.connect({ sessionPresent: true })
    expect(peer.receive(publishFromBroker(1, 1, { dup: true }))).toHaveLength(1)
    // Nor does it count below zero what was open before.
    const other = persistent(5, options)
    other.receive(publishFromBroker(1, 2))
    other.session.connectionLost(0, other.out)
    other.connect({ sessionPresent: true })
    other.receive({ cmd: 'pubrel', messageId: 1 }, publishFromBroker(2, 1))
    expect(protocolErrorOf(() => other.receive(publishFromBroker(3, 1)))?.[0]).toBe(0x93)
  })

  test('topic aliases of the broker are resolved: learnt, changed, and forgotten with the connection', () => {
    const peer = persistent(5, { topicAliasMaximum: 2 })
    const aliased = (topic: string, topicAlias: number, payload: string) =>
      publishFromBroker(0, 0, { topic, payload, properties: { topicAlias, userProperties: { k: payload } } })
    const seen = (topic: string, topicAlias: number, payload: string) => ({
      topic,
      payload,
      properties: expect.arrayContaining([
        ['topicAlias', topicAlias],
        ['userProperty', ['k', payload]],
      ]) as unknown,
    })
    const events = peer.receive(
      aliased('t/1', 1, 'a'),
      aliased('', 1, 'b'),
      aliased('t/two', 2, 'c'),
      aliased('', 1, 'd'),
      aliased('', 2, 'e'),
      aliased('t/3', 1, 'f'),
      aliased('', 1, 'x'.repeat(5000)),
      aliased('', 1, 'g'),
      aliased('longer', 1, 'h'),
      aliased('', 1, 'i'),
      aliased('s', 1, 'j'),
      aliased('', 1, 'k'),
    )
    expect(events).toMatchObject([
      seen('t/1', 1, 'a'),
      seen('t/1', 1, 'b'),
      seen('t/two', 2, 'c'),
      seen('t/1', 1, 'd'),
      seen('t/two', 2, 'e'),
      seen('t/3', 1, 'f'),
      seen('t/3', 1, 'x'.repeat(5000)),
      seen('t/3', 1, 'g'),
      seen('longer', 1, 'h'),
      seen('longer', 1, 'i'),
      seen('s', 1, 'j'),
      seen('s', 1, 'k'),
    ])
    peer.out.clear()
    expect(peer.receive(aliased('', 2, 'j'))).toMatchObject([seen('t/two', 2, 'j')])
    peer.session.connectionLost(0, peer.out)
    peer.connect({ sessionPresent: true })
    expect(protocolErrorOf(() => peer.receive(aliased('', 1, 'k')))?.[0]).toBe(0x82)
  })

  test('aliases that were not asked for are refused', () => {
    const peer = connected(5)
    const packet = publishFromBroker(0, 0, { properties: { topicAlias: 1 } })
    expect(protocolErrorOf(() => peer.receive(packet))).toEqual([0x94, 'topic alias 1 is above the maximum of 0'])
  })

  test('events of a packet that came in pieces survive the rest of the chunk', () => {
    const peer = connected(4)
    const packets = [0, 1, 2].map((i) => fromBroker(publishFromBroker(0, 0, { topic: `t/${i}`, payload: `${i}`.repeat(100) }), 4))
    const bytes = Buffer.concat(packets)
    peer.receive(bytes.subarray(0, 50))
    const events = peer.receive(bytes.subarray(50, bytes.length - 20))
    expect(events).toMatchObject([{ topic: 't/0', payload: '0'.repeat(100) }, { topic: 't/1' }])
    expect(peer.receive(bytes.subarray(bytes.length - 20))).toMatchObject([{ topic: 't/2', payload: '2'.repeat(100) }])
  })
})

describe('a session and its connections', () => {
  /** Three messages in flight, the last of QoS 2 that the broker has received. */
  function inFlight(peer: Peer): Peer {
    peer.publish(makeHead('a', 1), 'one', 101)
    peer.publish(makeHead('a', 2), 'two', 102)
    peer.publish(makeHead('a', 2), 'three', 103)
    peer.receive({ cmd: 'pubrec', messageId: 3 })
    peer.out.clear()
    return peer
  }
  const abandoned = [
    { kind: 'ABANDONED', packetId: 1, qos: 1, token: 101 },
    { kind: 'ABANDONED', packetId: 2, qos: 2, token: 102 },
    { kind: 'ABANDONED', packetId: 3, qos: 2, token: 103 },
  ]

  test.each(LEVELS)('level %i: a clean one abandons what is in flight when the connection is lost', (level) => {
    const peer = inFlight(connected(level))
    peer.session.connectionLost(0, peer.out)
    expect(peer.events()).toEqual(abandoned)
    expect(peer.session.inFlightCount).toBe(0)
    peer.session.connectionLost(0, peer.out)
    expect(peer.events()).toEqual([])
  })

  test.each([
    { why: '5.0 without a session expiry ends too, clean or not', options: { sessionExpiryS: 0 }, connack: {}, ends: true },
    { why: '5.0 with one goes on, though it started clean', options: { cleanStart: true }, connack: {}, ends: false },
    {
      why: 'a broker may end it against the wish of the client',
      options: {},
      connack: { properties: { sessionExpiryInterval: 0 } },
      ends: true,
    },
    { why: 'or keep it', options: { sessionExpiryS: 0 }, connack: { properties: { sessionExpiryInterval: 5 } }, ends: false },
  ])('$why', ({ options, connack, ends }) => {
    const peer = inFlight(persistent(5, options, connack))
    peer.session.connectionLost(0, peer.out)
    expect(peer.events()).toEqual(ends ? abandoned : [])
  })

  test.each(LEVELS)('level %i: a kept one sends again what is in flight, in order, and releases what the broker has', (level) => {
    const peer = inFlight(persistent(level))
    peer.session.connectionLost(0, peer.out)
    expect(peer.events()).toEqual([])
    expect(peer.session.inFlightCount).toBe(3)
    expect(peer.connect({ sessionPresent: true })).toEqual([
      { kind: 'CONNACK', code: 0, sessionPresent: true },
      { kind: 'RESEND', packetId: 1, qos: 1, token: 101 },
      { kind: 'RESEND', packetId: 2, qos: 2, token: 102 },
    ])
    expect(peer.sent()).toMatchObject([{ cmd: 'pubrel', messageId: 3 }])
    for (const [packetId, qos] of [
      [1, 1],
      [2, 2],
    ] as const) {
      const at = peer.session.republish(0, packetId, makeHead('a', qos), 1, peer.out)
      peer.out.bytes[at] = 0x7a
    }
    expect(peer.sent()).toMatchObject([
      { cmd: 'publish', messageId: 1, qos: 1, dup: true, topic: 'a', payload: Buffer.from('z') },
      { cmd: 'publish', messageId: 2, qos: 2, dup: true, topic: 'a', payload: Buffer.from('z') },
    ])
    const events = peer.receive(
      { cmd: 'puback', messageId: 1 },
      { cmd: 'pubrec', messageId: 2 },
      { cmd: 'pubcomp', messageId: 3 },
      { cmd: 'pubcomp', messageId: 2 },
    )
    expect(events).toMatchObject([{ token: 101 }, { token: 103 }, { token: 102 }])
    expect(peer.session.inFlightCount).toBe(0)
  })

  test.each([4, 5] as const)('level %i: one that the broker has lost abandons what was in flight', (level) => {
    const peer = inFlight(persistent(level))
    peer.session.connectionLost(0, peer.out)
    expect(peer.connect({ sessionPresent: false })).toEqual([{ kind: 'CONNACK', code: 0, sessionPresent: false }, ...abandoned])
    expect(peer.session.canPublish(1)).toBe(true)
  })

  test('MQTT 3.1 does not say whether there is a session: the one we had counts', () => {
    const peer = inFlight(persistent(3))
    expect(peer.connect({ sessionPresent: false })[0]).toEqual({ kind: 'CONNACK', code: 0, sessionPresent: true })
    const clean = inFlight(connected(3))
    clean.session.connectionLost(0, clean.out)
    clean.events()
    expect(clean.connect({ sessionPresent: true })).toEqual([{ kind: 'CONNACK', code: 0, sessionPresent: false }])
  })

  test('an attempt that fails leaves the session as it is', () => {
    const peer = inFlight(persistent(4))
    peer.session.connectionLost(0, peer.out)
    peer.connect({ returnCode: 3 })
    peer.session.connectionLost(0, peer.out)
    peer.session.connect(0, details, peer.out)
    peer.session.connectionLost(0, peer.out)
    expect(peer.events()).toEqual([])
    expect(peer.session.inFlightCount).toBe(3)
  })

  test('where the broker allows less than before, what is sent again waits for room, and so does all new', () => {
    const peer = persistent(5)
    for (let token = 0; token < 4; token++) peer.publish(makeHead('a', 1), '', token)
    peer.session.connectionLost(0, peer.out)
    const resent = (packetId: number) => ({ kind: 'RESEND', packetId, qos: 1, token: packetId - 1 })
    expect(peer.connect({ sessionPresent: true, properties: { receiveMaximum: 2 } }).slice(1)).toEqual([resent(1), resent(2)])
    expect(peer.session.canPublish(1)).toBe(false)
    expect(peer.receive({ cmd: 'puback', messageId: 2 }).slice(1)).toEqual([resent(3)])
    expect(peer.receive({ cmd: 'puback', messageId: 1 }).slice(1)).toEqual([resent(4)])
    expect(peer.receive({ cmd: 'puback', messageId: 3 }).slice(1)).toEqual([])
    expect(peer.session.canPublish(1)).toBe(true)
  })

  test('a connection that is lost while messages wait to be sent again starts over', () => {
    const peer = persistent(5)
    for (let token = 0; token < 3; token++) peer.publish(makeHead('a', 1), '', token)
    peer.session.connectionLost(0, peer.out)
    peer.connect({ sessionPresent: true, properties: { receiveMaximum: 1 } })
    peer.session.connectionLost(0, peer.out)
    expect(peer.connect({ sessionPresent: true }).slice(1)).toMatchObject([{ packetId: 1 }, { packetId: 2 }, { packetId: 3 }])
  })

  test('what has grown too large for the new connection is abandoned, and the next gets its turn', () => {
    const peer = persistent(5)
    for (let token = 0; token < 2; token++) peer.publish(makeHead('a', 1), '', token)
    peer.session.connectionLost(0, peer.out)
    peer.connect({ sessionPresent: true, properties: { receiveMaximum: 1, maximumPacketSize: 20 } })
    peer.out.clear()
    expect(peer.session.republish(0, 1, makeHead('a', 1), 100, peer.out)).toBe(-1)
    expect(peer.out.end).toBe(0)
    expect(peer.events()).toEqual([
      { kind: 'ABANDONED', packetId: 1, qos: 1, token: 0 },
      { kind: 'RESEND', packetId: 2, qos: 1, token: 1 },
    ])
  })

  test('the order of sending again is that of sending, whatever slots were free', () => {
    const peer = persistent(4, { inFlight: 4 })
    for (let token = 0; token < 4; token++) peer.publish(makeHead('a', 1), '', token)
    peer.receive({ cmd: 'puback', messageId: 2 }, { cmd: 'puback', messageId: 1 })
    peer.publish(makeHead('a', 1), '', 4)
    peer.publish(makeHead('a', 1), '', 5)
    peer.session.connectionLost(0, peer.out)
    expect(
      peer
        .connect({ sessionPresent: true })
        .slice(1)
        .map((e) => e.token),
    ).toEqual([2, 3, 4, 5])
  })

  test('only what is in flight, with its QoS, is sent again', () => {
    const peer = inFlight(persistent(4))
    expect(() => peer.session.republish(0, 9, makeHead('a', 1), 0, peer.out)).toThrow('in flight')
    expect(() => peer.session.republish(0, 1, makeHead('a', 2), 0, peer.out)).toThrow('old QoS')
    expect(() => peer.session.republish(0, 3, makeHead('a', 2), 0, peer.out)).toThrow('old QoS')
  })

  test('the owner can give up what is in flight', () => {
    const peer = inFlight(persistent(4))
    peer.session.abandonAll(peer.out)
    expect(peer.events()).toEqual(abandoned)
    peer.session.abandonAll(peer.out)
    expect(peer.events()).toEqual([])
  })
})

describe('an output', () => {
  test('serves many sessions, its records anew', () => {
    const out = makeOutput()
    const sessions = [4, 5].map((level) => new Session(makeOptions({ level: level as ProtocolLevel })))
    const connack = [Uint8Array.of(0x20, 2, 0, 0), Uint8Array.of(0x20, 3, 0, 0, 0)]
    const records = sessions.map((session, i) => {
      session.connect(0, details, out)
      session.receive(0, connack[i]!, connack[i]!.length, out)
      const record = out.events[0]
      expect(out.eventCount).toBe(1)
      out.clear()
      return record
    })
    expect(records[0]).toBe(records[1])
    expect(out.end).toBe(0)
  })

  test('without room is a bug of its owner', () => {
    const session = new Session(makeOptions())
    expect(() => session.connect(0, details, makeOutput(10))).toThrow('leaves room')
  })
})
