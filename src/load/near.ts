/**
 * Whose clock is this machine's: of several machines each has its own, and what is measured between two of them is as wrong as their offset is.
 */

/** Global client indices [from, to), in order. */
export type Ranges = readonly (readonly [from: number, to: number])[]

export class Near {
  private readonly ranges: Ranges
  private last = 0

  constructor(ranges: Ranges) {
    this.ranges = ranges
  }

  /** Whether a client with that global index runs under this clock. */
  has(client: number): boolean {
    const { ranges } = this
    // Neighbours come together.
    const guess = ranges[this.last]
    if (guess !== undefined && guess[0] <= client && client < guess[1]) return true
    const found = ranges.findIndex(([from, to]) => from <= client && client < to)
    if (found >= 0) this.last = found
    return found >= 0
  }
}
