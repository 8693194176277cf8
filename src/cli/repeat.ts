/**
 * `mqtt-scale run SCENARIO --repeat N`: runs one after the other, as one side of a comparison. Each has a folder of its own below one for all.
 *
 * A series is whole or it is cut short: an interrupt and a broker that takes nobody end it, since what would come after is not of the same kind.
 * What was run until then stands.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, parse } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Report } from '../report/types.ts'
import type { LatencySummary } from '../stats/histogram.ts'
import { formatCount, formatDuration, formatShare } from '../units.ts'
import { exitCodeOf, INTERRUPTED, WRONG } from './exit.ts'
import { newFolder } from './folders.ts'
import { type Ran, runOnce } from './once.ts'
import type { RunFlags } from './options.ts'
import { asTyped } from './scenarios.ts'
import { type Row, section } from './section.ts'
import { onSignals } from './signals.ts'
import { paint, print, say, TOOL } from './terminal.ts'

const REPORT_FILES = ['report.json', 'report.html']

/** @returns what the process exits with: the first code that applies to any of the runs */
export async function repeat(name: string, flags: RunFlags, count: number): Promise<number> {
  let root = flags.out
  if (root !== undefined) clear(root, flags.force === true)
  const ran: Ran[] = []
  const ending = new AbortController()
  const stopListening = listen(ending)
  try {
    for (let number = 1; number <= count && !ending.signal.aborted && goesOn(ran); number++) {
      if (!flags.quiet) say(`${paint.bold(`run ${number} of ${count}`)}`)
      const once = await runOnce(name, flagsOf(flags, number), {
        folder: (plan, startedAt) => join((root ??= newFolder(plan.name, startedAt)), String(number)),
        isLast: number === count,
        signal: ending.signal,
      })
      ran.push(once)
      tellOne(once, flags)
    }
  } finally {
    stopListening()
    // What stands in the way of one of them must not hide those before it.
    if (ran.length > 0) tellAll(ran, root!, flags, count)
  }
  return exitCodeOf([...ran.map(({ exitCode }) => exitCode), ...(ending.signal.aborted ? [INTERRUPTED] : [])])
}

/** Of a series: as in a run the third signal ends the process. */
export function listen(ending: AbortController): () => void {
  let count = 0
  const stop = onSignals(() => {
    ending.abort()
    if (++count === 2) stop()
  })
  return stop
}

function goesOn(ran: readonly Ran[]): boolean {
  const last = ran.at(-1)
  return last === undefined || ![WRONG, INTERRUPTED].includes(last.exitCode)
}

/**
 * Reports of an earlier series would be taken for runs of this one.
 *
 * @throws UsageError  there are some, and `force` is not given
 */
export function clear(root: string, force: boolean): void {
  if (existsSync(root) && !statSync(root).isDirectory())
    throw new UsageError(`${root} is no folder`, { hint: 'give another one with --out' })
  const numbers = existsSync(root) ? readdirSync(root).filter((name) => /^\d+$/.test(name)) : []
  const folders = [root, ...numbers.map((name) => join(root, name))].filter((path) => existsSync(join(path, 'report.json')))
  if (folders.length > 0 && !force) {
    throw new UsageError(`${folders[0]} has a report already`, { hint: 'give another folder with --out, or --force to write over it' })
  }
  for (const path of folders) for (const file of REPORT_FILES) rmSync(join(path, file), { force: true })
}

/** Files of --report get the run's number: `page.html` is `page-1.html`. */
function flagsOf(flags: RunFlags, number: number): RunFlags {
  const numbered = (file: string) => {
    const { dir, name, ext } = parse(file)
    return join(dir, `${name}-${number}${ext}`)
  }
  return { ...flags, report: flags.report.map(({ format, file }) => ({ format, file: numbered(file) })) }
}

function tellOne({ report, failures }: Ran, flags: RunFlags): void {
  for (const failure of failures) say(`${paint.red('error:')} ${failure}${flags.json ? '' : '; the reports follow on stdout'}`)
  if (flags.quiet) return
  const { endToEndUs } = report
  say(`${report.status}: end-to-end p50 ${latency(endToEndUs, 'p50')}, p99 ${latency(endToEndUs, 'p99')}`)
}

function tellAll(ran: readonly Ran[], root: string, flags: RunFlags, count: number): void {
  const reports = ran.map(({ report }) => report)
  const isWhole = ran.every(({ failures }) => failures.length === 0)
  if (flags.json || !isWhole) print(`${JSON.stringify(reports, null, 2)}\n`)
  if (flags.json || flags.quiet) return
  const text = summary(ran, root, count)
  if (isWhole) print(text)
  else say(text)
}

type Quantile = 'p50' | 'p99'
const COLUMNS: readonly (readonly [head: string, of: (report: Report) => LatencySummary, quantile: Quantile])[] = [
  ['e2e p50', (report) => report.endToEndUs, 'p50'],
  ['e2e p99', (report) => report.endToEndUs, 'p99'],
  ['ack p99', (report) => report.ackUs, 'p99'],
  ['connect p99', (report) => report.connectUs, 'p99'],
]

function summary(ran: readonly Ran[], root: string, count: number): string {
  const rows: Row[] = ran.map(({ report, folder }, i) => [
    String(i + 1),
    report.status,
    ...COLUMNS.map(([, of, quantile]) => latency(of(report), quantile)),
    formatCount(report.deliveries.lost),
    asTyped(folder),
  ])
  const reports = ran.map(({ report }) => report)
  const spread = ['spread', '', ...COLUMNS.map(([, of, quantile]) => spreadOf(reports.map(of), quantile)), '', '']
  const reasons = ran.flatMap(({ report }, i) => (report.reasons.length > 0 ? [`${i + 1}: ${report.reasons[0]}`] : []))
  const title = `${ran[0]!.report.run.scenario} · ${ran.length === count ? '' : `${ran.length} of `}${count} ${count === 1 ? 'run' : 'runs'}`
  const head = ['', '', ...COLUMNS.map(([name]) => name), 'lost', '']
  const table = section(title, head, ran.length > 1 ? [...rows, spread] : rows, reasons).trimStart()
  return `${table}\n\nCompare with runs made in the same way, of another broker, version or setting\n  ${TOOL} compare --base ${asTyped(root)} --candidate …\n`
}

function latency(summary: LatencySummary, quantile: Quantile): string {
  if (summary.count === 0) return '-'
  const value = summary[quantile]
  return value === null ? '∞' : formatDuration(value)
}

/** By how much the highest is above the lowest. */
function spreadOf(summaries: readonly LatencySummary[], quantile: Quantile): string {
  const values = summaries.map((summary) => (summary.count === 0 ? null : summary[quantile])).filter((value) => value !== null)
  const lowest = Math.min(...values)
  return values.length < summaries.length || lowest === 0 ? '-' : formatShare(Math.max(...values) / lowest - 1)
}
