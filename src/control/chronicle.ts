/**
 * One agent's journal as it is read: its records in their order, and what is to be known of the agent when all are read.
 */
import { assert, EnvironmentError } from '../errors.ts'
import type { Facts } from '../load/facts.ts'
import type { Plan } from '../load/plan.ts'
import type { Window } from '../load/sheets.ts'
import type { AgentFacts } from '../report/types.ts'
import { Legacy } from '../run/legacy.ts'
import type { Command, Telling } from '../run/messages.ts'
import { type JournalRecord, readJournal } from './journal.ts'
import type { Assignment } from './protocol.ts'
import { rangesByGroup } from './shares.ts'

export type Entry = Extract<JournalRecord, { readonly atUs: number }>
type AccountTelling = Extract<Telling, { type: 'account' }>

type Armed = Pick<AgentFacts, 'workers' | 'processes' | 'transport' | 'clock'>
const UNARMED: Armed = { workers: 0, processes: 0, transport: 'epoll', clock: { offsetUs: 0, boundUs: 0 } }

export class Chronicle {
  readonly agent: string
  readonly assignment: Assignment
  readonly plan: Plan
  readonly files: ReadonlyMap<string, Uint8Array>
  facts: AgentFacts
  leftovers = { sessions: 0, retained: 0 }
  /** Pieces of measure of the final account; null: there is none. */
  pieces: readonly Window[] | null = null
  /** What its publishers had done when it last told. */
  publisherFacts: readonly Facts[] = []
  /** At the end of measure. */
  unsentOfOurs = 0
  /** What of it was lost, in words. */
  readonly losses: string[] = []
  /** Why it left the run; undefined: its journal ends before. */
  ending: string | null | undefined
  lastUs = 0
  private readonly records: Iterator<JournalRecord>
  private readonly legacy = new Legacy()
  private account: AccountTelling | null = null
  private hasFacts = false
  private next: Entry | null = null

  /** @throws EnvironmentError  it is no journal, or nothing had begun */
  constructor(path: string) {
    this.records = readJournal(path)
    const begin = this.records.next().value as JournalRecord | undefined
    if (begin?.type !== 'begin') throw new EnvironmentError(`${path} holds nothing`)
    const { agent, assignment, parcel, host } = begin
    this.agent = agent
    this.assignment = assignment
    this.plan = parcel.plan
    this.files = parcel.files
    let armed: Armed = UNARMED
    this.next = this.read((record) => {
      if (record.type === 'armed') armed = record
    })
    const { workers, processes, transport, clock } = armed
    this.facts = { id: agent, clients: rangesByGroup(this.plan, assignment.slice), host, workers, processes, transport, clock }
  }

  /** When the next record was; Infinity: there is none. */
  get nextUs(): number {
    return this.next?.atUs ?? Number.POSITIVE_INFINITY
  }

  take(): Entry {
    const { next } = this
    assert(next !== null, 'a journal is read to its end and no further')
    this.lastUs = next.atUs
    if (next.type === 'command') this.obey(next.command)
    else if (next.report.type === 'gone') this.ending = next.report.why
    else this.hear(next.report.telling)
    this.next = this.read((record) => {
      if (record.type === 'clock') this.facts = { ...this.facts, clock: record.clock }
    })
    return next
  }

  /** Its final account; where there is none, what can be known. */
  accountOf(pieces: readonly Window[]): AccountTelling {
    return this.account ?? this.legacy.account(pieces)
  }

  private read(onOther: (record: JournalRecord) => void): Entry | null {
    for (;;) {
      const { value, done } = this.records.next()
      if (done) return null
      if (value.type === 'command' || value.type === 'report') return value
      onOther(value)
    }
  }

  private obey(command: Command): void {
    if (command.type === 'account' && command.isFinal) this.pieces = command.pieces
  }

  private hear(telling: Telling): void {
    switch (telling.type) {
      case 'gained':
        this.legacy.take(telling.gain)
        break
      case 'facts':
        this.publisherFacts = telling.facts
        if (!this.hasFacts) this.unsentOfOurs = telling.unsentOfOurs
        this.hasFacts = true
        break
      case 'account':
        this.account = this.pieces === null ? null : telling
        break
      case 'left':
        this.leftovers = telling.leftovers
        break
      case 'partLost':
        this.losses.push(`${telling.name} was lost${telling.error === null ? '' : `: ${telling.error}`}`)
        break
      case 'fenced':
        this.losses.push('it had no sign of the control server for too long, and ended all its connections')
    }
  }
}
