/**
 * What the nodes themselves say they have dropped during a run, so that a loss which a broker owns up to can be told from one that nobody explains.
 *
 * mosquitto counts on `$SYS/broker/publish/messages/dropped` messages that it could not queue for a client, and tells the count every
 * `sys_interval`, 10 s unless configured. So the second reading is taken only where something is lost, and waits for the next telling.
 * mosquitto.conf(5), mosquitto(8).
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Surroundings } from '../load/group.ts'
import { guestOf } from './guest.ts'
import { newName } from './name.ts'
import { type Visit, Visits } from './visit.ts'

const COUNT = '$SYS/broker/publish/messages/dropped'
/** In words: `12 seconds`. It changes each time that anything is told. */
const UPTIME = '$SYS/broker/uptime'
/** For a CONNACK, and for a SUBACK: a node that hangs must not hold the run's end. */
const ANSWER_TIMEOUT_MS = 3000
/** A broker that has such a count keeps it retained: it comes with the SUBACK, or soon. */
const RETAINED_MS = 500
/** mosquitto's own interval, and a little. */
const TELLING_MS = 11_000

type Around = Pick<Surroundings, 'plan' | 'endpoints' | 'sourceAddresses'>

/** Counts of each node; null: it has none. */
export type DropCounts = readonly (number | null)[]

/** @param isPatient  waits for what a broker tells next, and not only for what it has told */
export async function readDrops(around: Around, folder: string, isPatient: boolean): Promise<DropCounts> {
  const visits = new Visits()
  try {
    return await Promise.all(around.plan.nodes.map((_, node) => readNode(visits, around, node, folder, isPatient)))
  } finally {
    visits.dispose()
  }
}

async function readNode(visits: Visits, around: Around, node: number, folder: string, isPatient: boolean): Promise<number | null> {
  const guest = guestOf({ ...around, run: newName() }, node, folder)
  const visit = await visits.knock(guest, ANSWER_TIMEOUT_MS)
  if (visit === null) return null
  const count = await countOf(visit, isPatient)
  visit.end()
  return count
}

async function countOf(visit: Visit, isPatient: boolean): Promise<number | null> {
  let count: number | null = null
  let uptimes = 0
  const wake = new AbortController()
  const take = (text: string) => {
    const value = Number(text)
    if (Number.isSafeInteger(value)) count = value
    // The first is retained, the second is told with all other counts of its moment.
    else if (++uptimes === 2) wake.abort()
  }
  const ask = (filter: string) => Promise.race([visit.subscribe(filter, take), delay(ANSWER_TIMEOUT_MS, null, { ref: false })])
  const code = await ask(COUNT)
  if (code === null || code >= 0x80) return null
  if (isPatient) await ask(UPTIME)
  await delay(RETAINED_MS)
  if (isPatient && count !== null) {
    await delay(TELLING_MS, null, { signal: wake.signal }).catch(() => {})
    await delay(RETAINED_MS)
  }
  return count
}

/** What each node has dropped between two readings; null: it doesn't say. */
export function dropsBetween(before: DropCounts, after: DropCounts): (number | null)[] {
  return before.map((count, node) => {
    const later = after[node] ?? null
    // A node that was started anew counts from 0.
    return count === null || later === null ? null : later >= count ? later - count : later
  })
}
