/**
 * The search for the highest load that still meets the SLO: which load to try next, and what the trials come to.
 *
 *   ramp      ×1.5 from the first load, up while it is good, or down until it is
 *   bisect    in logarithms, until the lowest bad load is at most `width` above the highest good one
 *   confirm   an interval of `width` about what was found, in long trials: its low end good in three of four, its high end bad in three of four; where
 *             one fails the interval moves, and it goes on; thrice the same way, and the ramp begins anew from there; and back, and it gets twice as
 *             wide, since trials scatter by more than it is
 *   revisit   the highest load of the ramp that was good, of those not above what was found: where it no longer is, twice, the cluster has not recovered
 *             from what came between
 *
 * The result is an interval and never a number: somewhere in it the SLO begins to fail. It is a pure machine, so that a search which was cut short goes
 * on from its trials, and a thousand searches can be simulated. After the MLRsearch of RFC 9971, with one goal.
 */
import type { SearchStatus, Trial, TrialVerdict } from './types.ts'

export interface SearchOptions {
  /** Times the scenario's own load: where it begins. */
  readonly from: number
  /** How much wider than its low end the interval may be: 0.05 is 5 %. */
  readonly width: number
  /** Loads below this are not tried. */
  readonly lowest: number
}

/** What to run next. */
export interface Attempt {
  readonly phase: Trial['phase']
  readonly factor: number
  /** A trial that decides, at full length; else one that shows the way. */
  readonly isLong: boolean
}

export type TrialOutcome = Pick<Trial, 'phase' | 'factor' | 'verdict'>

export interface SearchFound {
  readonly status: SearchStatus
  /** Factors: confirmed good, and bad; null: there was none. */
  readonly low: number | null
  readonly high: number | null
}

const GROWTH = 1.5
/** An end is what it is taken for in so many long trials, and is not in at most so many. */
const WANTED = 3
const FAILURES = 1
/** Trials that told nothing, one after the other: the machine or the broker is not fit for a search. */
const MOST_UNDECIDED = 4
/** As many in which the generator was the limit: a busy machine makes one or two of them. */
const MOST_INVALID = 3
/** So often the interval may move the same way: more says that the bracket which it was made of was wrong. */
const MOST_MOVES = 2
/** No search of a sane width takes so many. */
const MOST_TRIALS = 60

/** Long trials at one load. */
interface Ballot {
  good: number
  bad: number
}

export class Search {
  private readonly options: SearchOptions
  /** Of the interval. */
  private width: number
  /** The highest load that is taken for good, and the lowest that is taken for bad. */
  private low: number | null = null
  private high: number | null = null
  private readonly ballots = new Map<number, Ballot>()
  private isCentered = false
  /** From one load of the ramp to the next. */
  private growth = GROWTH
  /** A short trial was not sure: a long one is to tell. */
  private isUnsure = false
  /** Of the interval, one after the other: up is above 0. */
  private moves = 0
  /** Loads of the ramp that were good. */
  private readonly climbed: number[] = []
  private readonly revisited: TrialVerdict[] = []
  private undecided = 0
  private invalid = 0
  private trials = 0
  private status: SearchStatus | null = null

  constructor(options: SearchOptions) {
    this.options = options
    this.width = options.width
  }

  /** What to run next; null: it is over. */
  next(): Attempt | null {
    if (this.status !== null) return null
    const { low, high } = this
    const isLong = this.isUnsure
    if (low === null || high === null) return { phase: 'ramp', factor: this.rampFactor(), isLong }
    if (!this.isCentered) return { phase: 'bisect', factor: Math.sqrt(low * high), isLong }
    if (this.ballot(low).good < WANTED) return { phase: 'confirm', factor: low, isLong: true }
    if (this.ballot(high).bad < WANTED) return { phase: 'confirm', factor: high, isLong: true }
    const below = this.climbed.filter((factor) => factor <= low)
    return { phase: 'revisit', factor: below.length === 0 ? low : Math.max(...below), isLong: false }
  }

