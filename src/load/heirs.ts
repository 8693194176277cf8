/**
 * Who had to get a will: the subscribers of one worker whose filter matches its topic, and who stood there all the time in which it could come.
 *
 * Filters are kept in a tree of their levels, so that a will costs a few steps however many filters there are. Only filters of groups that can
 * match some will's topic at all are rendered.
 */
import type { Client } from './client.ts'
import type { Fleet } from './fleet.ts'
import type { Group } from './group.ts'
import { expand, linksOf } from './links.ts'
import type { OpenWill } from './wills.ts'

/** Subscribers that are looked at for one will: where so many have no claim, none is made. */
const MOST_HOLDERS = 4096

interface Branch {
  readonly children: Map<string, Branch>
  /** (client in the fleet, subscription), flat. */
  readonly holders: number[]
}

export class Heirs {
  private readonly fleet: Fleet
  private root: Branch | null = null

  constructor(fleet: Fleet) {
    this.fleet = fleet
  }

  /** For each will: 1 if one of the fleet's own subscribers had to get it. */
  covered(wills: readonly OpenWill[]): Uint8Array {
    const covered = new Uint8Array(wills.length)
    if (wills.length === 0) return covered
    this.root ??= plant(this.fleet)
    const holdersOf = new Map<string, number[]>()
    for (const [i, will] of wills.entries()) {
      const group = this.fleet.groups.findLast(({ plan }) => plan.firstClient <= will.publisher)!
      const topic = group.renderer.render(group.plan.will!.topic, will.publisher - group.plan.firstClient)
      let holders = holdersOf.get(topic)
      if (holders === undefined) {
        holdersOf.set(topic, (holders = []))
        collect(this.root, topic.split('/'), 0, topic.startsWith('$'), holders)
      }
      covered[i] = Number(this.isOwed(will, group, holders))
    }
    return covered
  }

  private isOwed(will: OpenWill, from: Group, holders: readonly number[]): boolean {
    for (let i = 0; i < Math.min(holders.length, 2 * MOST_HOLDERS); i += 2) {
      if (hasClaim(this.fleet.clients[holders[i]!]!, holders[i + 1]!, will, from)) return true
    }
    return false
  }
}

/** Whether the client's subscription `s` had to bring the will. */
function hasClaim(client: Client, s: number, will: OpenWill, from: Group): boolean {
  const { standing } = client.receiver!
  const { plan } = client.group
  const subscription = plan.subscribe[s]!
  const { qos, retain } = from.plan.will!
  if (subscription.noLocal && will.publisher === plan.firstClient + client.index) return false
  // It can't be told from a copy that was retained earlier.
  if (subscription.retainAsPublished && retain) return false
  const fromUs = will.fromUs - client.fleet.plan.settleUs
  if (!standing.stood(s, fromUs, will.byUs, client.expiryUs)) return false
  if (Math.min(qos, standing.grantedQos[s]!) === 0) return standing.wasConnected(fromUs, will.byUs)
  // What waits on the broker for a client that is away is neither there nor missing.
  return standing.isConnected && !standing.waitedInVain(will.byUs)
}

/** The filters of the fleet's own subscriptions that wills can match. Shared ones begin with $share, and no topic does. */
function plant(fleet: Fleet): Branch {
  const root: Branch = { children: new Map(), holders: [] }
  const topics = fleet.groups.flatMap(({ plan }) => (plan.will === null ? [] : [expand(plan.will.topic, plan)]))
  for (const client of fleet.clients) {
    for (const [s, { filter }] of client.group.plan.subscribe.entries()) {
      if (!isHeard(expand(filter, client.group.plan), topics)) continue
      let branch = root
      for (const level of client.group.renderer.render(filter, client.index).split('/')) {
        let next = branch.children.get(level)
        if (next === undefined) branch.children.set(level, (next = { children: new Map(), holders: [] }))
        branch = next
      }
      branch.holders.push(client.owner, s)
    }
  }
  return root
}

function isHeard(filter: string, topics: readonly string[]): boolean {
  return topics.some((topic) => linksOf(filter, topic) !== null)
}

/** Appends the holders of all filters that match the levels from `at` on. MQTT 5.0 §4.7 */
function collect(branch: Branch, levels: readonly string[], at: number, isSystem: boolean, into: number[]): void {
  const canBeWild = at > 0 || !isSystem
  // `a/#` matches `a` too.
  const open = canBeWild ? branch.children.get('#') : undefined
  if (open !== undefined) for (const n of open.holders) into.push(n)
  if (at === levels.length) {
    for (const n of branch.holders) into.push(n)
    return
  }
  const same = branch.children.get(levels[at]!)
  if (same !== undefined) collect(same, levels, at + 1, isSystem, into)
  const any = canBeWild ? branch.children.get('+') : undefined
  if (any !== undefined) collect(any, levels, at + 1, isSystem, into)
}
