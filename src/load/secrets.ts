/**
 * Secrets: `${env:NAME}` and `${file:PATH}` in user names, passwords, WebSocket headers, paths of TLS files and URLs of metrics.
 *
 * A plan holds the reference, never what it stands for; the text is fetched when a run starts. Passwords that a user wrote out stay in the plan
 * that runs, and are masked in the one that is shown: `publicPlan`.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import { shownSource } from './metrics-source.ts'
import type { GroupPlan, NodePlan, Plan } from './plan.ts'

const REFERENCE = /\$\{(env|file):([^}]*)\}/g
const MASK = '***'

/**
 * The text with every reference replaced by what it stands for; a file's last line end is left out.
 *
 * @param baseDir  what relative paths are relative to: the scenario's folder
 * @throws EnvironmentError  a variable is not set, or a file can't be read
 */
export function resolveSecrets(text: string, baseDir: string): string {
  return text.replaceAll(REFERENCE, (reference, kind: string, name: string) => {
    if (kind === 'env') {
      const value = process.env[name]
      if (value === undefined) throw new EnvironmentError(`environment variable ${name} is not set`, { hint: `${reference} needs it` })
      return value
    }
    try {
      return readFileSync(resolve(baseDir, name), 'utf8').replace(/\r?\n$/, '')
    } catch (cause) {
      throw new EnvironmentError(`can't read ${name}: ${(cause as NodeJS.ErrnoException).code}`, { cause, hint: `${reference} needs it` })
    }
  })
}

/** Whether a text has a reference to a secret. */
export function hasSecret(text: string): boolean {
  return text.search(REFERENCE) >= 0
}

/** Whether something was masked in the text: what it was is not known any more. */
export function isMasked(text: string): boolean {
  return text.includes(MASK)
}

/** Paths of passwords and of what goes with WebSocket's request that somebody wrote out: others must not have them. */
export function literalSecrets(plan: Plan): string[] {
  const shown = publicPlan(plan)
  return plan.groups.flatMap((group, i) => {
    const { password, ws } = shown.groups[i]!
    const path = `groups.${group.name}`
    return [
      ...(password === group.password ? [] : [`${path}.password`]),
      ...Object.keys(ws.headers).flatMap((name) => (ws.headers[name] === group.ws.headers[name] ? [] : [`${path}.ws.headers.${name}`])),
      ...(ws.path === group.ws.path ? [] : [`${path}.ws.path`]),
    ]
  })
}

/** The plan as a report or log may show it: what was written out as user name, password or header is masked. */
export function publicPlan(plan: Plan): Plan {
  return { ...plan, nodes: plan.nodes.map(publicNode), groups: plan.groups.map(publicGroup) }
}

function publicNode(node: NodePlan): NodePlan {
  return node.metrics ? { ...node, metrics: node.metrics.map(shownSource) } : node
}

function publicGroup(group: GroupPlan): GroupPlan {
  const headers = Object.fromEntries(Object.entries(group.ws.headers).map(([name, value]) => [name, mask(value)]))
  const path = group.ws.path.replace(/\?.*$/, `?${MASK}`)
  return { ...group, username: mask(group.username), password: mask(group.password), ws: { path, headers } }
}

/** References say where the secret is, not what it is: they stay. */
function mask<T extends string | null>(text: T): T | string {
  return text === null || text === '' || text.replaceAll(REFERENCE, '') === '' ? text : MASK
}
