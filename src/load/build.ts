/**
 * From a scenario that is right key by key to the plan: defaults inherited, rates and `--scale` turned into each client's own, indices given.
 *
 * Total: it makes a plan of every scenario that the schema accepts, also of one that `check.ts` then refuses.
 */
import { GRACE_US } from './abort.ts'
import { faultsOf, measureOf } from './faulting.ts'
import type { Access } from './nodes.ts'
import type {
  ConnectPlan,
  GroupPlan,
  LevelPlan,
  NodePlan,
  PayloadPlan,
  Placement,
  Plan,
  ProtocolLevel,
  PublishPlan,
  PublishTrigger,
  ReconnectPlan,
  RoutePlan,
  SubscribePlan,
  TlsPlan,
} from './plan.ts'
import type { Scenario, ScenarioGroup, ScenarioPayload, ScenarioPublish } from './schema.ts'

export interface BuildOptions {
  /** Where the scenario has no name. */
  readonly name: string
  readonly nodes: readonly NodePlan[]
  readonly access: Access
  readonly scale: number
  readonly seed: number | null
  readonly measureUs: number | null
}

const DEFAULT_THRESHOLD = 'clients.failed == 0'
const DEFAULT_CONNECTS_PER_SEC = 1000

export function buildPlan(scenario: Scenario, options: BuildOptions): Plan {
  let clients = 0
  const publishIndex = counter()
  const subscribeIndex = counter()
  const names = Object.keys(scenario.groups)
  const groups = Object.entries(scenario.groups).map(([name, group], index): GroupPlan => {
    const scale = group.scale === 'keep' ? 1 : options.scale
    const size = scaleUp(group.clients, scale)
    const firstClient = clients
    clients += size
    return {
      ...groupBasics(group, name, options.access),
      index,
      clients: size,
      firstClient,
      placement: placementOf(group.placement ?? scenario.placement, options.nodes),
      connect: connectOf(group.connect, size, scale),
      spread: spreadOf(group, scenario.topics),
      publish: group.publish.map((entry, i) => {
        const load = entry.load ?? group.load ?? scenario.load
        const route = routeOf(entry, names)
        return publishOf(entry, publishIndex(), entry.name ?? defaultName(name, i), route, triggerOf(entry, route, size, scale), load)
      }),
      subscribe: subscriptionsOf(group).map((entry) => ({ ...entry, index: subscribeIndex() })),
    }
  })
  return {
    name: scenario.name ?? options.name,
    description: scenario.description,
    seed: options.seed ?? scenario.seed,
    labels: scenario.labels,
    nodes: options.nodes,
    embedded: options.nodes.length === 0,
    levels: Object.entries(scenario.topics).map(([name, values]) => levelOf(name, values)),
    settleUs: scenario.settle,
    transport: scenario.transport,
    probe: scenario.probe,
    onAgentLoss: scenario.onAgentLoss,
    sentinel: scenario.sentinel && { ratePerSec: scenario.sentinel.rate },
    groups,
    phases: {
      connectUs: scenario.phases.connect,
      warmUpUs: scenario.phases.warmUp,
      ...measureOf(scenario.phases.measure, options.measureUs),
      drainUs: scenario.phases.drain,
      cleanUp: scenario.phases.cleanUp,
    },
    faults: faultsOf(scenario.faults, groups, options.nodes),
    thresholds: scenario.thresholds?.length ? scenario.thresholds.map(({ expect }) => expect) : [DEFAULT_THRESHOLD],
    aborts: (scenario.thresholds ?? []).flatMap(({ expect, abortOnFail, grace }) =>
      abortOnFail ? [{ expect, graceUs: grace ?? GRACE_US }] : [],
    ),
    gates: Object.fromEntries(Object.entries(scenario.gates).map(([metric, margin]) => [metric, `${Number((margin * 100).toFixed(6))}%`])),
    clients,
    scale: options.scale,
  }
}

/** Entries without a name are called after their group: `sensors`, `sensors-2` … */
export function defaultName(group: string, index: number): string {
  return index === 0 ? group : `${group}-${index + 1}`
}

/** MQTT protocol level of a version as it may be written. */
function protocolLevel(version: ScenarioGroup['version']): ProtocolLevel {
  if (version === '3.1.1') return 4
  return version === 3.1 || version === '3.1' ? 3 : 5
}

