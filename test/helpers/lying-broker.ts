import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type ISubscribePacket,
  type ISubscription,
  type IUnsubscribePacket,
  type Packet,
  parser,
  type QoS,
} from 'mqtt-packet'
import { Counts, type Lies } from './lies.ts'
import { Router, type Session, toMessage } from './lying-router.ts'

/**
 * A broker for MQTT 3.1, 3.1.1 and 5.0 that is honest but for what its script says (see lies.ts), and counts what it does.
 *
 * It is the self-test of a measuring tool: whatever it lied about, the report must name. Honest means: wildcards, QoS 0 to 2 both
 * ways, retained messages, wills with their delay, keep alives, persistent sessions with their queue, `$share` in turn, one delivery per message and client however many of
 * its filters match. It runs in the test's process, on a socket of 127.0.0.1, and shares no code with the project.
 */
export interface LyingBrokerOptions {
  readonly lie?: Lies
  /** Properties of each CONNACK (version 5), e.g. `{ receiveMaximum: 5, topicAliasMaximum: 10 }`. */
  readonly connack?: NonNullable<IConnackPacket['properties']>
}

export async function startLyingBroker(options: LyingBrokerOptions = {}): Promise<LyingBroker> {
  const broker = new LyingBroker(options)
  await broker.listen()
  return broker
}

/** One connection. */
interface Link {
  readonly socket: Socket
  version: 3 | 4 | 5
  session: Session<Link> | null
  /** Absent once the client has said DISCONNECT. */
  will: IConnectPacket['will'] | undefined
  /** Ends the connection of a client that has been silent for too long. */
  silence: NodeJS.Timeout | undefined
  readonly aliases: Map<number, string>
}

export class LyingBroker {
  readonly counts = new Counts()
  /** Every CONNECT that came, in order. */
  readonly connects: IConnectPacket[] = []
  readonly #lie: Lies
  readonly #connack: NonNullable<IConnackPacket['properties']>
  readonly #server: Server = createServer((socket) => this.#accept(socket))
  /** Connections that count, and all that are still open: one that was ended waits for its peer to end too. */
  readonly #links = new Set<Link>()
  readonly #sockets = new Set<Socket>()
  readonly #router: Router<Link>
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Delayed wills, by client id. */
  readonly #pendingWills = new Map<string, { readonly timer: NodeJS.Timeout; readonly publish: () => void }>()
  readonly #waiters = new Set<() => void>()
  isStalled = false
  #outbox: { link: Link; bytes: Uint8Array }[] = []

