/**
 * The report of a run, schema 1: the one result that text, HTML and every later output are made from.
 *
 * Users' pipelines read these names. A field may be added within a schema version; none is renamed, removed or given another meaning.
 * Latencies are microseconds; see `LatencySummary` for what null and count 0 mean.
 */
import type { Plan } from '../load/plan.ts'
import type { LatencySummary } from '../stats/histogram.ts'

export type { LatencySummary }

export const REPORT_SCHEMA = 'mqtt-scale/report@1'

export type Status = 'passed' | 'failed' | 'invalid' | 'degraded' | 'interrupted'

/** `clients` to `connectLagUs` are of the whole run, the maps of its parts. */
export interface Report extends Whole {
  readonly schema: typeof REPORT_SCHEMA
  readonly run: RunFacts
  readonly status: Status
  /** Why it is not `passed`, the most important first; empty when passed. */
  readonly reasons: readonly string[]
  readonly groups: Readonly<Record<string, Figures>>
  readonly nodes: Readonly<Record<string, NodeFigures>>
  readonly streams: Readonly<Record<string, Figures>>
  /** By the lower of publish and subscription: '0', '1' and '2'. */
  readonly qos: Readonly<Record<string, Figures>>
  /** Named stretches of measure, and for each fault NAME-before, NAME-during and NAME-after. */
  readonly windows: Readonly<Record<string, WindowFigures>>
  readonly faults: Readonly<Record<string, FaultFigures>>
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
  readonly bytes: ByteCounts
  /** Intended time to when the subscriber has it. */
  readonly endToEndUs: LatencySummary
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
}

/** What is measured of a part (group, node, stream, QoS): what makes no sense for it is left out. */
export type Figures = Partial<Whole>

/** With `broker`: what the probe found; absent where it was skipped. */
export type NodeFigures = Figures & { readonly broker?: BrokerFacts }

/** What a node takes. */
export interface BrokerFacts {
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
  /** Messages due and not yet sent. */
  readonly backlog: number
  /** Share of the time the busiest worker did not wait. */
  readonly busy: number
}

export interface GeneratorFigures {
  /** No check of level `invalid` failed. */
  readonly valid: boolean
  /** Some check of level `suspect` failed. */
  readonly suspect: boolean
  readonly checks: readonly GeneratorCheck[]
  /** Share of the time in `measure` the busiest worker did not wait, 0 to 1. */
  readonly busy: number
  readonly cpu: {
    /** Of this run's own processes, in cores: 1.5 is one and a half. */
    readonly processCores: number
    /** Share of the host's CPU in use by anybody, and stolen from it; null where it can't be read. */
    readonly host: number | null
    readonly steal: number | null
  }
  readonly memory: {
    /** Highest resident memory of this run's own processes. */
    readonly residentBytes: number
  }
  readonly processes: number
  readonly workers: number
  readonly transport: 'epoll' | 'stream'
  /** null: there was none. */
  readonly sentinel: SentinelFigures | null
}

/** What an independent client, in a process of its own, measured on the same nodes meanwhile. It is in none of the run's counts. */
export interface SentinelFigures {
  /** `unavailable`: nothing of what it sent came back, or it could not go on: it says nothing about the run. */
  readonly status: 'ok' | 'unavailable'
  readonly ratePerSec: number
  /** Messages that it wanted to send in `measure`: what its quantiles run over. */
  readonly count: number
  /** Intended time to its return; null: infinite, or not available. */
  readonly p50Us: number | null
  readonly p99Us: number | null
}

export interface GeneratorCheck {
  readonly name: string
  readonly ok: boolean
  /** What it makes of the run when it is not ok. */
  readonly level: 'invalid' | 'suspect'
  readonly value: number | null
  readonly limit: number
  /** A sentence for people: what was found and what it means. */
  readonly words: string
}

export interface ThresholdResult {
  readonly expression: string
  /** null: infinite, or without a sample; then `note` says which. */
  readonly actual: number | null
  readonly ok: boolean
  readonly note?: string
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

/** Of messages with their intended time in the window; clients and connects by when they happened. Whole seconds of measure. */
export type WindowFigures = Omit<Figures, 'subscriptions' | 'bytes' | 'connectUs' | 'subscribeUs' | 'connectLagUs'> & {
  /** From the start of the run. */
  readonly startS: number
  readonly lengthS: number
}

/** Seconds; null: infinite. `count` is how many there should have been. */
export interface Spread {
  readonly count: number
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
}

/** What a fault did. But for `startS`, times are seconds from its start; null: it never came to that. Counts are of its window NAME-during. */
export interface FaultFigures {
  /** From the start of the run; null: it never began, and nothing else is known of it. */
  readonly startS: number | null
  /** Until its command had exited and its time was over. */
  readonly ended: number | null
  readonly exec: ExecFigures | null
  /** Clients that it struck itself (`drop`), and those that lost a connection until it was recovered, whoever ended it. */
  readonly struck: number
  readonly disconnected: number
  /** The first connection that the other side ended or let die. */
  readonly detect: number | null
  /** Everybody who had lost the connection was back. */
  readonly restored: number | null
  /** The first of ten seconds with at least 99 % of the rate of before and nothing waiting. */
  readonly recover: number | null
  /** Loss of a connection to the next CONNACK, and to the first delivery of what came due after the loss. */
  readonly reconnect: Spread
  readonly resume: Spread
  readonly attemptsPerClient: number
  /** Most attempts and most accepted connections in a second: the storm. */
  readonly peakAttemptsPerSec: number
  readonly peakAcceptedPerSec: number
  /** The parts of successful attempts. */
  readonly tcpUs: LatencySummary
  readonly tlsUs: LatencySummary
  readonly connackUs: LatencySummary
  readonly owed: number
  readonly lost: number
  readonly duplicated: number
  /** Of subscribers' sessions, then by QoS: '0', '1', '2'. */
  readonly bySession: Readonly<Record<'clean' | 'persistent', Readonly<Record<string, FaultCounts>>>>
  readonly wills: WillCounts
  readonly takeovers: { readonly count: number /** The old connection stood on. */; readonly doubled: number }
  readonly sessionsResumed: number
  readonly sessionsForgotten: number
  /** Shares, 0 to 1: of the clients' time without a connection; of the owed deliveries lost or later than `limitUs`. */
  readonly unavailability: { readonly clients: number; readonly messages: number | null; readonly limitUs: number }
  /** When it was recovered, or at the end of measure. */
  readonly clientsPerNode: Readonly<Record<string, number>>
}

export interface FaultCounts {
  readonly owed: number
  readonly lost: number
  readonly duplicated: number
}

export interface ExecFigures {
  readonly command: string
  /** null: it was ended by a signal, or did not end. */
  readonly exitCode: number | null
  readonly signal: string | null
  readonly lengthS: number
  /** stdout and stderr as they came, the last 64 KiB. */
  readonly output: string
}

export interface WillCounts {
  /** Published by the broker, and it had to or might. */
  readonly fired: number
  /** It had to, and nobody got it. */
  readonly missing: number
  /** It must not. */
  readonly false: number
}

/** What the run knows of a fault's moments, µs since the run's epoch. */
export interface FaultFacts {
  readonly startUs: number | null
  readonly endUs: number | null
  readonly detectedUs: number | null
  readonly restoredUs: number | null
  readonly recoveredUs: number | null
  readonly struck: number
  readonly exec: ExecFigures | null
  /** At `recoveredUs`, or at the end of measure. */
  readonly connectedByNode: readonly number[]
}
