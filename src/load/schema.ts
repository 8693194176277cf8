/**
 * The scenario file as a schema: every key, its type, its default, and what it is for.
 *
 * A field judges what can be judged alone; what needs other keys (variables, names, versions) is `check.ts`. Defaults are written as a user
 * would write them. Keys without a default here are optional because it matters whether they were given.
 *
 * The descriptions are what an editor shows: `scenarioSchema` makes the JSON Schema of it. `docs/scenario.md` has every key, held by a test.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import { faults, measure } from './fault-schema.ts'
import {
  above0,
  between,
  bytes,
  count,
  curve,
  duration,
  exactlyOne,
  filled,
  flag,
  levelValue,
  map,
  mustBeWhole,
  name,
  notNegative,
  oneOf,
  qos,
  rate,
  report,
  seconds,
  share,
  shares,
  text,
  userProperties,
} from './fields.ts'
import { metrics } from './metrics-schema.ts'
import { payload } from './payload-schema.ts'
import { MAX_LANES } from './route.ts'

/** A global client index has 24 bits in a message's header. */
export const MAX_CLIENTS = 2 ** 24
/** A publish entry and a node have a byte each in a message's header; 255 is for wills, and for an unknown node. */
export const MAX_PUBLISH_ENTRIES = 255
export const MAX_NODES = 255
/** Subscribe entries of a group: which of them match a topic is a word of 32 bits. */
export const MAX_SUBSCRIBE_ENTRIES = 32
/** A level's values are counted, not stored, up to the size of the largest group. */
export const MAX_LEVEL_VALUES = MAX_CLIENTS
export const MAX_GATES = 4
const SENTINEL_PER_SEC = 10
/** A sentinel is to measure a load, not to be one. */
const MAX_SENTINEL_PER_SEC = 100
const U32 = 2 ** 32 - 1

const zipfExponent = z.number({ error: 'expected a number' }).positive('must be above 0')
const load = curve.describe('Multiplies publish rates: {0s: 100%, 30s: 200%}, linear between points, the last holds')
const qosMix = z.union([qos, shares('0', '1', '2')], { error: 'expected 0, 1, 2 or shares such as {0: 80%, 1: 20%}' })

const request = map({
  response: filled.describe('Template of the topic for replies: the clients subscribe to it by themselves'),
  timeout: above0(duration).describe('A reply that comes later counts as none').prefault('10s'),
})

const publish = map({
  name: name.describe('Name of the stream; entries of several groups may share one. Default: the group’s name').optional(),
  topic: filled.describe('Topic template, such as {region}/device-{client}/temperature'),
  every: above0(duration).describe('The period of each client').optional(),
  rate: above0(rate).describe('The rate of the whole group').optional(),
  on: z.literal('connect', { error: 'expected connect' }).describe('connect: after each CONNACK and its SUBACKs').optional(),
  arrival: oneOf('periodic', 'poisson', 'synchronized').describe('How messages are spread over time; default periodic').optional(),
  at: notNegative(duration).describe('When the stream starts, from the start of warmUp').prefault('0s'),
  times: z
    .union([z.literal('unlimited'), above0(count)], { error: 'expected unlimited or a whole number' })
    .describe('How many messages each client sends')
    .prefault('unlimited'),
  qos: qosMix.describe('0, 1, 2, or shares of messages such as {0: 80%, 1: 15%, 2: 5%}').prefault(0),
  retain: flag.describe('Whether the broker keeps the last message').prefault(false),
  payload: payload.prefault({ bytes: 64 }),
  load: load.optional(),
  expiry: seconds(U32).describe('Version 5: message expiry').optional(),
  contentType: text.describe('Version 5').optional(),
  responseTopic: filled.describe('Version 5: topic for answers').optional(),
  correlationData: text.describe('Version 5').optional(),
  userProperties: userProperties.describe('Version 5').optional(),
  topicAlias: flag.describe('Version 5: send a number in place of the topic after the first message').optional(),
  to: name.describe('A group: each message goes to one of its clients, and the topic’s variables are that client’s').optional(),
  pick: z
    .union([oneOf('inTurn', 'shuffled'), map({ zipf: zipfExponent })], { error: 'expected inTurn, shuffled or {zipf: 1.1}' })
    .describe('With to, which client: in turn, in another order each round, or some far more often; default inTurn')
    .optional(),
  each: z
    .record(name, between(count, 1, MAX_LANES), { error: 'expected a map such as {machine: 40}' })
    .refine((value) => Object.keys(value).length === 1, 'needs exactly one name')
    .describe('A stream of each client for every value: {machine: 40} gives {machine} the values machine-1 … machine-40')
    .optional(),
  request: request.describe('Its messages ask for replies').optional(),
}).superRefine((entry, context) => {
  exactlyOne(['every', 'rate', 'on'])(entry, context)
  if (entry.on && entry.arrival) report(context, ['arrival'], 'has no meaning with on: connect')
  if (entry.on && entry.each) report(context, ['each'], 'has no meaning with on: connect')
  if (entry.to && entry.each) report(context, ['each'], 'has no meaning with to: each message has its client')
  if (entry.pick && !entry.to) report(context, ['pick'], 'needs to: GROUP')
  if (entry.topicAlias && (entry.to || entry.each)) report(context, ['topicAlias'], 'needs one topic for all messages: not with to or each')
  if (entry.request && entry.responseTopic !== undefined) report(context, ['responseTopic'], 'has no meaning with request, which sets it')
  if (entry.request && entry.correlationData !== undefined)
    report(context, ['correlationData'], 'has no meaning with request, which sets it')
})

