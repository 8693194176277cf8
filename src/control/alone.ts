/**
 * An agent whose controller is silent: it goes on for a while, in case the controller comes back, and then brings the run to its end by itself.
 *
 * Agents of such a run tell each other their facts by way of the bucket, so that each can account for what its subscribers should have had. What
 * they find is in their journals: `mqtt-scale report DIR…` makes the report of it.
 */
import type { Facts } from '../load/facts.ts'
import type { Plan } from '../load/plan.ts'
import { piecesOf, windowsOf } from '../report/windows.ts'
import type { Command, Telling } from '../run/messages.ts'
import { US_PER_S } from '../units.ts'
import type { Runs } from './runs.ts'

export interface AloneOptions {
  readonly runs: Runs
  readonly run: string
  readonly agent: string
  /** All of the run. */
  readonly agents: readonly string[]
  readonly plan: Plan
  /** Of the run. */
  readonly nowUs: () => number
  /** For how long the controller has not been heard of. */
  readonly silentUs: () => number
  /** The agent has left the run for another reason: nothing is to be done any more. */
  readonly isEnding: () => boolean
  readonly tell: (command: Command) => void
  readonly ask: <T extends Telling['type']>(command: Command, type: T) => Promise<Extract<Telling, { type: T }>>
  readonly onWords: (words: string) => void
}

/** Why it left the run. */
export const CONTROLLER_GONE = 'its controller was gone'

/** From here on the agent looks whether the run is over. */
const SILENT_US = 5e6
/** For how long it goes on without a controller. */
export const PATIENCE_US = 60e6
const LONGEST_DRAIN_US = 5e6
/** For the others' facts. */
const FACTS_MS = 5000
const PAUSE_MS = 200

export class Alone {
  private readonly options: AloneOptions
  private originUs: number | null = null
  private endUs = Number.POSITIVE_INFINITY
  private isSettled = false
  private isSilent = false
  private isBusy = false

  constructor(options: AloneOptions) {
    this.options = options
  }

  /** What the controller said while it was there. */
  heard(command: Command): void {
    const { phases } = this.options.plan
    if (command.type === 'publish') {
      this.originUs = command.originUs
      this.endUs = command.originUs + phases.warmUpUs + phases.measureUs
    } else if (command.type === 'cut') this.endUs = command.endUs
    else if (command.type === 'account' && command.isFinal) this.isSettled = true
  }

  /** Once a second. @returns why the run has ended here; null: it goes on, or has ended for another reason */
  async look(): Promise<string | null> {
    const { silentUs, nowUs, isEnding, onWords } = this.options
    const isSilent = silentUs() > SILENT_US
    if (isSilent !== this.isSilent) {
      onWords(
        isSilent
          ? `no sign of the controller: the run goes on without it, to its end or for ${PATIENCE_US / US_PER_S} s`
          : 'the controller is back',
      )
      this.isSilent = isSilent
    }
    if (!isSilent || this.isBusy) return null
    this.isBusy = true
    try {
      if (await this.isOver()) return 'the run was over'
      const lostUs = nowUs() - silentUs()
      if (isEnding()) return null
      if (nowUs() < Math.min(lostUs + PATIENCE_US, Math.max(this.endUs, lostUs + SILENT_US))) return null
      return (await this.finish()) ? CONTROLLER_GONE : null
    } finally {
      this.isBusy = false
    }
  }

  /** The controller has ended it, and this agent did not hear of it. */
  private async isOver(): Promise<boolean> {
    try {
      const state = await this.options.runs.stateOf(this.options.run)
      return state === null || state.state === 'done' || state.state === 'aborted'
    } catch {
      // No server either.
      return false
    }
  }

  /** @returns false: the agent has left meanwhile, be it in the middle of this */
  private async finish(): Promise<boolean> {
    const { tell, ask, nowUs, isEnding, plan, onWords } = this.options
    onWords('still no sign of the controller: the run ends here, and its journal is kept')
    if (this.originUs !== null && !this.isSettled) {
      const endUs = Math.min(this.endUs, this.wholeSecond(nowUs()))
      tell({ type: 'cut', endUs })
      await until(endUs, nowUs)
      if (isEnding()) return false
      tell({ type: 'drain' })
      await until(nowUs() + Math.min(plan.phases.drainUs, LONGEST_DRAIN_US), nowUs)
      if (isEnding()) return false
      await ask({ type: 'finish' }, 'finished')
      if (isEnding()) return false
      const { facts } = await ask({ type: 'facts' }, 'facts')
      const all = await this.exchange(facts)
      if (isEnding()) return false
      const startUs = Math.min(endUs, this.originUs + plan.phases.warmUpUs)
      const originUs = this.originUs
      const pieces = piecesOf(windowsOf(plan, [], startUs, endUs), startUs, endUs).map((piece) => ({ originUs, ...piece }))
      await ask({ type: 'account', facts: all, pieces, isFinal: true }, 'account')
      if (isEnding()) return false
    }
    await ask({ type: 'leave', cleanUp: plan.phases.cleanUp, everyone: false }, 'left')
    return !isEnding()
  }

  /** Windows are whole seconds of measure. */
  private wholeSecond(timeUs: number): number {
    const startUs = this.originUs! + this.options.plan.phases.warmUpUs
    return startUs + Math.ceil((timeUs - startUs) / US_PER_S) * US_PER_S
  }

  /** What all agents know that tell it in time, in the order that all know. */
  private async exchange(own: readonly Facts[]): Promise<Facts[]> {
    const { runs, run, agent, agents, isEnding } = this.options
    const found = new Map<string, readonly Facts[]>([[agent, own]])
    const endMs = performance.now() + FACTS_MS
    let isTold = false
    while (found.size < agents.length && performance.now() < endMs && !isEnding()) {
      try {
        if (!isTold) await runs.putFacts(run, agent, own)
        isTold = true
        for (const other of agents) {
          if (found.has(other)) continue
          const facts = await runs.factsOf(run, other)
          if (facts !== null) found.set(other, facts)
        }
      } catch {
        // No server: then only its own are known.
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
    return agents.flatMap((one) => found.get(one) ?? [])
  }
}

async function until(timeUs: number, nowUs: () => number): Promise<void> {
  const leftMs = (timeUs - nowUs()) / 1000
  if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs))
}
