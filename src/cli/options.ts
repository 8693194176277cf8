/**
 * The flags that several commands share, from text to values; and those that are named in the documentation but come with a later version.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../errors.ts'
import type { LoadOptions } from '../load/scenario.ts'
import { type Parsed, parseCount, parseDuration, parseShare } from '../units.ts'

/** What `run` and `plan` take. */
export interface RunFlags {
  readonly broker: readonly string[]
  readonly set: readonly string[]
  readonly scale?: number
  readonly seed?: number
  /** µs. */
  readonly duration?: number
  readonly out?: string
  readonly force?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly workers?: number
  readonly label: readonly (readonly [string, string])[]
  readonly report: readonly ReportOutput[]
  readonly allowTarget: readonly string[]
  readonly skipProbe?: boolean
  readonly allowExec?: boolean
}

export interface ReportOutput {
  readonly format: 'html' | 'text'
  readonly file: string
}

/** Flags of later versions, and what stands behind them. */
const LATER = ['--processes <n>', '--control <url>', '--agents <n>', '--repeat <n>'] as const
const LATER_FORMATS: readonly string[] = ['md', 'junit', 'csv']
const U32 = 2 ** 32 - 1

/** @param isPlan  the flags that change nothing in a plan are taken, so that `plan` can stand in place of `run`, but not shown */
export function addRunOptions(command: Command, isPlan: boolean): Command {
  const option = (flags: string, words: string) => new Option(flags, words)
  const onlyRun = (it: Option) => it.hideHelp(isPlan)
  command
    .addOption(option('--broker <url>', 'in place of the scenario’s brokers; repeatable, for a cluster').argParser(collect).default([]))
    .addOption(option('--set <path=value>', 'change a value of the scenario; repeatable').argParser(collect).default([]))
    .addOption(option('--scale <share>', 'multiply clients and group rates: 10%, 250%').argParser(above0(parseShare)))
    .addOption(option('--seed <n>', 'another seed: other timings of the same load').argParser(seed))
    .addOption(option('--duration <time>', 'length of measure: 30s, 5m').argParser(above0(parseDuration)))
    .addOption(option('--workers <n>', 'worker threads (default: cores − 1)').argParser(above0(parseCount)))
    .addOption(option('--out <folder>', 'report folder (default: reports/NAME-TIME)'))
    .addOption(option('--force', 'write over a report that is there'))
    .addOption(option('--json', isPlan ? 'as JSON' : 'the report as JSON on stdout'))
    .addOption(option('--quiet', 'no progress and no summary: errors only'))
    .addOption(onlyRun(option('--label <key=value>', 'a label in the report; repeatable').argParser(label).default([])))
    .addOption(onlyRun(option('--report <format=file>', 'one more report, html or text; repeatable').argParser(reportOutput).default([])))
    .addOption(
      onlyRun(
        option('--allow-target <target>', 'connect to nothing else: HOST[:PORT] or a CIDR block; repeatable')
          .argParser(collect)
          .default([]),
      ),
    )
  command
    .addOption(onlyRun(option('--skip-probe', 'start the load without a look at the nodes before')))
    .addOption(onlyRun(option('--allow-exec', 'run the commands that the scenario’s faults have')))
  for (const flags of LATER) command.addOption(option(flags, 'not in this version').hideHelp().argParser(later(flags)).preset('later'))
  return command
}

export function loadOptions(flags: RunFlags): LoadOptions {
  const { broker, set, scale = null, seed = null, duration = null } = flags
  return { brokers: broker, set, scale, seed, durationUs: duration }
}

/** Collects the texts of a flag that may be given several times. */
export function collect(text: string, before: readonly string[]): string[] {
  return [...before, text]
}

export function later(what: string): () => never {
  return () => {
    throw new UsageError(`${what.replace(/ <.*/, '')} is not in this version of mqtt-scale`)
  }
}

function above0(parse: (text: string) => Parsed): (text: string) => number {
  return (text) => {
    const value = parse(text)
    if (typeof value === 'string') throw new InvalidArgumentError(value)
    if (value <= 0) throw new InvalidArgumentError('must be above 0')
    return value
  }
}

function seed(text: string): number {
  const value = parseCount(text)
  if (typeof value === 'string' || value < 0 || value > U32) throw new InvalidArgumentError(`expected a whole number from 0 to ${U32}`)
  return value
}

function label(text: string, before: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('expected KEY=VALUE')
  return [...before, [text.slice(0, equals), text.slice(equals + 1)]]
}

function reportOutput(text: string, before: readonly ReportOutput[]): ReportOutput[] {
  const [, format = '', file = ''] = /^(\w+)=(.+)$/.exec(text) ?? []
  if (LATER_FORMATS.includes(format)) later(`--report ${format}`)()
  if (format !== 'html' && format !== 'text') throw new InvalidArgumentError('expected FORMAT=FILE, with html or text as the format')
  return [...before, { format, file }]
}
