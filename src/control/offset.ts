/**
 * How far two machines' clocks are apart, from exchanges of four stamps, and how wrong that can be.
 *
 *   here      t0 ───────▶            ───────▶ t3
 *   there            t1 ── t2
 *
 * The other clock is ahead by ((t1 − t0) + (t2 − t3)) / 2, give or take half of the round trip (t3 − t0) − (t2 − t1): the way there and the way back
 * may differ, but neither takes less than nothing. Of many exchanges that with the shortest round trip says most. (RFC 5905 §8; Cristian 1989.)
 *
 * The offset that a run works with is fixed when it starts. Clocks drift: later exchanges don't move it, they widen its bound.
 */

/** All µs, each of its own clock. */
export interface Stamps {
  readonly t0: number
  readonly t1: number
  readonly t2: number
  readonly t3: number
}

export interface Offset {
  /** The other clock less this one, µs. */
  readonly us: number
  /** It is wrong by no more than this, µs. */
  readonly boundUs: number
}

/** Of a clock that nobody disciplines: 50 in a million is a poor crystal. */
const DRIFT = 50e-6

export function offsetOf({ t0, t1, t2, t3 }: Stamps): Offset {
  return { us: (t1 - t0 + (t2 - t3)) / 2, boundUs: Math.max(0, (t3 - t0 - (t2 - t1)) / 2) }
}

/** The offset that can be least wrong. @param offsets  at least one */
export function tightest(offsets: readonly Offset[]): Offset {
  return offsets.reduce((best, offset) => (offset.boundUs < best.boundUs ? offset : best))
}

/** An offset in use, and how wrong it can have become: more and more, until an exchange says better. */
export class OffsetWatch {
  private readonly used: Offset
  /** The most that it can be wrong by at `seenUs`, and that it could at any time before. */
  private wrongUs: number
  private seenUs: number
  private worstUs: number

  /** @param sinceUs  before it was measured, of this clock */
  constructor(used: Offset, sinceUs: number) {
    this.used = used
    this.wrongUs = this.worstUs = used.boundUs
    this.seenUs = sinceUs
  }

  /** A later exchange. */
  take(stamps: Stamps): void {
    const { us, boundUs } = offsetOf(stamps)
    const { t0, t3 } = stamps
    const agedUs = this.agedUs(t3)
    this.worstUs = Math.max(this.worstUs, agedUs)
    this.wrongUs = Math.min(agedUs, Math.abs(us - this.used.us) + boundUs + DRIFT * (t3 - t0))
    this.seenUs = t3
  }

  /** The most that the used offset has been wrong by, at any time up to then. */
  boundUs(nowUs: number): number {
    return Math.max(this.worstUs, this.agedUs(nowUs))
  }

  private agedUs(nowUs: number): number {
    return this.wrongUs + DRIFT * Math.max(0, nowUs - this.seenUs)
  }
}
