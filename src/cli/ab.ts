/**
 * `mqtt-scale compare --ab`: makes the runs of both sides, in turn.
 *
 *   base, candidate, candidate, base, base, candidate …
 *
 * Whatever drifts on the machine or on the way strikes both sides alike. A run that can't be trusted is put aside and made again, which is said; one
 * that ends otherwise ends the series.
 */
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { CompareOptions } from '../compare/compare.ts'
import { gatesOf } from '../compare/gates.ts'
import { isTrusted } from '../compare/likeness.ts'
import type { Run, Side } from '../compare/runs.ts'
import { UsageError } from '../errors.ts'
import { scenarioHash } from '../load/scenario.ts'
import { makeFolder } from '../report/folder.ts'
import type { CompareFlags } from './compare.ts'
import { INTERRUPTED, INVALID, WRONG } from './exit.ts'
import { newFolder } from './folders.ts'
import { runOnce } from './once.ts'
import { clear, listen } from './repeat.ts'
import { asTyped, loadPlan } from './scenarios.ts'
import { paint, say, TOOL } from './terminal.ts'

/** Of either side, where nobody says how many. */
const RUNS = 5
/** Runs that are made again, in all: a machine that spoils more of them is the wrong one. */
const MOST_AGAIN = 3

export interface Both {
  readonly base: readonly Run[]
  readonly candidate: readonly Run[]
  /** Runs that were made again, in words. */
  readonly notes: readonly string[]
  /** 0: all runs are there. */
  readonly exitCode: number
}

/** What a side is made of. */
interface Kind {
  readonly scenario: string
  readonly broker: readonly string[]
}

/**
 * @param names  two brokers and a scenario, a broker of several nodes as a list with commas; or two scenarios
 * @throws UsageError  the two scenarios are not of one load
 */
export async function makeBoth(names: readonly string[], flags: CompareFlags, { allowed, gates }: CompareOptions): Promise<Both> {
  const kinds = kindsOf(names)
  // What is wrong with a scenario is said before the first run of the other.
  const plans = SIDES.map((side) => loadPlan(kinds[side].scenario, { ...flags, broker: kinds[side].broker }))
  const [base, candidate] = plans.map(scenarioHash)
  if (base !== candidate && !allowed.includes('scenario')) {
    throw new UsageError(`${kinds.base.scenario} and ${kinds.candidate.scenario} are different loads (hash ${base} and ${candidate})`, {
      hint: 'to compare them all the same give --allow scenario; the result says so',
    })
  }
  // What is wrong with them is said before the first run.
  gatesOf(gates, plans[1]!)
  if (flags.out !== undefined) for (const side of SIDES) clear(join(flags.out, side), flags.force === true)
  const root = flags.out ?? newFolder(`ab-${plans[1]!.name}`, new Date())
  const series = new Series(kinds, flags, root)
  const exitCode = await series.run(flags.runs ?? RUNS)
  return { ...series.made, notes: series.again, exitCode }
}

const SIDES = ['base', 'candidate'] as const satisfies readonly Side[]

class Series {
  readonly made: Record<Side, Run[]> = { base: [], candidate: [] }
  private readonly kinds: Record<Side, Kind>
  private readonly flags: CompareFlags
  private readonly root: string
  readonly again: string[] = []
  private isUnwritten = false

  constructor(kinds: Record<Side, Kind>, flags: CompareFlags, root: string) {
    this.kinds = kinds
    this.flags = flags
    this.root = root
  }

  /** @returns 0, or why it ended early */
  async run(count: number): Promise<number> {
    const ending = new AbortController()
    const stopListening = listen(ending)
    try {
      for (let turn = 0; turn < 2 * count; ) {
        // A B B A A B …
        const side = SIDES[((turn + 1) >> 1) % 2]!
        if (ending.signal.aborted) return this.end(INTERRUPTED, count)
        const exitCode = await this.make(side, count, turn === 2 * count - 1, ending.signal)
        if (exitCode === WRONG || exitCode === INTERRUPTED || this.isUnwritten) return this.end(exitCode, count)
        if (exitCode !== INVALID) turn++
        else if (this.again.length > MOST_AGAIN) return this.end(exitCode, count)
      }
    } catch (error) {
      if (this.made.base.length > 0) this.end(WRONG, count)
      throw error
    } finally {
      stopListening()
    }
    if (!this.flags.quiet) say(`the runs are in ${asTyped(this.root)}`)
    return 0
  }

  private async make(side: Side, count: number, isLast: boolean, signal: AbortSignal): Promise<number> {
    const { scenario, broker } = this.kinds[side]
    const number = this.made[side].length + 1
    if (!this.flags.quiet) say(paint.bold(`${side} ${number} of ${count}`))
    const folder = join(this.root, side, String(number))
    const { exitCode, report, failures } = await runOnce(
      scenario,
      { ...this.flags, broker, report: [] },
      { folder: () => folder, isLast, signal },
    )
    for (const failure of failures) say(`${paint.red('error:')} ${failure}`)
    // What can't be written is not made again: the disk is full, or the folder gone.
    if (failures.length > 0) {
      this.isUnwritten = true
      return INVALID
    }
    if (isTrusted(report) && exitCode !== WRONG) this.made[side].push({ path: asTyped(folder), report })
    else {
      const aside = asTyped(this.putAside(folder, `${side}-${number}`))
      const next = exitCode === INVALID ? ', and made again' : ''
      const words = `${side} ${number} was ${report.status}: ${report.reasons[0]}; it is kept in ${aside}${next}`
      say(`${paint.yellow('⚠')} ${words}`)
      this.again.push(`${words}.`)
    }
    return exitCode
  }

  /** Where nobody takes it for a run of a side. */
  private putAside(folder: string, name: string): string {
    const invalid = join(this.root, 'invalid')
    makeFolder(invalid)
    let path = join(invalid, name)
    for (let copy = 2; existsSync(path); copy++) path = join(invalid, `${name}-${copy}`)
    renameSync(folder, path)
    return path
  }

  private end(exitCode: number, count: number): number {
    const { base, candidate } = this.made
    const [a, b] = SIDES.map((side) => asTyped(join(this.root, side)))
    const rest = base.length > 0 && candidate.length > 0 ? `; of what there is: ${TOOL} compare --base ${a} --candidate ${b}` : ''
    say(`the series ended after ${base.length} and ${candidate.length} of ${count} runs${rest}`)
    return exitCode
  }
}

function kindsOf(names: readonly string[]): Record<Side, Kind> {
  const [first, second, scenario] = names
  if (first === undefined || second === undefined || names.length > 3) {
    throw new UsageError('--ab takes two brokers and a scenario, or two scenarios', {
      hint: 'such as --ab mqtt://OLD:1883 mqtt://NEW:1883 quickstart',
    })
  }
  if (scenario === undefined) return { base: { scenario: first, broker: [] }, candidate: { scenario: second, broker: [] } }
  return { base: { scenario, broker: first.split(',') }, candidate: { scenario, broker: second.split(',') } }
}
