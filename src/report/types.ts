/**
 * The report of a run, schema 1: the one result that text, HTML and every later output are made from.
 *
 * Users' pipelines read these names. A field may be added within a schema version; none is renamed, removed or given another meaning.
 * Latencies are microseconds; see `LatencySummary` for what null and count 0 mean.
 */
import type { Plan } from '../load/plan.ts'
import type { LatencySummary } from '../stats/histogram.ts'
import type { FaultFigures, WillCounts } from './fault-types.ts'
import type { GeneratorFigures } from './generator-types.ts'
import type { NodeMetrics } from './metrics-types.ts'

export type * from './fault-types.ts'
export type * from './generator-types.ts'
export type * from './metrics-types.ts'
export type { LatencySummary }

export const REPORT_SCHEMA = 'mqtt-scale/report@1'

export const REPORT_FORMATS = ['text', 'html', 'md', 'junit', 'csv', 'json'] as const
export type ReportFormat = (typeof REPORT_FORMATS)[number]

export type Status = 'passed' | 'failed' | 'invalid' | 'degraded' | 'interrupted'

/** `clients` to `connectLagUs` are of the whole run, the maps of its parts. */
export interface Report extends Whole {
  readonly schema: typeof REPORT_SCHEMA
  readonly run: RunFacts
  readonly status: Status
  /** Why it is not `passed`, the most important first; empty when passed. */
  readonly reasons: readonly string[]
  readonly groups: Readonly<Record<string, GroupFigures>>
  readonly nodes: Readonly<Record<string, NodeFigures>>
  readonly streams: Readonly<Record<string, Figures>>
  /** By the lower of publish and subscription: '0', '1' and '2'. */
  readonly qos: Readonly<Record<string, Figures>>
  /** Named stretches of measure, and for each fault NAME-before, NAME-during and NAME-after. */
  readonly windows: Readonly<Record<string, WindowFigures>>
  readonly faults: Readonly<Record<string, FaultFigures>>
  /** Losses that the nodes themselves count as dropped; null: nothing was lost, or no node has such a count. */
  readonly drops: DropFigures | null
  /** Last wills of the whole run; null: the plan has none. */
  readonly wills: WillCounts | null
  /** Only pairs of nodes that exchanged messages. */
  readonly pairs: readonly PairFigures[]
  readonly timeline: readonly TimelineRow[]
  /** Packet name (CONNACK, SUBACK, PUBACK, DISCONNECT …) to code ("0x87") to count. */
  readonly reasonCodes: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** ECONNREFUSED, TLS … to count. */
  readonly errors: Readonly<Record<string, number>>
  readonly generator: GeneratorFigures
  readonly thresholds: readonly ThresholdResult[]
  readonly host: HostFacts
  /** With secrets left out. */
  readonly plan: Plan
}

export interface RunFacts {
  /** What `{run}` stands for in templates. */
  readonly id: string
  readonly scenario: string
  readonly scenarioHash: string
  readonly seed: number
  readonly labels: Readonly<Record<string, string>>
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly durationS: number
  readonly phases: readonly PhaseFacts[]
  /** What `cleanUp` could not remove from the broker. */
  readonly leftovers: Leftovers
  /** Some group's TLS certificates were not verified. */
  readonly insecureTls: boolean
}

export interface PhaseFacts {
  readonly name: string
  /** From the start of the run. */
  readonly startS: number
  readonly lengthS: number
}

export interface Leftovers {
  readonly sessions: number
  readonly retained: number
}

export interface ClientCounts {
  readonly planned: number
  readonly connected: number
  readonly failed: number
  readonly disconnected: number
  readonly reconnected: number
}

export interface SubscriptionCounts {
  readonly planned: number
  readonly granted: number
  readonly refused: number
}

/** planned = sent + dropped. */
export interface PublishCounts {
  readonly planned: number
  readonly sent: number
  readonly acked: number
  /** Answered with a reason code of 0x80 or above. */
  readonly refused: number
  readonly dropped: number
}

