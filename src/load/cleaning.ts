/**
 * How one client leaves the broker as it was: a persistent session is ended by a clean one of the same client id, and the client's retained
 * messages are cleared by empty ones (MQTT 3.1.1 §3.1.2.4, §3.3.1.3). What could not be cleaned is counted as left over.
 */
import { type Event, EventKind } from '../mqtt/output.ts'
import { FIRST_FAILURE_CODE } from '../mqtt/packet.ts'
import { Session } from '../mqtt/session.ts'
import { formatCode } from '../units.ts'
import type { Client } from './client.ts'
import { detailsOf } from './hello.ts'
import { STATE } from './state.ts'

const NEVER = Number.POSITIVE_INFINITY

export class Cleaning {
  dueUs: number
  private readonly client: Client
  private readonly session: Session
  private readonly topics: readonly Uint8Array[]
  private sent = 0
  private answered = 0
  private cleared = 0
  private hasEndedSession = false

  /** @param dueUs  when to connect */
  constructor(client: Client, dueUs: number) {
    this.client = client
    this.session = new Session(client.group.options.cleaning)
    this.topics = retainedTopics(client).map((topic) => new TextEncoder().encode(topic))
    this.dueUs = dueUs
  }

  /** Whether the client can have left something on the broker. */
  static isNeeded(client: Client): boolean {
    // A broker that has a CONNECT and has not answered may have made a session of it.
    const isKnown = client.hasConnected || client.state === STATE.greeting
    return isKnown && (!client.endsWithConnection || retainedTopics(client).length > 0)
  }

  onTimer(nowUs: number): void {
    const { client } = this
    if (nowUs < this.dueUs) return
    if (client.socket >= 0) client.drop(nowUs, 'no answer')
    else {
      client.socket = client.fleet.open(client, 0)
      this.dueUs = nowUs + client.group.plan.connect.timeoutUs
      if (client.socket < 0) client.drop(nowUs, 'its certificate can not be used')
    }
  }

  onOpen(nowUs: number): void {
    this.client.session = this.session
    this.session.connect(nowUs, { ...detailsOf(this.client), will: null }, this.client.fleet.out)
    this.client.fleet.flush(this.client)
  }

  onEvent(event: Event, nowUs: number): void {
    if (event.kind === EventKind.CONNACK) {
      if (event.code !== 0) this.client.drop(nowUs, `CONNACK ${formatCode(event.code)}`)
      else this.hasEndedSession = true
    } else if (event.kind === EventKind.PUBLISHED) {
      this.answered++
      if (event.code < FIRST_FAILURE_CODE) this.cleared++
    }
  }

  afterReceive(nowUs: number): void {
    if (!this.hasEndedSession) return
    const { out } = this.client.fleet
    while (this.sent < this.topics.length && this.session.canPublish(1)) {
      const topic = this.topics[this.sent++]!
      this.session.publish(
        nowUs,
        { topic, topicStart: 0, topicEnd: topic.length, qos: 1, retain: true, properties: null, alias: 0 },
        0,
        0,
        out,
      )
    }
    if (this.answered === this.topics.length) {
      this.session.disconnect(nowUs, 0, out)
      this.client.fleet.flush(this.client)
      this.client.fleet.close(this.client, 'end')
      this.finish()
    } else this.client.fleet.flush(this.client)
  }

  /** The connection is gone before all was done. */
  onClose(reason: string): void {
    if (this.dueUs === NEVER) return
    this.client.fleet.fault(this.client, `clean up: ${reason}`)
    if (!this.hasEndedSession && !this.client.endsWithConnection) this.client.fleet.leftovers.sessions++
    this.finish()
  }

  private finish(): void {
    this.client.fleet.leftovers.retained += this.topics.length - this.cleared
    this.dueUs = NEVER
    this.client.state = STATE.gone
    this.client.fleet.cleaned()
  }
}

/** Topics on which the client can have left a retained message. */
function retainedTopics(client: Client): string[] {
  const { plan, renderer } = client.group
  const topics = plan.publish.flatMap((entry, e) => {
    const route = client.group.routes[e]!
    if (!entry.retain) return []
    if (route === null) return renderer.render(entry.topic, client.index)
    // Topics that all publishers share are shared out among them.
    const lanes = Array.from({ length: route.lanes }, (_, lane) => lane)
    const own = route.isOwn ? lanes : lanes.filter((lane) => lane % plan.clients === client.index)
    return own.map((lane) => route.topicOf(client.index, lane))
  })
  if (plan.will?.retain) topics.push(renderer.render(plan.will.topic, client.index))
  return topics
}