const reply = map({
  after: notNegative(duration).describe('How long a client takes').prefault('0ms'),
  qos: qos.describe('Of the reply').prefault(1),
  payload: payload.prefault({ bytes: 64 }),
})

const subscribe = map({
  filter: filled.describe('Topic filter template; $share/NAME/… for a shared subscription'),
  qos: qos.describe('The highest QoS wanted').prefault(0),
  ackAfter: notNegative(duration).describe('A slow consumer: how late QoS 1 and 2 messages are acknowledged').prefault('0ms'),
  noLocal: flag.describe('Version 5: not the client’s own messages').optional(),
  retainAsPublished: flag.describe('Version 5: keep the retain flag').optional(),
  retainHandling: z
    .union([z.literal(0), z.literal(1), z.literal(2)], { error: 'expected 0, 1 or 2' })
    .describe('Version 5: retained messages at the subscribe: 0 always, 1 for a new subscription, 2 never')
    .optional(),
  identifier: between(count, 1, 268_435_455).describe('Version 5: subscription identifier').optional(),
  reply: reply.describe('Requests that arrive here are answered').optional(),
})

const will = map({
  topic: filled.describe('Topic template'),
  payload: payload.prefault({ bytes: 64 }),
  qos: qos.prefault(0),
  retain: flag.prefault(false),
  delay: seconds(U32).describe('Version 5: how long after the loss of the connection').optional(),
}).describe('Published by the broker when the connection is lost')

const connect = map({
  rate: above0(rate).describe('Connects a second of the whole group; default 1000/s').optional(),
  over: notNegative(duration).describe('The time in which the whole group connects').optional(),
  at: z.literal('once', { error: 'expected once' }).describe('once: all together').optional(),
  arrival: oneOf('uniform', 'poisson', 'beta')
    .describe('How the connects are spread; beta is the 3GPP storm, beta(3, 4)')
    .prefault('uniform'),
  timeout: above0(duration).describe('After it a client that could not connect has failed').prefault('10s'),
}).superRefine(exactlyOne(['rate', 'over', 'at'], true))

