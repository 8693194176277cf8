/**
 * One run at an agent: from its assignment to the end. Its workers, journal, pulse and outbox are the run's, and go with it.
 *
 * Whoever gives orders, the lease decides: without a sign of the server for so long every connection is ended (load/fleet.ts), and without one of the
 * controller for longer the agent ends the run by itself (alone.ts).
 */
import { join } from 'node:path'
import type { NatsConnection } from '@nats-io/transport-node'
import { MqttScaleError } from '../errors.ts'
import { fingerprint } from '../load/fingerprint.ts'
import { machineFacts, openFileCount } from '../machine/facts.ts'
import { hostFacts, toolVersion } from '../report/host.ts'
import type { ClockFigures } from '../report/types.ts'
import { startClock } from '../run/clock.ts'
import { localTeam } from '../run/local.ts'
import type { Command, Telling } from '../run/messages.ts'
import { OwnUse } from '../run/own.ts'
import { type Equipped, equip } from '../run/prepare.ts'
import { Relay } from '../run/relay.ts'
import { limitsOf, Strain } from '../run/strain.ts'
import { Alone } from './alone.ts'
import { Heart } from './heart.ts'
import { Journal } from './journal.ts'
import { MachineMeter } from './machine-meter.ts'
import { OffsetWatch, tightest } from './offset.ts'
import { Outbox } from './outbox.ts'
import type { Answer, Assignment, Order, Parcel, Report } from './protocol.ts'
import { Runs } from './runs.ts'
import { AGENT_ID, RUN_NAME } from './subjects.ts'

export interface ServiceHost {
  readonly connection: NatsConnection
  readonly id: string
  readonly instance: string
  /** Agents with the same text share a clock. */
  readonly domain: string
  readonly allowed: readonly string[]
  /** null: any number. */
  readonly maxClients: number | null
  /** Where journals go, in a folder for each run. */
  readonly out: string
  readonly onWords: (words: string) => void
}

export interface Ending {
  /** null: the run was over. */
  readonly why: string | null
  /** The controller said so, be it before the run began. */
  readonly isOrdered: boolean
}

/** Without a sign of the server for so long the agent cuts its clients off; the controller waits longer before it believes the agent dead. */
export const LEASE_US = 8e6
const FORSAKEN_US = 15e6
/** Comparisons of the clocks before the start. */
const COMPARISONS = 50
const LAST_WORDS_MS = 10_000
const LEAVE_MS = 10_000

export class Service {
  readonly ended: Promise<Ending>
  readonly assignment: Assignment
  private readonly host: ServiceHost
  private readonly parcel: Parcel
  private readonly journal: Journal
  private readonly outbox: Outbox
  private readonly heart: Heart
  private readonly alone: Alone
  /** µs of this machine. */
  private readonly clock = startClock(0n)
  private epochUs = 0
  private equipped: Equipped | null = null
  private relay: Relay | null = null
  private clockFigures: ClockFigures | null = null
  private watch: OffsetWatch | null = null
  private meter: MachineMeter | null = null
  private readonly own = new OwnUse()
  private readonly awaited = new Map<Telling['type'], (telling: Telling) => void>()
  /** As the journal has it. */
  private boundUs = 0
  private isFenced = false
  private isEnding = false
  private resolveEnd!: (ending: Ending) => void

  /** @throws Error  the plan can't be had, or is not for this agent */
  static async begin(host: ServiceHost, assignment: Assignment): Promise<Service> {
    checkNames(assignment)
    const runs = await Runs.open(host.connection)
    const parcel = await runs.planOf(assignment.run, assignment.planPieces)
    const journal = new Journal(join(host.out, `agent-${host.id}-${assignment.run}`))
    journal.write({ type: 'begin', version: toolVersion(), agent: host.id, host: hostFacts(), assignment, parcel })
    return new Service(host, assignment, runs, parcel, journal)
  }

