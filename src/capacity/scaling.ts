/**
 * What so many nodes can do together, from searches at several sizes of the cluster; and when that can't be said.
 *
 * A law with three coefficients goes through three points whatever they are, and through four it is still anybody's guess how it goes on: fitted
 * on 1, 2 and 4 nodes of a data set that goes to 32, it is 55 % too low there; on 1, 2, 4 and 8 it is 44 % too high. So there is no law of fewer
 * than four sizes, none from fewer than three measurements of a size, and no number beyond twice the largest size. A refusal is a value with
 * words: what to measure. Beyond that only the envelope of line, Amdahl's law and the fit is shown.
 *
 * TRAP: `confint` of R's package usl takes t at 0.95 and n − 1 degrees of freedom: its "95 %" are 90 %. Here it is n − 3, two-sided.
 */
import { keyOf, random } from '../load/order.ts'
import { normalQuantile, tQuantile } from '../stats/distributions.ts'
import { mean } from '../stats/sample.ts'
import { formatCount } from '../units.ts'
import type { Quantity } from './types.ts'
import { fitUsl, nodesFor, type ScalePoint, throughputAt, type Usl, type UslFit } from './usl.ts'

export const FEWEST_SIZES = 4
export const FEWEST_MEASUREMENTS = 3
/** Times the largest size measured. */
export const FARTHEST = 2
const REPLICATES = 1000
const SEED = 42

/** One search at one size. */
export interface Measurement {
  readonly nodes: number
  /** The highest load that was confirmed good. */
  readonly perSec: number
  /** The lowest that was bad; null: none was. */
  readonly badPerSec: number | null
}

export interface Interval {
  readonly low: number
  readonly high: number
}

export interface SizeFigures {
  readonly nodes: number
  readonly measurements: number
  readonly meanPerSec: number
  /** The least of what was confirmed good, and the most of what was bad, or else of what was good. */
  readonly lowPerSec: number
  readonly highPerSec: number
}

/** A number; or why there is none, and what would give one. */
export type Prediction =
  | { readonly quantity: Quantity; readonly refusal: null; readonly envelope: Interval }
  | { readonly quantity: null; readonly refusal: Refusal; readonly envelope: Interval | null }

export interface Refusal {
  readonly reason: string
  /** `measure at 5 nodes or more, three times`. */
  readonly measure: string
}

/** The law with all that is known of how sure it is. */
export interface Law {
  readonly fit: UslFit
  /** 95 %, Student's t with n − 3 degrees of freedom; null: a coefficient sits on its bound, and only `resampled` says something. */
  readonly confidence: Readonly<Record<keyof Usl, Interval>> | null
  /** 5 % to 95 % of a thousand fits to measurements that were drawn anew within each size. */
  readonly resampled: Readonly<Record<keyof Usl, Interval>>
  readonly amdahl: Usl
  readonly line: Usl
}

export interface ScalingOptions {
  readonly replicates?: number
  readonly seed?: number
}

/** What is known of how throughput grows with nodes, as reports have it. */
export interface ScalingFigures {
  /** By nodes. */
  readonly sizes: readonly SizeFigures[]
  readonly law: Law | null
  /** Why there is no law. */
  readonly refusal: Refusal | null
}

/** The sizes, the law through them where there can be one, and what it says of other sizes. */
export class Scaling implements ScalingFigures {
  readonly sizes: readonly SizeFigures[]
  readonly law: Law | null
  readonly refusal: Refusal | null
  private readonly laws: readonly Usl[]

  constructor(measurements: readonly Measurement[], { replicates = REPLICATES, seed = SEED }: ScalingOptions = {}) {
    this.sizes = bySize(measurements)
      .map(({ nodes, some }): SizeFigures => {
        const good = some.map(({ perSec }) => perSec)
        const bad = some.map(({ perSec, badPerSec }) => badPerSec ?? perSec)
        return {
          nodes,
          measurements: some.length,
          meanPerSec: mean(good),
          lowPerSec: Math.min(...good),
          highPerSec: Math.max(...bad),
        }
      })
      .sort((a, b) => a.nodes - b.nodes)
    this.refusal = refusalOf(this.sizes)
    this.laws = this.refusal === null ? resample(measurements, replicates, seed) : []
    this.law = this.refusal === null ? lawOf(measurements, this.laws) : null
  }

  get figures(): ScalingFigures {
    const { sizes, law, refusal } = this
    return { sizes, law, refusal }
  }

  get largest(): number {
    return this.sizes.at(-1)?.nodes ?? 0
  }