/** owed = received + lost. */
export interface DeliveryCounts {
  readonly owed: number
  readonly received: number
  readonly lost: number
  readonly excused: number
  readonly duplicated: number
  readonly reordered: number
  readonly unexpected: number
  /** Arrived messages of streams whose payload has no room for a header: counted (lost = owed − arrived), not verified one by one. */
  readonly unverified: number
}

/** What became of the sessions of clients that connected again. */
export interface SessionCounts {
  /** The client had a session to come back to, and the broker still had it; or had it no more. */
  readonly resumed: number
  readonly forgotten: number
  /** The client connected while its old connection stood at the broker; and that one still stood `settle` later. */
  readonly takenOver: number
  readonly doubled: number
}

/** What nodes say that they have dropped during the run, for whatever reason and whomever. */
export interface DropFigures {
  readonly counted: number
  /** Lost deliveries beyond that. */
  readonly unexplained: number
  /** null: it does not say. */
  readonly byNode: Readonly<Record<string, number | null>>
}

/** Deliveries that waited on the broker for their client's return. */
export interface OfflineCounts {
  readonly queued: number
  /** How fast a client got them, from its CONNACK on; null: there were none. */
  readonly perSec: number | null
}

/** Of MQTT, above TCP and TLS. */
export interface ByteCounts {
  readonly sent: number
  readonly received: number
}

/** What is measured of the whole run. */
export interface Whole {
  readonly clients: ClientCounts
  readonly subscriptions: SubscriptionCounts
  readonly publishes: PublishCounts
  readonly deliveries: DeliveryCounts
  readonly sessions: SessionCounts
  readonly offline: OfflineCounts
  readonly bytes: ByteCounts
  /** Intended time to when the subscriber has it. */
  readonly endToEndUs: LatencySummary
  /** The same of pairs of publisher and subscriber that had one clock; only where there were several. */
  readonly sameClockUs?: LatencySummary
  /** Intended time to PUBACK or PUBCOMP. */
  readonly ackUs: LatencySummary
  /** A client's first connect, intended time to CONNACK, failed attempts included. */
  readonly connectUs: LatencySummary
  /** Loss of a connection to the next CONNACK. */
  readonly reconnectUs: LatencySummary
  /** SUBSCRIBE to SUBACK. */
  readonly subscribeUs: LatencySummary
  /** Could be sent to bytes handed to the kernel: the generator's own lateness. */
  readonly sendLagUs: LatencySummary
  /** Intended time to could be sent: the broker's or the scenario's doing. */
  readonly blockedUs: LatencySummary
  /** A connect's intended time to its SYN: the generator's own lateness. */
  readonly connectLagUs: LatencySummary
  /** A request's intended time to its reply. */
  readonly roundTripUs: LatencySummary
  /** CONNACK to the last delivery that had waited on the broker, of clients for which some had. */
  readonly unqueueUs: LatencySummary
}

/** What is measured of a part (group, node, stream, QoS): what makes no sense for it is left out. */
export type Figures = Partial<Whole>

/** With `shares`: of the shared subscriptions that clients of the group are members of, the least even first; absent where there are none. */
export type GroupFigures = Figures & { readonly shares?: readonly ShareFigures[] }

/** How the broker spread the measured messages over all members of a shared subscription, those of other groups too. */
export interface ShareFigures {
  /** `$share/NAME/FILTER`. */
  readonly filter: string
  /** Clients whose subscription was granted at any time. */
  readonly members: number
  /** Repeats too. */
  readonly received: number
  /** Of a member. */
  readonly least: number
  readonly most: number
  /** Jain's index: 1 is even, 1/members is all to one; null: nothing was received. */
  readonly fairness: number | null
}

/**
 * With `broker`: what the probe found, or is known of the embedded broker; absent where the probe was skipped. With `retained`, where the run retained
 * something; with `metrics`, where they were read.
 */
