/**
 * The plan: a validated scenario with every default filled in, frozen.
 *
 * It is plain data (it crosses threads and processes by structured clone and is printed into the report), and it is all that the
 * load needs: with the same plan and seed, any number of workers does the same things at the same intended times.
 * Past `scenario.ts` no code asks whether a field is there. Times are relative to the phase that starts them.
 */

/** MQTT protocol levels as the CONNECT packet has them: 3 is 3.1, 4 is 3.1.1, 5 is 5.0. */
export type ProtocolLevel = 3 | 4 | 5
export type QoS = 0 | 1 | 2

export interface Plan {
  readonly name: string
  readonly description: string
  /** Unsigned 32 bits. */
  readonly seed: number
  readonly labels: Readonly<Record<string, string>>
  /** Never empty in a plan that runs; empty means that the embedded broker is to be started (`embedded`). */
  readonly nodes: readonly NodePlan[]
  readonly embedded: boolean
  /** Levels of the topic tree, in the order of `topics`. */
  readonly levels: readonly LevelPlan[]
  readonly settleUs: number
  readonly transport: 'auto' | 'epoll' | 'stream'
  /** The nodes are checked before the load. */
  readonly probe: boolean
  /** null: none. */
  /** What the loss of a part of the generator does to measure. */
  readonly onAgentLoss: 'degrade' | 'fail'
  readonly sentinel: { readonly ratePerSec: number } | null
  readonly groups: readonly GroupPlan[]
  readonly phases: PhasesPlan
  /** In the order of the scenario. */
  readonly faults: readonly FaultPlan[]
  readonly thresholds: readonly string[]
  /** Those of the thresholds that end measure as soon as they do not hold. */
  readonly aborts: readonly AbortPlan[]
  readonly gates: Readonly<Record<string, string>>
  /** How many clients all groups have together: global client indices are below it. */
  readonly clients: number
  /** Of --scale; 1 unless given. */
  readonly scale: number
}

/** `expect` is among the plan's thresholds. */
export interface AbortPlan {
  readonly expect: string
  /** How long after its figures begin it is first held against them. */
  readonly graceUs: number
}

export interface NodePlan {
  readonly name: string
  /** mqtt:, mqtts:, ws: or wss:, as the user wrote it, without credentials. */
  readonly url: string
  readonly zone: string | null
  readonly weight: number
  /** Where its own figures are read; absent: nowhere. They are the controller's: agents are not told. */
  readonly metrics?: readonly MetricsSource[]
}

/** See watch/. */
export type MetricsSource =
  | {
      readonly kind: 'prometheus'
      readonly url: string
      /** Whose metrics those are; null: it is found out, or `map` says. */
      readonly as: 'emqx' | 'vernemq' | 'hivemq' | 'rabbitmq' | 'nats-exporter' | null
      /** Metrics by what they are wanted for. */
      readonly map: Readonly<Record<string, string | undefined>> | null
    }
  | { readonly kind: 'nats'; readonly url: string }
  /** `$SYS` topics over MQTT. */
  | { readonly kind: 'sys' }
  /** A process on the controller's machine. */
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'pidFile'; readonly path: string }

export interface LevelPlan {
  readonly name: string
  readonly count: number
  /** The values, or null: then value j is `<name>-<j + 1>`. */
  readonly values: readonly string[] | null
}

export interface GroupPlan {
  readonly name: string
  readonly index: number
  readonly clients: number
  /** Global index of this group's client 0. */
  readonly firstClient: number
  readonly version: ProtocolLevel
  readonly clientId: string
  readonly username: string | null
  readonly password: string | null
  readonly tls: TlsPlan
  readonly ws: { readonly path: string; readonly headers: Readonly<Record<string, string>> }
  readonly sourceAddresses: readonly string[]
  /** Share of the group's clients with clean session (clean start), 0 to 1. */
  readonly cleanShare: number
  readonly sessionExpiryS: number
  readonly receiveMaximum: number | null
  readonly maximumPacketSize: number | null
  readonly topicAliasMaximum: number | null
  readonly userProperties: readonly (readonly [string, string])[]
  readonly keepAliveS: number
  readonly inFlight: number
  readonly placement: Placement
  readonly connect: ConnectPlan
  /** null: a lost connection is not tried again. */
  readonly reconnect: ReconnectPlan | null
  readonly churn: ChurnPlan | null
  readonly unsent: { /** Messages kept while a client can't send. */ readonly keep: number | 'all'; readonly drop: 'oldest' | 'newest' }
  /** Cumulative shares of a level's values, each ending at 1, by level name. */
  readonly spread: Readonly<Record<string, readonly number[]>>
  readonly will: WillPlan | null
  readonly publish: readonly PublishPlan[]
  readonly subscribe: readonly SubscribePlan[]
}

export interface TlsPlan {
  /** Paths; cert and key are templates. */
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
  readonly serverName: string | null
  readonly alpn: readonly string[]
  readonly resume: boolean
  readonly insecure: boolean
}

export type Placement =
  | { readonly kind: 'weighted' | 'roundRobin' | 'random' }
  /** Node indices; weighted among them. */
  | { readonly kind: 'nodes'; readonly nodes: readonly number[] }
  /** A template: weighted among the nodes in that zone; where there is none, among all. */
  | { readonly kind: 'zone'; readonly zone: string; readonly elseAny: boolean }
  /** Share of the group's clients that are kept away from the nodes they hear from; the others are put there. */
  | { readonly kind: 'crossNode'; readonly share: number }

export interface ConnectPlan {
  /** Seconds over which the group connects, or 0 for all at once: at a rate it is clients / rate. */
  readonly overS: number
  readonly arrival: 'uniform' | 'poisson' | 'beta'
  readonly timeoutUs: number
}

