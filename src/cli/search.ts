/**
 * `mqtt-scale search SCENARIO`: the highest load that still meets the SLO, as an interval; with --nodes one for each size of the cluster.
 *
 * Each trial is a run with a report of its own, below the search's folder; `search.json` there is written after each of them, and a search that was
 * cut short goes on from it. Several searches of one size take turns trial by trial, so that whatever drifts strikes all of them.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { nodeWords } from '../capacity/scaling.ts'
import { type Attempt, Search } from '../capacity/search.ts'
import { rendered } from '../capacity/search-forms.ts'
import { resultOf, scalingOf } from '../capacity/search-result.ts'
import { formatLoad } from '../capacity/search-view.ts'
import { judgeTrial } from '../capacity/trial.ts'
import { type CapacityFormat, SEARCH_SCHEMA, type SearchReport, type SearchResult, type Trial, type Variable } from '../capacity/types.ts'
import { loadOf, variationOf, whyNotVaried } from '../capacity/vary.ts'
import { EnvironmentError, TooSmallError, UsageError } from '../errors.ts'
import type { Plan } from '../load/plan.ts'
import { scenarioHash } from '../load/scenario.ts'
import { metricProblem, parseThreshold, type Threshold } from '../load/threshold.ts'
import { toolVersion } from '../report/host.ts'
import { US_PER_S } from '../units.ts'
import { exitCodeOf, INTERRUPTED, INVALID, WRONG } from './exit.ts'
import { newFolder } from './folders.ts'
import { checkMetrics, type Ran, runOnce } from './once.ts'
import type { RunFlags } from './options.ts'
import { listen } from './repeat.ts'
import { asTyped, loadPlan } from './scenarios.ts'
import { openSearch, type Wanted, writeSearch } from './search-file.ts'
import { columns, hasColor, paint, print, say } from './terminal.ts'

export interface SearchFlags extends Omit<RunFlags, 'report' | 'duration'> {
  readonly vary: Variable
  readonly slo: readonly string[]
  /** Shares, µs. */
  readonly from: number
  readonly width: number
  readonly trial: number
  readonly confirm: number
  readonly coolDown: number
  readonly until?: 'generator'
  readonly nodes?: readonly number[]
  readonly each?: string
  readonly format: CapacityFormat
}

/** Loads below that part of the first are not tried. */
const LOWEST_SHARE = 0.01
const EXIT_CODES: Readonly<Record<SearchResult['status'], number>> = {
  found: 0,
  generatorLimited: INVALID,
  belowLowest: 3,
  inconclusive: 5,
  interrupted: INTERRUPTED,
}

/** @returns what the process exits with */
export async function search(name: string, flags: SearchFlags): Promise<number> {
  const plan = loadPlan(name, flags)
  const why = whyNotVaried(plan, flags.vary, flags.from * flags.width)
  if (why !== null) throw new UsageError(`--vary ${flags.vary}: ${why}`)
  if (flags.each !== undefined && flags.nodes === undefined)
    throw new UsageError('--each is of --nodes: say which sizes the cluster is to have')
  const sizes = flags.nodes ?? [null]
  for (const size of sizes) brokersOf(flags, size)
  checkMetrics(plan, flags)
  const slo = sloOf(flags, plan)
  const root = flags.out ?? newFolder(`search-${plan.name}`, new Date())
  const wanted: Wanted = {
    schema: SEARCH_SCHEMA,
    scenario: plan.name,
    scenarioHash: scenarioHash(plan),
    vary: flags.vary,
    slo: slo.map(({ text }) => text),
    asked: {
      nodes: flags.nodes ?? null,
      repeat: flags.repeat ?? 1,
      from: flags.from,
      width: flags.width,
      trialS: flags.trial / US_PER_S,
      confirmS: flags.confirm / US_PER_S,
      brokers: plan.embedded ? [] : plan.nodes.map(({ url }) => url),
    },
    tool: toolVersion(),
  }
  const searching = new Searching(name, flags, root, slo, openSearch(root, wanted, flags.force === true))
  const { exitCode, report } = await searching.run(sizes, flags.repeat ?? 1)
  const further = exitCode === INTERRUPTED ? `; with --out ${asTyped(root)} the same command goes on` : ''
  if (!flags.quiet) say(`the search is in ${asTyped(root)}${further}`)
  const format = flags.json ? 'json' : flags.format
  print(rendered(report, format, { color: hasColor.stdout, width: columns() }))
  return exitCode
}

