/**
 * NATS without a server: what is sent in the test's own memory, and whatever the test does to it on its way.
 *
 * It is as real as control/ needs it: requests with time limits, subscriptions with a `*` in their last part, `flush`, and the answers of JetStream
 * as JSON.
 */
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'

type Callback = (error: Error | null, message: Msg) => void
/** After how many ms each copy of a message arrives; none: it is lost. */
export type Fate = readonly number[]

export class Air {
  /** What becomes of the next message, be it a question or an answer. */
  fate: () => Fate = () => [0]
  maxBytes = 1_000_000
  private readonly subscriptions: { readonly subject: string; readonly callback: Callback }[] = []

  /** One end. `isUp`: its connection stands; without it nothing is sent, and `flush` waits. */
  connect(): NatsConnection & { isUp: boolean } {
    const end = {
      isUp: true,
      info: { max_payload: this.maxBytes },
      options: {},
      flush: () => this.whenUp(end),
      subscribe: (subject: string, { callback }: { callback: Callback }) => {
        const subscription = { subject, callback: (error: Error | null, message: Msg) => end.isUp && callback(error, message) }
        this.subscriptions.push(subscription)
        return { unsubscribe: () => void this.subscriptions.splice(this.subscriptions.indexOf(subscription), 1) }
      },
      request: (subject: string, data: Uint8Array, options: { timeout: number; headers?: MsgHdrs }) =>
        new Promise<Pick<Msg, 'data'>>((resolve, reject) => {
          const late = setTimeout(() => reject(new Error('timeout')), options.timeout)
          const respond = (answer = new Uint8Array(0)) => {
            this.carry(() => {
              if (!end.isUp) return
              clearTimeout(late)
              resolve({ data: answer })
            })
            return true
          }
          if (end.isUp) this.carry(() => this.deliver({ subject, data, headers: options.headers, respond } as unknown as Msg))
        }),
    }
    return end as unknown as NatsConnection & { isUp: boolean }
  }

  /** Answers for JetStream: what comes to that subject, and what a server would say as JSON. */
  serve(subject: string, answer: (message: Msg) => object | null): void {
    const callback = (_: Error | null, message: Msg) => {
      const said = answer(message)
      if (said !== null) message.respond(new TextEncoder().encode(JSON.stringify(said)))
    }
    this.subscriptions.push({ subject, callback })
  }

  private carry(arrive: () => void): void {
    for (const afterMs of this.fate()) {
      if (afterMs === 0) queueMicrotask(arrive)
      else setTimeout(arrive, afterMs)
    }
  }

  private deliver(message: Msg): void {
    for (const { subject, callback } of this.subscriptions.slice()) if (matches(subject, message.subject)) callback(null, message)
  }

  private async whenUp(end: { readonly isUp: boolean }): Promise<void> {
    while (!end.isUp) await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function matches(pattern: string, subject: string): boolean {
  return pattern.endsWith('*') ? subject.startsWith(pattern.slice(0, -1)) : subject === pattern
}
