/**
 * When each message of one publish entry is intended, and with which QoS. One schedule serves all clients of a group.
 *
 * Times are reckoned in *area* (see curve.ts): at a load of 100 % it is seconds since the start of publishing, under any other load
 * curve it bends. In area, streams are simple: periodic ones step by their period from a phase that is the client's place in a
 * seeded order, so that a group as a whole sends evenly; Poisson ones step by exponential gaps, each drawn by its own number.
 *
 * QoS levels are dealt as a line is drawn on a pixel grid (Bresenham): a client's n-th message has QoS > 0 whenever n times that
 * share passes the next whole number, and of those every so many have QoS 2. Clients begin at evenly spaced fractions. So mixes are
 * even in each stream and over the group, and how many of the first k have a QoS needs no counting.
 *
 * All of it is a pure function of (seed, group, client, entry, k). It says when a message is due, never whether it could be sent.
 */
import { US_PER_S } from '../units.ts'
import { Curve } from './curve.ts'
import { keyOf, Permutation, random } from './order.ts'
import type { GroupPlan, Plan, PublishPlan, QoS } from './plan.ts'

export class Schedule {
  private readonly curve: Curve
  private readonly kind: PublishPlan['trigger']['kind']
  /** Infinity for entries that connecting triggers: time never makes their messages due. */
  private readonly periodS: number
  private readonly startArea: number
  private readonly limit: number
  private readonly key: number
  private readonly phases: Permutation
  private readonly mix: QosMix

  constructor(plan: Plan, group: GroupPlan, entry: PublishPlan) {
    const { trigger } = entry
    this.curve = new Curve(entry.load)
    this.kind = trigger.kind
    this.periodS = trigger.kind === 'connect' ? Number.POSITIVE_INFINITY : trigger.periodUs / US_PER_S
    this.startArea = this.curve.areaAt(entry.atUs / US_PER_S)
    this.limit = entry.times ?? Number.POSITIVE_INFINITY
    this.key = keyOf(plan.seed, 'gap', group.name, entry.name)
    this.phases = new Permutation(group.clients, keyOf(plan.seed, 'phase', group.name, entry.name))
    this.mix = new QosMix(entry.qosShares, group.clients, keyOf(plan.seed, 'qos', group.name, entry.name))
  }

  /**
   * The area at which message k of a client is intended; Infinity past the entry's `times`.
   *
   * @param previousArea  of message k − 1; only Poisson streams with k > 0 look at it
   */
  areaAfter(client: number, k: number, previousArea: number): number {
    if (k >= this.limit) return Number.POSITIVE_INFINITY
    if (this.kind === 'poisson') {
      return (k === 0 ? this.startArea : previousArea) - Math.log(random(this.key, client, k)) * this.periodS
    }
    return this.startArea + (this.phaseOf(client) + k) * this.periodS
  }

  /** µs since the start of publishing at which the area is reached. Infinity stays Infinity. */
  timeOfArea(area: number): number {
    if (this.curve.isFull || area === Number.POSITIVE_INFINITY) return area * US_PER_S
    return this.curve.timeOf(area) * US_PER_S
  }

  /** Intended time of message k, in µs since the start of publishing; Infinity if there is none. Poisson streams take k steps. */
  timeOf(client: number, k: number): number {
    if (this.kind !== 'poisson') return this.timeOfArea(this.areaAfter(client, k, 0))
    let area = 0
    for (let i = 0; i <= k && area < Number.POSITIVE_INFINITY; i++) area = this.areaAfter(client, i, area)
    return this.timeOfArea(area)
  }

  /** How many messages of a client have an intended time before `timeUs` (finite): the exact inverse of `timeOf`. */
  countBefore(client: number, timeUs: number): number {
    if (timeUs <= 0) return 0 // the curve begins at 0
    if (this.kind === 'poisson') return this.countByStep(client, timeUs)
    const periods = (this.curve.areaAt(timeUs / US_PER_S) - this.startArea) / this.periodS - this.phaseOf(client)
    let count = Math.min(this.limit, Math.max(0, Math.ceil(periods)))
    // The formula is right but for rounding; `timeOf` decides what is before.
    while (count > 0 && this.timeOf(client, count - 1) >= timeUs) count--
    while (this.timeOf(client, count) < timeUs) count++
    return count
  }

