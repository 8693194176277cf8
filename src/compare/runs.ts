/**
 * The runs of one side, as somebody names them: reports, report folders, or folders with report folders in them.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { readReport } from '../report/read.ts'
import type { Report } from '../report/types.ts'

export interface Run {
  /** As the user would name it. */
  readonly path: string
  readonly report: Report
}

export type Side = 'base' | 'candidate'

/**
 * In the order of their starts.
 *
 * @throws UsageError  a path has no report, or one that can't be read, or two are of the same run
 */
export function readRuns(paths: readonly string[]): Run[] {
  const runs = paths.flatMap(reportsAt).map((path) => ({ path, report: readReport(path) }))
  return runs.toSorted((a, b) => Date.parse(a.report.run.startedAt) - Date.parse(b.report.run.startedAt))
}

/** A report that is counted twice makes two runs look alike that are one. */
export function checkDistinct(runs: readonly Run[]): void {
  for (const [i, { path, report }] of runs.entries()) {
    const { id, startedAt } = report.run
    const twin = runs.slice(0, i).find(({ report: { run } }) => run.id === id && run.startedAt === startedAt)
    if (twin) throw new UsageError(`${twin.path} and ${path} are one run, ${id}`, { hint: 'name each run once, on one side' })
  }
}

/** `10` comes after `9`. */
const BY_NAME = new Intl.Collator('en', { numeric: true })

function reportsAt(path: string): string[] {
  if (!isFolder(path) || isReportFolder(path)) return [path]
  const found = readdirSync(path)
    .sort(BY_NAME.compare)
    .map((name) => join(path, name))
    .filter((inner) => isReportFolder(inner) || /(^|\/)report[^/]*\.json$/.test(inner) || isCutShort(inner))
  if (found.length > 0) return found
  throw new UsageError(`${path} holds no report`, { hint: 'name report folders, report.json files, or a folder of them' })
}

function isReportFolder(path: string): boolean {
  return isFolder(path) && existsSync(join(path, 'report.json'))
}

/** A run that was killed has its record, and no report: left out in silence it would make its side look better. */
function isCutShort(path: string): boolean {
  if (!isFolder(path) || !existsSync(join(path, 'timeline.ndjson'))) return false
  throw new UsageError(`${path} has no report: its run did not end`, { hint: 'make the run again, or move the folder away' })
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    // Nothing there, or a link that leads nowhere.
    return false
  }
}
