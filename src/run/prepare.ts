/**
 * From a plan to one that can run: the embedded broker where there is no other, addresses, secrets, files, identities, and the limits of this
 * machine. Whatever is wrong with them is found here, before a packet of load is sent.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import { estimate } from '../load/estimate.ts'
import { EMBEDDED_NODE } from '../load/nodes.ts'
import type { GroupPlan, Plan } from '../load/plan.ts'
import { resolveSecrets } from '../load/secrets.ts'
import { variablesOf } from '../load/template.ts'
import { resolveUrl } from '../net/resolve.ts'
import { type Endpoint, epollAvailable } from '../net/transport.ts'
import { type EmbeddedBroker, startEmbeddedBroker } from './broker.ts'
import { identities } from './identity.ts'
import { localPortsNeeded, shortages, thisMachine } from './limits.ts'
import { reachable } from './reach.ts'
import { checkTargets } from './targets.ts'

export interface Prepared {
  /** With nodes, and with secrets filled in. */
  readonly plan: Plan
  /** With nodes, and with references to secrets. */
  readonly shownPlan: Plan
  /** Of each node. */
  readonly endpoints: readonly (readonly Endpoint[])[]
  /** Payload files by the path that the plan has. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly transport: 'epoll' | 'stream'
  readonly workers: number
  /** null: the plan has brokers of its own. To be stopped at the end. */
  readonly broker: EmbeddedBroker | null
  /** Where this machine falls short, though the run goes on. */
  readonly warnings: readonly string[]
}

export interface PrepareOptions {
  /** The scenario's path: relative paths in it are relative to its folder. */
  readonly scenario: string
  /** null: as many as are good for this machine. */
  readonly workers: number | null
  /** Of --allow-target; empty: everything. */
  readonly allowed: readonly string[]
}

/** @throws EnvironmentError  the run can't start as things are */
export async function prepare(plan: Plan, options: PrepareOptions): Promise<Prepared> {
  const folder = dirname(options.scenario)
  const withSecrets = { ...plan, groups: plan.groups.map((group) => secretGroup(group, folder)) }
  const files = payloadFiles(plan, folder)
  const workers = workerCount(plan, options.workers)
  // The limits are looked at before the broker starts, so its address is not known yet.
  const endpoints = plan.embedded ? [[LOOPBACK]] : await Promise.all(plan.nodes.map(({ url }) => resolveUrl(url)))
  if (!plan.embedded) checkTargets(endpoints.flat(), options.allowed)
  const transport = transportFor(plan, endpoints.flat())
  const warnings = checkLimits(withEmbeddedNode(plan, EMBEDDED_URL), endpoints, files, transport, workers)
  checkIdentities(withEmbeddedNode(withSecrets, EMBEDDED_URL), endpoints, files, folder)
  const broker = plan.embedded ? await startEmbeddedBroker() : null
  const addresses = broker === null ? await Promise.all(endpoints.map(reachable)) : [await resolveUrl(broker.url)]
  const ready = { endpoints: addresses, files, transport, workers, broker, warnings }
  const url = broker?.url ?? ''
  return { plan: withEmbeddedNode(withSecrets, url), shownPlan: withEmbeddedNode(plan, url), ...ready }
}

const LOOPBACK: Endpoint = { scheme: 'tcp', address: '127.0.0.1', family: 4, port: 0, hostname: '127.0.0.1' }
/** Stands for the embedded broker where none is started. */
export const EMBEDDED_URL = 'mqtt://127.0.0.1'

/** The plan with a node for the embedded broker, where it is to be used. */
export function withEmbeddedNode(plan: Plan, url: string): Plan {
  return plan.embedded ? { ...plan, nodes: [{ name: EMBEDDED_NODE, url, zone: null, weight: 1 }] } : plan
}

/** One core is left for the controller and the kernel. */
export function workerCount(plan: Plan, wanted: number | null): number {
  return Math.max(1, Math.min(wanted ?? availableParallelism() - 1, plan.clients))
}

/** @throws EnvironmentError  epoll is asked for and can't be had */
export function transportFor(plan: Plan, endpoints: readonly Endpoint[]): 'epoll' | 'stream' {
  if (plan.transport === 'stream') return 'stream'
  const other = endpoints.find(({ scheme }) => scheme !== 'tcp')
  const obstacle = other ? `it has no ${other.scheme}` : epollAvailable()
  if (obstacle === null) return 'epoll'
  if (plan.transport === 'epoll')
    throw new EnvironmentError(`transport epoll can't be used: ${obstacle}`, { hint: 'use transport: auto, or stream' })
  return 'stream'
}

/** The group with what its references to secrets stand for. */
export function secretGroup(group: GroupPlan, folder: string): GroupPlan {
  const fill = <T extends string | null>(text: T): T | string => (text === null ? text : secret(text, folder))
  const headers = Object.fromEntries(Object.entries(group.ws.headers).map(([name, value]) => [name, secret(value, folder)]))
  const tls = { ...group.tls, ca: fill(group.tls.ca), cert: fill(group.tls.cert), key: fill(group.tls.key) }
  return { ...group, username: fill(group.username), password: fill(group.password), ws: { ...group.ws, headers }, tls }
}

function secret(text: string, folder: string): string {
  const filled = resolveSecrets(text, folder)
  // What a secret holds is no template: a variable in it would be replaced, and something else sent than is meant.
  const variable = variablesOf(filled).find((name) => !variablesOf(text).includes(name))
  if (variable !== undefined) {
    throw new EnvironmentError(`what ${text} stands for holds {${variable}}, which reads as a variable`, {
      hint: 'secrets with a word in braces can’t be used',
    })
  }
  return filled
}

function payloadFiles(plan: Plan, folder: string): Map<string, Uint8Array> {
  const payloads = plan.groups.flatMap((group) => [
    ...group.publish.map((entry) => entry.payload),
    ...group.subscribe.flatMap(({ reply }) => (reply ? [reply.payload] : [])),
    ...(group.will ? [group.will.payload] : []),
  ])
  const files = new Map<string, Uint8Array>()
  for (const payload of payloads) {
    if (payload.kind !== 'file' || files.has(payload.path)) continue
    try {
      files.set(payload.path, readFileSync(resolve(folder, payload.path)))
    } catch (cause) {
      throw new EnvironmentError(`can't read the payload ${payload.path} (${(cause as NodeJS.ErrnoException).code})`, { cause })
    }
  }
  return files
}

/** Makes each group's first identity once, so that what is wrong with it shows before the load. */
function checkIdentities(plan: Plan, endpoints: Prepared['endpoints'], files: Prepared['files'], folder: string): void {
  for (const identity of identities({ plan, run: '', endpoints, unixEpochMs: 0, files }, folder)) identity?.(0)
}

function checkLimits(
  plan: Plan,
  endpoints: Prepared['endpoints'],
  files: Prepared['files'],
  transport: Prepared['transport'],
  workers: number,
): string[] {
  const { need } = estimate(plan, { fileBytes: (path) => files.get(path)!.length, transport, workers })
  const found = shortages({ ...need, localPorts: localPortsNeeded(plan, endpoints) }, thisMachine(), workers)
  const refusal = found.find(({ isRefusal }) => isRefusal)
  if (refusal) throw new EnvironmentError(`the run ${refusal.words}`, { hint: refusal.hint })
  return found.map(({ words, hint }) => `${words}: ${hint}`)
}
