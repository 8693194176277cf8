/**
 * The pace of a run: what is normal, from the seconds before a fault, and whether ten seconds behind it are as good.
 *
 * Rates are compared to what came due at the time, as ratios: then neither a load curve nor the chance of Poisson arrivals looks like a fault.
 * What came due is known exactly: what was sent, and dropped, and what the backlog grew by. Where nothing is received the ratio is of
 * what was sent; where nothing came due at all, or nobody knows since no second has passed, it is clients connected that count, and what comes
 * due now has to be sent.
 *
 * What had waited must not make up for what does not come: deliveries out of queues, wherever they are, are left out, and a second is good only
 * if nothing waited with the publishers at its beginning either. Nor is it good while somebody is missing.
 */

/** A second of the run, of all workers. */
export interface Second {
  readonly fromUs: number
  readonly toUs: number
  readonly sent: number
  readonly dropped: number
  /** Fresh: what had come due shortly before. */
  readonly received: number
  /** These at the end of the second. */
  readonly backlog: number
  readonly connected: number
  readonly connectedByNode: readonly number[]
  readonly missing: number
}

/** What was normal before a fault. */
export interface Normal {
  /** For each message that came due; null: nothing did, or nothing was received. */
  readonly receivedRatio: number | null
  /** 1 at the most; null: nothing came due. */
  readonly sentRatio: number | null
  readonly connected: number
  readonly leastConnected: number
  /** The most of any second. */
  readonly backlog: number
  readonly missing: number
}

/** So many good seconds in a row, together as good as this, are a recovery. */
export const STEADY_SECONDS = 10
const STEADY_SHARE = 0.99
/** Of what comes due in a second: so much is on its way when it ends. */
const WAITING_SHARE = 0.01
/** In so many seconds all has come that is fresh still and came due before them (FRESH_US of load/receiver.ts). */
const LATE_SECONDS = 2

/** The time before a fault. */
export interface Calm {
  /** When publishing began. */
  readonly originUs: number
  readonly fromUs: number
  readonly toUs: number
  /** Clients that are there when publishing begins. */
  readonly connected: number
}

/**
 * What is normal: from all seconds of a calm. Where it has fewer than ten, those before it back to the start of publishing help out. Seconds
 * before that say nothing of it: churn has taken nobody away yet.
 */
export function normalOf(seconds: readonly Second[], calm: Calm): Normal {
  const published = seconds.flatMap(({ fromUs, toUs }, i) => (fromUs >= calm.originUs && toUs <= calm.toUs ? [i] : []))
  if (published.length === 0) {
    const { connected } = calm
    return { receivedRatio: null, sentRatio: null, connected, leastConnected: connected, backlog: 0, missing: 0 }
  }
  const calmCount = published.filter((i) => seconds[i]!.fromUs >= calm.fromUs).length
  const taken = published.slice(-Math.max(calmCount, STEADY_SECONDS))
  const all = taken.map((i) => seconds[i]!)
  const connected = all.map((second) => second.connected)
  const sentRatio = ratioOf(seconds, taken, ({ sent }) => sent)
  return {
    receivedRatio: receivedRatio(seconds, taken),
    sentRatio: sentRatio === null ? null : Math.min(1, sentRatio),
    connected: sumOf(connected, (count) => count) / all.length,
    leastConnected: Math.min(...connected),
    backlog: Math.max(...all.map(({ backlog }) => backlog)),
    missing: Math.max(...all.map(({ missing }) => missing)),
  }
}

/** What came due before a calm and is received in it, out of queues that a fault has left, is no part of its pace: it could not be met again. */
function receivedRatio(seconds: readonly Second[], taken: readonly number[]): number | null {
  const received = (second: Second) => second.received
  const whole = ratioOf(seconds, taken, received) || null
  if (whole === null || taken.length < STEADY_SECONDS) return whole
  return Math.min(whole, ratioOf(seconds, taken.slice(LATE_SECONDS), received) || whole)
}

/** null: nothing came due. */
function ratioOf(seconds: readonly Second[], taken: readonly number[], of: (second: Second) => number): number | null {
  const due = sumOf(taken, (i) => dueIn(seconds, i))
  return due > 0 ? sumOf(taken, (i) => of(seconds[i]!)) / due : null
}

/** Whether the ten seconds from `first` on are as good as normal. */
export function isSteady(seconds: readonly Second[], first: number, normal: Normal): boolean {
  const indices = Array.from({ length: STEADY_SECONDS }, (_, i) => first + i)
  if (indices.some((i) => isOverloaded(seconds, i - 1, normal) || isOverloaded(seconds, i, normal))) return false
  const ten = indices.map((i) => seconds[i]!)
  if (ten.some(({ missing }) => missing > normal.missing)) return false
  const due = sumOf(indices, (i) => dueIn(seconds, i))
  const ratio = normal.receivedRatio ?? normal.sentRatio
  // With a message or less in ten seconds there is no rate.
  const isByClients = !ratio || due <= 1
  if (isByClients && sumOf(ten, ({ connected }) => connected) < STEADY_SHARE * normal.connected * STEADY_SECONDS) return false
  const came = sumOf(ten, normal.receivedRatio === null ? ({ sent }) => sent : ({ received }) => received)
  // One message on its way when the tenth second ends is none that is lacking, even where it is more than 1 % of them.
  return came >= Math.min(STEADY_SHARE * due, due - 1) * (ratio ?? 1)
}

/** Whether more waits at the end of a second than normal. */
export function isOverloaded(seconds: readonly Second[], i: number, normal: Normal): boolean {
  const second = seconds[i]
  return second !== undefined && second.backlog > Math.max(normal.backlog, Math.ceil(WAITING_SHARE * dueIn(seconds, i)))
}

/** Messages that came due in a second. */
function dueIn(seconds: readonly Second[], i: number): number {
  const { sent, dropped, backlog } = seconds[i]!
  return sent + dropped + backlog - (seconds[i - 1]?.backlog ?? 0)
}

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0)
}
