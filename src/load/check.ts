/**
 * What is wrong between the keys of a scenario: names that don't exist, options that exclude each other, ids that collide, limits of the whole.
 *
 * Each check takes the scenario (for what was written, and where) and the plan (for what it means), and reports; none stops the others.
 */
import { filterProblem, parseShare, topicProblem } from '../mqtt/topic.ts'
import { abortProblem } from './abort.ts'
import { defaultName } from './build.ts'
import { shapeOf } from './catalogue.ts'
import { checkCommands, routeVariables } from './commands.ts'
import type { Path } from './document.ts'
import { checkFaults } from './faulting.ts'
import { COMPACT_BYTES, COMPACT_END_US, COMPACT_MESSAGES, WIDE_BYTES } from './header.ts'
import { clientIdProblems, longestId } from './identity.ts'
import { suggest } from './nearest.ts'
import { NEEDS_BROKER } from './nodes.ts'
import { headerForm } from './payload.ts'
import { checkPlacements } from './placing.ts'
import type { GroupPlan, Plan, PublishPlan } from './plan.ts'
import { MAX_CLIENTS, MAX_PUBLISH_ENTRIES, MAX_SUBSCRIBE_ENTRIES, type Scenario, type ScenarioGroup } from './schema.ts'
import { hasSecret } from './secrets.ts'
import { variablesOf } from './template.ts'
import { metricProblem, parseThreshold } from './threshold.ts'

export type Report = (path: Path, problem: string, hint?: string, of?: 'key' | 'value') => void

/** Variables that every template may use; levels of `topics` may not be called so, nor `from`, a requester's client id. */
export const VARIABLES: readonly string[] = ['client', 'clientId', 'group', 'run', 'node']
const RESERVED = [...VARIABLES, 'from']
/** The index of a leaf stays an exact number, also after it is multiplied by a client's index. */
const MAX_LEAVES = 2 ** 29
/** MQTT 3.1 §3.1: the client id is 1 to 23 characters long. */
const MAX_ID_LENGTH_3_1 = 23
const VERSION_5_KEYS = {
  group: ['sessionExpiry', 'receiveMaximum', 'maximumPacketSize', 'topicAliasMaximum', 'userProperties'],
  publish: ['expiry', 'contentType', 'responseTopic', 'correlationData', 'userProperties', 'topicAlias'],
  subscribe: ['noLocal', 'retainAsPublished', 'retainHandling', 'identifier'],
}

export function checkScenario(scenario: Scenario, plan: Plan, report: Report): void {
  for (const level of plan.levels) {
    if (RESERVED.includes(level.name)) report(['topics', level.name], `{${level.name}} is a variable of its own`, undefined, 'key')
  }
  checkPlacements(scenario, plan, report)
  if (plan.transport === 'epoll' && plan.nodes.some((node) => !node.url.startsWith('mqtt:'))) {
    report(['transport'], 'epoll is for mqtt:// only: TLS and WebSocket need stream', 'leave it out: auto takes the right one')
  }
  for (const group of plan.groups) checkGroup(scenario.groups[group.name]!, group, plan, report)
  checkLimits(plan, report)
  checkHeaderless(plan, report)
  for (const { group, problem, hint } of clientIdProblems(plan)) report(['groups', group, 'clientId'], problem, hint)
  checkFaults(scenario, plan, report)
  checkMetrics(scenario, plan, report)
}

function checkGroup(written: ScenarioGroup, group: GroupPlan, plan: Plan, report: Report): void {
  const at = (...path: Path): Path => ['groups', group.name, ...path]
  checkVersion(written, group, plan, at, report)
  checkCommands(written, group, plan, RESERVED, report)
  checkTemplates(written, plan, at, report)
  checkSpread(written, group.placement.kind === 'zone' ? group.placement.zone : '', plan, at, report)
  if (group.version < 5 && group.password !== null && group.username === null) {
    report(at('password'), 'needs a username: MQTT 3 has no password without one (MQTT 3.1.1 §3.1.2.9)')
  }
  if (group.subscribe.length > MAX_SUBSCRIBE_ENTRIES) {
    report(at('subscribe'), `has ${group.subscribe.length} entries: a group can have ${MAX_SUBSCRIBE_ENTRIES}`, 'use wildcards')
  }
  for (const i of group.publish.keys()) checkHeader(group, i, plan, at('publish', i, 'payload'), report)
  const names = written.publish.map((entry, i) => entry.name ?? defaultName(group.name, i))
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) < i) report(at('publish', i, 'name'), `the group has two entries called ${name}`)
    if (neverSends(group.publish[i]!, plan)) {
      report(at('publish', i), 'never sends: it starts, or its load rises above 0, after warmUp and measure have ended')
    }
  }
}

