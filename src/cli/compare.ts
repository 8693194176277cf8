/**
 * `mqtt-scale compare`: base runs against candidate runs, or (`--aa`) runs against themselves. With `--ab` it makes the runs first.
 */
import { dirname } from 'node:path'
import { compareWithThemselves } from '../compare/aa.ts'
import { type CompareOptions, compare as compareRuns } from '../compare/compare.ts'
import { rendered, renderedSelf } from '../compare/formats.ts'
import { parseGate } from '../compare/gates.ts'
import { readRuns } from '../compare/runs.ts'
import {
  AA_FORMATS,
  type AaFormat,
  type Comparison,
  type ComparisonFormat,
  LIKENESSES,
  type Likeness,
  type Verdict,
} from '../compare/types.ts'
import { UsageError } from '../errors.ts'
import { nearest } from '../load/nearest.ts'
import { makeBoth } from './ab.ts'
import { checkWritable } from './once.ts'
import type { RunFlags } from './options.ts'
import { PLAIN, writeOutput } from './output.ts'
import { columns, hasColor, print } from './terminal.ts'

/** What makes runs is of --ab only. */
export interface CompareFlags extends Omit<RunFlags, 'report'> {
  readonly base?: readonly string[]
  readonly candidate?: readonly string[]
  readonly aa?: string
  readonly ab?: boolean
  readonly runs?: number
  readonly gate: readonly string[]
  readonly allow: readonly string[]
  readonly format: ComparisonFormat
  readonly report: readonly { readonly format: ComparisonFormat; readonly file: string }[]
}

const EXIT_CODES: Readonly<Record<Verdict, number>> = { regression: 3, failed: 3, inconclusive: 5, ok: 0, improvement: 0, notGated: 0 }

/**
 * @param names  of --ab: two brokers and a scenario, or two scenarios
 * @returns what the process exits with
 */
export async function compare(names: readonly string[], flags: CompareFlags): Promise<number> {
  const options = { gates: flags.gate.map(parseGate), allowed: flags.allow.map(likeness) }
  const ways = [flags.ab, flags.aa, flags.base ?? flags.candidate].filter((way) => way !== undefined).length
  if (ways !== 1)
    throw new UsageError('say what to compare', { hint: '--base DIR --candidate DIR; or --aa DIR; or --ab BROKER BROKER SCENARIO' })
  if (names.length > 0 && !flags.ab) throw new UsageError(`${names[0]} is on no side`, { hint: 'name it behind --base or --candidate' })
  const stray = OF_AB.find((flag) => hasValue(flags[flag]))
  if (!flags.ab && stray !== undefined) throw new UsageError(`--${stray} is of --ab: no runs are made here`)
  for (const { file } of flags.report) checkWritable(dirname(file))
  if (flags.aa !== undefined) return compareSelf(flags.aa, flags, options)
  if (flags.ab) return compareBoth(names, flags, options)
  const { base, candidate } = flags
  if (!base || !candidate) throw new UsageError(`--${base ? 'candidate' : 'base'} is missing`, { hint: 'name the runs of both sides' })
  return tell(compareRuns(readRuns(base), readRuns(candidate), options), flags)
}

/** What says how runs are made. */
const OF_AB = [
  'runs',
  'out',
  'force',
  'set',
  'scale',
  'seed',
  'duration',
  'workers',
  'processes',
] as const satisfies readonly (keyof CompareFlags)[]

function hasValue(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined
}

async function compareBoth(names: readonly string[], flags: CompareFlags, options: CompareOptions): Promise<number> {
  const { base, candidate, notes, exitCode } = await makeBoth(names, flags, options)
  if (exitCode !== 0) return exitCode
  // Which brokers are compared was said on the command line, or in the scenarios that are named there.
  return tell(compareRuns(base, candidate, { ...options, between: ['broker'], notes }), flags)
}

function compareSelf(path: string, flags: CompareFlags, options: CompareOptions): number {
  const form = (format: ComparisonFormat): AaFormat => {
    const known = AA_FORMATS.find((one) => one === format)
    if (known !== undefined) return known
    throw new UsageError(`--aa has no ${format}`, { hint: `it has ${AA_FORMATS.join(', ')}` })
  }
  const formats = [flags.format, ...flags.report.map(({ format }) => format)].map(form)
  const self = compareWithThemselves(readRuns([path]), options)
  for (const [i, { file }] of flags.report.entries()) writeOutput(file, renderedSelf(self, formats[i + 1]!, PLAIN), '--report')
  print(renderedSelf(self, formats[0]!, { color: hasColor.stdout, width: columns() }))
  return 0
}

function tell(comparison: Comparison, { format, report }: CompareFlags): number {
  print(rendered(comparison, format, { color: hasColor.stdout, width: columns() }))
  for (const output of report) writeOutput(output.file, rendered(comparison, output.format, PLAIN), '--report')
  return EXIT_CODES[comparison.verdict]
}

function likeness(text: string): Likeness {
  const known = LIKENESSES.find((one) => one === text)
  if (known !== undefined) return known
  const found = nearest(text, LIKENESSES)
  throw new UsageError(`--allow ${text}: there is no such rule`, {
    hint: found ? `did you mean ${found}?` : `known: ${LIKENESSES.join(', ')}`,
  })
}
