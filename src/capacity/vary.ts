/**
 * What a search changes: a plan whose load is a factor of its own, in one respect.
 */
import type { Plan } from '../load/plan.ts'
import { PlannedMessages } from '../load/rates.ts'
import { formatCount, formatShare, US_PER_S } from '../units.ts'
import type { Variable } from './types.ts'

/** What a variation asks of whoever loads the scenario, before the plan is made. */
export interface Variation {
  /** Times --scale. */
  readonly scale: number
  /** `path=value` of --set. */
  readonly set: readonly string[]
  /** What is changed in the plan itself. */
  readonly change: (plan: Plan) => Plan
}

/** @param plan  at factor 1, and of the scale that the scenario has: what is set comes before --scale */
export function variationOf(plan: Plan, variable: Variable, factor: number): Variation {
  const nothing = { scale: 1, set: [], change: (same: Plan) => same }
  switch (variable) {
    case 'rate':
      return { ...nothing, change: (own) => withLoad(own, factor) }
    case 'connectRate':
      return { ...nothing, change: (own) => withConnects(own, factor) }
    case 'clients':
      return { ...nothing, scale: factor }
    case 'fanOut':
      return {
        ...nothing,
        set: listeners(plan).map(({ name, clients }) => `groups.${name}.clients=${Math.max(1, Math.round(clients * factor))}`),
      }
  }
}

/** Of a plan that is run, in the variable's unit: messages a second in measure, clients, connects a second; of the fan-out the clients that only listen. */
export function loadOf(plan: Plan, variable: Variable): number {
  switch (variable) {
    case 'rate': {
      const [warmUpS, measureS] = [plan.phases.warmUpUs / US_PER_S, plan.phases.measureUs / US_PER_S]
      return new PlannedMessages(plan).between(warmUpS, warmUpS + measureS) / measureS
    }
    case 'connectRate':
      return plan.groups.reduce((sum, { clients, connect }) => sum + (connect.overS === 0 ? 0 : clients / connect.overS), 0)
    case 'clients':
      return plan.clients
    case 'fanOut':
      return listeners(plan).reduce((sum, { clients }) => sum + clients, 0)
  }
}

/**
 * Why the plan has nothing to vary there; null: it has.
 *
 * @param step  the least by which it is varied, of what the plan has
 */
export function whyNotVaried(plan: Plan, variable: Variable, step: number): string | null {
  const load = loadOf(plan, variable)
  const isOfWholes = variable === 'clients' || variable === 'fanOut'
  if (isOfWholes && load > 0 && load * step < 1)
    return `a step of ${formatShare(step)} of ${formatCount(load)} clients is less than one: more of them, or a wider --width`
  if (load > 0) return null
  if (variable === 'rate') return 'the scenario publishes nothing at a rate'
  if (variable === 'connectRate') return 'all groups connect at once'
  return variable === 'fanOut' ? 'no group only subscribes' : 'the scenario has no clients'
}

function withLoad(plan: Plan, factor: number): Plan {
  const groups = plan.groups.map((group) => ({
    ...group,
    publish: group.publish.map((entry) => ({ ...entry, load: entry.load.map(([timeS, share]) => [timeS, share * factor] as const) })),
  }))
  return { ...plan, groups }
}

function withConnects(plan: Plan, factor: number): Plan {
  return { ...plan, groups: plan.groups.map((group) => ({ ...group, connect: { ...group.connect, overS: group.connect.overS / factor } })) }
}

function listeners({ groups }: Plan) {
  return groups.filter(({ publish, subscribe }) => publish.length === 0 && subscribe.length > 0)
}
