/**
 * The probe: before the load, does every node take the run's clients, are the nodes one cluster, and what do they allow?
 *
 * Each node is visited with the access of the first group that may use it. With two nodes or more each visitor subscribes and publishes, again
 * and again, until everybody has heard everybody: clusters need a while to know a subscription. All of it happens on topics under
 * `mqtt-scale/probe/`, and is over before the run's first client connects.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { EnvironmentError } from '../errors.ts'
import type { Surroundings } from '../load/group.ts'
import type { ProtocolLevel } from '../load/plan.ts'
import type { BrokerFacts, BrokerLimits } from '../report/types.ts'
import { unmet, VERSIONS } from './demands.ts'
import { type Guest, guestOf } from './guest.ts'
import { newName } from './name.ts'
import { softwareOf } from './software.ts'
import { type Visit, Visits } from './visit.ts'

export interface Probed {
  /** By node. */
  readonly brokers: readonly BrokerFacts[]
  /** What the scenario asks for in vain, though the run goes on. */
  readonly warnings: readonly string[]
}

/** As long as a client's default connect timeout. */
const CONNECT_TIMEOUT_MS = 10_000
/** For versions that no client depends on: some brokers never answer those that they don't know. */
const VERSION_TIMEOUT_MS = 3000
const PUBLISH_EVERY_MS = 250
/** The time that a cluster has to pass a message on, at the least: `settle` if that is longer. */
const SHORTEST_PATIENCE_MS = 5000
const MOST_PAIRS = 10
const LEVELS = [3, 4, 5] as const
const SKIP = '--skip-probe (or probe: false) starts the run all the same'

/**
 * @param folder  what relative paths of certificates are relative to
 * @throws EnvironmentError  a node takes nobody, the nodes are not one cluster, or no message of some stream would be taken
 */
export async function probe(
  around: Pick<Surroundings, 'plan' | 'endpoints' | 'sourceAddresses' | 'files'>,
  folder: string,
): Promise<Probed> {
  const { plan } = around
  const run = newName()
  const guests = plan.nodes.map((_, node) => guestOf({ ...around, run }, node, folder))
  const timeoutMs = Math.max(CONNECT_TIMEOUT_MS, ...plan.groups.map((group) => group.connect.timeoutUs / 1000))
  const expiryS = Math.max(0, ...plan.groups.map((group) => group.sessionExpiryS))
  const visits = new Visits()
  try {
    const own = await arrive(visits, guests, plan.nodes, timeoutMs)
    const patienceMs = Math.max(SHORTEST_PATIENCE_MS, plan.settleUs / 1000)
    const warnings = own.length > 1 ? await meet(own, guests, `mqtt-scale/probe/${run}/nodes`, patienceMs) : []
    const brokers = await Promise.all(guests.map((guest, i) => explore(visits, guest, own[i]!, expiryS)))
    for (const visit of own) visit.end()
    const { refusals, troubles } = unmet(around, run, brokers)
    if (refusals.length > 0) throw new EnvironmentError(refusals.join('\n'), { hint: SKIP })
    return { brokers, warnings: [...warnings, ...troubles] }
  } finally {
    visits.dispose()
  }
}

/** A visit to each node. */
async function arrive(
  visits: Visits,
  guests: readonly Guest[],
  nodes: readonly { readonly url: string }[],
  timeoutMs: number,
): Promise<Visit[]> {
  const answers = await Promise.all(
    guests.map((guest) => visits.open(guest, { level: guest.level, sessionExpiryS: 0, timeoutMs, clientId: null })),
  )
  const wrong = answers.flatMap((answer, i) => {
    if ('visit' in answer) return []
    const { node, group } = guests[i]!
    const what = answer.refusal.startsWith('CONNACK') ? `refuses a client like those of group ${group}` : "can't be reached"
    return [`node ${node}, ${nodes[i]!.url}, ${what}: ${answer.refusal}`]
  })
  if (wrong.length > 0) throw new EnvironmentError(wrong.join('\n'), { hint: `is the address right, and the access? ${SKIP}` })
  return answers.flatMap((answer) => ('visit' in answer ? [answer.visit] : []))
}