/** What a header of 16 bytes can count: streams whose payloads have room for no more must stay within it. */
function checkHeader(group: GroupPlan, i: number, plan: Plan, path: Path, report: Report): void {
  const { payload, trigger, load } = group.publish[i]!
  if (payload.kind !== 'bytes' || payload.min < COMPACT_BYTES || payload.min >= WIDE_BYTES) return
  const { connectUs, warmUpUs, measureUs } = plan.phases
  const hint = `give it ${WIDE_BYTES} bytes or more`
  if (connectUs + plan.settleUs + warmUpUs + measureUs >= COMPACT_END_US) {
    report(path, `below ${WIDE_BYTES} bytes there is room for times up to 19 hours only, and the run may be longer`, hint)
  }
  const factor = Math.max(...load.map(([, f]) => f))
  if (trigger.kind !== 'connect' && ((warmUpUs + measureUs) / trigger.periodUs) * factor >= COMPACT_MESSAGES) {
    report(path, `below ${WIDE_BYTES} bytes there is room for ${COMPACT_MESSAGES} messages of a stream only`, hint)
  }
}

function checkVersion(written: ScenarioGroup, group: GroupPlan, plan: Plan, at: (...path: Path) => Path, report: Report): void {
  const level = group.version
  if (level === 5) {
    if (plan.embedded) report(at('version'), 'the embedded broker has no MQTT 5', NEEDS_BROKER)
    if (group.sessionExpiryS > 0 && group.cleanShare === 1) {
      report(at('sessionExpiry'), 'no client comes back to its session: all have cleanSession: true', 'give cleanSession: false, or a mix')
    }
    return
  }
  const refuse = (entry: object, keys: readonly string[], path: Path): void => {
    for (const key of keys) {
      if (![undefined, false].includes((entry as Record<string, never>)[key])) report([...path, key], 'needs version: 5', undefined, 'key')
    }
  }
  refuse(written, VERSION_5_KEYS.group, at())
  if (written.will) refuse(written.will, ['delay'], at('will'))
  for (const [i, entry] of written.publish.entries()) refuse(entry, VERSION_5_KEYS.publish, at('publish', i))
  for (const [i, entry] of written.subscribe.entries()) refuse(entry, VERSION_5_KEYS.subscribe, at('subscribe', i))
  const length = level === 3 ? longestId(group, plan) : 0
  if (length > MAX_ID_LENGTH_3_1) {
    report(
      at('clientId'),
      `version 3.1 allows ${MAX_ID_LENGTH_3_1} characters, the longest id has ${length}`,
      'shorten it, such as "{run}-{client}"',
    )
  }
}

type TemplateKind = 'topic' | 'filter' | 'secret' | 'text'

interface Template {
  readonly path: Path
  readonly text: string
  readonly kind: TemplateKind
  /** Variables of this template alone. */
  readonly more: readonly string[]
}

/** Every template of a group with its path. */
function templatesOf(group: ScenarioGroup): Template[] {
  const found: Template[] = []
  const add = (path: Path, text: string | null | undefined, kind: TemplateKind, more: readonly string[] = []) => {
    if (text != null) found.push({ path, text, kind, more })
  }
  add(['clientId'], group.clientId, 'text')
  add(['username'], group.username, 'secret')
  add(['password'], group.password, 'secret')
  add(['tls', 'cert'], group.tls.cert, 'secret')
  add(['tls', 'key'], group.tls.key, 'secret')
  add(['will', 'topic'], group.will?.topic, 'topic')
  for (const [i, entry] of group.publish.entries()) {
    add(['publish', i, 'topic'], entry.topic, 'topic', routeVariables(entry))
    add(['publish', i, 'request', 'response'], entry.request?.response, 'topic', ['from'])
    add(['publish', i, 'responseTopic'], entry.responseTopic, 'topic')
    add(['publish', i, 'contentType'], entry.contentType, 'text')
    add(['publish', i, 'correlationData'], entry.correlationData, 'text')
    for (const [key, text] of entry.userProperties ?? []) add(['publish', i, 'userProperties', key], text, 'text')
  }
  for (const [i, entry] of group.subscribe.entries()) add(['subscribe', i, 'filter'], entry.filter, 'filter')
  return found
}

function checkTemplates(group: ScenarioGroup, plan: Plan, at: (...path: Path) => Path, report: Report): void {
  const common = [...plan.levels.map((level) => level.name), ...VARIABLES]
  for (const { path, text, kind, more } of templatesOf(group)) {
    const known = [...common, ...more]
    for (const variable of new Set(variablesOf(text))) {
      if (variable === 'from' && !more.includes('from'))
        report(at(...path), '{from} is for the topic of an entry with to: GROUP, and for request.response')
      else if (!known.includes(variable)) report(at(...path), `unknown variable {${variable}}`, suggest(variable, known))
      else if (variable === 'clientId' && path[0] === 'clientId') report(at(...path), 'a client id can’t contain {clientId}')
    }
    if (kind !== 'secret' && hasSecret(text)) {
      report(at(...path), '${env:…} and ${file:…} are for username, password, tls.cert, tls.key and ws.headers')
    }
    // A variable stands for one level or a part of it: no value of it can make the template wrong or right.
    const sample = text.replace(/\{[A-Za-z0-9_-]+\}/g, 'x')
    const problem = kind === 'topic' ? topicProblem(sample) : kind === 'filter' ? filterProblem(sample) : null
    if (problem !== null) report(at(...path), problem)
    else if (kind === 'topic' && sample.startsWith('mqtt-scale/'))
      report(at(...path), 'topics under mqtt-scale/ are for the probe and the sentinel')
  }
  for (const [i, entry] of group.subscribe.entries()) {
    const isShared = parseShare(entry.filter) !== null
    if (isShared && plan.embedded) report(at('subscribe', i, 'filter'), 'the embedded broker has no shared subscriptions', NEEDS_BROKER)
    if (isShared && entry.noLocal) report(at('subscribe', i, 'noLocal'), 'a shared subscription can’t have it (MQTT 5.0 §3.8.3.1)')
  }
}

