/**
 * The command line: commands and their help, errors in words, and what the process exits with.
 *
 * Commands return their exit code and throw what ends them early; this is the only place that turns either into the end of the process.
 */
import { Command, CommanderError } from 'commander'
import { MqttScaleError, ScenarioError } from '../errors.ts'
import { toolVersion } from '../report/host.ts'
import { type CleanFlags, clean } from './clean.ts'
import { init } from './init.ts'
import { addRunOptions, collect, later, type RunFlags } from './options.ts'
import { plan } from './plan.ts'
import { run } from './run.ts'
import { outliveReaders, paint, say } from './terminal.ts'

const BUG = 1
const WRONG = 2
const SCENARIO = 'a file, or the name of a scenario that ships'
const LATER = ['search', 'size', 'compare', 'report', 'agent', 'doctor', 'sink'] as const

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
  ).action((name: string, flags: RunFlags) => setExitCode(plan(name, flags)))
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
  for (const name of LATER) {
    program
      .command(name, { hidden: true })
      .description('not in this version')
      .argument('[anything...]')
      .allowUnknownOption()
      .action(later(name))
  }
  return program
}

function inWords(error: MqttScaleError): string[] {
  const hint = error.hint === undefined ? [] : [`${paint.dim('hint:')} ${error.hint}`]
  // Each problem begins its line with its place, so that editors and terminals find it.
  if (error instanceof ScenarioError) {
    const count = error.problems.length
    return [
      error.message,
      `${paint.red('error:')} ${count === 1 ? 'this is' : `these ${count} are`} wrong in the scenario; nothing was started`,
      ...hint,
    ]
  }
  return [`${paint.red('error:')} ${error.message}`, ...hint]
}
