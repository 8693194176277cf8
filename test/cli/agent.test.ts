import type { NatsConnection } from '@nats-io/transport-node'
import { expect, test, vi } from 'vitest'
import { agent } from '../../src/cli/agent.ts'
import { connectControl } from '../../src/control/connect.ts'
import { EnvironmentError } from '../../src/errors.ts'
import { Air } from '../control/air.ts'
import { folder } from './tool.ts'

vi.mock(import('../../src/control/connect.ts'), { spy: true })

test('an agent whose connection is closed for good ends, and says so', async () => {
  let close: (why: Error) => void = () => {}
  const closed = new Promise<Error>((resolve) => {
    close = resolve
  })
  const rest: Partial<NatsConnection> = { closed: () => closed, close: async () => {}, getServer: () => 'nowhere' }
  vi.mocked(connectControl).mockResolvedValueOnce(Object.assign(new Air().connect(), rest))
  const ended = agent({ control: 'nats://nowhere', id: 'a', allowTarget: ['127.0.0.1'], out: folder() })
  close(new Error('the server wants nothing of it'))
  await expect(ended).rejects.toThrow(EnvironmentError)
  await expect(ended).rejects.toThrow('the connection to NATS was closed: the server wants nothing of it')
})
