/**
 * The members of a run, as their controller sees them: commands to all, answers from all, and the loss of one.
 *
 * A member that dies does not end the others: what it had told is kept, what it would have told is waited for no longer, and the run ends as
 * `degraded`.
 */
import { Legacy } from './legacy.ts'
import type { Member, Recruit } from './member.ts'
import type { Command, Telling } from './messages.ts'

export interface CrewListener {
  onTelling(member: number, telling: Telling): void
  /** Not called for a member that was told to stop. */
  onLoss(member: number, error: Error | null): void
}

/** From the word to stop to the end by force. */
const STOP_MS = 10_000

export class Crew {
  private readonly members: (Member | null)[] = []
  private readonly legacies: readonly Legacy[]
  private readonly listener: CrewListener
  private waiting: {
    readonly isAnswer: (telling: Telling) => boolean
    readonly missing: Set<number>
    readonly answers: Map<number, Telling>
    readonly done: () => void
  } | null = null
  private isStopping = false
  private allGone: () => void = () => {}

  constructor(recruits: readonly Recruit[], listener: CrewListener) {
    this.listener = listener
    this.legacies = recruits.map(() => new Legacy())
    for (const [i, recruit] of recruits.entries()) {
      this.members.push(null)
      this.members[i] = recruit.start({
        onTelling: (telling) => this.take(i, telling),
        onEnd: (error) => this.lose(i, error),
      })
    }
  }

  get alive(): number {
    return this.members.filter((member) => member !== null).length
  }

  /** Sends a command to every member that lives. */
  tell(command: Command): void {
    for (const member of this.members) member?.post(command)
  }

  /**
   * Sends a command, and waits for each member's answer of that type; members that are lost are missing from it, but for accounts: of them there
   * is what can be known.
   */
  async ask<T extends Telling['type']>(command: Command | null, type: T): Promise<Extract<Telling, { type: T }>[]> {
    const missing = new Set(this.members.flatMap((member, i) => (member === null ? [] : [i])))
    const answers = new Map<number, Telling>()
    const answered = new Promise<void>((done) => {
      this.waiting = { isAnswer: (telling) => telling.type === type, missing, answers, done }
    })
    if (command !== null) this.tell(command)
    if (missing.size > 0) await answered
    this.waiting = null
    if (command?.type === 'account') {
      for (const [i, legacy] of this.legacies.entries()) if (!answers.has(i)) answers.set(i, legacy.account(command.pieces))
    }
    return [...answers].sort(([a], [b]) => a - b).map(([, telling]) => telling as Extract<Telling, { type: T }>)
  }

  /** Tells all to stop, and waits until they are gone. */
  async stop(): Promise<void> {
    this.isStopping = true
    if (this.alive === 0) return
    const gone = new Promise<void>((resolve) => {
      this.allGone = resolve
    })
    this.tell({ type: 'stop' })
    const late = setTimeout(() => this.kill(), STOP_MS)
    await gone
    clearTimeout(late)
  }

  /** Ends all at once. */
  kill(): void {
    this.isStopping = true
    for (const member of this.members) member?.kill()
  }

  private take(i: number, telling: Telling): void {
    if (telling.type === 'gained') this.legacies[i]!.take(telling.gain)
    this.listener.onTelling(i, telling)
    const { waiting } = this
    if (!waiting?.isAnswer(telling) || !waiting.missing.delete(i)) return
    waiting.answers.set(i, telling)
    if (waiting.missing.size === 0) waiting.done()
  }

  private lose(i: number, error: Error | null): void {
    this.members[i] = null
    if (!this.isStopping) this.listener.onLoss(i, error)
    if (this.waiting?.missing.delete(i) && this.waiting.missing.size === 0) this.waiting.done()
    if (this.alive === 0) this.allGone()
  }
}
