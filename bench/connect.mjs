/**
 * Connect 10,000 clients as fast as one worker can: connects a second, from the sink's first accept to its last CONNECT, and CPU a connect.
 * Neither side is kept on a core: half a second of connecting is also when V8 compiles, in threads of its own.
 *
 *   node bench/connect.mjs [epoll|stream]
 */
import { cpuUs, PASSES, say, spread, withRun, withSink } from './helper.mjs'

const CLIENTS = 10_000
const transport = process.argv[2] ?? 'epoll'
const scenario = {
  settle: '0s',
  groups: { bench: { clients: CLIENTS, keepAlive: '5m', connect: { at: 'once', timeout: '1m' } } },
  phases: { warmUp: '0s', measure: '2s', drain: '0s', cleanUp: false },
}
const passes = []
for (let i = 0; i < PASSES; i++) {
  const pass = await withSink(
    [],
    (sink) =>
      withRun(
        sink,
        scenario,
        async (run) => {
          await run.phase('connect')
          const before = cpuUs(run.pid)
          await run.phase('measure')
          const cpuUsPerConnect = (cpuUs(run.pid) - before) / CLIENTS
          const { connects, connectSpanS } = await sink.stop()
          if (connects !== CLIENTS) throw new Error(`${connects} of ${CLIENTS} connected`)
          return { perSec: connects / connectSpanS, cpuUsPerConnect }
        },
        { transport, core: null },
      ),
    null,
  )
  passes.push(pass)
}
say('connect', {
  transport,
  perSec: spread(
    passes.map((p) => p.perSec),
    0,
  ),
  cpuUsPerConnect: spread(passes.map((p) => p.cpuUsPerConnect)),
})
