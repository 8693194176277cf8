/**
 * One simulated MQTT client: its connection from the first attempt to the last, its session, and what it publishes and receives.
 *
 *   idle ─▶ opening ─▶ greeting ─▶ subscribing ─▶ ready ─▶ waiting ─▶ opening …
 *                 └──────────┴───────────┴─────────▶ waiting, or failed: a first connect is tried until its timeout
 *                                                ready ─▶ away ─▶ opening …: churn
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
import { Cleaning } from './cleaning.ts'
import type { Fleet } from './fleet.ts'
import { cellKey, type Group } from './group.ts'
import { Publisher } from './publisher.ts'
import { NO_ENTRY, Receiver } from './receiver.ts'
import { STATE, type State } from './state.ts'

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
  private readonly attempts: Attempts
  hasConnected = false
  /** The connect phase need not wait for it any more. */
  private hasArrived = false
  /** When the next attempt is due, the current one ends, or churn returns the client. */
  private untilUs = NEVER
  // NaN, since times are doubles: clients keep one shape from the start.
  private connectIntendedUs = Number.NaN
  private connectedAtUs = Number.NaN
  private connectedOn: Cell<'clients'>
  /** When the connection was lost, or churn wanted the client back; NEVER: connected or never was. */
  private lostAtUs = NEVER
  /** Churn, not a fault, has ended the last connection. */
  private isReturning = false
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
    this.connectedOn = this.cell = this.cellOn(this.node)
    this.publishesFrom = this.node
    this.publisher = group.plan.publish.length > 0 ? new Publisher(this) : null
    this.receiver = group.plan.subscribe.length > 0 ? new Receiver(this) : null
  }

  get isConnected(): boolean {
    return this.state === STATE.ready || this.state === STATE.subscribing
  }

  /** It has lost its connection and is to come back. */
  get isMissing(): boolean {
    return this.lostAtUs !== NEVER && this.hasConnected && this.state >= STATE.waiting && this.state <= STATE.greeting
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
    const { churn, clients } = this.group.plan
    if (churn) this.leaveAt(this.fleet.originUs + ((this.group.churnOrder!.at(this.index) + 0.5) / clients) * churn.connectedUs)
    this.publisher?.start()
    this.setTimer()
  }

  /** Drain begins: nobody leaves any more, and who is away returns. */
  drain(nowUs: number): void {
    this.leavesAtUs = NEVER
    if (this.state === STATE.away) this.untilUs = this.lostAtUs = nowUs
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
    if (this.cleaning) this.cleaning.onOpen(nowUs)
    else {
      const { group, fleet } = this
      this.session ??= new Session(this.isClean ? group.options.clean : group.options.persistent)
      this.session.connect(nowUs, fleet.detailsOf(this), fleet.out)
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

  /** The run's end: leaves the broker as it was. What the session had under way is given up. */
  clean(nowUs: number, dueUs: number): void {
    this.leave(nowUs)
    this.cleaning = new Cleaning(this, dueUs)
    this.state = STATE.cleaning
    this.setTimer()
  }

  /** Says goodbye without cleaning up. */
  leave(nowUs: number): void {
    if (this.isConnected) {
      this.session!.disconnect(nowUs, 0, this.fleet.out)
      this.fleet.flush(this)
    }
    this.fleet.close(this, 'end')
    this.endConnection(nowUs)
    this.state = STATE.gone
    this.untilUs = NEVER
    this.setTimer()
  }

  /** The run ends here: what is in flight will never be known to have arrived. */
  giveUpInFlight(nowUs: number): void {
    this.session?.abandonAll(this.fleet.out)
    this.fleet.drainEvents(this, nowUs)
  }

  private endConnection(nowUs: number): void {
    if (this.session === null) return
    this.session.connectionLost(nowUs, this.fleet.out)
    this.fleet.drainEvents(this, nowUs)
    this.publisher?.lost()
    this.receiver?.lost(nowUs)
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
        return this.session!.keepAliveDueUs
      case STATE.ready: {
        let dueUs = Math.min(this.session!.keepAliveDueUs, this.leavesAtUs)
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
    // A silent client's old socket is still there.
    fleet.close(this, 'reset')
    this.node = group.placer.nodeOf(this.index, this.attempts.count)
    this.cell = this.cellOn(this.node)
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
    if (!this.session!.keepAlive(nowUs, this.fleet.out)) {
      this.drop(nowUs, 'keep alive: no PINGRESP')
      return
    }
    this.fleet.flush(this)
    if (this.state !== STATE.ready) return
    if (nowUs >= this.leavesAtUs) this.goAway(nowUs)
    else this.publisher?.sendDue(nowUs)
  }

  private onConnack(event: Event, nowUs: number): void {
    if (event.code !== 0) {
      this.drop(nowUs, `CONNACK ${formatCode(event.code)}`)
      return
    }
    this.connectedAtUs = nowUs
    if (!this.hasConnected) {
      this.cell.counts.connected++
      this.cell.record('connect', nowUs - this.connectIntendedUs)
    } else if (this.lostAtUs !== NEVER) {
      if (!this.isReturning) this.cell.counts.reconnected++
      this.connectedOn.record('reconnect', nowUs - this.lostAtUs)
    }
    this.connectedOn = this.cell
    this.hasConnected = true
    this.isReturning = false
    this.lostAtUs = NEVER
    this.fleet.connected++
    if (this.publisher !== null && this.node !== this.publishesFrom) {
      this.publishesFrom = this.node
      this.fleet.moved(this, nowUs)
    }
    this.state = STATE.subscribing
    this.receiver?.standing.connected(nowUs, this.node, event.sessionPresent, this.isClean ? 0 : this.group.expiryUs)
    if (this.receiver === null || (event.sessionPresent && this.receiver.hasAll)) this.becomeReady(nowUs)
    else this.receiver.subscribe(nowUs)
  }

  private becomeReady(nowUs: number): void {
    this.state = STATE.ready
    this.skipMissedLeaves(nowUs)
    this.publisher?.ready(nowUs)
    this.arrive(nowUs)
  }

  /** The connection is gone, and nobody wanted it so. */
  private lose(nowUs: number, reason: string): void {
    const wasConnected = this.isConnected
    this.fleet.fault(this, reason)
    this.endConnection(nowUs)
    if (wasConnected) {
      this.fleet.connected--
      this.cell.counts.disconnected++
      this.lostAtUs = nowUs
      this.attempts.lostAfter(nowUs - this.connectedAtUs)
    }
    this.tryAgain(nowUs)
  }

  private tryAgain(nowUs: number): void {
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

  private goAway(nowUs: number): void {
    const { leave, awayUs, connectedUs } = this.group.plan.churn!
    const returnsAtUs = this.leavesAtUs + awayUs
    this.publisher?.away(this.leavesAtUs, returnsAtUs)
    if (leave === 'disconnect') {
      this.session!.disconnect(nowUs, 0, this.fleet.out)
      this.fleet.flush(this)
    }
    // A silent client's socket stays open until it returns: the broker must find out by itself.
    if (leave === 'silent') this.fleet.transport.pause(this.socket)
    else this.fleet.close(this, leave === 'reset' ? 'reset' : 'end')
    this.endConnection(nowUs)
    this.attempts.lostAfter(nowUs - this.connectedAtUs)
    this.fleet.connected--
    this.state = STATE.away
    this.isReturning = true
    this.cell.counts.returning++
    this.lostAtUs = this.untilUs = returnsAtUs
    this.leaveAt(returnsAtUs + connectedUs)
  }

  /** A client that an outage has kept away while churn would have had it leave and return does not make up for it. */
  private skipMissedLeaves(nowUs: number): void {
    const { churn } = this.group.plan
    if (churn === null || this.leavesAtUs === NEVER) return
    while (this.leavesAtUs + churn.awayUs <= nowUs) this.leavesAtUs += churn.awayUs + churn.connectedUs
  }

  /** Nobody leaves behind the end of measure, in the moments before drain is told. */
  private leaveAt(timeUs: number): void {
    this.leavesAtUs = timeUs < this.fleet.measureEndUs ? timeUs : NEVER
  }

  get endsWithConnection(): boolean {
    return this.isClean || this.group.expiryUs === 0
  }

  private cellOn(node: number): Cell<'clients'> {
    return this.fleet.metrics.clients.at(cellKey.client(this.group.plan.index, node))
  }
}
