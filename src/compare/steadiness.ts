/**
 * Whether a run was in the same state from the beginning of measure to its end: one that was still warming up, or filling a queue, has figures of neither.
 *
 * The medians of its seconds are halved, and the halves' medians compared. Loads that change by themselves, and faults, are not asked to be steady.
 */
import type { Report } from '../report/types.ts'
import { median } from '../stats/sample.ts'

/** Fewer seconds have no halves worth comparing. */
const LEAST_SECONDS = 10
/** More than that is no chance: halves of a steady run differ by a few per cent. */
const DRIFT = 0.2

/** What the second half's latency is of the first half's, where that is far from 1; null: the run was steady, or nobody can say. */
export function driftOf({ plan, timeline }: Pick<Report, 'plan' | 'timeline'>): number | null {
  const isConstant = plan.groups.every(({ publish }) => publish.every(({ load }) => load.every(([, factor]) => factor === load[0]![1])))
  const medians = timeline.flatMap(({ phase, endToEndP50Us }) =>
    phase === 'measure' && endToEndP50Us !== null ? [Math.max(1, endToEndP50Us)] : [],
  )
  if (!isConstant || plan.faults.length > 0 || medians.length < LEAST_SECONDS) return null
  const half = medians.length >> 1
  const ratio = median(medians.slice(-half)) / median(medians.slice(0, half))
  return Math.abs(Math.log(ratio)) > Math.log(1 + DRIFT) ? ratio : null
}
