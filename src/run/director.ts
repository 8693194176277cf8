/**
 * The director of faults: when each begins, and what it has come to. Pure: given the clock, the workers' tellings and a row for each second.
 *
 *   planned ─▶ told (ahead of its time, with it) ─▶ begun ─▶ ended, detected, restored, recovered: in any order, or never
 *
 * - `ended`: its command has exited, and its clients may come back.
 * - `detected`: a connection was first ended, or left to die, by the other side.
 * - `restored`: after a connection was lost, no more clients are missing than before; where none was lost, `ended`.
 * - `recovered`: the start of the first ten seconds that are as good as before (see pace.ts), of those behind the first that it did
 *   and the time for which it keeps clients away. It does not wait for its command: that may be a broker that is started, and goes on.
 *
 * A row is told a second late and ten of them are needed, so what waits for a moment may begin after it, never before.
 * A fault that seemed to do nothing, or to be restored, can prove otherwise later on (a node that was stopped is missed when the keep alive is
 * over): such a moment is taken back, unless another fault has begun since, which it may be owed to.
 */
import type { FaultMoment, FaultPlan, Plan } from '../load/plan.ts'
import type { FaultFacts } from '../report/types.ts'
import { US_PER_S } from '../units.ts'
import type { Executed } from './exec.ts'
import type { Command } from './messages.ts'
import { isOverloaded, isSteady, type Normal, normalOf, type Second, STEADY_SECONDS } from './pace.ts'

export interface DirectorEffects {
  tell(command: Command): void
  /** Starts a fault's command. */
  exec(fault: FaultPlan & { readonly exec: string }): Promise<Executed>
  /** A moment has come, or is found to have come at that time. */
  onMoment(fault: FaultPlan, moment: 'began' | FaultMoment, atUs: number, sinceStartUs: number): void
  onCommand(fault: FaultPlan, executed: Executed, atUs: number): void
}

/** Workers are told of a fault at the latest so long before its time: they must have it by then. And they are told earlier where that is possible. */
const LEAD_US = 50_000
const AHEAD = 4
/** A row that ends so soon behind a loss may have been told before it. */
const ROW_SLACK_US = 100_000

interface State {
  readonly plan: FaultPlan
  /** As the workers know it; null: not told. */
  startUs: number | null
  hasBegun: boolean
  endUs: number | null
  execEndUs: number | null
  executed: Executed | null
  detectedUs: number | null
  restoredUs: number | null
  recoveredUs: number | null
  struck: number
  /** When it first did something, and first cost a client its connection. */
  harmUs: number | null
  lossUs: number | null
  /** What was normal before it; null: no second of its own has come yet. */
  normal: Normal | null
  connectedByNode: readonly number[] | null
}

export class Director {
  private readonly states: readonly State[]
  private readonly effects: DirectorEffects
  private readonly leadUs: number
  private readonly seconds: Second[] = []
  private originUs = Number.POSITIVE_INFINITY
  private measureStartUs = Number.POSITIVE_INFINITY
  private measureEndUs = Number.POSITIVE_INFINITY
  private connected = 0
  /** When `advance` was last called. */
  private nowUs = 0

  constructor(plan: Pick<Plan, 'faults'>, effects: DirectorEffects, leadUs = LEAD_US) {
    this.effects = effects
    this.leadUs = leadUs
    this.states = plan.faults.map((fault) => ({
      plan: fault,
      startUs: null,
      hasBegun: false,
      endUs: null,
      execEndUs: fault.exec === null ? Number.NEGATIVE_INFINITY : null,
      executed: null,
      detectedUs: null,
      restoredUs: null,
      recoveredUs: null,
      struck: 0,
      harmUs: null,
      lossUs: null,
      normal: null,
      connectedByNode: null,
    }))
  }

  /**
   * When measure will be is known.
   *
   * @param connected  clients that are to be there from the origin on, where no fault takes them away
   */
  begin(originUs: number, measureStartUs: number, measureEndUs: number, connected: number): void {
    this.connected = connected
    this.originUs = originUs
    this.measureStartUs = measureStartUs
    this.measureEndUs = measureEndUs
  }

  /** Measure ends earlier: from then on nothing begins, and nothing counts. */
  cut(endUs: number): void {
    this.measureEndUs = Math.min(this.measureEndUs, endUs)
  }

  /** Does what is due. Once it was called at the end of measure, or behind it, nothing begins any more. */
  advance(nowUs: number): void {
    this.nowUs = nowUs
    for (const state of this.states) {
      if (state.startUs === null) this.announce(state, nowUs)
      if (!state.hasBegun && state.startUs !== null && state.startUs <= nowUs && state.startUs < this.measureEndUs) this.start(state, nowUs)
      this.settleEnd(state, nowUs)
    }
  }

