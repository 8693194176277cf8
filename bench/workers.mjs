/**
 * Two workers against one, flat out, both cores open to everybody: how many times the messages a second.
 *
 * The sink takes its share of the same cores, so the work is one of which the generator does nearly all: QoS 0 messages of 40 random numbers
 * as JSON, which the sink only reads. Rates are above what can be sent. `sinkCores` says what it took; `cpuRatio` is CPU a message with two workers over that with one.
 */
import { measure, PASSES, publishers, say, spread, withRun, withSink } from './helper.mjs'

const json = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`value${i}`, { random: { min: 0, max: 1_000_000 } }]))

function pass(workers, perSec) {
  const scenario = publishers({ perSec })
  scenario.groups.bench.publish[0].payload = { json }
  return withSink([], (sink) => withRun(sink, scenario, (run) => measure(sink, run, 'publishes'), { workers, core: null }), null)
}

const passes = []
for (let i = 0; i < PASSES; i++) passes.push({ one: await pass(1, 100_000), two: await pass(2, 180_000) })
const of = (figure, digits) => spread(passes.map(figure), digits)
say('two workers', {
  timesOne: of(({ one, two }) => two.perSec / one.perSec),
  cpuRatio: of(({ one, two }) => two.cpuUsPerMessage / one.cpuUsPerMessage),
  perSecOne: of(({ one }) => one.perSec, 0),
  perSecTwo: of(({ two }) => two.perSec, 0),
  coresOne: of(({ one }) => one.cores),
  coresTwo: of(({ two }) => two.cores),
  sinkCores: of(({ two }) => two.sinkCores),
})
