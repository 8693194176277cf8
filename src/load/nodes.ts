/**
 * The nodes of the cluster under test: the scenario's brokers, with the addresses of `--broker` where they are given.
 *
 * A URL may carry more than an address: credentials, and the path of a WebSocket endpoint. Those belong to groups, so they are taken out here
 * and become the defaults of groups that say nothing themselves; a plan's URL holds an address only.
 */
import type { NodePlan } from './plan.ts'
import type { Scenario } from './schema.ts'

/** What to report, at the index of the node; `from` says whether the scenario or --broker brought the URL. */
export type ReportNode = (index: number, key: 'url' | 'name', problem: string, hint?: string) => void

export interface Access {
  readonly username: string | null
  readonly password: string | null
  readonly wsPath: string | null
}

const SCHEMES = ['mqtt:', 'mqtts:', 'ws:', 'wss:']
/** What the embedded broker's node is called. */
export const EMBEDDED_NODE = 'node-1'
/** The hint where it can't do what is asked for. */
export const NEEDS_BROKER = 'give --broker mqtt://HOST:PORT, or brokers in the scenario'

/**
 * @param urls  of --broker: they take the scenario's names, zones and weights in order; none: the scenario's own
 * @returns no nodes where neither names one
 */
export function nodesOf(brokers: Scenario['brokers'], urls: readonly string[], report: ReportNode): { nodes: NodePlan[]; access: Access } {
  // Other addresses are other machines: of what the scenario reads there, only $SYS is at the same address.
  const elsewhere = (i: number) => brokers[i]?.metrics?.filter(({ kind }) => kind === 'sys')
  const entries =
    urls.length > 0 ? urls.map((url, i) => ({ zone: undefined, weight: 1, ...brokers[i], url, metrics: elsewhere(i) })) : brokers
  const access: Access[] = []
  const nodes = entries.map((entry, i) => {
    const name = ('name' in entry ? entry.name : undefined) ?? `node-${i + 1}`
    const read = readUrl(entry.url)
    if ('problem' in read) report(i, 'url', read.problem, read.hint)
    else access.push(read)
    return {
      name,
      url: 'problem' in read ? '' : read.url,
      zone: entry.zone ?? null,
      weight: entry.weight,
      ...(entry.metrics?.length && { metrics: entry.metrics }),
    }
  })
  for (const [i, node] of nodes.entries()) {
    if (nodes.findIndex((n) => n.name === node.name) < i) report(i, 'name', `two nodes are called ${node.name}`)
  }
  const first = access[0] ?? { username: null, password: null, wsPath: null }
  const other = access.findIndex((a) => a.username !== first.username || a.password !== first.password || a.wsPath !== first.wsPath)
  if (other > 0)
    report(other, 'url', 'has other credentials or another path than the first URL', 'give username, password and ws.path in the groups')
  return { nodes, access: first }
}

/** Messages never show the URL: it may hold a password. */
function readUrl(text: string): (Access & { url: string }) | { problem: string; hint?: string } {
  const example = 'expected a URL such as mqtt://127.0.0.1:1883'
  if (!text.includes('://')) return { problem: example, hint: 'begin it with mqtt://' }
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url) return { problem: `is no valid URL: ${example}` }
  if (!SCHEMES.includes(url.protocol)) {
    return { problem: `scheme ${url.protocol}// is not supported`, hint: 'known: mqtt://, mqtts://, ws://, wss://' }
  }
  if (url.hostname === '') return { problem: `has no host: ${example}` }
  if (url.port === '0') return { problem: 'port 0 can not be connected to' }
  const path = `${url.pathname === '/' ? '' : url.pathname}${url.search}`
  const isWs = url.protocol.startsWith('ws')
  if (url.hash !== '' || (path !== '' && !isWs)) return { problem: 'must end after its port: only ws:// and wss:// have a path' }
  return {
    url: `${url.protocol}//${url.host}`,
    username: url.username === '' ? null : decode(url.username),
    password: url.password === '' ? null : decode(url.password),
    wsPath: path === '' ? null : path.startsWith('/') ? path : `/${path}`,
  }
}

/** Percent-decoded where it is percent-encoded. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a lone % is not an encoding
  }
}
