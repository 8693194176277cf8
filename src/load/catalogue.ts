/**
 * What may arrive: the publishers of every entry, in any slice, the streams without room for a header, and the shared subscriptions.
 */
import type { Event } from '../mqtt/output.ts'
import { matches, parseShare } from '../mqtt/topic.ts'
import type { Group } from './group.ts'
import { type Header, NONE, readHeader, readText } from './header.ts'
import { headerForm } from './payload.ts'
import type { Route } from './route.ts'
import type { Schedule } from './schedule.ts'
import { headerProperty } from './wire.ts'

/** The publishers of one entry. */
export interface Publishers {
  readonly firstClient: number
  readonly clients: number
  readonly schedule: Schedule
  /** null: all messages of a publisher take lane 0. */
  readonly route: Route | null
  topicOf(publisher: number, lane: number): string
  /** Where replies to the publisher go; null: its messages ask for none. */
  readonly responseOf: ((publisher: number) => string) | null
}

/** A subscription as an arrival is compared with it. */
export interface Subscribed {
  /** Without `$share/NAME/`. */
  readonly filter: string
  /** Number of the shared subscription, or -1. */
  readonly share: number
}

export class Catalogue {
  readonly hasShares: boolean
  private readonly publishers: readonly Publishers[]
  /** By entry: what the topics of its streams look like, or null where messages carry a header. */
  private readonly unverified: readonly (string | null)[]
  /** What the topics of wills without a header look like. */
  private readonly wills: readonly string[]
  private readonly shareNumbers = new Map<string, number>()
  /** The whole filters of the shared subscriptions, by number. */
  readonly shares: string[] = []

  constructor(groups: readonly Group[]) {
    this.hasShares = groups.some(({ plan }) => plan.subscribe.some((s) => parseShare(s.filter) !== null))
    this.publishers = groups.flatMap((group) => group.plan.publish.map((_, e) => publishersOf(group, e)))
    this.unverified = groups.flatMap(({ plan }) =>
      plan.publish.map((entry) => (headerForm(plan, entry.payload) === 'none' ? shapeOf(entry.topic) : null)),
    )
    // A will's properties have no header either.
    const isBare = (form: string) => form === 'none' || form === 'property'
    this.wills = groups.flatMap(({ plan }) =>
      plan.will !== null && isBare(headerForm(plan, plan.will.payload)) ? [shapeOf(plan.will.topic)] : [],
    )
  }

  /** The publishers of an entry, or null if `publisher` (a global client index) is none of them. */
  publishersFor(entry: number, publisher: number): Publishers | null {
    const found = this.publishers[entry]
    return found && publisher >= found.firstClient && publisher < found.firstClient + found.clients ? found : null
  }

  /** Reads the header of a PUBLISH, from its payload or its user property; NONE, OK or DAMAGED. */
  readHeader(event: Event, into: Header): number {
    const found = readHeader(event.bytes, event.payloadStart, event.payloadEnd, into)
    if (found !== NONE || event.propertiesEnd === event.propertiesStart) return found
    const text = headerProperty(event)
    return text === null ? NONE : readText(text, 0, text.length, into)
  }

  /** The entry without headers whose topics look like this one, or -1. */
  unverifiedEntry(topic: string): number {
    return this.unverified.findIndex((filter) => filter !== null && matches(filter, topic))
  }

  /** Whether this may be the topic of a will without a header. */
  isWill(topic: string): boolean {
    return this.wills.some((filter) => matches(filter, topic))
  }

  isUnverified(entry: number): boolean {
    return this.unverified[entry] !== null
  }

  /** @param group  members of one shared subscription are told apart by their groups, so that each is credited with what it received */
  subscribed(filter: string, group: Group): Subscribed {
    const share = parseShare(filter)
    if (share === null) return { filter, share: -1 }
    const name = `${group.plan.index} ${filter}`
    let number = this.shareNumbers.get(name)
    if (number === undefined) {
      number = this.shares.push(filter) - 1
      this.shareNumbers.set(name, number)
    }
    return { filter: share.filter, share: number }
  }
}

/** A filter that all topics of a template match: variables stand within one level. */
/** What the topics of a template look like, as a filter. */
export function shapeOf(topic: string): string {
  return topic.replaceAll(/[^/]*\{[\w-]+\}[^/]*/g, '+')
}

function publishersOf(group: Group, e: number): Publishers {
  const { firstClient, clients, publish } = group.plan
  const { topic, request } = publish[e]!
  const route = group.routes[e]!
  const render = (template: string) => (publisher: number) => group.renderer.render(template, publisher - firstClient)
  const plain = render(topic)
  return {
    firstClient,
    clients,
    schedule: group.schedules[e]!,
    route,
    topicOf: route === null ? plain : (publisher, lane) => route.topicOf(publisher - firstClient, lane),
    responseOf: request && render(request.response),
  }
}
