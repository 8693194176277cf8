/**
 * One simulated MQTT client: its connection from the first attempt to the last, its session, and what it publishes and receives.
 *
 *   idle ─▶ opening ─▶ greeting ─▶ subscribing ─▶ ready ─▶ waiting ─▶ opening …
 *                 └──────────┴───────────┴─────────▶ waiting, or failed: a first connect is tried until its timeout
 *                                                ready ─▶ away ─▶ opening …: churn
 *                                                ready ─▶ waiting ─▶ opening …: a fault
 *                                                any ─▶ cleaning ─▶ gone: at the run's end
 *
 * The client has one timer, set after each call to the earliest thing that it waits for. It owns no socket: the fleet's transport does.
 */
import { type Event, EventKind } from '../mqtt/output.ts'
import { Session } from '../mqtt/session.ts'
import type { Cell } from '../stats/metrics.ts'
import { formatCode } from '../units.ts'
import { type Answerer, REPLY_TOKEN } from './answerer.ts'
import { Attempts } from './attempts.ts'
import type { Cleaning } from './cleaning.ts'
import type { Fleet } from './fleet.ts'
import type { Ghost } from './ghost.ts'
import { cellKey, expiryUs, type Group } from './group.ts'
import { detailsOf } from './hello.ts'
import * as parting from './parting.ts'
import { Publisher } from './publisher.ts'
import { NO_ENTRY, Receiver } from './receiver.ts'
import { STATE, type State } from './state.ts'
import type { Blow } from './strike.ts'
import * as tally from './tally.ts'
import { type Testator, testatorOf } from './testator.ts'

const NEVER = Number.POSITIVE_INFINITY

export class Client {
  readonly fleet: Fleet
  readonly group: Group
  /** Index in the group. */
  readonly index: number
  /** Number in the fleet: what timers and the transport know it by. */
  readonly owner: number
  readonly isClean: boolean
  readonly publisher: Publisher | null
  readonly receiver: Receiver | null
  readonly testator: Testator | null
  session: Session | null = null
  cleaning: Cleaning | null = null
  state: State = STATE.idle
  /** Where it is counted: its group on its node. */
  cell: Cell<'clients'>
  socket = -1
  /** The socket takes bytes: nothing that was sent is waiting in it. */
  isWritable = false
  /** Index of the node of the current or last attempt. */
  node = 0
  /** When churn takes the client away next. */
  leavesAtUs = NEVER
  readonly attempts: Attempts
  hasConnected = false
  /** The connect phase need not wait for it any more. */
  private hasArrived = false
  /** When the next attempt is due, the current one ends, or churn returns the client. */
  untilUs = NEVER
  // NaN, since times are doubles: clients keep one shape from the start.
  connectIntendedUs = Number.NaN
  /** When the present connection began, or the last one ended. */
  changedAtUs = Number.NaN
  connectedOn: Cell<'clients'>
  /** When the connection was lost, or churn wanted the client back; NEVER: connected or never was. */
  lostAtUs = NEVER
  /** Churn has ended the last connection. */
  isReturning = false
  /** What the last fault that struck it does to it still; null: nothing. */
  blow: Blow | null = null
  /** Old connections that the broker may still hold; null: none. */
  ghosts: Ghost[] | null = null
  /** The node that the facts have for it. */
  private publishesFrom: number

  constructor(fleet: Fleet, group: Group, index: number, owner: number) {
    this.fleet = fleet
    this.group = group
    this.index = index
    this.owner = owner
    this.isClean = group.isClean(index)
    this.attempts = new Attempts(group, index)
    this.node = group.placer.nodeOf(index, 0)
    this.connectedOn = this.cell = fleet.clientCell(group, this.node)
    this.publishesFrom = this.node
    this.publisher = group.plan.publish.length > 0 ? new Publisher(this) : null
    this.receiver = group.plan.subscribe.length > 0 ? new Receiver(this) : null
    this.testator = testatorOf(this)
  }

  get isConnected(): boolean {
    return this.state === STATE.ready || this.state === STATE.subscribing
  }

  /** The connect phase begins: the first attempt is due at its intended time. */
  start(startUs: number): void {
    this.connectIntendedUs = startUs + this.group.arrivals.timeOf(this.index)
    this.state = STATE.waiting
    this.untilUs = this.connectIntendedUs
    this.setTimer()
  }

  /** Publishing begins. */
  publish(): void {
    parting.startChurn(this)
    this.publisher?.start()
    this.setTimer()
  }

  /** Drain begins: nobody leaves any more, who is away returns, and what faults do is over. */
  drain(nowUs: number): void {
    this.leavesAtUs = NEVER
    if (this.state === STATE.away) this.untilUs = this.lostAtUs = nowUs + parting.comeBackAfter(this)
    else if (this.state === STATE.waiting && this.blow !== null) this.untilUs = nowUs
    if (this.blow !== null) parting.recover(this)
    this.setTimer()
  }