  /** @param outcome  of what `next` said */
  take({ phase, factor, verdict }: TrialOutcome): void {
    this.trials++
    // Where the generator can't do more, what was good until then is all that is known.
    this.invalid = verdict === 'invalid' ? this.invalid + 1 : 0
    if (verdict === 'invalid') {
      if (this.invalid >= MOST_INVALID) this.end('generatorLimited')
      return
    }
    this.undecided = verdict === 'undecided' ? this.undecided + 1 : 0
    if (this.undecided >= MOST_UNDECIDED || this.trials >= MOST_TRIALS) {
      this.end('inconclusive')
      return
    }
    const isToldLater = verdict === 'undecided' && !this.isUnsure && (phase === 'ramp' || phase === 'bisect')
    this.isUnsure = isToldLater
    if (isToldLater) return
    // What is not surely good is no load to promise.
    const isGoodTrial = verdict === 'good'
    if (phase === 'revisit') {
      this.revisited.push(verdict)
      // One trial in four may fail, so it is asked again, once.
      if (isGoodTrial || this.revisited.length > 1) this.end(isGoodTrial ? 'found' : 'inconclusive')
    } else if (phase === 'confirm') this.vote(factor, isGoodTrial)
    else {
      if (isGoodTrial) this.low = factor
      else this.high = factor
      if (isGoodTrial && phase === 'ramp') this.climbed.push(factor)
      if (phase === 'ramp') this.growth = Math.min(GROWTH, this.growth ** 2)
      if (this.low === null && factor / this.growth < this.options.lowest) this.end('belowLowest')
      this.center()
    }
  }

  get found(): SearchFound {
    return { status: this.status ?? 'interrupted', low: this.low, high: this.high }
  }

  /** What was good in the ramp and is not any more. */
  get hasHysteresis(): boolean {
    return this.revisited.at(-1) === 'bad'
  }

  private rampFactor(): number {
    if (this.low !== null) return this.low * this.growth
    return this.high === null ? this.options.from : this.high / this.growth
  }

  /** Where it is narrow enough, an interval as wide as was asked for takes the place of the bracket: its ends are further from what is in question. */
  private center(): void {
    const { low, high } = this
    if (low === null || high === null || high / low > 1 + this.width) return
    this.isCentered = true
    this.spread(Math.sqrt(low * high))
  }

  private spread(middle: number): void {
    this.low = middle / Math.sqrt(1 + this.width)
    this.high = middle * Math.sqrt(1 + this.width)
  }

  private vote(factor: number, isGoodTrial: boolean): void {
    if (factor !== this.low && factor !== this.high) return
    const ballot = this.ballot(factor)
    if (isGoodTrial) ballot.good++
    else ballot.bad++
    if (factor === this.low ? ballot.bad > FAILURES : ballot.good > FAILURES) this.move(factor === this.high)
  }

  private move(isUp: boolean): void {
    // What was voted on was another interval.
    this.ballots.clear()
    const isBack = isUp ? this.moves < 0 : this.moves > 0
    this.moves = isBack ? 0 : this.moves + (isUp ? 1 : -1)
    if (isBack) {
      this.width = (1 + this.width) ** 2 - 1
      this.spread(Math.sqrt(this.low! * this.high!))
    } else if (Math.abs(this.moves) > MOST_MOVES) this.reopen(isUp)
    else {
      // Half a step, so that the end which held is still near.
      const step = Math.sqrt(1 + this.width)
      this.low! *= isUp ? step : 1 / step
      this.high! *= isUp ? step : 1 / step
    }
  }

  /** The ramp begins anew from the end that held. It may well be near: steps grow from there. */
  private reopen(isUp: boolean): void {
    if (isUp) this.high = null
    else this.low = null
    this.isCentered = false
    this.moves = 0
    this.growth = (1 + this.width) ** 2
  }

  private ballot(factor: number): Ballot {
    const ballot = this.ballots.get(factor) ?? { good: 0, bad: 0 }
    this.ballots.set(factor, ballot)
    return ballot
  }

  private end(status: SearchStatus): void {
    this.status = status
  }
}
