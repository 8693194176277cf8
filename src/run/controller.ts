/**
 * The controller: takes a plan through its phases and makes a report of it.
 *
 *   connect ─▶ (settle) ─▶ warmUp ─▶ measure ─▶ drain ─▶ cleanUp
 *
 * The workers do the work; the controller says when phases begin, merges what they tell, asks for the accounts, and lets the director turn on
 * the faults. The first interrupt ends measure and goes on with drain, the second skips the drain; both end in a report.
 */

import { dirname } from 'node:path'
import type { Surroundings } from '../load/group.ts'
import type { Plan } from '../load/plan.ts'
import { PlannedMessages } from '../load/rates.ts'
import { scenarioHash } from '../load/scenario.ts'
import { type Ceilings, useOf } from '../machine/ceiling.ts'
import { machineFacts, openFileCount } from '../machine/facts.ts'
import { buildReport, type Outcome, type Piece, type Span } from '../report/build.ts'
import type { ReportFolder } from '../report/folder.ts'
import type { BrokerFacts, TimelineRow } from '../report/types.ts'
import { piecesOf, windowsOf } from '../report/windows.ts'
import { thousandths, US_PER_S } from '../units.ts'
import type { Watch } from '../watch/watch.ts'
import { Aborts } from './aborts.ts'
import { Accounts } from './accounts.ts'
import { startClock } from './clock.ts'
import { Crew } from './crew.ts'
import type { Director } from './director.ts'
import { type DropCounts, dropsBetween, readDrops } from './drops.ts'
import { Commands } from './exec.ts'
import { GeneratorMeter } from './generator.ts'
import { Losses } from './losses.ts'
import { clockBoundOf } from './machines.ts'
import type { Team } from './member.ts'
import type { Fault, Telling } from './messages.ts'
import { PhaseLog } from './phases.ts'
import { isInsecure } from './reach.ts'
import { Recorder } from './recorder.ts'
import { checkRetained } from './retained.ts'
import type { Sentinel } from './sentinel.ts'
import { directorOf, type MomentListener, stayingOf } from './stage.ts'
import { limitsOf, Strain } from './strain.ts'

export interface RunOptions {
  /** The nodes of its plan are the ones to connect to; secrets are filled in. */
  readonly around: Surroundings
  /** CLOCK_MONOTONIC at the run's epoch, ns. */
  readonly epochNs: bigint
  readonly team: Team
  /** As the user knows it: references in place of secrets. */
  readonly shownPlan: Plan
  readonly scenario: string
  readonly transport: 'epoll' | 'stream'
  readonly startedAt: Date
  readonly folder: ReportFolder
  readonly listener: RunListener
  /** What is known of the nodes before the run; null: there was no probe. */
  readonly brokers: readonly BrokerFacts[] | null
  /** What the nodes had dropped before; null: they were not asked. */
  readonly drops: DropCounts | null
  /** What this machine was measured to do; null: it was not, or others generate the load. */
  readonly ceilings: Ceilings | null
  /** null: none. Whose it is ends it where the run does not. */
  readonly sentinel: Sentinel | null
  /** Of the nodes' own figures; null: nothing is read. Whose it is ends it where the run does not. */
  readonly watch: Watch | null
}

export interface RunListener extends MomentListener {
  onPhase(phase: string, tS: number): void
  onRow(row: TimelineRow, arrivedClients: number): void
  onFault(fault: Fault): void
  /** A threshold has ended measure; `words` say when, and by what figure. */
  onAbort(words: string): void
}

/** Measure, µs since the epoch. */
type Measured = Pick<Span, 'startUs' | 'endUs'>

/** Between two accounts while draining, and how long that is in times of what one takes. */
const ACCOUNT_EVERY_MS = 250
const ACCOUNT_PAUSE = 4
/** Drain lasts at least this long, so that late duplicates are seen. */
const SHORTEST_DRAIN_US = 1e6

export class Controller {
  private readonly options: RunOptions
  private readonly plan: Plan
  private readonly clock: () => number
  private readonly run: string
  private readonly around: Surroundings
  private readonly crew: Crew
  private readonly recorder: Recorder
  private readonly strain: Strain
  private readonly accounts: Accounts
  private readonly director: Director
  private readonly commands: Commands
  private readonly aborts: Aborts
  private readonly phases = new PhaseLog()
  private readonly losses: Losses
  private readonly arrivedMembers = new Set<number>()
  private readonly meter = new GeneratorMeter()
  private arrivedClients = 0
  private lastSubackUs = 0
  private originUs = Number.POSITIVE_INFINITY
  private interrupts = 0
  private wake: () => void = () => {}

