/**
 * The command line: commands and their help, errors in words, and what the process exits with.
 *
 * Commands return their exit code and throw what ends them early; this is the only place that turns either into the end of the process. Each is loaded
 * when it is asked for: together they take longer to load than most of them to run.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { ALLOWANCES, CAPACITY_FORMATS, VARIABLES } from '../capacity/types.ts'
import { COMPARISON_FORMATS, LIKENESSES } from '../compare/types.ts'
import { MqttScaleError, ScenarioError } from '../errors.ts'
import { toolVersion } from '../report/host.ts'
import { REPORT_FORMATS } from '../report/types.ts'
import { parseCount, parseDuration, parseShare, US_PER_S } from '../units.ts'
import type { AgentFlags } from './agent.ts'
import type { CleanFlags } from './clean.ts'
import type { CompareFlags } from './compare.ts'
import type { DoctorFlags } from './doctor.ts'
import { WRONG } from './exit.ts'
import {
  above0,
  addAgentOptions,
  addControlOptions,
  addLoadOptions,
  addRunOptions,
  collect,
  type RunFlags,
  reportOption,
  runCount,
} from './options.ts'
import type { ReportFlags } from './report.ts'
import type { SearchFlags } from './search.ts'
import type { SinkFlags } from './sink.ts'
import type { SizeFlags } from './size.ts'
import { outliveReaders, paint, say } from './terminal.ts'

const BUG = 1
const SCENARIO = 'a file, or the name of a scenario that ships'
/** What a port can be. */
const LAST_PORT = 65_535

/** @param argv  as in `process.argv` */
export async function main(argv: readonly string[]): Promise<void> {
  outliveReaders()
  let exitCode = 0
  const program = commands((code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(argv)
    process.exitCode = exitCode
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : WRONG
    } else if (error instanceof MqttScaleError) {
      for (const line of inWords(error)) say(line)
      process.exitCode = error.exitCode
    } else {
      say(`${paint.red('error:')} ${error instanceof Error ? error.stack : String(error)}`)
      say('this is a bug of mqtt-scale: please report it with the lines above')
      // Workers may be alive still, and would keep the process so.
      process.exit(BUG)
    }
  }
}

