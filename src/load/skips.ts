/**
 * Numbers of a stream, all ahead of the next to be sent, that are not to be sent: [from, to) pairs in one flat, rising list.
 */
export class Skips {
  private readonly pairs: number[] = []

  add(from: number, to: number): void {
    let at = this.pairs.length
    while (at > 0 && this.pairs[at - 2]! > from) at -= 2
    this.pairs.splice(at, 0, from, to)
  }

  has(seq: number): boolean {
    for (let i = 0; i < this.pairs.length; i += 2) if (this.pairs[i]! <= seq && seq < this.pairs[i + 1]!) return true
    return false
  }

  countBelow(end: number): number {
    let count = 0
    for (let i = 0; i < this.pairs.length; i += 2) count += Math.max(0, Math.min(end, this.pairs[i + 1]!) - this.pairs[i]!)
    return count
  }

  /** If the first pair begins at or before `seq`: takes it out, and returns where it ends; else `seq`. */
  takeAt(seq: number): number {
    if (this.pairs.length === 0 || this.pairs[0]! > seq) return seq
    return Math.max(seq, this.pairs.splice(0, 2)[1]!)
  }
}
