/**
 * The report folder, written while the run goes on: a run that is killed leaves what it measured up to then.
 *
 * A disk that is full must not end the run nor hide its result: the first failure is kept and told at the end, and the report is offered in
 * another way by whoever holds it.
 */
import { appendFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EnvironmentError, UsageError } from '../errors.ts'
import { thousandths } from '../units.ts'
import { HlogWriter } from './hlog.ts'
import { renderHtml } from './html.ts'
import type { Report, TimelineRow } from './types.ts'

/** Written as the run goes on. */
const LOGS = ['timeline.ndjson', 'events.ndjson', 'histograms.hlog'] as const
/** As the run goes on too, where there are readings of nodes. */
const READINGS = 'metrics.ndjson'

/** With those above it. Node's own way to do that never ends below /proc. */
export function makeFolder(path: string): void {
  if (!existsSync(dirname(path))) makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error
  }
}

export class ReportFolder {
  readonly path: string
  readonly hlog: HlogWriter
  /** Why the folder is not whole; null: it is. */
  failure: string | null = null

  /**
   * Makes the folder, or empties an old one's logs.
   *
   * @throws UsageError  there is a report and `force` is not given
   * @throws EnvironmentError  the folder can't be written
   */
  constructor(path: string, force: boolean, startedAt: Date) {
    this.path = path
    if (existsSync(join(path, 'report.json')) && !force) {
      throw new UsageError(`${path} has a report already`, { hint: 'give another folder with --out, or --force to write over it' })
    }
    try {
      makeFolder(path)
      for (const name of ['report.json', 'report.html', READINGS]) rmSync(join(path, name), { force: true })
      for (const name of LOGS) writeFileSync(join(path, name), '')
    } catch (cause) {
      throw new EnvironmentError(`can't write to ${path} (${(cause as NodeJS.ErrnoException).code})`, {
        cause,
        hint: 'choose a folder with --out',
      })
    }
    this.hlog = new HlogWriter((line) => this.append('histograms.hlog', line), startedAt)
  }

  timeline(row: TimelineRow): void {
    this.append('timeline.ndjson', `${JSON.stringify(row)}\n`)
  }

  /** What a node told of itself. */
  reading(row: object): void {
    this.append(READINGS, `${JSON.stringify(row)}\n`)
  }

  /** Phases, faults, first errors and the end. */
  event(tS: number, event: string, details: object = {}): void {
    this.append('events.ndjson', `${JSON.stringify({ tS: thousandths(tS), event, ...details })}\n`)
  }

  /** Writes report.json and report.html. */
  finish(report: Report): void {
    this.attempt('report.json', () => writeFileSync(join(this.path, 'report.json'), `${JSON.stringify(report, null, 2)}\n`))
    const files = ['report.json', ...LOGS, ...(existsSync(join(this.path, READINGS)) ? [READINGS] : [])]
    this.attempt('report.html', () => writeFileSync(join(this.path, 'report.html'), renderHtml(report, { files })))
  }

  private append(name: string, text: string): void {
    this.attempt(name, () => appendFileSync(join(this.path, name), text))
  }

  private attempt(name: string, write: () => void): void {
    try {
      write()
    } catch (error) {
      this.failure ??= `${join(this.path, name)} could not be written (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`
    }
  }
}
