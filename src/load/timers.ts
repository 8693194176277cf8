/**
 * The worker's timers: one a client, in two rings of lists.
 *
 * The near ring has a slot for each of the next 4,096 ticks of about half a millisecond or more, the far ring one for each of the next 4,096
 * turns of the near ring (2.3 h or more); what is later waits in the last far slot and is looked at again there. Setting, moving and taking a timer
 * is O(1), and nothing is allocated after the start.
 *
 * `advance` never fires early: a timer due later in the current tick stays where it is. Whoever waits wakes at the end of a tick, once for all
 * that was due in it: the tick is how late a timer can be, and against how often the worker wakes.
 */
const TICK_US = 512
const SLOTS = 4096

export class Timers {
  private readonly dueUs: Float64Array
  private readonly next: Int32Array
  private readonly previous: Int32Array
  /** The slot a timer is in, or -1: near slots are 0 … SLOTS - 1, far slots follow. */
  private readonly slotOf: Int32Array
  private readonly heads = new Int32Array(2 * SLOTS).fill(-1)
  private readonly tickUs: number
  private tick = 0
  /** The first tick that timers may still be put into. */
  private openTick = 0
  private active = 0

  /** @param count  timers are named 0 … count - 1 */
  constructor(count: number, tickUs = TICK_US) {
    this.tickUs = tickUs
    this.dueUs = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
    this.next = new Int32Array(count).fill(-1)
    this.previous = new Int32Array(count).fill(-1)
    this.slotOf = new Int32Array(count).fill(-1)
  }

  /** Sets or moves timer `id`. Infinity clears it. */
  set(id: number, dueUs: number): void {
    if (this.slotOf[id]! >= 0) {
      if (this.dueUs[id] === dueUs) return
      this.unlink(id)
    }
    this.dueUs[id] = dueUs
    if (dueUs !== Number.POSITIVE_INFINITY) this.link(id)
  }

  dueOf(id: number): number {
    return this.dueUs[id]!
  }

  /** Fires every timer that is due; it is cleared before its call, which may set it again: for a past moment it fires once more at most. */
  advance(nowUs: number, fire: (id: number) => void): void {
    const target = Math.floor(nowUs / this.tickUs)
    for (;;) {
      // What a call sets for a past moment must not go into the slot that is being left: it would come round a whole turn later.
      this.openTick = Math.max(this.tick, target)
      this.fireSlot(this.tick & (SLOTS - 1), nowUs, fire)
      if (this.tick >= target) return
      // With no timer at all the ring may jump.
      this.tick = this.active === 0 ? target : this.tick + 1
      this.openTick = this.tick
      if ((this.tick & (SLOTS - 1)) === 0) this.cascade()
    }
  }

  /** When all timers of the first tick that has any are due, at most `limitUs`. */
  nextUs(limitUs: number): number {
    const last = Math.min(Math.floor(limitUs / this.tickUs), this.tick + SLOTS)
    for (let tick = this.tick; tick <= last; tick++) {
      // Behind the ring's end only `advance` knows what comes.
      if (tick > this.tick && (tick & (SLOTS - 1)) === 0) return Math.min(limitUs, tick * this.tickUs)
      if (this.heads[tick & (SLOTS - 1)]! >= 0) return Math.min(limitUs, (tick + 1) * this.tickUs)
    }
    return limitUs
  }

  private fireSlot(slot: number, nowUs: number, fire: (id: number) => void): void {
    // The list is taken off first: what a call sets for now goes into a fresh list and can't keep this loop for ever.
    let id = this.heads[slot]!
    if (id < 0) return
    this.heads[slot] = -1
    while (id >= 0) {
      const following = this.next[id]!
      this.slotOf[id] = -1
      this.next[id] = -1
      this.previous[id] = -1
      this.active--
      if (following >= 0) this.previous[following] = -1
      if (this.dueUs[id]! <= nowUs) {
        this.dueUs[id] = Number.POSITIVE_INFINITY
        this.pending = following
        fire(id)
        id = this.pending
      } else {
        this.link(id)
        id = following
      }
    }
  }

  /** Next of the list that `fireSlot` walks; `unlink` moves it on if a call takes exactly that timer away. */
  private pending = -1

  private cascade(): void {
    const slot = SLOTS + ((this.tick / SLOTS) & (SLOTS - 1))
    let id = this.heads[slot]!
    this.heads[slot] = -1
    while (id >= 0) {
      const following = this.next[id]!
      this.slotOf[id] = -1
      this.active--
      this.link(id)
      id = following
    }
  }

  private link(id: number): void {
    const tick = Math.max(this.openTick, Math.floor(this.dueUs[id]! / this.tickUs))
    const turns = Math.floor(tick / SLOTS) - Math.floor(this.tick / SLOTS)
    const slot = turns === 0 ? tick & (SLOTS - 1) : SLOTS + ((Math.floor(this.tick / SLOTS) + Math.min(turns, SLOTS - 1)) & (SLOTS - 1))
    const head = this.heads[slot]!
    this.next[id] = head
    this.previous[id] = -1
    if (head >= 0) this.previous[head] = id
    this.heads[slot] = id
    this.slotOf[id] = slot
    this.active++
  }

  private unlink(id: number): void {
    const next = this.next[id]!
    const previous = this.previous[id]!
    const slot = this.slotOf[id]!
    if (id === this.pending) this.pending = next
    if (previous >= 0) this.next[previous] = next
    else if (this.heads[slot] === id) this.heads[slot] = next
    if (next >= 0) this.previous[next] = previous
    this.next[id] = -1
    this.previous[id] = -1
    this.slotOf[id] = -1
    this.active--
  }
}
