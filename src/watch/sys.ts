/**
 * `$SYS` topics as a source, as mosquitto tells them: what has changed, each `sys_interval` (10 s unless configured), all within a moment.
 *
 * A reading is all that is known then, at the time when it came. Who listens is a client too: what the broker tells is made less by its own connection,
 * subscriptions and messages. What is retained was told before it came, and is as it is.
 */
import { evaluate, namesOf } from './evaluate.ts'
import type { Sample } from './exposition.ts'
import { SYS } from './mappings.ts'
import type { Source, SourceListener } from './source.ts'

/** A subscriber on the node, beside the load. */
export interface Listening {
  readonly isOver: boolean
  /** Keeps the connection alive. */
  stay(): void
  end(): void
}

/** Subscribes on the node. @returns in words why not, where it can't be */
export type Listen = (
  filters: readonly string[],
  onMessage: (topic: string, text: string, isRetained: boolean) => void,
) => Promise<Listening | string>

const PREFIX = '$SYS/broker/'
/** It changes with each telling, also where nothing else does. */
const UPTIME = 'uptime'
/** `mosquitto version 2.0.11` */
const VERSION = 'version'
export const FILTERS: readonly string[] = [...new Set([...namesOf(SYS), UPTIME, VERSION])].map((name) => PREFIX + name)
const LOOK_EVERY_MS = 1000
/** What is told together comes within it. */
const BATCH_MS = 100
/** Of a node that has nothing to tell: as long as mosquitto's own interval, and a little. */
const SILENCE_US = 12e6

export class SysSource implements Source {
  readonly isOfMachine = false
  words = '$SYS'
  private readonly listen: Listen
  private readonly clock: () => number
  private readonly samples = new Map<string, readonly Sample[]>()
  private listening: Listening | null = null
  private isAsking = false
  private isEnded = false
  private looking: NodeJS.Timeout | undefined
  private batch: NodeJS.Timeout | undefined
  /** Messages that came here since the connection began. */
  private ownMessages = 0
  private heardUs = 0

  constructor(listen: Listen, clock: () => number) {
    this.listen = listen
    this.clock = clock
  }

  begin(listener: SourceListener): void {
    const look = () => void this.look(listener)
    this.looking = setInterval(look, LOOK_EVERY_MS)
    look()
  }

  /** The broker chooses. */
  align(): void {}

  end(): void {
    this.isEnded = true
    clearInterval(this.looking)
    clearTimeout(this.batch)
    this.listening?.end()
  }

  private async look(listener: SourceListener): Promise<void> {
    if (this.isAsking) return
    if (this.listening !== null && !this.listening.isOver) {
      this.listening.stay()
      if (this.clock() - this.heardUs > SILENCE_US) {
        this.heardUs = this.clock()
        listener.onFailure('it tells nothing below $SYS/broker/')
      }
      return
    }
    this.isAsking = true
    // What it told to an earlier connection may be of before it was started again.
    this.samples.clear()
    this.ownMessages = 0
    this.heardUs = this.clock()
    try {
      const answer = await this.listen(FILTERS, (topic, text, isRetained) => this.take(topic, text, isRetained, listener))
      if (typeof answer !== 'string') this.listening = answer
      else if (!this.isEnded) listener.onFailure(answer)
      if (this.isEnded) this.listening?.end()
    } catch (error) {
      // As of other sources, what stands in its way is said.
      if (!this.isEnded) listener.onFailure((error as Error).message)
    } finally {
      this.isAsking = false
    }
  }

  private take(topic: string, text: string, isRetained: boolean, listener: SourceListener): void {
    if (this.isEnded) return
    const name = topic.slice(PREFIX.length)
    const value = Number(text)
    this.heardUs = this.clock()
    const [software = ''] = text.split(' ')
    if (name === VERSION && /^[\w-]{1,32}$/.test(software)) this.words = `$SYS (${software})`
    if (name !== UPTIME && text.trim() !== '' && Number.isFinite(value)) {
      this.samples.set(name, [{ labels: {}, value: isRetained ? value : Math.max(0, value - this.ownPartOf(name)) }])
    }
    this.ownMessages++
    if (this.batch !== undefined) return
    const atUs = this.heardUs
    this.batch = setTimeout(() => {
      this.batch = undefined
      const values = evaluate(SYS, this.samples)
      if (Object.keys(values).length > 0) listener.onReading(atUs, values)
    }, BATCH_MS)
  }

  private ownPartOf(name: string): number {
    if (name === 'publish/messages/sent') return this.ownMessages
    if (name === 'subscriptions/count') return FILTERS.length
    return name === 'clients/connected' || name === 'clients/active' ? 1 : 0
  }
}