  /** The QoS of message k. */
  qosOf(client: number, k: number): QoS {
    return this.mix.qosOf(client, k)
  }

  /** How many of a client's messages 0 … k − 1 have this QoS. */
  countOfQos(client: number, qos: QoS, k: number): number {
    return this.mix.countOf(client, qos, k)
  }

  private countByStep(client: number, timeUs: number): number {
    let count = 0
    let area = this.areaAfter(client, 0, 0)
    while (this.timeOfArea(area) < timeUs) area = this.areaAfter(client, ++count, area)
    return count
  }

  /** In periods, from 0 to below 1. */
  private phaseOf(client: number): number {
    return this.kind === 'synchronized' ? 0 : (this.phases.at(client) + 0.5) / this.phases.n
  }
}

/**
 * A mix of QoS levels over the messages of n clients.
 *
 * Two lines are drawn for a client: how many of its messages have QoS > 0, and how many of those have QoS 2. Over all clients the first is
 * exact after any number of messages. The second begins at fractions that a lattice ties to the first's, so that any run of clients
 * in order holds them evenly: that keeps its total within a few messages, where a second shuffle would leave it off by √n.
 */
class QosMix {
  /** The QoS of all messages, or null for a real mix. */
  private readonly only: QoS | null
  private readonly aboveZero: number
  private readonly twoOfAboveZero: number
  private readonly order: Permutation
  private readonly stride: number

  constructor(shares: readonly [number, number, number], n: number, key: number) {
    const [zero, one, two] = shares
    const only = shares.indexOf(1)
    this.only = only < 0 ? null : (only as QoS)
    this.aboveZero = zero === 0 ? 1 : one + two
    this.twoOfAboveZero = two === 0 ? 0 : two / (one + two)
    this.order = new Permutation(n, key)
    this.stride = latticeStride(n)
  }

  qosOf(client: number, k: number): QoS {
    if (this.only !== null) return this.only
    const place = this.order.at(client)
    const rank = this.countAboveZero(place, k)
    if (this.countAboveZero(place, k + 1) === rank) return 0
    return this.countTwo(place, rank + 1) === this.countTwo(place, rank) ? 1 : 2
  }

  countOf(client: number, qos: QoS, k: number): number {
    if (this.only !== null) return qos === this.only ? k : 0
    const place = this.order.at(client)
    const aboveZero = this.countAboveZero(place, k)
    if (qos === 0) return k - aboveZero
    const two = this.countTwo(place, aboveZero)
    return qos === 2 ? two : aboveZero - two
  }

  /** Of the first k messages. */
  private countAboveZero(place: number, k: number): number {
    return Math.floor(k * this.aboveZero + (place + 0.5) / this.order.n)
  }

  /** Of the first `rank` messages with QoS > 0. */
  private countTwo(place: number, rank: number): number {
    const { n } = this.order
    return Math.floor(rank * this.twoOfAboveZero + (((place * this.stride) % n) + 0.5) / n)
  }
}

/** Strides tried for a lattice: a good one is never far. */
const STRIDES = 200

/**
 * A stride whose multiples modulo n fill 0 … n − 1 evenly from the first to the last.
 *
 * They do when no quotient of the continued fraction of stride / n is large, so the search begins at the golden ratio, whose
 * quotients are all 1. These are the good lattice points of H. Niederreiter, "Random Number Generation and Quasi-Monte Carlo
 * Methods", 1992.
 */
function latticeStride(n: number): number {
  const first = Math.ceil((n * (Math.sqrt(5) - 1)) / 2)
  let best = first
  for (let stride = first; stride < first + STRIDES; stride++) {
    if (largestQuotient(n, stride) < largestQuotient(n, best)) best = stride
  }
  return best
}

/** Of the continued fraction of b / a; Infinity where they have a common divisor. */
function largestQuotient(a: number, b: number): number {
  let largest = 0
  while (b > 0) {
    largest = Math.max(largest, Math.floor(a / b))
    ;[a, b] = [b, a % b]
  }
  return a === 1 ? largest : Number.POSITIVE_INFINITY
}
