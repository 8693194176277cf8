/**
 * The controller: takes a plan through its phases and makes a report of it.
 *
 *   connect ─▶ (settle) ─▶ warmUp ─▶ measure ─▶ drain ─▶ cleanUp
 *
 * The workers do the work; the controller says when phases begin, merges what they tell, and asks for the accounts. The first interrupt ends
 * measure and goes on with drain, the second skips the drain; both end in a report.
 */

import { dirname } from 'node:path'
import { accountShares } from '../load/account-shares.ts'
import type { Account, Window } from '../load/sheets.ts'
import { FactBook } from '../load/factbook.ts'
import { type Facts, MAX_EXCEPTIONS } from '../load/facts.ts'
import { Group, type Surroundings } from '../load/group.ts'
import type { Plan } from '../load/plan.ts'
import { PlannedMessages } from '../load/rates.ts'
import { scenarioHash } from '../load/scenario.ts'
import { type ShareSpread, shareSpreads } from '../load/shares.ts'
import { sliceOf } from '../load/slice.ts'
import { buildReport, type Outcome } from '../report/build.ts'
import type { ReportFolder } from '../report/folder.ts'
import type { BrokerFacts, GeneratorCheck, PhaseFacts, TimelineRow } from '../report/types.ts'
import { startClock } from './clock.ts'
import { CpuMeter } from './cpu.ts'
import { Crew } from './crew.ts'
import { openFileCount, thisMachine } from './limits.ts'
import type { Fault, Telling } from './messages.ts'
import { newName } from './name.ts'
import { Recorder } from './recorder.ts'
import type { Sentinel } from './sentinel.ts'
import { Strain } from './strain.ts'

export interface RunOptions {
  /** Its nodes are the ones to connect to; secrets are filled in. */
  readonly plan: Plan
  /** As the user knows it: references in place of secrets. */
  readonly shownPlan: Plan
  readonly scenario: string
  readonly endpoints: Surroundings['endpoints']
  readonly files: Surroundings['files']
  readonly transport: 'epoll' | 'stream'
  readonly workers: number
  readonly startedAt: Date
  readonly folder: ReportFolder
  readonly listener: RunListener
  /** What the probe found, by node; null: there was none. */
  readonly brokers: readonly BrokerFacts[] | null
  /** null: none. Whose it is ends it where the run does not. */
  readonly sentinel: Sentinel | null
}

export interface RunListener {
  onPhase(phase: string, tS: number): void
  onRow(row: TimelineRow, arrivedClients: number): void
  onFault(fault: Fault): void
}

/** Between two accounts while draining, and how long that is in times of what one takes. */
const ACCOUNT_EVERY_MS = 250
const ACCOUNT_PAUSE = 4
/** Drain lasts at least this long, so that late duplicates are seen. */
const SHORTEST_DRAIN_US = 1e6
/** Between a command and the moment it is for: workers must have it by then. */
const LEAD_US = 50_000

export class Controller {
  private readonly options: RunOptions
  private readonly plan: Plan
  private readonly epochNs = process.hrtime.bigint()
  private readonly clock = startClock(this.epochNs)
  private readonly run = newName()
  private readonly around: Surroundings
  private readonly crew: Crew
  private readonly recorder: Recorder
  private readonly strain: Strain
  private readonly phases: { name: string; startUs: number; endUs: number }[] = []
  private readonly losses: string[] = []
  private readonly arrivedWorkers = new Set<number>()
  private arrivedClients = 0
  private lastSubackUs = 0
  private originUs = Number.POSITIVE_INFINITY
  private interrupts = 0
  private wake: () => void = () => {}
  private peakMemory = 0
  private truncated = 0
  private isCapped = false
  private shares: readonly ShareSpread[] = []

