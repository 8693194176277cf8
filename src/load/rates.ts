/**
 * What a plan intends, without running it: rates of publishing over time.
 */
import { US_PER_S } from '../units.ts'
import { Curve } from './curve.ts'
import type { Plan, PublishPlan } from './plan.ts'

/** Messages a second that all clients together intend at full load (100 %), of one entry; 0 for entries that publish on connecting. */
export function entryRate(clients: number, entry: PublishPlan): number {
  return entry.trigger.kind === 'connect' ? 0 : (clients * US_PER_S) / entry.trigger.periodUs
}

/** How many messages a plan intends between two times, seconds from the start of warmUp: the area under its load curves. */
export class PlannedMessages {
  private readonly entries: { readonly rate: number; readonly curve: Curve; readonly entry: PublishPlan; readonly clients: number }[]

  /** The end of measure: nothing is intended behind it. */
  private readonly endS: number

  constructor(plan: Plan) {
    this.endS = (plan.phases.warmUpUs + plan.phases.measureUs) / US_PER_S
    this.entries = plan.groups.flatMap((group) =>
      group.publish.map((entry) => ({
        rate: entryRate(group.clients, entry),
        curve: new Curve(entry.load),
        entry,
        clients: group.clients,
      })),
    )
  }

  between(fromS: number, toS: number): number {
    let sum = 0
    for (const { rate, curve, entry, clients } of this.entries) {
      const areaFrom = curve.areaAt(entry.atUs / US_PER_S)
      const sent = (timeS: number) =>
        Math.min(
          rate * Math.max(0, curve.areaAt(Math.min(this.endS, Math.max(0, timeS))) - areaFrom),
          (entry.times ?? Number.POSITIVE_INFINITY) * clients,
        )
      sum += rate === 0 ? 0 : sent(toS) - sent(fromS)
    }
    return sum
  }
}