  /** When `advance` is to be called next, if nothing else happens. */
  get wakeUs(): number {
    return Math.min(
      ...this.states.map((state) => {
        const { startUs, hasBegun, endUs } = state
        if (startUs === null) {
          const plannedUs = this.plannedUs(state)
          const isTooLate = plannedUs === null || Math.max(plannedUs, this.nowUs + this.leadUs) >= this.measureEndUs
          return isTooLate ? Number.POSITIVE_INFINITY : plannedUs - AHEAD * this.leadUs
        }
        if (!hasBegun) return startUs < this.measureEndUs ? startUs : Number.POSITIVE_INFINITY
        return endUs === null && state.execEndUs !== null ? this.overUs(state) : Number.POSITIVE_INFINITY
      }),
    )
  }

  struck(fault: number, members: number): void {
    const state = this.states[fault]!
    state.struck += members
    if (members === 0 || state.startUs === null) return
    this.blame(state, state.startUs, state.plan.drop!.how !== 'stopReading')
  }

  noticed(fault: number, atUs: number): void {
    const state = this.states[fault]!
    if (state.startUs === null || atUs < state.startUs || atUs >= this.measureEndUs) return
    // A worker was there first. It says so only once.
    if (!state.hasBegun) this.start(state, atUs)
    // It was over by then, unless it had seemed to cost nobody a connection and nothing else can have.
    const isOver = state.recoveredUs !== null && atUs > state.recoveredUs
    if (isOver && (state.lossUs !== null || !this.isLatest(state))) return
    const isFirst = state.detectedUs === null
    if (isFirst || atUs < state.detectedUs!) state.detectedUs = atUs
    if (isFirst) this.tell(state, 'detected', atUs)
    this.blame(state, atUs, true)
  }

  /** The next second, all told. */
  second(second: Second): void {
    if (second.toUs > this.measureEndUs) return
    this.seconds.push(second)
    for (const state of this.states) if (state.hasBegun && second.toUs > state.startUs!) this.judge(state)
  }

  /** Every fault has begun, has ended and is recovered from. */
  isOver(nowUs: number): boolean {
    return this.states.every((state) => state.hasBegun && state.recoveredUs !== null && state.endUs !== null && nowUs >= this.overUs(state))
  }

  /** In the order of the plan. */
  facts(): FaultFacts[] {
    return this.states.map((state) => ({
      startUs: state.hasBegun ? state.startUs : null,
      endUs: state.endUs,
      detectedUs: state.detectedUs,
      // Where nobody has lost a connection there was nothing to restore.
      restoredUs: state.restoredUs ?? (state.lossUs === null ? state.endUs : null),
      recoveredUs: state.recoveredUs,
      struck: state.struck,
      exec: state.executed?.figures ?? null,
      connectedByNode: state.connectedByNode ?? this.seconds.at(-1)?.connectedByNode ?? [],
    }))
  }

  /** Faults that never began, and commands that failed. */
  troubles(): string[] {
    return this.states.flatMap((state) => {
      const { name } = state.plan
      if (!state.hasBegun) return [`fault ${name} never began: ${this.whyNot(state)}`]
      if (state.executed === null || state.executed.wasEnded || state.executed.figures.exitCode === 0) return []
      const { command, exitCode, signal, output } = state.executed.figures
      const last = output.trimEnd().split('\n').at(-1)!.trim()
      const how =
        exitCode !== null ? `ended with exit code ${exitCode}` : signal !== null ? `was ended by ${signal}` : 'could not be started'
      return [`fault ${name}: its command "${command}" ${how}${last === '' ? '' : `: ${last}`}`]
    })
  }

  private whyNot({ plan: { trigger } }: State): string {
    if (trigger.kind === 'at') return 'measure ended before its time'
    const awaited = this.states[trigger.fault]!
    const { name } = awaited.plan
    if (!awaited.hasBegun) return `${name} never began`
    if (this.momentUs(awaited, trigger.is) !== null) return 'measure ended before its time'
    return `${name} was not ${trigger.is} before measure ended`
  }

  /** null: what it waits for has not come. */
  private plannedUs({ plan: { trigger } }: State): number | null {
    if (trigger.kind === 'at') return this.measureStartUs + trigger.atUs
    const momentUs = this.momentUs(this.states[trigger.fault]!, trigger.is)
    return momentUs === null ? null : momentUs + trigger.waitUs
  }

  private momentUs(state: State, moment: FaultMoment): number | null {
    if (moment === 'ended') return state.endUs
    if (moment === 'detected') return state.detectedUs
    return moment === 'restored' ? state.restoredUs : state.recoveredUs
  }

  private announce(state: State, nowUs: number): void {
    const plannedUs = this.plannedUs(state)
    if (plannedUs === null || plannedUs - AHEAD * this.leadUs > nowUs) return
    const atUs = Math.max(plannedUs, Math.ceil(nowUs + this.leadUs))
    if (atUs >= this.measureEndUs) return
    state.startUs = atUs
    this.effects.tell({ type: 'fault', fault: state.plan.index, atUs })
  }

