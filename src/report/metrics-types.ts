/**
 * What a broker's node said of itself during a run, or what its process was seen to do; each null where it does not say, never 0 in its place.
 */

/** Of something that goes up and down. */
export interface GaugeFigures {
  /** Before the first client connected. */
  readonly before: number | null
  /** Over `measure`. */
  readonly mean: number
  readonly peak: number
  /** The last of `measure`. */
  readonly last: number
  /** By how much it rose or fell a second in `measure` (Theil and Sen): a plateau has about 0. */
  readonly slopePerSec: number
}

/** Of something that only goes up: how much it did in `measure`. */
export interface CounterFigures {
  readonly count: number
  readonly perSec: number
  /** From one reading to the next. */
  readonly everyS: number
}

/** Over the whole run: columns of rows in step, null where the node did not say; what only goes up, by how much it did a second. */
export interface NodeOverTime {
  /** From the start of the run. */
  readonly tS: readonly number[]
  readonly connections: readonly (number | null)[]
  readonly subscriptions: readonly (number | null)[]
  readonly queued: readonly (number | null)[]
  readonly memoryBytes: readonly (number | null)[]
  readonly cpuCores: readonly (number | null)[]
  readonly messagesInPerSec: readonly (number | null)[]
  readonly messagesOutPerSec: readonly (number | null)[]
  readonly droppedPerSec: readonly (number | null)[]
}

/** The node's counts beside ours of the same time; null: one of the two is not known. */
export interface Reconciliation {
  /** Clients of ours, the mean over measure, and connections that the node had more than before. */
  readonly connected: Both | null
  /** Messages that we sent to it, and that it counts as come in. */
  readonly sent: Both | null
  /** Messages that we got from it, and that it counts as gone out. */
  readonly received: Both | null
}

export interface Both {
  readonly ours: number
  readonly theirs: number
}

export interface NodeMetrics {
  /** `prometheus (rabbitmq)`, `$SYS (mosquitto)`, `monitoring (nats)`, `process`: several are joined by ` + `. */
  readonly source: string
  /** Readings that there were. */
  readonly readings: number
  /** Its memory is that of the machine: nothing is derived from it. Absent where it is not. */
  readonly isOfMachine?: true
  /** What could not be read, in words; absent where all could. */
  readonly trouble?: string
  readonly connections: GaugeFigures | null
  readonly subscriptions: GaugeFigures | null
  /** Messages that wait for clients or for acknowledgement. */
  readonly queued: GaugeFigures | null
  readonly memoryBytes: GaugeFigures | null
  /** In cores: 1.5 is one and a half. */
  readonly cpuCores: GaugeFigures | null
  readonly messagesIn: CounterFigures | null
  readonly messagesOut: CounterFigures | null
  readonly dropped: CounterFigures | null
  /** Memory above that of before, for each connection; null too where the plateau is none. */
  readonly bytesPerConnection: number | null
  /** CPU above that of before, for each message in or out. */
  readonly cpuUsPerMessage: number | null
  /** null: nothing was told. */
  readonly overTime: NodeOverTime | null
  readonly reconciliation: Reconciliation | null
}
