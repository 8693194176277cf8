/**
 * Windows and faults: sums of seconds and of pieces of measure.
 *
 * What is told as it happens (latencies, arrivals, connections) is kept by second; what was owed and lost is known when all is over, by piece: an
 * account for each stretch between two moments at which a window begins or ends. A window is the seconds and pieces that lie in it.
 */
import { cellOf } from '../load/group.ts'
import { parseThreshold } from '../load/threshold.ts'
import { type Histogram, summarize } from '../stats/histogram.ts'
import type { Cell } from '../stats/metrics.ts'
import { type Seconds, secondOf } from '../stats/seconds.ts'
import { thousandths, US_PER_S } from '../units.ts'
import type { RunResult, Span } from './build.ts'
import { clientCounts, complete, deliveryFigures, publishFigures, returnFigures } from './figures.ts'
import type { FaultCounts, FaultFacts, FaultFigures, Spread, Unavailability, WillCounts, WindowFigures } from './types.ts'

/** Later than this is as good as lost, where no threshold says what late is. */
const LATE_US = US_PER_S
/** Of a fault that never began. */
const NEVER: Span = { name: '', startUs: 0, endUs: 0 }

/** By window, in the order of the run's. */
export function windowFigures(result: RunResult): Record<string, WindowFigures> {
  return Object.fromEntries(
    result.windows.map((span) => {
      const { clients, publishes, deliveries } = new Stretch(result, span)
      const { disconnected, reconnected } = clientCounts(clients)
      const figures = {
        startS: secondsOf(span.startUs),
        lengthS: secondsOf(span.endUs - span.startUs),
        clients: { disconnected, reconnected },
        ...publishFigures(publishes),
        ...deliveryFigures(deliveries),
        ...returnFigures(clients),
      }
      return [span.name, figures]
    }),
  )
}

/** By fault, in the order of the plan's. */
export function faultFigures(result: RunResult): Record<string, FaultFigures> {
  return Object.fromEntries(result.plan.faults.map(({ name, index }) => [name, figuresOf(result, name, result.faults[index]!)]))
}

function figuresOf(result: RunResult, name: string, facts: FaultFacts): FaultFigures {
  const span = result.windows.find((window) => window.name === `${name}-during`) ?? NEVER
  const stretch = new Stretch(result, span)
  const { counts, latencies } = stretch.clients
  const { owed, lost, duplicated } = stretch.deliveries.counts
  const { attempts, accepted } = peaksOf(result.seconds, stretch.hasSecond)
  const since = (timeUs: number | null) => (timeUs === null || facts.startUs === null ? null : secondsOf(timeUs - facts.startUs))
  const { reconnectUs } = returnFigures(stretch.clients)
  // A client that churn brings back makes an attempt, and has lost nothing.
  const tried = Math.max(counts.disconnected, latencies.connack?.count ?? 0)
  return {
    startS: facts.startUs === null ? null : secondsOf(facts.startUs),
    ended: since(facts.endUs),
    exec: facts.exec,
    struck: facts.struck,
    disconnected: counts.disconnected,
    detect: since(facts.detectedUs),
    restored: since(facts.restoredUs),
    recover: since(facts.recoveredUs),
    reconnect: spreadOf(latencies.reconnect, reconnectUs.count),
    resume: spreadOf(latencies.resume, counts.interrupted),
    attemptsPerClient: tried === 0 ? 0 : thousandths(counts.attempts / tried),
    peakAttemptsPerSec: attempts,
    peakAcceptedPerSec: accepted,
    tcpUs: complete(latencies.tcp),
    tlsUs: complete(latencies.tls),
    connackUs: complete(latencies.connack),
    owed,
    lost,
    duplicated,
    bySession: { clean: stretch.countsByQos(false), persistent: stretch.countsByQos(true) },
    wills: willsOf(result, span),
    takeovers: { count: counts.takenOver, doubled: counts.doubled },
    sessionsResumed: counts.resumed,
    sessionsForgotten: counts.forgotten,
    unavailability: unavailabilityOf(result, stretch, span),
    clientsPerNode: Object.fromEntries(result.plan.nodes.map((node, i) => [node.name, facts.connectedByNode[i] ?? 0])),
  }
}

/** The seconds and pieces of a window. */
class Stretch {
  readonly hasSecond: (second: number) => boolean
  readonly clients: Cell<'clients'>
  readonly publishes: Cell<'publishes'>
  readonly deliveries: Cell<'deliveries'>
  private readonly result: RunResult
  private readonly pieces: RunResult['pieces']