  constructor(options: RunOptions) {
    this.options = options
    this.plan = options.plan
    this.around = {
      plan: options.plan,
      run: this.run,
      endpoints: options.endpoints,
      files: options.files,
      unixEpochMs: Date.now() - this.clock() / 1000,
    }
    const { workers, transport } = options
    const data = Array.from({ length: workers }, (_, i) => ({
      around: this.around,
      slice: sliceOf(this.plan, i, workers),
      transport,
      epochNs: this.epochNs,
      folder: dirname(options.scenario),
    }))
    this.strain = new Strain(this.plan, options.endpoints, thisMachine(), openFileCount())
    this.recorder = new Recorder({
      folder: options.folder,
      strain: this.strain,
      planned: new PlannedMessages(this.plan),
      phaseAt: (timeUs) => this.phaseAt(timeUs),
      originUs: () => this.originUs,
      workers: () => this.crew.alive,
      onRow: (row, arrived) => options.listener.onRow(row, arrived),
    })
    this.crew = new Crew(data, {
      onTelling: (worker, telling) => this.take(worker, telling),
      onLoss: (worker, error) => this.lose(worker, error),
    })
  }

  /** SIGINT or SIGTERM. */
  interrupt(): void {
    this.interrupts++
    this.event('interrupt', { count: this.interrupts })
    this.wake()
  }

  async runToReport(): Promise<Outcome> {
    const { phases } = this.plan
    const { sentinel } = this.options
    await Promise.all([this.crew.ask(null, 'ready'), sentinel?.ready])
    await this.connect()
    let endUs = this.clock()
    let unsentOfOurs = 0
    const cpu = new CpuMeter()
    if (this.canPublish) {
      this.originUs = Math.ceil(this.clock() + LEAD_US)
      this.crew.tell({ type: 'publish', originUs: this.originUs })
      const startUs = this.originUs + phases.warmUpUs
      const watch = { originUs: this.originUs, startUs, endUs: startUs + phases.measureUs }
      sentinel?.begin({ epochNs: String(this.epochNs), ...watch })
      this.begin('warmUp', this.originUs)
      await this.until(startUs)
      this.begin('measure', Math.min(startUs, this.clock()))
      cpu.start()
      await this.until(startUs + phases.measureUs)
      endUs = await this.endMeasure(startUs + phases.measureUs)
      const answers = await this.crew.ask({ type: 'facts' }, 'facts')
      unsentOfOurs = answers.reduce((sum, answer) => sum + answer.unsentOfOurs, 0)
    }
    const cpuUsed = cpu.read()
    const window: Window = { originUs: this.originUs, startUs: Math.min(endUs, this.originUs + phases.warmUpUs), endUs }
    await this.drain(window)
    await this.crew.ask({ type: 'finish' }, 'finished')
    await this.settleAccounts(window)
    const watched = (await sentinel?.finish()) ?? null
    const leftovers = await this.leave()
    await this.crew.stop()
    this.recorder.finish()
    this.end()
    const outcome = buildReport({
      plan: this.options.shownPlan,
      run: {
        id: this.run,
        scenario: this.plan.name,
        scenarioHash: scenarioHash(this.options.shownPlan),
        seed: this.plan.seed,
        labels: this.plan.labels,
        startedAt: this.options.startedAt.toISOString(),
        durationS: round(this.clock() / 1e6),
        phases: this.phases.map(
          ({ name, startUs, endUs }): PhaseFacts => ({ name, startS: round(startUs / 1e6), lengthS: round((endUs - startUs) / 1e6) }),
        ),
        leftovers,
        insecureTls: this.usesTls && this.plan.groups.some((group) => group.tls.insecure),
      },
      metrics: this.recorder.totals,
      unverified: this.recorder.unverified,
      shares: this.shares,
      timeline: this.recorder.timeline,
      generator: {
        busy: round(this.recorder.busiest),
        cpu: cpuUsed,
        memory: { residentBytes: this.peakMemory },
        processes: 1,
        workers: this.options.workers,
        transport: this.options.transport,
        ...this.strain.figures(),
        sentinel: watched,
      },
      brokers: this.options.brokers,
      unsentOfOurs,
      losses: this.losses,
      isInterrupted: this.interrupts > 0,
      checks: this.checks(),
    })
    this.event('end', { status: outcome.report.status, reasons: outcome.report.reasons })
    return outcome
  }

