/**
 * From sums of cells to figures: which counters a figure is made of, and what its quantiles run over, which is what was wanted.
 */
import { type Histogram, summarize } from '../stats/histogram.ts'
import type { Cell } from '../stats/metrics.ts'
import { US_PER_S } from '../units.ts'
import type { Figures, LatencySummary } from './types.ts'

type Required<K extends keyof Figures> = { readonly [Name in K]-?: NonNullable<Figures[Name]> }

export function clientCounts({ counts }: Cell<'clients'>) {
  const { connected, failed, disconnected, reconnected } = counts
  return { connected, failed, disconnected, reconnected }
}

export function byteCounts({ counts }: Cell<'clients'>) {
  return { sent: counts.bytesSent, received: counts.bytesReceived }
}

export function subscriptionCounts({ counts }: Cell<'clients'>, planned: number) {
  return { planned, granted: counts.granted, refused: counts.refused }
}

/** What is known of connects. `planned` clients and `subscriptions` are what there should have been. */
export function clientFigures(cell: Cell<'clients'>, planned: number, subscriptions: number) {
  const { counts, latencies } = cell
  // What was asked for the first time and not answered at all.
  const unanswered = Math.max(0, subscriptions - counts.granted)
  return {
    connectUs: summarize(latencies.connect ?? null, Math.max(planned, latencies.connect?.count ?? 0)),
    subscribeUs: summarize(latencies.subscribe ?? null, (latencies.subscribe?.count ?? 0) + unanswered),
    connectLagUs: complete(latencies.connectLag),
    ...returnFigures(cell),
  }
}

/** What is known of clients that connected again, and of their sessions. */
export function returnFigures(cell: Cell<'clients'>): Required<'reconnectUs' | 'sessions' | 'offline' | 'unqueueUs'> {
  const { counts, latencies } = cell
  return {
    reconnectUs: summarize(latencies.reconnect ?? null, Math.max(returnsWanted(counts), latencies.reconnect?.count ?? 0)),
    sessions: sessionCounts(cell),
    offline: offlineCounts(cell),
    unqueueUs: complete(latencies.unqueue),
  }
}

export function sessionCounts({ counts }: Cell<'clients'>) {
  const { resumed, forgotten, takenOver, doubled } = counts
  return { resumed, forgotten, takenOver, doubled }
}

export function offlineCounts({ counts: { queued }, latencies }: Cell<'clients'>) {
  const unqueueS = (latencies.unqueue?.sum ?? 0) / US_PER_S
  return { queued, perSec: unqueueS > 0 ? Math.round((queued / unqueueS) * 10) / 10 : null }
}

/** Connections that were lost, and that churn wanted back. */
export function returnsWanted({ disconnected, returning }: Cell<'clients'>['counts']): number {
  return disconnected + returning
}

export function publishFigures({
  counts,
  latencies,
}: Cell<'publishes'>): Required<'publishes' | 'ackUs' | 'sendLagUs' | 'blockedUs' | 'roundTripUs'> {
  const { sent, acked, refused, dropped } = counts
  return {
    publishes: { planned: sent + dropped, sent, acked, refused, dropped },
    ackUs: summarize(latencies.ack ?? null, counts.ackWanted),
    sendLagUs: complete(latencies.sendLag),
    blockedUs: summarize(latencies.blocked ?? null, sent + dropped),
    roundTripUs: summarize(latencies.roundTrip ?? null, counts.replyWanted),
  }
}

export function deliveryFigures(
  { counts, latencies }: Cell<'deliveries'>,
  unverified = 0,
): Required<'deliveries' | 'endToEndUs'> & Pick<Figures, 'sameClockUs'> {
  const { owed, received, lost, excused, duplicated, reordered, unexpected, dropped } = counts
  const recorded = latencies.endToEnd?.count ?? 0
  // Streams that are only counted have deliveries without latencies: those are of what was verified.
  const timed = received - counts.untimedReceived
  const verified = Math.min(timed, recorded)
  const wanted = owed - counts.untimedOwed + dropped - (timed - verified)
  return {
    deliveries: { owed, received, lost, excused, duplicated, reordered, unexpected, unverified },
    endToEndUs: summarize(latencies.endToEnd ?? null, wanted, recorded - verified),
    ...(latencies.sameClock && { sameClockUs: sameClock(latencies.sameClock, recorded === 0 ? 1 : wanted / recorded) }),
  }
}

/** Of what is missing it is not known whose it was: each part has its share of it. */
function sameClock(histogram: Histogram, wantedShare: number): LatencySummary {
  return summarize(histogram, Math.max(histogram.count, Math.round(histogram.count * wantedShare)))
}

/** Of latencies that are told only where there is one: none is missing. */
export function complete(histogram: Histogram | undefined): LatencySummary {
  return summarize(histogram ?? null, histogram?.count ?? 0)
}
