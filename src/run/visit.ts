/**
 * A visit: one connection to a node beside the load, on our own session and transport, as promises. For the probe, and for what looks after it.
 *
 * It goes the way that the run's clients will go, so what stands in its way stands in theirs, and is said in the same words.
 */

import { EnvironmentError } from '../errors.ts'
import type { ProtocolLevel, QoS } from '../load/plan.ts'
import { type Event, EventKind, Output } from '../mqtt/output.ts'
import { ProtocolError } from '../mqtt/protocol-error.ts'
import { type Negotiated, Session } from '../mqtt/session.ts'
import { secureContext } from '../net/tls.ts'
import { createTransport, type OpenOptions, type Transport, type TransportHandler } from '../net/transport.ts'
import { formatCode } from '../units.ts'
import type { Guest } from './guest.ts'
import { newName } from './name.ts'

/** Enough for the acknowledgements of a full read. */
const BUFFER_BYTES = 256 * 1024
/** What the broker may send at once: MQTT's own limit. */
const MAX_PACKET_BYTES = 268_435_460

export interface VisitOptions {
  readonly level: ProtocolLevel
  /** 0: the session ends with the visit. */
  readonly sessionExpiryS: number
  readonly timeoutMs: number
  /** Of an earlier visit that is to be ended cleanly; null: a new one. */
  readonly clientId: string | null
}

/** What came of knocking. */
export type Answer = { readonly visit: Visit } | { readonly refusal: string }

export class Visits implements TransportHandler {
  private readonly transport: Transport = createTransport('stream', this, { bufferBytes: BUFFER_BYTES })
  private readonly out = new Output(this.transport.buffer)
  private readonly visits: Visit[] = []

  /** Connects; never rejects for what a broker does. @throws EnvironmentError  the certificate or key can't be used */
  async open(guest: Guest, options: VisitOptions): Promise<Answer> {
    const visit = new Visit(guest, options, this.transport, this.out)
    const owner = this.visits.push(visit) - 1
    const timer = setTimeout(() => visit.fail(visit.isOpen ? 'no CONNACK in time' : 'no answer in time'), options.timeoutMs)
    visit.socket = this.transport.open(owner, guest.endpoint, openOptions(guest))
    const refusal = await visit.greeted
    clearTimeout(timer)
    if (refusal === null) return { visit }
    visit.fail(refusal)
    return { refusal }
  }

  /** As `open`, for who only looks: null where the node takes nobody now, for whatever reason. The run's own clients have told it. */
  async knock(guest: Guest, timeoutMs: number): Promise<Visit | null> {
    try {
      const answer = await this.open(guest, { level: guest.level, sessionExpiryS: 0, timeoutMs, clientId: null })
      return 'visit' in answer ? answer.visit : null
    } catch (error) {
      if (error instanceof EnvironmentError) return null
      throw error
    }
  }

  onTcp(): void {}

  onOpen(owner: number): void {
    this.visits[owner]!.onOpen()
  }

  onData(owner: number, buffer: Uint8Array, end: number): void {
    this.visits[owner]!.onData(buffer, end)
  }

  onWritable(): void {}

  onClose(owner: number, error: string | null): void {
    this.visits[owner]!.onClose(error)
  }

  /** Ends what is still open: nobody waits for an answer any more. */
  dispose(): void {
    for (const visit of this.visits) visit.fail('the visit was ended')
    this.transport.dispose()
  }
}

export class Visit {
  readonly clientId: string
  /** null once the broker has welcomed the guest, or why it did not. */
  readonly greeted: Promise<string | null>
  socket = -1
  isOpen = false
  private readonly guest: Guest
  private readonly session: Session
  private readonly transport: Transport
  private readonly out: Output
  private greet!: (refusal: string | null) => void
  private readonly subacks = new Map<number, (code: number | null) => void>()
  private requests = 0
  /** Takes each PUBLISH; the event is borrowed. */
  onPublish: (event: Event) => void = () => {}

  constructor(guest: Guest, { level, sessionExpiryS, clientId }: VisitOptions, transport: Transport, out: Output) {
    this.guest = guest
    this.transport = transport
    this.out = out
    // 23 characters: as many as MQTT 3.1 allows.
    this.clientId = clientId ?? `mqtt-scale-probe-${newName()}`
    this.session = new Session({
      level,
      cleanStart: true,
      keepAliveS: guest.keepAliveS,
      sessionExpiryS,
      receiveMaximum: null,
      maximumPacketSize: null,
      topicAliasMaximum: null,
      userProperties: guest.userProperties,
      inFlight: 1,
      maxPacketBytes: MAX_PACKET_BYTES,
      autoAck: true,
    })
    this.greeted = new Promise((resolve) => {
      this.greet = resolve
    })
  }

  /** What the CONNACK allows. */
  get negotiated(): Negotiated {
    return this.session.negotiated
  }

  /** Subscribes at QoS 0. @returns the code of the SUBACK; null: the connection ended */
  subscribe(filter: string, onMessage: (text: string) => void): Promise<number | null> {
    this.onPublish = ({ bytes, payloadStart, payloadEnd }) => onMessage(Buffer.from(bytes.subarray(payloadStart, payloadEnd)).toString())
    return this.request(filter, 0)
  }

