/**
 * What a node's memory is made of: a base, and so much for each connection, subscription and queued message; by ordinary least squares over plateaus.
 *
 * A plateau is a node in one run whose memory and connections have come to rest: while a broker still grows, each connection looks cheaper than it is.
 * What did not vary over the plateaus, or only together with something before it, has no slope of its own and is left out; its memory is in the others'.
 * So is what can't be told from nothing.
 */
import { tQuantile } from '../stats/distributions.ts'
import { mean } from '../stats/sample.ts'
import { formatCount } from '../units.ts'

export const REGRESSORS = ['connections', 'subscriptions', 'queued'] as const
export type Regressor = (typeof REGRESSORS)[number]

export interface Plateau {
  readonly memoryBytes: number
  readonly connections: number
  /** null: the node does not say. */
  readonly subscriptions: number | null
  readonly queued: number | null
}

export interface Slope {
  readonly bytes: number
  readonly standardError: number
  /** One-sided 95 %: it is surely not more. */
  readonly upperBytes: number
}

export interface MemoryModel {
  readonly baseBytes: number
  /** Of those that vary. */
  readonly slopes: Readonly<Partial<Record<Regressor, Slope>>>
  readonly plateaus: number
  /** The most that a node had in any plateau. */
  readonly most: Readonly<Partial<Record<Regressor, number>>>
  /** Left out, and why. */
  readonly leftOut: readonly string[]
}

export interface NoModel {
  readonly refusal: string
}

/** A line goes through any two; and what is in some runs only is whatever else these differ by. */
const LEAST_LEVELS = 3
/** Numbers that are nearer, as a share of the largest, are one. */
const SAME_LEVEL = 0.01
/** Below this share of what it could vary by itself, a column is a mixture of those before it. */
const OWN_SHARE = 1e-6

/** @param plateaus  at rest: see `isFlat` of evidence.ts */
export function memoryModel(plateaus: readonly Plateau[]): MemoryModel | NoModel {
  const leftOut: string[] = []
  const used: Regressor[] = []
  for (const name of REGRESSORS) {
    const column = plateaus.map((plateau) => plateau[name])
    const untold = column.filter((value) => value === null).length
    if (untold > 0) {
      if (untold < column.length) leftOut.push(`${name}: not told in ${formatCount(untold)} of ${plateauWords(column.length)}`)
      continue
    }
    const values = column as number[]
    const levels = levelsOf(values)
    if (levels <= 1) {
      if (name === 'connections')
        return { refusal: `connections hardly vary over ${plateauWords(plateaus.length)}: measure with other numbers of idle clients` }
      if (values.some((value) => value > 0)) leftOut.push(`${name}: as many in every plateau`)
    } else if (levels < LEAST_LEVELS && name !== 'connections') leftOut.push(`${name}: at two numbers only`)
    else if (ownShare(values, columnsOf(plateaus, used)) < OWN_SHARE)
      leftOut.push(`${name}: they vary only together with ${used.join(' and ')}`)
    else used.push(name)
  }
  const coefficients = used.length + 1
  if (plateaus.length < coefficients + 1) {
    return {
      refusal: `${plateauWords(plateaus.length)} for ${coefficients} unknowns (a base and ${used.join(', ')}): it takes at least ${coefficients + 1}`,
    }
  }
  for (;;) {
    const { baseBytes, slopes } = fitted(plateaus, used)
    // Nothing that a node holds makes its memory less: where the data says so, or can't tell, it has no price.
    const doubtful = used.filter((_, i) => surelyAtLeast(slopes[i]!) <= 0)
    if (doubtful.includes('connections') && doubtful.length === 1)
      return { refusal: [`memory does not surely grow with connections over ${plateauWords(plateaus.length)}`, ...leftOut].join('; ') }
    const worst = doubtful.filter((name) => name !== 'connections').at(-1)
    if (worst === undefined) {
      return {
        baseBytes,
        slopes: Object.fromEntries(used.map((name, i) => [name, slopes[i]!])),
        plateaus: plateaus.length,
        most: Object.fromEntries(used.map((name) => [name, Math.max(...plateaus.map((plateau) => plateau[name]!))])),
        leftOut,
      }
    }
    leftOut.push(`${worst}: what they take can’t be told from nothing`)
    used.splice(used.indexOf(worst), 1)
  }
}