/** Everybody publishes until everybody has heard everybody. @returns warnings */
async function meet(own: readonly Visit[], guests: readonly Guest[], topic: string, patienceMs: number): Promise<string[]> {
  const heard = own.map(() => new Set<number>())
  const isRefused = own.map(() => false)
  const isMissing = (from: number, to: number) => !isRefused[to] && !heard[to]!.has(from)
  const missing = () => own.flatMap((_, from) => own.flatMap((_, to) => (isMissing(from, to) ? [[from, to] as const] : [])))
  const hasEnded = new AbortController()
  const subscribed = own.map(async (visit, to) => {
    const code = await visit.subscribe(topic, (text) => {
      heard[to]!.add(Number(text))
      if (missing().length === 0) hasEnded.abort()
    })
    isRefused[to] = code !== null && code >= 0x80
  })
  const untilUs = performance.now() + patienceMs
  // A node that never answers is one that nothing reaches.
  await Promise.race([Promise.all(subscribed), delay(patienceMs, null, { ref: false })])
  while (performance.now() < untilUs && missing().length > 0) {
    for (const [from, visit] of own.entries()) visit.publish(topic, String(from))
    // An abort says that the last message has come.
    await delay(PUBLISH_EVERY_MS, null, { signal: hasEnded.signal }).catch(() => {})
  }
  const names = guests.map(({ node }) => node)
  const strangers = strangersIn(missing(), names)
  if (strangers.length > 0) throw new EnvironmentError(strangers.join('\n'), { hint: SKIP })
  return names
    .filter((_, i) => isRefused[i])
    .map((name) => `node ${name} refuses a subscription to mqtt-scale/probe/#: whether it gets what others publish was not checked`)
}

/** What messages that did not arrive say, a line a pair of nodes. */
function strangersIn(missing: readonly (readonly [from: number, to: number])[], names: readonly string[]): string[] {
  const isMissing = (from: number, to: number) => missing.some((pair) => pair[0] === from && pair[1] === to)
  const lines = missing.flatMap(([from, to]) => {
    const [a, b] = [names[from]!, names[to]!]
    if (from === to)
      return [`node ${a}: what is published there under mqtt-scale/probe/ does not come back: may its clients use that topic?`]
    // A node that loses its own messages has another trouble, and one line for it.
    if (isMissing(from, from)) return []
    if (!isMissing(to, from)) return [`nodes ${a} and ${b} are not one cluster: what is published on ${a} does not reach ${b}`]
    if (from > to && !isMissing(to, to)) return []
    return [`nodes ${a} and ${b} are not one cluster: what is published on ${a} does not reach ${b}, nor the other way round`]
  })
  return lines.length > MOST_PAIRS ? [...lines.slice(0, MOST_PAIRS), `and so on: ${lines.length} pairs of nodes`] : lines
}

/** What a node is, which versions it takes, and what it allows. */
async function explore(visits: Visits, guest: Guest, own: Visit, expiryS: number): Promise<BrokerFacts> {
  const [software, ...found] = await Promise.all([
    softwareOf(own),
    ...LEVELS.map((level) => tryLevel(visits, guest, own, level, level === 5 ? expiryS : 0)),
  ])
  const latest = found[2]
  return {
    software,
    versions: LEVELS.filter((_, i) => found[i] !== null).map((level) => VERSIONS[level]),
    limits: latest?.limits ?? null,
  }
}

/** null: the node does not take this version. */
async function tryLevel(
  visits: Visits,
  guest: Guest,
  own: Visit,
  level: ProtocolLevel,
  sessionExpiryS: number,
): Promise<{ readonly limits: BrokerLimits | null } | null> {
  if (level === guest.level && sessionExpiryS === 0) return { limits: limitsOf(own, level) }
  // MQTT 3.1.1 §3.1.2.9
  if (level < 5 && guest.password !== null && guest.username === null) return null
  const open = (expiryS: number, clientId: string | null) =>
    visits.open(guest, { level, sessionExpiryS: expiryS, timeoutMs: VERSION_TIMEOUT_MS, clientId })
  const answer = await open(sessionExpiryS, null)
  if (!('visit' in answer)) return null
  const limits = limitsOf(answer.visit, level)
  answer.visit.end()
  if (sessionExpiryS > 0) {
    // Nothing of the probe stays on the broker.
    const again = await open(0, answer.visit.clientId)
    if ('visit' in again) again.visit.end()
  }
  return { limits }
}

function limitsOf({ negotiated }: Visit, level: ProtocolLevel): BrokerLimits | null {
  if (level < 5) return null
  const { assignedClientId: _, ...limits } = negotiated
  return limits
}