export interface ReconnectPlan {
  readonly backoff: 'fullJitter' | 'fixed' | 'exponential'
  readonly firstUs: number
  readonly maxUs: number
  readonly factor: number
  /** Attempts after which a client gives up; Infinity is written as null. */
  readonly attempts: number | null
  /** A connection that lasted this long starts the backoff anew. */
  readonly resetAfterUs: number
}

export interface ChurnPlan {
  readonly connectedUs: number
  readonly awayUs: number
  readonly leave: 'disconnect' | 'reset' | 'silent'
}

export interface WillPlan {
  readonly topic: string
  readonly payload: PayloadPlan
  readonly qos: QoS
  readonly retain: boolean
  readonly delayS: number
}

export interface PublishPlan {
  /** Index over all publish entries of the plan: what a message's header carries. */
  readonly index: number
  readonly name: string
  readonly topic: string
  /** null: all messages of a client have one topic. */
  readonly route: RoutePlan | null
  /** null: its messages ask for no reply. */
  readonly request: RequestPlan | null
  readonly trigger: PublishTrigger
  readonly atUs: number
  /** null: unlimited. */
  readonly times: number | null
  /** Shares of messages, by QoS; their sum is 1. */
  readonly qosShares: readonly [number, number, number]
  readonly retain: boolean
  readonly payload: PayloadPlan
  /** [timeS, factor] points of the load curve, from the start of warmUp: the entry's own, or else its group's, or else the scenario's. */
  readonly load: readonly (readonly [timeS: number, factor: number])[]
  /** MQTT 5 only; null or false otherwise. */
  readonly expiryS: number | null
  readonly contentType: string | null
  readonly responseTopic: string | null
  readonly correlationData: string | null
  readonly userProperties: readonly (readonly [string, string])[]
  readonly topicAlias: boolean
}

/** See route.ts. */
export type RoutePlan =
  /** Each message goes to one client of a group, by its index. */
  | {
      readonly kind: 'to'
      readonly group: number
      readonly pick: 'inTurn' | 'shuffled' | 'zipf' /** Its exponent. */
      readonly zipf: number
    }
  /** A client has a stream for each of `count` values, whose messages take turns. */
  | { readonly kind: 'each'; readonly level: string; readonly count: number }

export interface RequestPlan {
  /** Template of the topic that replies are sent to; the client subscribes to it. */
  readonly response: string
  /** A reply that comes later counts as none. */
  readonly timeoutUs: number
}

export interface ReplyPlan {
  readonly afterUs: number
  readonly qos: QoS
  readonly payload: PayloadPlan
}

export type PublishTrigger =
  /** Each client sends every `periodUs` at load 100 %. With `rate`, it is clients / rate. */
  { readonly kind: 'periodic' | 'poisson' | 'synchronized'; readonly periodUs: number } | { readonly kind: 'connect' }

export type PayloadPlan =
  | { readonly kind: 'bytes'; readonly min: number; readonly max: number }
  /** The parsed JSON, without its `_ms` member; see json.ts. */
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }

export interface SubscribePlan {
  /** Index over all subscribe entries of the plan. */
  readonly index: number
  readonly filter: string
  readonly qos: QoS
  readonly ackAfterUs: number
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  readonly identifier: number | null
  /** How requests that arrive are answered; null: not at all. */
  readonly reply: ReplyPlan | null
  /** Made for the replies to the group's own requests: it stands in no scenario. */
  readonly isResponse: boolean
}

export interface PhasesPlan {
  readonly connectUs: number
  readonly warmUpUs: number
  /** At the longest, with `untilRecovered`. */
  readonly measureUs: number
  /** Measure ends once it has lasted this long and the last fault is recovered; null: when `measureUs` have passed. */
  readonly untilRecovered: { readonly minUs: number } | null
  /** Named parts of measure, in order, which make up all of it; empty: it has none. Whole seconds. */
  readonly stretches: readonly { readonly name: string; readonly lengthUs: number }[]
  readonly drainUs: number
  readonly cleanUp: boolean
}

/** What a fault has come to: `ended` (its command has exited and its time is over), `detected` (a client has lost its connection by it),
 * `restored` (everybody who had lost it is back), `recovered` (the rate is that of before, and nothing waits). See run/director.ts. */
export type FaultMoment = 'ended' | 'detected' | 'restored' | 'recovered'

export interface FaultPlan {
  readonly name: string
  readonly index: number
  /** From the start of measure, or from a moment of another fault. */
  readonly trigger:
    | { readonly kind: 'at'; readonly atUs: number }
    | { readonly kind: 'after'; readonly fault: number; readonly is: FaultMoment; readonly waitUs: number }
  /** A command line for the shell; null: none. */
  readonly exec: string | null
  /** What becomes of clients' connections; null: nothing of our doing. */
  readonly drop: DropPlan | null
}

export interface DropPlan {
  readonly how: 'disconnect' | 'reset' | 'silent' | 'stopReading'
  /** Group indices. */
  readonly groups: readonly number[]
  /** Clients with these values, by level. */
  readonly where: Readonly<Record<string, string>>
  /** Clients whose node it is when the fault begins, by index; null: any. */
  readonly nodes: readonly number[] | null
  /** Of each group's clients, 0 to 1. */
  readonly share: number
  /** How long no attempt succeeds, or nothing is read; 0: a client comes back at its next attempt. */
  readonly forUs: number
  /** How the clients come back; null: each at its next attempt. */
  readonly return: { readonly overS: number; readonly arrival: 'uniform' | 'poisson' | 'beta' } | null
}
