/**
 * One worker: it owns a fleet, reads the clock and turns the loop.
 *
 *   due timers (writes) ─▶ wait, never past the next timer ─▶ reads ─▶ due timers …
 *
 * With the epoll transport the waiting is done in `epoll_wait`, and Node's own loop gets a turn every few milliseconds for the controller's
 * messages. With the stream transport Node's loop does the waiting. Whether it has a thread (thread.ts) or a process (process.ts) for itself is
 * not its affair.
 */
import { account, audienceOf } from '../load/account.ts'
import type { Audience } from '../load/audience.ts'
import { FactBook } from '../load/factbook.ts'
import { MAX_EXCEPTIONS } from '../load/facts.ts'
import { Fleet } from '../load/fleet.ts'
import { Heirs } from '../load/heirs.ts'
import { shareFacts } from '../load/shares.ts'
import { factsOf, survey, unsentOfOurs } from '../load/survey.ts'
import { Wills } from '../load/wills.ts'
import { createTransport, type Transport } from '../net/transport.ts'
import { US_PER_S } from '../units.ts'
import { startClock } from './clock.ts'
import { identities } from './identity.ts'
import type { Command, Telling, WorkerData } from './messages.ts'
import { ThreadMeter } from './meter.ts'

/** The stream transport's loop looks for due timers this often: Node's timers are whole milliseconds. */
const STREAM_TICK_MS = 1
/** Room in the outgoing buffer beyond the largest payload: acknowledgements of a full read, and a CONNECT. */
const BUFFER_SPARE_BYTES = 512 * 1024

/** The moments at which a crowd tells its gains: within less than half of a second, so that the second is the same. */
const CROWD_PHASES = 32
const CROWD_SPREAD_US = 400_000
/** Nobody wakes who waits on it. */
const SLEEP = new Int32Array(new SharedArrayBuffer(4))

export class Loop {
  private readonly data: WorkerData
  private readonly tell: (telling: Telling) => void
  private readonly clock: () => number
  private readonly fleet: Fleet
  private readonly transport: Transport
  private readonly heirs: Heirs
  private readonly meter = new ThreadMeter()
  private audience: Audience | null = null
  private isStopped = false
  private gainedUs: number
  /**
   * Every whole second of the run's clock, so that the workers' seconds are the same; in a crowd a little later, each at its own moment, since what is
   * told takes a pass over all clients.
   */
  private nextGainUs: number
  private readonly gainPhaseUs: number
  private waitedUs = 0
  /** When arrivals were last read. */
  private readUs = 0
  private before = { sent: 0, arrived: 0, fresh: 0, idle: performance.eventLoopUtilization() }

  constructor(data: WorkerData, tell: (telling: Telling) => void) {
    this.data = data
    this.tell = tell
    this.clock = startClock(data.epochNs)
    const { around, slice } = data
    const fleet = new Fleet(
      around,
      slice,
      this.clock,
      {
        onFault: (atUs, group, clientId, node, reason) => tell({ type: 'fault', fault: { atUs, group, clientId, node, reason } }),
        onArrived: (lastSubackUs) => tell({ type: 'arrived', lastSubackUs, connected: this.fleet.connected }),
        onFenced: (atUs) => {
          this.tellGain()
          tell({ type: 'fenced', atUs })
        },
        onStruck: (fault, members) => tell({ type: 'struck', fault, members }),
        onNoticed: (fault, atUs) => tell({ type: 'noticed', fault, atUs }),
        onCleaned: () => {
          this.tellGain()
          tell({ type: 'left', leftovers: this.fleet.leftovers })
        },
      },
      identities(around, data.folder),
      data.grain.tickUs,
    )
    this.fleet = fleet
    fleet.leaseUntilUs = data.leaseUs
    const largestPayload = Math.max(0, ...fleet.groups.flatMap((g) => [...g.payloads, ...g.replies].map((p) => p?.maxBytes ?? 0)))
    this.transport = createTransport(data.transport, fleet, { bufferBytes: largestPayload + BUFFER_SPARE_BYTES })
    fleet.attach(this.transport)
    this.heirs = new Heirs(fleet)
    this.gainedUs = this.clock()
    this.gainPhaseUs = data.grain.gatherUs > 0 ? ((slice.index % CROWD_PHASES) / CROWD_PHASES) * CROWD_SPREAD_US : 0
    this.nextGainUs = this.gainAfter(this.gainedUs)
  }

  /** Says that it is ready, and goes on until it is told to stop. */
  run(): void {
    this.tell({ type: 'ready' })
    if (this.transport.kind === 'epoll') this.runEpoll()
    else this.runStream()
  }