const reconnect = map({
  backoff: oneOf('fullJitter', 'fixed', 'exponential').prefault('fullJitter'),
  first: above0(duration).describe('The first wait, or its upper bound with fullJitter').prefault('1s'),
  max: above0(duration).describe('No wait is longer').prefault('30s'),
  factor: z
    .number({ error: 'expected a number' })
    .min(1, 'must be at least 1')
    .describe('Growth of the wait with each attempt')
    .prefault(2),
  attempts: z
    .union([z.literal('unlimited'), above0(count)], { error: 'expected unlimited or a whole number' })
    .describe('Attempts after which a client gives up')
    .prefault('unlimited'),
  resetAfter: notNegative(duration).describe('A connection that lasted this long starts the backoff anew').prefault('0s'),
}).refine((r) => r.first <= r.max, 'first must not be above max')

const churn = map({
  connected: above0(duration).describe('How long a client stays'),
  away: notNegative(duration).describe('How long it is away'),
  leave: oneOf('disconnect', 'reset', 'silent').describe('With a DISCONNECT, a TCP reset, or no word').prefault('disconnect'),
}).describe('Clients that come and go')

const placementMap = map({
  zone: filled.describe('Template: the nodes whose zone is its value, or begins with it and a hyphen').optional(),
  else: z.literal('any', { error: 'expected any' }).describe('any: all nodes, where no node is in that zone').optional(),
  crossNode: between(share, 0, 1, '0% to 100%').describe('Share of clients on other nodes than those they hear from').optional(),
}).superRefine((value, context) => {
  exactlyOne(['zone', 'crossNode'])(value, context)
  if (value.else && value.crossNode !== undefined) report(context, ['else'], 'goes with zone', { at: 'key' })
})

const placement = z
  .union([oneOf('weighted', 'roundRobin', 'random'), z.array(text).min(1, 'needs at least one node'), placementMap], {
    error: 'expected weighted, roundRobin, random, a list of node names, {zone: "{region}"} or {crossNode: 100%}',
  })
  .describe('Which nodes clients connect to: weighted, roundRobin, random, a list of nodes, by zone, or away from those they hear from')

const spread = z.union(
  [z.array(notNegative(share)).superRefine((parts, context) => mustBeWhole(parts, context)), map({ zipf: zipfExponent })],
  { error: 'expected a list of shares such as [50%, 30%, 20%], or {zipf: 1.1}' },
)

const tls = map({
  ca: filled.describe('Path of the CA certificates (PEM)').optional(),
  cert: filled.describe('Path template of the client certificate').optional(),
  key: filled.describe('Path template of the client key').optional(),
  serverName: filled.describe('Server name (SNI) in place of the URL’s host').optional(),
  alpn: z.array(filled, { error: 'expected a list of texts' }).prefault([]),
  resume: flag.describe('Whether reconnects resume the TLS session').prefault(false),
  insecure: flag.describe('true: certificates are not verified; the report says so').prefault(false),
}).superRefine((value, context) => {
  if (value.cert && !value.key) report(context, ['cert'], 'needs its key')
  if (value.key && !value.cert) report(context, ['key'], 'needs its cert')
})

