/**
 * Order out of chance: every random choice of a run, as a pure function of the plan's seed.
 *
 * There is no generator with a state to advance. A choice is named by a key (what it is for) and counters (whose, which one), so
 * it does not depend on who asks first, and any number of workers makes the same choices.
 *
 * Where a total has to be exact nothing is drawn at all: clients are put in an order by a permutation, and evenly spaced positions
 * in that order are dealt out. A permutation is a Feistel network and needs no table, so 16 million clients cost nothing.
 *
 * The hash is for load, not for secrets.
 */

/** 2^-32: takes an unsigned 32-bit hash to [0, 1). */
const PER_U32 = 2 ** -32

/** Rounds of the Feistel network: two change each half once. Four leave patterns that a test can see, six do not. */
const ROUNDS = 6

/** A bijection of 32-bit integers in which each bit of the input changes half of the output (C. Wellons, "lowbias32"). */
export function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0xd35a2d97)
  return x ^ (x >>> 15)
}

/**
 * A key for one purpose: an unsigned 32-bit hash of the seed and of what the choice is about.
 *
 * Parts are told apart: ('a', 'bc') and ('ab', 'c') give different keys. A number counts as its decimal text.
 */
export function keyOf(seed: number, ...parts: (string | number)[]): number {
  let key = draw(seed, 1)
  for (const part of parts) {
    const text = String(part)
    for (let i = 0; i < text.length; i++) key = mix(key ^ text.charCodeAt(i))
    key = mix(key ^ 0x10000) // no UTF-16 unit is 0x10000: it ends the part
  }
  return key >>> 0
}

/**
 * A number above 0 and below 1 for counters `a` and `b` under a key. Counters are taken modulo 2^32.
 *
 * Never exactly 0, so that its logarithm is finite.
 */
export function random(key: number, a: number, b = 0): number {
  return ((draw(draw(key, a), b) >>> 0) + 0.5) * PER_U32
}

/** The key enters twice: with once, the sequences of two keys would be the same sequence, shifted. */
function draw(key: number, counter: number): number {
  return mix(mix(key ^ Math.imul(counter, 0x9e3779b9)) + key)
}

/**
 * A seeded permutation of 0 … n − 1.
 *
 * An index is written as (left, right) with left below √n, and each round adds a hash of one half to the other. The grid of halves
 * is at most √n larger than n: an index that lands outside goes round again (cycle walking), which is rare.
 * Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002.
 */
export class Permutation {
  readonly n: number
  private readonly lefts: number
  private readonly rights: number
  private readonly keys = new Int32Array(ROUNDS)

  /** @param n  at least 1, at most 2^24 */
  constructor(n: number, key: number) {
    this.n = n
    this.lefts = Math.ceil(Math.sqrt(n))
    this.rights = Math.ceil(n / this.lefts)
    for (let round = 0; round < ROUNDS; round++) this.keys[round] = draw(key, round)
  }

  /** Where index i, 0 … n − 1, comes in the order. */
  at(i: number): number {
    do i = this.shuffle(i)
    while (i >= this.n)
    return i
  }

  private shuffle(i: number): number {
    const { lefts, rights, keys } = this
    let right = (i / lefts) | 0
    let left = i - Math.imul(right, lefts)
    for (let round = 0; round < ROUNDS; round += 2) {
      left += scale(mix(right ^ keys[round]!), lefts)
      if (left >= lefts) left -= lefts
      right += scale(mix(left ^ keys[round + 1]!), rights)
      if (right >= rights) right -= rights
    }
    return Math.imul(right, lefts) + left
  }
}

/** Takes a hash to 0 … n − 1 by its upper 20 bits, all in 32-bit integers: n is at most 2^12. */
function scale(hash: number, n: number): number {
  return Math.imul(hash >>> 12, n) >>> 20
}

/**
 * Evenly spaced positions in (0, 1), one for each of n clients, in a seeded order: what shares of clients are dealt from.
 *
 * Of n positions, any stretch [a, b) of (0, 1) holds n·(b − a), rounded up or down; exactly, where n·a and n·b are whole. The offset
 * of all of them is drawn too: otherwise all groups of one client would get the same share.
 */
export class Positions {
  private readonly order: Permutation
  private readonly offset: number

  constructor(n: number, key: number) {
    this.order = new Permutation(n, key)
    this.offset = random(key, n)
  }

  at(client: number): number {
    return (this.order.at(client) + this.offset) / this.order.n
  }
}

/** Which share a position in (0, 1) belongs to: the first whose cumulative end is above it. `ends` rise to 1. */
export function shareAt(ends: readonly number[], position: number): number {
  let low = 0
  let high = ends.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]! > position) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Visits every client, or of more than `most` an even sample, drawn within equal stretches so that it falls in step with no level.
 *
 * @returns how many it visited
 */
export function sample(clients: number, most: number, visit: (client: number) => void): number {
  const looked = Math.min(clients, most)
  for (let i = 0; i < looked; i++) visit(looked === clients ? i : Math.floor(((i + random(1, i)) * clients) / looked))
  return looked
}
