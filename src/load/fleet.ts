/**
 * The clients of one slice and what they share: the transport, the timers, one output buffer, the metrics and the ledger.
 *
 * The worker that owns a fleet reads the clock and turns the loop; the fleet only reacts: `advance` fires timers, the transport calls the
 * handler's methods. Between two calls the output is always empty.
 */
import { EnvironmentError } from '../errors.ts'
import { Output } from '../mqtt/output.ts'
import { ProtocolError } from '../mqtt/protocol-error.ts'
import type { OpenOptions, TlsOptions, Transport, TransportHandler } from '../net/transport.ts'
import { Ledger, SharedLedger } from '../stats/ledger.ts'
import { type Cell, countIn, Metrics } from '../stats/metrics.ts'
import { secondKey } from '../stats/seconds.ts'
import { Catalogue } from './catalogue.ts'
import { Cleaning } from './cleaning.ts'
import { Client } from './client.ts'
import { Faults } from './faults.ts'
import { Ghosts } from './ghost.ts'
import { cellKey, Group, type Surroundings } from './group.ts'
import { Near } from './near.ts'
import { Notes } from './notes.ts'
import { clean, cutDown, giveUpInFlight, leave } from './parting.ts'
import type { Plan } from './plan.ts'
import { Reasons } from './reasons.ts'
import type { Slice } from './slice.ts'
import { Sources } from './sources.ts'
import { Legs, never } from './tally.ts'
import { Timers } from './timers.ts'
import { WillBook } from './wills.ts'

/** Faults of one kind that are told one by one; the rest are only counted. */
const TOLD_FAULTS = 3
const NEVER = Number.POSITIVE_INFINITY

/** What a worker wants to hear of at once. */
export interface FleetListener {
  /** The first few of each kind of trouble. */
  onFault(nowUs: number, group: string, clientId: string, node: string, reason: string): void
  /** Every client of the slice has its SUBACKs or has failed. */
  onArrived(lastSubackUs: number): void
  /** The lease has run out, and every connection was ended. */
  onFenced(nowUs: number): void
  /** A fault has begun, and has struck so many clients of this slice. */
  onStruck(fault: number, members: number): void
  /** The first connection that the other side ended or let die, since the fault began. */
  onNoticed(fault: number, nowUs: number): void
  onCleaned(): void
}

export class Fleet implements TransportHandler {
  readonly plan: Plan
  readonly clock: () => number
  readonly groups: readonly Group[]
  readonly clients: Client[] = []
  readonly timers: Timers
  readonly metrics = new Metrics()
  readonly ledger = new Ledger()
  readonly shared = new SharedLedger()
  readonly notes: Notes
  readonly leftovers = { sessions: 0, retained: 0 }
  readonly hasNodes: boolean
  /** Something of the report is asked for by time. */
  readonly hasWindows: boolean
  /** Only where there are faults. */
  readonly legs: Legs | null
  readonly catalogue: Catalogue
  readonly faults: Faults
  readonly ghosts: Ghosts
  /** Made by `attach`. */
  transport!: Transport
  out!: Output
  /** Publishing counts from here; NEVER before it is known. */
  originUs = NEVER
  measureStartUs = NEVER
  measureEndUs = NEVER
  /** No connection that is lost from now on is tried again. */
  isEnding = false
  /** Whoever has lost control of this fleet must not go on behind it: see `fence`. */
  leaseUntilUs = NEVER
  isFenced = false
  /** Clients connected now; messages sent and received so far, of all phases. */
  connected = 0
  sent = 0
  arrived = 0
  /** Of arrived: for the first time, and less than FRESH_US after it was due. */
  fresh = 0
  /** Measured requests that were sent and not answered in time yet, and when the last of all is too late for it. */
  openRequests = 0
  requestsUntilUs = 0
  private readonly around: Surroundings
  private readonly sources: readonly Sources[]
  /** null: there is one clock. */
  readonly near: Near | null
  readonly listener: FleetListener
  /** Arrivals without a header, by subscriber and entry. */
  readonly unverified = new Map<number, number[]>()
  readonly reasons = new Reasons()
  readonly wills = new WillBook()
  private readonly told = new Map<string, number>()
  private awaited: number
  private lastSubackUs = 0
  private uncleaned = 0
  private cursor = 0