function commands(setExitCode: (code: number) => void): Command {
  const program = new Command('mqtt-scale')
    .description('Load testing and capacity planning for MQTT broker clusters')
    .version(toolVersion(), '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    // Without the defaults that commander adds: those worth knowing are in the words.
    .configureHelp({ optionDescription: ({ description }) => description })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, paint.red('error:'))) })
    .addHelpText('after', '\nStart with: mqtt-scale run quickstart')

  addRunOptions(program.command('run').argument('<scenario>', SCENARIO).description('run it; writes a report folder'), false).action(
    async (name: string, flags: RunFlags) => setExitCode(await (await import('./run.ts')).run(name, flags)),
  )
  addRunOptions(
    program.command('plan').argument('<scenario>', SCENARIO).description('what the run would do and need, before a packet is sent'),
    true,
  ).action(async (name: string, flags: RunFlags) => setExitCode(await (await import('./plan.ts')).plan(name, flags)))
  program
    .command('doctor')
    .description('what this machine can hold, what limits it first, and what lifts that')
    .option('--json', 'as JSON')
    .option('--calibrate', 'measure first what it can do, for plan, run and later calls: about two and a half minutes')
    .action(async (flags: DoctorFlags) => setExitCode(await (await import('./doctor.ts')).doctor(flags)))
  program
    .command('init')
    .argument('[name]', 'what the new file is called, or a scenario that ships', 'mqtt-scale')
    .description('copy a commented scenario to start from; never overwrites')
    .addHelpText('after', '\nThe first line of the file leads editors to the schema of this installation, for completion and checks.')
    .action(async (name: string) => (await import('./init.ts')).init(name))
  program
    .command('clean')
    .argument('<run>', 'a report folder, or its report.json')
    .description('remove what a run left on the broker: persistent sessions and retained messages')
    .option('--broker <url>', 'in place of the brokers that the run had; repeatable', collect, [])
    .option('--set <path=value>', 'a user name or password: groups.NAME.password=…; repeatable', collect, [])
    .option('--quiet', 'errors only')
    .action(async (path: string, flags: CleanFlags) => setExitCode(await (await import('./clean.ts')).clean(path, flags)))
  program
    .command('report')
    .argument('<path...>', 'a report folder or its report.json; or folders with what agents of one run have kept')
    .description('make a report in another form')
    .addOption(
      new Option('--format <format>', `${REPORT_FORMATS.join(', ')} (default: text)`).default('text').argParser(oneOf(REPORT_FORMATS)),
    )
    .option('--out <file>', 'where it goes (default: stdout)')
    .action(async (paths: string[], flags: ReportFlags) => setExitCode(await (await import('./report.ts')).report(paths, flags)))
  addControlOptions(
    program
      .command('agent')
      .description('serve slices of somebody’s run, until it is ended')
      .option('--id <name>', 'what it is called (default: the host’s name)')
      .option('--allow-target <target>', 'connect to this and nothing else: HOST[:PORT] or a CIDR block; repeatable', collect, [])
      .addOption(
        new Option('--max-clients <n>', 'take no more (default: any number; what the machine can’t hold it refuses)').argParser(
          above0(parseCount),
        ),
      )
      .option('--out <folder>', 'where the record of each run goes (default: reports)')
      .option('--once', 'end with the first run'),
    false,
  ).action(async (flags: AgentFlags) => setExitCode(await (await import('./agent.ts')).agent(flags)))
  program
    .command('sink')
    .description('acknowledge everything, as a broker would, to see what a generator can do')
    .addOption(new Option('--port <n>', 'where it listens, 0 for any (default: 1883)').default(1883).argParser(port))
    .addOption(new Option('--processes <n>', 'as many as the connections need (default: 1)').default(1).argParser(above0(parseCount)))
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, which nobody else can reach)', '127.0.0.1')
    .action(async (flags: SinkFlags) => setExitCode(await (await import('./sink.ts')).sink(flags)))
  addLoadOptions(
    program
      .command('compare')
      .argument('[what...]', 'of --ab: BROKER BROKER SCENARIO, or SCENARIO SCENARIO')
      .description('baseline runs against candidate runs: is it worse, surely?')
      .option('--base <path...>', 'runs of before: report folders, report.json files, folders of them')
      .option('--candidate <path...>', 'runs of the change')
      .option('--gate <metric=margin>', 'decide by it, such as endToEnd.p99=10%; up to four (default: the scenario’s)', collect, [])
      .option('--allow <rule>', `let pass what differs: ${LIKENESSES.join(', ')}; repeatable`, collect, [])
      .addOption(
        new Option('--format <format>', `${COMPARISON_FORMATS.join(', ')} (default: text)`)
          .default('text')
          .argParser(oneOf(COMPARISON_FORMATS)),
      )
      .addOption(reportOption(COMPARISON_FORMATS))
      .option('--aa <dir>', 'runs of one kind against themselves: false alarms, and the smallest change they can see')
      .option('--ab', 'make the runs first, of both sides in turn; what follows is for these runs')
      .addOption(new Option('--runs <n>', 'on each side (default: 5)').argParser(runCount))
      .option('--out <folder>', 'where the runs go (default: reports/ab-NAME-TIME)')
      .option('--force', 'write over reports that are there')
      .option('--quiet', 'no progress'),
    false,
  ).action(async (what: string[], flags: CompareFlags) => setExitCode(await (await import('./compare.ts')).compare(what, flags)))
  const searching = addLoadOptions(
    program
      .command('search')
      .argument('<scenario>', SCENARIO)
      .description('the highest load that still meets the SLO, as an interval')
      .addOption(new Option('--vary <what>', `${VARIABLES.join(', ')} (default: rate)`).default('rate').argParser(oneOf(VARIABLES)))
      .option('--slo <threshold>', 'what must hold: "endToEnd.p99 < 100ms"; repeatable (default: the scenario’s thresholds)', collect, [])
      .option('--broker <url>', 'in place of the scenario’s brokers; repeatable, for a cluster', collect, [])
      .addOption(
        new Option('--from <share>', 'the first load, of the scenario’s own (default: 100%)').default(1).argParser(above0(parseShare)),
      )
      .addOption(new Option('--width <share>', 'how wide the interval may be (default: 5%)').default(0.05).argParser(above0(parseShare)))
      .addOption(
        new Option('--trial <time>', 'measure of trials on the way (default: 10s)').default(10 * US_PER_S).argParser(above0(parseDuration)),
      )
      .addOption(
        new Option('--confirm <time>', 'measure of trials that decide (default: 20s)')
          .default(20 * US_PER_S)
          .argParser(above0(parseDuration)),
      )
      .addOption(new Option('--cool-down <time>', 'between trials (default: 2s)').default(2 * US_PER_S).argParser(above0(parseDuration)))
      .addOption(new Option('--until <what>', 'generator: its limit is a result too').argParser(oneOf(['generator'] as const)))
      .addOption(new Option('--nodes <sizes>', 'one search for each size of the cluster: 1,2,4').argParser(nodes))
      .option('--each <command>', 'what makes the cluster so large: it gets the number as NODES')
      .addOption(new Option('--repeat <n>', 'so many searches of each size, trial by trial in turn').argParser(runCount))
      .addOption(
        new Option('--format <format>', `${CAPACITY_FORMATS.join(', ')} (default: text)`)
          .default('text')
          .argParser(oneOf(CAPACITY_FORMATS)),
      )
      .option('--out <folder>', 'where it goes, and from where a search that was cut short goes on (default: reports/search-NAME-TIME)')
      .option('--json', 'as JSON: --format json')
      .option('--force', 'begin anew in a folder that has a search')
      .option('--quiet', 'no progress'),
    false,
    { hasDuration: false },
  )
  addAgentOptions(searching, false).action(async (name: string, flags: SearchFlags) =>
    setExitCode(await (await import('./search.ts')).search(name, flags)),
  )
  program
    .command('size')
    .argument('<target>', 'a file with what the cluster is to carry and to survive, or the name of one that ships')
    .description('how large a cluster the target needs, from measured runs')
    .option('--from <path...>', 'runs and searches: report folders, report.json and search.json files, folders of them')
    .option('--set <path=value>', 'change a value of the target; repeatable', collect, [])
    .option('--allow <rule>', `let pass what is wrong with the runs: ${ALLOWANCES.join(', ')}; repeatable`, collect, [])
    .addOption(
      new Option('--format <format>', `${CAPACITY_FORMATS.join(', ')} (default: text)`).default('text').argParser(oneOf(CAPACITY_FORMATS)),
    )
    .option('--out <file>', 'where it goes (default: stdout)')
    .action(async (target: string, flags: SizeFlags) => setExitCode(await (await import('./size.ts')).size(target, flags)))
  return program
}

