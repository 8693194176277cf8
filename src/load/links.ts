/**
 * What a filter and a topic have to do with each other, as templates.
 *
 * They match where their levels without wildcards are equal. Each such level is a *link*: a text of the subscriber that must equal a text
 * of the publisher.
 */
import type { GroupPlan } from './plan.ts'
import { variablesOf } from './template.ts'

/** Templates of the subscriber and of the publisher that must stand for the same text. */
export type Link = readonly [subscriber: string, publisher: string]

/** The longest a run's name is; what it is does not matter, all groups have the same. */
export const RUN = 'xxxxxx'

/** The links of a filter and a topic; null if they can't match. Topics that begin with $ match no wildcard there (MQTT 3.1.1 §4.7.2). */
export function linksOf(filter: string, topic: string): Link[] | null {
  const wanted = filter.split('/')
  const offered = topic.split('/')
  const isOpen = wanted.at(-1) === '#'
  if (isOpen ? offered.length < wanted.length - 1 : offered.length !== wanted.length) return null
  if (offered[0]!.startsWith('$') && /^[+#]/.test(filter)) return null
  const links: Link[] = []
  for (const [i, level] of wanted.entries()) {
    if (level === '+' || level === '#') continue
    const other = offered[i]!
    const isFixed = variablesOf(level).length === 0 && variablesOf(other).length === 0
    if (isFixed && level !== other) return null
    if (!isFixed) links.push([level, other])
  }
  return links
}

/** What is the same for all clients of a group is no variable here, and a client id is what it is made of. */
export function expand(template: string, group: GroupPlan): string {
  return template.replaceAll('{clientId}', group.clientId).replaceAll('{group}', group.name).replaceAll('{run}', RUN)
}

export function distinct(links: readonly Link[]): Link[] {
  return [...new Map(links.map((link) => [link.join('\n'), link])).values()]
}
