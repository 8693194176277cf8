/**
 * A member made of members: to its controller it is one, to its own it is the controller's voice.
 *
 * Commands go to all of them. What they answer is made one answer, and what they gain in a second one gain; so a conversation costs the same for a
 * machine with fifty processes as for a thread.
 */
import type { Account } from '../load/sheets.ts'
import { addGains } from '../stats/delta.ts'
import type { CellDelta } from '../stats/metrics.ts'
import { Crew } from './crew.ts'
import { Gains, sideBySide } from './gains.ts'
import type { Recruit } from './member.ts'
import type { Command, Telling } from './messages.ts'

/** Its members are on one machine, and can be many on few cores. */
const OPEN_SECONDS = 10

export interface RelayListener {
  onTelling(telling: Telling): void
  /** One of its own is gone that was not told to stop. */
  onLoss(member: string, error: Error | null): void
}

export class Relay {
  private readonly crew: Crew
  private readonly gains: Gains
  private readonly tell: (telling: Telling) => void
  /** Of each member, so far: a gain may be of some of them only. */
  private readonly unverifiedOf = new Map<number, number>()
  private arrived: { connected: number; lastSubackUs: number; waiting: number }
  /** Questions are asked one after the other. */
  private asking: Promise<void> = Promise.resolve()

  constructor(recruits: readonly Recruit[], { onTelling, onLoss }: RelayListener) {
    this.tell = onTelling
    this.arrived = { connected: 0, lastSubackUs: 0, waiting: recruits.length }
    this.gains = new Gains(
      () => this.crew.alive,
      OPEN_SECONDS,
      (gains) => onTelling({ type: 'gained', gain: { ...sideBySide(gains), unverified: this.unverified } }),
    )
    this.crew = new Crew(recruits, {
      onTelling: (member, telling) => this.hear(member, telling),
      onLoss: (member, error) => onLoss(recruits[member]!.name, error),
    })
    this.ask(null, 'ready', () => ({ type: 'ready' }))
  }

  private get unverified(): number {
    return [...this.unverifiedOf.values()].reduce((sum, count) => sum + count, 0)
  }

  take(command: Command): void {
    const { crew } = this
    switch (command.type) {
      case 'facts':
        this.ask(command, 'facts', (answers) => ({
          type: 'facts',
          facts: answers.flatMap(({ facts }) => facts),
          unsentOfOurs: answers.reduce((sum, { unsentOfOurs }) => sum + unsentOfOurs, 0),
        }))
        break
      case 'account':
        this.ask(command, 'account', mergeAccounts)
        break
      case 'finish':
        this.ask(command, 'finished', () => {
          this.gains.closeUpTo(Number.POSITIVE_INFINITY)
          return { type: 'finished' }
        })
        break
      case 'leave':
        this.ask(command, 'left', (answers) => {
          this.gains.closeUpTo(Number.POSITIVE_INFINITY)
          const sum = (of: 'sessions' | 'retained') => answers.reduce((total, { leftovers }) => total + leftovers[of], 0)
          return { type: 'left', leftovers: { sessions: sum('sessions'), retained: sum('retained') } }
        })
        break
      default:
        crew.tell(command)
    }
  }

  /** Tells its own to stop, and waits until they are gone. */
  stop(): Promise<void> {
    return this.crew.stop()
  }

  kill(): void {
    this.crew.kill()
  }

  private hear(member: number, telling: Telling): void {
    switch (telling.type) {
      case 'gained':
        this.unverifiedOf.set(member, telling.gain.unverified)
        this.gains.take(member, telling.gain)
        break
      case 'arrived': {
        const { arrived } = this
        arrived.connected += telling.connected
        arrived.lastSubackUs = Math.max(arrived.lastSubackUs, telling.lastSubackUs)
        if (--arrived.waiting === 0) this.tell({ type: 'arrived', connected: arrived.connected, lastSubackUs: arrived.lastSubackUs })
        break
      }
      case 'struck':
      case 'noticed':
      case 'fault':
      case 'fenced':
      case 'partLost':
        this.tell(telling)
    }
  }

  private ask<T extends Telling['type']>(
    command: Command | null,
    type: T,
    merge: (answers: readonly Extract<Telling, { type: T }>[]) => Telling,
  ): void {
    this.asking = this.asking.then(async () => this.tell(merge(await this.crew.ask(command, type))))
  }
}

function mergeAccounts(answers: readonly Extract<Telling, { type: 'account' }>[]): Telling {
  const heirs = new Uint8Array(answers[0]?.heirs.length ?? 0)
  for (const answer of answers) for (let i = 0; i < heirs.length; i++) heirs[i]! |= answer.heirs[i]!
  return {
    type: 'account',
    account: addAccounts(answers.map(({ account }) => account)),
    shares: answers.flatMap(({ shares }) => shares),
    heirs,
    truncated: answers.reduce((sum, { truncated }) => sum + truncated, 0),
    isCapped: answers.some(({ isCapped }) => isCapped),
    isWhole: answers.every(({ isWhole }) => isWhole),
  }
}

function addAccounts(accounts: readonly Account[]): Account {
  const cells = (of: (account: Account) => Account['deliveries']): [number, CellDelta][] => {
    const merged = new Map<number, CellDelta>()
    for (const account of accounts) addGains(of(account), merged)
    return [...merged]
  }
  return {
    deliveries: cells(({ deliveries }) => deliveries),
    deliveriesByPair: cells(({ deliveriesByPair }) => deliveriesByPair),
    pieces: (accounts[0]?.pieces ?? []).map((_, p) => cells(({ pieces }) => pieces[p]!)),
    missing: accounts.reduce((sum, { missing }) => sum + missing, 0),
  }
}
