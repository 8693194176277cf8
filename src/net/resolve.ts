/**
 * From a broker's URL to the addresses behind it.
 *
 * Host names are looked up once, before the load, by the system's resolver (so /etc/hosts counts): a lookup inside a connect would be measured as
 * the broker's time. All addresses are returned, for a name is often a small cluster.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { EnvironmentError } from '../errors.ts'
import type { Endpoint } from './transport.ts'

/** Ports: 1883 and 8883 are IANA's for MQTT, 80 and 443 what a WebSocket URL means without one (RFC 6455 §3). */
const SCHEMES: Readonly<Record<string, { readonly scheme: Endpoint['scheme']; readonly port: number }>> = {
  'mqtt:': { scheme: 'tcp', port: 1883 },
  'tcp:': { scheme: 'tcp', port: 1883 },
  'mqtts:': { scheme: 'tls', port: 8883 },
  'ssl:': { scheme: 'tls', port: 8883 },
  'tls:': { scheme: 'tls', port: 8883 },
  'ws:': { scheme: 'ws', port: 80 },
  'wss:': { scheme: 'wss', port: 443 },
}

/**
 * Every endpoint of a broker's URL, each address once, in the resolver's order; at least one. Path and credentials of the URL play no part.
 *
 * @throws EnvironmentError  not such a URL, or no address is known for its host
 */
export async function resolveUrl(url: string): Promise<Endpoint[]> {
  // Messages end up in logs and reports: no password in them.
  url = url.replace(/\/\/[^/]*@/, '//')
  const { scheme, hostname, port } = parse(url)
  const family = isIP(hostname)
  if (family !== 0) return [{ scheme, address: hostname, family: family as 4 | 6, port, hostname }]
  let found: { address: string; family: number }[]
  try {
    found = await lookup(hostname, { all: true })
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new EnvironmentError(`${url}: no address for the host ${hostname} (${code})`, {
      cause,
      hint: 'check the spelling and the DNS, or use an IP address',
    })
  }
  const unique = new Map(found.map((f) => [f.address, f.family as 4 | 6]))
  return Array.from(unique, ([address, family]) => ({ scheme, address, family, port, hostname }))
}

function parse(url: string): { scheme: Endpoint['scheme']; hostname: string; port: number } {
  const hint = 'write mqtt://HOST:PORT, or mqtts:, ws: or wss:'
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (!parsed) throw new EnvironmentError(`${url}: not a URL`, { hint })
  const known = SCHEMES[parsed.protocol]
  if (!known) throw new EnvironmentError(`${url}: unknown scheme ${parsed.protocol}`, { hint })
  if (parsed.hostname === '') throw new EnvironmentError(`${url}: no host`, { hint })
  const port = parsed.port === '' ? known.port : Number(parsed.port)
  if (port === 0) throw new EnvironmentError(`${url}: port must be 1 to 65535, got 0`, { hint })
  return { scheme: known.scheme, hostname: parsed.hostname.replace(/^\[|\]$/g, ''), port }
}
