/**
 * Orders from a controller to one agent: in turn, each done once, and answered.
 *
 * An order that is not answered in time is sent again, part by part, under its number: the agent answers what it has done already with what it
 * answered then. So a server that restarts costs time and nothing else.
 */
import { headers, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node'
import { maxBytesOf } from './connect.ts'
import { Assembler, decode, encode, isPart, numberOf, partsOf } from './parcel.ts'
import type { Answer, Order } from './protocol.ts'
import { agentSubject } from './subjects.ts'

const RETRY_MS = 1000
const PAUSE_MS = 200
/** Says whose order it is: numbers count for each controller. */
const FROM = 'Controller'

export interface OrdersOptions {
  readonly connection: NatsConnection
  readonly agent: string
  /** Unique to the controller and its run. */
  readonly controller: string
}

export class Orders {
  private readonly options: OrdersOptions
  private number = 0
  private last: Promise<unknown> = Promise.resolve()
  private isOver = false
  private cancelled = 0

  constructor(options: OrdersOptions) {
    this.options = options
  }

  /** @returns null  the agent has not answered in that time, or `end` was called */
  send(order: Order, withinMs = Number.POSITIVE_INFINITY): Promise<Answer | null> {
    const number = this.number++
    const sent = this.last.then(() => this.sendOne(encode(order), number, performance.now() + withinMs))
    this.last = sent
    return sent
  }

  /** What was ordered and is not done is not sent any more. */
  cancel(): void {
    this.cancelled = this.number
  }

  /** Nothing is sent any more. */
  end(): void {
    this.isOver = true
  }

  private async sendOne(bytes: Uint8Array, number: number, untilMs: number): Promise<Answer | null> {
    const { connection, agent, controller } = this.options
    const from = headers()
    from.set(FROM, controller)
    const parts = partsOf(bytes, number, maxBytesOf(connection))
    for (let i = 0; ; ) {
      const leftMs = untilMs - performance.now()
      if (this.isOver || number < this.cancelled || leftMs <= 0) return null
      try {
        const timeout = Math.max(1, Math.min(RETRY_MS, leftMs))
        const { data } = await connection.request(agentSubject(agent), parts[i]!, { timeout, headers: from })
        if (data.length > 0) return decode(data) as Answer
        // Not even with the last part: an agent that has begun anew meanwhile lacks the first ones.
        i = (i + 1) % parts.length
      } catch {
        // No agent, no server, or no answer yet: the deadline says when that is too long.
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
  }
}

/** The agent's side. One controller at a time is listened to; `admit` says whether another one may take its place. */
export class OrderTaker {
  private readonly admit: (controller: string) => Answer | null
  private readonly take: (order: Order) => Promise<Answer>
  private controller: string | null = null
  private assembler = new Assembler()
  private answer: Promise<Uint8Array> = Promise.resolve(new Uint8Array(0))
  readonly subscription: Subscription

  /**
   * @param admit  null: it may give orders
   * @param take  rejects what is no order
   */
  constructor(
    connection: NatsConnection,
    agent: string,
    admit: (controller: string) => Answer | null,
    take: (order: Order) => Promise<Answer>,
  ) {
    this.admit = admit
    this.take = take
    this.subscription = connection.subscribe(agentSubject(agent), {
      callback: (error, message) => {
        if (error === null) void this.hear(message)
      },
    })
  }

  private async hear(message: Msg): Promise<void> {
    const answer = await this.answerTo(message)
    try {
      message.respond(answer)
    } catch {
      // The connection is closed: nobody waits for it.
    }
  }

  /** Anybody may send anything: what can't be read is refused, and the run goes on. */
  private async answerTo(message: Msg): Promise<Uint8Array | undefined> {
    const from = message.headers?.get(FROM) ?? ''
    if (from !== this.controller) {
      const refusal = this.admit(from)
      if (refusal !== null) return encode(refusal)
      this.controller = from
      this.assembler = new Assembler()
    }
    const { assembler } = this
    if (!isPart(message.data)) return encode(unreadable('it is too short'))
    const whole = assembler.take(message.data)
    if (whole !== null) this.answer = this.obey(whole)
    // A part of an order that is not whole yet is answered with nothing.
    const isDone = numberOf(message.data) === assembler.number
    return isDone ? this.answer : undefined
  }

  private async obey(whole: Uint8Array): Promise<Uint8Array> {
    try {
      return encode(await this.take(decode(whole) as Order))
    } catch (error) {
      return encode(unreadable((error as Error).message))
    }
  }
}

function unreadable(why: string): Answer {
  return { type: 'refused', words: `it can't read that order: ${why}`, hint: null }
}
