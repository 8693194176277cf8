/**
 * The Universal Scalability Law: how throughput grows with the nodes of a cluster.
 *
 *              γ N
 *   X(N) = ───────────────────────────       γ  throughput of one node
 *          1 + α (N − 1) + β N (N − 1)       α  contention: what only one can do at a time
 *                                            β  coherency: what each has to agree on with every other
 *
 * N. J. Gunther, Guerrilla Capacity Planning (2007), eq. 4.31. With β = 0 it is Amdahl's law, with α = β = 0 a line. A fit always has an answer;
 * whether it is worth anything is for `scaling.ts` to say.
 */

export interface Usl {
  readonly gamma: number
  readonly alpha: number
  readonly beta: number
}

export interface ScalePoint {
  readonly nodes: number
  /** What so many nodes can do, in one measurement. */
  readonly perSec: number
}

export interface UslFit extends Usl {
  /** Residual sum of squares. */
  readonly rss: number
  readonly degreesOfFreedom: number
  /** Coefficient of determination; 1 where nothing is left over. */
  readonly r2: number
  /** null: a coefficient sits on its bound, or there are no degrees of freedom. */
  readonly standardErrors: Usl | null
}

type Vector = [gamma: number, alpha: number, beta: number]
type Box = readonly [low: Vector, high: Vector]

const ITERATIONS = 500
/** R's package usl starts from these, among others. */
const STARTS = [
  [0.01, 1e-4],
  [0, 0],
  [0.1, 1e-3],
  [0.5, 0.01],
  [0.001, 0.05],
] as const

export function throughputAt({ gamma, alpha, beta }: Usl, nodes: number): number {
  return (gamma * nodes) / (1 + alpha * (nodes - 1) + beta * nodes * (nodes - 1))
}

/** With how many nodes throughput is highest; Infinity: it has no peak. */
export function peakNodes({ alpha, beta }: Usl): number {
  return beta === 0 ? Infinity : Math.sqrt((1 - alpha) / beta)
}

/** What no number of nodes exceeds; Infinity: there is no such limit. */
export function limitPerSec(law: Usl): number {
  if (law.beta > 0) return throughputAt(law, peakNodes(law))
  return law.alpha === 0 ? Infinity : law.gamma / law.alpha
}

/** How many nodes do so much, on the rising branch, not rounded; null: no number of them. */
export function nodesFor(law: Usl, perSec: number): number | null {
  const { gamma, alpha, beta } = law
  if (perSec >= limitPerSec(law)) return null
  if (beta === 0) return (perSec * (1 - alpha)) / (gamma - alpha * perSec)
  const [a, b, c] = [beta * perSec, alpha * perSec - beta * perSec - gamma, perSec * (1 - alpha)]
  return (-b - Math.sqrt(b * b - 4 * a * c)) / (2 * a)
}

/**
 * Bounded least squares (Levenberg and Marquardt), γ ≥ 0 and α, β in 0 … 1, from several starts.
 *
 * @param fixed  coefficients that are held at 0: Amdahl's law, or a line
 * @param near  a law that is near, where one is known: the only start, for a tenth of the time
 */
export function fitUsl(
  points: readonly ScalePoint[],
  fixed: { readonly alpha?: 0; readonly beta?: 0 } = {},
  near: Usl | null = null,
): UslFit {
  // The sizes of the coefficients differ by millions; those of the data should not add to it.
  const unit = Math.max(...points.map(({ perSec }) => perSec))
  const data = points.map(({ nodes, perSec }) => ({ nodes, perSec: perSec / unit }))
  const high: Vector = [Infinity, fixed.alpha ?? 1, fixed.beta ?? 1]
  const box: Box = [[0, 0, 0], high]
  const slope = Math.max(...data.map(({ nodes, perSec }) => perSec / nodes))
  const starts: readonly Vector[] =
    near === null ? STARTS.map(([alpha, beta]) => [slope, alpha, beta]) : [[near.gamma / unit, near.alpha, near.beta]]
  const found = starts.map((start) => descend(data, clamp(start, box), box))
  const best = found.reduce((least, one) => (rssOf(data, one) < rssOf(data, least) ? one : least))
  const free = 3 - Object.keys(fixed).length
  const degreesOfFreedom = Math.max(0, points.length - free)
  const rss = rssOf(data, best)
  const center = data.reduce((sum, { perSec }) => sum + perSec, 0) / data.length
  const spread = data.reduce((sum, { perSec }) => sum + (perSec - center) ** 2, 0)
  const isInside = free === 3 && best[1] > 0 && best[2] > 0 && best[1] < 1 && best[2] < 1
  const errors = isInside && degreesOfFreedom > 0 ? errorsOf(data, best, rss / degreesOfFreedom) : null
  const law = ([gamma, alpha, beta]: Vector): Usl => ({ gamma: gamma * unit, alpha, beta })
  return {
    ...law(best),
    rss: rss * unit * unit,
    degreesOfFreedom,
    r2: spread === 0 ? 1 : 1 - rss / spread,
    standardErrors: errors && law(errors),
  }
}

