/**
 * 5,000 clients at 1 message a second each: share of a core, beside that of a C loop that sends as much each millisecond; how even the load is at
 * the sink; and how late the generator sends.
 *
 *   node bench/steady.mjs [epoll|stream]
 */
import { cpuUs, floor, PASSES, publishers, SECONDS, say, spread, withRun, withSink } from './helper.mjs'

const CLIENTS = 5000
const BUCKET_MS = 100
const transport = process.argv[2] ?? 'epoll'
const seconds = Math.max(SECONDS, 5) * 2

/** Standard deviation over mean of whole buckets within measure: the first second and the last are left out. */
function variation(buckets) {
  const within = buckets.slice(1000 / BUCKET_MS, (seconds - 1) * (1000 / BUCKET_MS))
  const mean = within.reduce((sum, count) => sum + count) / within.length
  return Math.sqrt(within.reduce((sum, count) => sum + (count - mean) ** 2, 0) / within.length) / mean
}

const passes = []
for (let i = 0; i < PASSES; i++) {
  const scenario = publishers({ clients: CLIENTS, perSec: CLIENTS, seconds })
  const pass = await withSink(['--buckets', `${BUCKET_MS}`], (sink) =>
    withRun(
      sink,
      scenario,
      async (run) => {
        await run.phase('measure')
        const before = cpuUs(run.pid)
        await run.phase('drain')
        const cores = (cpuUs(run.pid) - before) / seconds / 1e6
        const { sendLagUs } = await run.report
        const { buckets } = await sink.stop()
        return { cores, variation: variation(buckets), p50: sendLagUs.p50, p99: sendLagUs.p99 }
      },
      { transport },
    ),
  )
  const plain = await withSink([], (sink) => floor('pace', sink, CLIENTS))
  passes.push({ ...pass, floorCores: plain.cores })
}
const of = (figure, digits) => spread(passes.map(figure), digits)
say('steady 5,000/s', {
  transport,
  cores: of((p) => p.cores, 3),
  floorCores: of((p) => p.floorCores, 3),
  variation: of((p) => p.variation, 4),
  sendLagP50Us: of((p) => p.p50, 0),
  sendLagP99Us: of((p) => p.p99, 0),
})
