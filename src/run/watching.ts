/**
 * The watch of a run: from what the plan says of its nodes to sources that read, with the access that a run has.
 *
 * It is the controller that reads, wherever the load comes from: what is read of a process is of this machine.
 */
import { resolve } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import { filledSource, isHttp, referencesIn } from '../load/metrics-source.ts'
import type { MetricsSource, NodePlan } from '../load/plan.ts'
import { resolveSecrets } from '../load/secrets.ts'
import { resolveUrl } from '../net/resolve.ts'
import type { Endpoint } from '../net/transport.ts'
import type { ReportFolder } from '../report/folder.ts'
import { NatsReader } from '../watch/nats.ts'
import { ProcessReader } from '../watch/process.ts'
import { PrometheusReader } from '../watch/prometheus.ts'
import { Poller, type Source } from '../watch/source.ts'
import { type Listen, SysSource } from '../watch/sys.ts'
import { Watch } from '../watch/watch.ts'
import { startClock } from './clock.ts'
import { guestOf, type Hosts } from './guest.ts'
import { newName } from './name.ts'
import { type Visit, Visits } from './visit.ts'

export interface WatchingOptions {
  /** CLOCK_MONOTONIC at the run's epoch, ns. */
  readonly epochNs: bigint
  /** What relative paths are relative to. */
  readonly baseDir: string
  readonly folder: ReportFolder
  /** Takes what can't be read, in words. */
  readonly onWords: (words: string) => void
}

/** How long a node may take to welcome who listens to its `$SYS`, and then to let it subscribe. */
const ANSWER_TIMEOUT_MS = 3000

/** Starts the watch of a plan; null where nothing is to be read. */
export function startWatch(hosts: Omit<Hosts, 'run'>, { epochNs, baseDir, folder, onWords }: WatchingOptions): Watch | null {
  const { nodes } = hosts.plan
  if (nodes.every(({ metrics }) => metrics === undefined)) return null
  const clock = startClock(epochNs)
  const visits = new Visits()
  const sourceOf = (source: MetricsSource, node: number): Source => {
    if (source.kind === 'sys') return new SysSource(listener(visits, hosts, node, baseDir), clock)
    if (source.kind === 'prometheus') return new Poller(new PrometheusReader(source), clock)
    if (source.kind === 'nats') return new Poller(new NatsReader(source.url), clock)
    return new Poller(new ProcessReader(source.kind === 'pid' ? source.pid : resolve(baseDir, source.path)), clock)
  }
  return new Watch({
    nodes: nodes.map(({ name, metrics = [] }, node) => ({
      name,
      // What is seen of a process is worth more than what it says of itself.
      sources: metrics.toSorted((a, b) => Number(isOfProcess(b)) - Number(isOfProcess(a))).map((source) => sourceOf(source, node)),
    })),
    clock,
    onReading: (row) => folder.reading(row),
    onTrouble(node, source, words) {
      folder.event(clock() / 1e6, 'metrics', { node, source, trouble: words })
      onWords(`node ${node}, ${source}: ${words}`)
    },
    onEnd: () => visits.dispose(),
  })
}

/** A node's sources with their secrets. @throws EnvironmentError  one of them can't be had, or makes no URL */
export function withMetricsSecrets(node: NodePlan, baseDir: string): NodePlan {
  if (node.metrics === undefined) return node
  const filled = (source: MetricsSource): MetricsSource => {
    const it = filledSource(source, (reference) => resolveSecrets(reference, baseDir))
    if ('url' in source && 'url' in it && !isHttp(it.url)) {
      throw new EnvironmentError(`node ${node.name}: with ${referencesIn(source.url).join(' and ')} the URL of its metrics is none`, {
        hint: 'within a URL a reference stands for one part, such as the host or the password, and is encoded as that: let it stand for the whole URL, or for the host alone',
      })
    }
    return it
  }
  return { ...node, metrics: node.metrics.map(filled) }
}

/** What is connected to for metrics beside MQTT. @throws EnvironmentError  a host has no address */
export async function metricsEndpoints(nodes: readonly NodePlan[]): Promise<Endpoint[]> {
  const urls = nodes.flatMap(({ metrics = [] }) => metrics.flatMap((source) => ('url' in source ? [new URL(source.url)] : [])))
  const found = await Promise.all(
    urls.map(({ protocol, hostname, port }) => resolveUrl(`tcp://${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`)),
  )
  return found.flat()
}

function isOfProcess({ kind }: MetricsSource): boolean {
  return kind === 'pid' || kind === 'pidFile'
}

/** Listens to a node with the access of the probe. */
function listener(visits: Visits, hosts: Omit<Hosts, 'run'>, node: number, baseDir: string): Listen {
  return async (filters, onMessage) => {
    const guest = guestOf({ ...hosts, run: newName() }, node, baseDir)
    const visit = await visits.knock(guest, ANSWER_TIMEOUT_MS)
    if (visit === null) return 'the node takes nobody now'
    visit.onPublish = ({ bytes, topicStart, topicEnd, payloadStart, payloadEnd, retain }) => {
      const text = (start: number, end: number) => Buffer.from(bytes.subarray(start, end)).toString()
      onMessage(text(topicStart, topicEnd), text(payloadStart, payloadEnd), retain)
    }
    const refusal = await subscribed(visit, filters, ANSWER_TIMEOUT_MS)
    return refusal ?? visit
  }
}

/** @returns null: it listens; or in words why not, and the visit has ended */
export async function subscribed(visit: Pick<Visit, 'request' | 'fail' | 'end'>, filters: readonly string[], timeoutMs: number) {
  let ended = 'the connection ended before its SUBACK'
  const timer = setTimeout(() => {
    ended = 'no SUBACK in time'
    visit.fail(ended)
  }, timeoutMs)
  const codes = await Promise.all(filters.map((filter) => visit.request(filter, 0)))
  clearTimeout(timer)
  if (codes.every((code) => code !== null && code < 0x80)) return null
  visit.end()
  return codes.includes(null) ? ended : 'its $SYS topics may not be subscribed to'
}
