import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { dropsBetween, readDrops } from '../../src/run/drops.ts'
import { sampleGroup, samplePlan } from '../load/sample-plan.ts'

describe('what nodes have dropped between two readings', () => {
  test.each([
    ['what was added', [5, 0], [12, 3], [7, 3]],
    ['nothing', [5], [5], [0]],
    ['all that a node counts which was started anew meanwhile', [500], [20], [20]],
    ['not known, where one of the readings is missing', [null, 4, null], [7, null, null], [null, null, null]],
  ])('%s', (_, before, after, between) => expect(dropsBetween(before, after)).toEqual(between))
})

test('a node that takes guests and then hangs is not waited for', async () => {
  const server = createServer((socket) => {
    // CONNACK, and no word more.
    socket.once('data', () => socket.write(Uint8Array.of(0x20, 2, 0, 0)))
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const endpoint = { scheme: 'tcp', address: '127.0.0.1', family: 4, port, hostname: '127.0.0.1' } as const
  expect(
    await readDrops({ plan: samplePlan({ groups: [sampleGroup()] }), endpoints: [[endpoint]], sourceAddresses: [[]] }, '.', true),
  ).toEqual([null])
})
