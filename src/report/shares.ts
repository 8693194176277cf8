/**
 * How evenly the broker spread shared subscriptions over their members: figures for the report, and words for people.
 *
 * MQTT lets the broker choose the member as it likes (MQTT 5.0 §4.8.2). An uneven choice loses nothing, but it is what a back end that takes
 * turns at work has to be sized for.
 */
import type { ShareSpread } from '../load/shares.ts'
import { formatCount, thousandths } from '../units.ts'
import { printable } from './cells.ts'
import type { GroupFigures, Report, ShareFigures } from './types.ts'

/** Shares that a group's figures list, and that a summary does. Filters with variables may make one for each client. */
const MOST_IN_REPORT = 100
const MOST_IN_WORDS = 3

/** `shares` of a group that has some. */
export function shareFigures(spreads: readonly ShareSpread[], group: number): Pick<GroupFigures, 'shares'> {
  const own = spreads
    .filter(({ groups }) => groups.includes(group))
    .map(({ groups: _, fairness, ...spread }): ShareFigures => ({ ...spread, fairness: fairness === null ? null : thousandths(fairness) }))
  return own.length === 0 ? {} : { shares: own.sort(byFairness).slice(0, MOST_IN_REPORT) }
}

/** One item a share, the least even first. */
export function shareFacts({ groups }: Report): string[] {
  // A share of several groups stands in each.
  const shares = new Map(Object.values(groups).flatMap(({ shares = [] }) => shares.map((share) => [share.filter, share])))
  const listed = [...shares.values()].sort(byFairness)
  const more = listed.length - MOST_IN_WORDS
  return [...listed.slice(0, MOST_IN_WORDS).map(words), ...(more > 0 ? [`${formatCount(more)} more in the report`] : [])]
}

function words({ filter, members, received, least, most, fairness }: ShareFigures): string {
  const spread = fairness === null ? '' : `, ${formatCount(least)} to ${formatCount(most)} each, fairness ${fairness.toFixed(2)}`
  return `${printable(filter)}: ${formatCount(received)} to ${members === 1 ? '1 member' : `${formatCount(members)} members`}${spread}`
}

/** Those that received nothing come last. */
function byFairness(a: ShareFigures, b: ShareFigures): number {
  return (a.fairness ?? 2) - (b.fairness ?? 2) || (a.filter < b.filter ? -1 : 1)
}
