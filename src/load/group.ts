/**
 * What the clients of one group share in one worker: everything that can be worked out once from the plan, and the state of their streams.
 *
 * The streams' state is in typed arrays, (client in slice × entries + entry) by number: a client that publishes costs 24 bytes a stream.
 */
import type { Endpoint, TlsOptions } from '../net/transport.ts'
import type { Cell } from '../stats/metrics.ts'
import { Arrivals } from './arrival.ts'
import { runHash } from './header.ts'
import type { Ranges } from './near.ts'
import { keyOf, Permutation } from './order.ts'
import { PayloadWriter } from './payload.ts'
import { isClean, Placer } from './placement.ts'
import type { GroupPlan, Plan } from './plan.ts'
import { Route } from './route.ts'
import { Schedule } from './schedule.ts'
import { Renderer } from './template.ts'
import { hasClientProperties, type MessageProperties, messageProperties, sessionOptions } from './wire.ts'

/** What a run adds to its plan: names, addresses and keys that are known only when it starts. Crosses threads, but for `tls`. */
export interface Surroundings {
  readonly plan: Plan
  /** Six characters of [0-9a-z]. */
  readonly run: string
  /** Addresses of each node, by node index. */
  readonly endpoints: readonly (readonly Endpoint[])[]
  /** What clients of each group connect from, by group index; empty: the system's choice. */
  readonly sourceAddresses: readonly (readonly string[])[]
  /** Wall clock at the run's epoch, ms since 1970: for {now} in payloads. */
  readonly unixEpochMs: number
  /** Contents of payload files, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Clients whose clock this one is; null: all of them. */
  readonly near: Ranges | null
}

export class Group {
  readonly plan: GroupPlan
  readonly from: number
  readonly to: number
  readonly schedules: readonly Schedule[]
  readonly payloads: readonly PayloadWriter[]
  /** By entry; undefined where they differ from client to client. */
  private readonly properties: readonly (MessageProperties | null | undefined)[]
  /** By entry; null where all messages of a client have one topic. */
  readonly routes: readonly (Route | null)[]
  /** By subscription; null where requests are not answered. */
  readonly replies: readonly (PayloadWriter | null)[]
  readonly willPayload: PayloadWriter | null
  readonly arrivals: Arrivals
  readonly placer: Placer
  readonly renderer: Renderer
  readonly isClean: (client: number) => boolean
  readonly churnOrder: Permutation | null
  readonly backoffKey: number
  readonly run: number
  readonly options: ReturnType<typeof sessionOptions>
  /** How long a persistent session outlives its connection, µs. */
  readonly expiryUs: number
  readonly tls: ((client: number) => TlsOptions) | null
  /** Next sequence number, its area and its intended time, by stream. */
  readonly next: Uint32Array
  readonly areas: Float64Array
  readonly dueUs: Float64Array
  /** Topics as UTF-8, back to back; a stream's is rendered when it first sends. */
  topics = new Uint8Array(0)
  readonly topicStart: Int32Array
  readonly topicEnd: Int32Array
  private topicsEnd = 0
  /** By entry with a route: where in `topics` the topic of (client, lane) is, start × 65,536 + length. */
  private readonly laneTopics: readonly Map<number, number>[]

  constructor(
    around: Omit<Surroundings, 'sourceAddresses' | 'near'>,
    plan: GroupPlan,
    range: readonly [number, number],
    tls: ((client: number) => TlsOptions) | null,
  ) {
    this.plan = plan
    ;[this.from, this.to] = range
    this.schedules = plan.publish.map((entry) => new Schedule(around.plan, plan, entry))
    const file = (payload: { kind: string; path?: string }) => (payload.kind === 'file' ? around.files.get(payload.path!)! : null)
    this.payloads = plan.publish.map((e) => new PayloadWriter(around.plan, plan, e, e.payload, file(e.payload), around.unixEpochMs))
    this.properties = plan.publish.map((e) => (hasClientProperties(e) ? undefined : messageProperties(plan, e, (text) => text)))
    this.routes = plan.publish.map((e) => e.route && new Route(around.plan, plan, e, e.route, around.run))
    this.laneTopics = plan.publish.map(() => new Map())
    this.replies = plan.subscribe.map(
      ({ reply }) => reply && new PayloadWriter(around.plan, plan, null, reply.payload, file(reply.payload), around.unixEpochMs),
    )
    this.willPayload =
      plan.will && new PayloadWriter(around.plan, plan, null, plan.will.payload, file(plan.will.payload), around.unixEpochMs)
    this.arrivals = new Arrivals(plan.clients, plan.connect, keyOf(around.plan.seed, 'connect', plan.name))
    this.placer = new Placer(around.plan, plan)
    this.renderer = new Renderer(around.plan, plan, around.run)
    this.isClean = isClean(around.plan, plan)
    this.churnOrder = plan.churn && new Permutation(plan.clients, keyOf(around.plan.seed, 'churn', plan.name))
    this.backoffKey = keyOf(around.plan.seed, 'backoff', plan.name)
    this.run = runHash(around.run)
    this.options = sessionOptions(plan)
    this.expiryUs = plan.version === 5 ? expiryUs(plan.sessionExpiryS) : Number.POSITIVE_INFINITY
    this.tls = tls
    const streams = (this.to - this.from) * plan.publish.length
    this.next = new Uint32Array(streams)
    this.areas = new Float64Array(streams)
    this.dueUs = new Float64Array(streams).fill(Number.POSITIVE_INFINITY)
    this.topicStart = new Int32Array(streams).fill(-1)
    this.topicEnd = new Int32Array(streams)
  }