  private async connect(): Promise<void> {
    const startUs = this.clock() + LEAD_US
    this.begin('connect', startUs)
    this.crew.tell({ type: 'connect', startUs })
    await this.until(startUs + this.plan.phases.connectUs, () => this.arrivedWorkers.size >= this.crew.alive)
    if (this.canPublish) await this.until(this.lastSubackUs + this.plan.settleUs)
  }

  /** Someone has connected, and nobody wants the run to end. */
  private get canPublish(): boolean {
    const connected = this.arrivedClients + this.recorder.totals.clients.sum().counts.connected
    return this.interrupts === 0 && this.crew.alive > 0 && connected > 0
  }

  /** The end of measure; after an interrupt it is a moment that all workers hear of before it comes. */
  private async endMeasure(plannedUs: number): Promise<number> {
    if (this.interrupts === 0) return plannedUs
    const endUs = Math.min(plannedUs, Math.ceil(this.clock() + LEAD_US))
    this.crew.tell({ type: 'cut', endUs })
    this.options.sentinel?.cut(endUs)
    await this.until(endUs, () => false)
    return endUs
  }

  private async drain(window: Window): Promise<void> {
    this.begin('drain', Math.min(this.clock(), window.endUs))
    this.crew.tell({ type: 'drain' })
    const startUs = this.clock()
    const endUs = startUs + this.plan.phases.drainUs
    if (this.originUs === Number.POSITIVE_INFINITY || this.plan.phases.drainUs === 0) return
    const interruptsBefore = this.interrupts
    await this.until(Math.min(endUs, startUs + SHORTEST_DRAIN_US), () => this.interrupts > Math.max(1, interruptsBefore))
    while (this.clock() < endUs && this.interrupts <= Math.max(1, interruptsBefore) && this.crew.alive > 0) {
      const fromUs = this.clock()
      const facts = (await this.crew.ask({ type: 'facts' }, 'facts')).map((answer) => answer.facts)
      const pending = facts.reduce((sum, f) => sum + f.pending, 0)
      if (pending === 0) {
        const { missing } = await this.account(facts, window, false)
        if (missing === 0) return
      }
      const pauseUs = Math.max(ACCOUNT_EVERY_MS * 1000, ACCOUNT_PAUSE * (this.clock() - fromUs))
      await this.until(Math.min(endUs, this.clock() + pauseUs), () => this.interrupts > Math.max(1, interruptsBefore))
    }
  }

  /** The final account goes into the totals. */
  private async settleAccounts(window: Window): Promise<void> {
    if (this.originUs === Number.POSITIVE_INFINITY) return
    const facts = (await this.crew.ask({ type: 'facts' }, 'facts')).map((answer) => answer.facts)
    const { accounts } = await this.account(facts, window, true)
    for (const { deliveries, deliveriesByPair } of accounts) {
      this.recorder.totals.deliveries.add(deliveries)
      this.recorder.totals.deliveriesByPair.add(deliveriesByPair)
    }
  }

  private async account(facts: readonly Facts[], window: Window, isFinal: boolean): Promise<{ accounts: Account[]; missing: number }> {
    const answers = await this.crew.ask({ type: 'account', facts, window, isFinal }, 'account')
    this.truncated = answers.reduce((sum, answer) => sum + answer.truncated, 0)
    this.isCapped = answers.some((answer) => answer.isCapped)
    const accounts = answers.map((answer) => answer.account)
    const shares = answers.flatMap((answer) => answer.shares)
    if (shares.length > 0) {
      const groups = this.plan.groups.map((group) => new Group(this.around, group, [0, 0], null))
      if (isFinal) this.shares = shareSpreads(shares)
      accounts.push(accountShares(groups, this.plan.settleUs, new FactBook(facts), shares, window, isFinal))
    }
    return { accounts, missing: accounts.reduce((sum, { missing }) => sum + missing, 0) }
  }