/** What needs nothing but the group's own keys. */
function groupBasics(group: ScenarioGroup, name: string, access: Access) {
  const hasOwnAccess = group.username !== null || group.password !== null
  return {
    name,
    version: protocolLevel(group.version),
    clientId: group.clientId,
    username: hasOwnAccess ? group.username : access.username,
    password: hasOwnAccess ? group.password : access.password,
    tls: tlsOf(group.tls),
    ws: { path: group.ws.path ?? access.wsPath ?? '/mqtt', headers: group.ws.headers },
    sourceAddresses: group.sourceAddresses,
    cleanShare: typeof group.cleanSession === 'boolean' ? Number(group.cleanSession) : (group.cleanSession.true ?? 0),
    sessionExpiryS: group.sessionExpiry ?? 0,
    receiveMaximum: group.receiveMaximum ?? null,
    maximumPacketSize: group.maximumPacketSize ?? null,
    topicAliasMaximum: group.topicAliasMaximum ?? null,
    userProperties: group.userProperties ?? [],
    keepAliveS: group.keepAlive,
    inFlight: group.inFlight,
    reconnect: reconnectOf(group.reconnect),
    churn: group.churn && { connectedUs: group.churn.connected, awayUs: group.churn.away, leave: group.churn.leave },
    unsent: { keep: group.unsent.keep === 'none' ? 0 : group.unsent.keep, drop: group.unsent.drop },
    will: group.will && {
      topic: group.will.topic,
      payload: payloadOf(group.will.payload),
      qos: group.will.qos,
      retain: group.will.retain,
      delayS: group.will.delay ?? 0,
    },
  }
}

function tlsOf(tls: ScenarioGroup['tls']): TlsPlan {
  const { ca = null, cert = null, key = null, serverName = null, alpn, resume, insecure } = tls
  return { ca, cert, key, serverName, alpn, resume, insecure }
}

/** Names of nodes that don't exist are left to `check.ts`. */
function placementOf(placement: Scenario['placement'], nodes: readonly NodePlan[]): Placement {
  if (typeof placement === 'string') return { kind: placement }
  if (!Array.isArray(placement)) {
    const { zone, crossNode } = placement
    return zone === undefined ? { kind: 'crossNode', share: crossNode ?? 0 } : { kind: 'zone', zone, elseAny: placement.else === 'any' }
  }
  const indices = placement.map((name) => nodes.findIndex((node) => node.name === name))
  return { kind: 'nodes', nodes: [...new Set(indices)].filter((index) => index >= 0).sort((a, b) => a - b) }
}

function connectOf(connect: ScenarioGroup['connect'], clients: number, scale: number): ConnectPlan {
  const isTimed = connect.over !== undefined || connect.at !== undefined
  const overS = isTimed ? (connect.over ?? 0) / 1e6 : clients / ((connect.rate ?? DEFAULT_CONNECTS_PER_SEC) * scale)
  return { overS, arrival: connect.arrival, timeoutUs: connect.timeout }
}

function reconnectOf(reconnect: ScenarioGroup['reconnect']): ReconnectPlan | null {
  if (reconnect === false) return null
  const { backoff, first, max, factor, attempts, resetAfter } = reconnect
  return { backoff, firstUs: first, maxUs: max, factor, attempts: attempts === 'unlimited' ? null : attempts, resetAfterUs: resetAfter }
}

/** Cumulative shares of each level that has any, the last exactly 1. */
function spreadOf(group: ScenarioGroup, topics: Scenario['topics']): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(group.spread).map(([level, spread]) => {
      const values = topics[level] ?? 1
      const count = typeof values === 'number' ? values : values.length
      const weights = Array.isArray(spread) ? spread : Array.from({ length: count }, (_, rank) => (rank + 1) ** -spread.zipf)
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      let sum = 0
      return [level, weights.map((weight, i) => (i === weights.length - 1 ? 1 : (sum += weight) / total))]
    }),
  )
}

function levelOf(name: string, values: number | string[]): LevelPlan {
  return typeof values === 'number' ? { name, count: values, values: null } : { name, count: values.length, values }
}

