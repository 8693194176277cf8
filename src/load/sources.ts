/**
 * Which source address each client of a group connects from: always the same one towards the same kind of destination, and each address has an
 * equal share of the group's clients.
 *
 * An order by index would fall in step with others, such as zones by topic level or a node's addresses in turn, and some pairs of source and
 * destination would get all clients and others none. So the order is a seeded one.
 */
import { isIP } from 'node:net'
import { keyOf, Permutation } from './order.ts'
import type { GroupPlan, Plan } from './plan.ts'

export class Sources {
  private readonly order: Permutation
  private readonly toLoopback: readonly string[]
  private readonly to4: readonly string[]
  private readonly to6: readonly string[]

  /** @param addresses  empty: the system's choice */
  constructor(plan: Plan, group: GroupPlan, addresses: readonly string[]) {
    this.order = new Permutation(Math.max(1, group.clients), keyOf(plan.seed, 'source', group.name))
    this.toLoopback = sourcesTowards(addresses, '127.0.0.1')
    this.to4 = sourcesTowards(addresses, '0.0.0.0')
    this.to6 = sourcesTowards(addresses, '::')
  }

  /** @returns null: the system's choice */
  of(client: number, destination: string): string | null {
    const addresses = isLoopback4(destination) ? this.toLoopback : isIP(destination) === 6 ? this.to6 : this.to4
    return addresses.length === 0 ? null : addresses[this.order.at(client) % addresses.length]!
  }
}

/** Those of the addresses that lead there: of the same family, and from 127.0.0.0/8 only within it. A name counts as IPv4. */
export function sourcesTowards(addresses: readonly string[], destination: string): readonly string[] {
  const is6 = isIP(destination) === 6
  return addresses.filter((address) => (isIP(address) === 6) === is6 && (!isLoopback4(address) || isLoopback4(destination)))
}

/** Within 127.0.0.0/8, all of which is this machine. */
export function isLoopback4(address: string): boolean {
  return address.startsWith('127.') && isIP(address) === 4
}
