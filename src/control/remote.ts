/**
 * An agent as its controller sees it: a member of the run (run/member.ts) that is far away.
 */
import type { Member, MemberEvents, Recruit } from '../run/member.ts'
import type { Command } from '../run/messages.ts'
import type { Orders } from './orders.ts'
import type { Report } from './protocol.ts'

export class Remote implements Recruit {
  readonly name: string
  private readonly orders: Orders
  private events: MemberEvents | null = null
  private isGone = false
  private isToStop = false

  constructor(name: string, orders: Orders) {
    this.name = name
    this.orders = orders
  }

  /** It is armed: its workers are ready. */
  start(events: MemberEvents): Member {
    this.events = events
    queueMicrotask(() => events.onTelling({ type: 'ready' }))
    return {
      post: (command) => this.post(command),
      kill: () => this.kill(),
    }
  }

  /** What it had to tell may come after its end, and counts. */
  hear(report: Report): void {
    if (report.type === 'telling') this.events?.onTelling(report.telling)
    else this.end(report.why === null ? null : new Error(report.why))
  }

  /** A part of what it has told never came. */
  miss(): void {
    this.events?.onTelling({ type: 'partLost', name: 'a part of what it told', error: null })
  }

  /** It is given up. */
  lose(error: Error): void {
    this.orders.end()
    this.end(error)
  }

  private post(command: Command): void {
    if (command.type === 'stop') this.isToStop = true
    if (!this.isGone) void this.orders.send({ type: 'command', command })
  }

  private kill(): void {
    void this.orders.send({ type: 'abort', why: 'the controller ended the run' })
    this.end(null)
  }

  private end(error: Error | null): void {
    if (this.isGone) return
    this.isGone = true
    this.events?.onEnd(this.isToStop ? null : error)
  }
}