  /** What so many nodes can do. */
  predict(nodes: number): Prediction {
    const { law, sizes, largest } = this
    const own = sizes.find((size) => size.nodes === nodes && size.measurements >= FEWEST_MEASUREMENTS)
    if (own !== undefined) return measured(own)
    if (law === null) return { quantity: null, refusal: this.refusal!, envelope: null }
    const smallest = sizes[0]!.nodes
    const band = bandOf(this.laws.map((one) => throughputAt(one, nodes)))
    const shapes = [law.fit, law.amdahl, law.line].map((one) => throughputAt(one, nodes))
    const envelope = { low: Math.min(band.low, ...shapes), high: Math.max(band.high, ...shapes) }
    if (nodes < smallest || nodes > FARTHEST * largest) return { quantity: null, refusal: tooFar(nodes, smallest, largest), envelope }
    const value = throughputAt(law.fit, nodes)
    const of = `the scaling law of ${sizeWords(sizes)}`
    if (nodes <= largest) {
      const range = { low: Math.min(band.low, value), high: Math.max(band.high, value) }
      return { quantity: { value, range, provenance: 'interpolated', basis: of }, refusal: null, envelope }
    }
    const basis = `${of}, × ${factorWords(nodes / largest)} beyond`
    return { quantity: { value, range: envelope, provenance: 'extrapolated', basis }, refusal: null, envelope }
  }

  /** The smallest size that surely does so much: by the low end of what is known of it. */
  nodesFor(perSec: number): { readonly nodes: number; readonly refusal: null } | { readonly nodes: null; readonly refusal: Refusal } {
    for (let nodes = 1; nodes <= FARTHEST * this.largest; nodes++) {
      const { quantity } = this.predict(nodes)
      if (quantity !== null && quantity.range!.low >= perSec) return { nodes, refusal: null }
    }
    if (this.law === null) return { nodes: null, refusal: this.refusal! }
    return { nodes: null, refusal: this.unreached(perSec) }
  }

  /**
   * Fewer surely don't do so much: no cluster that follows such a law does more per node than a smaller one, so each does at most its share of the
   * next smaller that was measured. Of fewer nodes than the smallest nothing is known.
   */
  fewestFor(perSec: number): number {
    const most = (nodes: number) => {
      const smaller = this.sizes.findLast((size) => size.nodes <= nodes)
      return smaller === undefined ? Infinity : (smaller.highPerSec * nodes) / smaller.nodes
    }
    for (let nodes = 1; nodes < this.largest; nodes++) if (most(nodes) >= perSec) return nodes
    return Math.max(this.largest, Math.ceil((perSec * this.largest) / most(this.largest) - 1e-9))
  }

  /** Whether a cluster of this size lies between two measured ones that both do so much: with one peak, no size between does less than both. */
  isBetween(nodes: number, perSec: number): boolean {
    const enough = this.sizes.filter((size) => size.measurements >= FEWEST_MEASUREMENTS && size.lowPerSec >= perSec)
    return enough.some((size) => size.nodes <= nodes) && enough.some((size) => size.nodes >= nodes)
  }

  private unreached(perSec: number): Refusal {
    const { largest, law } = this
    const wanted = Math.max(nodesFor(law!.fit, perSec) ?? 0, this.fewestFor(perSec), FARTHEST * largest + 1)
    return {
      reason: `nothing up to ${formatCount(FARTHEST * largest)} nodes, twice the largest size measured, surely does ${formatCount(perSec)}/s`,
      measure: measureWords(wanted),
    }
  }
}

/** 95 %, by Student's t with n − 3 degrees of freedom; null: the fit has no standard errors. */
export function confidenceOf(fit: UslFit): Law['confidence'] {
  const { standardErrors: errors, degreesOfFreedom } = fit
  if (errors === null) return null
  const t = tQuantile(0.975, degreesOfFreedom)
  return eachCoefficient((key) => ({ low: fit[key] - t * errors[key], high: fit[key] + t * errors[key] }))
}

/** `1 node`, `12 nodes`. */
export function nodeWords(count: number): string {
  return count === 1 ? '1 node' : `${formatCount(count)} nodes`
}

/** What is known, in words: `1, 2 and 4 nodes`. */
export function sizeWords(sizes: readonly SizeFigures[]): string {
  const names = sizes.map(({ nodes }) => formatCount(nodes))
  const unit = names.length === 1 && names[0] === '1' ? 'node' : 'nodes'
  return `${names.join(', ').replace(/, ([^,]*)$/, ' and $1')} ${unit}`
}

/** The law, or why there is none and what would give one, in a sentence. */
export function lawWords({ law, refusal }: ScalingFigures, formatLoad: (perSec: number) => string): string {
  if (law === null) return `No scaling law: ${refusal!.reason}. To have one: ${refusal!.measure}.`
  const { fit, resampled } = law
  const short = (value: number) => String(Number(value.toPrecision(3)))
  const coefficient = (key: 'alpha' | 'beta') => `${short(fit[key])} (${short(resampled[key].low)} … ${short(resampled[key].high)})`
  return `Scaling law: γ ${formatLoad(fit.gamma)}, α ${coefficient('alpha')}, β ${coefficient('beta')}; 5 % to 95 % of a thousand fits, R² ${fit.r2.toFixed(4)}.`
}

