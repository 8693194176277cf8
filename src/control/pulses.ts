/**
 * The controller's end of the pulses: answers each with the time, keeps what agents say of their clocks, and tells when one has been silent too
 * long. An agent that was given up is told so.
 */
import type { NatsConnection, Subscription } from '@nats-io/transport-node'
import type { ClockFigures } from '../report/types.ts'
import { decode, encode } from './parcel.ts'
import type { Pulse, PulseAnswer } from './protocol.ts'
import { agentOf, pulseSubject } from './subjects.ts'
import { Vigil } from './vigil.ts'

export interface PulsesOptions {
  readonly connection: NatsConnection
  readonly run: string
  /** By agent: who has another one is not meant. */
  readonly instances: ReadonlyMap<string, string>
  /** µs, monotonic. */
  readonly clock: () => number
  readonly onDead: (agent: string, why: string) => void
}

export class Pulses {
  private readonly clocks = new Map<string, ClockFigures>()
  private readonly dead = new Set<string>()
  private readonly vigil: Vigil
  private readonly subscription: Subscription

  constructor({ connection, run, instances, clock, onDead }: PulsesOptions) {
    this.vigil = new Vigil(connection, [...instances.keys()], (agent, why) => {
      this.dead.add(agent)
      onDead(agent, why)
    })
    this.subscription = connection.subscribe(pulseSubject(run, '*'), {
      callback: (error, message) => {
        const t1 = clock()
        if (error !== null) return
        const agent = agentOf(message.subject)
        const pulse = readPulse(message.data)
        if (pulse === null || pulse.instance !== instances.get(agent)) return
        this.vigil.heard(agent)
        if (pulse.clock !== null) this.clocks.set(agent, pulse.clock)
        const answer: PulseAnswer = { t1, t2: clock(), isOver: this.dead.has(agent) }
        message.respond(encode(answer))
      },
    })
  }

  clockOf(agent: string): ClockFigures | null {
    return this.clocks.get(agent) ?? null
  }

  /** It has left. */
  forget(agent: string): void {
    this.vigil.forget(agent)
  }

  stop(): void {
    this.vigil.stop()
    this.subscription.unsubscribe()
  }
}

/** null: it is none. Anybody may send anything. */
function readPulse(bytes: Uint8Array): Pulse | null {
  try {
    const pulse = decode(bytes)
    return typeof pulse === 'object' ? (pulse as Pulse | null) : null
  } catch {
    // Not by `encode`: no agent of ours.
    return null
  }
}