  constructor(options: RunOptions) {
    this.options = options
    const { around, epochNs, team } = options
    this.around = around
    this.plan = around.plan
    this.run = around.run
    this.clock = startClock(epochNs)
    const folder = dirname(options.scenario)
    this.strain = new Strain(around, limitsOf(machineFacts()), openFileCount(), team.processes === 1)
    this.recorder = new Recorder({
      folder: options.folder,
      strain: this.strain,
      planned: new PlannedMessages(this.plan),
      phaseAt: (timeUs) => this.phases.at(timeUs),
      originUs: () => this.originUs,
      members: () => this.crew.alive,
      openSeconds: team.openSeconds,
      onRow: (row, arrived) => options.listener.onRow(row, arrived),
      onSecond: (second) => {
        this.director.second(second)
        options.watch?.connected(second.toUs, second.connectedByNode)
        this.aborts.second(second.toUs, this.recorder.told, clockBoundOf(team.agents()))
        this.wake()
      },
    })
    this.aborts = new Aborts(this.plan, options)
    this.losses = new Losses(team, options.folder, this.recorder, this.clock)
    this.crew = new Crew(team.recruits, {
      onTelling: (member, telling) => this.take(member, telling),
      onLoss: (member, error) => this.lose(member, error),
    })
    this.accounts = new Accounts(this.around, this.crew)
    this.commands = new Commands({ folder, run: this.run, clock: this.clock })
    const wake = () => this.wake()
    this.director = directorOf({
      plan: this.plan,
      crew: this.crew,
      commands: this.commands,
      folder: options.folder,
      listener: options.listener,
      leadUs: team.leadUs,
      wake,
    })
  }

  /** SIGINT or SIGTERM. */
  interrupt(): void {
    this.interrupts++
    this.event('interrupt', { count: this.interrupts })
    this.wake()
  }

  async runToReport(): Promise<Outcome> {
    try {
      return await this.runPhases()
    } finally {
      await this.commands.end()
    }
  }

  private async runPhases(): Promise<Outcome> {
    const { phases } = this.plan
    const { sentinel, watch: nodes } = this.options
    await Promise.all([this.crew.ask(null, 'ready'), sentinel?.ready, nodes?.ready])
    await this.connect()
    let endUs = this.clock()
    let unsentOfOurs = 0
    if (this.canPublish) {
      this.originUs = Math.ceil(this.clock() + this.options.team.leadUs)
      this.crew.tell({ type: 'publish', originUs: this.originUs })
      const startUs = this.originUs + phases.warmUpUs
      const watch = { originUs: this.originUs, startUs, endUs: startUs + phases.measureUs }
      nodes?.align(startUs)
      sentinel?.begin({ epochNs: String(this.options.epochNs), ...watch })
      const connected = Math.max(this.arrivedClients, this.recorder.timeline.at(-1)?.connected ?? 0)
      this.director.begin(this.originUs, startUs, watch.endUs, stayingOf(this.plan, connected))
      this.begin('warmUp', this.originUs)
      await this.until(startUs)
      this.begin('measure', Math.min(startUs, this.clock()))
      this.meter.start()
      await this.until(watch.endUs, () => this.isCut || this.isRecovered(startUs))
      endUs = await this.endMeasure(startUs, watch.endUs)
      this.meter.stop()
      this.director.advance(this.clock())
      const answers = await this.crew.ask({ type: 'facts' }, 'facts')
      unsentOfOurs = answers.reduce((sum, answer) => sum + answer.unsentOfOurs, 0)
    }
    const measured = { startUs: Math.min(endUs, this.originUs + phases.warmUpUs), endUs }
    await this.drain(measured)
    nodes?.end()
    await this.crew.ask({ type: 'finish' }, 'finished')
    this.recorder.settle(endUs)
    const { windows, pieces } = await this.settleAccounts(measured)
    const watched = (await sentinel?.finish()) ?? null
    const drops = await this.readDrops()
    const retained = await checkRetained({
      around: this.around,
      folder: dirname(this.options.scenario),
      accounts: this.accounts,
      clock: this.clock,
      originUs: this.originUs,
      endUs,
      isCalm: this.recorder.totals.clients.sum().counts.disconnected === 0,
      isUnwanted: () => this.interrupts > 1 || this.crew.alive === 0,
    })
    const leftovers = await this.leave()
    await this.commands.end()
    await this.crew.stop()
    this.recorder.finish()
    this.phases.end(this.clock())
    const outcome = buildReport({
      plan: this.options.shownPlan,
      run: {
        id: this.run,
        scenario: this.plan.name,
        scenarioHash: scenarioHash(this.options.shownPlan),
        seed: this.plan.seed,
        labels: this.plan.labels,
        startedAt: this.options.startedAt.toISOString(),
        durationS: thousandths(this.clock() / 1e6),
        phases: this.phases.facts(),
        leftovers,
        insecureTls: isInsecure(this.around),
      },
      metrics: this.recorder.totals,
      unverified: this.recorder.unverified,
      shares: this.accounts.shares,
      retained,
      drops,
      watched: nodes?.figures(measured) ?? null,
      timeline: this.recorder.timeline,
      generator: {
        ...this.meter.figures(this.options.team, this.options.transport, this.recorder, this.strain, watched),
        calibration: useOf(this.options.ceilings, this.recorder.timeline),
      },
      brokers: this.options.brokers,
      unsentOfOurs,
      losses: this.losses.words,
      isInterrupted: this.interrupts > 0,
      abort: this.aborts.abort,
      checks: [this.accounts.check()],
      faults: this.director.facts(),
      faultTroubles: this.director.troubles(),
      seconds: this.recorder.seconds,
      measureStartUs: measured.startUs,
      windows,
      pieces,
      wills: this.accounts.willResult(this.losses.words.length === 0),
    })
    this.event('end', { status: outcome.report.status, reasons: outcome.report.reasons })
    return outcome
  }