export type NodeFigures = Figures & {
  readonly broker?: BrokerFacts
  readonly retained?: RetainedCounts
  readonly metrics?: NodeMetrics
}

/** What a new subscriber got, after `drain`, of topics that must have a retained message: checked = current + stale + missing. */
export interface RetainedCounts {
  /** At most a thousand, evenly chosen; 0: the node could not be asked. */
  readonly checked: number
  readonly current: number
  /** Something else than the last message. */
  readonly stale: number
  readonly missing: number
  /** More than one message came, for one subscription. */
  readonly doubled: number
}

/** What a node is and takes. */
export interface BrokerFacts {
  /** In its own words, such as `mosquitto version 2.0.11`; null: it does not say. */
  readonly software: string | null
  /** Versions of MQTT that it accepts. */
  readonly versions: readonly ('3.1' | '3.1.1' | '5')[]
  /** Of its MQTT 5 CONNACK; null: it has no MQTT 5, and earlier versions don't tell. */
  readonly limits: BrokerLimits | null
}

/** MQTT 5.0 §3.2.2.3 */
export interface BrokerLimits {
  readonly maximumQoS: 0 | 1 | 2
  readonly retainAvailable: boolean
  readonly sharedSubscriptionAvailable: boolean
  readonly wildcardSubscriptionAvailable: boolean
  readonly subscriptionIdentifierAvailable: boolean
  /** Unacknowledged messages that it takes from a client. */
  readonly receiveMaximum: number
  /** Bytes of a packet. */
  readonly maximumPacketSize: number
  readonly topicAliasMaximum: number
  /** What it makes of the longest session expiry and of the keep alive that the scenario asks for; null: as asked. */
  readonly sessionExpiryS: number | null
  readonly serverKeepAliveS: number | null
}

export interface PairFigures {
  readonly from: string
  readonly to: string
  readonly endToEndUs: LatencySummary
  readonly deliveries: DeliveryCounts
}

/** One second. Latencies are of what arrived in it, null where nothing did. */
export interface TimelineRow {
  /** End of the second, from the start of the run. */
  readonly tS: number
  readonly phase: string
  readonly connected: number
  readonly plannedPerSec: number
  readonly sentPerSec: number
  readonly receivedPerSec: number
  readonly endToEndP50Us: number | null
  readonly endToEndP99Us: number | null
  readonly sendLagP99Us: number | null
  readonly connectsPerSec: number
  /** Attempts to connect, whatever came of them. */
  readonly attemptsPerSec: number
  /** Messages due and not yet sent. */
  readonly backlog: number
  /** Share of the time the busiest worker did not wait. */
  readonly busy: number
}

export interface ThresholdResult {
  readonly expression: string
  /** null: infinite, or without a sample; then `note` says which. */
  readonly actual: number | null
  readonly ok: boolean
  readonly note?: string
  /** It has ended measure before its time, so long after the start of the run, with a figure that `reasons` has: this one is of the whole. */
  readonly abortedAtS?: number
}

export interface HostFacts {
  readonly os: string
  readonly kernel: string
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  /** Node's version. */
  readonly node: string
  readonly limits: {
    /** Open files a process may have; null where there is no such limit or it can't be read. */
    readonly openFiles: number | null
    /** Local ports the kernel gives out. */
    readonly localPorts: number | null
  }
  /** mqtt-scale's version. */
  readonly tool: string
}

/** Whole seconds of measure: messages by their intended time, lost connections by when they were lost (whenever they came back), the rest by when it happened. */
export interface WindowFigures extends Omit<Figures, 'clients' | 'subscriptions' | 'bytes' | 'connectUs' | 'subscribeUs' | 'connectLagUs'> {
  /** From the start of the run. */
  readonly startS: number
  readonly lengthS: number
  readonly clients: Pick<ClientCounts, 'disconnected' | 'reconnected'>
}