const group = map({
  clients: between(count, 1, MAX_CLIENTS).describe('How many clients').prefault(1),
  scale: z
    .union([z.literal('yes'), z.literal(true), z.literal('keep')], { error: 'expected yes or keep' })
    .describe('keep: not touched by --scale')
    .prefault('yes'),
  version: z
    .union([z.literal('3.1.1'), z.literal(3.1), z.literal('3.1'), z.literal(5), z.literal('5'), z.literal('5.0')], {
      error: 'expected 3.1, 3.1.1 or 5',
    })
    .describe('MQTT version: 3.1, 3.1.1 or 5')
    .prefault('3.1.1'),
  clientId: filled.describe('Template').prefault('{run}-{group}-{client}'),
  username: text
    .nullable()
    .describe('Template; an environment variable or a file may hold it: see Secrets in docs/scenario.md')
    .prefault(null),
  password: text
    .nullable()
    .describe('Template; an environment variable or a file may hold it: see Secrets in docs/scenario.md')
    .prefault(null),
  tls: tls.describe('For mqtts:// and wss://').prefault({}),
  ws: map({
    path: text.startsWith('/', 'must start with /').describe('Default: the path of the broker’s URL, or else /mqtt').optional(),
    headers: z.record(z.string(), text, { error: 'expected a map of texts' }).describe('Headers of the upgrade request').prefault({}),
  })
    .describe('For ws:// and wss://')
    .prefault({}),
  sourceAddresses: z
    .array(
      text.refine((a) => isIP(a) !== 0, 'expected an IP address of this machine'),
      { error: 'expected a list of IP addresses' },
    )
    .describe('Local addresses to connect from, in turn')
    .prefault([]),
  cleanSession: z
    .union([flag, shares('true', 'false')], { error: 'expected true, false or shares such as {true: 95%, false: 5%}' })
    .describe('true, false, or shares of clients; with version 5: clean start')
    .prefault(true),
  sessionExpiry: seconds(U32).describe('Version 5: how long the broker keeps the session').optional(),
  receiveMaximum: between(count, 1, 65_535).describe('Version 5: unacknowledged messages a client takes').optional(),
  maximumPacketSize: between(bytes, 16, 268_435_460, '16 to 268435460 bytes')
    .describe('Version 5: largest packet a client takes')
    .optional(),
  topicAliasMaximum: between(count, 0, 65_535).describe('Version 5: topic aliases a client takes').optional(),
  userProperties: userProperties.describe('Version 5: of the CONNECT').optional(),
  keepAlive: seconds(65_535).describe('0s: none').prefault('60s'),
  inFlight: between(count, 1, 65_535).describe('Unacknowledged QoS 1 and 2 messages of a client').prefault(20),
  placement: placement.optional(),
  connect: connect.describe('How fast the group connects').prefault({}),
  reconnect: z
    .union([z.literal(false), reconnect], { error: 'expected false or a map such as {backoff: fullJitter, first: 1s, max: 30s}' })
    .describe('After a lost or failed connection; false: never')
    .prefault({}),
  churn: churn.nullable().prefault(null),
  unsent: map({
    keep: z
      .union([oneOf('all', 'none'), notNegative(count)], { error: 'expected all, none or a whole number' })
      .describe('Messages a client keeps while it can’t send')
      .prefault('all'),
    drop: oneOf('oldest', 'newest').describe('Which goes when there are more').prefault('oldest'),
  }).prefault({}),
  spread: z
    .record(z.string(), spread, { error: 'expected a map' })
    .describe('Unequal shares of a level: {region: [50%, 30%, 20%]}')
    .prefault({}),
  will: will.nullable().prefault(null),
  load: load.optional(),
  publish: z.array(publish, { error: 'expected a list' }).describe('What the clients send').prefault([]),
  subscribe: z.array(subscribe, { error: 'expected a list' }).describe('What the clients want').prefault([]),
})

const level = z
  .union([z.array(levelValue), between(count, 1, MAX_LEVEL_VALUES)], { error: 'expected a list of values, or their number' })
  .superRefine((values, context) => {
    if (!Array.isArray(values)) return
    if (values.length === 0) report(context, [], 'needs at least one value')
    for (const [i, value] of values.entries()) if (values.indexOf(value) < i) report(context, [i], 'stands in the list twice')
  })

const phases = map({
  connect: notNegative(duration).describe('At the longest').prefault('10m'),
  warmUp: notNegative(duration).describe('Load that is not measured').prefault('5s'),
  measure: measure.prefault('30s'),
  drain: notNegative(duration).describe('At the longest: until nothing owed is missing').prefault('10s'),
  cleanUp: flag.describe('Sessions ended and retained topics cleared on the broker').prefault(true),
})

const abortingThreshold = map({
  expect: text.describe('METRIC OP VALUE'),
  abortOnFail: flag.describe('Measure ends as soon as it does not hold').prefault(false),
  grace: notNegative(duration)
    .describe('How long after its figures begin it is first held against them, with abortOnFail; default: 5s')
    .optional(),
})

const threshold = z
  .union([text.transform((expect) => ({ expect, abortOnFail: false, grace: undefined })), abortingThreshold], {
    error: 'expected METRIC OP VALUE, such as endToEnd.p99 < 50ms',
  })
  .describe('METRIC OP VALUE, such as endToEnd.p99 < 50ms')

