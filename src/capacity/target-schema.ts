/**
 * The target of a size as a schema: every key, its type, its default, and what it is for. `docs/capacity.md` has every key, held by a test.
 */
import { z } from 'zod'
import {
  above0,
  between,
  bytes,
  count,
  duration,
  filled,
  map,
  notNegative,
  oneOf,
  quantity,
  rate,
  report,
  seconds,
  share,
  shares,
  text,
} from '../load/fields.ts'
import { parseBitRate } from '../units.ts'

const bandwidth = quantity(parseBitRate, 'a bandwidth: 10Gbit/s')
const number = z.number({ error: 'expected a number' })
const amount = number.nonnegative('must not be negative')
const part = between(share, 0.01, 1, '1% to 100%')
/** What is up for a share of the time. */
const uptime = between(share, 0, 1, '0% to 100%')

const node = map({
  memory: above0(bytes).describe('Of a node, in all'),
  cores: above0(count).optional(),
  connections: above0(count).describe('The most that a node may have: a policy, a licence, a limit of files').optional(),
  network: above0(bandwidth).describe('Each way').optional(),
})

const price = map({
  currency: filled.prefault('USD'),
  perHour: amount.describe('Of a node').optional(),
  perMonth: amount.describe('Of a node').optional(),
  crossZonePerGB: amount.describe('Of what goes from zone to zone').prefault(0),
  fixedPerMonth: amount.describe('Load balancers and what else does not grow with nodes').prefault(0),
}).superRefine((value, context) => {
  if ((value.perHour === undefined) === (value.perMonth === undefined)) report(context, [], 'needs exactly one of perHour, perMonth')
})

const availability = map({
  goal: between(share, 0, 0.999999, 'below 100%').prefault('99.99%'),
  zone: uptime.describe('Of one zone').optional(),
  node: uptime.describe('Of one node').optional(),
  restarts: amount.describe('Rolling restarts of all nodes in a year').optional(),
  restartTime: notNegative(duration).describe('What a client goes without in each; default: the failover time').optional(),
  failures: amount.describe('Failures of a node in a year, in the whole cluster').optional(),
  others: z
    .record(filled, uptime, { error: 'expected a map such as {load balancer: 99.99%}' })
    .describe('What has to be up as well')
    .prefault({}),
})

const assume = map({
  memoryPerConnection: above0(bytes).optional(),
  memoryBase: notNegative(bytes).describe('Of a node without clients').optional(),
  perNode: above0(rate).describe('Messages a second of one node at the SLO').optional(),
  contention: between(number, 0, 1).describe('α of the scaling law').optional(),
  coherency: between(number, 0, 1).describe('β of the scaling law').optional(),
  connectRate: above0(rate).describe('Connects a second of one node').optional(),
  failover: notNegative(duration).describe('From the failure of a node until its clients are back').optional(),
}).superRefine((value, context) => {
  if (value.memoryBase !== undefined && value.memoryPerConnection === undefined)
    report(context, ['memoryBase'], 'needs memoryPerConnection')
  for (const key of ['contention', 'coherency'] as const)
    if (value[key] !== undefined && value.perNode === undefined) report(context, [key], 'needs perNode')
})

export const targetSchema = map({
  name: filled.max(100, 'must be at most 100 characters').describe('Default: the file’s name').optional(),
  description: text.prefault(''),
  load: filled.describe('A scenario that says what is below, down to keepAlive: a file, from here, or one that ships').optional(),
  clients: above0(count).optional(),
  publish: above0(rate).describe('Messages a second of all clients').optional(),
  fanOut: amount.describe('Deliveries of each message').optional(),
  payload: bytes.optional(),
  topic: bytes.describe('Length of a topic').optional(),
  qos: shares('0', '1', '2').describe('Shares of messages').optional(),
  persistent: between(share, 0, 1, '0% to 100%').describe('Share of clients whose sessions outlive their connections').optional(),
  keepAlive: seconds(65_535).optional(),
  subscriptions: amount.describe('Of each client').optional(),
  queued: notNegative(count).describe('Messages that wait at the brokers, in all').prefault(0),
  slo: z.array(text, { error: 'expected a list' }).min(1, 'needs at least one threshold').describe('METRIC OP VALUE, as in a scenario'),
  zones: between(count, 1, 100).prefault(1),
  survive: oneOf('zone', 'node', 'none').describe('What may be lost without breaking the SLO'),
  recoveryTime: above0(duration).describe('In which everybody who was on it is connected again').optional(),
  node,
  growth: map({
    perYear: notNegative(share),
    years: above0(number),
  })
    .describe('Of clients and messages, until the cluster is looked at again')
    .optional(),
  use: map({
    memory: part.describe('Of a node’s memory').prefault('75%'),
    cpu: part.describe('Of the throughput at the SLO').prefault('70%'),
    network: part.describe('Of a node’s bandwidth').prefault('50%'),
  })
    .describe('How much of a node is planned with')
    .prefault({}),
  availability: availability.prefault({}),
  price: price.optional(),
  assume: assume.describe('What no run has measured; a measurement goes before it').prefault({}),
}).superRefine((value, context) => {
  for (const key of ['clients', 'publish', 'payload'] as const)
    if (value.load === undefined && value[key] === undefined) report(context, [], `needs ${key}, or a load that says it`)
  if (value.survive === 'zone' && value.zones < 2) report(context, ['survive'], 'needs two zones or more')
  if (value.survive !== 'none' && value.recoveryTime === undefined)
    report(context, [], 'needs recoveryTime, since something is to be survived')
})

export type TargetFile = z.output<typeof targetSchema>
