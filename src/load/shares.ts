/**
 * Shared subscriptions: one delivery is owed to the members together, to any one of them (MQTT 5.0 §4.8.2).
 *
 * Members sit in several workers and each sees only some of the messages, so what their workers know is put together before anything is said
 * to be lost. A message is owed if some member stood all the time from `settle` before its intended time until `settle` after the send, and
 * no member was lost meanwhile: the broker may have chosen that one. At QoS 0 it may also have chosen one whose session waits offline.
 *
 * How evenly members are chosen is the broker's own affair (MQTT 5.0 §4.8.2), so it is told and not judged.
 */
import { isSet } from '../stats/ledger.ts'
import type { Client } from './client.ts'
import type { Fleet } from './fleet.ts'
import type { QoS } from './plan.ts'

/** [from, to) pairs in one flat, rising list without overlaps; µs since the run's epoch. */
type Spans = readonly number[]

/** What a worker says of its members of a shared subscription, those of one group. */
export interface ShareFacts {
  readonly template: string
  readonly filter: string
  readonly group: number
  readonly qos: QoS
  /** Some member stood. */
  readonly stood: Spans
  /** The moments at which members' subscriptions ended. */
  readonly ended: Spans
  /** Some member's session waited for it to come back; and of those, it still does. */
  readonly offline: Spans
  readonly gone: Spans
  readonly bitmaps: ReadonlyMap<number, Uint32Array>
  readonly loads: MemberLoads
}

/** What each of some members has had of the measured messages, repeats too, summed up. */
interface MemberLoads {
  readonly members: number
  readonly sum: number
  readonly sumOfSquares: number
  /** Infinity and 0 where there is no member. */
  readonly least: number
  readonly most: number
}

/** How the measured messages of a shared subscription were spread over all its members, whatever their group. */
export interface ShareSpread {
  /** `$share/NAME/FILTER`. */
  readonly filter: string
  /** Indices of the members' groups. */
  readonly groups: readonly number[]
  /** Clients whose subscription was granted at any time. */
  readonly members: number
  /** Repeats too. */
  readonly received: number
  /** Of a member. */
  readonly least: number
  readonly most: number
  /** Jain's index: 1 is even, 1/members is all to one; null: nothing was received. */
  readonly fairness: number | null
}

/** The shared subscriptions of a fleet, one row for each and each group. */
export function shareFacts(fleet: Fleet): ShareFacts[] {
  if (!fleet.catalogue.hasShares) return []
  const rows = new Map<number, { group: number; template: string; members: { client: Client; s: number }[] }>()
  for (const client of fleet.clients) {
    client.receiver?.subscriptions.forEach(({ share }, s) => {
      if (share < 0) return
      const { index, subscribe } = client.group.plan
      const row = rows.get(share) ?? { group: index, template: subscribe[s]!.filter, members: [] }
      row.members.push({ client, s })
      rows.set(share, row)
    })
  }
  return [...rows].map(([share, { group, template, members }]) => ({
    template,
    filter: fleet.catalogue.shares[share]!,
    group,
    ...standingOf(members),
    bitmaps: fleet.shared.bitmapsOf(share),
  }))
}

function standingOf(
  members: readonly { client: Client; s: number }[],
): Pick<ShareFacts, 'qos' | 'stood' | 'ended' | 'offline' | 'gone' | 'loads'> {
  let loads = NO_LOADS
  const [stood, ended, offline, gone]: number[][] = [[], [], [], []]
  let qos = 0
  for (const { client, s } of members) {
    const { standing } = client.receiver!
    const before = stood!.length
    qos = Math.max(qos, standing.grantedQos[s]!)
    standing.eachStand(s, client.endsWithConnection ? 0 : client.group.expiryUs, (fromUs, toUs) => {
      stood!.push(fromUs, toUs)
      if (toUs !== Number.POSITIVE_INFINITY) ended!.push(toUs, toUs + 1)
    })
    if (stood!.length > before) loads = addLoads(loads, loadOf(client.receiver!.shared?.[s] ?? 0))
    if (client.endsWithConnection) continue
    standing.eachAbsence((fromUs, toUs) => {
      offline!.push(fromUs, toUs)
      if (toUs === Number.POSITIVE_INFINITY) gone!.push(fromUs, toUs)
    })
  }
  return { qos: qos as QoS, stood: union(stood!), ended: union(ended!), offline: union(offline!), gone: union(gone!), loads }
}

/** A shared subscription as all its members together had it. */
export class Share {
  readonly template: string
  readonly filter: string
  readonly qos: QoS
  private readonly parts: readonly ShareFacts[]
  private readonly stood: Spans
  private readonly ended: Spans
  private readonly offline: Spans
  private readonly gone: Spans

