/**
 * What a run of a plan would do and need, without running it: a pure function of the plan.
 *
 * Rates are of `measure`, for clients that are all connected and keep connected: churn makes them less. Bytes are of MQTT, above TCP and TLS, as in
 * the report; retained messages, wills and keep-alives are not counted.
 */
import { Ledger } from '../stats/ledger.ts'
import { RUN } from './links.ts'
import { Matching } from './matching.ts'
import { PayloadWriter } from './payload.ts'
import type { GroupPlan, Plan, PublishPlan } from './plan.ts'
import { PlannedMessages } from './rates.ts'
import { lanesOf, Route } from './route.ts'
import { Renderer } from './template.ts'
import { messageProperties } from './wire.ts'

export interface Estimate {
  readonly clients: number
  /** At the peak; null: some group connects all at once. */
  readonly connectsPerSec: number | null
  /** Mean over measure: to the broker, and from it. */
  readonly publishesPerSec: number
  readonly deliveriesPerSec: number
  /** In the second of measure with the most. */
  readonly peakPublishesPerSec: number
  /** Deliveries for each publish; null: nothing is published in measure. */
  readonly fanOut: number | null
  readonly bytesInPerSec: number
  readonly bytesOutPerSec: number
  /** Messages and deliveries of measure. */
  readonly publishes: number
  readonly owed: number
  readonly persistentSessions: number
  /** Of the whole run, connect as fast as planned. */
  readonly lengthS: number
  readonly groups: readonly GroupEstimate[]
  readonly streams: readonly StreamEstimate[]
  readonly need: {
    readonly memory: MemoryEstimate
    readonly pairs: number
  }
}

/** Of our processes, without what the kernel has for their sockets. */
export interface MemoryEstimate {
  /** What there is with one client too, and what grows with their number: clients, streams, pairs, and processes where one is too few. */
  readonly fixedBytes: number
  readonly growingBytes: number
}

export interface GroupEstimate {
  readonly name: string
  readonly clients: number
  readonly connectsPerSec: number | null
  readonly publishesPerSec: number
  readonly deliveriesPerSec: number
}

export interface StreamEstimate {
  readonly name: string
  readonly group: string
  /** null: published after each connect. */
  readonly publishesPerSec: number | null
  /** Deliveries for each message. */
  readonly fanOut: number
  /** Mean bytes of a PUBLISH packet. */
  readonly packetBytes: number
}

export interface EstimateOptions {
  /** Size of a payload file, by the path that the plan has. */
  readonly fileBytes: (path: string) => number
  readonly transport: 'epoll' | 'stream'
  /** Of all processes. */
  readonly workers: number
  readonly processes: number
}

/**
 * Resident bytes of the controller with everything loaded, half of it Node's own code, which further processes share; of a process beside it,
 * with its worker; and of each worker that is a thread. Measured at 20,000 messages a second, Node 20 on Linux: 122 MB with one worker, 150 with two,
 * 180 with four; a process that has loaded what a worker needs has 20 MB of its own before it does anything.
 */
const CONTROLLER_BYTES = 90e6
const PROCESS_BYTES = 30e6
const THREAD_BYTES = 25e6
/** Of a client with its connection. */
export const CLIENT_BYTES = { epoll: 2048, stream: 10_240, tls: 50_000 } as const
/** Of a lane beside its topic. */
const LANE_BYTES = 50
/** State of a stream beside its topic. */
const STREAM_BYTES = 24
/** A growing table is between full and half full. */
const TABLE_SLACK = 1.5
const SAMPLES = 64
/** Highest density of the beta(3, 4) distribution that connects may follow, at 2/5: x²(1 − x)³ / B(3, 4). */
const BETA_PEAK = 60 * 0.4 ** 2 * 0.6 ** 3

