/**
 * Secrets: `${env:NAME}` and `${file:PATH}` in user names, passwords, WebSocket headers and paths of TLS files.
 *
 * A plan holds the reference, never what it stands for; the text is fetched when a run starts. Passwords that a user wrote out stay in the plan
 * that runs, and are masked in the one that is shown: `publicPlan`.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import type { GroupPlan, Plan } from './plan.ts'

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

/** The plan as a report or log may show it: what was written out as user name, password or header is masked. */
export function publicPlan(plan: Plan): Plan {
  return { ...plan, groups: plan.groups.map(publicGroup) }
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
