/**
 * The workers of a run, as the controller sees them: commands to all, answers from all, and the loss of one.
 *
 * A worker that dies does not end the others: what it had told is kept, what it would have told is waited for no longer, and the run ends as
 * `degraded`.
 */
import { Worker } from 'node:worker_threads'
import type { Command, Telling, WorkerData } from './messages.ts'

export interface CrewListener {
  onTelling(worker: number, telling: Telling): void
  /** Not called for a worker that was told to stop. */
  onLoss(worker: number, error: Error | null): void
}

export class Crew {
  private readonly workers: (Worker | null)[]
  private readonly listener: CrewListener
  private waiting: {
    readonly isAnswer: (telling: Telling) => boolean
    readonly missing: Set<number>
    readonly answers: Map<number, Telling>
    readonly done: () => void
  } | null = null
  private isStopping = false

  constructor(data: readonly WorkerData[], listener: CrewListener) {
    this.listener = listener
    this.workers = data.map((workerData, i) => {
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData })
      worker.on('message', (telling: Telling) => this.take(i, telling))
      worker.on('error', (error) => this.lose(i, error))
      worker.on('exit', () => this.lose(i, null))
      return worker
    })
  }

  get alive(): number {
    return this.workers.filter((worker) => worker !== null).length
  }

  /** Sends a command to every worker that lives. */
  tell(command: Command): void {
    for (const worker of this.workers) worker?.postMessage(command)
  }

  /** Sends a command, and waits for each worker's answer of that type; workers that die meanwhile are missing from it. */
  async ask<T extends Telling['type']>(command: Command | null, type: T): Promise<Extract<Telling, { type: T }>[]> {
    const missing = new Set(this.workers.flatMap((worker, i) => (worker === null ? [] : [i])))
    const answers = new Map<number, Telling>()
    if (command !== null) this.tell(command)
    if (missing.size > 0) {
      await new Promise<void>((done) => {
        this.waiting = { isAnswer: (telling) => telling.type === type, missing, answers, done }
      })
      this.waiting = null
    }
    return [...answers].sort(([a], [b]) => a - b).map(([, telling]) => telling as Extract<Telling, { type: T }>)
  }

  async stop(): Promise<void> {
    this.isStopping = true
    const ended = this.workers.flatMap((worker) =>
      worker === null ? [] : [new Promise<void>((resolve) => worker.once('exit', () => resolve()))],
    )
    this.tell({ type: 'stop' })
    await Promise.all(ended)
  }

  private take(i: number, telling: Telling): void {
    this.listener.onTelling(i, telling)
    const { waiting } = this
    if (!waiting?.isAnswer(telling) || !waiting.missing.delete(i)) return
    waiting.answers.set(i, telling)
    if (waiting.missing.size === 0) waiting.done()
  }

  private lose(i: number, error: Error | null): void {
    if (this.workers[i] === null) return
    this.workers[i] = null
    if (!this.isStopping) this.listener.onLoss(i, error)
    if (this.waiting?.missing.delete(i) && this.waiting.missing.size === 0) this.waiting.done()
  }
}
