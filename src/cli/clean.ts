/**
 * `mqtt-scale clean RUN`: removes what a run left on its brokers, from nothing but its report.
 */
import { EnvironmentError, UsageError } from '../errors.ts'
import { type Access, nodesOf } from '../load/nodes.ts'
import type { GroupPlan, Plan } from '../load/plan.ts'
import { isMasked } from '../load/secrets.ts'
import { resolveUrl } from '../net/resolve.ts'
import { readReport } from '../report/read.ts'
import { canLeave, cleanRun } from '../run/clean.ts'
import { secretGroup, transportFor } from '../run/prepare.ts'
import { formatCount } from '../units.ts'
import { paint, print, say } from './terminal.ts'

export interface CleanFlags {
  readonly broker: readonly string[]
  readonly set: readonly string[]
  readonly quiet?: boolean
}

const WRONG = 2

/** @returns 0, or 2 where something is still there */
export async function clean(path: string, flags: CleanFlags): Promise<number> {
  const { run, plan: reported } = readReport(path)
  const tell = (line: string) => {
    if (!flags.quiet) print(`${line}\n`)
  }
  if (reported.embedded) {
    tell('the run was on the embedded broker, which kept nothing: there is nothing to clean')
    return 0
  }
  const groups = reported.groups.filter(canLeave)
  if (groups.length === 0) {
    tell('the run has no persistent sessions and no retained messages: there is nothing to clean')
    return 0
  }
  const { nodes, access } = addresses(reported, flags.broker)
  // Relative paths of secrets and certificates were relative to the scenario, whose place a report does not tell.
  const folder = process.cwd()
  const known = reported.groups.map((group) => (canLeave(group) ? secretGroup(unmask(group, flags.set, access), folder) : group))
  const plan = { ...reported, nodes, groups: known }
  const endpoints = await Promise.all(nodes.map(({ url }) => resolveUrl(url)))
  const clients = groups.reduce((sum, group) => sum + group.clients, 0)
  const remains = await cleanRun({
    plan,
    run: run.id,
    endpoints,
    transport: transportFor(plan, endpoints.flat()),
    folder,
    onFault: ({ clientId, node, reason }) => say(`${paint.yellow('fault')}  client ${clientId}, node ${node}: ${reason}`),
  })
  const { sessions, retained } = remains
  if (sessions + retained === 0) {
    tell(`run ${run.id} has left nothing: its ${formatCount(clients)} clients were cleaned up after`)
    return 0
  }
  say(`${paint.red('error:')} ${formatCount(sessions)} sessions and ${formatCount(retained)} retained messages could not be removed`)
  return WRONG
}

/** The run's nodes, at other addresses where they are given. */
function addresses(plan: Plan, urls: readonly string[]): { nodes: Plan['nodes']; access: Access } {
  if (urls.length > 0 && urls.length !== plan.nodes.length) {
    throw new UsageError(`the run had ${formatCount(plan.nodes.length)} nodes, and --broker names ${formatCount(urls.length)}`)
  }
  const brokers = plan.nodes.map(({ zone, ...node }) => (zone === null ? node : { ...node, zone }))
  return nodesOf(brokers, urls, (i, key, problem, hint) => {
    throw new UsageError(`node ${plan.nodes[i]!.name}: ${key} ${problem}`, { hint })
  })
}

/** A report does not tell what was written out in the scenario: it comes from --set, or with the URL of --broker. */
function unmask(group: GroupPlan, set: readonly string[], access: Access): GroupPlan {
  const given = new Map(set.map((text) => [text.slice(0, Math.max(0, text.indexOf('='))), text.slice(text.indexOf('=') + 1)]))
  const known = (key: string, text: string): string => {
    const path = `groups.${group.name}.${key}`
    const value = given.get(path) ?? text
    if (!isMasked(value)) return value
    throw new EnvironmentError(`the report does not tell ${path}`, { hint: `give it with --set '${path}=…'` })
  }
  const take = (key: string, text: string | null): string | null => {
    const value = given.get(`groups.${group.name}.${key}`) ?? text
    return value === null ? null : known(key, value)
  }
  const { username, password } = access
  const headers = Object.fromEntries(Object.entries(group.ws.headers).map(([name, text]) => [name, known(`ws.headers.${name}`, text)]))
  return {
    ...group,
    username: take('username', username ?? group.username),
    password: take('password', password ?? group.password),
    ws: { path: known('ws.path', access.wsPath ?? group.ws.path), headers },
  }
}
