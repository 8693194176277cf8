import { readdirSync } from 'node:fs'
import type { NatsConnection } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { Service } from '../../src/control/service.ts'
import { folder } from '../cli/tool.ts'
import { sampleAssignment } from './sample.ts'

test.each([
  { what: 'is called after a way out of its folder', fields: { run: '../../x' }, error: 'the run has a name that no controller gives' },
  { what: 'is called after a path', fields: { run: '/etc/x' }, error: 'the run has a name that no controller gives' },
  { what: 'has a longer name', fields: { run: 'abcdefg' }, error: 'the run has a name that no controller gives' },
  { what: 'has an agent of no name', fields: { agents: ['a', 'b.*'] }, error: 'an agent of the run has a name that none can have' },
])('a run that $what is not begun, and nothing is written', async ({ fields, error }) => {
  const out = folder()
  // No server is asked before.
  const host = {
    connection: {} as NatsConnection,
    id: 'a',
    instance: 'a-1',
    domain: 'here',
    allowed: [],
    maxClients: null,
    out,
    onWords: () => {},
  }
  await expect(Service.begin(host, sampleAssignment(fields))).rejects.toThrow(error)
  expect(readdirSync(out)).toEqual([])
})