/** @param plan  with its nodes, the embedded one too */
export function estimate(plan: Plan, options: EstimateOptions): Estimate {
  const matching = new Matching(plan)
  const { warmUpUs, measureUs } = plan.phases
  const fromS = warmUpUs / 1e6
  const toS = (warmUpUs + measureUs) / 1e6
  const measureS = Math.max(1e-6, toS - fromS)
  const received = plan.groups.map(() => 0)
  const sum = { publishes: 0, owed: 0, bytesIn: 0, bytesOut: 0, pairs: 0, topicBytes: 0, streams: 0 }
  const streams: StreamEstimate[] = []
  const published = plan.groups.map((group) => {
    let ofGroup = 0
    for (const entry of group.publish) {
      const messages = messagesOf(plan, group, entry).between(fromS, toS)
      const streamCount = group.clients * lanesOf(plan, entry.route)
      // Lanes that no message takes cost nothing.
      const sent = entry.trigger.kind === 'connect' ? group.clients : messagesOf(plan, group, entry).between(0, toS)
      const usedCount = entry.route === null ? streamCount : Math.min(streamCount, sent)
      const size = new PacketSize(plan, group, entry, options.fileBytes)
      let deliveries = 0
      for (const [i, other] of plan.groups.entries()) {
        const { pairs, shared, qos } = matching.between(other, group, entry)
        const got = (messages * (pairs + shared)) / streamCount
        received[i]! += got
        deliveries += (pairs + shared) / streamCount
        sum.owed += got
        sum.pairs += (pairs * usedCount) / streamCount
        sum.bytesOut += got * size.delivered(qos)
        sum.bytesIn += got * size.acknowledged(qos)
      }
      ofGroup += messages
      sum.bytesIn += messages * size.published
      sum.bytesOut += messages * size.receipts
      sum.topicBytes += (size.topicBytes + (entry.route === null ? 0 : LANE_BYTES)) * usedCount
      if (entry.request !== null) sum.pairs += group.clients
      sum.streams += group.clients
      const publishesPerSec = entry.trigger.kind === 'connect' ? null : messages / measureS
      streams.push({ name: entry.name, group: group.name, publishesPerSec, fanOut: deliveries, packetBytes: size.packetBytes })
    }
    sum.publishes += ofGroup
    return ofGroup
  })
  const all = plan.groups.map(connectsPerSec)
  return {
    clients: plan.clients,
    connectsPerSec: all.includes(null) ? null : all.reduce((total: number, rate) => total + rate!, 0),
    publishesPerSec: sum.publishes / measureS,
    deliveriesPerSec: sum.owed / measureS,
    peakPublishesPerSec: peakRate(plan, fromS, toS),
    fanOut: sum.publishes > 0 ? sum.owed / sum.publishes : null,
    bytesInPerSec: sum.bytesIn / measureS,
    bytesOutPerSec: sum.bytesOut / measureS,
    publishes: Math.round(sum.publishes),
    owed: Math.round(sum.owed),
    persistentSessions: plan.groups.reduce((total, group) => total + persistentSessions(group), 0),
    lengthS: lengthS(plan),
    groups: plan.groups.map((group, i) => ({
      name: group.name,
      clients: group.clients,
      connectsPerSec: all[i]!,
      publishesPerSec: published[i]! / measureS,
      deliveriesPerSec: received[i]! / measureS,
    })),
    streams,
    need: {
      memory: memoryOf(plan, options, sum),
      pairs: Math.round(sum.pairs),
    },
  }
}

/** Messages of one entry alone. */
function messagesOf(plan: Plan, group: GroupPlan, entry: PublishPlan): PlannedMessages {
  return new PlannedMessages({ ...plan, groups: [{ ...group, publish: [entry] }] })
}

function peakRate(plan: Plan, fromS: number, toS: number): number {
  const planned = new PlannedMessages(plan)
  const steps = Math.min(1000, Math.max(1, Math.ceil(toS - fromS)))
  const stepS = (toS - fromS) / steps
  let peak = 0
  for (let i = 0; i < steps; i++) peak = Math.max(peak, planned.between(fromS + i * stepS, fromS + (i + 1) * stepS) / stepS)
  return peak
}

function connectsPerSec({ connect, clients }: GroupPlan): number | null {
  if (connect.overS === 0) return null
  return (clients / connect.overS) * (connect.arrival === 'beta' ? BETA_PEAK : 1)
}

function persistentSessions(group: GroupPlan): number {
  return group.version === 5 && group.sessionExpiryS === 0 ? 0 : Math.round(group.clients * (1 - group.cleanShare))
}

/** Drain ends early where nothing is missing, but not within its first second. */
function lengthS({ groups, phases, settleUs }: Plan): number {
  const connectS = Math.min(phases.connectUs / 1e6, Math.max(0, ...groups.map((group) => group.connect.overS))) + settleUs / 1e6
  const drainS = Math.min(1, phases.drainUs / 1e6)
  const leftBehind = groups.filter(
    (group) => persistentSessions(group) > 0 || group.will?.retain || group.publish.some((entry) => entry.retain),
  )
  const cleanUpS = phases.cleanUp ? Math.max(0, ...leftBehind.map((group) => group.connect.overS)) : 0
  return connectS + (phases.warmUpUs + phases.measureUs) / 1e6 + drainS + cleanUpS
}

