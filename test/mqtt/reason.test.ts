import { describe, expect, test } from 'vitest'
import { reasonName } from '../../src/mqtt/reason.ts'

describe('the name of a reason code', () => {
  test.each([
    { packet: 'CONNACK', code: 0x00, name: 'Success', why: 'MQTT 5.0 §2.4' },
    { packet: 'CONNACK', code: 0x05, name: 'Not authorized', why: 'MQTT 3.1.1 §3.2.2.3' },
    { packet: 'CONNACK', code: 0x87, name: 'Not authorized', why: 'the same in version 5' },
    { packet: 'SUBACK', code: 0x01, name: 'Granted QoS 1', why: 'the code of a refused version, in another packet' },
    { packet: 'CONNACK', code: 0x01, name: 'Unacceptable protocol version', why: 'the code of a granted QoS, in another packet' },
    { packet: 'SUBACK', code: 0x80, name: 'Failure, or Unspecified error', why: 'MQTT 3.1.1 §3.9.3 and 5.0 §3.9.3' },
    { packet: 'DISCONNECT', code: 0x04, name: 'Disconnect with Will Message', why: 'MQTT 5.0 §3.14.2.1' },
    { packet: 'DISCONNECT', code: 0x8e, name: 'Session taken over', why: 'MQTT 5.0 §3.14.2.1' },
    { packet: 'PUBACK', code: 0x10, name: 'No matching subscribers', why: 'MQTT 5.0 §3.4.2.1' },
    { packet: 'PUBACK', code: 0xa2, name: 'Wildcard Subscriptions not supported', why: 'the last of them' },
    { packet: 'PUBACK', code: 0xa3, name: null, why: 'no code of the specification' },
    { packet: 'toString', code: 0x03, name: null, why: 'no packet of the specification' },
  ])('$code in $packet is $name: $why', ({ packet, code, name }) => {
    expect(reasonName(packet, code)).toBe(name)
  })
})
