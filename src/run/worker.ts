/**
 * One worker thread: it owns a fleet, reads the clock and turns the loop.
 *
 *   due timers (writes) ─▶ wait, never past the next timer ─▶ reads ─▶ due timers …
 *
 * With the epoll transport the waiting is done in `epoll_wait`, and Node's own loop gets a turn every few milliseconds for the controller's
 * messages. With the stream transport Node's loop does the waiting.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../errors.ts'
import { account, audienceOf } from '../load/account.ts'
import type { Audience } from '../load/audience.ts'
import { FactBook } from '../load/factbook.ts'
import { MAX_EXCEPTIONS } from '../load/facts.ts'
import { Fleet } from '../load/fleet.ts'
import { Heirs } from '../load/heirs.ts'
import { shareFacts } from '../load/shares.ts'
import { factsOf, survey, unsentOfOurs } from '../load/survey.ts'
import { Wills } from '../load/wills.ts'
import { createTransport } from '../net/transport.ts'
import { startClock } from './clock.ts'
import { identities } from './identity.ts'
import type { Command, Telling, WorkerData } from './messages.ts'
import { ThreadMeter } from './meter.ts'

/** How long the epoll loop runs before Node's loop has its turn, and how long one wait may be. */
const TURN_US = 10_000
const LONGEST_WAIT_US = 10_000
/** The stream transport's loop looks for due timers this often: Node's timers are whole milliseconds. */
const STREAM_TICK_MS = 1
/** Room in the outgoing buffer beyond the largest payload: acknowledgements of a full read, and a CONNECT. */
const BUFFER_SPARE_BYTES = 512 * 1024

const data = workerData as WorkerData
const port = parentPort!
const clock = startClock(data.epochNs)
const tell = (telling: Telling): void => port.postMessage(telling)

const fleet = new Fleet(
  data.around,
  data.slice,
  clock,
  {
    onFault: (atUs, group, clientId, node, reason) => tell({ type: 'fault', fault: { atUs, group, clientId, node, reason } }),
    onArrived: (lastSubackUs) => tell({ type: 'arrived', lastSubackUs, connected: fleet.connected }),
    onStruck: (fault, members) => tell({ type: 'struck', fault, members }),
    onNoticed: (fault, atUs) => tell({ type: 'noticed', fault, atUs }),
    onCleaned: () => {
      tellGain()
      tell({ type: 'left', leftovers: fleet.leftovers })
    },
  },
  identities(data.around, data.folder),
)
const largestPayload = Math.max(0, ...fleet.groups.flatMap((g) => [...g.payloads, ...g.replies].map((p) => p?.maxBytes ?? 0)))
const transport = createTransport(data.transport, fleet, { bufferBytes: largestPayload + BUFFER_SPARE_BYTES })
fleet.attach(transport)

const meter = new ThreadMeter()
let isStopped = false
let audience: Audience | null = null
const heirs = new Heirs(fleet)
let gainedUs = clock()
let waitedUs = 0
let sentBefore = 0
let arrivedBefore = 0
let freshBefore = 0
let idleBefore = performance.eventLoopUtilization()

port.on('message', (command: Command) => {
  const nowUs = clock()
  switch (command.type) {
    case 'connect':
      fleet.connect(command.startUs)
      break
    case 'publish':
      fleet.publish(command.originUs)
      break
    case 'cut':
      fleet.cut(command.endUs)
      break
    case 'fault':
      fleet.faults.add(command.fault, command.atUs)
      break
    case 'drain':
      fleet.drain(nowUs)
      break
    case 'facts':
      tell({ type: 'facts', facts: factsOf(fleet, nowUs), unsentOfOurs: unsentOfOurs(fleet, nowUs) })
      break
    case 'account':
      audience ??= audienceOf(fleet)
      tell({
        type: 'account',
        account: account(fleet, new FactBook(command.facts), audience, command.pieces, command.isFinal),
        shares: shareFacts(fleet),
        heirs: heirs.covered(new Wills(command.facts.map(({ wills }) => wills)).open),
        truncated: fleet.ledger.truncated,
        isCapped: fleet.exceptions.intervals >= MAX_EXCEPTIONS,
      })
      break
    case 'finish':
      fleet.finish(nowUs)
      tellGain()
      tell({ type: 'finished' })
      break
    case 'leave':
      fleet.leave(nowUs, command.cleanUp, command.everyone)
      break
    case 'stop':
      isStopped = true
      transport.dispose()
      port.close()
  }
})

/** Every whole second of the run's clock, so that the workers' seconds are the same. */
let nextGainUs = (Math.floor(gainedUs / 1e6) + 1) * 1e6

function tellGain(): void {
  const nowUs = clock()
  fleet.reasons.settle(fleet.metrics.reasonCodes)
  fleet.ghosts.check(nowUs)
  let unverified = 0
  for (const counts of fleet.unverified.values()) for (const count of counts) unverified += count ?? 0
  tell({
    type: 'gained',
    gain: {
      fromUs: gainedUs,
      toUs: nowUs,
      metrics: fleet.metrics.take(),
      sent: fleet.sent - sentBefore,
      arrived: fleet.arrived - arrivedBefore,
      fresh: fleet.fresh - freshBefore,
      connected: fleet.connected,
      arrivedClients: fleet.arrivedClients,
      busy: busyShare(nowUs),
      thread: meter.read(),
      unverified,
      ...survey(fleet, nowUs),
    },
  })
  gainedUs = nowUs
  sentBefore = fleet.sent
  arrivedBefore = fleet.arrived
  freshBefore = fleet.fresh
}

function busyShare(nowUs: number): number {
  if (transport.kind === 'epoll') {
    const share = nowUs > gainedUs ? 1 - waitedUs / (nowUs - gainedUs) : 0
    waitedUs = 0
    return Math.min(1, Math.max(0, share))
  }
  const now = performance.eventLoopUtilization()
  const { utilization } = performance.eventLoopUtilization(now, idleBefore)
  idleBefore = now
  return utilization
}

function turn(nowUs: number): void {
  fleet.advance(nowUs)
  if (nowUs < nextGainUs) return
  nextGainUs = (Math.floor(nowUs / 1e6) + 1) * 1e6
  tellGain()
}

function runEpoll(): void {
  const endUs = clock() + TURN_US
  let nowUs = clock()
  do {
    turn(nowUs)
    nowUs = clock()
    const wakeUs = fleet.faults.isBusy ? nowUs : fleet.timers.nextUs(Math.min(nowUs + LONGEST_WAIT_US, nextGainUs))
    waitedUs += transport.poll(wakeUs - nowUs)
    nowUs = clock()
  } while (nowUs < endUs)
  if (!isStopped) setImmediate(runEpoll)
}

function runStream(): void {
  if (isStopped) return
  turn(clock())
  setTimeout(runStream, STREAM_TICK_MS)
}

assert(port !== null, 'a worker is started as a thread')
tell({ type: 'ready' })
if (transport.kind === 'epoll') runEpoll()
else runStream()
