/**
 * Shared subscriptions, as their members' workers know them. Members sit in several workers and each sees only some of the messages, so these
 * facts are merged before anything is said to be lost.
 */
import type { Fleet } from './fleet.ts'
import type { QoS } from './plan.ts'

/** What a worker says of its members of a shared subscription. */
export interface ShareFacts {
  readonly template: string
  readonly filter: string
  readonly group: number
  readonly qos: QoS
  /** The earliest SUBACK of a member. */
  readonly fromUs: number
  readonly bitmaps: readonly (readonly [stream: number, bitmap: Uint32Array])[]
}

/** The shared subscriptions of a fleet, one row each. */
export function shareFacts(fleet: Fleet): ShareFacts[] {
  if (!fleet.catalogue.hasShares) return []
  const rows = new Map<number, { -readonly [K in keyof ShareFacts]: ShareFacts[K] }>()
  for (const client of fleet.clients) {
    client.receiver?.subscriptions.forEach(({ share }, s) => {
      if (share < 0) return
      const { template, filter } = { template: client.group.plan.subscribe[s]!.filter, filter: fleet.catalogue.shares[share]! }
      const row = rows.get(share) ?? {
        template,
        filter,
        group: client.group.plan.index,
        qos: 0 as QoS,
        fromUs: Number.POSITIVE_INFINITY,
        bitmaps: [],
      }
      row.fromUs = Math.min(row.fromUs, client.receiver!.standing.firstGrantUs(s))
      row.qos = Math.max(row.qos, client.receiver!.standing.grantedQos[s]!) as QoS
      rows.set(share, row)
    })
  }
  const bitmaps = [...fleet.shared.entries()]
  for (const [share, row] of rows) row.bitmaps = bitmaps.filter(([s]) => s === share).map(([, stream, bitmap]) => [stream, bitmap] as const)
  return [...rows.values()]
}
