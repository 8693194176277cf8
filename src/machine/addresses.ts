/**
 * Which source addresses a run uses, so that local ports do not limit it where that can be had for nothing: all of 127.0.0.0/8 is this machine.
 *
 * A group's own addresses are used as they are given. Towards brokers in 127.0.0.0/8, groups without any get some of that net where half
 * of the port range towards one destination is not enough: Linux hands out every second port first, and when those are gone each connect searches all of
 * them in vain (bench/README.md, "Connects"). Then each address gets no more than an eighth of the range: it costs nothing, and the search for a free
 * port, which among a million connections is long, ends soon. Elsewhere the system chooses.
 *
 * The addresses are the run's, not the plan's: the same scenario has the same hash on every machine.
 */
import { isIP, SocketAddress } from 'node:net'
import { EnvironmentError } from '../errors.ts'
import type { Plan } from '../load/plan.ts'
import { isLoopback4 } from '../load/sources.ts'
import { type Destination, type SourceAddresses, socketsByNode } from './ports.ts'

/** Of the port range: up to here one address is enough, and with several each has so much. */
const ENOUGH_SHARE = 1 / 2
const EASY_SHARE = 1 / 8
/** By how many standard deviations a pair may be above its share, where several destinations are dealt out by chance. */
const DEVIATIONS = 5

/**
 * A pure function of the plan and the machine's port range.
 *
 * @param destinations  of each node, by node index
 * @param ports  of the local port range; null: unknown, as on systems whose loopback has one address
 */
export function sourceAddressesOf(plan: Plan, destinations: readonly (readonly Destination[])[], ports: number | null): SourceAddresses {
  const given = plan.groups.map((group) => group.sourceAddresses)
  const crowds = ports === null ? new Map<string, number[]>() : crowdsOf(plan, destinations)
  // Which of several destinations a client takes has nothing to do with its source: each pair gets its share more or less.
  const isByChance = destinations.flat().length > 1
  const countFor = (share: number) => {
    const most = Math.max(1, Math.floor((ports ?? 0) * share))
    return Math.max(1, ...[...crowds.values()].map((crowd) => addressesFor(crowd, most, isByChance)))
  }
  if (countFor(ENOUGH_SHARE) === 1) return given
  const count = countFor(EASY_SHARE)
  const taken = new Set([...destinations.flat().map(({ address }) => address), ...given.flat()])
  const loopback = loopbackAddresses(count, taken)
  return given.map((addresses) => (addresses.length > 0 ? addresses : loopback))
}

/** Sockets of each group without addresses of its own, by destination in 127.0.0.0/8. */
function crowdsOf(plan: Plan, destinations: readonly (readonly Destination[])[]): Map<string, number[]> {
  const crowds = new Map<string, Map<number, number>>()
  const isNear = destinations.map((ways) => ways.some(({ address }) => isLoopback4(address)))
  for (const group of plan.groups) {
    if (group.sourceAddresses.length > 0 || !isNear.includes(true)) continue
    for (const [node, sockets] of socketsByNode(plan, group).entries()) {
      const ways = destinations[node]!
      for (const { address, port } of ways) {
        if (!isLoopback4(address)) continue
        const crowd = crowds.get(`${address} ${port}`) ?? new Map<number, number>()
        crowds.set(`${address} ${port}`, crowd.set(group.index, (crowd.get(group.index) ?? 0) + sockets / ways.length))
      }
    }
  }
  return new Map([...crowds].map(([key, crowd]) => [key, [...crowd.values()]]))
}

/** How many addresses it takes for each to have no more than `most` of the sockets. */
function addressesFor(crowd: readonly number[], most: number, isByChance: boolean): number {
  const all = crowd.reduce((sum, sockets) => sum + sockets, 0)
  const ofOne = (count: number) =>
    crowd.reduce((sum, sockets) => sum + Math.ceil(sockets / count - 1e-6), 0) + (isByChance ? DEVIATIONS * Math.sqrt(all / count) : 0)
  let count = Math.max(1, Math.ceil(all / most - 1e-6))
  // Groups of one client are one on their address however many there are: such a crowd fits no better with more.
  while (ofOne(count) > most && count < all) count++
  return count
}

/** The first of 127.0.0.0/8 but for `except`, and those that end in 0 or 255, which some take for a net or for everybody. */
export function loopbackAddresses(count: number, except: ReadonlySet<string>): string[] {
  const found: string[] = []
  for (let i = 0; found.length < count; i++) {
    const net = Math.floor(i / 254)
    const address = `127.${Math.floor(net / 256)}.${net % 256}.${(i % 254) + 1}`
    if (!except.has(address)) found.push(address)
  }
  return found
}

/** Of the addresses that groups are given, those that are not among this machine's. 127.0.0.0/8 is every machine's. */
export function foreignAddresses(sources: SourceAddresses, own: readonly string[]): string[] {
  const known = new Set([...own, '::1'].map(canonical))
  return [...new Set(sources.flat())].filter((address) => !isLoopback4(address) && !known.has(canonical(address)))
}

/** An IPv6 address can be written in many ways. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address
}

/**
 * What of the addresses this machine can use.
 *
 * @param isAlone  the machine is the only one, so it has to have them all; of several each uses those that it has
 * @throws EnvironmentError  it lacks one, or all that a group has
 */
export function addressesHere(sources: SourceAddresses, own: readonly string[], isAlone: boolean): SourceAddresses {
  const foreign = new Set(foreignAddresses(sources, own))
  const has = own.length === 0 ? 'it has none but loopback' : `it has ${own.join(', ')}`
  const hint = 'sourceAddresses are addresses of the machine that runs the clients: ip address show'
  return sources.map((given) => {
    const here = given.filter((address) => !foreign.has(address))
    if (here.length === given.length || (here.length > 0 && !isAlone)) return here
    const lacks = given.filter((address) => foreign.has(address))
    const words = lacks.length === 1 ? `no address ${lacks[0]}` : `none of the addresses ${lacks.join(', ')}`
    throw new EnvironmentError(`this machine has ${words}; ${has}`, { hint })
  })
}
