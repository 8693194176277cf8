import { describe, expect, test } from 'vitest'
import type { Endpoint } from '../../src/net/transport.ts'
import { checkTargets } from '../../src/run/targets.ts'

const V4: Endpoint = { scheme: 'tcp', hostname: 'broker.lab', address: '10.1.2.3', family: 4, port: 1883 }
const V6: Endpoint = { scheme: 'tls', hostname: 'fd00::1', address: 'fd00::1', family: 6, port: 8883 }

describe('an endpoint is allowed', () => {
  test.each([
    { why: 'where nothing is named', endpoint: V4, allowed: [] },
    { why: 'by its host name', endpoint: V4, allowed: ['broker.lab'] },
    { why: 'by its host name, in any case', endpoint: V4, allowed: ['Broker.LAB'] },
    { why: 'by host name and port', endpoint: V4, allowed: ['broker.lab:1883'] },
    { why: 'by its address', endpoint: V4, allowed: ['10.1.2.3'] },
    { why: 'by address and port', endpoint: V4, allowed: ['10.1.2.3:1883'] },
    { why: 'by a block', endpoint: V4, allowed: ['10.1.0.0/16'] },
    { why: 'by a block of one', endpoint: V4, allowed: ['10.1.2.3/32'] },
    { why: 'by one of several', endpoint: V4, allowed: ['other', '192.168.0.0/16', '10.0.0.0/8'] },
    { why: 'by its IPv6 address', endpoint: V6, allowed: ['fd00::1'] },
    { why: 'by its IPv6 address written at length', endpoint: V6, allowed: ['FD00:0:0:0:0:0:0:1'] },
    { why: 'by IPv6 address and port', endpoint: V6, allowed: ['[fd00::1]:8883'] },
    { why: 'by an IPv6 block', endpoint: V6, allowed: ['fd00::/8'] },
  ])('$why', ({ endpoint, allowed }) => {
    expect(() => checkTargets([endpoint], allowed)).not.toThrow()
  })
})

describe('an endpoint is not allowed', () => {
  test.each([
    { why: 'by another name', endpoint: V4, allowed: ['broker'] },
    { why: 'by a domain above it', endpoint: V4, allowed: ['lab'] },
    { why: 'on another port', endpoint: V4, allowed: ['broker.lab:8883', '10.1.2.3:8883'] },
    { why: 'outside the block', endpoint: V4, allowed: ['10.2.0.0/16'] },
    { why: 'by a block of the other family', endpoint: V4, allowed: ['::/0'] },
    { why: 'by a block of the other family', endpoint: V6, allowed: ['0.0.0.0/0'] },
    { why: 'by another IPv6 address', endpoint: V6, allowed: ['fd00::2'] },
  ])('$why', ({ endpoint, allowed }) => {
    expect(() => checkTargets([endpoint], allowed)).toThrow(/is not among the allowed targets/)
  })

  test('where others are: the message names the one that is not', () => {
    expect(() => checkTargets([V6, V4], ['fd00::1'])).toThrow('broker.lab (10.1.2.3:1883) is not among the allowed targets: fd00::1')
  })
})

describe('a target is refused', () => {
  test.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    'lab/8',
    'fd00::/129',
    'host:',
    'host:port',
    'host:65536',
    '[host]:1883',
    'mqtt://host',
    'a b',
  ])('%j', (text) => {
    expect(() => checkTargets([V4], [text])).toThrow(/^--allow-target .*: expected HOST, HOST:PORT or a block/)
  })
})
