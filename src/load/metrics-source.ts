/**
 * Where a node's own figures are read while a run goes on: `metrics` of a node, and `--metrics NODE=SOURCE`.
 *
 * A URL may hold a secret. Its references stay references until the run starts; what was written out as user name, password or query is masked
 * wherever a plan is shown, and no message ever holds more of a URL than its kind.
 */
import type { MetricsSource } from './plan.ts'

/** What is known of brokers whose figures are read from Prometheus endpoints: `watch/mappings.ts` has a table for each. */
export const MAPPINGS = ['emqx', 'vernemq', 'hivemq', 'rabbitmq', 'nats-exporter'] as const
export type MappingName = (typeof MAPPINGS)[number]

/** What is wanted of a node: what goes up and down, and what only goes up. */
export const GAUGES = ['connections', 'subscriptions', 'queued', 'memoryBytes', 'cpuCores'] as const
export const COUNTERS = ['messagesIn', 'messagesOut', 'dropped', 'cpuSeconds'] as const
export type Need = (typeof GAUGES)[number] | (typeof COUNTERS)[number]

const REFERENCE = /\$\{(?:env|file):[^}]*\}/g
/** Up to its host: credentials may be references, whose paths have slashes. */
const CREDENTIALS = /^(https?:\/\/)((?:\$\{[^}]*\}|[^/?#])*)@/i

const FLAG = 'expected a URL (rabbitmq:http://… names whose metrics), sys, pid:NUMBER, pidFile:PATH or nats:URL'

/** The source of a flag: what is wrong with it is returned as text, without what was given. */
export function parseSource(written: string): MetricsSource | string {
  const [, kind = 'prometheus', value = ''] = /^(?:([a-zA-Z-]+):(?!\/\/))?(.*)$/s.exec(written) ?? []
  if (written === 'sys') return { kind: 'sys' }
  if (kind === 'pid') return /^[1-9]\d{0,9}$/.test(value) ? { kind, pid: Number(value) } : FLAG
  if (kind === 'pidFile') return value === '' ? FLAG : { kind, path: value }
  if (!isHttp(value)) return FLAG
  if (kind === 'nats') return { kind, url: value }
  if (kind === 'prometheus') return { kind, url: value, as: null, map: null }
  const as = MAPPINGS.find((name) => name === kind)
  return as === undefined ? `${FLAG}; known are the metrics of ${MAPPINGS.join(', ')}` : { kind: 'prometheus', url: value, as, map: null }
}

export function isHttp(written: string): boolean {
  const plain = written.replace(/^\$\{(?:env|file):[^}]*\}/, 'http://h').replaceAll(REFERENCE, 'x')
  return URL.canParse(plain) && /^https?:\/\/[^/]/i.test(plain)
}

/** What in the URL is to be filled in, as it is written. */
export function referencesIn(url: string): string[] {
  return url.match(REFERENCE) ?? []
}

/** The source as a report may show it. */
export function shownSource(source: MetricsSource): MetricsSource {
  if (!('url' in source)) return source
  const isReference = (part: string) => part.replaceAll(REFERENCE, '').replaceAll(':', '') === ''
  const shown = source.url.replace(CREDENTIALS, (all, scheme: string, who: string) => (isReference(who) ? all : `${scheme}***@`))
  return { ...source, url: shown.replace(/\?.*$/s, '?***') }
}

/** The source with what its references stand for. Where one is a part of the URL, it is encoded as such. */
export function filledSource(source: MetricsSource, resolve: (reference: string) => string): MetricsSource {
  if (!('url' in source)) return source
  const fill = (reference: string, at: number) => (at === 0 ? resolve(reference) : encodeURIComponent(resolve(reference)))
  return { ...source, url: source.url.replaceAll(REFERENCE, fill) }
}
