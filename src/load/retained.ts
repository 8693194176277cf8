/**
 * What a broker must have kept of the run's retained messages: on each topic the last one that was published there.
 *
 * Which one that is follows from the facts, stream by stream. A message of QoS 1 or 2 that nobody acknowledged is there or is not: it counts as
 * the last, and so does the last one before it that is certain. Where streams share a topic, the last one of any of them will do. Where messages have no
 * header, or a retained will may take their place, there is only to see whether something is there.
 *
 * MQTT 3.1.1 §3.3.1.3, MQTT 5.0 §3.3.1.3.
 */
import { matches } from '../mqtt/topic.ts'
import { shapeOf } from './catalogue.ts'
import type { FactBook } from './factbook.ts'
import type { Group } from './group.ts'
import type { Header } from './header.ts'
import { headerForm } from './payload.ts'
import type { GroupPlan, PayloadPlan, Plan, PublishPlan } from './plan.ts'
import { streamOf } from './slice.ts'

/** Messages that are looked at for a last one that is certain, and publishers for one that has used a topic. */
const MOST_LOOKS = 10_000
const MOST_PUBLISHERS = 100

/** A publish entry whose messages are retained. */
interface Source {
  readonly group: Group
  readonly e: number
  readonly entry: PublishPlan
}

/** One (publisher, lane) of an entry. */
interface Stream extends Source {
  readonly client: number
  readonly lane: number
}

/** Whether a run of the plan publishes messages that stay. */
export function retains(plan: Plan): boolean {
  return plan.groups.some(({ publish }) => publish.some(isKept))
}

export class Retained {
  private readonly sources: readonly Source[]
  private readonly facts: FactBook
  private readonly isCalm: boolean
  private readonly originUs: number
  private readonly endUs: number
  /** What topics look like where messages have no header, or one that is a property. */
  private readonly bare: readonly string[]
  private readonly bareBelow5: readonly string[]

  /**
   * @param originUs  when publishing began, and `endUs` when measure ended
   * @param isCalm  no client has lost a connection: then a message of QoS 0 has reached the broker
   */
  constructor(groups: readonly Group[], facts: FactBook, originUs: number, endUs: number, isCalm: boolean) {
    this.facts = facts
    this.isCalm = isCalm
    this.originUs = originUs
    this.endUs = endUs
    this.sources = groups.flatMap((group) => group.plan.publish.flatMap((entry, e) => (isKept(entry) ? [{ group, e, entry }] : [])))
    const wills = groups.flatMap(({ plan }) => (plan.will?.retain ? [shapeOf(plan.will.topic)] : []))
    const of = (form: string) =>
      this.sources.filter(({ group, entry }) => formOf(group.plan, entry) === form).map(({ entry }) => shapeOf(entry.topic))
    this.bare = [...wills, ...of('none')]
    this.bareBelow5 = [...this.bare, ...of('property')]
  }

  /**
   * Topics on which a message of the run must be retained, evenly chosen over all streams.
   *
   * @param most  how many there may be
   * @param untilUs  what expires before is left out
   */
  topics(most: number, untilUs: number): string[] {
    const counts = this.sources.map(countOf)
    const total = counts.reduce((sum, count) => sum + count, 0)
    const wanted = Math.min(most, total)
    const topics = new Set<string>()
    let source = 0
    let before = 0
    for (let i = 0; i < wanted; i++) {
      const place = Math.floor(((i + 0.5) * total) / wanted)
      while (place >= before + counts[source]!) before += counts[source++]!
      const stream = this.streamAt(this.sources[source]!, place - before, untilUs)
      if (stream !== null) topics.add(topicOf(stream))
    }
    return [...topics]
  }

  /** Whether all that can be seen of a topic is that there is a message. @param hasProperties  MQTT 5 shows them */
  isBare(topic: string, hasProperties: boolean): boolean {
    return (hasProperties ? this.bare : this.bareBelow5).some((shape) => matches(shape, topic))
  }

