/**
 * The rank-sum test of Mann, Whitney and Wilcoxon, exact and with ties, and the shift after Hodges and Lehmann.
 *
 * It asks only for the order of the runs, so one run that went astray can't carry it: the cross-check of what logarithms and t say. With ties
 * the distribution is that over all ways to deal the same values out, which is exact too. H. B. Mann, D. R. Whitney, Ann. Math. Stat. 18 (1947).
 */
import { normalAbove, normalQuantile } from '../stats/distributions.ts'
import { median } from '../stats/sample.ts'

/** Probabilities of dealing the same values out at random. */
export interface RankTest {
  /** Pairs of a and b in which b is greater; ties count half. */
  readonly greaterPairs: number
  /** A sum of ranks of b as great as this one, or greater: small says that b is greater. */
  readonly pGreater: number
  readonly pLess: number
}

/** Above so many runs in all, counting all deals takes too long. */
const EXACT_LIMIT = 60

export function rankTest(a: readonly number[], b: readonly number[]): RankTest {
  if (a.length + b.length > EXACT_LIMIT) return normalRankTest(a, b)
  const { ranks, rankSum, greaterPairs } = rankSumOf(a, b)
  const ways = waysByRankSum(ranks, b.length)
  const all = total(ways)
  return { greaterPairs, pGreater: total(ways.slice(rankSum)) / all, pLess: total(ways.slice(0, rankSum + 1)) / all }
}

/** The same by the normal distribution, with corrections for ties and continuity: for many runs. */
export function normalRankTest(a: readonly number[], b: readonly number[]): RankTest {
  const { ranks, greaterPairs } = rankSumOf(a, b)
  const n = ranks.length
  // Values of a tie share a rank: t³ − t over its t values is t² − 1 for each of them.
  const ties = total(ranks.map((rank) => ranks.filter((other) => other === rank).length ** 2 - 1))
  const spread = Math.sqrt(((a.length * b.length) / 12) * (n + 1 - ties / (n * (n - 1))))
  const above = greaterPairs - (a.length * b.length) / 2
  const pBeyond = (distance: number) => (spread === 0 ? 1 : normalAbove((distance - 0.5) / spread))
  return { greaterPairs, pGreater: pBeyond(above), pLess: pBeyond(-above) }
}

/** How much greater b is than a: the median of all differences, and the interval of that confidence. */
export function shiftOf(a: readonly number[], b: readonly number[], confidence: number): { shift: number; low: number; high: number } {
  const differences = b.flatMap((y) => a.map((x) => y - x)).sort((x, y) => x - y)
  const first = Math.max(1, rankSumQuantile((1 - confidence) / 2, a.length, b.length))
  return { shift: median(differences), low: differences[first - 1]!, high: differences[differences.length - first]! }
}

/** The smallest number of greater pairs that is reached with probability q, or less, where both are dealt out at random: R's qwilcox. */
function rankSumQuantile(q: number, m: number, n: number): number {
  if (m + n > EXACT_LIMIT) return Math.max(0, Math.floor((m * n) / 2 + normalQuantile(q) * Math.sqrt((m * n * (m + n + 1)) / 12)))
  const ranks = Array.from({ length: m + n }, (_, i) => 2 * (i + 1))
  const ways = waysByRankSum(ranks, n)
  const all = total(ways)
  let seen = 0
  let rankSum = n * (n + 1)
  // Sums of doubled ranks without ties are even.
  for (; ; rankSum += 2) {
    seen += ways[rankSum]!
    if (seen / all >= q) return (rankSum - n * (n + 1)) / 2
  }
}

function rankSumOf(a: readonly number[], b: readonly number[]): { ranks: number[]; rankSum: number; greaterPairs: number } {
  const ranks = doubledRanks([...a, ...b])
  const rankSum = total(ranks.slice(a.length))
  return { ranks, rankSum, greaterPairs: (rankSum - b.length * (b.length + 1)) / 2 }
}

/** Twice the rank of each value, from 2: so that the mean rank of a tie is whole. */
function doubledRanks(values: readonly number[]): number[] {
  const sorted = values.toSorted((x, y) => x - y)
  // Ranks from first to last of equal values: their mean doubled is first + last.
  return values.map((value) => sorted.indexOf(value) + 1 + sorted.lastIndexOf(value) + 1)
}

/** How many choices of `size` values have each sum of doubled ranks. */
function waysByRankSum(ranks: readonly number[], size: number): number[] {
  const longest = total(ranks)
  const ways = Array.from({ length: size + 1 }, () => new Float64Array(longest + 1))
  ways[0]![0] = 1
  let reached = 0
  // In rising order sums grow late, which saves most of the work.
  for (const [i, rank] of ranks.toSorted((a, b) => a - b).entries()) {
    reached += rank
    for (let n = Math.min(size, i + 1); n > 0; n--) {
      const [more, fewer] = [ways[n]!, ways[n - 1]!]
      for (let sum = reached; sum >= rank; sum--) more[sum]! += fewer[sum - rank]!
    }
  }
  return Array.from(ways[size]!)
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
