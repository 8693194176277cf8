import { describe, expect, test } from 'vitest'
import { softwareIn } from '../../src/run/software.ts'

describe('what a node says of its software', () => {
  test.each<{ why: string; told: Record<string, string>; software: string | null }>([
    { why: 'nothing', told: {}, software: null },
    { why: 'mosquitto', told: { '$SYS/broker/version': 'mosquitto version 2.0.11' }, software: 'mosquitto version 2.0.11' },
    {
      why: 'EMQX',
      told: { '$SYS/brokers/emqx@10.0.0.1/sysdescr': 'EMQX', '$SYS/brokers/emqx@10.0.0.1/version': '5.8.0' },
      software: 'EMQX 5.8.0',
    },
    {
      why: 'a cluster of EMQX in the middle of an upgrade',
      told: {
        '$SYS/brokers/b/version': '5.8.1',
        '$SYS/brokers/b/sysdescr': 'EMQX',
        '$SYS/brokers/a/version': '5.8.0',
        '$SYS/brokers/a/sysdescr': 'EMQX',
        '$SYS/brokers/c/version': '5.8.0',
        '$SYS/brokers/c/sysdescr': 'EMQX',
      },
      software: 'EMQX 5.8.0, EMQX 5.8.1',
    },
    { why: 'a version without a name', told: { '$SYS/brokers/a/version': '4.4.19' }, software: '4.4.19' },
    { why: 'a name without a version', told: { '$SYS/brokers/a/sysdescr': 'EMQX' }, software: null },
    { why: 'what would move a cursor', told: { '$SYS/broker/version': ' a\u001b[2J\n\u202eb ' }, software: 'a [2J b' },
    { why: 'nothing but blanks', told: { '$SYS/broker/version': ' \n' }, software: null },
    { why: 'too much', told: { '$SYS/broker/version': 'x'.repeat(5000) }, software: 'x'.repeat(100) },
  ])('$why', ({ told, software }) => expect(softwareIn(new Map(Object.entries(told)))).toBe(software))
})
