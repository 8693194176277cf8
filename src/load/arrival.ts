/**
 * When each client of a group first connects, or comes back together with others.
 *
 * Clients are put in a seeded order, and the order is laid over the connect time by the inverse of a distribution: evenly, or as a
 * storm, 3GPP's beta(3,4), which rises to 2.0736 times the mean rate at 0.4 of the time (3GPP TR 37.868, model 2). A Poisson
 * process needs no order: given how many arrive within a time, its arrivals are that many independent uniform draws. So the
 * group is complete when the time is over, each client knows its own time, and no table of gaps is kept.
 */
import { US_PER_S } from '../units.ts'
import { Permutation, random } from './order.ts'
import type { ConnectPlan } from './plan.ts'

/** Halvings of [0, 1] in which a double has no bits left to find. */
const BISECTIONS = 53

export class Arrivals {
  private readonly overUs: number
  private readonly kind: ConnectPlan['arrival']
  private readonly key: number
  private readonly order: Permutation

  constructor(clients: number, { overS, arrival }: Pick<ConnectPlan, 'overS' | 'arrival'>, key: number) {
    this.overUs = overS * US_PER_S
    this.kind = arrival
    this.key = key
    this.order = new Permutation(clients, key)
  }

  /** The intended time of a client's connect, in µs since the first of all may. */
  timeOf(client: number): number {
    if (this.overUs === 0) return 0
    if (this.kind === 'poisson') return random(this.key, client) * this.overUs
    const position = (this.order.at(client) + 0.5) / this.order.n
    return (this.kind === 'beta' ? betaQuantile(position) : position) * this.overUs
  }
}

/** The x at which a share p of beta(3,4) has arrived. Bisection: once per client, and it cannot miss. */
function betaQuantile(p: number): number {
  let low = 0
  let high = 1
  for (let i = 0; i < BISECTIONS; i++) {
    const x = (low + high) / 2
    if (betaShare(x) < p) low = x
    else high = x
  }
  return high
}

/** The integral of x²·(1 − x)³ / B(3,4) from 0 to x. */
function betaShare(x: number): number {
  return x * x * x * (20 - x * (45 - x * (36 - x * 10)))
}
