/**
 * Which way each message of a publish entry goes, where it is not always the same: `to` one client of a group, or `each` of several streams.
 *
 * Such an entry has *lanes*: one for each client that is addressed, or for each value. Which lane message k of a publisher takes, and its *rank*
 * among those of the lane, are pure functions of each other: a publisher deals its messages to the lanes as cards, round after round. So
 * the ledger counts a lane by ranks, without gaps, as it counts a plain stream by sequence numbers, and who is owed a message needs no table.
 *
 * A rank below `rankFrom(client, lane, 0)` belongs to no message: publishers begin at different places of their first round.
 */
import { keyOf, Permutation, random, shareAt } from './order.ts'
import type { GroupPlan, Plan, PublishPlan, RoutePlan } from './plan.ts'
import { Renderer } from './template.ts'
import { levelValue } from './tree.ts'

/** Lanes of an entry: a stream's number has 20 bits for them. */
export const MAX_LANES = 2 ** 20

/** Cards of a round where shares are unequal: each lane's number of them is its share, rounded. */
const CARDS_PER_LANE = 64
const FEWEST_CARDS = 2 ** 14
const MOST_CARDS = 2 ** 20

/** How the messages of each publisher are dealt to the lanes; `client` is its index in its group. */
export interface Dealer {
  laneOf(client: number, k: number): number
  /** Of message k in its own lane. */
  rankOf(client: number, k: number): number
  /** The message with this rank; below 0 there is none. Rises with the rank. */
  numberOf(client: number, lane: number, rank: number): number
}

export class Route {
  readonly lanes: number
  /** Whether two publishers have different topics for one lane. */
  readonly isOwn: boolean
  private readonly dealer: Dealer
  private readonly sender: Renderer
  private readonly clientId: string
  /** What renders the topic's pieces, and what comes between them. */
  private readonly pieces: readonly string[]
  private readonly target: Renderer | null
  private readonly value: (lane: number) => string

  constructor(plan: Plan, group: GroupPlan, entry: PublishPlan, route: RoutePlan, run: string) {
    this.lanes = lanesOf(plan, route)
    this.dealer = dealerOf(plan, group, entry, route, this.lanes)
    this.sender = new Renderer(plan, group, run)
    this.clientId = group.clientId
    if (route.kind === 'to') {
      this.pieces = entry.topic.split('{from}')
      this.target = new Renderer(plan, plan.groups[route.group]!, run)
      this.value = () => ''
      this.isOwn = this.pieces.length > 1
    } else {
      const level = plan.levels.find(({ name }) => name === route.level) ?? { name: route.level, count: route.count, values: null }
      this.pieces = entry.topic.split(`{${route.level}}`)
      this.target = null
      this.value = (lane) => levelValue(level, lane)
      this.isOwn = true
    }
  }

  laneOf(client: number, k: number): number {
    return this.dealer.laneOf(client, k)
  }

  rankOf(client: number, k: number): number {
    return this.dealer.rankOf(client, k)
  }

  numberOf(client: number, lane: number, rank: number): number {
    return this.dealer.numberOf(client, lane, rank)
  }

  /** The lowest rank in the lane of a message k or a later one. */
  rankFrom(client: number, lane: number, k: number): number {
    let low = 0
    let high = 1
    while (this.dealer.numberOf(client, lane, high) < k) high *= 2
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.dealer.numberOf(client, lane, middle) < k) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The topic of a publisher's messages in a lane: its variables are the target's with `to`, else the publisher's. */
  topicOf(client: number, lane: number): string {
    const { target, sender } = this
    if (target === null) return this.pieces.map((piece) => sender.render(piece, client)).join(this.value(lane))
    const pieces = this.pieces.map((piece) => target.render(piece, lane))
    return this.isOwn ? pieces.join(sender.render(this.clientId, client)) : pieces[0]!
  }
}

export function lanesOf(plan: Plan, route: RoutePlan | null): number {
  if (route === null) return 1
  return route.kind === 'to' ? plan.groups[route.group]!.clients : route.count
}

function dealerOf(plan: Plan, group: GroupPlan, entry: PublishPlan, route: RoutePlan, lanes: number): Dealer {
  const key = (purpose: string) => keyOf(plan.seed, purpose, group.name, entry.name)
  const order = new Permutation(group.clients, key('first'))
  // Publishers begin at evenly spaced places: all together they address all lanes alike at any time.
  const firstOf = (cards: number) => (client: number) => Math.floor(((order.at(client) + 0.5) / group.clients) * cards)
  if (route.kind === 'each' || route.pick === 'inTurn') return new Turns(lanes, firstOf(lanes))
  if (route.pick === 'shuffled') return new Shuffled(lanes, key('pick'))
  const cards = Math.min(MOST_CARDS, Math.max(FEWEST_CARDS, CARDS_PER_LANE * lanes))
  return new Deck(lanes, cards, route.zipf, firstOf(cards), key('pick'))
}

