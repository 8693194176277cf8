/**
 * What an agent tells, on its way into the run's stream: in order, each once, however long the server is away.
 *
 * A message is sent until the server says that it has it; one that comes twice has the same ID, and counts once. While nothing gets through what
 * is gained waits, and is joined when there is too much of it: nothing is lost but where one second ends and the next begins.
 */
import { type JetStreamClient, jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { inARow } from '../run/gains.ts'
import { maxBytesOf } from './connect.ts'
import { encode, partsOf } from './parcel.ts'
import type { Report } from './protocol.ts'
import { tellSubject } from './subjects.ts'

const RETRY_MS = 1000
const PAUSE_MS = 200
/** Reports that wait before gains are joined. */
const MOST_WAITING = 20

export class Outbox {
  private readonly connection: NatsConnection
  private readonly stream: JetStreamClient
  private readonly subject: string
  private readonly agent: string
  private readonly waiting: Report[] = []
  private number = 0
  private isOver = false
  private isSending = false
  private wake: () => void = () => {}
  private emptied: () => void = () => {}
  private readonly done: Promise<void>

  constructor(connection: NatsConnection, run: string, agent: string) {
    this.connection = connection
    this.stream = jetstream(connection, { timeout: RETRY_MS })
    this.subject = tellSubject(run, agent)
    this.agent = agent
    this.done = this.sendAll()
  }

  push(report: Report): void {
    const last = this.waiting.at(-1)
    const joined = last && this.waiting.length > MOST_WAITING ? join(last, report) : null
    if (joined !== null) this.waiting[this.waiting.length - 1] = joined
    else this.waiting.push(report)
    this.wake()
  }

  /** Waits until the server has everything, or so long; then sends nothing more. @returns whether it has */
  async end(withinMs: number): Promise<boolean> {
    if (this.waiting.length > 0 || this.isSending) {
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, withinMs)
        this.emptied = () => {
          clearTimeout(late)
          resolve()
        }
      })
    }
    this.isOver = true
    const isEmpty = this.waiting.length === 0 && !this.isSending
    this.wake()
    await this.done
    return isEmpty
  }

  private async sendAll(): Promise<void> {
    while (!this.isOver) {
      const report = this.waiting.shift()
      if (report === undefined) {
        this.emptied()
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
        continue
      }
      this.isSending = true
      const parts = partsOf(encode(report), this.number, maxBytesOf(this.connection))
      for (const [i, part] of parts.entries()) await this.sendPart(part, `${this.agent}:${this.number}:${i}`)
      this.number++
      this.isSending = false
    }
  }

  private async sendPart(part: Uint8Array, msgID: string): Promise<void> {
    while (!this.isOver) {
      try {
        await this.stream.publish(this.subject, part, { msgID, timeout: RETRY_MS })
        return
      } catch {
        // No server, or no stream: leases say when that is too long.
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
  }
}

/** Two reports as one, where both are gains. */
function join(a: Report, b: Report): Report | null {
  if (a.type !== 'telling' || b.type !== 'telling') return null
  if (a.telling.type !== 'gained' || b.telling.type !== 'gained') return null
  return { type: 'telling', telling: { type: 'gained', gain: inARow(a.telling.gain, b.telling.gain) } }
}
