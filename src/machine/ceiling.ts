/**
 * A plan's rates beside those that this machine was measured to reach. Above them a run is late, and says so itself: nothing is refused for them.
 */
import type { Estimate } from '../load/estimate.ts'
import type { Plan } from '../load/plan.ts'
import type { CalibrationUse, TimelineRow } from '../report/types.ts'
import { formatRate, thousandths } from '../units.ts'
import type { Calibration } from './calibration.ts'
import type { Shortage } from './words.ts'

/** What this machine was measured to do of what a plan asks for, a second; null where it asks for none of it. */
export interface Ceilings {
  readonly at: string
  readonly connects: number | null
  readonly publishes: number | null
  readonly receives: number | null
}

/** null: the machine was not measured. */
export function ceilingsOf(plan: Plan, planned: Estimate, calibration: Calibration | null): Ceilings | null {
  if (calibration === null) return null
  const { connectsPerSec, publishesPerSec, receivesPerSec } = calibration
  // Receiving was measured with one worker, publishing with as many as there are cores for.
  const workers = publishesPerSec[0].workers / receivesPerSec.workers
  return {
    at: connectsPerSec.at,
    connects: connectsPerSec.value,
    publishes: publishCeiling(plan, planned, calibration),
    receives: (planned.deliveriesPerSec ?? 0) > 0 ? receivesPerSec.value * workers : null,
  }
}

/** What the busiest seconds of a run had of them. */
export function useOf(ceilings: Ceilings | null, timeline: readonly TimelineRow[]): CalibrationUse | null {
  if (ceilings === null) return null
  const { at, connects, publishes, receives } = ceilings
  const use = (perSec: number | null, of: (row: TimelineRow) => number) =>
    perSec === null
      ? null
      : { perSec: Math.round(perSec), peak: thousandths(timeline.reduce((most, row) => Math.max(most, of(row)), 0) / perSec) }
  return {
    at,
    connects: use(connects, (row) => row.connectsPerSec),
    publishes: use(publishes, (row) => row.sentPerSec),
    receives: use(receives, (row) => row.receivedPerSec),
  }
}

/** Warnings where a plan asks for more than was measured. */
export function rateWarnings(planned: Estimate, ceilings: Ceilings | null): Shortage[] {
  if (ceilings === null) return []
  const above = (what: string, rate: number | null, ceiling: number | null): Shortage[] => {
    if (rate === null || ceiling === null || rate <= ceiling) return []
    const machines = Math.ceil(rate / ceiling)
    return [
      {
        isRefusal: false,
        words: `${what} ${formatRate(rate)}, and this machine was measured to do ${formatRate(ceiling)}`,
        hint: `the run judges itself, and may be late; ${machines} machines like this one would do it (--agents ${machines})`,
      },
    ]
  }
  return [
    ...above('connects at', planned.connectsPerSec, ceilings.connects),
    ...above('publishes at', planned.peakPublishesPerSec, ceilings.publishes),
    ...above('receives at', planned.deliveriesPerSec, ceilings.receives),
  ]
}

/** What can be published a second in the plan's mix of QoS: each message takes its share of a second. null: nothing is published. */
function publishCeiling(plan: Plan, { streams }: Estimate, { publishesPerSec }: Calibration): number | null {
  let all = 0
  let load = 0
  for (const [i, { qosShares }] of plan.groups.flatMap(({ publish }) => publish).entries()) {
    const rate = streams[i]!.publishesPerSec ?? 0
    all += rate
    for (const qos of [0, 1, 2] as const) load += (rate * qosShares[qos]) / publishesPerSec[qos].value
  }
  return load === 0 ? null : all / load
}
