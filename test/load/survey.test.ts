import { expect, test } from 'vitest'
import { survey } from '../../src/load/survey.ts'
import { MemoryRun } from './memory.ts'

test('sockets that clients have left in silence are sockets, beside those of their new connections', () => {
  const run = new MemoryRun(`
phases: { warmUp: 0s, measure: 60s, drain: 5s }
faults: [{ name: out, at: 0s, drop: silent, for: 5s, clients: { groups: [struck] } }]
groups:
  others: { clients: 2, connect: { at: once }, subscribe: [{ filter: x }] }
  struck: { clients: 3, connect: { at: once }, reconnect: { backoff: fixed, first: 1s }, subscribe: [{ filter: x }] }`)
  const sockets = () => survey(run.fleet, run.nowUs).sockets
  run.start()
  expect(sockets()).toEqual([2, 3])
  const atUs = run.nowUs + 1e6
  run.fleet.faults.add(0, atUs)
  run.until(atUs + 1000)
  // No client of the group has one, and the broker has three.
  expect(run.fleet.connected).toBe(2)
  expect(sockets()).toEqual([2, 3])
  run.until(atUs + 6.1e6)
  expect(run.fleet.connected).toBe(5)
  expect(sockets()).toEqual([2, 6])
  for (const socket of run.ghosts()) run.hangUp(socket)
  expect(sockets()).toEqual([2, 3])
})