  private start(state: State, nowUs: number): void {
    const { plan } = state
    state.hasBegun = true
    this.tell(state, 'began', state.startUs!)
    if (plan.exec === null) return
    void this.effects.exec({ ...plan, exec: plan.exec }).then((executed) => {
      state.executed = executed
      const endUs = nowUs + executed.figures.lengthS * US_PER_S
      this.effects.onCommand(plan, executed, endUs)
      // One that had to be ended with the run has not come to its end.
      if (executed.wasEnded) return
      state.execEndUs = endUs
      this.settleEnd(state, endUs)
    })
  }

  /** When its clients may all be back, as far as it is concerned. */
  private overUs({ startUs, plan: { drop } }: State): number {
    return startUs! + (drop?.forUs ?? 0) + (drop?.return?.overS ?? 0) * US_PER_S
  }

  private settleEnd(state: State, nowUs: number): void {
    if (!state.hasBegun || state.endUs !== null || state.execEndUs === null) return
    const endUs = Math.max(this.overUs(state), state.execEndUs)
    if (nowUs < endUs) return
    state.endUs = endUs
    this.tell(state, 'ended', endUs)
  }

  /** It has done something, or even cost a client its connection. What seemed to be over is not, unless this may be a later fault's doing. */
  private blame(state: State, atUs: number, isLoss: boolean): void {
    const isNews = (isLoss ? state.lossUs : state.harmUs) === null
    if (state.recoveredUs !== null) {
      if (!isNews || !this.isLatest(state)) return
      state.recoveredUs = null
      state.connectedByNode = null
      state.harmUs = atUs
    }
    state.harmUs ??= atUs
    if (!isLoss || (state.restoredUs !== null && !this.isLatest(state))) return
    state.lossUs ??= atUs
    state.restoredUs = null
  }

  /** No other fault has begun since. */
  private isLatest(state: State): boolean {
    return this.states.every((other) => !other.hasBegun || other === state || other.startUs! <= state.startUs!)
  }

  /** What the last second says of it. */
  private judge(state: State): void {
    state.normal ??= this.normalBefore(state)
    const { normal } = state
    const last = this.seconds.length - 1
    const second = this.seconds[last]!
    const beganUs = Math.max(state.startUs!, second.fromUs)
    if (second.missing > normal.missing) this.blame(state, beganUs, true)
    else if (isOverloaded(this.seconds, last, normal)) this.blame(state, beganUs, false)
    this.judgeRestored(state, second, normal)
    this.judgeRecovered(state, last, normal)
  }

  private judgeRestored(state: State, { toUs, missing, connected }: Second, normal: Normal): void {
    if (state.restoredUs !== null) return
    if (state.lossUs === null) {
      // Time for a loss to show.
      if (state.endUs === null || toUs < state.endUs + STEADY_SECONDS * US_PER_S) return
      state.restoredUs = state.endUs
    } else {
      // Who has given up is not missing, but not back either.
      if (toUs < state.lossUs + ROW_SLACK_US || missing > normal.missing || connected < normal.leastConnected) return
      state.restoredUs = toUs
    }
    this.tell(state, 'restored', state.restoredUs)
  }

  private judgeRecovered(state: State, last: number, normal: Normal): void {
    if (state.recoveredUs !== null) return
    const first = last - STEADY_SECONDS + 1
    const second = this.seconds[first]
    if (second === undefined || second.toUs <= state.startUs!) return
    if (!isSteady(this.seconds, first, normal)) {
      this.blame(state, Math.max(state.startUs!, second.fromUs), false)
      return
    }
    const harmUs = state.harmUs ?? state.endUs
    if (harmUs === null) return
    const sinceUs = Math.max(harmUs, this.overUs(state))
    if (second.toUs <= sinceUs) return
    state.recoveredUs = Math.max(second.fromUs, sinceUs)
    state.connectedByNode = second.connectedByNode
    this.tell(state, 'recovered', state.recoveredUs)
  }

  /** What begins before another fault is recovered from has the same normal as that one. */
  private normalBefore(state: State): Normal {
    const startUs = state.startUs!
    let calmUs = this.measureStartUs
    for (const other of this.states) {
      if (other === state || !other.hasBegun || other.startUs! > startUs || other.normal === null) continue
      if (other.recoveredUs === null || other.recoveredUs > startUs) return other.normal
      calmUs = Math.max(calmUs, other.recoveredUs)
    }
    return normalOf(this.seconds, { originUs: this.originUs, fromUs: calmUs, toUs: startUs, connected: this.connected })
  }

  private tell({ plan, startUs }: State, moment: 'began' | FaultMoment, atUs: number): void {
    this.effects.onMoment(plan, moment, atUs, atUs - startUs!)
  }
}