  private constructor(host: ServiceHost, assignment: Assignment, runs: Runs, parcel: Parcel, journal: Journal) {
    this.host = host
    this.assignment = assignment
    this.parcel = parcel
    this.journal = journal
    this.ended = new Promise((resolve) => {
      this.resolveEnd = resolve
    })
    const { connection, id: agent, instance } = host
    const { run } = assignment
    this.outbox = new Outbox(connection, run, agent)
    this.heart = new Heart({
      connection,
      run,
      agent,
      instance,
      clock: this.clock,
      state: () => ({ clock: this.clockNow(), isFenced: this.isFenced }),
      onBeat: () => this.beat(),
      onStamps: (stamps) => this.watch?.take(stamps),
      onOver: () => this.giveUp(),
    })
    this.alone = new Alone({
      runs,
      agent,
      agents: assignment.agents,
      run,
      plan: parcel.plan,
      nowUs: () => this.nowUs,
      silentUs: () => this.clock() - this.heart.controllerSeenUs,
      isEnding: () => this.isEnding,
      tell: (command) => this.obey(command),
      ask: (command, type) => this.ask(command, type),
      onWords: host.onWords,
    })
  }

  /** Where the journal is. */
  get folder(): string {
    return this.journal.folder
  }

  async take(order: Order): Promise<Answer> {
    try {
      switch (order.type) {
        case 'assign':
          return refusal(new Error('it has a run already'))
        case 'prepare':
          return await this.prepare()
        case 'arm':
          return await this.arm()
        case 'command':
          this.command(order.command)
          return { type: 'done' }
        case 'abort':
          void this.end(order.why, true)
          return { type: 'done' }
      }
    } catch (error) {
      return refusal(error as Error)
    }
  }