/** One search of one size: its machine, and what it has come to. */
interface Lane {
  readonly nodes: number | null
  readonly search: Search
  readonly trials: Trial[]
}

class Searching {
  private readonly name: string
  private readonly flags: SearchFlags
  private readonly root: string
  private readonly slo: readonly Threshold[]
  private readonly before: SearchReport
  private readonly lanes: Lane[] = []
  private readonly ending = new AbortController()
  private number = 0

  constructor(name: string, flags: SearchFlags, root: string, slo: readonly Threshold[], before: SearchReport) {
    this.name = name
    this.flags = flags
    this.root = root
    this.slo = slo
    this.before = before
    this.number = before.series.reduce((sum, { trials }) => sum + trials.length, 0)
  }

  async run(sizes: readonly (number | null)[], repeats: number): Promise<{ readonly exitCode: number; readonly report: SearchReport }> {
    if (this.number > 0 && !this.flags.quiet) say(`goes on after trial ${this.number}`)
    const stopListening = listen(this.ending)
    let exitCode = 0
    let report: SearchReport
    try {
      for (const nodes of sizes) {
        const lanes = Array.from({ length: repeats }, () => this.openLane(nodes))
        if (nodes !== null && lanes.some(({ search }) => search.next() !== null)) this.resize(nodes)
        exitCode = await this.take(lanes)
        if (exitCode !== 0) break
      }
    } finally {
      stopListening()
      // The law takes a thousand fits: once.
      const series = this.results()
      report = { ...this.before, series, scaling: scalingOf(series) }
      writeSearch(this.root, report)
    }
    const isForgiven = ({ status, low }: SearchResult) => this.flags.until === 'generator' && status === 'generatorLimited' && low !== null
    const ended = report.series.map((result) => (isForgiven(result) ? 0 : EXIT_CODES[result.status]))
    return { exitCode: exitCodeOf([exitCode, ...ended]), report }
  }

  private results(): SearchResult[] {
    return this.lanes.map(({ nodes, search, trials }) => resultOf(nodes, search, trials))
  }

  /** Trials of all lanes in turn, until each is over. */
  private async take(lanes: readonly Lane[]): Promise<number> {
    for (;;) {
      const open = lanes.filter(({ search }) => search.next() !== null)
      if (open.length === 0) return 0
      for (const lane of open) {
        if (this.ending.signal.aborted) return INTERRUPTED
        const exitCode = await this.tryOne(lane, lane.search.next()!)
        if (exitCode !== 0) return exitCode
      }
    }
  }

  /** A machine that has gone through the trials of before. */
  private openLane(nodes: number | null): Lane {
    const search = new Search({ from: this.flags.from, width: this.flags.width, lowest: this.flags.from * LOWEST_SHARE })
    const kept = this.before.series[this.lanes.length]?.trials ?? []
    const lane = { nodes, search, trials: [] as Trial[] }
    for (const trial of kept) {
      search.take(trial)
      lane.trials.push(trial)
    }
    this.lanes.push(lane)
    return lane
  }

  private async tryOne(lane: Lane, attempt: Attempt): Promise<number> {
    const { flags } = this
    const broker = brokersOf(flags, lane.nodes)
    // What is set comes before --scale: so that of a fan-out is of the scenario as it is written.
    const variation = variationOf(loadPlan(this.name, { ...flags, broker, scale: 1 }), flags.vary, attempt.factor)
    const number = ++this.number
    const path = join('trials', String(number))
    const runFlags: RunFlags = {
      ...flags,
      broker,
      scale: (flags.scale ?? 1) * variation.scale,
      set: [...flags.set, ...variation.set],
      duration: attempt.isLong ? flags.confirm : flags.trial,
      report: [],
      force: true,
      quiet: true,
    }
    const change = (plan: Plan): Plan => variation.change({ ...plan, thresholds: this.slo.map(({ text }) => text), aborts: [] })
    const plan = change(loadPlan(this.name, runFlags))
    const metrics = flags.metrics.filter(([node]) => plan.nodes.some(({ name }) => name === node))
    const load = loadOf(plan, flags.vary)
    const facts = { number, phase: attempt.phase, factor: attempt.factor, load, path }
    const measured = await this.measure(facts, lane.trials.length === 0, { ...runFlags, metrics }, change)
    if (measured === null) return INTERRUPTED
    const { trial, isDrained } = measured
    lane.search.take(trial)
    lane.trials.push(trial)
    writeSearch(this.root, { ...this.before, series: this.results(), scaling: null })
    if (!flags.quiet) this.tell(lane, trial)
    if (lane.search.next() !== null) {
      // What a broker had not worked off when the run gave up on it is still to do.
      const restUs = isDrained ? flags.coolDown : Math.max(flags.coolDown, trial.lengthS * US_PER_S)
      await delay(restUs / 1000, null, { signal: this.ending.signal }).catch(() => {})
    }
    return 0
  }