  private async leave(): Promise<{ sessions: number; retained: number }> {
    if (this.plan.phases.cleanUp) this.begin('cleanUp', this.clock())
    const answers = await this.crew.ask({ type: 'leave', cleanUp: this.plan.phases.cleanUp, everyone: false }, 'left')
    const sum = (of: 'sessions' | 'retained') => answers.reduce((total, { leftovers }) => total + leftovers[of], 0)
    const leftovers = { sessions: sum('sessions'), retained: sum('retained') }
    if (leftovers.sessions + leftovers.retained > 0) this.event('leftovers', leftovers)
    return leftovers
  }

  private take(worker: number, telling: Telling): void {
    if (telling.type === 'gained') {
      this.peakMemory = Math.max(this.peakMemory, process.memoryUsage.rss())
      this.recorder.take(worker, telling.gain)
    } else if (telling.type === 'arrived') {
      this.arrivedWorkers.add(worker)
      this.arrivedClients += telling.connected
      this.lastSubackUs = Math.max(this.lastSubackUs, telling.lastSubackUs)
      this.wake()
    } else if (telling.type === 'fault') {
      const { atUs, ...fault } = telling.fault
      this.options.folder.event(atUs / 1e6, 'fault', fault)
      this.options.listener.onFault(telling.fault)
    }
  }

  private lose(worker: number, error: Error | null): void {
    const words = `worker ${worker + 1} of ${this.options.workers} ended early${error ? `: ${error.message}` : ''}; its clients are missing from here on`
    this.losses.push(words)
    this.event('workerLost', { worker: worker + 1, error: error?.stack ?? null })
    this.arrivedWorkers.delete(worker)
    this.wake()
  }

  private checks(): GeneratorCheck[] {
    const ledger = this.truncated === 0
    const exceptions = !this.isCapped
    return [
      {
        name: 'ledger',
        ok: ledger && exceptions,
        level: 'invalid',
        value: this.truncated,
        limit: 0,
        words: !ledger
          ? `${this.truncated} pairs of subscriber and stream have more gaps than can be kept: their losses are counted too high`
          : exceptions
            ? 'every delivery was accounted for'
            : `more than ${MAX_EXCEPTIONS} publishes were refused, dropped or late: the accounts are not whole`,
      },
    ]
  }

  /** Waits until a time, an interrupt, or a condition that is looked at whenever something comes in. */
  private async until(timeUs: number, isDone: () => boolean = () => this.interrupts > 0): Promise<void> {
    while (!isDone() && this.crew.alive > 0 && this.clock() < timeUs) {
      if (this.phases.at(-1)?.name === 'connect' && this.interrupts > 0) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(1000, Math.max(1, Math.ceil((timeUs - this.clock()) / 1000))))
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  private begin(name: string, startUs: number): void {
    this.end(startUs)
    this.phases.push({ name, startUs, endUs: Number.POSITIVE_INFINITY })
    this.event('phase', { phase: name })
    this.options.listener.onPhase(name, startUs / 1e6)
  }

  private end(atUs = this.clock()): void {
    const last = this.phases.at(-1)
    if (last && last.endUs === Number.POSITIVE_INFINITY) last.endUs = atUs
  }

  private phaseAt(timeUs: number): string {
    return this.phases.findLast((phase) => phase.startUs <= timeUs)?.name ?? 'connect'
  }

  private event(name: string, details: object): void {
    this.options.folder.event(this.clock() / 1e6, name, details)
  }

  private get usesTls(): boolean {
    return this.options.endpoints.flat().some(({ scheme }) => scheme === 'tls' || scheme === 'wss')
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