  /**
   * @param clock  µs since the run's epoch
   * @param tls  what a client of a group needs for TLS; null for groups without
   * @param tickUs  how late timers may be
   */
  constructor(
    around: Surroundings,
    slice: Slice,
    clock: () => number,
    listener: FleetListener,
    tls: readonly (((client: number) => TlsOptions) | null)[],
    tickUs?: number,
  ) {
    this.around = around
    this.plan = around.plan
    this.clock = clock
    this.listener = listener
    this.hasNodes = around.plan.nodes.length > 1
    this.notes = new Notes(around.plan)
    this.near = around.near && new Near(around.near)
    this.sources = around.plan.groups.map((g, i) => new Sources(around.plan, g, around.sourceAddresses[i]!))
    this.groups = around.plan.groups.map((g, i) => new Group(around, g, slice.ranges[i]!, tls[i]!))
    for (const group of this.groups)
      for (let i = group.from; i < group.to; i++) this.clients.push(new Client(this, group, i, this.clients.length))
    this.hasWindows = this.plan.faults.length > 0 || this.plan.phases.stretches.length > 0
    this.legs = this.plan.faults.length > 0 ? new Legs(this.clients.length) : null
    this.awaited = this.clients.length
    this.faults = new Faults(this)
    this.ghosts = new Ghosts(this)
    this.timers = new Timers(this.clients.length, tickUs)
    this.catalogue = new Catalogue(this.groups)
  }

  /** Gives the fleet the transport whose handler it is. */
  attach(transport: Transport): void {
    this.transport = transport
    this.out = new Output(transport.buffer)
  }

  connect(startUs: number): void {
    for (const client of this.clients) client.start(startUs)
    if (this.awaited === 0) this.listener.onArrived(startUs)
  }

  publish(originUs: number): void {
    this.originUs = originUs
    this.measureStartUs = originUs + this.plan.phases.warmUpUs
    this.measureEndUs = this.measureStartUs + this.plan.phases.measureUs
    for (const client of this.clients) client.publish()
  }

  /** Measure ends earlier: nothing is due from `endUs` on. */
  cut(endUs: number): void {
    this.measureEndUs = Math.min(this.measureEndUs, endUs)
    for (const client of this.clients) client.publisher?.cut()
  }

  drain(nowUs: number): void {
    for (const client of this.clients) client.drain(nowUs)
  }

  /** Drain is over: what was not sent is given up, and what is unacknowledged stays so. */
  finish(nowUs: number): void {
    this.isEnding = true
    this.ghosts.check(nowUs)
    for (const client of this.clients) {
      never(client)
      client.receiver?.endQueue()
      client.publisher?.giveUp()
      giveUpInFlight(client, nowUs)
    }
  }

  /**
   * Ends every connection; with `cleanUp` also what clients have left on the broker, at the connect rate. Then `onCleaned`.
   *
   * @param everyone  takes every client as one that has connected: to clean up after an earlier run
   */
  leave(nowUs: number, cleanUp: boolean, everyone: boolean): void {
    if (everyone) for (const client of this.clients) client.hasConnected = true
    this.ghosts.end()
    this.isEnding = true
    const dirty = cleanUp ? this.clients.filter((client) => Cleaning.isNeeded(client)) : []
    const isDirty = new Set(dirty)
    for (const client of this.clients) if (!isDirty.has(client)) leave(client, nowUs)
    this.uncleaned = dirty.length
    for (const client of dirty) clean(client, nowUs, nowUs + client.group.arrivals.timeOf(client.index))
    if (dirty.length === 0) this.listener.onCleaned()
  }

  /**
   * Ends every connection at once, as a crash would, and for good: nobody may know any more that these clients are there, so others may be about to
   * take their places. What was measured stays.
   */
  fence(nowUs: number): void {
    if (this.isFenced) return
    this.isFenced = true
    this.isEnding = true
    this.ghosts.end()
    for (const client of this.clients) cutDown(client, nowUs)
    this.out.clear()
    this.listener.onFenced(nowUs)
  }

  cleaned(): void {
    if (--this.uncleaned === 0) this.listener.onCleaned()
  }

  /** Fires what is due. */
  advance(nowUs: number): void {
    if (nowUs > this.leaseUntilUs) this.fence(nowUs)
    this.faults.advance(nowUs)
    this.timers.advance(nowUs, this.fire)
  }

  private readonly fire = (owner: number): void => this.clients[owner]!.onTimer(this.clock())

  // What the transport tells.

  onTcp(owner: number): void {
    this.legs?.tcp(owner, this.clock())
  }

  onOpen(owner: number): void {
    this.clients[owner]!.onOpen(this.clock())
  }

  onData(owner: number, buffer: Uint8Array, end: number): void {
    const nowUs = this.clock()
    // A process that was stopped finds what has come meanwhile before it finds its timers: it must not even acknowledge it.
    if (nowUs > this.leaseUntilUs) {
      this.fence(nowUs)
      return
    }
    if (owner >= this.clients.length) {
      this.ghosts.receive(owner, nowUs, buffer, end)
      return
    }
    const client = this.clients[owner]!
    client.cell.counts.bytesReceived += end
    try {
      client.session!.receive(nowUs, buffer, end, this.out)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      // What came before the fault still counts.
      this.drainEvents(client, nowUs)
      if (client.socket >= 0) client.drop(nowUs, `protocol error: ${error.message}`)
      this.out.clear()
      return
    }
    this.drainEvents(client, nowUs)
    if (client.socket >= 0) client.afterReceive(nowUs)
    this.out.clear()
  }

