/**
 * An agent's pulse: once a second it asks its controller for the time. The answers compare the clocks, and prove that the controller and the
 * server between them are there; without one of the server, the agent's lease runs out.
 *
 * When the server last was there is when that question was asked which it has answered: whatever it said later is not known to be its word.
 */
import type { NatsConnection } from '@nats-io/transport-node'
import { type Offset, offsetOf, type Stamps } from './offset.ts'
import { decode, encode } from './parcel.ts'
import type { Pulse, PulseAnswer } from './protocol.ts'
import { pulseSubject } from './subjects.ts'

const BEAT_MS = 1000

export interface HeartOptions {
  readonly connection: NatsConnection
  readonly run: string
  readonly agent: string
  readonly instance: string
  /** µs, monotonic. */
  readonly clock: () => number
  /** What the controller is told with each beat. */
  readonly state: () => Pick<Pulse, 'clock' | 'isFenced'>
  /** With each beat, answered or not. */
  readonly onBeat: () => void
  readonly onStamps: (stamps: Stamps) => void
  /** The controller has given this agent up. */
  readonly onOver: () => void
}

export class Heart {
  /** Of the agent's clock, µs: when it asked what the server, and the controller, have answered. */
  serverSeenUs: number
  controllerSeenUs: number
  private readonly options: HeartOptions
  private readonly timer: NodeJS.Timeout

  constructor(options: HeartOptions) {
    this.options = options
    this.serverSeenUs = this.controllerSeenUs = options.clock()
    this.timer = setInterval(() => this.beat(), BEAT_MS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Compares the clocks so many times, one after the other; fewer where no answer comes. */
  async compare(times: number): Promise<Offset[]> {
    const offsets: Offset[] = []
    for (let i = 0; i < times; i++) {
      const stamps = await this.ask()
      if (stamps !== null) offsets.push(offsetOf(stamps))
    }
    return offsets
  }

  private beat(): void {
    const { connection, clock, onBeat } = this.options
    const askedUs = clock()
    void this.ask()
    connection.flush().then(
      () => this.seen(askedUs),
      () => {},
    )
    onBeat()
  }

  private async ask(): Promise<Stamps | null> {
    const { connection, run, agent, instance, clock, state, onOver, onStamps } = this.options
    const t0 = clock()
    try {
      const pulse: Pulse = { instance, t0, ...state() }
      const { data } = await connection.request(pulseSubject(run, agent), encode(pulse), { timeout: BEAT_MS })
      const t3 = clock()
      const { t1, t2, isOver } = decode(data) as PulseAnswer
      this.seen(t0)
      this.controllerSeenUs = Math.max(this.controllerSeenUs, t0)
      const stamps = { t0, t1, t2, t3 }
      if (isOver) onOver()
      onStamps(stamps)
      return stamps
    } catch {
      // No controller, or no server: the flush of the same beat tells which.
      return null
    }
  }

  private seen(askedUs: number): void {
    this.serverSeenUs = Math.max(this.serverSeenUs, askedUs)
  }
}