  /** Somebody ends this agent: its clients leave the broker in order, and the others go on without it. */
  async leave(why: string): Promise<void> {
    if (this.relay !== null && !this.isEnding) {
      const left = this.ask({ type: 'leave', cleanUp: this.parcel.plan.phases.cleanUp, everyone: false }, 'left')
      await Promise.race([left, new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref())])
    }
    await this.end(why)
  }

  private async prepare(): Promise<Answer> {
    const { plan, files } = this.parcel
    const { slice, workers, processes } = this.assignment
    const wanted = { workers, processes }
    const equipped = await equip(plan, { folder: process.cwd(), files, slice, allowed: this.host.allowed, wanted, planAt: null })
    this.equipped = equipped
    const { transport, warnings } = equipped
    return {
      type: 'prepared',
      fingerprint: fingerprint(plan, files),
      workers: equipped.workers,
      processes: equipped.processes,
      transport,
      warnings,
    }
  }

  private async arm(): Promise<Answer> {
    const { assignment, equipped, host } = this
    if (equipped === null) throw new Error('it is not prepared')
    const sinceUs = this.clock()
    const offsets = await this.heart.compare(COMPARISONS)
    if (offsets.length === 0) throw new Error('it gets no answer from the controller')
    if (this.isEnding) throw new Error('the run was ended')
    const offset = tightest(offsets)
    const isShared = assignment.domain === host.domain
    const used = isShared ? { us: 0, boundUs: 0 } : offset
    this.watch = new OffsetWatch(used, sinceUs)
    this.clockFigures = { offsetUs: offset.us, boundUs: used.boundUs }
    const epochNs = assignment.epochNs - BigInt(Math.round(used.us * 1000))
    this.epochUs = Number(epochNs) / 1000
    const { run, unixEpochMs, slice, near } = assignment
    const { plan, endpoints, sourceAddresses, transport, workers, processes } = equipped
    const around = { plan, run, endpoints, sourceAddresses, files: this.parcel.files, unixEpochMs, near }
    const leaseUs = this.heart.serverSeenUs - this.epochUs + LEASE_US
    const team = localTeam({ around, slice, transport, epochNs, folder: process.cwd(), workers, processes, leaseUs })
    this.meter = new MachineMeter(new Strain(around, limitsOf(machineFacts()), openFileCount(), processes === 1))
    const ready = this.answer('ready')
    const lost: string[] = []
    this.relay = new Relay(team.recruits, {
      onTelling: (telling) => this.tell(telling),
      onLoss: (name, error) => {
        lost.push(`${name} ended early${error ? `: ${error.message}` : ''}`)
        this.tell({ type: 'partLost', name, error: error?.message ?? null })
      },
    })
    await ready
    if (lost.length > 0) throw new Error(lost.join('; '))
    this.journal.write({ type: 'armed', clock: this.clockFigures, transport, workers, processes })
    return { type: 'armed', clock: this.clockFigures }
  }

  private command(command: Command): void {
    this.alone.heard(command)
    if (command.type === 'stop') void this.end(null, true)
    else this.obey(command)
  }

  private obey(command: Command): void {
    // What others told for an account is in their journals.
    const kept = command.type === 'account' ? { ...command, facts: [] } : command
    this.journal.write({ type: 'command', atUs: this.nowUs, command: kept })
    this.relay?.take(command)
  }

  private tell(telling: Telling): void {
    if (telling.type === 'ready') {
      this.answered(telling)
      return
    }
    // Each worker says so; to the controller the agent is one.
    if (telling.type === 'fenced') {
      if (this.isFenced) return
      this.isFenced = true
      this.host.onWords(`no sign of the server for ${LEASE_US / 1e6} s: all connections of run ${this.assignment.run} were ended`)
    }
    this.report({ type: 'telling', telling: telling.type === 'gained' ? { ...telling, gain: this.withMachine(telling.gain) } : telling })
    this.answered(telling)
  }

  private withMachine(gain: Extract<Telling, { type: 'gained' }>['gain']) {
    const all = this.equipped!.processes === 1 ? this.own.withSockets(gain) : this.own.with(gain)
    return this.meter!.with(all)
  }

  private report(report: Report): void {
    const before = this.journal.failure
    this.journal.write({ type: 'report', atUs: this.nowUs, report })
    if (before === null && this.journal.failure !== null) this.host.onWords(this.journal.failure)
    this.outbox.push(report)
  }

  private beat(): void {
    const untilUs = this.heart.serverSeenUs - this.epochUs + LEASE_US
    if (!this.isEnding) this.relay?.take({ type: 'lease', untilUs })
    const clock = this.clockNow()
    if (clock !== null && clock.boundUs !== this.boundUs) {
      this.boundUs = clock.boundUs
      this.journal.write({ type: 'clock', clock })
    }
    void this.lookAlone()
  }

  private async lookAlone(): Promise<void> {
    if (this.isEnding) return
    const why = this.relay === null ? this.forsaken() : await this.alone.look()
    if (why !== null) await this.end(why)
  }

  /** Before its workers are there nothing holds the agent. */
  private forsaken(): string | null {
    return this.clock() > this.heart.controllerSeenUs + FORSAKEN_US ? 'its controller was gone before the run began' : null
  }

  /** The controller has: whoever takes the place of these clients may be there at any time. */
  private giveUp(): void {
    if (this.isEnding) return
    this.relay?.take({ type: 'fence' })
    void this.end('the controller had given this agent up')
  }

  private async end(why: string | null, isOrdered = false): Promise<void> {
    if (this.isEnding) return
    this.isEnding = true
    await this.relay?.stop()
    this.report({ type: 'gone', why })
    await this.outbox.end(LAST_WORDS_MS)
    this.heart.stop()
    this.journal.close()
    this.resolveEnd({ why, isOrdered })
  }

  private ask<T extends Telling['type']>(command: Command, type: T): Promise<Extract<Telling, { type: T }>> {
    const answer = this.answer(type)
    this.obey(command)
    return answer
  }

  private answer<T extends Telling['type']>(type: T): Promise<Extract<Telling, { type: T }>> {
    return new Promise((resolve) => this.awaited.set(type, resolve as (telling: Telling) => void))
  }

  private answered(telling: Telling): void {
    this.awaited.get(telling.type)?.(telling)
    this.awaited.delete(telling.type)
  }

  private clockNow(): ClockFigures | null {
    const { clockFigures, watch, assignment, host } = this
    if (clockFigures === null || watch === null || assignment.domain === host.domain) return clockFigures
    return { ...clockFigures, boundUs: watch.boundUs(this.clock()) }
  }

  /** Of the run. */
  private get nowUs(): number {
    return this.clock() - this.epochUs
  }
}

/** Of them paths, subjects and keys are made. @throws Error  they are none of ours */
function checkNames({ run, agents }: Assignment): void {
  if (!RUN_NAME.test(run)) throw new Error('the run has a name that no controller gives')
  if (!agents.every((agent) => AGENT_ID.test(agent))) throw new Error('an agent of the run has a name that none can have')
}

export function refusal(error: Error): Answer {
  return { type: 'refused', words: error.message, hint: error instanceof MqttScaleError ? (error.hint ?? null) : null }
}