function publishOf(
  entry: ScenarioPublish,
  index: number,
  name: string,
  route: RoutePlan | null,
  trigger: PublishTrigger,
  load: PublishPlan['load'],
): PublishPlan {
  return {
    index,
    name,
    topic: entry.topic,
    route,
    request: entry.request ? { response: responseOf(entry.request), timeoutUs: entry.request.timeout } : null,
    trigger,
    atUs: entry.at,
    times: entry.times === 'unlimited' ? null : entry.times * (route?.kind === 'each' ? route.count : 1),
    qosShares: qosSharesOf(entry.qos),
    retain: entry.retain,
    payload: payloadOf(entry.payload),
    load,
    expiryS: entry.expiry ?? null,
    contentType: entry.contentType ?? null,
    responseTopic: entry.responseTopic ?? null,
    correlationData: entry.correlationData ?? null,
    userProperties: entry.userProperties ?? [],
    topicAlias: entry.topicAlias ?? false,
  }
}

/** A group that does not exist is left to `check.ts`. */
function routeOf({ to, pick = 'inTurn', each }: ScenarioPublish, groups: readonly string[]): RoutePlan | null {
  if (to !== undefined) {
    const kind = typeof pick === 'string' ? pick : 'zipf'
    return { kind: 'to', group: Math.max(0, groups.indexOf(to)), pick: kind, zipf: typeof pick === 'string' ? 0 : pick.zipf }
  }
  const [level] = Object.entries(each ?? {})
  return level ? { kind: 'each', level: level[0], count: level[1] } : null
}

/** A requester's client id is what {from} stands for, also in its own words. */
function responseOf(request: NonNullable<ScenarioPublish['request']>): string {
  return request.response.replaceAll('{from}', '{clientId}')
}

/** With `each`, `every` is the period of each stream: a client's messages, which take turns, come so many times as fast. */
function triggerOf(entry: ScenarioPublish, route: RoutePlan | null, clients: number, scale: number): PublishTrigger {
  if (entry.on) return { kind: 'connect' }
  const streams = route?.kind === 'each' ? route.count : 1
  const periodUs = entry.rate === undefined ? entry.every! / streams : (clients / (entry.rate * scale)) * 1e6
  return { kind: entry.arrival ?? 'periodic', periodUs }
}

function qosSharesOf(qos: ScenarioPublish['qos']): [number, number, number] {
  if (typeof qos === 'number') return [Number(qos === 0), Number(qos === 1), Number(qos === 2)]
  return [qos['0'] ?? 0, qos['1'] ?? 0, qos['2'] ?? 0]
}

function payloadOf(payload: ScenarioPayload): PayloadPlan {
  if (payload.json !== undefined) return { kind: 'json', value: payload.json }
  if (payload.text !== undefined) return { kind: 'text', text: payload.text }
  if (payload.file !== undefined) return { kind: 'file', path: payload.file }
  const { min, max } = typeof payload.bytes === 'object' ? payload.bytes : { min: payload.bytes!, max: payload.bytes! }
  return { kind: 'bytes', min, max }
}

/** The group's subscriptions, and one for each topic that its own requests are answered on. */
function subscriptionsOf(group: ScenarioGroup): Omit<SubscribePlan, 'index'>[] {
  const responses = new Set(group.publish.flatMap(({ request }) => (request ? [responseOf(request)] : [])))
  for (const { filter } of group.subscribe) responses.delete(filter)
  const own = group.subscribe.map(subscribeOf)
  return [...own, ...[...responses].map((filter) => ({ ...PLAIN_SUBSCRIPTION, filter, qos: 1, isResponse: true }) as const)]
}

const PLAIN_SUBSCRIPTION = {
  ackAfterUs: 0,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
  identifier: null,
  reply: null,
} as const

function subscribeOf(entry: ScenarioGroup['subscribe'][number]): Omit<SubscribePlan, 'index'> {
  const { reply } = entry
  return {
    filter: entry.filter,
    qos: entry.qos,
    ackAfterUs: entry.ackAfter,
    noLocal: entry.noLocal ?? false,
    retainAsPublished: entry.retainAsPublished ?? false,
    retainHandling: entry.retainHandling ?? 0,
    identifier: entry.identifier ?? null,
    reply: reply ? { afterUs: reply.after, qos: reply.qos, payload: payloadOf(reply.payload) } : null,
    isResponse: false,
  }
}

/** Rounded up; 30 × 10 % is 3, though 30 * 0.1 is a little more. */
function scaleUp(clients: number, scale: number): number {
  return Math.ceil(clients * scale - 1e-9 * clients * scale)
}

function counter(): () => number {
  let next = 0
  return () => next++
}
