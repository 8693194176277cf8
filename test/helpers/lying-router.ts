import type { IPublishPacket, ISubscription, Packet, QoS } from 'mqtt-packet'
import { type Counts, type Delivery, type Lies, type Message, matches } from './lies.ts'

/**
 * The lying broker's memory and conscience: sessions, subscriptions, retained messages, who gets what, and every lie that is
 * told on a delivery's way. It knows packets, but no bytes: connections are lying-broker.ts's.
 */
interface Waiting {
  readonly delivery: Delivery
  readonly packet: IPublishPacket
  readonly isCopy: boolean
}

export interface Session<Link> {
  readonly clientId: string
  /** Null while the client is away. */
  link: Link | null
  persistent: boolean
  readonly subscriptions: Map<string, ISubscription & { identifier: number | undefined }>
  /** Deliveries of QoS 1 and 2 that wait for the subscriber or for its receive maximum. */
  queue: Waiting[]
  window: number
  /** Sent and not yet acknowledged; null: PUBREL was sent. */
  readonly inFlight: Map<number, IPublishPacket | null>
  lastId: number
  /** Packet identifiers of QoS 2 messages that the client has not released. */
  readonly incoming: Set<number>
}

/** How the router reaches the world: `to` is the connection that a session holds. */
export interface Post<Link> {
  send(to: Link, packet: Packet): void
  sendBytes(to: Link, bytes: Uint8Array): void
  after(delayMs: number, act: () => void): void
}

export class Router<Link> {
  readonly sessions = new Map<string, Session<Link>>()
  readonly retained = new Map<string, { message: Message; packet: IPublishPacket }>()
  /** The member of each share group whose turn was last. */
  readonly #turns = new Map<string, number>()
  /** Deliveries that `reorder` holds, by what the next one must have in common with them. */
  readonly #withheld = new Map<string, Waiting>()
  readonly #lie: Lies
  readonly #counts: Counts
  readonly #post: Post<Link>

  constructor(lie: Lies, counts: Counts, post: Post<Link>) {
    this.#lie = lie
    this.#counts = counts
    this.#post = post
  }

  /** The session of a client that connects; a clean one is new. */
  open(clientId: string, isClean: boolean): { session: Session<Link>; present: boolean } {
    if (isClean) this.end(clientId)
    const present = this.sessions.has(clientId)
    const session = this.sessions.get(clientId) ?? newSession<Link>(clientId)
    this.sessions.set(clientId, session)
    return { session, present }
  }

  /** What waited for its client is gone with it. */
  end(clientId: string): void {
    this.#counts.discarded += this.sessions.get(clientId)?.queue.filter((waiting) => !waiting.isCopy).length ?? 0
    this.sessions.delete(clientId)
  }

  /** What a returning client gets before anything new. */
  resend(session: Session<Link>, link: Link): void {
    for (const [messageId, sent] of session.inFlight) {
      if (sent) this.#counts.resent++
      this.#post.send(link, sent ? { ...sent, dup: true } : { cmd: 'pubrel', messageId, reasonCode: 0 })
    }
    this.pump(session)
  }

  /** What a new subscriber gets of the past. */
  replay(session: Session<Link>, subscription: ISubscription): void {
    for (const { message, packet } of this.retained.values()) {
      if (!matches(subscription.topic, message.topic)) continue
      this.#counts.retainedSent++
      this.#deliver(session, message, packet, Math.min(message.qos, subscription.qos) as QoS, true)
    }
  }

