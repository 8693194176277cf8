/**
 * Faults as a fleet sees them: each strikes its clients at its time, and is noticed when the other side first ends a connection or lets it die.
 */
import type { Fleet } from './fleet.ts'
import { strike } from './parting.ts'
import { Strike } from './strike.ts'

/** A worker with many clients strikes some of them at a time: meanwhile the others go on. */
const TURN_US = 2000
/** Between two looks at the clock. */
const BATCH = 32

interface Striking {
  readonly fault: number
  readonly atUs: number
  /** By group; null: not struck. */
  readonly aims: readonly (Strike | null)[]
  next: number
  struck: number
}

export class Faults {
  /** About to begin. */
  private coming: { readonly fault: number; readonly atUs: number }[] = []
  /** Begun, and not all clients looked at. */
  private readonly striking: Striking[] = []
  /** Begun, and nothing noticed yet. */
  private unnoticed: number[] = []
  private readonly fleet: Fleet

  constructor(fleet: Fleet) {
    this.fleet = fleet
  }

  /** A fault is to begin at that time, or at once. */
  add(fault: number, atUs: number): void {
    this.coming.push({ fault, atUs })
  }

  /** There is more to strike: whoever turns the loop does not wait. */
  get isBusy(): boolean {
    return this.striking.length > 0
  }

  advance(nowUs: number): void {
    if (this.coming.length > 0) this.begin(nowUs)
    while (this.striking.length > 0 && this.strikeOn(nowUs + TURN_US)) {
      const { fault, struck } = this.striking.shift()!
      this.fleet.listener.onStruck(fault, struck)
    }
  }

  /** The other side has ended a connection, or let it die. */
  notice(nowUs: number): void {
    if (this.unnoticed.length === 0) return
    for (const fault of this.unnoticed) this.fleet.listener.onNoticed(fault, nowUs)
    this.unnoticed = []
  }

  private begin(nowUs: number): void {
    const { plan, groups, measureEndUs } = this.fleet
    const due = this.coming.filter(({ atUs }) => atUs <= nowUs)
    this.coming = this.coming.filter(({ atUs }) => atUs > nowUs)
    for (const { fault, atUs } of due) {
      // Measure was cut before it could begin.
      if (atUs >= measureEndUs) continue
      this.unnoticed.push(fault)
      const { name, drop } = plan.faults[fault]!
      const aims = groups.map((group, g) => (drop?.groups.includes(g) ? new Strike(plan.seed, name, drop, group) : null))
      this.striking.push({ fault, atUs, aims, next: drop === null ? this.fleet.clients.length : 0, struck: 0 })
    }
  }

  /** Goes on with the first of those that are under way; true: it is done. */
  private strikeOn(untilUs: number): boolean {
    const { clients, clock } = this.fleet
    const striking = this.striking[0]!
    let nowUs = clock()
    while (striking.next < clients.length) {
      const client = clients[striking.next++]!
      const aim = striking.aims[client.group.plan.index]!
      if (aim?.takes(client.index, client.node) && strike(client, nowUs, aim.blowTo(client.index, striking.atUs))) striking.struck++
      if (striking.next % BATCH === 0 && (nowUs = clock()) >= untilUs) return false
    }
    return true
  }
}