  /** @param parts  of one filter, at least one */
  constructor(parts: readonly ShareFacts[]) {
    this.parts = [...parts].sort((a, b) => a.group - b.group)
    const [first] = this.parts
    this.template = first!.template
    this.filter = first!.filter
    this.qos = Math.max(...parts.map((part) => part.qos)) as QoS
    this.stood = union(parts.flatMap((part) => part.stood))
    this.ended = union(parts.flatMap((part) => part.ended))
    this.offline = union(parts.flatMap((part) => part.offline))
    this.gone = union(parts.flatMap((part) => part.gone))
  }

  /** In how many groups and workers a message arrived, and in which group first; the first of all groups for one that did not. */
  arrivalOf(stream: number, seq: number): { copies: number; group: number } {
    let copies = 0
    let { group } = this.parts[0]!
    for (const part of this.parts) if (isSet(part.bitmaps.get(stream), seq) && copies++ === 0) group = part.group
    return { copies, group }
  }

  isOwed(qos: number, fromUs: number, toUs: number): boolean {
    const at = spanAt(this.stood, fromUs)
    const isCovered = at < this.stood.length && this.stood[at]! <= fromUs && toUs <= this.stood[at + 1]!
    return isCovered && !touches(this.ended, fromUs, toUs) && !(qos === 0 && touches(this.offline, fromUs, toUs))
  }

  /** Whether anybody may have been sent it. */
  isPermitted(fromUs: number, toUs: number): boolean {
    return touches(this.stood, fromUs, toUs)
  }

  /** Whether it may wait on the broker for a member that has not come back. */
  mayWait(toUs: number): boolean {
    return touches(this.gone, toUs, toUs)
  }
}

/** Puts together what the workers have told, by filter. */
export function mergeShares(told: readonly ShareFacts[]): Share[] {
  return byFilter(told).map((parts) => new Share(parts))
}

/** How even the broker was to the members, by filter. */
export function shareSpreads(told: readonly ShareFacts[]): ShareSpread[] {
  return byFilter(told).map((parts) => {
    const { members, sum, sumOfSquares, least, most } = parts.map(({ loads }) => loads).reduce(addLoads, NO_LOADS)
    return {
      filter: parts[0]!.filter,
      groups: [...new Set(parts.map(({ group }) => group))].sort((a, b) => a - b),
      members,
      received: sum,
      least: members === 0 ? 0 : least,
      most,
      // R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness and Discrimination", 1984.
      fairness: sum === 0 ? null : sum ** 2 / (members * sumOfSquares),
    }
  })
}

function byFilter(told: readonly ShareFacts[]): ShareFacts[][] {
  const filters = new Map<string, ShareFacts[]>()
  for (const part of told) {
    const parts = filters.get(part.filter)
    if (parts === undefined) filters.set(part.filter, [part])
    else parts.push(part)
  }
  return [...filters.values()]
}

const NO_LOADS: MemberLoads = { members: 0, sum: 0, sumOfSquares: 0, least: Number.POSITIVE_INFINITY, most: 0 }

function loadOf(count: number): MemberLoads {
  return { members: 1, sum: count, sumOfSquares: count ** 2, least: count, most: count }
}

function addLoads(a: MemberLoads, b: MemberLoads): MemberLoads {
  return {
    members: a.members + b.members,
    sum: a.sum + b.sum,
    sumOfSquares: a.sumOfSquares + b.sumOfSquares,
    least: Math.min(a.least, b.least),
    most: Math.max(a.most, b.most),
  }
}

/** Spans in any order, put in order and joined where they meet. */
function union(spans: readonly number[]): number[] {
  const sorted = Array.from({ length: spans.length / 2 }, (_, i) => [spans[2 * i]!, spans[2 * i + 1]!] as const).sort((a, b) => a[0] - b[0])
  const joined: number[] = []
  for (const [fromUs, toUs] of sorted) {
    if (joined.length > 0 && fromUs <= joined.at(-1)!) joined[joined.length - 1] = Math.max(joined.at(-1)!, toUs)
    else joined.push(fromUs, toUs)
  }
  return joined
}

/** Place of the first span that ends after `timeUs`. */
function spanAt(spans: Spans, timeUs: number): number {
  let low = 0
  let high = spans.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if (spans[2 * middle + 1]! <= timeUs) low = middle + 1
    else high = middle
  }
  return 2 * low
}

function touches(spans: Spans, fromUs: number, toUs: number): boolean {
  const at = spanAt(spans, fromUs)
  return at < spans.length && spans[at]! <= toUs
}
