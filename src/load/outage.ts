/**
 * What a subscriber gets after it has lost its connection: the first delivery of what came due since then, and what had waited for it on the broker.
 */
import type { Client } from './client.ts'
import { count } from './tally.ts'

const NEVER = Number.POSITIVE_INFINITY

export class Outage {
  private readonly client: Client
  private readonly lostAtUs: number
  /** The client was out already, but for a connection that brought it nothing. */
  readonly isRepeated: boolean
  /** The client's new connection; Infinity: none yet. */
  private returnedAtUs = NEVER
  /** The broker had kept the session. */
  private hasSession = false
  /** The first delivery has come, or is not waited for. */
  private hasResumed: boolean
  private queued = 0
  private lastQueuedUs = 0

  /** @param before  the outage before this one */
  constructor(client: Client, nowUs: number, before: Outage | null) {
    this.client = client
    this.isRepeated = before !== null && !before.hasResumed
    this.lostAtUs = this.isRepeated ? before!.lostAtUs : nowUs
    // Whom churn takes away misses nothing, and who has got nothing yet may be waiting for nothing: see `interrupted` in tally.ts.
    this.hasResumed = !this.isRepeated && (client.isReturning || !client.receiver!.hasReceived)
  }

  returned(nowUs: number, hasSession: boolean): void {
    this.returnedAtUs = nowUs
    this.hasSession = hasSession
  }

  /** A message has come for the first time. */
  arrived(intendedUs: number, qos: number, nowUs: number): void {
    if (intendedUs < this.lostAtUs) return
    if (!this.hasResumed) {
      this.hasResumed = true
      this.client.fleet.secondAt(this.lostAtUs)?.record('resume', nowUs - this.lostAtUs)
    }
    if (!this.hasSession || qos === 0 || intendedUs >= this.returnedAtUs) return
    this.queued++
    this.lastQueuedUs = nowUs
    count(this.client, 'queued', nowUs)
  }

  /** Nothing more of it is looked at. */
  end(): void {
    if (this.queued === 0) return
    const unqueueUs = this.lastQueuedUs - this.returnedAtUs
    this.client.cell.record('unqueue', unqueueUs)
    this.client.fleet.secondAt(this.returnedAtUs)?.record('unqueue', unqueueUs)
  }
}
