/**
 * Resident memory of an idle client: that of a run with 10,000 connected clients less that of a run with 10, over the difference.
 * Both as they are, the heap's slack included.
 *
 *   node bench/idle-memory.mjs [epoll|stream]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { PASSES, residentBytes, say, spread, withRun, withSink } from './helper.mjs'

const MANY = 10_000
const FEW = 10
const transport = process.argv[2] ?? 'epoll'

async function resident(clients) {
  const scenario = {
    settle: '0s',
    groups: { bench: { clients, keepAlive: '10m', connect: { rate: '8000/s', timeout: '1m' } } },
    phases: { warmUp: '0s', measure: '4s', drain: '0s', cleanUp: false },
  }
  return withSink([], (sink) =>
    withRun(
      sink,
      scenario,
      async (run) => {
        await run.phase('measure')
        await sleep(3000)
        return residentBytes(run.pid)
      },
      { transport },
    ),
  )
}

const each = []
const base = []
for (let i = 0; i < PASSES; i++) {
  const few = await resident(FEW)
  const many = await resident(MANY)
  base.push(few / 2 ** 20)
  each.push((many - few) / (MANY - FEW))
}
say('idle client', { transport, bytesPerClient: spread(each, 0), residentMibWith10: spread(base, 1) })
