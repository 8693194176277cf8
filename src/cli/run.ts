/**
 * `mqtt-scale run SCENARIO`: from the scenario to a report folder and a summary.
 *
 * Nothing measured may be lost: where the folder can't be written, the report goes to stdout.
 */
import { readdirSync } from 'node:fs'
import { renderText } from '../report/text.ts'
import { newFolder, REPORTS } from './folders.ts'
import { type Ran, runOnce } from './once.ts'
import type { RunFlags } from './options.ts'
import { repeat } from './repeat.ts'
import { asTyped } from './scenarios.ts'
import { columns, hasColor, paint, print, say, TOOL } from './terminal.ts'

/** @returns what the process exits with */
export async function run(name: string, flags: RunFlags): Promise<number> {
  if (flags.repeat !== undefined) return repeat(name, flags, flags.repeat)
  const isFirst = flags.out === undefined && !hasReports()
  const ran = await runOnce(name, flags, {
    folder: (plan, startedAt) => flags.out ?? newFolder(plan.name, startedAt),
    isLast: true,
  })
  tell(ran, flags)
  if (isFirst && !flags.json && !flags.quiet && ran.failures.length === 0) print(nextSteps(name))
  return ran.exitCode
}

function tell({ report, folder, failures }: Ran, flags: RunFlags): void {
  const json = () => print(`${JSON.stringify(report, null, 2)}\n`)
  for (const failure of failures) say(`${paint.red('error:')} ${failure}${flags.json ? '' : '; the report follows on stdout'}`)
  if (flags.json || failures.length > 0) json()
  if (flags.json || flags.quiet) return
  if (failures.length > 0) say(renderText(report, { color: hasColor.stderr, width: columns(), folder: null }))
  else print(renderText(report, { color: hasColor.stdout, width: columns(), folder: asTyped(folder) }))
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