  /** Whether a message of this run is the last one on its topic, or as good as it. */
  isCurrent(topic: string, { entry, publisher, seq }: Header): boolean {
    const source = this.sources.find((s) => s.entry.index === entry)
    if (source === undefined) return false
    const client = publisher - source.group.plan.firstClient
    if (client < 0 || client >= source.group.plan.clients) return false
    const stream = { ...source, client, lane: source.group.routes[source.e]?.laneOf(client, seq) ?? 0 }
    const last = this.lastOf(stream)
    return topicOf(stream) === topic && (last === null || seq >= last)
  }

  /** A stream that publishes on the source's topic `i` and has a last message; null: there is none. */
  private streamAt(source: Source, i: number, untilUs: number): Stream | null {
    const { group, e } = source
    const route = group.routes[e]!
    if (route === null || route.isOwn) {
      const lanes = route?.lanes ?? 1
      const stream = { ...source, client: Math.floor(i / lanes), lane: i % lanes }
      return this.keeps(stream, untilUs) ? stream : null
    }
    const { clients } = group.plan
    for (let client = 0; client < Math.min(clients, MOST_PUBLISHERS); client++) {
      const stream = { ...source, client: (i + client) % clients, lane: i }
      if (this.keeps(stream, untilUs)) return stream
    }
    return null
  }

  private keeps(stream: Stream, untilUs: number): boolean {
    const last = this.lastOf(stream)
    const { expiryS } = stream.entry
    return last !== null && (expiryS === null || this.timeOf(stream, last) + expiryS * 1e6 > untilUs)
  }

  /** The number of the last message that is certain to have been taken; null: there is none. */
  private lastOf({ group, e, entry, client, lane }: Stream): number | null {
    const route = group.routes[e]!
    const number = streamOf(entry.index, group.plan.firstClient + client)
    const end = Math.min(this.facts.dealtWith(entry.index, client) ?? 0, this.dueOf({ group, e, entry, client, lane }))
    let rank = (route === null ? end : route.rankFrom(client, lane, end)) - 1
    for (let looks = 0; rank >= 0 && looks < MOST_LOOKS; looks++, rank--) {
      const seq = route === null ? rank : route.numberOf(client, lane, rank)
      if (seq < 0) return null
      const isCertain = this.isCalm || group.schedules[e]!.qosOf(client, seq) > 0
      if (isCertain && this.facts.kindOf(number, seq) === 0) return seq
    }
    return null
  }

  /** How many messages came due until the end of measure. */
  private dueOf({ group, e, entry, client }: Stream): number {
    if (entry.trigger.kind === 'connect') return this.facts.timesOf(streamOf(entry.index, group.plan.firstClient + client)).length
    return group.schedules[e]!.countBefore(client, this.endUs - this.originUs)
  }

  private timeOf({ group, e, entry, client }: Stream, seq: number): number {
    if (entry.trigger.kind === 'connect') return this.facts.timesOf(streamOf(entry.index, group.plan.firstClient + client))[seq]!
    return this.originUs + group.schedules[e]!.timeOf(client, seq)
  }
}

/** How many topics the entry's messages have. */
function countOf({ group, e }: Source): number {
  const route = group.routes[e]!
  if (route === null) return group.plan.clients
  return route.isOwn ? group.plan.clients * route.lanes : route.lanes
}

function topicOf({ group, e, entry, client, lane }: Stream): string {
  return group.routes[e]?.topicOf(client, lane) ?? group.renderer.render(entry.topic, client)
}

/** A retained message without payload clears what was retained: entries that may have some say nothing. */
function isKept({ retain, payload }: PublishPlan): boolean {
  return retain && !mayBeEmpty(payload)
}

function mayBeEmpty(payload: PayloadPlan): boolean {
  return (payload.kind === 'bytes' && payload.min === 0) || (payload.kind === 'text' && payload.text === '')
}

function formOf(group: GroupPlan, entry: PublishPlan): string {
  return headerForm(group, entry.payload)
}
