/**
 * The TLS identities of a group's clients, made in the worker that needs them: contexts do not cross threads.
 *
 * A certificate that is a template gives each client a context of its own, made at its first connect; all others of a group share one.
 */
import { resolve } from 'node:path'
import type { Surroundings } from '../load/group.ts'
import { Renderer, variablesOf } from '../load/template.ts'
import { secureContext } from '../net/tls.ts'
import type { TlsOptions } from '../net/transport.ts'

/** One entry a group: what its client number i needs for TLS, or null where no node uses TLS. */
export function identities(
  around: Pick<Surroundings, 'plan' | 'endpoints' | 'run'>,
  folder: string,
): (((client: number) => TlsOptions) | null)[] {
  const isNeeded = around.endpoints.some((addresses) => addresses.some(({ scheme }) => scheme === 'tls' || scheme === 'wss'))
  return around.plan.groups.map((group) => {
    if (!isNeeded) return null
    const { tls } = group
    const renderer = new Renderer(around.plan, group, around.run)
    const path = (template: string | null, client: number) =>
      template === null ? null : resolve(folder, renderer.render(template, client))
    const make = (client: number): TlsOptions => ({
      context: secureContext({ ca: path(tls.ca, client), cert: path(tls.cert, client), key: path(tls.key, client) }),
      serverName: tls.serverName,
      alpn: tls.alpn,
      insecure: tls.insecure,
      resume: tls.resume,
    })
    const isOwn = [tls.cert, tls.key].some((template) => template !== null && variablesOf(template).length > 0)
    if (!isOwn) {
      let shared: TlsOptions | null = null
      return () => (shared ??= make(0))
    }
    const own = new Map<number, TlsOptions>()
    return (client) => {
      let options = own.get(client)
      if (options === undefined) own.set(client, (options = make(client)))
      return options
    }
  })
}
