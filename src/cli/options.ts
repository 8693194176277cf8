/**
 * The flags that several commands share, from text to values.
 */
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ControlOptions } from '../control/connect.ts'
import { UsageError } from '../errors.ts'
import { parseSource } from '../load/metrics-source.ts'
import type { MetricsSource } from '../load/plan.ts'
import type { LoadOptions } from '../load/scenario.ts'
import type { Wanted } from '../machine/layout.ts'
import { REPORT_FORMATS, type ReportFormat } from '../report/types.ts'
import { type Parsed, parseCount, parseDuration, parseShare } from '../units.ts'

/** Where agents and controllers meet. */
export interface ControlFlags {
  readonly control?: string
  readonly controlCreds?: string
  readonly controlNkey?: string
  readonly controlCa?: string
  readonly controlCert?: string
  readonly controlKey?: string
}

/** What `run` and `plan` take. */
export interface RunFlags extends ControlFlags {
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
  readonly processes?: number
  readonly agents?: number
  readonly label: readonly (readonly [string, string])[]
  /** Sources of nodes' own figures, by the name of the node. */
  readonly metrics: readonly (readonly [string, MetricsSource])[]
  readonly report: readonly ReportOutput[]
  readonly allowTarget: readonly string[]
  readonly skipProbe?: boolean
  readonly allowExec?: boolean
  readonly repeat?: number
}

export interface ReportOutput {
  readonly format: ReportFormat
  readonly file: string
}

/** Runs of a series: all their reports are held until its end. */
const MOST_RUNS = 100
const U32 = 2 ** 32 - 1

/** @param isPlan  the flags that change nothing in a plan are taken, so that `plan` can stand in place of `run`, but not shown */
export function addRunOptions(command: Command, isPlan: boolean): Command {
  const onlyRun = (it: Option) => it.hideHelp(isPlan)
  command.addOption(
    option('--broker <url>', 'in place of the scenario’s brokers; repeatable, for a cluster').argParser(collect).default([]),
  )
  addLoadOptions(command, isPlan)
  command
    .addOption(option('--out <folder>', 'report folder (default: reports/NAME-TIME)'))
    .addOption(option('--force', 'write over a report that is there'))
    .addOption(onlyRun(option('--repeat <n>', 'so many runs, one after the other, to compare with others').argParser(runCount)))
    .addOption(option('--json', isPlan ? 'as JSON' : 'the report as JSON on stdout'))
    .addOption(option('--quiet', 'no progress and no summary: errors only'))
    .addOption(onlyRun(reportOption(REPORT_FORMATS)))
  return addAgentOptions(command, isPlan)
}

/** Who generates the load, where it is not this machine. */
export function addAgentOptions(command: Command, isHidden: boolean): Command {
  command.addOption(
    option('--agents <n>', 'let so many agents generate the load, on other machines: needs --control')
      .argParser(above0(parseCount))
      .hideHelp(isHidden),
  )
  return addControlOptions(command, isHidden)
}

/** What changes the load of a scenario, and what it may be let loose on: of whatever makes runs. */
export function addLoadOptions(command: Command, isPlan: boolean, { hasDuration = true } = {}): Command {
  const onlyRun = (it: Option) => it.hideHelp(isPlan)
  if (hasDuration) command.addOption(option('--duration <time>', 'length of measure: 30s, 5m').argParser(above0(parseDuration)))
  return command
    .addOption(option('--set <path=value>', 'change a value of the scenario; repeatable').argParser(collect).default([]))
    .addOption(option('--scale <share>', 'multiply clients and group rates: 10%, 250%').argParser(above0(parseShare)))
    .addOption(option('--seed <n>', 'another seed: other timings of the same load').argParser(seed))
    .addOption(option('--workers <n>', 'worker threads (default: cores − 1)').argParser(above0(parseCount)))
    .addOption(option('--processes <n>', 'processes (default: as many as the limit of open files asks for)').argParser(above0(parseCount)))
    .addOption(
      onlyRun(
        option('--allow-target <target>', 'connect to nothing else: HOST[:PORT] or a CIDR block; repeatable')
          .argParser(collect)
          .default([]),
      ),
    )
    .addOption(onlyRun(option('--skip-probe', 'start the load without a look at the nodes before')))
    .addOption(onlyRun(option('--allow-exec', 'run the commands that the scenario’s faults have')))
    .addOption(
      onlyRun(
        option('--metrics <node=source>', 'read the node’s own figures: URL, sys, pid:NUMBER, pidFile:PATH or nats:URL; repeatable')
          .argParser(metrics)
          .default([]),
      ),
    )
    .addOption(onlyRun(option('--label <key=value>', 'a label in the report; repeatable').argParser(label).default([])))
}

