/**
 * What is wrong with `to`, `each`, `request` and `reply`: groups that don't exist, variables that nobody has, messages that can't be matched.
 */
import type { Report } from './check.ts'
import type { Path } from './document.ts'
import { suggest } from './nearest.ts'
import { headerForm } from './payload.ts'
import type { GroupPlan, PayloadPlan, Plan } from './plan.ts'
import { MAX_LANES } from './route.ts'
import type { ScenarioGroup, ScenarioPublish } from './schema.ts'
import { variablesOf } from './template.ts'
import { templatesOf } from './tree.ts'

const NO_HEADER = 'has no room for a header, by which a reply finds its request'
const HINT = 'give it 16 bytes or more, or json'

/** Variables that the topic of an entry has beside those of all templates. */
export function routeVariables(entry: ScenarioPublish): string[] {
  return [...(entry.to === undefined ? [] : ['from']), ...Object.keys(entry.each ?? {})]
}

export function checkCommands(written: ScenarioGroup, group: GroupPlan, plan: Plan, reserved: readonly string[], report: Report): void {
  const at = (...path: Path): Path => ['groups', group.name, ...path]
  const requesters = plan.groups.filter((other) => other.publish.some(({ request }) => request !== null))
  const answerers = plan.groups.filter((other) => other.subscribe.some(({ reply }) => reply !== null))
  for (const [i, entry] of written.publish.entries()) {
    if (entry.to !== undefined) checkTo(entry, plan, at('publish', i), report)
    if (entry.each !== undefined) checkEach(entry, plan, reserved, at('publish', i), report)
    const { request, payload } = group.publish[i]!
    if (request !== null && !isReadable(group, payload, answerers)) report(at('publish', i, 'payload'), NO_HEADER, HINT)
  }
  for (const [i, { reply }] of group.subscribe.entries()) {
    if (reply === null) continue
    const path = at('subscribe', i, 'reply')
    if (requesters.length === 0) report(path, 'there is nothing to answer: no publish entry has a request')
    if (!isReadable(group, reply.payload, requesters)) report([...path, 'payload'], NO_HEADER, HINT)
  }
}

/** Whether these groups find the header of such a message; in a user property those below version 5 don't. */
function isReadable(group: GroupPlan, payload: PayloadPlan, readers: readonly GroupPlan[]): boolean {
  const form = headerForm(group, payload)
  return form !== 'none' && (form !== 'property' || readers.every(({ version }) => version === 5))
}

function checkTo({ to, topic }: ScenarioPublish, plan: Plan, path: Path, report: Report): void {
  const names = plan.groups.map((group) => group.name)
  const target = plan.groups.find((group) => group.name === to)
  if (!target) {
    report([...path, 'to'], `unknown group ${to}`, suggest(to!, names))
    return
  }
  if (target.clients > MAX_LANES) report([...path, 'to'], `the group has ${target.clients} clients: ${MAX_LANES} can be told apart`)
  const own = new Set(templatesOf(target).flatMap(variablesOf))
  for (const level of plan.levels) {
    if (!variablesOf(topic).includes(level.name) || own.has(level.name)) continue
    report([...path, 'topic'], `clients of ${to} have no {${level.name}}: none of their templates uses it`, 'use it in their filter')
  }
}

function checkEach({ each, topic }: ScenarioPublish, plan: Plan, reserved: readonly string[], path: Path, report: Report): void {
  for (const [name, count] of Object.entries(each!)) {
    const level = plan.levels.find((l) => l.name === name)
    if (reserved.includes(name)) report([...path, 'each', name], `{${name}} is a variable of its own`, undefined, 'key')
    else if (!variablesOf(topic).includes(name)) report([...path, 'topic'], `needs {${name}}, which tells the streams of each apart`)
    if (level && level.count < count) report([...path, 'each', name], `the level has ${level.count} values, got ${count}`)
  }
}
