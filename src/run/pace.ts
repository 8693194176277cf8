/**
 * The pace of a run: what is normal, from the seconds before a fault, and whether ten seconds behind it are as good.
 *
 * Rates are compared to what came due at the time, as ratios: then neither a load curve nor the chance of Poisson arrivals looks like a fault.
 * What came due is known exactly: what was sent, and dropped, and what the backlog grew by. Where nothing is received the ratio is of
 * what was sent; where nothing comes due at all it is clients connected that count.
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
  /** For each message that came due; null: nothing did, or nothing came of it. */
  readonly receivedRatio: number | null
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

/**
 * What is normal: from all seconds of a calm. Where it has fewer than ten, those before it back to the start of publishing help out, and where
 * there are none, how many clients the connect phase has left connected.
 *
 * @param calm  measured before the fault, and when publishing began
 */
export function normalOf(
  seconds: readonly Second[],
  calm: { readonly originUs: number; readonly fromUs: number; readonly toUs: number },
): Normal {
  const before = seconds.flatMap((second, i) => (second.toUs <= calm.toUs ? [i] : []))
  const published = before.filter((i) => seconds[i]!.fromUs >= calm.originUs)
  const calmCount = published.filter((i) => seconds[i]!.fromUs >= calm.fromUs).length
  const taken = published.length > 0 ? published.slice(-Math.max(calmCount, STEADY_SECONDS)) : before.slice(-1)
  const all = taken.map((i) => seconds[i]!)
  const due = sumOf(taken, (i) => dueIn(seconds, i))
  const ratio = (sum: number) => (due > 0 && sum > 0 ? sum / due : null)
  const most = (of: (second: Second) => number) => Math.max(0, ...all.map(of))
  return {
    receivedRatio: ratio(sumOf(all, ({ received }) => received)),
    sentRatio: ratio(sumOf(all, ({ sent }) => sent)),
    connected: sumOf(all, ({ connected }) => connected) / Math.max(1, all.length),
    leastConnected: Math.min(...(all.length === 0 ? [0] : all.map(({ connected }) => connected))),
    backlog: most(({ backlog }) => backlog),
    missing: most(({ missing }) => missing),
  }
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
  if (ratio === null || due <= 1) return sumOf(ten, ({ connected }) => connected) >= STEADY_SHARE * normal.connected * STEADY_SECONDS
  const came = sumOf(ten, normal.receivedRatio === null ? ({ sent }) => sent : ({ received }) => received)
  // One message on its way when the tenth second ends is none that is lacking, even where it is more than 1 % of them.
  return came >= Math.min(STEADY_SHARE * due, due - 1) * ratio
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