function port(text: string): number {
  const value = parseCount(text)
  if (typeof value === 'string' || value < 0 || value > LAST_PORT) throw new InvalidArgumentError(`expected a port, 0 to ${LAST_PORT}`)
  return value
}

/** `1,2,4` of --nodes. */
function nodes(text: string): number[] {
  const sizes = text.split(',').map(Number)
  if (sizes.every((size) => Number.isSafeInteger(size) && size > 0)) return sizes
  throw new InvalidArgumentError(`expected sizes such as 1,2,4, got ${text}`)
}

function oneOf<T extends string>(known: readonly T[]): (text: string) => T {
  return (text) => {
    const found = known.find((one) => one === text)
    if (found !== undefined) return found
    throw new InvalidArgumentError(`expected one of ${known.join(', ')}`)
  }
}

function inWords(error: MqttScaleError): string[] {
  const hint = error.hint === undefined ? [] : [`${paint.dim('hint:')} ${error.hint}`]
  // Each problem begins its line with its place, so that editors and terminals find it.
  if (error instanceof ScenarioError) {
    const count = error.problems.length
    return [
      error.message,
      `${paint.red('error:')} ${count === 1 ? 'this is' : `these ${count} are`} wrong in the ${error.what}; nothing was started`,
      ...hint,
    ]
  }
  return [`${paint.red('error:')} ${error.message}`, ...hint]
}
