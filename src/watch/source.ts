/**
 * A source of a node's figures: it gives readings until it is ended, and says what stands in its way. It never ends a run.
 *
 * Some are asked once a second (`Poller`), others tell by themselves (`$SYS`).
 */
import type { Values } from './evaluate.ts'

export interface Source {
  /** What it is, in words: `prometheus (rabbitmq)`. What it read may say more. */
  readonly words: string
  /** Its memory is that of the machine. */
  readonly isOfMachine: boolean
  begin(listener: SourceListener): void
  /** From now on readings are taken at whole seconds from this moment, where it can be chosen. */
  align(atUs: number): void
  end(): void
}

export interface SourceListener {
  onReading(atUs: number, values: Values): void
  /** In words, without URL. */
  onFailure(words: string): void
}

/** What can be asked. */
export interface Reader {
  readonly words: string
  readonly isOfMachine: boolean
  /** @throws Error  with words for users */
  read(signal: AbortSignal): Values | Promise<Values>
}

const EVERY_US = 1e6
const EARLY_US = 20_000
/** A node that has much to do may be slow to tell; there is no further reading until it has. */
const TIMEOUT_MS = 5000

export class Poller implements Source {
  private readonly reader: Reader
  private readonly clock: () => number
  private timer: NodeJS.Timeout | undefined
  private isEnded = false
  private startUs = 0
  private asking = new AbortController()

  /** @param clock  µs since the run's epoch */
  constructor(reader: Reader, clock: () => number) {
    this.reader = reader
    this.clock = clock
  }

  get words(): string {
    return this.reader.words
  }

  get isOfMachine(): boolean {
    return this.reader.isOfMachine
  }

  begin(listener: SourceListener): void {
    this.startUs = this.clock()
    void this.turn(listener)
  }

  align(atUs: number): void {
    this.startUs = atUs
  }

  end(): void {
    this.isEnded = true
    clearTimeout(this.timer)
    this.asking.abort()
  }

  private async turn(listener: SourceListener): Promise<void> {
    const fromUs = this.clock()
    // TRAP: in Node 20 a signal of `AbortSignal.any` may be collected before its timeout comes. So the timer is ours.
    this.asking = new AbortController()
    const late = setTimeout(() => this.asking.abort(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS)
    try {
      const values = await this.reader.read(this.asking.signal)
      // What was read is of some moment in between.
      if (!this.isEnded) listener.onReading((fromUs + this.clock()) / 2, values)
    } catch (error) {
      if (!this.isEnded) listener.onFailure(failureWords(error))
    } finally {
      clearTimeout(late)
    }
    if (this.isEnded) return
    const nowUs = this.clock()
    // TRAP: a timer may fire a little early; a reading of a moment that is yet to come is that of the moment.
    const nextUs = this.startUs + (Math.floor((nowUs + EARLY_US - this.startUs) / EVERY_US) + 1) * EVERY_US
    this.timer = setTimeout(() => void this.turn(listener), (nextUs - nowUs) / 1000)
  }
}

/** Of `fetch` the cause says more than the error, which may name the URL. */
function failureWords(error: unknown): string {
  const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException
  return typeof code === 'string' ? code : message
}
