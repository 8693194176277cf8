/**
 * What a run may connect to: `--allow-target HOST[:PORT]` or a CIDR block.
 *
 * A host name allows the host that was written so, whatever its addresses; an address or a block allows what a name resolved to.
 */
import { BlockList, isIP } from 'node:net'
import { EnvironmentError, UsageError } from '../errors.ts'
import type { Endpoint } from '../net/transport.ts'

/** @throws EnvironmentError  some endpoint is not allowed; UsageError: `allowed` has something that is neither */
export function checkTargets(endpoints: readonly Endpoint[], allowed: readonly string[]): void {
  if (allowed.length === 0) return
  const targets = allowed.map(target)
  for (const endpoint of endpoints) {
    if (targets.some((isAllowed) => isAllowed(endpoint))) continue
    const { hostname, address, family, port } = endpoint
    const at = `${family === 6 ? `[${address}]` : address}:${port}`
    const name = hostname === address ? at : `${hostname} (${at})`
    throw new EnvironmentError(`${name} is not among the allowed targets: ${allowed.join(', ')}`, {
      hint: 'allow it with --allow-target, or give another broker',
    })
  }
}

/** @throws UsageError  one of them is neither */
export function checkTargetTexts(allowed: readonly string[]): void {
  for (const text of allowed) target(text)
}

function target(text: string): (endpoint: Endpoint) => boolean {
  const wrong = new UsageError(`--allow-target ${text}: expected HOST, HOST:PORT or a block such as 10.0.0.0/8`)
  const slash = text.indexOf('/')
  if (slash >= 0) {
    const address = text.slice(0, slash)
    const family = isIP(address)
    const bits = /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : Number.NaN
    if (family === 0 || !(bits <= (family === 4 ? 32 : 128))) throw wrong
    const type = family === 4 ? 'ipv4' : 'ipv6'
    const block = new BlockList()
    block.addSubnet(address, bits, type)
    // To a block list an IPv4 address is in ::/0 too.
    return (endpoint) => endpoint.family === family && block.check(endpoint.address, type)
  }
  const { host, port } = hostAndPort(text, wrong)
  return (endpoint) => (same(endpoint.hostname, host) || same(endpoint.address, host)) && (port === null || endpoint.port === port)
}

function hostAndPort(text: string, wrong: UsageError): { host: string; port: number | null } {
  // An IPv6 address has colons of its own: with a port it stands in brackets.
  if (isIP(text) === 6) return { host: text, port: null }
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || (bracketed !== undefined && isIP(bracketed) !== 6) || Number(port ?? 1) > 65_535) throw wrong
  return { host, port: port === undefined ? null : Number(port) }
}

/** Names without regard to case; IPv6 addresses however they are abbreviated. */
function same(a: string, b: string): boolean {
  return canonical(a) === canonical(b)
}

function canonical(host: string): string {
  return isIP(host) === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host.toLowerCase()
}
