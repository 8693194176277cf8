/**
 * How many pairs of subscriber and stream a plan has, counted from its templates.
 *
 * A filter and a topic match where their levels without wildcards are equal. Each such level is a *link*: a text of the subscriber that must
 * equal a text of the publisher. Both are templates, so the pairs are counted by value and not one by one: Σ over values of (subscribers with it ×
 * publishers with it). Where both templates are the same and the topic tree is covered evenly, not even the values need to be looked at, so
 * that a plan of millions takes no longer than one of thousands. Groups too large to be looked through are sampled evenly.
 */
import { parseShare } from '../mqtt/topic.ts'
import { distinct, expand, type Link, linksOf, RUN } from './links.ts'
import { sample } from './order.ts'
import type { GroupPlan, Plan, PublishPlan, RoutePlan, SubscribePlan } from './plan.ts'
import { Renderer, variablesOf } from './template.ts'
import { levelValue, templatesOf } from './tree.ts'

/** Clients of a group that are looked at; of larger groups a sample of that size. */
const MOST_CLIENTS = 200_000
/** Filters of one group that may overlap before the overlap is no longer worked out: 2^n sets of them are. */
const MOST_OVERLAPS = 8
/** Values of `each` that are looked at. */
const MOST_VALUES = 64

export interface Matches {
  /** Pairs of a subscribing client and a stream of the entry, each once, however many filters match. */
  readonly pairs: number
  /** Pairs of a shared subscription and a stream. */
  readonly shared: number
  /** The highest QoS that one of the matching filters asks for. */
  readonly qos: 0 | 1 | 2
}

export class Matching {
  private readonly plan: Plan
  private readonly renderers: readonly Renderer[]
  private readonly values = new Map<string, Map<string, number>>()

  /** @param plan  with its nodes */
  constructor(plan: Plan) {
    this.plan = plan
    this.renderers = plan.groups.map((group) => new Renderer(plan, group, RUN))
  }

  /** What the subscribers of one group get of one publish entry of another (or the same) group. */
  between(subscribers: GroupPlan, publishers: GroupPlan, entry: PublishPlan): Matches {
    if (entry.route?.kind === 'each') return this.betweenEach(subscribers, publishers, entry, entry.route)
    const target = entry.route === null ? null : this.plan.groups[entry.route.group]!
    const topic = expand(entry.topic, target ?? publishers)
    const alone: Link[][] = []
    let shared = 0
    let qos: Matches['qos'] = 0
    // The same filter twice is one subscription, the later one (MQTT 3.1.1 §3.8.4).
    for (const subscription of new Map(subscribers.subscribe.map((s) => [s.filter, s])).values()) {
      const share = parseShare(subscription.filter)
      const links = linksOf(expand(share?.filter ?? subscription.filter, subscribers), topic)
      if (links === null) continue
      qos = Math.max(qos, subscription.qos) as Matches['qos']
      if (share)
        shared += target ? this.covered(subscribers, target, links) * publishers.clients : this.covered(subscribers, publishers, links)
      else alone.push(links)
    }
    const own = target ? null : ownLinks(subscribers, publishers)
    const count = (links: readonly Link[]) => {
      return target ? this.countTo(subscribers, publishers, target, links) : this.count(subscribers, publishers, links)
    }
    return { pairs: union(alone, own, count), shared, qos }
  }

  /** Streams of each publisher to each client of the target; what a filter asks of the sender is taken as if all targets had all senders alike. */
  private countTo(subscribers: GroupPlan, publishers: GroupPlan, target: GroupPlan, all: readonly Link[]): number {
    const isFrom = ([, other]: Link) => other.includes('{from}')
    const from = all.filter(isFrom).map(([own, other]): Link => [own, expand(other.replaceAll('{from}', '{clientId}'), publishers)])
    const lanes = all.filter((link) => !isFrom(link))
    return (this.count(subscribers, target, lanes) * this.count(subscribers, publishers, from)) / subscribers.clients
  }

  private betweenEach(subscribers: GroupPlan, publishers: GroupPlan, entry: PublishPlan, route: RoutePlan & { kind: 'each' }): Matches {
    const level = this.plan.levels.find(({ name }) => name === route.level) ?? { name: route.level, count: route.count, values: null }
    let [pairs, shared, qos] = [0, 0, 0]
    const looked = sample(route.count, MOST_VALUES, (value) => {
      const topic = entry.topic.replaceAll(`{${route.level}}`, levelValue(level, value))
      const matches = this.between(subscribers, publishers, { ...entry, topic, route: null })
      pairs += matches.pairs
      shared += matches.shared
      qos = Math.max(qos, matches.qos)
    })
    return { pairs: (pairs * route.count) / looked, shared: (shared * route.count) / looked, qos: qos as Matches['qos'] }
  }