  propertiesOf(client: number, entry: number): MessageProperties | null {
    const shared = this.properties[entry]
    if (shared !== undefined) return shared
    return messageProperties(this.plan, this.plan.publish[entry]!, (text) => this.renderer.render(text, client))
  }

  /** Renders the topic of a stream on its first use. */
  renderTopic(stream: number, client: number, entry: number): void {
    this.topicStart[stream] = this.keepTopic(this.renderer.render(this.plan.publish[entry]!.topic, client))
    this.topicEnd[stream] = this.topicsEnd
  }

  /** Points `head` to the topic of a message that takes a lane; rendered on its first use. */
  pointToLane(entry: number, client: number, lane: number, head: { topic: Uint8Array; topicStart: number; topicEnd: number }): void {
    const route = this.routes[entry]!
    const known = this.laneTopics[entry]!
    const key = route.isOwn ? client * route.lanes + lane : lane
    let place = known.get(key)
    if (place === undefined) {
      const start = this.keepTopic(route.topicOf(client, lane))
      known.set(key, (place = start * 65_536 + (this.topicsEnd - start)))
    }
    head.topic = this.topics
    head.topicStart = Math.floor(place / 65_536)
    head.topicEnd = head.topicStart + (place % 65_536)
  }

  /** Appends a topic; returns where it starts. */
  private keepTopic(text: string): number {
    const bytes = new TextEncoder().encode(text)
    if (this.topicsEnd + bytes.length > this.topics.length) {
      const grown = new Uint8Array(Math.max(2 * this.topics.length, this.topicsEnd + bytes.length, 4096))
      grown.set(this.topics)
      this.topics = grown
    }
    this.topics.set(bytes, this.topicsEnd)
    this.topicsEnd += bytes.length
    return this.topicsEnd - bytes.length
  }
}

/** A session expiry in µs. MQTT 5.0 §3.1.2.11.2: the largest means for ever. */
export function expiryUs(seconds: number): number {
  return seconds === 0xffffffff ? Number.POSITIVE_INFINITY : seconds * 1e6
}

/** Keys of the cells of `metrics`: one place that makes and splits them. */
export const cellKey = {
  client: (group: number, node: number): number => group * 256 + node,
  publish: (entry: number, qos: number): number => entry * 4 + qos,
  delivery: (group: number, entry: number, qos: number, isPersistent = false): number =>
    ((group * 256 + entry) * 2 + Number(isPersistent)) * 4 + qos,
  pair: (from: number, to: number): number => from * 256 + to,
} as const

export const cellOf = {
  client: (key: number) => ({ group: Math.floor(key / 256), node: key % 256 }),
  publish: (key: number) => ({ entry: key >> 2, qos: key & 3 }),
  delivery: (key: number) => ({ group: Math.floor(key / 2048), entry: (key >> 3) & 255, isPersistent: (key & 4) !== 0, qos: key & 3 }),
  pair: (key: number) => ({ from: key >> 8, to: key & 255 }),
} as const

/** A delivery of a measured message. `isNear`: of several clocks, publisher and subscriber have the same. */
export function countArrival(cell: Cell<'deliveries'>, latencyUs: number, isNear: boolean): void {
  cell.counts.arrived++
  cell.record('endToEnd', latencyUs)
  if (isNear) cell.record('sameClock', latencyUs)
}
