/**
 * The run's stream at its controller: makes it, hands on what agents tell in the order of each, and takes it away.
 *
 * The stream is read from where the last reading ended, so that neither a lost connection nor a server that restarts loses anything. What has been
 * read is purged now and then: the record is what agents have on their disks.
 */
import {
  AckPolicy,
  type Consumer,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  StorageType,
} from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { Assembler, decode } from './parcel.ts'
import type { Report } from './protocol.ts'
import { agentOf, streamName, tellSubject } from './subjects.ts'

const NS_PER_MS = 1e6
/** What nobody has read for so long is of a run whose controller is gone. */
const KEPT_MS = 3600 * 1000
/** An ID that is older may come twice: agents try again for longer, and parts have numbers. */
const DUPLICATES_MS = 120 * 1000
const FETCH_MS = 1000
const FETCH_MESSAGES = 500
const PAUSE_MS = 200
const IDLE_MS = 30_000
const PURGE_EVERY_MS = 30_000
const OWN_STREAM = /^MS_[a-z0-9]{6}$/

export interface TellingsListener {
  onReport(agent: string, report: Report): void
  /** Something of what the agent has told is missing, and will be. */
  onGap(agent: string): void
}

export class Tellings {
  private readonly connection: NatsConnection
  private readonly manager: JetStreamManager
  private readonly name: string
  private readonly listener: TellingsListener
  private readonly assemblers = new Map<string, Assembler>()
  private next = 1
  private purgedMs = performance.now()
  private isOver = false
  private readonly done: Promise<void>

  private constructor(connection: NatsConnection, manager: JetStreamManager, run: string, listener: TellingsListener) {
    this.connection = connection
    this.manager = manager
    this.name = streamName(run)
    this.listener = listener
    this.done = this.read()
  }

  /** @throws Error  of JetStream */
  static async create(connection: NatsConnection, run: string, listener: TellingsListener): Promise<Tellings> {
    const manager = await jetstreamManager(connection)
    await sweep(manager)
    await manager.streams.add({
      name: streamName(run),
      subjects: [tellSubject(run, '*')],
      storage: StorageType.File,
      max_age: KEPT_MS * NS_PER_MS,
      duplicate_window: DUPLICATES_MS * NS_PER_MS,
    })
    return new Tellings(connection, manager, run, listener)
  }

  /** Reads no more. */
  stop(): void {
    this.isOver = true
  }

  /** Reads no more, and takes the stream away. @throws Error  of JetStream */
  async end(): Promise<void> {
    this.stop()
    await this.done
    await this.manager.streams.delete(this.name)
  }

  private async read(): Promise<void> {
    let consumer: Consumer | null = null
    while (!this.isOver) {
      try {
        consumer ??= await this.consumer()
        for await (const message of await consumer.fetch({ max_messages: FETCH_MESSAGES, expires: FETCH_MS })) this.take(message)
        await this.purge()
      } catch {
        consumer = null
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
  }

  /** A new one, from the first message that has not come yet. */
  private async consumer(): Promise<Consumer> {
    const { name } = await this.manager.consumers.add(this.name, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.next,
      inactive_threshold: IDLE_MS * NS_PER_MS,
      mem_storage: true,
    })
    return jetstream(this.connection).consumers.get(this.name, name)
  }

  private take({ seq, subject, data }: JsMsg): void {
    if (seq < this.next) return
    this.next = seq + 1
    const agent = agentOf(subject)
    let assembler = this.assemblers.get(agent)
    if (assembler === undefined) this.assemblers.set(agent, (assembler = new Assembler()))
    const before = assembler.number
    const whole = assembler.take(data)
    if (whole === null) return
    if (assembler.number !== before + 1) this.listener.onGap(agent)
    this.listener.onReport(agent, decode(whole) as Report)
  }

  private async purge(): Promise<void> {
    if (performance.now() < this.purgedMs + PURGE_EVERY_MS) return
    this.purgedMs = performance.now()
    await this.manager.streams.purge(this.name, { seq: this.next })
  }
}

/** Takes away streams of runs whose controller did not come to it: nothing is in them any more. */
async function sweep(manager: JetStreamManager): Promise<void> {
  for await (const { config, created, state } of manager.streams.list()) {
    const isOld = Date.now() - Date.parse(created) > KEPT_MS
    if (OWN_STREAM.test(config.name) && isOld && state.messages === 0) await manager.streams.delete(config.name)
  }
}
