/**
 * Windows: the named parts of measure that a report has figures of.
 *
 *   faults       a begins          a recovered      b begins           never
 *   windows   ───┤ a-during ├────────────────┤ b-during ├──────────────────
 *             a-before       a-after = b-before
 *
 * A fault's window lasts from its start to its recovery, or to the end of measure. What is before it and after it is calm: no other fault's
 * window reaches into it. Where there is no calm, the window is left out. All are whole seconds of measure, since that is how figures are kept:
 * a fault's start is rounded down and its recovery up, so that no trouble is counted to a calm; and the first good second is the window's
 * last, since somebody may have come back only in the middle of it.
 */
import type { Plan } from '../load/plan.ts'
import { US_PER_S } from '../units.ts'
import type { Span } from './build.ts'
import type { FaultFacts } from './types.ts'

/** Stretches in their order, then the faults' in the plan's. Those of which measure has nothing are left out. */
export function windowsOf(
  plan: Pick<Plan, 'phases' | 'faults'>,
  facts: readonly Pick<FaultFacts, 'startUs' | 'recoveredUs'>[],
  measureStartUs: number,
  measureEndUs: number,
): Span[] {
  const wholeUs = (timeUs: number, round: (x: number) => number) => measureStartUs + round((timeUs - measureStartUs) / US_PER_S) * US_PER_S
  const upToEnd = (timeUs: number) => Math.min(measureEndUs, timeUs)
  let stretchUs = measureStartUs
  const stretches = plan.phases.stretches.map(({ name, lengthUs }) => {
    const startUs = stretchUs
    stretchUs += lengthUs
    return { name, startUs, endUs: upToEnd(stretchUs) }
  })
  const during = facts.map(({ startUs, recoveredUs }) => {
    if (startUs === null) return null
    const fromUs = wholeUs(startUs, Math.floor)
    const toUs = recoveredUs === null ? measureEndUs : wholeUs(recoveredUs + US_PER_S, Math.ceil)
    return { startUs: fromUs, endUs: upToEnd(toUs) }
  })
  const spans = during.filter((span) => span !== null)
  const ofFaults = plan.faults.flatMap(({ name }, i) => {
    const own = during[i]
    if (!own) return []
    const calmFromUs = Math.max(measureStartUs, ...spans.filter(({ startUs }) => startUs < own.startUs).map(({ endUs }) => endUs))
    const isCalm = !spans.some(({ startUs, endUs }) => startUs <= own.endUs && own.endUs < endUs)
    const calmToUs = Math.min(measureEndUs, ...spans.filter(({ startUs }) => startUs >= own.endUs).map(({ startUs }) => startUs))
    return [
      { name: `${name}-before`, startUs: calmFromUs, endUs: own.startUs },
      { name: `${name}-during`, ...own },
      { name: `${name}-after`, startUs: own.endUs, endUs: isCalm ? calmToUs : own.endUs },
    ]
  })
  return [...stretches, ...ofFaults].filter(({ startUs, endUs }) => startUs < endUs)
}

/** Measure, cut wherever a window begins or ends: at least one piece, all of measure in order. */
export function piecesOf(
  windows: readonly Span[],
  measureStartUs: number,
  measureEndUs: number,
): { readonly startUs: number; readonly endUs: number }[] {
  const edges = new Set(windows.flatMap(({ startUs, endUs }) => [startUs, endUs]))
  const cuts = [...edges].filter((timeUs) => timeUs > measureStartUs && timeUs < measureEndUs).sort((a, b) => a - b)
  const starts = [measureStartUs, ...cuts]
  return starts.map((startUs, i) => ({ startUs, endUs: starts[i + 1] ?? measureEndUs }))
}
