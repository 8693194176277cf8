/**
 * From what a broker tells, by its own names, to what is wanted of it: mappings applied.
 */
import type { Need } from '../load/metrics-source.ts'
import { parseSelector, type Selector } from '../load/selector.ts'
import type { Samples } from './exposition.ts'
import type { Formula, Mapping } from './mappings.ts'

/** What one reading has; a need that is not told is absent. */
export type Values = Readonly<Partial<Record<Need, number>>>

/** Every metric that a mapping looks at. */
export function namesOf({ needs }: Mapping): string[] {
  return Object.values(needs).flatMap((formulas) =>
    formulas.flatMap((formula) => metricsOf(formula).map((metric) => selectorOf(metric).name)),
  )
}

export function evaluate({ needs }: Mapping, samples: Samples): Values {
  const values: Partial<Record<Need, number>> = {}
  for (const [need, formulas] of Object.entries(needs) as [Need, readonly Formula[]][]) {
    for (const formula of formulas) {
      const value = worthOf(formula, samples)
      if (value === null) continue
      values[need] = value
      break
    }
  }
  return values
}

/** null: a metric of it is not there. Differences of counters that were not read at one instant may fall below 0, what they stand for can't. */
function worthOf(formula: Formula, samples: Samples): number | null {
  const { plus, minus = [], times = 1 } = typeof formula === 'string' ? { plus: [formula] } : formula
  const [added, taken] = [plus, minus].map((metrics) => metrics.map((metric) => sumOf(selectorOf(metric), samples)))
  if ([...added!, ...taken!].includes(null)) return null
  const sum = (parts: readonly (number | null)[]) => parts.reduce<number>((total, part) => total + part!, 0)
  return Math.max(0, sum(added!) - sum(taken!)) * times
}

/** Over all samples that have the labels; those that are no number are none. */
function sumOf({ name, labels }: Selector, samples: Samples): number | null {
  const wanted = Object.entries(labels)
  const found = (samples.get(name) ?? []).filter(
    (sample) => Number.isFinite(sample.value) && wanted.every(([label, value]) => sample.labels[label] === value),
  )
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0)
}

function metricsOf(formula: Formula): readonly string[] {
  return typeof formula === 'string' ? [formula] : [...formula.plus, ...(formula.minus ?? [])]
}

const SELECTORS = new Map<string, Selector>()

/** A scenario's own are selectors, and were checked; topics and members of JSON are names as they are. */
function selectorOf(metric: string): Selector {
  const known = SELECTORS.get(metric) ?? parseSelector(metric) ?? { name: metric, labels: {} }
  SELECTORS.set(metric, known)
  return known
}