  /** To everybody whose filters match, once; to one member of each share group that matches. */
  route(message: Message, packet: IPublishPacket): void {
    if (message.retain && message.payload.length === 0) this.retained.delete(message.topic)
    else if (message.retain && this.retained.has(message.topic) && this.#lie.staleRetained?.(message)) this.#counts.staleRetained++
    else if (message.retain) this.retained.set(message.topic, { message, packet })
    const shares = new Map<string, [Session<Link>, QoS][]>()
    for (const session of this.sessions.values()) {
      let qos = -1
      let retain = false
      const identifiers: number[] = []
      for (const subscription of session.subscriptions.values()) {
        const share = /^\$share\/[^/]+\/(.*)$/s.exec(subscription.topic)
        if (!matches(share ? share[1]! : subscription.topic, message.topic)) continue
        const granted = Math.min(message.qos, subscription.qos) as QoS
        if (share) {
          shares.set(share[0], [...(shares.get(share[0]) ?? []), [session, granted]])
        } else if (!(subscription.nl && session.clientId === message.clientId)) {
          qos = Math.max(qos, granted)
          retain ||= message.retain && subscription.rap === true
          if (subscription.identifier) identifiers.push(subscription.identifier)
        }
      }
      if (qos >= 0) this.#deliver(session, message, packet, qos as QoS, retain, identifiers)
    }
    for (const [share, members] of shares) {
      const connected = members.filter(([session]) => session.link)
      const candidates = connected.length > 0 ? connected : members
      const turn = (this.#turns.get(share) ?? -1) + 1
      this.#turns.set(share, turn)
      const names = candidates.map(([session]) => session.clientId)
      const chosen = this.#lie.favour?.(message, names) ?? turn % candidates.length
      const second = candidates.length > 1 && this.#lie.doubledShare?.(message) ? [(chosen + 1) % candidates.length] : []
      this.#counts.doubledShares += second.length
      for (const i of [chosen, ...second]) this.#deliver(candidates[i]![0], message, packet, candidates[i]![1], false)
    }
    const other = this.sessions.get(this.#lie.misdeliver?.(message) ?? '')
    if (other?.link) {
      this.#counts.misdelivered++
      this.#post.send(other.link, toPublish(packet, 0, false, []))
    }
  }

  /** One delivery that is owed: here it is dropped, or delayed. */
  #deliver(session: Session<Link>, message: Message, packet: IPublishPacket, qos: QoS, retain: boolean, identifiers: number[] = []): void {
    const delivery: Delivery = { ...message, qos, subscriber: session.clientId, index: this.#counts.routed++ }
    if (this.#lie.drop?.(delivery, delivery.index)) {
      this.#counts.dropped++
      return
    }
    const waiting = { delivery, packet: toPublish(packet, qos, retain, identifiers), isCopy: false }
    const delayMs = this.#lie.delay?.(delivery, delivery.index) ?? 0
    if (delayMs > 0) {
      this.#counts.delayed++
      this.#post.after(delayMs, () => this.#hand(waiting))
    } else this.#hand(waiting)
  }

  /** One delivery whose time has come: here it swaps places, is damaged, or has copies. */
  #hand(waiting: Waiting): void {
    const { delivery } = waiting
    const key = [delivery.subscriber, delivery.clientId, delivery.qos, delivery.topic].join('\n')
    const earlier = this.#withheld.get(key)
    if (!earlier && this.#lie.reorder?.(delivery, delivery.index)) {
      this.#counts.withheld++
      this.#withheld.set(key, waiting)
      return
    }
    this.#emit(waiting)
    if (earlier) {
      this.#counts.withheld--
      this.#counts.reordered++
      this.#withheld.delete(key)
      this.#emit(earlier)
    }
  }

  #emit({ delivery, packet }: Waiting): void {
    const at = this.#lie.damage?.(delivery, delivery.index) ?? null
    const sent = at === null ? packet : { ...packet, payload: flip(delivery.payload, at) }
    if (at !== null) this.#counts.damaged++
    const session = this.sessions.get(delivery.subscriber)
    const strange = this.#lie.inject?.(delivery, delivery.index)
    if (strange && session?.link) {
      this.#counts.injected++
      this.#post.sendBytes(session.link, strange)
    }
    const copies = Number(this.#lie.duplicate?.(delivery, delivery.index) ?? 0)
    for (let copy = 0; copy <= copies; copy++) this.#pass(session, { delivery, packet: sent, isCopy: copy > 0 })
  }

  /** QoS 0 goes out now or never, the others through the session's queue. */
  #pass(session: Session<Link> | undefined, waiting: Waiting): void {
    if (!session || (waiting.packet.qos === 0 && !session.link)) {
      if (!waiting.isCopy) this.#counts.absent++
    } else if (waiting.packet.qos === 0) {
      this.#count(waiting)
      this.#post.send(session.link!, waiting.packet)
    } else {
      if (!session.link && !waiting.isCopy) this.#counts.queued++
      session.queue.push(waiting)
      this.pump(session)
    }
  }

  /** Sends what waits in the session's queue, as far as the client's receive maximum allows. */
  pump(session: Session<Link>): void {
    while (session.link && session.queue.length > 0 && session.inFlight.size < session.window) {
      do session.lastId = (session.lastId % 65_535) + 1
      while (session.inFlight.has(session.lastId))
      const waiting = session.queue.shift()!
      const packet = { ...waiting.packet, messageId: session.lastId }
      session.inFlight.set(session.lastId, packet)
      this.#count(waiting)
      this.#post.send(session.link, packet)
    }
  }

  #count(waiting: Waiting): void {
    if (waiting.isCopy) this.#counts.duplicated++
    else this.#counts.delivered++
  }
}

function newSession<Link>(clientId: string): Session<Link> {
  const nothing = { link: null, persistent: false, queue: [], window: 65_535, lastId: 0 }
  return { clientId, ...nothing, subscriptions: new Map(), inFlight: new Map(), incoming: new Set() }
}

/** @param n  -1 for a will */
export function toMessage(packet: IPublishPacket, clientId: string, n: number): Message {
  const { topic, payload, qos, retain } = packet
  return { topic, payload: typeof payload === 'string' ? Buffer.from(payload) : payload, qos, retain, clientId, n }
}

/** The PUBLISH for a subscriber. A topic alias is a matter of the publisher's connection and goes no further. */
function toPublish(packet: IPublishPacket, qos: QoS, retain: boolean, identifiers: number[]): IPublishPacket {
  const { topicAlias: _, ...properties } = packet.properties ?? {}
  if (identifiers.length > 0) properties.subscriptionIdentifier = identifiers
  return { cmd: 'publish', topic: packet.topic, payload: packet.payload, qos, retain, dup: false, properties }
}

function flip(payload: Buffer, at: number): Buffer {
  const damaged = Buffer.from(payload)
  damaged[at] = damaged[at]! ^ 0xff
  return damaged
}
