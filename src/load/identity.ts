/**
 * Client ids: is every one unique, and how long can they get?
 *
 * A broker ends a connection when another comes with its id, so two clients with one id throw each other out for as long as the run lasts.
 * Ids are judged by their templates, without rendering millions of them: a template has {client} once a group has two clients, and no id of
 * one group is one of another.
 */
import { RUN } from './links.ts'
import { suggest } from './nearest.ts'
import type { GroupPlan, Plan } from './plan.ts'
import { variablesOf } from './template.ts'

export interface IdProblem {
  readonly group: string
  readonly problem: string
  readonly hint?: string | undefined
}

/** With indices below it every collision shows, unless a template has digits on both sides of its {client}. */
const INDICES = Array.from({ length: 20 }, (_, client) => client)

export function clientIdProblems(plan: Plan): IdProblem[] {
  const problems: IdProblem[] = []
  for (const [i, group] of plan.groups.entries()) {
    if (group.clients > 1 && !variablesOf(group.clientId).includes('client')) {
      const hint = suggest('client', variablesOf(group.clientId).slice(0, 1))
      problems.push({ group: group.name, problem: `without {client} all ${group.clients} clients have the same id`, hint })
    }
    const twin = plan.groups.slice(0, i).find((other) => canCollide(other, group))
    if (twin) problems.push({ group: group.name, problem: `gives ids that group ${twin.name} has too`, hint: 'use {group} in it' })
  }
  return problems
}

/** Characters of the longest id that the group can have. */
export function longestId(group: GroupPlan, plan: Plan): number {
  const longest = (variable: string): number => {
    if (variable === 'client') return String(group.clients - 1).length
    if (variable === 'group') return group.name.length
    if (variable === 'run') return RUN.length
    if (variable === 'node') return Math.max(...plan.nodes.map((node) => node.name.length), 0)
    const level = plan.levels.find((l) => l.name === variable)
    if (!level) return 0
    return Math.max(...(level.values ?? [`${level.name}-${level.count}`]).map((value) => value.length))
  }
  const variables = variablesOf(group.clientId)
  const fixed = variables.reduce((rest, name) => rest.replace(`{${name}}`, ''), group.clientId)
  return fixed.length + variables.reduce((sum, name) => sum + longest(name), 0)
}

/**
 * Whether the two groups have an id in common. For ids of the form prefix + index + suffix the first few of each are tried with the template of
 * the other: where one prefix goes on with digits (`a{client}` and `a1{client}`) the lowest index collides first. Templates with other
 * variables collide if they are the same text.
 */
function canCollide(a: GroupPlan, b: GroupPlan): boolean {
  const [one, two] = [templateOf(a), templateOf(b)]
  if (one === two) return true
  const hasOther = (template: string) => variablesOf(template).some((name) => name !== 'client') || template.split('{client}').length > 2
  if (hasOther(one) || hasOther(two)) return false
  const reaches = (from: string, fromClients: number, to: string, toClients: number) =>
    INDICES.some((client) => client < fromClients && isIdOf(from.replace('{client}', String(client)), to, toClients))
  return reaches(one, a.clients, two, b.clients) || reaches(two, b.clients, one, a.clients)
}

/** The group's template with what is the same for all its clients filled in. */
function templateOf(group: GroupPlan): string {
  return group.clientId.replaceAll('{group}', group.name).replaceAll('{run}', RUN)
}

function isIdOf(id: string, template: string, clients: number): boolean {
  const [prefix = '', suffix] = template.split('{client}')
  if (suffix === undefined) return id === template
  if (!id.startsWith(prefix) || !id.endsWith(suffix)) return false
  const index = id.slice(prefix.length, id.length - suffix.length)
  return /^(0|[1-9]\d*)$/.test(index) && Number(index) < clients
}