function descend(data: readonly ScalePoint[], start: Vector, box: Box): Vector {
  let at = start
  let rss = rssOf(data, at)
  let damping = 1e-3
  for (let i = 0; i < ITERATIONS && rss > 0 && damping < 1e12; i++) {
    const { normal, slope } = normalEquations(data, at)
    // A coefficient that would leave its box stays where it is.
    const free = [0, 1, 2].filter((k) => !(at[k]! <= box[0][k]! && slope[k]! < 0) && !(at[k]! >= box[1][k]! && slope[k]! > 0))
    if (free.length === 0) return at
    const damped = free.map((j) => free.map((k) => normal[j]![k]! * (j === k ? 1 + damping : 1)))
    const step = solve(
      damped,
      free.map((k) => slope[k]!),
    )
    if (step === null) return at
    const next = clamp(at.map((x, k) => x + (step[free.indexOf(k)] ?? 0)) as Vector, box)
    const nextRss = rssOf(data, next)
    if (!(nextRss < rss)) {
      damping *= 8
      continue
    }
    const gain = (rss - nextRss) / rss
    at = next
    rss = nextRss
    damping = Math.max(1e-12, damping / 4)
    if (gain < 1e-15) return at
  }
  return at
}

/** JᵀJ, and Jᵀ times the residuals: which way is down. */
function normalEquations(data: readonly ScalePoint[], [gamma, alpha, beta]: Vector): { normal: number[][]; slope: number[] } {
  const normal = [0, 1, 2].map(() => [0, 0, 0])
  const slope = [0, 0, 0]
  for (const { nodes: n, perSec } of data) {
    const d = 1 + alpha * (n - 1) + beta * n * (n - 1)
    const row = [n / d, (-gamma * n * (n - 1)) / d ** 2, (-gamma * n * n * (n - 1)) / d ** 2]
    const residual = perSec - (gamma * n) / d
    for (let j = 0; j < 3; j++) {
      slope[j]! += row[j]! * residual
      for (let k = 0; k < 3; k++) normal[j]![k]! += row[j]! * row[k]!
    }
  }
  return { normal, slope }
}

function errorsOf(data: readonly ScalePoint[], at: Vector, variance: number): Vector | null {
  const { normal } = normalEquations(data, at)
  const columns = [0, 1, 2].map((k) =>
    solve(
      normal,
      [0, 1, 2].map((j) => (j === k ? 1 : 0)),
    ),
  )
  if (columns.some((column) => column === null)) return null
  return columns.map((column, k) => Math.sqrt(column![k]! * variance)) as Vector
}

/** Gauss with pivots; null: the matrix is singular. Columns are scaled, since coefficients differ by millions. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | null {
  const scale = matrix.map((row, i) => Math.sqrt(row[i]!) || 1)
  const rows = matrix.map((row, i) => [...row.map((x, j) => x / (scale[i]! * scale[j]!)), right[i]! / scale[i]!])
  const size = rows.length
  for (let i = 0; i < size; i++) {
    const pivot = rows.slice(i).reduce((best, row, j) => (Math.abs(row[i]!) > Math.abs(rows[best]![i]!) ? i + j : best), i)
    ;[rows[i], rows[pivot]] = [rows[pivot]!, rows[i]!]
    if (!(Math.abs(rows[i]![i]!) > 1e-13)) return null
    for (let j = i + 1; j < size; j++) {
      const factor = rows[j]![i]! / rows[i]![i]!
      for (let k = i; k <= size; k++) rows[j]![k]! -= factor * rows[i]![k]!
    }
  }
  const answer: number[] = Array(size).fill(0)
  for (let i = size - 1; i >= 0; i--) {
    const known = answer.reduce((sum, x, k) => (k > i ? sum + rows[i]![k]! * x : sum), 0)
    answer[i] = (rows[i]![size]! - known) / rows[i]![i]!
  }
  return answer.map((x, i) => x / scale[i]!)
}

function rssOf(data: readonly ScalePoint[], [gamma, alpha, beta]: Vector): number {
  return data.reduce((sum, { nodes, perSec }) => sum + (perSec - throughputAt({ gamma, alpha, beta }, nodes)) ** 2, 0)
}

function clamp(at: Vector, [low, high]: Box): Vector {
  return at.map((x, k) => Math.min(Math.max(x, low[k]!), high[k]!)) as Vector
}
