/**
 * What a scenario names outside itself: payload files, certificates and keys, environment variables. All are looked at before anything starts.
 *
 * A path that is a template is looked at for the group's first client only: a million certificates would take a while. Paths with {run},
 * {node} or {clientId} are known only when the run is.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Report } from './check.ts'
import type { Path } from './document.ts'
import { MAX_PAYLOAD_BYTES } from './payload-schema.ts'
import type { GroupPlan, PayloadPlan, Plan } from './plan.ts'
import { resolveSecrets } from './secrets.ts'
import { Renderer, variablesOf } from './template.ts'

/** @param file  the scenario's path: relative paths are relative to its folder */
export function checkFiles(plan: Plan, file: string, report: Report): void {
  const baseDir = dirname(file)
  for (const group of plan.groups) {
    const at = (...path: Path): Path => ['groups', group.name, ...path]
    const secrets = [
      [at('username'), group.username],
      [at('password'), group.password],
      ...Object.entries(group.ws.headers).map(([name, value]) => [at('ws', 'headers', name), value] as const),
    ] as const
    for (const [path, text] of secrets) if (text !== null) attempt(() => resolveSecrets(text, baseDir), path, report)
    checkTls(group, plan, baseDir, at, report)
    for (const [i, entry] of group.publish.entries()) checkPayload(entry.payload, baseDir, at('publish', i, 'payload', 'file'), report)
    for (const [i, { reply }] of group.subscribe.entries()) {
      if (reply) checkPayload(reply.payload, baseDir, at('subscribe', i, 'reply', 'payload', 'file'), report)
    }
    if (group.will) checkPayload(group.will.payload, baseDir, at('will', 'payload', 'file'), report)
  }
}

function checkTls(group: GroupPlan, plan: Plan, baseDir: string, at: (...path: Path) => Path, report: Report): void {
  const read = (path: string): Buffer => readFileSync(resolve(baseDir, path))
  const { ca } = group.tls
  const cert = ofFirstClient(group.tls.cert, group, plan)
  const key = ofFirstClient(group.tls.key, group, plan)
  if (ca !== null) attempt(() => new X509Certificate(read(ca)), at('tls', 'ca'), report)
  if (cert !== null) attempt(() => new X509Certificate(read(resolveSecrets(cert, baseDir))), at('tls', 'cert'), report)
  if (key !== null) attempt(() => createPrivateKey(read(resolveSecrets(key, baseDir))), at('tls', 'key'), report)
}

function checkPayload(payload: PayloadPlan, baseDir: string, path: Path, report: Report): void {
  if (payload.kind !== 'file') return
  const file = resolve(baseDir, payload.path)
  const look = (): void => {
    accessSync(file, constants.R_OK)
    const stat = statSync(file)
    if (!stat.isFile()) report(path, 'is not a file')
    else if (stat.size > MAX_PAYLOAD_BYTES) report(path, `the file is larger than ${MAX_PAYLOAD_BYTES} bytes`)
  }
  attempt(look, path, report)
}

/** The template for the group's first client; null where there is none, or where it has a variable without a value yet. */
function ofFirstClient(template: string | null, group: GroupPlan, plan: Plan): string | null {
  if (template === null) return null
  const known = ['client', 'group', ...plan.levels.map((level) => level.name)]
  if (!variablesOf(template).every((name) => known.includes(name))) return null
  return new Renderer(plan, group, '').render(template, 0)
}

function attempt(look: () => unknown, path: Path, report: Report): void {
  try {
    look()
  } catch (error) {
    const { code, message, hint } = error as NodeJS.ErrnoException & { hint?: string }
    report(path, words(code, message), hint)
  }
}

function words(code: string | undefined, message: string): string {
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EACCES') return 'the file can’t be read (EACCES)'
  if (code === 'EISDIR') return 'is a folder, not a file'
  if (code?.startsWith('ERR_OSSL') || code?.startsWith('ERR_CRYPTO')) return `the file holds no usable certificate or key (${message})`
  return message
}
