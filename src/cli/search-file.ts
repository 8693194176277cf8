/**
 * `search.json`: what a search has come to, written after each trial, and read where one that was cut short goes on.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rendered } from '../capacity/search-forms.ts'
import type { SearchReport } from '../capacity/types.ts'
import { EnvironmentError, UsageError } from '../errors.ts'
import { makeFolder } from '../report/folder.ts'
import { PLAIN } from './output.ts'
import { asTyped } from './scenarios.ts'

/** What is to be searched, and how. */
export type Wanted = Omit<SearchReport, 'startedAt' | 'series' | 'scaling'>

const FILE = 'search.json'
/** How a user says it. */
const WORDS: Readonly<Record<string, string>> = {
  scenarioHash: 'scenario',
  tool: 'version of mqtt-scale',
  trialS: '--trial',
  confirmS: '--confirm',
  brokers: '--broker',
}
const OTHERWISE = 'give another folder with --out, or --force to begin anew'

/**
 * Makes the folder; takes from it what there is of this search.
 *
 * @throws UsageError  there is a search that is over, or another one
 */
export function openSearch(root: string, wanted: Wanted, force: boolean): SearchReport {
  const file = join(root, FILE)
  const before = !force && existsSync(file) ? readBefore(root, file, wanted) : null
  try {
    if (force) {
      rmSync(file, { force: true })
      rmSync(join(root, 'trials'), { recursive: true, force: true })
    }
    makeFolder(join(root, 'trials'))
  } catch (cause) {
    throw new UsageError(`can't make the folder ${root} (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
      hint: 'name another with --out',
    })
  }
  return before ?? { ...wanted, startedAt: new Date().toISOString(), series: [], scaling: null }
}

/** Whole or not at all: whoever is ended while it writes has the file of before. @throws EnvironmentError */
export function writeSearch(root: string, report: SearchReport): void {
  try {
    writeFileSync(join(root, `${FILE}.new`), rendered(report, 'json', PLAIN))
    renameSync(join(root, `${FILE}.new`), join(root, FILE))
    if (report.series.length > 0) writeFileSync(join(root, 'search.html'), rendered(report, 'html', PLAIN))
  } catch (cause) {
    throw new EnvironmentError(`can't write to ${asTyped(root)} (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
      hint: 'make room, and start the search again: it goes on',
    })
  }
}

function readBefore(root: string, file: string, wanted: Wanted): SearchReport {
  let before: SearchReport | null = null
  try {
    before = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // As what is no search.
  }
  if (before?.schema !== wanted.schema || !Array.isArray(before.series))
    throw new UsageError(`${file} is not that of a search`, { hint: OTHERWISE })
  const others = [...differences(before, wanted), ...differences(before.asked, wanted.asked)]
  if (others.length > 0) {
    const words = others.map((key) => WORDS[key] ?? `--${key}`)
    throw new UsageError(`${root} has another search: not the same ${words.join(', ')}`, { hint: OTHERWISE })
  }
  const isOver = before.series.length === searchesOf(wanted) && before.series.every(({ status }) => status !== 'interrupted')
  if (isOver) throw new UsageError(`${root} has a search that is over`, { hint: OTHERWISE })
  return before
}

function searchesOf({ asked: { nodes, repeat } }: Wanted): number {
  return (nodes?.length ?? 1) * repeat
}

/** Names of what is asked for and differs. */
function differences<T extends object>(before: T | undefined, wanted: T): string[] {
  const keys = (Object.keys(wanted) as (keyof T & string)[]).filter((key) => key !== 'asked' && key !== 'scenario')
  return keys.filter((key) => JSON.stringify(before?.[key]) !== JSON.stringify(wanted[key]))
}
