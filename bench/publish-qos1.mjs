/**
 * Publish QoS 1 flat out, each message acknowledged: acknowledged messages a second, and CPU a message (the sink counts what it has answered).
 *
 *   node bench/publish-qos1.mjs [epoll|stream]
 */
import { measure, PASSES, publishers, say, spread, withRun, withSink } from './helper.mjs'

const transport = process.argv[2] ?? 'epoll'
const passes = []
for (let i = 0; i < PASSES; i++) {
  const scenario = publishers({ qos: 1, perSec: 150_000 })
  passes.push(await withSink([], (sink) => withRun(sink, scenario, (run) => measure(sink, run, 'publishes'), { transport })))
}
const of = (figure, digits) => spread(passes.map(figure), digits)
say('publish QoS 1', {
  transport,
  ackedPerSec: of((p) => p.perSec, 0),
  cpuUsPerMessage: of((p) => p.cpuUsPerMessage),
  cores: of((p) => p.cores),
  sinkCores: of((p) => p.sinkCores),
})