  /** null: somebody ended it. */
  private async measure(
    facts: Pick<Trial, 'number' | 'phase' | 'factor' | 'load' | 'path'>,
    isFirst: boolean,
    flags: RunFlags,
    change: (plan: Plan) => Plan,
  ): Promise<{ readonly trial: Trial; readonly isDrained: boolean } | null> {
    const { signal } = this.ending
    let ran: Ran
    try {
      ran = await runOnce(this.name, flags, {
        folder: () => join(this.root, facts.path),
        isLast: false,
        signal,
        change,
        ...(!this.flags.quiet && { title: `trial ${facts.number}, ${facts.phase}, ${formatLoad(this.flags.vary, facts.load)}` }),
      })
    } catch (error) {
      // A load that this machine can't even hold is over the generator's limit; the first one is a mistake.
      if (!(error instanceof TooSmallError) || isFirst) throw error
      const criteria = [error.message.split('\n')[0]!]
      const trial = { ...facts, verdict: 'invalid', criteria, figures: {}, sentPerSec: 0, receivedPerSec: 0, lengthS: 0 } as const
      return { trial, isDrained: true }
    }
    const { report, exitCode, failures } = ran
    if (failures.length > 0) throw new EnvironmentError(failures.join('; '), { hint: 'make room, and start the search again: it goes on' })
    if (report.status === 'interrupted') return null
    if (exitCode === WRONG) {
      const hint = isFirst ? 'a search begins with a load that works' : 'start the search again when the broker is back: it goes on'
      throw new EnvironmentError(report.reasons[0] ?? 'nobody could connect', { hint })
    }
    const lengthS = (flags.duration ?? 0) / US_PER_S
    const { publishes, deliveries } = report
    const trial = {
      ...facts,
      ...judgeTrial(report, this.slo),
      sentPerSec: publishes.sent / lengthS,
      receivedPerSec: deliveries.received / lengthS,
      lengthS,
    }
    return { trial, isDrained: deliveries.lost === 0 }
  }

  private tell({ nodes }: Lane, { number, phase, load, verdict, criteria }: Trial): void {
    const size = nodes === null ? '' : `${nodeWords(nodes)}  `
    const colored = verdict === 'good' ? paint.green(verdict) : verdict === 'bad' ? paint.red(verdict) : paint.yellow(verdict)
    say(
      `trial ${number}  ${size}${phase}  ${formatLoad(this.flags.vary, load)}  ${colored}${criteria.length > 0 ? `: ${criteria[0]}` : ''}`,
    )
  }

  /** Lets the user's command make the cluster as large as it is to be. */
  private resize(nodes: number): void {
    if (this.flags.each === undefined) return
    if (!this.flags.quiet) say(`the cluster gets ${nodeWords(nodes)}: ${this.flags.each}`)
    const { status, error } = spawnSync(this.flags.each, {
      shell: true,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, NODES: String(nodes) },
    })
    if (status !== 0)
      throw new EnvironmentError(`the command for ${nodeWords(nodes)} failed (${error?.message ?? `exit ${status}`}): ${this.flags.each}`, {
        hint: 'it gets the number as NODES',
      })
  }
}

/** The first so many of --broker; or the only one, where a load balancer stands before clusters that a command makes. */
function brokersOf({ broker, each }: SearchFlags, nodes: number | null): readonly string[] {
  if (nodes === null || (broker.length === 1 && each !== undefined)) return broker
  if (broker.length >= nodes) return broker.slice(0, nodes)
  throw new UsageError(`--nodes ${nodes}: there are ${broker.length} --broker`, {
    hint: 'give one for each node of the largest cluster, of which the first N are used; or the load balancer’s, with --each',
  })
}

/** Of the command line, or the scenario's thresholds. */
function sloOf({ slo }: SearchFlags, plan: Plan): Threshold[] {
  const texts = slo.length > 0 ? slo : plan.thresholds
  return texts.map((text) => {
    const parsed = parseThreshold(text)
    const wrong = 'problem' in parsed ? parsed : metricProblem(parsed.metric, plan)
    if (wrong !== null) throw new UsageError(`--slo ${text}: ${wrong.problem}`, { hint: wrong.hint })
    return parsed as Threshold
  })
}