  /** Subscribes; what comes is for `onPublish`. @returns the code of the SUBACK; null: the connection ended */
  request(filter: string, qos: QoS): Promise<number | null> {
    return new Promise((resolve) => {
      if (!this.session.isConnected) return resolve(null)
      this.subacks.set(this.requests, resolve)
      const details = { noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: null } as const
      this.session.subscribe(nowUs(), [{ filter, qos, ...details }], this.requests++, this.out)
      this.flush()
    })
  }

  /** The connection has ended. */
  get isOver(): boolean {
    return this.socket < 0
  }

  /** Publishes at QoS 0; nothing where the connection has ended. */
  publish(topic: string, text: string): void {
    if (!this.session.canPublish(0)) return
    const [name, payload] = [Buffer.from(topic), Buffer.from(text)]
    const head = { topic: name, topicStart: 0, topicEnd: name.length, qos: 0, retain: false, properties: null, alias: 0 } as const
    const at = this.session.publish(nowUs(), head, payload.length, 0, this.out)
    if (at >= 0) this.out.bytes.set(payload, at)
    this.flush()
  }

  /** For a visit that lasts: to be called once a second, so that the broker hears of it in time. */
  stay(): void {
    if (this.session.isConnected && !this.session.keepAlive(nowUs(), this.out)) this.fail('no PINGRESP in time')
    else this.flush()
  }

  /** Says good-bye. */
  end(): void {
    if (this.socket < 0) return
    this.session.disconnect(nowUs(), 0, this.out)
    this.flush()
    this.close('end')
  }

  /** Gives up. */
  fail(reason: string): void {
    this.close('reset')
    this.greet(reason)
    this.answerAll()
  }

  onOpen(): void {
    this.isOpen = true
    const { username, password } = this.guest
    this.session.connect(nowUs(), { clientId: this.clientId, username, password, will: null }, this.out)
    this.flush()
  }

  onData(buffer: Uint8Array, end: number): void {
    let broken: ProtocolError | null = null
    try {
      this.session.receive(nowUs(), buffer, end, this.out)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      broken = error
    }
    for (const event of this.out.events.slice(0, this.out.eventCount)) this.take(event)
    this.flush()
    if (broken !== null) this.fail(`protocol error: ${broken.message}`)
  }

  onClose(error: string | null): void {
    this.socket = -1
    this.session.connectionLost(nowUs(), this.out)
    this.out.clear()
    this.greet(error ?? (this.isOpen ? 'the broker closed the connection' : 'closed at once'))
    this.answerAll()
  }

  private take(event: Event): void {
    if (event.kind === EventKind.CONNACK) this.greet(event.code === 0 ? null : refusalWords(event.code))
    else if (event.kind === EventKind.SUBACK) this.subacks.get(event.token)?.(event.code)
    else if (event.kind === EventKind.PUBLISH) this.onPublish(event)
  }

  /** Nothing more is answered. */
  private answerAll(): void {
    for (const answer of this.subacks.values()) answer(null)
  }

  private flush(): void {
    if (this.socket >= 0 && this.out.end > 0) this.transport.send(this.socket, 0, this.out.end)
    this.out.clear()
  }

  private close(how: 'end' | 'reset'): void {
    if (this.socket < 0) return
    this.transport.close(this.socket, how)
    this.socket = -1
  }
}

function openOptions(guest: Guest): OpenOptions {
  const { scheme } = guest.endpoint
  const { serverName, alpn, insecure } = guest.tls
  const isSecure = scheme === 'tls' || scheme === 'wss'
  return {
    localAddress: guest.localAddress,
    tls: isSecure ? { context: secureContext(guest.tls), serverName, alpn, insecure, resume: false } : null,
    ws: scheme === 'ws' || scheme === 'wss' ? guest.ws : null,
  }
}

function nowUs(): number {
  return performance.now() * 1000
}

/** `CONNACK 0x87: not authorized`. */
export function refusalWords(code: number): string {
  return `CONNACK ${formatCode(code)}: ${REFUSALS[code] ?? 'refused'}`
}

/** MQTT 3.1.1 §3.2.2.3, MQTT 5.0 §3.2.2.2 */
const REFUSALS: Readonly<Record<number, string>> = {
  1: 'it does not take this version of MQTT',
  2: 'it does not take this client id',
  3: 'the server is unavailable',
  4: 'wrong user name or password',
  5: 'not authorized',
  128: 'no reason given',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'the server has reasons of its own',
  132: 'it does not take this version of MQTT',
  133: 'it does not take this client id',
  134: 'wrong user name or password',
  135: 'not authorized',
  136: 'the server is unavailable',
  137: 'the server is busy',
  138: 'banned',
  140: 'it does not take this way to authenticate',
  144: 'the topic of the will is invalid',
  149: 'the packet is too large',
  151: 'a quota is exceeded',
  153: 'the payload of the will is invalid',
  154: 'it keeps no retained messages',
  155: 'it does not take this QoS',
  156: 'use another server',
  157: 'the server has moved',
  159: 'too many connections a second',
}
