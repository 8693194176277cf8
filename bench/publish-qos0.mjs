/**
 * Publish QoS 0 flat out, against the plain C send() loop, in turns: how many times its messages a second, at how many times its CPU a message.
 *
 *   node bench/publish-qos0.mjs [epoll|stream]
 */
import { floor, measure, PASSES, publishers, say, spread, withRun, withSink } from './helper.mjs'

const CLIENTS = 1000
const transport = process.argv[2] ?? 'epoll'
const passes = []
for (let i = 0; i < PASSES; i++) {
  const plain = await withSink([], (sink) => floor('flood', sink, CLIENTS))
  // More than can be sent: never waits.
  const scenario = publishers({ clients: CLIENTS, perSec: 450_000 })
  const ours = await withSink([], (sink) => withRun(sink, scenario, (run) => measure(sink, run, 'publishes'), { transport }))
  passes.push({ plain, ours })
}
const of = (figure, digits) => spread(passes.map(figure), digits)
say('publish QoS 0', {
  transport,
  ratioOfC: of(({ ours, plain }) => ours.perSec / plain.perSec),
  cpuRatioOfC: of(({ ours, plain }) => ours.cpuUsPerMessage / plain.cpuUsPerMessage),
  perSec: of(({ ours }) => ours.perSec, 0),
  cpuUsPerMessage: of(({ ours }) => ours.cpuUsPerMessage),
  floorPerSec: of(({ plain }) => plain.perSec, 0),
  floorCpuUsPerMessage: of(({ plain }) => plain.cpuUsPerMessage),
  sinkCores: of(({ ours }) => ours.sinkCores),
})