/** `--report FORMAT=FILE`. */
export function reportOption(formats: readonly string[]): Option {
  const take = (text: string, before: readonly FormatFile[]): FormatFile[] => {
    const [, format = '', file = ''] = /^(\w+)=(.+)$/.exec(text) ?? []
    if (formats.includes(format)) return [...before, { format, file }]
    throw new InvalidArgumentError(`expected FORMAT=FILE, with one of ${formats.join(', ')} as the format`)
  }
  return option('--report <format=file>', `one more report, as ${formats.join(', ')}; repeatable`)
    .argParser(take)
    .default([])
}

interface FormatFile {
  readonly format: string
  readonly file: string
}

/** @param isHidden  taken, but not shown */
export function addControlOptions(command: Command, isHidden: boolean): Command {
  const add = (flags: string, words: string) => command.addOption(option(flags, words).hideHelp(isHidden))
  add('--control <url>', 'NATS server where agents and controllers meet: nats://[USER:PASSWORD@]HOST[:PORT] or tls://')
  add('--control-creds <file>', 'credentials for it: JWT and seed')
  add('--control-nkey <file>', 'credentials for it: an nkey seed')
  add('--control-ca <file>', 'certificates of those who vouch for it')
  add('--control-cert <file>', 'certificate to show it, with --control-key')
  add('--control-key <file>', 'key of that certificate')
  return command
}

export function controlOptions(flags: ControlFlags): ControlOptions {
  const { control, controlCreds, controlNkey, controlCa, controlCert, controlKey } = flags
  if (control === undefined)
    throw new UsageError('--control is missing', { hint: 'say where agents and controllers meet: --control nats://HOST:4222' })
  return { url: control, creds: controlCreds, nkey: controlNkey, ca: controlCa, cert: controlCert, key: controlKey }
}

/** How many workers and processes somebody wants; null: as many as are good. */
export function wantedOf({ workers, processes }: RunFlags): Wanted {
  return { workers: workers ?? null, processes: processes ?? null }
}

/** What of the flags changes a scenario. */
export type LoadFlags = Pick<RunFlags, 'broker' | 'set' | 'scale' | 'seed' | 'duration'>

export function loadOptions(flags: LoadFlags): LoadOptions {
  const { broker, set, scale = null, seed = null, duration = null } = flags
  return { brokers: broker, set, scale, seed, durationUs: duration }
}

/** Collects the texts of a flag that may be given several times. */
export function collect(text: string, before: readonly string[]): string[] {
  return [...before, text]
}

export function above0(parse: (text: string) => Parsed): (text: string) => number {
  return (text) => {
    const value = parse(text)
    if (typeof value === 'string') throw new InvalidArgumentError(value)
    if (value <= 0) throw new InvalidArgumentError('must be above 0')
    return value
  }
}

function option(flags: string, words: string): Option {
  return new Option(flags, words)
}

function seed(text: string): number {
  const value = parseCount(text)
  if (typeof value === 'string' || value < 0 || value > U32) throw new InvalidArgumentError(`expected a whole number from 0 to ${U32}`)
  return value
}

/** Of a series. */
export function runCount(text: string): number {
  const value = above0(parseCount)(text)
  if (value > MOST_RUNS) throw new InvalidArgumentError(`must not be above ${MOST_RUNS}`)
  return value
}

function metrics(text: string, before: RunFlags['metrics']): RunFlags['metrics'] {
  const [, node, written = ''] = /^([\w-]+)=(.*)$/s.exec(text) ?? []
  const source = node === undefined ? 'expected NODE=SOURCE' : parseSource(written)
  // Not as commander's own error, which shows what was given: that may hold a password.
  if (node === undefined || typeof source === 'string') throw new UsageError(`--metrics: ${source}`)
  // As all paths of a command line: of where it was typed.
  return [...before, [node, source.kind === 'pidFile' ? { ...source, path: resolve(source.path) } : source]]
}

function label(text: string, before: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('expected KEY=VALUE')
  return [...before, [text.slice(0, equals), text.slice(equals + 1)]]
}
