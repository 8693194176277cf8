/**
 * How somebody who is none of the run's clients gets into a node: with what client 0 of the first group that may use the node connects with.
 *
 * The probe and the sentinel are such guests. What is here is plain data and crosses processes; it holds secrets, and goes into no report.
 */
import { resolve } from 'node:path'
import type { Surroundings } from '../load/group.ts'
import type { ProtocolLevel } from '../load/plan.ts'
import { sourcesTowards } from '../load/sources.ts'
import { Renderer } from '../load/template.ts'
import type { Endpoint } from '../net/transport.ts'

export interface Guest {
  readonly node: string
  /** The first of the node's addresses. */
  readonly endpoint: Endpoint
  /** Whose access it is. */
  readonly group: string
  readonly level: ProtocolLevel
  readonly keepAliveS: number
  readonly username: string | null
  readonly password: string | null
  readonly userProperties: readonly (readonly [string, string])[]
  readonly localAddress: string | null
  readonly tls: {
    /** Absolute paths. */
    readonly ca: string | null
    readonly cert: string | null
    readonly key: string | null
    readonly serverName: string | null
    readonly alpn: readonly string[]
    readonly insecure: boolean
  }
  readonly ws: { readonly path: string; readonly headers: Readonly<Record<string, string>> }
}

/** What a guest needs to know of a run; the plan with its secrets filled in. */
export type Hosts = Pick<Surroundings, 'plan' | 'endpoints' | 'sourceAddresses' | 'run'>

/** @param folder  what relative paths of certificates are relative to */
export function guestOf({ plan, endpoints, sourceAddresses, run }: Hosts, node: number, folder: string): Guest {
  const group = plan.groups.find(({ placement }) => placement.kind !== 'nodes' || placement.nodes.includes(node)) ?? plan.groups[0]!
  const renderer = new Renderer(plan, group, run)
  const render = (template: string | null) => (template === null ? null : renderer.render(template, 0))
  const path = (template: string | null) => (template === null ? null : resolve(folder, renderer.render(template, 0)))
  const endpoint = endpoints[node]![0]!
  const { ca, cert, key, serverName, alpn, insecure } = group.tls
  return {
    node: plan.nodes[node]!.name,
    endpoint,
    group: group.name,
    level: group.version,
    keepAliveS: group.keepAliveS,
    username: render(group.username),
    password: render(group.password),
    userProperties: group.userProperties,
    localAddress: sourcesTowards(sourceAddresses[group.index]!, endpoint.address)[0] ?? null,
    tls: { ca: path(ca), cert: path(cert), key: path(key), serverName, alpn, insecure },
    ws: { path: group.ws.path, headers: group.ws.headers },
  }
}