function checkSpread(group: ScenarioGroup, zone: string, plan: Plan, at: (...path: Path) => Path, report: Report): void {
  // With `to` a topic's levels are the target's.
  const own = templatesOf(group).filter(({ path }) => path[2] !== 'topic' || group.publish[path[1] as number]!.to === undefined)
  const used = new Set([...own.map(({ text }) => text), zone].flatMap(variablesOf))
  const names = plan.levels.map((level) => level.name)
  for (const [name, spread] of Object.entries(group.spread)) {
    const level = plan.levels.find((l) => l.name === name)
    if (!level) report(at('spread', name), `unknown level ${name}`, suggest(name, names), 'key')
    else if (!used.has(name)) report(at('spread', name), `no template of the group uses {${name}}`, undefined, 'key')
    else if (Array.isArray(spread) && spread.length !== level.count) {
      report(at('spread', name), `needs ${level.count} shares, one for each value of the level, has ${spread.length}`)
    }
  }
  const isDigit = (name: string) => used.has(name) && !Object.hasOwn(group.spread, name)
  const leaves = plan.levels.reduce((product, level) => (isDigit(level.name) ? product * level.count : product), 1)
  if (leaves > MAX_LEAVES)
    report(at(), `its templates span ${leaves} topics: more than ${MAX_LEAVES} can’t be told apart exactly`, undefined, 'key')
}

/** Whether no message of the entry is due before the end of `measure`. */
function neverSends(entry: PublishPlan, plan: Plan): boolean {
  const endUs = plan.phases.warmUpUs + plan.phases.measureUs
  if (entry.trigger.kind === 'connect') return false
  if (entry.atUs >= endUs) return true
  // Linear between points: the load is 0 all the time if it is 0 at each point up to the first one at or after the end.
  const past = entry.load.findIndex(([timeS]) => timeS * 1e6 >= endUs)
  return entry.load.slice(0, past < 0 ? undefined : past + 1).every(([, factor]) => factor === 0)
}

/** Messages without a header are known by their topic alone: no two entries of such may share one. */
function checkHeaderless(plan: Plan, report: Report): void {
  const seen = new Map<string, string>()
  for (const group of plan.groups) {
    for (const [i, entry] of group.publish.entries()) {
      if (headerForm(group, entry.payload) !== 'none') continue
      const other = seen.get(shapeOf(entry.topic))
      if (other !== undefined) {
        const hint = 'give one of them payloads with room for a header, such as {bytes: 32}'
        report(
          ['groups', group.name, 'publish', i, 'topic'],
          `can't be told from the topics of ${other}: messages of neither have a header`,
          hint,
        )
      }
      seen.set(shapeOf(entry.topic), entry.name)
    }
  }
}

function checkLimits(plan: Plan, report: Report): void {
  if (plan.clients > MAX_CLIENTS) {
    report(['groups'], `all groups together have ${plan.clients} clients: a message’s header counts up to ${MAX_CLIENTS}`, undefined, 'key')
  }
  const entries = plan.groups.reduce((sum, group) => sum + group.publish.length, 0)
  if (entries > MAX_PUBLISH_ENTRIES) {
    report(
      ['groups'],
      `all groups together have ${entries} publish entries: a message’s header counts up to ${MAX_PUBLISH_ENTRIES}`,
      undefined,
      'key',
    )
  }
}

function checkMetrics(scenario: Scenario, plan: Plan, report: Report): void {
  for (const [i, { expect, abortOnFail, grace }] of (scenario.thresholds ?? []).entries()) {
    const threshold = parseThreshold(expect)
    const isText = !abortOnFail && grace === undefined
    const wrong = 'problem' in threshold ? threshold : metricProblem(threshold.metric, plan)
    if (wrong) report(isText ? ['thresholds', i] : ['thresholds', i, 'expect'], wrong.problem, wrong.hint)
    const problem = abortOnFail && 'metric' in threshold ? abortProblem(threshold, grace !== undefined) : null
    if (problem && !wrong) report(['thresholds', i, 'abortOnFail'], problem.problem, problem.hint)
    if (!abortOnFail && grace !== undefined) report(['thresholds', i, 'grace'], 'is for abortOnFail: true', undefined, 'key')
  }
  for (const metric of Object.keys(scenario.gates)) {
    const wrong = metricProblem(metric, plan)
    if (wrong) report(['gates', metric], wrong.problem, wrong.hint, 'key')
  }
}