/** 1.6, 20. */
export function factorWords(factor: number): string {
  return String(Number(factor.toPrecision(2)))
}

function measured(size: SizeFigures): Prediction {
  const { nodes, measurements, meanPerSec, lowPerSec, highPerSec } = size
  const range = { low: lowPerSec, high: highPerSec }
  const basis = `${measurements} searches with ${nodeWords(nodes)}`
  return { quantity: { value: meanPerSec, range, provenance: 'measured', basis }, refusal: null, envelope: range }
}

function refusalOf(sizes: readonly SizeFigures[]): Refusal | null {
  if (sizes.length === 0)
    return { reason: 'no size of the cluster was measured', measure: 'search at four sizes or more, three times each' }
  const thin = sizes.filter(({ measurements }) => measurements < FEWEST_MEASUREMENTS)
  const again = thin.length === 0 ? '' : `again with ${sizeWords(thin)}`
  if (sizes.length < FEWEST_SIZES) {
    const more = `search at ${FEWEST_SIZES - sizes.length} more ${sizes.length === FEWEST_SIZES - 1 ? 'size' : 'sizes'}, three times each`
    return {
      reason: `a scaling law needs four sizes of the cluster, and there are ${sizes.length}: ${sizeWords(sizes)}`,
      measure: again === '' ? more : `${more}, and ${again} until there are three of each`,
    }
  }
  if (thin.length === 0) return null
  return {
    reason: `a scaling law needs three measurements of each size, and of ${sizeWords(thin)} there are fewer`,
    measure: `search ${again}`,
  }
}

function tooFar(nodes: number, smallest: number, largest: number): Refusal {
  if (nodes < smallest) {
    return {
      reason: `${formatCount(nodes)} nodes are fewer than the ${formatCount(smallest)} of the smallest size measured`,
      measure: `search with ${formatCount(nodes)}, three times`,
    }
  }
  return {
    reason: `${formatCount(nodes)} nodes are × ${factorWords(nodes / largest)} the largest size measured, and nothing can be said beyond × ${FARTHEST}`,
    measure: measureWords(nodes),
  }
}

function measureWords(nodes: number): string {
  return `search with ${formatCount(Math.ceil(nodes / FARTHEST))} nodes or more, three times`
}

function lawOf(points: readonly ScalePoint[], laws: readonly Usl[]): Law {
  const fit = fitUsl(points)
  return {
    fit,
    confidence: confidenceOf(fit),
    resampled: eachCoefficient((key) => bandOf(laws.map((one) => one[key]))),
    amdahl: fitUsl(points, { beta: 0 }),
    line: fitUsl(points, { alpha: 0, beta: 0 }),
  }
}

function eachCoefficient(of: (key: keyof Usl) => Interval): Readonly<Record<keyof Usl, Interval>> {
  return { gamma: of('gamma'), alpha: of('alpha'), beta: of('beta') }
}

/**
 * Fits to measurements that are drawn anew, with replacement, within each size.
 *
 * Drawn from n values, the spread comes out smaller than it is by √((n − 1)/n), a fifth with three; and with few values in all it is itself known
 * badly, which is what Student's t has over the normal distribution. They are moved away from their mean by both.
 */
function resample(measurements: readonly Measurement[], replicates: number, seed: number): Usl[] {
  const start = fitUsl(measurements)
  const freedom = Math.max(1, measurements.length - bySize(measurements).length)
  const unsure = tQuantile(0.95, freedom) / normalQuantile(0.95)
  const sizes = bySize(measurements).map(({ nodes, some }) => {
    const values = some.map(({ perSec }) => perSec)
    const middle = mean(values)
    const stretch = values.length === 1 ? 0 : unsure * Math.sqrt(values.length / (values.length - 1))
    return { nodes, key: keyOf(seed, 'scaling', nodes), values: values.map((value) => middle + (value - middle) * stretch) }
  })
  return Array.from({ length: replicates }, (_, replicate) => {
    const drawn = sizes.flatMap(({ nodes, key, values }) =>
      values.map((_, i) => ({ nodes, perSec: values[Math.floor(random(key, replicate, i) * values.length)]! })),
    )
    return fitUsl(drawn, {}, start)
  })
}

function bySize(measurements: readonly Measurement[]): { nodes: number; some: Measurement[] }[] {
  const sizes = [...new Set(measurements.map(({ nodes }) => nodes))]
  return sizes.map((nodes) => ({ nodes, some: measurements.filter((one) => one.nodes === nodes) }))
}

function bandOf(values: readonly number[]): Interval {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!
  return { low: at(0.05), high: at(0.95) }
}
