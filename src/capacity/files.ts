/**
 * What lies under the paths of --from: reports and searches, wherever below a folder they are, and the trials beside a search.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { checkDistinct, type Run } from '../compare/runs.ts'
import { UsageError } from '../errors.ts'
import { readReport } from '../report/read.ts'
import { SEARCH_SCHEMA, type SearchReport } from './types.ts'

export interface Search {
  /** As the user would name it. */
  readonly path: string
  readonly report: SearchReport
  /** Of the reports of its trials, where they are there, by the path that the search has for them. */
  readonly trials: ReadonlyMap<string, Run>
}

export interface Sources {
  /** Those of trials too. */
  readonly runs: readonly Run[]
  readonly searches: readonly Search[]
}

/** @throws UsageError  a path has nothing, or something that can't be read; or two are of one run or one search */
export function readSources(paths: readonly string[]): Sources {
  const files = [...new Set(paths.flatMap(filesAt))]
  const kinds = files.map((file) => ({ file, isSearch: isSearch(file) }))
  const found = kinds.filter((one) => one.isSearch).map(({ file }) => ({ path: file, report: readSearch(file) }))
  checkDistinctSearches(found)
  // What lies among a search's trials and is none of them was cut short, and is made again where the search goes on.
  const isTrial = (file: string) => found.some(({ path }) => file.startsWith(`${join(dirname(path), 'trials')}/`))
  const named = kinds.filter((one) => !one.isSearch && !isTrial(one.file)).map(({ file }) => file)
  const beside = found
    .flatMap(({ path, report }) => trialsOf(report).map((trial) => reportAt(path, trial)))
    .filter((file) => existsSync(file))
  const runs = [...new Set([...named, ...beside])].map((path) => ({ path, report: readReport(path) }))
  checkDistinct(runs)
  const byPath = new Map(runs.map((run) => [run.path, run]))
  const searches = found.map(({ path, report }): Search => {
    const trials = trialsOf(report).flatMap((trial): [string, Run][] => {
      const run = byPath.get(reportAt(path, trial))
      return run === undefined ? [] : [[trial, run]]
    })
    return { path, report, trials: new Map(trials) }
  })
  return { runs, searches }
}

/** As the search has their paths. */
function trialsOf({ series }: SearchReport): string[] {
  return series.flatMap(({ trials }) => trials.map(({ path }) => path))
}

/** Of a trial, which lies beside its search. */
function reportAt(search: string, trial: string): string {
  return join(dirname(search), trial, 'report.json')
}

/** A copy of a search is no second measurement. */
function checkDistinctSearches(searches: readonly Pick<Search, 'path' | 'report'>[]): void {
  for (const [i, { path, report }] of searches.entries()) {
    const { startedAt, scenarioHash } = report
    const twin = searches.slice(0, i).find(({ report: one }) => one.startedAt === startedAt && one.scenarioHash === scenarioHash)
    if (twin) throw new UsageError(`${twin.path} and ${path} are one search, of ${startedAt}`, { hint: 'name each search once' })
  }
}

/** `10` comes after `9`. */
const BY_NAME = new Intl.Collator('en', { numeric: true })
const NAMES = ['report.json', 'search.json']

function filesAt(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw new UsageError(`there is no ${path}`, { hint: HINT })
  if (!stat.isDirectory()) return [normalize(path)]
  const found = (readdirSync(path, { recursive: true, encoding: 'utf8' }) as string[])
    .filter((name) => NAMES.some((known) => name === known || name.endsWith(`/${known}`)))
    .sort(BY_NAME.compare)
    .map((name) => join(path, name))
  if (found.length === 0) throw new UsageError(`${path} holds neither a report nor a search`, { hint: HINT })
  return found
}

const HINT = 'name report folders, report.json or search.json files, or folders of them'

function isSearch(file: string): boolean {
  return String(parse(file)?.schema).startsWith('mqtt-scale/search@')
}

function readSearch(file: string): SearchReport {
  const search = parse(file)!
  if (search.schema === SEARCH_SCHEMA && Array.isArray(search.series) && Array.isArray(search.slo)) return search as SearchReport
  throw new UsageError(`${file} is of schema ${search.schema}, and this version of mqtt-scale reads ${SEARCH_SCHEMA}`, { hint: HINT })
}

/** null: it is not JSON, which `readReport` says in its words. */
function parse(file: string): Partial<Record<keyof SearchReport, unknown>> | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}