  take(command: Command): void {
    const { fleet, tell } = this
    const nowUs = this.clock()
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
        tell({ type: 'facts', facts: [factsOf(fleet, nowUs)], unsentOfOurs: unsentOfOurs(fleet, nowUs) })
        break
      case 'account':
        this.audience ??= audienceOf(fleet)
        tell({
          type: 'account',
          account: account(fleet, new FactBook(command.facts), this.audience, command.pieces, command.isFinal),
          shares: shareFacts(fleet),
          heirs: this.heirs.covered(new Wills(command.facts.map(({ wills }) => wills)).open),
          truncated: fleet.ledger.truncated,
          isCapped: fleet.notes.exceptions.intervals >= MAX_EXCEPTIONS,
          isWhole: true,
        })
        break
      case 'finish':
        fleet.finish(nowUs)
        this.tellGain()
        tell({ type: 'finished' })
        break
      case 'leave':
        fleet.leave(nowUs, command.cleanUp, command.everyone)
        break
      case 'lease':
        fleet.leaseUntilUs = command.untilUs
        break
      case 'fence':
        fleet.fence(nowUs)
        break
      case 'stop':
        this.stop()
    }
  }

  /** Closes every connection and comes to rest. */
  stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    this.transport.dispose()
    this.meter.stop()
  }

  private tellGain(): void {
    const { fleet, before } = this
    const nowUs = this.clock()
    fleet.reasons.settle(fleet.metrics.reasonCodes)
    fleet.ghosts.check(nowUs)
    let unverified = 0
    for (const counts of fleet.unverified.values()) for (const count of counts) unverified += count ?? 0
    const allUs = nowUs - this.gainedUs
    const seen = survey(fleet, nowUs)
    this.tell({
      type: 'gained',
      gain: {
        fromUs: this.gainedUs,
        toUs: nowUs,
        metrics: fleet.metrics.take(),
        sent: fleet.sent - before.sent,
        arrived: fleet.arrived - before.arrived,
        fresh: fleet.fresh - before.fresh,
        connected: fleet.connected,
        arrivedClients: fleet.arrivedClients,
        loops: [{ worker: this.data.slice.index, allUs, busyUs: this.busyShare(allUs) * allUs, ...this.meter.read() }],
        processes: [],
        machines: [],
        unverified,
        fullest: seen.sockets.reduce((sum, count) => sum + count, 0),
        ...seen,
      },
    })
    this.gainedUs = nowUs
    before.sent = fleet.sent
    before.arrived = fleet.arrived
    before.fresh = fleet.fresh
  }

  /** Since the last gain. */
  private busyShare(allUs: number): number {
    if (this.transport.kind === 'epoll') {
      const share = allUs > 0 ? 1 - this.waitedUs / allUs : 0
      this.waitedUs = 0
      return Math.min(1, Math.max(0, share))
    }
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, this.before.idle)
    this.before.idle = now
    return utilization
  }

  private gainAfter(nowUs: number): number {
    return (Math.floor((nowUs - this.gainPhaseUs) / US_PER_S) + 1) * US_PER_S + this.gainPhaseUs
  }

  private turn(nowUs: number): void {
    this.fleet.advance(nowUs)
    if (nowUs < this.nextGainUs) return
    this.nextGainUs = this.gainAfter(nowUs)
    this.tellGain()
  }

  private readonly runEpoll = (): void => {
    const { fleet, transport, clock } = this
    const { restUs, gatherUs } = this.data.grain
    let nowUs = clock()
    const endUs = nowUs + restUs
    do {
      this.turn(nowUs)
      nowUs = clock()
      const wakeUs = fleet.faults.isBusy ? nowUs : fleet.timers.nextUs(Math.min(nowUs + restUs, this.nextGainUs))
      nowUs = this.gather(nowUs, Math.min(wakeUs, this.readUs + gatherUs))
      this.waitedUs += transport.poll(wakeUs - nowUs)
      this.readUs = nowUs = clock()
    } while (nowUs < endUs)
    if (!this.isStopped) setImmediate(this.runEpoll)
  }

  /** Sleeps, whatever arrives, up to a time. Returns the time. */
  private gather(nowUs: number, untilUs: number): number {
    if (untilUs <= nowUs) return nowUs
    Atomics.wait(SLEEP, 0, 0, (untilUs - nowUs) / 1000)
    const thenUs = this.clock()
    this.waitedUs += thenUs - nowUs
    return thenUs
  }

  private readonly runStream = (): void => {
    if (this.isStopped) return
    this.turn(this.clock())
    setTimeout(this.runStream, STREAM_TICK_MS)
  }
}