  private async connect(): Promise<void> {
    const startUs = this.clock() + this.options.team.leadUs
    this.begin('connect', startUs)
    this.crew.tell({ type: 'connect', startUs })
    await this.until(startUs + this.plan.phases.connectUs, () => this.arrivedMembers.size >= this.crew.alive)
    if (this.canPublish) await this.until(this.lastSubackUs + this.plan.settleUs)
  }

  /** Someone has connected, and nobody wants the run to end. */
  private get canPublish(): boolean {
    const connected = this.arrivedClients + this.recorder.totals.clients.sum().counts.connected
    return !this.isCut && this.crew.alive > 0 && connected > 0
  }

  /** Measure was to last until then. */
  private isRecovered(startUs: number): boolean {
    const { untilRecovered } = this.plan.phases
    const nowUs = this.clock()
    return untilRecovered !== null && nowUs >= startUs + untilRecovered.minUs && this.director.isOver(nowUs)
  }

  /** The end of measure; one that is not as planned is a moment that all workers hear of before it comes. */
  private async endMeasure(startUs: number, plannedUs: number): Promise<number> {
    const isRecovered = this.isRecovered(startUs)
    if (!this.isCut && !isRecovered) return plannedUs
    const soonUs = Math.ceil(this.clock() + this.options.team.leadUs)
    // Windows are whole seconds.
    const cutUs = this.isCut ? soonUs : startUs + Math.ceil((soonUs - startUs) / US_PER_S) * US_PER_S
    const endUs = Math.min(plannedUs, cutUs)
    this.crew.tell({ type: 'cut', endUs })
    this.options.sentinel?.cut(endUs)
    this.director.cut(endUs)
    await this.until(endUs, () => false)
    return endUs
  }

  private async drain(measured: Measured): Promise<void> {
    this.begin('drain', Math.min(this.clock(), measured.endUs))
    this.crew.tell({ type: 'drain' })
    const startUs = this.clock()
    const endUs = startUs + this.plan.phases.drainUs
    if (this.originUs === Number.POSITIVE_INFINITY || this.plan.phases.drainUs === 0) return
    const interruptsBefore = this.interrupts
    await this.until(Math.min(endUs, startUs + SHORTEST_DRAIN_US), () => this.interrupts > Math.max(1, interruptsBefore))
    while (this.clock() < endUs && this.interrupts <= Math.max(1, interruptsBefore) && this.crew.alive > 0) {
      const fromUs = this.clock()
      if ((await this.accounts.missing({ originUs: this.originUs, ...measured }, fromUs, endUs)) === 0) return
      const pauseUs = Math.max(ACCOUNT_EVERY_MS * 1000, ACCOUNT_PAUSE * (this.clock() - fromUs))
      await this.until(Math.min(endUs, this.clock() + pauseUs), () => this.interrupts > Math.max(1, interruptsBefore))
    }
  }