  onTimer(nowUs: number): void {
    switch (this.state) {
      case STATE.waiting:
      case STATE.away:
        if (nowUs >= this.untilUs) this.open(nowUs)
        break
      case STATE.opening:
      case STATE.greeting:
        if (nowUs >= this.untilUs)
          this.drop(nowUs, this.state === STATE.opening ? 'connect timeout: no TCP connection' : 'connect timeout: no CONNACK')
        break
      case STATE.subscribing:
      case STATE.ready:
        this.serve(nowUs)
        break
      case STATE.cleaning:
        this.cleaning!.onTimer(nowUs)
        break
    }
    this.setTimer()
  }

  onOpen(nowUs: number): void {
    this.isWritable = true
    this.fleet.legs?.open(this.owner, nowUs)
    if (this.cleaning) this.cleaning.onOpen(nowUs)
    else {
      const { group, fleet } = this
      this.session ??= new Session(this.isClean ? group.options.clean : group.options.persistent)
      if (this.ghosts !== null) fleet.ghosts.challenge(this)
      this.session.connect(nowUs, detailsOf(this), fleet.out)
      this.testator?.connecting(this.attempts.count, nowUs)
      this.state = STATE.greeting
      fleet.flush(this)
    }
    this.setTimer()
  }

  onWritable(nowUs: number): void {
    this.isWritable = true
    this.publisher?.writable(nowUs)
    this.serve(nowUs)
    this.setTimer()
  }

  /** Takes in what the session made of received bytes. */
  onEvent(event: Event, nowUs: number): void {
    if (this.cleaning) {
      this.cleaning.onEvent(event, nowUs)
      return
    }
    switch (event.kind) {
      case EventKind.PUBLISH:
        if (this.receiver !== null) this.receiver.receive(event, nowUs)
        else this.fleet.metrics.deliveries.at(cellKey.delivery(this.group.plan.index, NO_ENTRY, 0)).counts.unexpected++
        break
      case EventKind.PUBLISHED:
        this.senderOf(event).published(event, nowUs)
        break
      case EventKind.CONNACK:
        this.onConnack(event, nowUs)
        break
      case EventKind.SUBACK:
        if (this.receiver!.answered(event, nowUs) && this.state === STATE.subscribing) this.becomeReady(nowUs)
        break
      case EventKind.RESEND:
        this.senderOf(event).resend(event.packetId, event.token, nowUs)
        break
      case EventKind.ABANDONED:
        this.senderOf(event).abandoned(event.token, event.packetId)
        break
    }
  }

  /** Whose message an answer is about. */
  private senderOf({ token }: Event): Publisher | Answerer {
    return token === REPLY_TOKEN ? this.receiver!.answerer! : this.publisher!
  }

  /** What is to be done once a batch of received bytes has been taken in. */
  afterReceive(nowUs: number): void {
    if (this.cleaning) this.cleaning.afterReceive(nowUs)
    else this.serve(nowUs)
    this.setTimer()
  }

  onClose(nowUs: number, error: string | null): void {
    this.socket = -1
    const reason = error ?? 'connection closed by the broker'
    if (this.cleaning) this.cleaning.onClose(reason)
    else if (this.state !== STATE.away) this.lose(nowUs, reason)
    this.setTimer()
  }

  /** Gives up the connection: a timeout, or the broker has broken the protocol. */
  drop(nowUs: number, reason: string): void {
    this.fleet.close(this, 'reset')
    if (this.cleaning) this.cleaning.onClose(reason)
    else this.lose(nowUs, reason)
    this.setTimer()
  }

  /** The session's side of a connection's end. */
  endConnection(nowUs: number): void {
    if (this.session === null) return
    this.session.connectionLost(nowUs, this.fleet.out)
    this.fleet.drainEvents(this, nowUs)
    this.publisher?.lost()
    this.receiver?.lost(nowUs)
  }

  /** A fault keeps it from reading. */
  get isDeaf(): boolean {
    return this.blow !== null && this.blow.how === 'stopReading' && this.isConnected
  }

  setTimer(): void {
    this.fleet.timers.set(this.owner, this.nextUs())
  }

  private nextUs(): number {
    switch (this.state) {
      case STATE.waiting:
      case STATE.away:
      case STATE.opening:
      case STATE.greeting:
        return this.untilUs
      case STATE.subscribing:
      case STATE.ready: {
        let dueUs = this.session!.keepAliveDueUs
        if (this.isDeaf && this.blow!.untilUs < dueUs) dueUs = this.blow!.untilUs
        if (this.state === STATE.subscribing) return dueUs
        if (this.leavesAtUs < dueUs) dueUs = this.leavesAtUs
        if (this.publisher !== null && this.publisher.wakeUs < dueUs) dueUs = this.publisher.wakeUs
        if (this.receiver !== null && this.receiver.wakeUs < dueUs) dueUs = this.receiver.wakeUs
        return dueUs
      }
      case STATE.cleaning:
        return this.cleaning!.dueUs
      default:
        return NEVER
    }
  }

