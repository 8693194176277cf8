/**
 * How long each agent has been silent, as far as its controller can tell: time counts only while the server answers, and never more of it at once
 * than an agent's silence could have made. So neither a server that is away nor a controller that was stopped makes anybody dead.
 *
 * A server that is away for longer than agents go on without their controller does: by then they have ended the run, whatever they could tell.
 */
import type { NatsConnection } from '@nats-io/transport-node'
import { US_PER_MS } from '../units.ts'
import { PATIENCE_US } from './alone.ts'

const TICK_MS = 500
/** Longer than an agent's lease: it has cut its clients off before. */
const DEAD_MS = 10_000
const AWAY_MS = PATIENCE_US / US_PER_MS

export class Vigil {
  private readonly connection: NatsConnection
  private readonly silentMs = new Map<string, number>()
  private readonly onDead: (agent: string, why: string) => void
  private readonly timer: NodeJS.Timeout
  private checkedMs = performance.now()
  private isAsking = false
  private awayMs = 0
  private tickedMs = performance.now()

  /** @param onDead  once for each that was silent for too long, or whose server was away for too long */
  constructor(connection: NatsConnection, agents: readonly string[], onDead: (agent: string, why: string) => void) {
    this.connection = connection
    this.onDead = onDead
    for (const agent of agents) this.silentMs.set(agent, 0)
    this.timer = setInterval(() => void this.tick(), TICK_MS)
  }

  heard(agent: string): void {
    if (this.silentMs.has(agent)) this.silentMs.set(agent, 0)
  }

  /** Nobody waits for it any more. */
  forget(agent: string): void {
    this.silentMs.delete(agent)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private async tick(): Promise<void> {
    this.countAway()
    if (this.isAsking) return
    this.isAsking = true
    const askedMs = performance.now()
    try {
      await this.connection.flush()
    } catch {
      // The connection is closed, or lost: the server is away.
      return
    } finally {
      this.isAsking = false
    }
    this.awayMs = 0
    const nowMs = performance.now()
    const isPrompt = nowMs - askedMs < 2 * TICK_MS
    const passedMs = isPrompt ? Math.min(2 * TICK_MS, nowMs - this.checkedMs) : 0
    this.checkedMs = nowMs
    for (const [agent, silentMs] of this.silentMs) {
      this.silentMs.set(agent, silentMs + passedMs)
      if (silentMs + passedMs >= DEAD_MS) this.giveUp(agent, `no sign of life for ${DEAD_MS / 1000} s`)
    }
  }

  /** Until the server answers the next time, by what passes between ticks, and never more of it than a tick late can be. */
  private countAway(): void {
    const nowMs = performance.now()
    this.awayMs += Math.min(2 * TICK_MS, nowMs - this.tickedMs)
    this.tickedMs = nowMs
    if (this.awayMs < AWAY_MS) return
    for (const agent of this.silentMs.keys()) this.giveUp(agent, `the control server was away for ${AWAY_MS / 1000} s`)
  }

  private giveUp(agent: string, why: string): void {
    this.silentMs.delete(agent)
    this.onDead(agent, why)
  }
}
