/**
 * The watch: reads the nodes' own figures from before the first client connects until drain is over, and says at the end what they were in measure.
 *
 * A source that fails is said once, and the run goes on. Of several sources of a node, each need is told by one of them, so that nothing is mixed: memory
 * and CPU by its process, where that is seen, and everything else by the first that tells it.
 */
import { COUNTERS, GAUGES, type Need } from '../load/metrics-source.ts'
import type { GaugeFigures } from '../report/metrics-types.ts'
import type { Watched } from '../report/node-metrics.ts'
import { thousandths, US_PER_S } from '../units.ts'
import { overTime } from './over-time.ts'
import { counterFigures, gaugeFigures, rateFigures, riseOf, Series, type Span } from './series.ts'
import type { Source } from './source.ts'

export interface WatchedNode {
  readonly name: string
  /** Empty: nothing is read. */
  readonly sources: readonly Source[]
}

/** One reading, as metrics.ndjson has it: what was told, by name of the need. */
export interface ReadingRow extends Readonly<Partial<Record<Need, number>>> {
  /** From the start of the run. */
  readonly tS: number
  readonly node: string
  readonly source: string
}

export interface WatchOptions {
  readonly nodes: readonly WatchedNode[]
  /** µs since the run's epoch. */
  readonly clock: () => number
  readonly onReading: (row: ReadingRow) => void
  /** A source fails, for the first time. */
  readonly onTrouble: (node: string, source: string, words: string) => void
  /** Nothing is read any more. */
  readonly onEnd: () => void
}

interface Kept {
  readonly source: Source
  readonly series: Series
  failures: number
  /** Why it failed, the first time. */
  trouble: string
}

/** Nobody waits longer for what a source tells first. */
const FIRST_MS = 2000
/** What a node does before anybody connects is looked at for so long. */
const BEFORE_MS = 2000

export class Watch {
  /** It is known what was before; the first client may connect. */
  readonly ready: Promise<void>
  private readonly options: WatchOptions
  private readonly kept: readonly (readonly Kept[])[]
  private readonly ours: readonly Series[]
  private readyUs = Number.POSITIVE_INFINITY
  private isEnded = false

  /** Begins to read at once. */
  constructor(options: WatchOptions) {
    this.options = options
    const fresh = (source: Source): Kept => ({ source, series: new Series(), failures: 0, trouble: '' })
    this.kept = options.nodes.map(({ sources }) => sources.map(fresh))
    this.ours = options.nodes.map(() => new Series())
    this.ready = this.begin()
  }

  /** Readings are in step with this moment from now on, the start of measure. */
  align(atUs: number): void {
    for (const { source } of this.kept.flat()) source.align(atUs)
  }

  /** How many of our clients are connected, by node. */
  connected(atUs: number, byNode: readonly number[]): void {
    for (const [node, series] of this.ours.entries()) series.add(atUs, { connections: byNode[node]! })
  }

  /** Reads no more. May be called twice. */
  end(): void {
    if (this.isEnded) return
    this.isEnded = true
    for (const { source } of this.kept.flat()) source.end()
    this.options.onEnd()
  }

  /** By node; null: nothing was asked of it. */
  figures(span: Span): (Watched | null)[] {
    return this.kept.map((kept, node) => (kept.length === 0 ? null : this.nodeFigures(kept, node, span)))
  }

  private async begin(): Promise<void> {
    const firsts = this.options.nodes.flatMap((_, node) => this.kept[node]!.map((kept) => this.first(node, kept)))
    const wait = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))
    await Promise.race([Promise.all(firsts), wait(FIRST_MS)])
    await wait(BEFORE_MS)
    this.readyUs = this.options.clock()
  }

  /** Resolves when it has told something, or can't. */
  private first(node: number, kept: Kept): Promise<void> {
    const { name } = this.options.nodes[node]!
    return new Promise((resolve) => {
      kept.source.begin({
        onReading: (atUs, values) => {
          kept.series.add(atUs, values)
          this.options.onReading({ tS: thousandths(atUs / US_PER_S), node: name, source: kept.source.words, ...values })
          resolve()
        },
        onFailure: (words) => {
          if (kept.failures++ === 0) {
            kept.trouble = words
            this.options.onTrouble(name, kept.source.words, words)
          }
          resolve()
        },
      })
    })
  }

  private nodeFigures(kept: readonly Kept[], node: number, span: Span): Watched {
    const teller = (need: Need) => kept.find(({ series }) => series.has(need))
    const points = (need: Need) => teller(need)?.series.points(need) ?? []
    const cpu = kept.find(({ series }) => series.has('cpuSeconds') || series.has('cpuCores'))
    const isCounted = cpu?.series.has('cpuSeconds') === true
    const gauge = (need: (typeof GAUGES)[number]) => gaugeFigures(points(need), this.readyUs, span)
    const counter = (need: (typeof COUNTERS)[number]) => counterFigures(points(need), span)
    const cpuCores = isCounted
      ? rateFigures(cpu.series.points('cpuSeconds'), this.readyUs, span)
      : gaugeFigures(cpu?.series.points('cpuCores') ?? [], this.readyUs, span)
    const lengthS = (span.endUs - span.startUs) / US_PER_S
    const troubles = kept.filter(({ failures }) => failures > 0).map((one) => troubleWords(one))
    const telling = kept.filter(({ series }) => series.count > 0)
    return {
      source: (telling.length > 0 ? telling : kept).map(({ source }) => source.words).join(' + '),
      readings: kept.reduce((sum, { series }) => sum + series.count, 0),
      ...(teller('memoryBytes')?.source.isOfMachine && { isOfMachine: true as const }),
      ...(troubles.length > 0 && { trouble: troubles.join('; ') }),
      connections: gauge('connections'),
      subscriptions: gauge('subscriptions'),
      queued: gauge('queued'),
      memoryBytes: gauge('memoryBytes'),
      cpuCores,
      messagesIn: counter('messagesIn'),
      messagesOut: counter('messagesOut'),
      dropped: counter('dropped'),
      overTime: overTime({
        ...Object.fromEntries([...GAUGES, ...COUNTERS].map((need) => [need, points(need)])),
        cpuSeconds: isCounted ? cpu.series.points('cpuSeconds') : [],
      }),
      connected: gaugeFigures(this.ours[node]!.points('connections'), this.readyUs, span)?.mean ?? null,
      cpuUsedS: usedS(isCounted ? riseOf(cpu.series.points('cpuSeconds'), span) : null, cpuCores, lengthS),
      lengthS,
    }
  }
}

/** Above idle. Where CPU time is told it is of what the readings cover: of a node that died, until then. */
function usedS(
  rise: { readonly count: number; readonly lengthS: number } | null,
  cores: GaugeFigures | null,
  lengthS: number,
): number | null {
  if (cores === null || cores.before === null) return null
  return rise === null ? (cores.mean - cores.before) * lengthS : rise.count - cores.before * rise.lengthS
}

/** `process: no such process (in 5 of 30 readings)`. */
function troubleWords({ source, series, failures, trouble }: Kept): string {
  return `${source.words}: ${trouble} (${failures} of ${failures + series.count} readings)`
}