  /** The final account, cut into pieces that all windows are sums of. */
  private async settleAccounts({ startUs, endUs }: Measured): Promise<{ windows: Span[]; pieces: Piece[] }> {
    if (this.originUs === Number.POSITIVE_INFINITY) return { windows: [], pieces: [] }
    const windows = windowsOf(this.plan, this.director.facts(), startUs, endUs)
    const pieces = piecesOf(windows, startUs, endUs).map((piece) => ({ originUs: this.originUs, ...piece }))
    return { windows, pieces: await this.accounts.settle(pieces, this.recorder.totals) }
  }

  /** What the nodes own up to, where something is lost. */
  private async readDrops(): Promise<(number | null)[] | null> {
    const { drops, scenario } = this.options
    if (drops === null || drops.every((count) => count === null) || this.interrupts > 1) return null
    if (this.recorder.totals.deliveries.sum().counts.lost === 0) return null
    return dropsBetween(drops, await readDrops(this.around, dirname(scenario), true))
  }

  private async leave(): Promise<{ sessions: number; retained: number }> {
    if (this.plan.phases.cleanUp) this.begin('cleanUp', this.clock())
    const answers = await this.crew.ask({ type: 'leave', cleanUp: this.plan.phases.cleanUp, everyone: false }, 'left')
    const sum = (of: 'sessions' | 'retained') => answers.reduce((total, { leftovers }) => total + leftovers[of], 0)
    const leftovers = { sessions: sum('sessions'), retained: sum('retained') }
    if (leftovers.sessions + leftovers.retained > 0) this.event('leftovers', leftovers)
    return leftovers
  }

  private take(member: number, telling: Telling): void {
    if (telling.type === 'gained') {
      this.meter.look()
      this.aborts.take(telling.gain.metrics)
      this.recorder.take(member, telling.gain)
    } else if (telling.type === 'arrived') {
      this.arrivedMembers.add(member)
      this.arrivedClients += telling.connected
      this.lastSubackUs = Math.max(this.lastSubackUs, telling.lastSubackUs)
      this.wake()
    } else if (telling.type === 'fault') {
      const { atUs, ...fault } = telling.fault
      this.options.folder.event(atUs / 1e6, 'fault', fault)
      this.options.listener.onFault(telling.fault)
    } else if (telling.type === 'fenced' || telling.type === 'partLost') {
      this.losses.hear(member, telling)
      this.wake()
    } else if (telling.type === 'struck') this.director.struck(telling.fault, telling.members)
    else if (telling.type === 'noticed') this.director.noticed(telling.fault, telling.atUs)
  }

  private lose(member: number, error: Error | null): void {
    this.losses.lose(member, error)
    this.arrivedMembers.delete(member)
    this.wake()
  }

  /** Measure is not to go on: somebody has said so, a threshold does not hold, or what is lost is too much. */
  private get isCut(): boolean {
    const { words, fencedCount } = this.losses
    const isEnough = this.plan.onAgentLoss === 'fail' && words.length > 0
    return this.interrupts > 0 || this.aborts.abort !== null || isEnough || (fencedCount > 0 && fencedCount >= this.crew.alive)
  }

  /** Waits until a time, an interrupt, or a condition that is looked at whenever something comes in. */
  private async until(timeUs: number, isDone: () => boolean = () => this.isCut): Promise<void> {
    while (!isDone() && this.crew.alive > 0 && this.clock() < timeUs) {
      if (this.phases.current === 'connect' && this.isCut) return
      this.director.advance(this.clock())
      const nextUs = Math.min(timeUs, this.director.wakeUs)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(1000, Math.max(1, Math.ceil((nextUs - this.clock()) / 1000))))
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  private begin(name: string, startUs: number): void {
    this.phases.begin(name, startUs)
    this.aborts.phase(name, startUs)
    this.event('phase', { phase: name })
    this.options.listener.onPhase(name, startUs / 1e6)
  }

  private event(name: string, details: object): void {
    this.options.folder.event(this.clock() / 1e6, name, details)
  }
}
