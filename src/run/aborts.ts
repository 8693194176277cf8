/**
 * Ends a run early where a threshold with `abortOnFail` does not hold: once a second, from its grace after its figures begin.
 *
 * The first that does not hold ends measure, or what is before it; the others are still held against the finished report, like all thresholds.
 */
import { assert } from '../errors.ts'
import { isOfConnections } from '../load/abort.ts'
import type { Plan } from '../load/plan.ts'
import { formatMetric, parseThreshold } from '../load/threshold.ts'
import type { Abort } from '../report/build.ts'
import type { ReportFolder } from '../report/folder.ts'
import { LiveThreshold, type Told } from '../report/live.ts'
import type { MetricsDelta } from '../stats/metrics.ts'
import { formatDuration, US_PER_S } from '../units.ts'

const ENDABLE = ['connect', 'warmUp', 'measure']

export interface AbortOptions {
  readonly folder: Pick<ReportFolder, 'event'>
  readonly listener: { onAbort(words: string): void }
}

interface Watched {
  readonly live: LiveThreshold
  readonly isOfConnections: boolean
  readonly graceUs: number
}

export class Aborts {
  /** null: nothing has ended the run. */
  abort: Abort | null = null
  private readonly watched: readonly Watched[]
  private readonly options: AbortOptions
  private readonly phases = new Map<string, number>()
  private current = ''

  constructor(plan: Plan, options: AbortOptions) {
    this.options = options
    this.watched = plan.aborts.map(({ expect, graceUs }) => {
      const threshold = parseThreshold(expect)
      assert('metric' in threshold, 'the scenario was refused if a threshold is wrong')
      return { live: new LiveThreshold(plan, threshold), isOfConnections: isOfConnections(threshold.metric), graceUs }
    })
  }

  /** A phase begins, µs since the epoch. */
  phase(name: string, startUs: number): void {
    this.phases.set(name, startUs)
    this.current = name
  }

  /** What a member has measured since it last said so. */
  take(gained: MetricsDelta): void {
    for (const { live } of this.watched) live.take(gained)
  }

  /** A second is whole: `toUs` is its end. @param clockBoundUs  how far the clocks of two members may differ; null: they have one */
  second(toUs: number, told: Told, clockBoundUs: number | null): void {
    for (const { live, isOfConnections, graceUs } of this.watched) {
      // What is late is known from what was seen before: it looks during the grace too.
      const { actual, ok } = live.look(told, clockBoundUs)
      const fromUs = this.phases.get(isOfConnections ? 'connect' : 'measure') ?? Number.POSITIVE_INFINITY
      if (ok || !this.canEnd || toUs < fromUs + graceUs) continue
      const { text, kind } = live.threshold
      const figure = actual === Number.POSITIVE_INFINITY ? '∞' : formatMetric(kind, actual!)
      const words = `after ${this.sincePhase(toUs)} of ${this.current}: ${text} did not hold: ${figure}`
      this.abort = { expect: text, atUs: toUs, words }
      this.options.folder.event(toUs / US_PER_S, 'abort', { expect: text, words })
      this.options.listener.onAbort(words)
    }
  }

  /** Behind measure nothing can be cut short any more. */
  private get canEnd(): boolean {
    return this.abort === null && ENDABLE.includes(this.current)
  }

  private sincePhase(atUs: number): string {
    const wholeSeconds = Math.max(1, Math.round((atUs - this.phases.get(this.current)!) / US_PER_S))
    return formatDuration(wholeSeconds * US_PER_S)
  }
}
