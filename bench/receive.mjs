/**
 * Receive into the ledger: CPU of the whole process for each message received. One publisher, whose messages the sink copies to 1,000 subscribers.
 *
 *   node bench/receive.mjs [epoll|stream] [deliveries a second]
 */
import { measure, PASSES, publishers, say, spread, withRun, withSink } from './helper.mjs'

const SUBSCRIBERS = 1000
const transport = process.argv[2] ?? 'epoll'
const deliveriesPerSec = Number(process.argv[3] ?? 100_000)

const scenario = publishers({ clients: 1, perSec: deliveriesPerSec / SUBSCRIBERS })
scenario.groups.listeners = {
  clients: SUBSCRIBERS,
  keepAlive: '5m',
  connect: { rate: '4000/s' },
  subscribe: [{ filter: 'bench/#', qos: 0 }],
}

const passes = []
for (let i = 0; i < PASSES; i++) {
  passes.push(await withSink(['--fan'], (sink) => withRun(sink, scenario, (run) => measure(sink, run, 'forwarded'), { transport })))
}
const of = (figure, digits) => spread(passes.map(figure), digits)
say('receive into the ledger', {
  transport,
  cpuUsPerMessage: of((p) => p.cpuUsPerMessage),
  perSec: of((p) => p.perSec, 0),
  cores: of((p) => p.cores),
  sinkCores: of((p) => p.sinkCores),
})
