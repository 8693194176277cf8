/**
 * From which nodes a client hears: how many messages of the publishers on each node match its filters.
 *
 * Worked out from templates, like everything about who gets what (`links.ts`), for publishers where they connect first. They are added up
 * once by the texts that filters compare; pairs with the same {client} are looked up one by one, so that millions of them need no table.
 * A message counts once for each filter that matches it: only what is more and what is less matters here.
 */
import { parseShare } from '../mqtt/topic.ts'
import { distinct, expand, linksOf, RUN } from './links.ts'
import { sample } from './order.ts'
import type { Placer } from './placement.ts'
import type { GroupPlan, Plan, PublishPlan } from './plan.ts'
import { PlannedMessages } from './rates.ts'
import { Renderer, variablesOf } from './template.ts'

/** Adds what a client hears of one publish entry by one of its filters to `heard`. */
type Source = (client: number, heard: number[]) => void

export class Hearing {
  private readonly sources: readonly Source[]
  private readonly nodes: number

  /**
   * @param publishers  the groups that are listened to; `placerOf` says where they are
   * @param most  publishers of a group that are looked at; of larger groups a sample of that size stands for all
   */
  constructor(
    plan: Plan,
    group: GroupPlan,
    publishers: readonly GroupPlan[],
    placerOf: (group: GroupPlan) => Placer,
    most = Number.POSITIVE_INFINITY,
  ) {
    this.nodes = plan.nodes.length
    const listener = new Renderer(plan, group, RUN)
    const filters = [...new Set(group.subscribe.map(({ filter }) => filter))]
    this.sources = publishers.flatMap((others) => {
      const speakers = new Speakers(plan, others, placerOf(others), most)
      // Commands come from all publishers alike: what is heard of them tells no node from another.
      const plain = others.publish.filter(({ route }) => route === null)
      return plain.flatMap((entry) =>
        filters.flatMap((filter) => {
          const share = parseShare(filter)
          const links = linksOf(expand(share?.filter ?? filter, group), expand(entry.topic, others))
          if (links === null) return []
          // Each message for a shared subscription goes to one of its members.
          const messages = messagesOf(plan, others, entry) / (share ? group.clients : 1)
          const text = distinct(links)
            .map(([own]) => own)
            .join('\n')
          const topic = distinct(links)
            .map(([, other]) => other)
            .join('\n')
          return [speakers.source(messages, (client) => listener.render(text, client), text, topic)]
        }),
      )
    })
  }

  /** Messages in warmUp and measure that the client hears from each node, by node index. */
  of(client: number): number[] {
    const heard: number[] = new Array(this.nodes).fill(0)
    for (const source of this.sources) source(client, heard)
    return heard
  }
}

type Sums = Map<string, number[]>

/** The publishers of one group, and where they are. */
class Speakers {
  private readonly group: GroupPlan
  private readonly nodes: number
  private readonly most: number
  private readonly placer: Placer
  private readonly renderer: Renderer
  /** By template. */
  private readonly known = new Map<string, Sums>()

  constructor(plan: Plan, group: GroupPlan, placer: Placer, most: number) {
    this.group = group
    this.nodes = plan.nodes.length
    this.most = most
    this.placer = placer
    this.renderer = new Renderer(plan, group, RUN)
  }

  /** What a client hears whose `text` must be the publisher's `topic`; `own` is its template. */
  source(messages: number, text: (client: number) => string, own: string, topic: string): Source {
    const { group, placer, renderer } = this
    if (own === topic && variablesOf(own).includes('client')) {
      return (client, heard) => {
        if (client < group.clients && text(client) === renderer.render(topic, client)) heard[placer.nodeOf(client, 0)]! += messages
      }
    }
    const sums = this.sums(topic)
    return (client, heard) => {
      for (const [node, count] of sums.get(text(client))?.entries() ?? []) heard[node]! += count * messages
    }
  }

  /** Publishers on each node, by the text of their topic. */
  private sums(topic: string): Sums {
    const known = this.known.get(topic)
    if (known !== undefined) return known
    const sums: Sums = new Map()
    this.known.set(topic, sums)
    const { clients } = this.group
    const each = clients / Math.min(clients, this.most)
    sample(clients, this.most, (publisher) => {
      const text = this.renderer.render(topic, publisher)
      let counts = sums.get(text)
      if (counts === undefined) sums.set(text, (counts = new Array<number>(this.nodes).fill(0)))
      counts[this.placer.nodeOf(publisher, 0)]! += each
    })
    return sums
  }
}

/** Of each client, until the end of measure; what is published on connecting counts once. */
function messagesOf(plan: Plan, group: GroupPlan, entry: PublishPlan): number {
  if (entry.trigger.kind === 'connect') return 1
  const endS = (plan.phases.warmUpUs + plan.phases.measureUs) / 1e6
  return new PlannedMessages({ ...plan, groups: [{ ...group, publish: [entry] }] }).between(0, endS) / group.clients
}