  private open(nowUs: number): void {
    const intendedUs = this.untilUs
    const { fleet, group } = this
    tally.attempted(this, nowUs)
    if (this.blow !== null && nowUs < this.blow.untilUs) {
      // No network: an attempt, of which nobody hears.
      this.attempts.count++
      this.tryAgain(nowUs)
      return
    }
    this.blow = null
    this.node = group.placer.nodeOf(this.index, this.attempts.count)
    this.cell = fleet.clientCell(group, this.node)
    this.state = STATE.opening
    this.untilUs = (this.hasConnected ? nowUs : this.connectIntendedUs) + group.plan.connect.timeoutUs
    this.isWritable = false
    this.socket = fleet.open(this, this.attempts.count++)
    this.cell.record('connectLag', fleet.clock() - intendedUs)
    if (this.socket < 0) this.lose(nowUs, 'TLS: the certificate or key of the client can’t be used')
  }

  /** Everything a connected client does of its own accord: acknowledge late, reply, keep alive, publish, leave. */
  private serve(nowUs: number): void {
    if (!this.isConnected) return
    this.receiver?.serve(nowUs)
    if (!this.session!.keepAlive(nowUs, this.fleet.out, this.isDeaf)) {
      this.drop(nowUs, parting.NO_PINGRESP)
      return
    }
    // Answers to its last ping may be among what it reads only now.
    if (this.isDeaf && nowUs >= this.blow!.untilUs) parting.recover(this)
    this.fleet.flush(this)
    if (this.state !== STATE.ready) return
    if (nowUs >= this.leavesAtUs) parting.goAway(this, nowUs)
    else this.publisher?.sendDue(nowUs)
  }

  private onConnack(event: Event, nowUs: number): void {
    if (event.code !== 0) {
      // The broker has nothing of this attempt.
      this.state = STATE.opening
      this.drop(nowUs, `CONNACK ${formatCode(event.code)}`)
      return
    }
    tally.accepted(this, nowUs, event.sessionPresent)
    this.testator?.connected(event.sessionPresent)
    this.changedAtUs = nowUs
    if (this.ghosts !== null) this.fleet.ghosts.takeOver(this, nowUs)
    this.connectedOn = this.cell
    this.hasConnected = true
    this.isReturning = false
    this.lostAtUs = NEVER
    this.fleet.connected++
    if (this.publisher !== null && this.node !== this.publishesFrom) {
      this.publishesFrom = this.node
      this.fleet.notes.moved(this, nowUs)
    }
    this.state = STATE.subscribing
    this.receiver?.returned(nowUs, event.sessionPresent)
    this.receiver?.standing.connected(nowUs, this.node, event.sessionPresent, this.expiryUs)
    if (this.receiver === null || (event.sessionPresent && this.receiver.hasAll)) this.becomeReady(nowUs)
    else this.receiver.subscribe(nowUs)
  }

  private becomeReady(nowUs: number): void {
    this.state = STATE.ready
    parting.skipMissedLeaves(this, nowUs)
    this.publisher?.ready(nowUs)
    this.arrive(nowUs)
  }

  /** The connection is gone, and nobody wanted it so. */
  private lose(nowUs: number, reason: string): void {
    this.fleet.fault(this, reason)
    if (this.isConnected) this.fleet.faults.notice(nowUs)
    this.part(nowUs, reason === parting.NO_PINGRESP ? 'unheard' : 'lost')
    this.tryAgain(nowUs)
  }

  /** The connection, or the attempt, ends, and nobody wanted it so but perhaps a fault. */
  part(nowUs: number, how: parting.Parting): void {
    if (!parting.sever(this, nowUs, how)) return
    tally.lost(this, nowUs)
    this.lostAtUs = nowUs
  }

  tryAgain(nowUs: number): void {
    const untilUs = this.hasConnected ? null : this.connectIntendedUs + this.group.plan.connect.timeoutUs
    this.untilUs = this.fleet.isEnding ? NEVER : this.attempts.nextUs(nowUs, untilUs)
    this.state = this.untilUs === NEVER ? STATE.failed : STATE.waiting
    if (this.state === STATE.waiting) return
    if (!this.hasConnected) this.cell.counts.failed++
    this.arrive(nowUs)
  }

  private arrive(nowUs: number): void {
    if (this.hasArrived) return
    this.hasArrived = true
    this.fleet.arrive(nowUs)
  }

  get endsWithConnection(): boolean {
    return this.expiryUs === 0
  }

  /** Its session is to outlive its connections. */
  get isPersistent(): boolean {
    return !this.isClean && this.group.expiryUs > 0
  }

  /** How long the session outlives a connection, µs: as the broker has granted it, where it has said so. */
  get expiryUs(): number {
    if (this.isClean) return 0
    const grantedS = this.session?.negotiated.sessionExpiryS ?? null
    return grantedS === null ? this.group.expiryUs : expiryUs(grantedS)
  }
}
