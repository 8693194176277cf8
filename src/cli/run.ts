/**
 * `mqtt-scale run SCENARIO`: from the scenario to a report folder and a summary.
 *
 * Nothing measured may be lost: where the folder can't be written, the report goes to stdout.
 */
import { accessSync, constants, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EnvironmentError, UsageError } from '../errors.ts'
import type { Plan } from '../load/plan.ts'
import { loadScenario } from '../load/scenario.ts'
import type { Outcome } from '../report/build.ts'
import { ReportFolder } from '../report/folder.ts'
import { renderHtml } from '../report/html.ts'
import { renderText } from '../report/text.ts'
import type { Report } from '../report/types.ts'
import { Controller, type RunOptions } from '../run/controller.ts'
import { type DropCounts, readDrops } from '../run/drops.ts'
import { type Prepared, prepare } from '../run/prepare.ts'
import { type Probed, probe } from '../run/probe.ts'
import { startSentinel } from '../run/sentinel.ts'
import { loadOptions, type ReportOutput, type RunFlags } from './options.ts'
import { type Progress, startProgress } from './progress.ts'
import { asTyped, readScenario } from './scenarios.ts'
import { columns, commandLine, hasColor, paint, print, say, TOOL } from './terminal.ts'

const REPORTS = 'reports'
const INVALID = 4

/** @returns what the process exits with */
export async function run(name: string, flags: RunFlags): Promise<number> {
  const startedAt = new Date()
  const { file, text } = readScenario(name)
  const plan = withFlags(loadScenario(file, text, loadOptions(flags)), flags)
  checkCommands(plan, flags)
  for (const { file } of flags.report) checkWritable(dirname(file))
  const isFirst = flags.out === undefined && !hasReports()
  const prepared = await prepare(plan, { scenario: file, workers: flags.workers ?? null, allowed: flags.allowTarget })
  try {
    // The embedded broker is ours: there is nothing to find out.
    const isForeign = plan.probe && prepared.broker === null
    const [probed, drops] = isForeign
      ? await Promise.all([probe(prepared, dirname(file)), readDrops(prepared, dirname(file), false)])
      : [null, null]
    const folder = new ReportFolder(flags.out ?? newFolder(plan.name, startedAt), flags.force === true, startedAt)
    for (const warning of [...prepared.warnings, ...(probed?.warnings ?? [])]) if (!flags.quiet) say(`${paint.yellow('⚠')} ${warning}`)
    const outcome = await execute(prepared, probed, drops, {
      scenario: file,
      startedAt,
      folder,
      listener: startProgress(plan, flags.quiet === true),
    })
    folder.finish(outcome.report)
    const failures = [folder.failure, ...flags.report.map((output) => writeOutput(output, outcome.report))].filter(
      (failure) => failure !== null,
    )
    tell(outcome.report, flags, folder.path, failures)
    if (isFirst && !flags.json && !flags.quiet && failures.length === 0) print(nextSteps(name))
    return failures.length > 0 && [0, 3].includes(outcome.exitCode) ? INVALID : outcome.exitCode
  } finally {
    await prepared.broker?.stop()
  }
}

type Surroundings = Pick<RunOptions, 'scenario' | 'startedAt' | 'folder'> & { readonly listener: Progress }

async function execute(prepared: Prepared, probed: Probed | null, drops: DropCounts | null, around: Surroundings): Promise<Outcome> {
  const { listener } = around
  const sentinel = prepared.plan.sentinel && startSentinel(prepared, dirname(around.scenario))
  const controller = new Controller({ ...prepared, ...around, brokers: probed?.brokers ?? null, drops, sentinel })
  const stopListening = onSignals(controller, listener)
  try {
    return await controller.runToReport()
  } finally {
    stopListening()
    listener.stop()
    // Where the run has ended in order, so has the sentinel.
    await sentinel?.finish()
  }
}

/** The first signal ends measure, the second skips the drain, and after that the process ends as any other would. */
function onSignals(controller: Controller, progress: Progress): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const
  let count = 0
  const take = () => {
    controller.interrupt()
    if (++count === 1) return progress.note('ending: drain runs, then the report is written; press Ctrl-C again to skip the drain')
    progress.note('ending: the drain is skipped, the report is written; press Ctrl-C again to end without it')
    stop()
  }
  const stop = () => {
    for (const signal of signals) process.off(signal, take)
  }
  for (const signal of signals) process.on(signal, take)
  return stop
}

function tell(report: Report, flags: RunFlags, folder: string, failures: readonly string[]): void {
  const json = () => print(`${JSON.stringify(report, null, 2)}\n`)
  for (const failure of failures) say(`${paint.red('error:')} ${failure}${flags.json ? '' : '; the report follows on stdout'}`)
  if (flags.json || failures.length > 0) json()
  if (flags.json || flags.quiet) return
  if (failures.length > 0) say(renderText(report, { color: hasColor.stderr, width: columns(), folder: null }))
  else print(renderText(report, { color: hasColor.stdout, width: columns(), folder: asTyped(folder) }))
}

/** Why the file could not be written, or null. */
function writeOutput({ format, file }: ReportOutput, report: Report): string | null {
  try {
    writeFileSync(file, format === 'html' ? renderHtml(report) : renderText(report, { color: false, width: 100, folder: null }))
    return null
  } catch (error) {
    return `${file} could not be written (${(error as NodeJS.ErrnoException).code})`
  }
}

function checkWritable(folder: string): void {
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

function withFlags(plan: Plan, { label, skipProbe }: RunFlags): Plan {
  return { ...plan, labels: { ...plan.labels, ...Object.fromEntries(label) }, probe: plan.probe && !skipProbe }
}

/** `reports/factory-20261123T031500Z`, with a number behind it where another run of that second has it. */
function newFolder(name: string, startedAt: Date): string {
  const time = startedAt.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const base = join(REPORTS, `${name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^\.+/, '')}-${time}`)
  for (let number = 1; ; number++) {
    const path = number === 1 ? base : `${base}-${number}`
    try {
      mkdirSync(REPORTS, { recursive: true })
      mkdirSync(path)
      return path
    } catch (error) {
      // Whatever else is wrong with it, the report folder says so.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return path
    }
  }
}

function hasReports(): boolean {
  try {
    return readdirSync(REPORTS).some((name) => /-\d{8}T\d{6}Z/.test(name))
  } catch {
    // No such folder: this is the first run here.
    return false
  }
}

function nextSteps(scenario: string): string {
  const steps = [
    [`${TOOL} run ${scenario} --broker mqtt://HOST:1883`, 'the same on a broker of yours'],
    [`${TOOL} plan ${scenario} --scale 1000%`, 'what ten times as much would do and need'],
    [`${TOOL} init factory`, 'a commented scenario of your own to start from'],
  ] as const
  const width = Math.max(...steps.map(([command]) => command.length))
  return `\nTry next\n${steps.map(([command, words]) => `  ${command.padEnd(width)}  ${words}\n`).join('')}`
}
