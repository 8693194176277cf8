/**
 * From a plan to one that can run: the embedded broker where there is no other, addresses, secrets, files, identities, and the limits of this
 * machine. Whatever is wrong with them is found here, before a packet of load is sent.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import type { Surroundings } from '../load/group.ts'
import { EMBEDDED_NODE } from '../load/nodes.ts'
import type { GroupPlan, Plan } from '../load/plan.ts'
import { resolveSecrets } from '../load/secrets.ts'
import type { Slice } from '../load/slice.ts'
import { variablesOf } from '../load/template.ts'
import { admit } from '../machine/admit.ts'
import type { Ceilings } from '../machine/ceiling.ts'
import type { Wanted } from '../machine/layout.ts'
import { resolveUrl } from '../net/resolve.ts'
import { type Endpoint, epollAvailable } from '../net/transport.ts'
import { type EmbeddedBroker, startEmbeddedBroker } from './broker.ts'
import { identities } from './identity.ts'
import { reachable } from './reach.ts'
import { checkTargets } from './targets.ts'
import { metricsEndpoints, withMetricsSecrets } from './watching.ts'

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
  readonly processes: number
  /** Of all processes. */
  readonly workers: number
  /** What clients of each group connect from, by group index. */
  readonly sourceAddresses: Surroundings['sourceAddresses']
  /** null: the plan has brokers of its own. To be stopped at the end. */
  readonly broker: EmbeddedBroker | null
  /** Where this machine falls short, though the run goes on. */
  readonly warnings: readonly string[]
  /** What this machine was measured to do; null: it was not, or does not generate. */
  readonly ceilings: Ceilings | null
}

export interface PrepareOptions {
  /** The scenario's path: relative paths in it are relative to its folder. */
  readonly scenario: string
  /** null: nothing of the load is for this machine. */
  readonly wanted: Wanted | null
  /** Of --allow-target; empty: everything. */
  readonly allowed: readonly string[]
  /** The same at another scale, to find one that fits; null: it can't be had. */
  readonly planAt: ((scale: number) => Plan) | null
}

/** @throws EnvironmentError  the run can't start as things are */
export async function prepare(plan: Plan, options: PrepareOptions): Promise<Prepared> {
  const folder = dirname(options.scenario)
  const files = payloadFiles(plan, folder)
  // The limits are looked at before the broker starts, so its address is not known yet.
  const equipped = await equip(plan, { ...options, folder, files, slice: null })
  const broker = plan.embedded ? await startEmbeddedBroker() : null
  const endpoints = broker === null ? equipped.endpoints : [await resolveUrl(broker.url)]
  const url = broker?.url ?? ''
  return { ...equipped, endpoints, plan: withEmbeddedNode(equipped.plan, url), shownPlan: withEmbeddedNode(plan, url), files, broker }
}

export interface EquipOptions extends Omit<PrepareOptions, 'scenario'> {
  /** What paths in the plan are relative to. */
  readonly folder: string
  readonly files: Prepared['files']
  /** What of the plan is to run here; null: all of it. */
  readonly slice: Slice | null
}

export type Equipped = Omit<Prepared, 'shownPlan' | 'files' | 'broker'>

/**
 * What this machine adds to a plan, or to a slice of it: secrets, addresses, transport, processes.
 *
 * @throws EnvironmentError  it can't be had here
 */
export async function equip(plan: Plan, options: EquipOptions): Promise<Equipped> {
  const { folder, files, slice, allowed, wanted, planAt } = options
  const nodes = plan.nodes.map((node) => withMetricsSecrets(node, folder))
  const withSecrets = { ...plan, nodes, groups: plan.groups.map((group) => secretGroup(group, folder)) }
  const named = plan.embedded ? [[LOOPBACK]] : await Promise.all(plan.nodes.map(({ url }) => resolveUrl(url)))
  if (!plan.embedded && allowed.length > 0) checkTargets([...named.flat(), ...(await metricsEndpoints(nodes))], allowed)
  // Where some of a node's addresses take nobody, the others have more: limits are of those that do.
  const endpoints = plan.embedded ? named : await Promise.all(named.map(reachable))
  const transport = transportFor(plan, endpoints.flat())
  const embed = (it: Plan) => withEmbeddedNode(it, EMBEDDED_URL)
  const ready = { plan: withSecrets, endpoints, transport }
  checkIdentities(embed(withSecrets), endpoints, folder)
  // Where agents have the load, this machine only looks at the brokers.
  if (wanted === null)
    return { ...ready, processes: 0, workers: 0, sourceAddresses: plan.groups.map(() => []), warnings: [], ceilings: null }
  const { layout, sourceAddresses, warnings, ceilings } = await admit(embed(plan), {
    planAt: planAt && ((scale) => embed(planAt(scale))),
    destinations: endpoints,
    fileBytes: (path) => files.get(path)!.length,
    transport,
    wanted,
    slice,
  })
  return { ...ready, ...layout, sourceAddresses, warnings, ceilings }
}

const LOOPBACK: Endpoint = { scheme: 'tcp', address: '127.0.0.1', family: 4, port: 0, hostname: '127.0.0.1' }
/** Stands for the embedded broker where none is started. */
export const EMBEDDED_URL = 'mqtt://127.0.0.1'

/** The plan with a node for the embedded broker, where it is to be used. */
export function withEmbeddedNode(plan: Plan, url: string): Plan {
  return plan.embedded ? { ...plan, nodes: [{ name: EMBEDDED_NODE, url, zone: null, weight: 1 }] } : plan
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
function checkIdentities(plan: Plan, endpoints: Prepared['endpoints'], folder: string): void {
  for (const identity of identities({ plan, run: '', endpoints }, folder)) identity?.(0)
}
