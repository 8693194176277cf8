/**
 * `mqtt-scale size TARGET --from PATH…`: how large a cluster the target needs, from measured runs; or which runs it would take to say so.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { evidenceOf } from '../capacity/evidence.ts'
import { readSources } from '../capacity/files.ts'
import { size as sizeOf } from '../capacity/size.ts'
import { rendered } from '../capacity/size-formats.ts'
import { loadOf, readTarget, type Target } from '../capacity/target.ts'
import { ALLOWANCES, type Allowance, type CapacityFormat } from '../capacity/types.ts'
import { UsageError } from '../errors.ts'
import { ScenarioDocument } from '../load/document.ts'
import { isMap } from '../load/fields.ts'
import { loadScenario, NO_OPTIONS } from '../load/scenario.ts'
import { PLAIN, writeOutput } from './output.ts'
import { readScenario, targetFile } from './scenarios.ts'
import { columns, hasColor, print } from './terminal.ts'

export interface SizeFlags {
  readonly from?: readonly string[]
  readonly set: readonly string[]
  readonly allow: readonly string[]
  readonly format: CapacityFormat
  readonly out?: string
}

const INCONCLUSIVE = 5

/** @returns what the process exits with */
export function size(name: string, { from = [], set, allow, format, out }: SizeFlags): number {
  const file = targetFile(name)
  const target = readTarget(file, read(file), set)
  const load = loadOfTarget(target, file)
  const sizing = sizeOf(target, load, evidenceOf(readSources(from), target.sloKeys, allow.map(allowance)))
  if (out === undefined) print(rendered(sizing, format, { color: hasColor.stdout, width: columns() }))
  else writeOutput(out, rendered(sizing, format, PLAIN), '--out')
  return sizing.verdict === 'decided' ? 0 : INCONCLUSIVE
}

function allowance(text: string): Allowance {
  const known = ALLOWANCES.find((one) => one === text)
  if (known !== undefined) return known
  throw new UsageError(`--allow ${text}: there is no such rule`, { hint: `known: ${ALLOWANCES.join(', ')}` })
}

/** A scenario of a target is a file, from the target's folder, or one that ships. */
function loadOfTarget(target: Target, file: string) {
  if (target.load === undefined) return loadOf(target, null, () => 0)
  const near = join(dirname(file), target.load)
  const scenario = existsSync(near) ? { file: near, text: read(near) } : readScenario(target.load)
  // Where it would run does not matter, but one that the embedded broker can't take has to have brokers, and to cross nodes takes two.
  const brokers = hasBrokers(scenario.file, scenario.text) ? [] : ['mqtt://one', 'mqtt://another']
  const plan = loadScenario(scenario.file, scenario.text, { ...NO_OPTIONS, brokers })
  return loadOf(target, plan, (path) => statSync(resolve(dirname(scenario.file), path)).size)
}

/** Its groups may be placed by their names. */
function hasBrokers(file: string, text: string): boolean {
  const { value } = new ScenarioDocument(file, text, [])
  return isMap(value) && Array.isArray(value.brokers) && value.brokers.length > 0
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UsageError(`can't read ${file} (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
      hint: 'name a target, such as sizing/10m, which ships',
    })
  }
}