  constructor(options: LyingBrokerOptions) {
    this.#lie = options.lie ?? {}
    this.#connack = options.connack ?? {}
    this.#router = new Router<Link>(this.#lie, this.counts, {
      send: (link, packet) => this.#send(link, packet),
      sendBytes: (link, bytes) => this.#write(link, bytes),
      after: (delayMs, act) => this.#after(delayMs, act),
    })
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** Client ids of all sessions, or of those that are connected. */
  sessions(which: 'all' | 'connected' = 'all'): string[] {
    return [...this.#router.sessions.values()].filter((session) => which === 'all' || session.link).map((session) => session.clientId)
  }

  /** Topics that have a retained message. */
  retained(): string[] {
    return [...this.#router.retained.keys()]
  }

  /** Resolves as soon as the condition holds; it is looked at after all that the broker does. */
  until(condition: (counts: Counts) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition(this.counts)) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }

  /** Closes the connection of one client, or all of them: politely at TCP's level, or by a reset. */
  kick(clientId: string, how: 'end' | 'reset'): void {
    for (const link of [...this.#links]) {
      if (clientId !== 'all' && link.session?.clientId !== clientId) continue
      this.counts.closed++
      this.#hangUp(link, how)
    }
  }

  /** Nothing leaves the broker for this long, then everything at once. */
  stall(forMs: number): void {
    this.isStalled = true
    this.#after(forMs, () => {
      this.isStalled = false
      for (const { link, bytes } of this.#outbox.splice(0)) this.#write(link, bytes)
    })
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const { silence } of this.#links) clearTimeout(silence)
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    const link: Link = { socket, version: 4, session: null, will: undefined, silence: undefined, aliases: new Map() }
    const packets = parser()
    this.#links.add(link)
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    packets.on('packet', (packet) => this.#receive(link, packet))
    packets.on('error', () => {
      this.counts.malformed++
      socket.destroy()
    })
    socket.on('data', (bytes) => {
      link.silence?.refresh()
      packets.parse(bytes)
      this.#look()
    })
    // A reset by the client is nothing to report: 'close' follows.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#lost(link)
    })
  }

  #receive(link: Link, packet: Packet): void {
    const { session } = link
    const messageId = packet.messageId!
    if (packet.cmd === 'connect') this.#connect(link, packet)
    else if (!session) return
    else if (packet.cmd === 'publish') this.#publish(link, session, packet)
    else if (packet.cmd === 'subscribe') this.#subscribe(link, session, packet)
    else if (packet.cmd === 'unsubscribe') this.#unsubscribe(link, session, packet)
    else if (packet.cmd === 'pingreq') this.#send(link, { cmd: 'pingresp' })
    else if (packet.cmd === 'pubrel') {
      const isKnown = session.incoming.delete(messageId)
      this.#send(link, { cmd: 'pubcomp', messageId, reasonCode: isKnown ? 0 : 0x92 })
    } else if (packet.cmd === 'pubrec' && (packet.reasonCode ?? 0) < 0x80) {
      session.inFlight.set(messageId, null)
      this.#send(link, { cmd: 'pubrel', messageId, reasonCode: 0 })
    } else if (packet.cmd === 'puback' || packet.cmd === 'pubrec' || packet.cmd === 'pubcomp') {
      session.inFlight.delete(messageId)
      this.#router.pump(session)
    } else if (packet.cmd === 'disconnect') {
      if ((packet.reasonCode ?? 0) === 0 && link.will) {
        if (this.#lie.falseWill?.(session.clientId)) this.counts.falseWills++
        else link.will = undefined
      }
      if (packet.properties?.sessionExpiryInterval === 0) session.persistent = false
    }
  }

  #connect(link: Link, packet: IConnectPacket): void {
    this.connects.push(packet)
    link.version = packet.protocolVersion ?? 4
    const clientId = packet.clientId || `auto-${this.connects.length}`
    const answer = this.#lie.answerConnect?.(clientId)
    const code = this.#lie.refuseConnect?.(clientId)
    if (answer) {
      this.counts.strangeAnswers++
      this.#write(link, answer)
    } else if (code) {
      this.counts.refusedConnects++
      this.#send(link, { cmd: 'connack', sessionPresent: false, returnCode: code, reasonCode: code })
      this.#hangUp(link, 'end')
    } else {
      this.#takeOver(clientId)
      this.#welcome(link, clientId, packet)
    }
  }

  /** A client that connects again ends its earlier connection: MQTT 5.0 §3.1.4. */
  #takeOver(clientId: string): void {
    const old = this.#router.sessions.get(clientId)?.link
    if (!old) return
    this.counts.takeovers++
    if (this.#lie.twoSessions?.(clientId)) {
      this.counts.doubled++
      return
    }
    if (old.version === 5) this.#send(old, { cmd: 'disconnect', reasonCode: 0x8e })
    this.#hangUp(old, 'end')
  }

  #welcome(link: Link, clientId: string, packet: IConnectPacket): void {
    const { session, present } = this.#router.open(clientId, (packet.clean ?? true) || this.#lie.forgetSession?.(clientId) === true)
    session.link = link
    session.window = packet.properties?.receiveMaximum ?? 65_535
    session.persistent = link.version === 5 ? (packet.properties?.sessionExpiryInterval ?? 0) > 0 : !packet.clean
    link.session = session
    this.#settleWill(clientId, present)
    link.will = packet.will
    if (packet.keepalive) link.silence = setTimeout(() => this.#silence(link), packet.keepalive * 1500)
    this.counts.connected++
    const properties = packet.clientId ? this.#connack : { ...this.#connack, assignedClientIdentifier: clientId }
    this.#send(link, { cmd: 'connack', sessionPresent: present, returnCode: 0, reasonCode: 0, properties })
    this.#router.resend(session, link)
  }

  #subscribe(link: Link, session: Session<Link>, packet: ISubscribePacket): void {
    const replayed: ISubscription[] = []
    const granted = packet.subscriptions.map((subscription) => {
      const filter = subscription.topic
      const code = this.#lie.subackCode?.(session.clientId, filter) ?? subscription.qos
      if (code > 2) {
        this.counts.refusedSubscribes++
        return code
      }
      const isNew = !session.subscriptions.has(filter)
      const stored = { ...subscription, qos: code as QoS, identifier: packet.properties?.subscriptionIdentifier }
      session.subscriptions.set(filter, stored)
      this.counts.subscribed++
      const handling = subscription.rh ?? 0
      if (!filter.startsWith('$share/') && (handling === 0 || (handling === 1 && isNew))) replayed.push(stored)
      return code
    })
    this.#send(link, { cmd: 'suback', messageId: packet.messageId!, granted })
    for (const subscription of replayed) this.#router.replay(session, subscription)
  }

  #unsubscribe(link: Link, session: Session<Link>, packet: IUnsubscribePacket): void {
    const granted = packet.unsubscriptions.map((filter) => (session.subscriptions.delete(filter) ? 0 : 0x11))
    this.#send(link, { cmd: 'unsuback', messageId: packet.messageId!, granted })
  }

  #publish(link: Link, session: Session<Link>, packet: IPublishPacket): void {
    const { qos } = packet
    const id = packet.messageId!
    const acknowledge = (reasonCode: number) => {
      if (qos > 0) this.#send(link, { cmd: qos === 1 ? 'puback' : 'pubrec', messageId: id, reasonCode })
    }
    if (qos === 2 && session.incoming.has(id)) {
      this.counts.repeated++
      acknowledge(0)
      return
    }
    const alias = packet.properties?.topicAlias
    if (alias && packet.topic) link.aliases.set(alias, packet.topic)
    const topic = packet.topic || link.aliases.get(alias ?? 0) || ''
    const message = toMessage({ ...packet, topic }, session.clientId, this.counts.published++)
    if (packet.dup) this.counts.publishedAgain++
    if (message.n === 0) this.#planStall()
    const code = this.#lie.refusePublish?.(message)
    if (code) {
      this.counts.refusedPublishes++
      acknowledge(link.version === 5 ? code : 0)
      return
    }
    if (qos === 2) session.incoming.add(id)
    this.#router.route(message, { ...packet, topic })
    const how = this.#lie.closeAfter?.(message)
    if (how) {
      if (typeof how === 'number') this.#send(link, { cmd: 'disconnect', reasonCode: how })
      this.counts.closed++
      this.#hangUp(link, how === 'reset' ? 'reset' : 'end')
    } else if (this.#lie.noAck?.(message)) this.counts.unacked++
    else acknowledge(0)
  }

  #planStall(): void {
    const { stall } = this.#lie
    if (stall) this.#after(stall.atMs, () => this.stall(stall.forMs))
  }

  #send(link: Link, packet: Packet): void {
    this.#write(link, generate(packet, { protocolVersion: link.version }))
  }

  #write(link: Link, bytes: Uint8Array): void {
    if (this.isStalled) {
      this.counts.stalled++
      this.#outbox.push({ link, bytes })
    } else if (link.socket.writable) link.socket.write(bytes)
  }

  #hangUp(link: Link, how: 'end' | 'reset'): void {
    if (how === 'end') link.socket.end()
    else link.socket.resetAndDestroy()
    this.#lost(link)
  }

  /** Nothing came for one and a half keep alives. MQTT 5.0 §3.1.2.10 */
  #silence(link: Link): void {
    this.counts.silenced++
    this.#hangUp(link, 'end')
  }

  /** The connection is gone, or as good as gone: its will is due, and a session that does not outlive it ends. */
  #lost(link: Link): void {
    if (!this.#links.delete(link)) return
    clearTimeout(link.silence)
    const { session } = link
    if (session?.link === link) {
      session.link = null
      this.#execute(link, session)
      if (!session.persistent) this.#router.end(session.clientId)
    }
    link.session = null
    this.#look()
  }

  /** Publishes the connection's will, at once or when its delay has passed. */
  #execute({ will }: Link, { clientId, persistent }: Session<Link>): void {
    if (!will) return
    if (this.#lie.noWill?.(clientId)) {
      this.counts.withheldWills++
      return
    }
    const publish = () => {
      this.#pendingWills.delete(clientId)
      this.counts.wills++
      const packet: IPublishPacket = { cmd: 'publish', qos: 0, retain: false, dup: false, ...will, properties: {} }
      this.#router.route(toMessage(packet, clientId, -1), packet)
    }
    const delayS = persistent ? (will.properties?.willDelayInterval ?? 0) : 0
    if (delayS === 0) publish()
    else this.#pendingWills.set(clientId, { publish, timer: this.#after(delayS * 1000, publish) })
  }

  /** The client is back before its will's delay has passed: in its session it is deleted, otherwise the session's end calls for it. */
  #settleWill(clientId: string, isPresent: boolean): void {
    const will = this.#pendingWills.get(clientId)
    if (!will) return
    clearTimeout(will.timer)
    if (isPresent) this.#pendingWills.delete(clientId)
    else will.publish()
  }

  #after(delayMs: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
      this.#look()
    }, delayMs)
    this.#timers.add(timer)
    return timer
  }

  #look(): void {
    for (const look of this.#waiters) look()
  }
}