  onWritable(owner: number): void {
    if (owner < this.clients.length) this.clients[owner]!.onWritable(this.clock())
  }

  onClose(owner: number, error: string | null): void {
    const nowUs = this.clock()
    if (owner >= this.clients.length) {
      this.ghosts.closed(owner, nowUs)
      return
    }
    this.clients[owner]!.onClose(nowUs, error)
    this.out.clear()
  }

  // What clients ask for.

  /** Starts a client's connection, to its node's addresses in turn. -1: its certificate can't be used. */
  open(client: Client, attempt: number): number {
    const { group } = client
    const endpoints = this.around.endpoints[client.node]!
    const endpoint = endpoints[(client.index + attempt) % endpoints.length]!
    const isSecure = endpoint.scheme === 'tls' || endpoint.scheme === 'wss'
    const tls = isSecure ? identityOf(client) : null
    if (isSecure && tls === null) return -1
    const options: OpenOptions = {
      localAddress: this.sources[group.plan.index]!.of(client.index, endpoint.address),
      tls,
      ws: endpoint.scheme === 'ws' || endpoint.scheme === 'wss' ? group.plan.ws : null,
    }
    return this.transport.open(client.owner, endpoint, options)
  }

  close(client: Client, how: 'end' | 'reset'): void {
    if (client.socket < 0) return
    this.transport.close(client.socket, how)
    client.socket = -1
    client.isWritable = false
    this.out.end = 0
  }

  /** Sends what the client's session has put into the output. */
  flush(client: Client): void {
    const { out } = this
    if (out.end === 0) return
    if (client.socket >= 0) {
      client.cell.counts.bytesSent += out.end
      if (!this.transport.send(client.socket, 0, out.end)) client.isWritable = false
    }
    out.end = 0
  }

  /** Hands the output's events to their client. What a handler adds comes after them, and calls within calls go on where the outer one is. */
  drainEvents(client: Client, nowUs: number): void {
    const { out } = this
    while (this.cursor < out.eventCount) {
      const event = out.events[this.cursor++]!
      this.reasons.count(event)
      client.onEvent(event, nowUs)
    }
    this.cursor = 0
    out.eventCount = 0
  }

  /** A client has its SUBACKs, or has failed, for the first time. */
  arrive(nowUs: number): void {
    this.lastSubackUs = nowUs
    if (--this.awaited === 0) this.listener.onArrived(this.lastSubackUs)
  }

  get arrivedClients(): number {
    return this.clients.length - this.awaited
  }

  /** Something went wrong that is the broker's, the network's or the scenario's doing: counted, and the first few told. */
  fault(client: Client, reason: string): void {
    if (!reason.startsWith('CONNACK')) countIn(this.metrics.errors, reason)
    const told = (this.told.get(reason) ?? 0) + 1
    this.told.set(reason, told)
    if (told > TOLD_FAULTS) return
    const clientId = client.group.renderer.render(client.group.plan.clientId, client.index)
    this.listener.onFault(this.clock(), client.group.plan.name, clientId, this.plan.nodes[client.node]!.name, reason)
  }

  /** What is counted of a group's clients on a node. */
  clientCell(group: Group, node: number): Cell<'clients'> {
    return this.metrics.clients.at(cellKey.client(group.plan.index, node))
  }

  /** The second of measure that a time is in; -1: none, or nobody asks. */
  secondOf(timeUs: number): number {
    return this.hasWindows && this.isMeasured(timeUs) ? Math.floor((timeUs - this.measureStartUs) / 1e6) : -1
  }

  /** What is counted of clients in the second of measure that a time is in; null as above. */
  secondAt(timeUs: number): Cell<'clients'> | null {
    const second = this.secondOf(timeUs)
    return second < 0 ? null : this.metrics.clientsBySecond.at(secondKey.client(second))
  }

  isMeasured(intendedUs: number): boolean {
    return intendedUs >= this.measureStartUs && intendedUs < this.measureEndUs
  }

  countUnverified(subscriber: number, entry: number): void {
    let counts = this.unverified.get(subscriber)
    if (counts === undefined) this.unverified.set(subscriber, (counts = []))
    counts[entry] = (counts[entry] ?? 0) + 1
  }

  /** A measured request was sent. */
  requested(untilUs: number): void {
    this.openRequests++
    if (untilUs > this.requestsUntilUs) this.requestsUntilUs = untilUs
  }
}

/** What a client needs for TLS; null: it has files of its own, and they can't be used. That is its trouble alone, not its worker's. */
function identityOf(client: Client): TlsOptions | null {
  try {
    return client.group.tls!(client.index)
  } catch (error) {
    if (error instanceof EnvironmentError) return null
    throw error
  }
}
