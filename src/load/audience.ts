/**
 * Who should get what: which streams match a filter, worked out from templates and never learnt from what arrives.
 *
 * A filter template such as `{region}/{plant}/#` compares its levels without wildcards with the same levels of a topic. So for each pair of
 * (filter template, publish entry) the publishers are indexed once by those levels of their topics, and a subscriber finds its streams by the
 * same levels of its own filter. Only keys that somebody asks for are kept.
 *
 * Where an entry's messages take lanes (route.ts), each lane of a publisher is a stream of its own here.
 *
 * Values of topic levels hold no '/', so that a template has as many levels as its topics.
 */
import { parseShare } from '../mqtt/topic.ts'
import type { Group } from './group.ts'
import { laneOf, publisherOf, streamOf } from './slice.ts'

/** Filters that will be asked for: a template, and the texts it stands for here. */
export interface Wanted {
  readonly template: string
  filters(): Iterable<string>
}

type Visit = (stream: number, group: Group, entry: number, publisher: number, lane: number) => void

const NOBODY: readonly number[] = []

export class Audience {
  private readonly groups: readonly Group[]
  private readonly wanted = new Map<string, Wanted[]>()
  /** Publishers of each key with their lanes, as streams of entry 0. */
  private readonly indices = new Map<string, Map<string, number[]>>()

  constructor(groups: readonly Group[], wanted: readonly Wanted[]) {
    this.groups = groups
    for (const w of wanted) this.wanted.set(w.template, [...(this.wanted.get(w.template) ?? []), w])
  }

  /** Calls back for each stream whose topic matches `filter`, an instance of `template`; both may be shared. */
  eachStream(template: string, filter: string, visit: Visit): void {
    const key = keyOf(plain(filter), placesOf(plain(template)))
    for (const group of this.groups) {
      for (let e = 0; e < group.plan.publish.length; e++) {
        const number = group.plan.publish[e]!.index
        for (const source of this.indexOf(template, group, e).get(key) ?? NOBODY) {
          const publisher = publisherOf(source)
          const lane = laneOf(source)
          visit(streamOf(number, group.plan.firstClient + publisher, lane), group, e, publisher, lane)
        }
      }
    }
  }

  private indexOf(template: string, group: Group, e: number): Map<string, number[]> {
    const name = `${group.plan.index}/${e}/${template}`
    let index = this.indices.get(name)
    if (index === undefined) this.indices.set(name, (index = this.build(template, group, e)))
    return index
  }

  private build(template: string, group: Group, e: number): Map<string, number[]> {
    const index = new Map<string, number[]>()
    const levels = plain(template).split('/')
    const topicTemplate = group.plan.publish[e]!.topic
    if (!canMatch(levels, topicTemplate.split('/'))) return index
    const places = placesOf(plain(template))
    for (const wanted of this.wanted.get(template) ?? []) for (const filter of wanted.filters()) index.set(keyOf(plain(filter), places), [])
    const route = group.routes[e]!
    const { clients } = group.plan
    const add = (topic: string, source: number) => index.get(keyOf(topic, places))?.push(source)
    for (let publisher = 0; route === null && publisher < clients; publisher++) {
      add(group.renderer.render(topicTemplate, publisher), streamOf(0, publisher))
    }
    for (let lane = 0; route !== null && lane < route.lanes; lane++) {
      const shared = route.isOwn ? null : route.topicOf(0, lane)
      for (let publisher = 0; publisher < clients; publisher++) add(shared ?? route.topicOf(publisher, lane), streamOf(0, publisher, lane))
    }
    return index
  }
}

/** Whether topics of these levels can match a filter of those: by number, by constant levels, and by the rule for topics that begin with $. */
function canMatch(filter: readonly string[], topic: readonly string[]): boolean {
  const isOpen = filter.at(-1) === '#'
  if (isOpen ? topic.length < filter.length - 1 : topic.length !== filter.length) return false
  if (topic[0]!.startsWith('$') && (filter[0] === '+' || filter[0] === '#')) return false
  return filter.every((level, i) => level === '+' || level === '#' || level.includes('{') || topic[i]!.includes('{') || level === topic[i])
}

/** Places of the levels that are no wildcards. */
function placesOf(filter: string): number[] {
  return filter.split('/').flatMap((level, i) => (level === '+' || level === '#' ? [] : [i]))
}

function keyOf(text: string, places: readonly number[]): string {
  const levels = text.split('/')
  return places.map((i) => levels[i]).join('/')
}

function plain(filter: string): string {
  return parseShare(filter)?.filter ?? filter
}