/** One lane after the other. */
class Turns implements Dealer {
  private readonly lanes: number
  private readonly firstOf: (client: number) => number

  constructor(lanes: number, firstOf: (client: number) => number) {
    this.lanes = lanes
    this.firstOf = firstOf
  }

  laneOf(client: number, k: number): number {
    return (this.firstOf(client) + k) % this.lanes
  }

  rankOf(client: number, k: number): number {
    return Math.floor((this.firstOf(client) + k) / this.lanes)
  }

  numberOf(client: number, lane: number, rank: number): number {
    return rank * this.lanes + lane - this.firstOf(client)
  }
}

/** Each lane once a round, in another order each: two fixed permutations with a turn between them that is drawn anew. */
class Shuffled implements Dealer {
  private readonly lanes: number
  private readonly key: number
  private readonly before: Uint32Array
  private readonly beforeInverse: Uint32Array
  private readonly after: Uint32Array
  private readonly afterInverse: Uint32Array

  constructor(lanes: number, key: number) {
    this.lanes = lanes
    this.key = key
    ;[this.before, this.beforeInverse] = tablesOf(new Permutation(lanes, keyOf(key, 'before')))
    ;[this.after, this.afterInverse] = tablesOf(new Permutation(lanes, keyOf(key, 'after')))
  }

  laneOf(client: number, k: number): number {
    const turn = this.turnOf(client, Math.floor(k / this.lanes))
    return this.after[(this.before[k % this.lanes]! + turn) % this.lanes]!
  }

  rankOf(_client: number, k: number): number {
    return Math.floor(k / this.lanes)
  }

  numberOf(client: number, lane: number, rank: number): number {
    const { lanes } = this
    const place = this.afterInverse[lane]! + lanes - this.turnOf(client, rank)
    return rank * lanes + this.beforeInverse[place % lanes]!
  }

  private turnOf(client: number, round: number): number {
    return Math.floor(random(this.key, client, round) * this.lanes)
  }
}

function tablesOf(permutation: Permutation): [table: Uint32Array, inverse: Uint32Array] {
  const table = Uint32Array.from({ length: permutation.n }, (_, i) => permutation.at(i))
  const inverse = new Uint32Array(permutation.n)
  for (const [i, at] of table.entries()) inverse[at] = i
  return [table, inverse]
}

/** Unequal shares by Zipf's law, lane 0 the largest: one shuffled deck of cards with a lane on each, gone through again and again. */
class Deck implements Dealer {
  private readonly cards: number
  private readonly firstOf: (client: number) => number
  private readonly laneAt: Uint32Array
  /** How many cards of the same lane come before each. */
  private readonly rankAt: Uint32Array
  /** The places of each lane's cards, lane by lane; those of lane i begin at `starts[i]`. */
  private readonly places: Uint32Array
  private readonly starts: Uint32Array

  constructor(lanes: number, cards: number, exponent: number, firstOf: (client: number) => number, key: number) {
    this.cards = cards
    this.firstOf = firstOf
    const ends = zipfEnds(lanes, exponent)
    const order = new Permutation(cards, key)
    this.laneAt = Uint32Array.from({ length: cards }, (_, i) => shareAt(ends, (order.at(i) + 0.5) / cards))
    this.rankAt = new Uint32Array(cards)
    this.places = new Uint32Array(cards)
    this.starts = new Uint32Array(lanes + 1)
    for (const lane of this.laneAt) this.starts[lane + 1]!++
    for (let lane = 0; lane < lanes; lane++) this.starts[lane + 1]! += this.starts[lane]!
    const dealt = new Uint32Array(lanes)
    for (const [i, lane] of this.laneAt.entries()) {
      this.rankAt[i] = dealt[lane]!
      this.places[this.starts[lane]! + dealt[lane]!++] = i
    }
  }

  laneOf(client: number, k: number): number {
    return this.laneAt[(this.firstOf(client) + k) % this.cards]!
  }

  rankOf(client: number, k: number): number {
    const place = this.firstOf(client) + k
    const card = place % this.cards
    return Math.floor(place / this.cards) * this.countOf(this.laneAt[card]!) + this.rankAt[card]!
  }

  /** A lane too small for a card gets no message. */
  numberOf(client: number, lane: number, rank: number): number {
    const count = this.countOf(lane)
    if (count === 0) return Number.POSITIVE_INFINITY
    return Math.floor(rank / count) * this.cards + this.places[this.starts[lane]! + (rank % count)]! - this.firstOf(client)
  }

  private countOf(lane: number): number {
    return this.starts[lane + 1]! - this.starts[lane]!
  }
}

function zipfEnds(lanes: number, exponent: number): number[] {
  const weights = Array.from({ length: lanes }, (_, rank) => (rank + 1) ** -exponent)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let sum = 0
  return weights.map((weight, i) => (i === lanes - 1 ? 1 : (sum += weight) / total))
}
