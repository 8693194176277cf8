/**
 * Which publish entries anybody hears, or has to keep: of all others nobody will ask what became of their messages, and nothing is noted of them.
 */
import { parseShare } from '../mqtt/topic.ts'
import { expand, linksOf } from './links.ts'
import type { Plan } from './plan.ts'

/** By index of the entry in the plan. */
export function heardEntries(plan: Plan): boolean[] {
  const filters = plan.groups.flatMap((group) => group.subscribe.map(({ filter }) => expand(parseShare(filter)?.filter ?? filter, group)))
  return plan.groups.flatMap((group) =>
    group.publish.map(({ topic, route, retain }) => {
      if (retain) return true
      // Topics of other clients, or of many values: whoever subscribes may be meant.
      if (route !== null) return filters.length > 0
      const shape = expand(topic, group)
      return filters.some((filter) => linksOf(filter, shape) !== null)
    }),
  )
}