/** How many different numbers there are. */
function levelsOf(values: readonly number[]): number {
  const least = SAME_LEVEL * Math.max(1, ...values)
  let last = Number.NEGATIVE_INFINITY
  return values
    .toSorted((a, b) => a - b)
    .filter((value) => {
      const isNew = value - last > least
      if (isNew) last = value
      return isNew
    }).length
}

function fitted(plateaus: readonly Plateau[], used: readonly Regressor[]): { baseBytes: number; slopes: Slope[] } {
  const fit = leastSquares(
    columnsOf(plateaus, used),
    plateaus.map(({ memoryBytes }) => memoryBytes),
  )
  const t = tQuantile(0.95, plateaus.length - used.length - 1)
  const slopes = used.map((_, i) => {
    const [bytes, standardError] = [fit.coefficients[i + 1]!, fit.errors[i + 1]!]
    return { bytes, standardError, upperBytes: bytes + t * standardError }
  })
  return { baseBytes: fit.coefficients[0]!, slopes }
}

function surelyAtLeast({ bytes, upperBytes }: Slope): number {
  return 2 * bytes - upperBytes
}

/**
 * Ordinary least squares with an intercept, which comes first. By orthogonal columns (Gram and Schmidt, twice): their squares would lose half of the digits.
 *
 * @param columns  independent of each other, and fewer than rows − 1
 */
export function leastSquares(columns: readonly (readonly number[])[], y: readonly number[]): { coefficients: number[]; errors: number[] } {
  const design = [y.map(() => 1), ...columns]
  const basis: number[][] = []
  const triangle: number[][] = []
  for (const column of design) {
    const { rest, along } = project(column, basis)
    const length = Math.sqrt(dot(rest, rest))
    triangle.push([...along, length])
    basis.push(rest.map((value) => value / length))
  }
  const { rest, along } = project(y, basis)
  const size = design.length
  const coefficients = backwards(triangle, along)
  const variance = dot(rest, rest) / (y.length - size)
  // The rows of the inverse triangle, whose lengths are the errors.
  const inverse = design.map((_, k) =>
    backwards(
      triangle,
      design.map((_, i) => (i === k ? 1 : 0)),
    ),
  )
  const errors = design.map((_, i) => Math.sqrt(variance * inverse.reduce((sum, column) => sum + column[i]! ** 2, 0)))
  return { coefficients, errors }
}

function columnsOf(plateaus: readonly Plateau[], names: readonly Regressor[]): number[][] {
  return names.map((name) => plateaus.map((plateau) => plateau[name]!))
}

/** How much of a column's variation the others don't have. */
function ownShare(column: readonly number[], others: readonly (readonly number[])[]): number {
  const basis: number[][] = []
  for (const other of [column.map(() => 1), ...others]) {
    const { rest } = project(other, basis)
    const length = Math.sqrt(dot(rest, rest))
    basis.push(rest.map((value) => value / length))
  }
  const middle = mean(column)
  const { rest } = project(column, basis)
  return dot(rest, rest) / column.reduce((sum, value) => sum + (value - middle) ** 2, 0)
}

/** What is left of a column, and how much of it lies along each vector. Twice, since once leaves rounding errors. */
function project(column: readonly number[], basis: readonly (readonly number[])[]): { rest: number[]; along: number[] } {
  let rest = [...column]
  const along = basis.map(() => 0)
  for (let pass = 0; pass < 2; pass++) {
    for (const [i, vector] of basis.entries()) {
      const part = dot(rest, vector)
      along[i]! += part
      rest = rest.map((value, row) => value - part * vector[row]!)
    }
  }
  return { rest, along }
}

/** @param triangle  by columns */
function backwards(triangle: readonly (readonly number[])[], right: readonly number[]): number[] {
  const answer: number[] = right.map(() => 0)
  for (let i = right.length - 1; i >= 0; i--) {
    const known = answer.reduce((sum, value, k) => (k > i ? sum + value * triangle[k]![i]! : sum), 0)
    answer[i] = (right[i]! - known) / triangle[i]![i]!
  }
  return answer
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

function plateauWords(count: number): string {
  return count === 1 ? '1 plateau' : `${formatCount(count)} plateaus`
}