function memoryOf(plan: Plan, options: EstimateOptions, sum: { pairs: number; topicBytes: number; streams: number }): MemoryEstimate {
  const isTls = plan.nodes.some(({ url }) => /^(mqtts|wss):/.test(url))
  const client = isTls ? CLIENT_BYTES.tls : CLIENT_BYTES[options.transport]
  const streams = sum.streams * STREAM_BYTES + sum.topicBytes
  const { fixedBytes, growingBytes } = processBytes(options)
  return { fixedBytes, growingBytes: growingBytes + Math.round(plan.clients * client + streams + TABLE_SLACK * Ledger.bytesFor(sum.pairs)) }
}

/** Of the processes alone. A process with one worker has it on its main thread, but for the controller. */
export function processBytes({ processes, workers }: Pick<EstimateOptions, 'processes' | 'workers'>): MemoryEstimate {
  if (processes === 1) return { fixedBytes: CONTROLLER_BYTES + workers * THREAD_BYTES, growingBytes: 0 }
  return { fixedBytes: CONTROLLER_BYTES + Math.max(0, workers - processes) * THREAD_BYTES, growingBytes: processes * PROCESS_BYTES }
}

/** Mean bytes on the wire of one entry's messages. MQTT 3.1.1 §3.3 to §3.7; in MQTT 5 acknowledgements without properties are the same. */
class PacketSize {
  readonly topicBytes: number
  /** A PUBLISH with the QoS that the entry publishes with. */
  readonly packetBytes: number
  private readonly bare: number
  private readonly shares: readonly [number, number, number]

  constructor(plan: Plan, group: GroupPlan, entry: PublishPlan, fileBytes: (path: string) => number) {
    const renderer = new Renderer(plan, group, RUN)
    this.shares = entry.qosShares
    const route = entry.route && new Route(plan, group, entry, entry.route, RUN)
    const topicOf = (client: number) => route?.topicOf(client, route.laneOf(client, 0)) ?? renderer.render(entry.topic, client)
    this.topicBytes = mean(group.clients, (client) => Buffer.byteLength(topicOf(client)))
    const body = 2 + this.topicBytes + propertyBytes(group, entry) + payloadBytes(plan, group, entry, fileBytes)
    this.bare = 1 + lengthBytes(body) + body
    this.packetBytes = this.bare + 2 * (1 - this.shares[0])
  }

  /** What a publisher sends for a message: PUBLISH, and for QoS 2 a PUBREL. */
  get published(): number {
    return this.packetBytes + 4 * this.shares[2]
  }

  /** What it gets back: PUBACK, or PUBREC and PUBCOMP. */
  get receipts(): number {
    return 4 * this.shares[1] + 8 * this.shares[2]
  }

  /** What a subscriber gets for a message, at the lower of the two QoS. */
  delivered(granted: 0 | 1 | 2): number {
    const [, one, two] = this.granted(granted)
    return this.bare + 2 * (one + two) + 4 * two
  }

  acknowledged(granted: 0 | 1 | 2): number {
    const [, one, two] = this.granted(granted)
    return 4 * one + 8 * two
  }

  private granted(most: 0 | 1 | 2): readonly [number, number, number] {
    const [zero, one, two] = this.shares
    if (most === 0) return [1, 0, 0]
    return most === 1 ? [zero, one + two, 0] : [zero, one, two]
  }
}

function propertyBytes(group: GroupPlan, entry: PublishPlan): number {
  if (group.version !== 5) return 0
  const bytes = messageProperties(group, entry, (text) => text)?.bytes.length ?? 0
  return lengthBytes(bytes) + bytes
}

function payloadBytes(plan: Plan, group: GroupPlan, entry: PublishPlan, fileBytes: (path: string) => number): number {
  const { payload } = entry
  if (payload.kind === 'bytes') return (payload.min + payload.max) / 2
  if (payload.kind === 'text') return Buffer.byteLength(payload.text)
  if (payload.kind === 'file') return fileBytes(payload.path)
  const writer = new PayloadWriter(plan, group, entry, payload, null, 0)
  return mean(group.clients, (client) => writer.size(client, 0))
}

/** Bytes of a variable byte integer (MQTT 5.0 §1.5.5). */
function lengthBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

/** Over a few clients, evenly chosen. */
function mean(clients: number, of: (client: number) => number): number {
  const count = Math.min(clients, SAMPLES)
  let sum = 0
  for (let i = 0; i < count; i++) sum += of(Math.floor(((i + 0.5) * clients) / count))
  return count > 0 ? sum / count : 0
}
