/**
 * The topic tree: which value of each level a client has.
 *
 * A client's index is a leaf of the tree spanned by the levels that its group's templates use, written in mixed radix with the last
 * level varying fastest. So 40 dashboards that use region and plant cover 2 × 20 plants once each. With fewer clients than leaves,
 * clients are strewn over the leaves evenly, by the seed and index alone: a small group still covers the whole tree, and groups of equal size
 * stay paired. A level with `spread` shares is no digit of the leaf: its values are dealt to clients by exact shares.
 */
import { keyOf, Positions, random, shareAt } from './order.ts'
import type { GroupPlan, LevelPlan, Plan, PublishPlan } from './plan.ts'

/** Of a level that the group's templates do not use. */
export const UNUSED = -1

export class Tree {
  private readonly clients: number
  private readonly leaves: number
  private readonly key: number
  private readonly levels: readonly LevelUse[]

  constructor(plan: Plan, group: GroupPlan) {
    const templates = templatesOf(group)
    this.clients = group.clients
    this.key = keyOf(plan.seed, 'leaf')
    this.levels = plan.levels.map((level) => {
      if (!templates.some((template) => template.includes(`{${level.name}}`))) return { kind: 'unused' }
      const ends = group.spread[level.name]
      if (!ends) return { kind: 'digit', radix: level.count }
      return { kind: 'spread', ends, positions: new Positions(group.clients, keyOf(plan.seed, 'spread', level.name)) }
    })
    this.leaves = this.levels.reduce((product, level) => (level.kind === 'digit' ? product * level.radix : product), 1)
  }

  /** The client's value index for each level of the plan; UNUSED where the group's templates do not name it. */
  values(client: number): readonly number[] {
    const { levels } = this
    const values: number[] = new Array(levels.length).fill(UNUSED)
    let leaf = this.leafOf(client)
    for (let i = levels.length - 1; i >= 0; i--) {
      const level = levels[i]!
      if (level.kind === 'digit') {
        values[i] = leaf % level.radix
        leaf = Math.floor(leaf / level.radix)
      } else if (level.kind === 'spread') {
        values[i] = shareAt(level.ends, level.positions.at(client))
      }
    }
    return values
  }

  /** Leaves past the last start over: the digits are taken from the last level on, and what is left of the first is dropped. */
  private leafOf(client: number): number {
    if (this.clients >= this.leaves) return client
    return Math.floor(((client + random(this.key, client)) * this.leaves) / this.clients)
  }
}

type LevelUse =
  | { readonly kind: 'unused' }
  | { readonly kind: 'digit'; readonly radix: number }
  | { readonly kind: 'spread'; readonly ends: readonly number[]; readonly positions: Positions }

/** The text of a level's value `index`, from 0. */
export function levelValue(level: LevelPlan, index: number): string {
  return level.values?.[index] ?? `${level.name}-${index + 1}`
}

/** What of an entry's topic stands for something of the publisher's: with `to` its variables are the target's. */
function ownTopic({ topic, route }: PublishPlan): string | null {
  if (route === null) return topic
  return route.kind === 'to' ? null : topic.replaceAll(`{${route.level}}`, '')
}

/** Every text of a group in which variables stand for something. */
export function templatesOf(group: GroupPlan): string[] {
  const texts = [
    group.clientId,
    group.username,
    group.password,
    group.tls.cert,
    group.tls.key,
    group.will?.topic,
    group.placement.kind === 'zone' ? group.placement.zone : null,
    ...group.publish.flatMap((e) => [
      ownTopic(e),
      e.request?.response,
      e.contentType,
      e.responseTopic,
      e.correlationData,
      ...e.userProperties.map(([, text]) => text),
    ]),
    ...group.subscribe.map((s) => s.filter),
  ]
  return texts.filter((text) => text != null)
}