  constructor(result: RunResult, { startUs, endUs }: Span) {
    const { seconds, measureStartUs, pieces } = result
    this.result = result
    // The last second may be cut short by the end of measure: it belongs where it begins.
    this.hasSecond = (second) => {
      const timeUs = measureStartUs + second * US_PER_S
      return timeUs >= startUs && timeUs < endUs
    }
    this.pieces = pieces.filter((piece) => piece.startUs >= startUs && piece.endUs <= endUs)
    this.clients = seconds.sum('clients', (key) => this.hasSecond(secondOf.client(key)))
    this.publishes = seconds.sum('publishes', (key) => this.hasSecond(secondOf.publish(key).second))
    this.deliveries = this.sumDeliveries(() => true)
  }

  /** By QoS, of subscribers with a session that outlives their connection or without; a QoS of which there was nothing is left out. */
  countsByQos(isPersistent: boolean): Record<string, FaultCounts> {
    const byQos: Record<string, FaultCounts> = {}
    for (const qos of [0, 1, 2]) {
      const { counts } = this.sumDeliveries((of) => of.isPersistent === isPersistent && of.qos === qos)
      const { owed, lost, duplicated } = counts
      if (owed + duplicated > 0) byQos[qos] = { owed, lost, duplicated }
    }
    return byQos
  }

  private sumDeliveries(passes: (of: { readonly isPersistent: boolean; readonly qos: number }) => boolean): Cell<'deliveries'> {
    const total = this.result.seconds.sum('deliveries', (key) => {
      const of = secondOf.delivery(key)
      return this.hasSecond(of.second) && passes(of)
    })
    for (const { deliveries } of this.pieces) total.add(deliveries.sum((key) => passes(cellOf.delivery(key))))
    return total
  }
}

/** The most attempts, and the most accepted connections, in a second. */
function peaksOf(seconds: Seconds, hasSecond: (second: number) => boolean): { attempts: number; accepted: number } {
  const peaks = { attempts: 0, accepted: 0 }
  for (const [key, { counts, latencies }] of seconds.entries('clients')) {
    if (!hasSecond(secondOf.client(key))) continue
    peaks.attempts = Math.max(peaks.attempts, counts.attempts ?? 0)
    // A CONNACK's time is recorded where it accepts.
    peaks.accepted = Math.max(peaks.accepted, latencies.connack?.count ?? 0)
  }
  return peaks
}

function unavailabilityOf({ plan }: RunResult, { clients, deliveries }: Stretch, { startUs, endUs }: Span): Unavailability {
  const allUs = plan.clients * (endUs - startUs)
  const { owed, received, lost, dropped } = deliveries.counts
  const limitUs = lateLimitUs(plan.thresholds)
  // Some samples may have been excused later: they are taken for the fastest, so what is late is late of what was received.
  const late = Math.min(received, laterThan(deliveries.latencies.endToEnd, limitUs))
  return {
    // A connection lost in the window may come back behind it.
    clients: allUs === 0 ? 0 : Math.min(1, clients.counts.downUs / allUs),
    messages: owed + dropped === 0 ? null : (lost + dropped + late) / (owed + dropped),
    limitUs,
  }
}

/** The tightest threshold that nearly every message is to meet: one on the median says nothing of the late ones. */
function lateLimitUs(thresholds: readonly string[]): number {
  const limits = thresholds.flatMap((text) => {
    const threshold = parseThreshold(text)
    if ('problem' in threshold || !['<', '<='].includes(threshold.op)) return []
    return /\bendToEnd\.(p9\d+|max)$/.test(threshold.metric) ? [threshold.value] : []
  })
  return limits.length === 0 ? LATE_US : Math.min(...limits)
}

/** How many samples are above a limit: seen as quantiles are, by the highest value of their bucket. */
function laterThan(histogram: Histogram | undefined, limitUs: number): number {
  if (histogram === undefined) return 0
  let inTime = 0
  let upTo = histogram.count
  while (inTime < upTo) {
    const rank = Math.ceil((inTime + upTo) / 2)
    if (histogram.valueAtRank(rank) <= limitUs) inTime = rank
    else upTo = rank - 1
  }
  return histogram.count - inTime
}

function willsOf({ wills }: RunResult, { startUs, endUs }: Span): WillCounts {
  const counts = { fired: 0, missing: 0, false: 0 }
  for (const { atUs, outcome } of wills?.ended ?? []) if (atUs >= startUs && atUs < endUs) counts[outcome]++
  return counts
}

/** Of latencies in seconds; `wanted` is how many there should have been. */
function spreadOf(histogram: Histogram | undefined, wanted: number): Spread {
  const { count, p50, p99, max } = summarize(histogram ?? null, Math.max(wanted, histogram?.count ?? 0))
  const inSeconds = (us: number | null) => (us === null ? null : secondsOf(us))
  return { count, p50: inSeconds(p50), p99: inSeconds(p99), max: inSeconds(max) }
}

/** To the millisecond: no clock of a fault is finer. */
function secondsOf(us: number): number {
  return thousandths(us / US_PER_S)
}
