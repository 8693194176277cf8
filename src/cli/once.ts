/**
 * One run, from the scenario to its files: prepare ─▶ probe ─▶ execute ─▶ report folder.
 *
 * Whoever makes runs shares it: `run` makes one, `run --repeat` some, `compare --ab` two kinds in turn. It shows progress on stderr and prints nothing;
 * the report is for its caller to show.
 */
import { accessSync, constants, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { EnvironmentError, Interrupted, UsageError } from '../errors.ts'
import { suggest } from '../load/nearest.ts'
import { NEEDS_BROKER } from '../load/nodes.ts'
import type { Plan } from '../load/plan.ts'
import { loadScenario } from '../load/scenario.ts'
import type { Outcome } from '../report/build.ts'
import { ReportFolder } from '../report/folder.ts'
import { rendered } from '../report/formats.ts'
import type { Report } from '../report/types.ts'
import { Controller, type RunOptions } from '../run/controller.ts'
import { type DropCounts, readDrops } from '../run/drops.ts'
import { type Prepared, prepare } from '../run/prepare.ts'
import { type Probed, probe } from '../run/probe.ts'
import { startSentinel } from '../run/sentinel.ts'
import { startWatch } from '../run/watching.ts'
import { INVALID } from './exit.ts'
import { checkGenerators, type Generators, generatorsOf } from './generators.ts'
import { loadOptions, type ReportOutput, type RunFlags, wantedOf } from './options.ts'
import { PLAIN } from './output.ts'
import { type Progress, startProgress, startTrialProgress } from './progress.ts'
import { readScenario } from './scenarios.ts'
import { onSignals } from './signals.ts'
import { commandLine, paint, say } from './terminal.ts'

export interface OnceOptions {
  /** The path of its report folder; asked for when nothing stands in the run's way any more. */
  readonly folder: (plan: Plan, startedAt: Date) => string
  /** What a series changes in the plan. */
  readonly change?: (plan: Plan) => Plan
  /** Of a run whose series says itself how it went: `trial 7, 9,000/s`. */
  readonly title?: string
  /** No run of the same series comes after it: agents that serve one run will do. */
  readonly isLast: boolean
  /** Aborted where nobody wants the run any more before it has begun; from then on it listens to signals itself. */
  readonly signal?: AbortSignal
}

export interface Ran {
  readonly exitCode: number
  readonly report: Report
  /** The path of its report folder. */
  readonly folder: string
  /** Files that could not be written, in words: where there are some, the report may be nowhere but here. */
  readonly failures: readonly string[]
}

/**
 * @throws UsageError, ScenarioError, EnvironmentError  the run can't be, and no load was started
 * @throws Interrupted  somebody ended it before it began
 */
export async function runOnce(
  name: string,
  flags: RunFlags,
  { folder: pathOf, isLast, signal, title, change = (plan) => plan }: OnceOptions,
): Promise<Ran> {
  const startedAt = new Date()
  const { file, text } = readScenario(name)
  const planAt = (scale: number | null) => change(withFlags(loadScenario(file, text, { ...loadOptions(flags), scale }), flags))
  const plan = planAt(flags.scale ?? null)
  checkCommands(plan, flags)
  checkMetrics(plan, flags)
  checkGenerators(plan, flags)
  for (const { file } of flags.report) checkWritable(dirname(file))
  const wanted = flags.control === undefined ? wantedOf(flags) : null
  const prepared = await prepare(plan, { scenario: file, wanted, allowed: flags.allowTarget, planAt })
  try {
    // The embedded broker is ours: there is nothing to find out.
    const isForeign = plan.probe && prepared.broker === null
    const [probed, drops] = isForeign
      ? await Promise.all([probe(prepared, dirname(file)), readDrops(prepared, dirname(file), false)])
      : [null, null]
    for (const warning of [...prepared.warnings, ...(probed?.warnings ?? [])]) if (!flags.quiet) say(`${paint.yellow('⚠')} ${warning}`)
    if (signal?.aborted) throw new Interrupted('interrupted before the run began')
    const generators = await generatorsOf(prepared, flags, { scenario: file, startedAt, isLast })
    const { outcome, folder } = await execute(prepared, generators, probed, drops, {
      scenario: file,
      startedAt,
      folder: () => new ReportFolder(pathOf(plan, startedAt), flags.force === true, startedAt),
      listener: () => (title === undefined ? startProgress(plan, flags.quiet === true) : startTrialProgress(plan, title)),
    })
    const { report } = outcome
    folder.finish(report)
    const failures = [folder.failure, ...flags.report.map((output) => writeOutput(output, report))].filter((failure) => failure !== null)
    const exitCode = failures.length > 0 && [0, 3].includes(outcome.exitCode) ? INVALID : outcome.exitCode
    return { exitCode, report, folder: folder.path, failures }
  } finally {
    await prepared.broker?.stop()
  }
}

interface Surroundings extends Pick<RunOptions, 'scenario' | 'startedAt'> {
  readonly folder: () => ReportFolder
  readonly listener: () => Progress
}

/** Whatever becomes of the run, whoever generates its load hears of it. */
async function execute(
  prepared: Prepared,
  generators: Generators,
  probed: Probed | null,
  drops: DropCounts | null,
  around: Surroundings,
): Promise<{ outcome: Outcome; folder: ReportFolder }> {
  let trouble: string | null = 'the controller failed'
  try {
    const folder = around.folder()
    await generators.begin()
    const outcome = await conduct(prepared, generators, probed, drops, { ...around, folder, listener: around.listener() })
    trouble = null
    return { outcome, folder }
  } finally {
    await generators.end(trouble)
  }
}

async function conduct(
  prepared: Prepared,
  generators: Generators,
  probed: Probed | null,
  drops: DropCounts | null,
  around: Pick<RunOptions, 'scenario' | 'startedAt' | 'folder'> & { readonly listener: Progress },
): Promise<Outcome> {
  const { listener, folder } = around
  const baseDir = dirname(around.scenario)
  const sentinel = prepared.plan.sentinel && startSentinel(prepared, baseDir)
  const onWords = (words: string) => listener.note(`${paint.yellow('⚠')} ${words}`)
  const watch = startWatch(prepared, { epochNs: generators.epochNs, baseDir, folder, onWords })
  const controller = new Controller({
    ...prepared,
    ...generators,
    ...around,
    brokers: probed?.brokers ?? (prepared.broker && [prepared.broker.facts]),
    drops,
    sentinel,
    watch,
  })
  const stopListening = letEnd(controller, listener)
  try {
    return await controller.runToReport()
  } finally {
    stopListening()
    listener.stop()
    // Where the run has ended in order, so have these two.
    watch?.end()
    await sentinel?.finish()
  }
}

/** The first signal ends measure, the second skips the drain, and after that the process ends as any other would. */
function letEnd(controller: Controller, progress: Progress): () => void {
  let count = 0
  const stop = onSignals(() => {
    controller.interrupt()
    if (++count === 1) return progress.note('ending: drain runs, then the report is written; press Ctrl-C again to skip the drain')
    progress.note('ending: the drain is skipped, the report is written; press Ctrl-C again to end without it')
    stop()
  })
  return stop
}

/** Why the file could not be written, or null. */
function writeOutput({ format, file }: ReportOutput, report: Report): string | null {
  try {
    writeFileSync(file, rendered(report, format, PLAIN))
    return null
  } catch (error) {
    return `${file} could not be written (${(error as NodeJS.ErrnoException).code})`
  }
}

/**
 * Before minutes of measuring.
 *
 * @throws EnvironmentError  nothing can be written into that folder
 */
export function checkWritable(folder: string): void {
  try {
    accessSync(folder, constants.W_OK)
  } catch (cause) {
    throw new EnvironmentError(`can't write to ${folder} (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
      hint: 'name another file with --report',
    })
  }
}

/** A scenario may be somebody else's: what it would run is shown before it runs. */
function checkCommands({ faults }: Plan, { allowExec }: RunFlags): void {
  const commands = faults.flatMap(({ name, exec }) => (exec === null ? [] : [`fault ${name} runs a command: ${commandLine(exec)}`]))
  if (commands.length > 0 && !allowExec) throw new UsageError(commands.join('\n'), { hint: 'give --allow-exec to let it' })
}

function withFlags(plan: Plan, { label, skipProbe, metrics }: RunFlags): Plan {
  const nodes = plan.nodes.map((node) => {
    const sources = metrics.filter(([name]) => name === node.name).map(([, source]) => source)
    return sources.length === 0 ? node : { ...node, metrics: sources }
  })
  return { ...plan, nodes, labels: { ...plan.labels, ...Object.fromEntries(label) }, probe: plan.probe && !skipProbe }
}

/** @throws UsageError  one of --metrics is of a node that is none */
export function checkMetrics({ nodes, embedded }: Plan, { metrics }: Pick<RunFlags, 'metrics'>): void {
  const unknown = metrics.find(([name]) => nodes.every((node) => node.name !== name))
  if (unknown === undefined) return
  if (embedded) throw new UsageError('--metrics: the embedded broker has no figures of its own', { hint: NEEDS_BROKER })
  const names = nodes.map(({ name }) => name)
  throw new UsageError(`--metrics ${unknown[0]}: there is no such node`, {
    hint: suggest(unknown[0], names) ?? `nodes: ${names.join(', ')}`,
  })
}
