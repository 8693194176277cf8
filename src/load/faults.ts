/**
 * Faults as a fleet sees them: each strikes its clients at its time, and is noticed when the other side first ends a connection or lets it die.
 */
import type { Fleet } from './fleet.ts'
import { strike } from './parting.ts'
import { Strike } from './strike.ts'

export class Faults {
  /** About to begin. */
  private coming: { readonly fault: number; readonly atUs: number }[] = []
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

  advance(nowUs: number): void {
    if (this.coming.length === 0) return
    const due = this.coming.filter(({ atUs }) => atUs <= nowUs)
    this.coming = this.coming.filter(({ atUs }) => atUs > nowUs)
    for (const { fault, atUs } of due) {
      // Measure was cut before it could begin.
      if (atUs >= this.fleet.measureEndUs) continue
      this.unnoticed.push(fault)
      this.fleet.listener.onStruck(fault, this.strike(nowUs, fault, atUs))
    }
  }

  /** The other side has ended a connection, or let it die. */
  notice(nowUs: number): void {
    if (this.unnoticed.length === 0) return
    for (const fault of this.unnoticed) this.fleet.listener.onNoticed(fault, nowUs)
    this.unnoticed = []
  }

  /** Returns how many clients were struck. */
  private strike(nowUs: number, fault: number, atUs: number): number {
    const { plan, groups, clients } = this.fleet
    const { name, drop } = plan.faults[fault]!
    let struck = 0
    for (const g of drop?.groups ?? []) {
      const aim = new Strike(plan.seed, name, drop!, groups[g]!)
      for (const client of clients) {
        if (client.group !== groups[g] || !aim.takes(client.index, client.node)) continue
        if (strike(client, nowUs, aim.blowTo(client.index, atUs))) struck++
      }
    }
    return struck
  }
}
