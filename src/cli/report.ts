/**
 * `mqtt-scale report PATH…`: a report in another form; from a run's report, or from the journals that its agents kept.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { findJournals } from '../control/journal.ts'
import { mergeJournals } from '../control/merge.ts'
import { EnvironmentError, UsageError } from '../errors.ts'
import { rendered } from '../report/formats.ts'
import { readReport } from '../report/read.ts'
import type { Report, ReportFormat } from '../report/types.ts'
import { PLAIN, writeOutput } from './output.ts'
import { columns, hasColor, print } from './terminal.ts'

export interface ReportFlags {
  readonly format: ReportFormat
  readonly out?: string
}

/**
 * @returns 0, or what a run with that outcome exits with where it is made of journals
 * @throws EnvironmentError, UsageError  a path has nothing of it: a report that silently lacks an agent would be wrong
 */
export async function report(paths: readonly string[], { format, out }: ReportFlags): Promise<number> {
  const found = paths.map((path) => (isFolder(path) && !hasReport(path) ? findJournals(path) : []))
  if (paths.length === 1 && found[0]!.length === 0) {
    write(readReport(paths[0]!), format, out)
    return 0
  }
  const hint = 'name one report, or folders of agents of one run'
  for (const path of paths) if (!existsSync(path)) throw new EnvironmentError(`there is no ${path}`, { hint })
  if (found.every((journals) => journals.length === 0)) throw new UsageError('several reports are not one', { hint })
  const empty = found.findIndex((journals) => journals.length === 0)
  if (empty >= 0) throw new EnvironmentError(`${paths[empty]} holds nothing that an agent has kept`, { hint })
  const { report, exitCode } = await mergeJournals(found.flat())
  write(report, format, out)
  return exitCode
}

function write(report: Report, format: ReportFormat, out: string | undefined): void {
  if (out === undefined) print(rendered(report, format, { color: hasColor.stdout, width: columns() }))
  else writeOutput(out, rendered(report, format, PLAIN), '--out')
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function hasReport(folder: string): boolean {
  return statSync(join(folder, 'report.json'), { throwIfNoEntry: false }) !== undefined
}
