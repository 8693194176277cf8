/**
 * The command line: commands and their help, errors in words, and what the process exits with.
 *
 * Commands return their exit code and throw what ends them early; this is the only place that turns either into the end of the process.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { ALLOWANCES } from '../capacity/evidence.ts'
import { SEARCH_FORMATS } from '../capacity/search-forms.ts'
import { SIZE_FORMATS } from '../capacity/size-formats.ts'
import { VARIABLES } from '../capacity/types.ts'
import { COMPARISON_FORMATS } from '../compare/formats.ts'
import { LIKENESSES } from '../compare/likeness.ts'
import { MqttScaleError, ScenarioError } from '../errors.ts'
import { REPORT_FORMATS } from '../report/formats.ts'
import { toolVersion } from '../report/host.ts'
import { parseCount, parseDuration, parseShare } from '../units.ts'
import { type AgentFlags, agent } from './agent.ts'
import { type CleanFlags, clean } from './clean.ts'
import { type CompareFlags, compare } from './compare.ts'
import { type DoctorFlags, doctor } from './doctor.ts'
import { WRONG } from './exit.ts'
import { init } from './init.ts'
import { above0, addControlOptions, addLoadOptions, addRunOptions, collect, type RunFlags, reportOption, runCount } from './options.ts'
import { plan } from './plan.ts'
import { type ReportFlags, report } from './report.ts'
import { run } from './run.ts'
import { DEFAULTS, parseNodes, type SearchFlags, search } from './search.ts'
import { type SinkFlags, sink } from './sink.ts'
import { type SizeFlags, size } from './size.ts'
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
    async (name: string, flags: RunFlags) => setExitCode(await run(name, flags)),
  )
  addRunOptions(
    program.command('plan').argument('<scenario>', SCENARIO).description('what the run would do and need, before a packet is sent'),
    true,
  ).action(async (name: string, flags: RunFlags) => setExitCode(await plan(name, flags)))
  program
    .command('doctor')
    .description('what this machine can hold, what limits it first, and what lifts that')
    .option('--json', 'as JSON')
    .option('--calibrate', 'measure first what it can do, for plan, run and later calls: about two and a half minutes')
    .action(async (flags: DoctorFlags) => setExitCode(await doctor(flags)))
  program
    .command('init')
    .argument('[name]', 'what the new file is called, or a scenario that ships', 'mqtt-scale')
    .description('copy a commented scenario to start from; never overwrites')
    .addHelpText('after', '\nThe first line of the file leads editors to the schema of this installation, for completion and checks.')
    .action((name: string) => init(name))
  program
    .command('clean')
    .argument('<run>', 'a report folder, or its report.json')
    .description('remove what a run left on the broker: persistent sessions and retained messages')
    .option('--broker <url>', 'in place of the brokers that the run had; repeatable', collect, [])
    .option('--set <path=value>', 'a user name or password: groups.NAME.password=…; repeatable', collect, [])
    .option('--quiet', 'errors only')
    .action(async (path: string, flags: CleanFlags) => setExitCode(await clean(path, flags)))
  program
    .command('report')
    .argument('<path...>', 'a report folder or its report.json; or folders with what agents of one run have kept')
    .description('make a report in another form')
    .addOption(
      new Option('--format <format>', `${REPORT_FORMATS.join(', ')} (default: text)`).default('text').argParser(oneOf(REPORT_FORMATS)),
    )
    .option('--out <file>', 'where it goes (default: stdout)')
    .action(async (paths: string[], flags: ReportFlags) => setExitCode(await report(paths, flags)))
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
  ).action(async (flags: AgentFlags) => setExitCode(await agent(flags)))
  program
    .command('sink')
    .description('acknowledge everything, as a broker would, to see what a generator can do')
    .addOption(new Option('--port <n>', 'where it listens, 0 for any (default: 1883)').default(1883).argParser(port))
    .addOption(new Option('--processes <n>', 'as many as the connections need (default: 1)').default(1).argParser(above0(parseCount)))
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, which nobody else can reach)', '127.0.0.1')
    .action(async (flags: SinkFlags) => setExitCode(await sink(flags)))
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
  ).action(async (what: string[], flags: CompareFlags) => setExitCode(await compare(what, flags)))
  addLoadOptions(
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
      .addOption(
        new Option('--width <share>', 'how wide the interval may be (default: 5%)').default(DEFAULTS.width).argParser(above0(parseShare)),
      )
      .addOption(
        new Option('--trial <time>', 'measure of trials on the way (default: 10s)')
          .default(DEFAULTS.trialUs)
          .argParser(above0(parseDuration)),
      )
      .addOption(
        new Option('--confirm <time>', 'measure of trials that decide (default: 20s)')
          .default(DEFAULTS.confirmUs)
          .argParser(above0(parseDuration)),
      )
      .addOption(
        new Option('--cool-down <time>', 'between trials (default: 2s)').default(DEFAULTS.coolDownUs).argParser(above0(parseDuration)),
      )
      .addOption(new Option('--until <what>', 'generator: its limit is a result too').argParser(oneOf(['generator'] as const)))
      .addOption(new Option('--nodes <sizes>', 'one search for each size of the cluster: 1,2,4').argParser(nodes))
      .option('--each <command>', 'what makes the cluster so large: it gets the number as NODES')
      .addOption(new Option('--repeat <n>', 'so many searches of each size, trial by trial in turn').argParser(runCount))
      .addOption(
        new Option('--format <format>', `${SEARCH_FORMATS.join(', ')} (default: text)`).default('text').argParser(oneOf(SEARCH_FORMATS)),
      )
      .option('--out <folder>', 'where it goes, and from where a search that was cut short goes on (default: reports/search-NAME-TIME)')
      .option('--force', 'begin anew in a folder that has a search')
      .option('--quiet', 'no progress'),
    false,
    { hasDuration: false },
  ).action(async (name: string, flags: SearchFlags) => setExitCode(await search(name, flags)))
  program
    .command('size')
    .argument('<target>', 'a file with what the cluster is to carry and to survive, or the name of one that ships')
    .description('how large a cluster the target needs, from measured runs')
    .option('--from <path...>', 'runs and searches: report folders, report.json and search.json files, folders of them')
    .option('--set <path=value>', 'change a value of the target; repeatable', collect, [])
    .option('--allow <rule>', `let pass what is wrong with the runs: ${ALLOWANCES.join(', ')}; repeatable`, collect, [])
    .addOption(new Option('--format <format>', `${SIZE_FORMATS.join(', ')} (default: text)`).default('text').argParser(oneOf(SIZE_FORMATS)))
    .option('--out <file>', 'where it goes (default: stdout)')
    .action((target: string, flags: SizeFlags) => setExitCode(size(target, flags)))
  return program
}

function port(text: string): number {
  const value = parseCount(text)
  if (typeof value === 'string' || value < 0 || value > LAST_PORT) throw new InvalidArgumentError(`expected a port, 0 to ${LAST_PORT}`)
  return value
}

function nodes(text: string): number[] {
  const sizes = parseNodes(text)
  if (typeof sizes === 'string') throw new InvalidArgumentError(sizes)
  return sizes
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