const sentinelRate = above0(rate).refine((perSec) => perSec <= MAX_SENTINEL_PER_SEC, `must be at most ${MAX_SENTINEL_PER_SEC}/s`)

const sentinel = z
  .union([flag, map({ rate: sentinelRate.describe('Messages a second').prefault(`${SENTINEL_PER_SEC}/s`) })], {
    error: 'expected true, false or a map such as {rate: 10/s}',
  })
  .transform((value) => (value === true ? { rate: SENTINEL_PER_SEC } : value || null))
  .describe('An independent client that measures the same nodes: true, false, or {rate: 10/s}')
  .prefault(true)

export const scenario = map({
  name: filled
    .max(100, 'must be at most 100 characters')
    .refine((word) => !/[/\\\p{Cc}]/u.test(word), 'is part of a folder’s name: no / or \\')
    .describe('Default: the file’s name')
    .optional(),
  description: text.prefault(''),
  seed: between(count, 0, U32).describe('Every random choice comes from it: the same seed gives the same traffic').prefault(42),
  labels: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()], { error: 'expected a text' }).transform(String), {
      error: 'expected a map',
    })
    .describe('For the report only')
    .prefault({}),
  brokers: z
    .array(
      map({
        name: name.describe('Default: node-1, node-2 …').optional(),
        url: filled.describe('mqtt://HOST:PORT, mqtts://, ws:// or wss://'),
        zone: text.optional(),
        weight: z
          .number({ error: 'expected a number' })
          .positive('must be above 0')
          .describe('Share of clients, with placement: weighted')
          .prefault(1),
        metrics: metrics.describe('Where its own figures are read while a run goes on').optional(),
      }),
      { error: 'expected a list of maps such as {name: a, url: "mqtt://127.0.0.1:1883"}' },
    )
    .max(MAX_NODES, `must be at most ${MAX_NODES}`)
    .describe('The nodes of the cluster; left out: the embedded broker is started')
    .prefault([]),
  topics: z
    .record(name, level, { error: 'expected a map of levels' })
    .describe('Levels of the topic tree: a list of values, or their number')
    .prefault({}),
  settle: notNegative(duration).describe('How long a cluster may take to know a subscription').prefault('1s'),
  transport: oneOf('auto', 'epoll', 'stream').prefault('auto'),
  probe: flag.describe('Whether the nodes are checked before the load').prefault(true),
  sentinel,
  onAgentLoss: oneOf('degrade', 'fail')
    .describe('When a part of the generator is lost: measure goes on without it, or ends')
    .prefault('degrade'),
  placement: placement.prefault('weighted'),
  load: load.prefault({ '0s': '100%' }),
  phases: phases.prefault({}),
  thresholds: z.array(threshold, { error: 'expected a list' }).describe('What must hold; default: clients.failed == 0').optional(),
  gates: z
    .record(z.string(), above0(share), { error: 'expected a map such as {endToEnd.p99: 10%}' })
    .refine((gates) => Object.keys(gates).length <= MAX_GATES, `must be at most ${MAX_GATES}: each more makes a false alarm likelier`)
    .describe('Metrics for compare, with their margins')
    .prefault({}),
  faults: faults.prefault([]),
  groups: z
    .record(name, group, { error: 'expected a map of groups' })
    .refine((groups) => Object.keys(groups).length > 0, 'needs at least one group')
    .describe('Clients that behave alike'),
})

export type Scenario = z.output<typeof scenario>
export type ScenarioGroup = Scenario['groups'][string]
export type ScenarioPublish = ScenarioGroup['publish'][number]
export type ScenarioPayload = ScenarioPublish['payload']

/** JSON Schema (2020-12) of a scenario file, for editors: it knows keys and types, not what `check.ts` finds. */
export function scenarioSchema(): object {
  return { title: 'mqtt-scale scenario', ...z.toJSONSchema(scenario, { io: 'input' }) }
}