  private count(subscribers: GroupPlan, publishers: GroupPlan, all: readonly Link[]): number {
    const links = distinct(all)
    if (links.length === 0) return subscribers.clients * publishers.clients
    const isSame = links.every(([a, b]) => a === b)
    const variables = [...new Set(links.flatMap(([a]) => variablesOf(a)))]
    if (isSame && variables.includes('client')) return this.countTwins(subscribers, publishers, links)
    if (isSame && (this.isEven(subscribers, variables) || this.isEven(publishers, variables))) {
      return (subscribers.clients * publishers.clients) / this.valuesOf(variables)
    }
    const wanted = this.valuesIn(
      subscribers,
      links.map(([a]) => a),
    )
    const offered = this.valuesIn(
      publishers,
      links.map(([, b]) => b),
    )
    let pairs = 0
    for (const [value, count] of wanted) pairs += count * (offered.get(value) ?? 0)
    return pairs
  }

  /** Clients of both groups with the same index, where the rest is equal too. */
  private countTwins(subscribers: GroupPlan, publishers: GroupPlan, links: readonly Link[]): number {
    const clients = Math.min(subscribers.clients, publishers.clients)
    const text = (group: GroupPlan, client: number) => links.map(([a]) => this.renderers[group.index]!.render(a, client)).join('\n')
    let twins = 0
    const looked = sample(clients, MOST_CLIENTS, (client) => {
      if (text(subscribers, client) === text(publishers, client)) twins++
    })
    return (twins / looked) * clients
  }

  /** Publishers whose topic at least one subscriber of the shared subscription asks for. */
  private covered(subscribers: GroupPlan, publishers: GroupPlan, all: readonly Link[]): number {
    const links = distinct(all)
    if (links.length === 0) return publishers.clients
    const variables = [...new Set(links.flatMap(([a]) => variablesOf(a)))]
    if (links.every(([a, b]) => a === b) && this.isEven(subscribers, variables)) return publishers.clients
    const wanted = this.valuesIn(
      subscribers,
      links.map(([a]) => a),
    )
    const offered = this.valuesIn(
      publishers,
      links.map(([, b]) => b),
    )
    let covered = 0
    for (const value of wanted.keys()) covered += offered.get(value) ?? 0
    return covered
  }

  /** Whether a large group covers all values of these levels evenly: the topic tree does that, unless shares are spread. */
  private isEven(group: GroupPlan, variables: readonly string[]): boolean {
    const levels = this.plan.levels.filter((level) => templatesOf(group).some((template) => variablesOf(template).includes(level.name)))
    const digits = levels.filter((level) => !group.spread[level.name])
    const leaves = digits.reduce((product, level) => product * level.count, 1)
    return group.clients > MOST_CLIENTS && group.clients >= leaves && variables.every((name) => digits.some((level) => level.name === name))
  }

  private valuesOf(variables: readonly string[]): number {
    return variables.reduce((product, name) => product * (this.plan.levels.find((level) => level.name === name)?.count ?? 1), 1)
  }

  /** How many clients of the group have each value of the templates taken together. */
  private valuesIn(group: GroupPlan, templates: readonly string[]): Map<string, number> {
    const name = [group.name, ...templates].join('\n')
    const known = this.values.get(name)
    if (known) return known
    const counts = new Map<string, number>()
    const renderer = this.renderers[group.index]!
    const looked = sample(group.clients, MOST_CLIENTS, (client) => {
      const value = templates.map((template) => renderer.render(template, client)).join('\n')
      counts.set(value, (counts.get(value) ?? 0) + 1)
    })
    if (looked < group.clients) for (const [value, count] of counts) counts.set(value, (count * group.clients) / looked)
    this.values.set(name, counts)
    return counts
  }
}

/** Pairs in which at least one of the filters matches, by inclusion and exclusion. */
function union(filters: readonly Link[][], own: readonly Link[] | null, count: (links: readonly Link[]) => number): number {
  const some = filters.slice(0, MOST_OVERLAPS)
  let sum = 0
  for (let set = 1; set < 1 << some.length; set++) {
    const links = some.filter((_, i) => (set >> i) & 1).flat()
    const sign = bits(set) % 2 === 1 ? 1 : -1
    sum += sign * count(links)
    if (own !== null) sum -= sign * count([...links, ...own])
  }
  return Math.max(0, sum)
}

/** With noLocal on all of its filters a client gets nothing of its own (MQTT 5.0 §3.8.3.1). */
function ownLinks(subscribers: GroupPlan, publishers: GroupPlan): Link[] | null {
  const isLocal = (subscription: SubscribePlan) => !subscription.noLocal
  return subscribers === publishers && !subscribers.subscribe.some(isLocal) ? [['{client}', '{client}']] : null
}

function bits(set: number): number {
  let count = 0
  for (; set > 0; set &= set - 1) count++
  return count
}
