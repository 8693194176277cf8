/**
 * Acknowledgements that `ackAfter` delays, in the order of their messages: a slow consumer takes one after the other.
 */
import type { Output } from '../mqtt/output.ts'
import type { Session } from '../mqtt/session.ts'
import type { QoS } from './plan.ts'

export class LateAcks {
  /** (due µs, packet identifier, QoS), flat. */
  private readonly acks: number[] = []

  add(dueUs: number, packetId: number, qos: QoS): void {
    this.acks.push(dueUs, packetId, qos)
  }

  /** When the next is due. */
  get dueUs(): number {
    return this.acks[0] ?? Number.POSITIVE_INFINITY
  }

  /** Sends what is due. */
  send(nowUs: number, session: Session, out: Output): void {
    const { acks } = this
    let done = 0
    for (; done < acks.length && acks[done]! <= nowUs; done += 3) session.acknowledge(nowUs, acks[done + 1]!, acks[done + 2] as QoS, out)
    if (done > 0) acks.splice(0, done)
  }
}
