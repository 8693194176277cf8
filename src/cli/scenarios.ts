/**
 * Where a scenario is: a file or, where there is no such file, one that ships.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../errors.ts'
import { nearest } from '../load/nearest.ts'
import type { Plan } from '../load/plan.ts'
import { loadScenario } from '../load/scenario.ts'
import { type LoadFlags, loadOptions } from './options.ts'

/** The same two folders up from src/cli and from dist/cli. */
export const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = join(PACKAGE, 'scenarios')

/** @throws UsageError  neither a file nor a scenario that ships, or it can't be read */
export function readScenario(name: string): { file: string; text: string } {
  const shipped = shippedScenario(name)
  const file = isFile(name) ? name : shipped === null ? null : asTyped(shipped)
  if (file === null) {
    const known = shippedScenarios()
    const found = nearest(bare(name), known)
    throw new UsageError(`no scenario ${name}: there is no such file, and none that ships is called so`, {
      hint: found === null ? `these ship: ${known.join(', ')}` : `did you mean ${found}? These ship: ${known.join(', ')}`,
    })
  }
  try {
    return { file, text: readFileSync(file, 'utf8') }
  } catch (cause) {
    throw new UsageError(`can't read ${file} (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}

/** @throws UsageError, ScenarioError  there is none, or it is wrong */
export function loadPlan(name: string, flags: LoadFlags): Plan {
  const { file, text } = readScenario(name)
  return loadScenario(file, text, loadOptions(flags))
}

/** Path of a scenario that ships, or null: `quickstart`, `mqttbs/p2p-1k`, `scenarios/10m.yaml`. */
export function shippedScenario(name: string): string | null {
  return shippedScenarios().includes(bare(name)) ? join(FOLDER, `${bare(name)}.yaml`) : null
}

/** Targets of `size` stand beside the scenarios that calibrate for them. */
const TARGET = '.target.yaml'

/** Path of a target: a file or, where there is none, one that ships: `sizing/10m`. */
export function targetFile(name: string): string {
  const shipped = join(FOLDER, bare(name).replace(/\.target$/, '') + TARGET)
  return !isFile(name) && isFile(shipped) ? asTyped(shipped) : name
}

/** Names of the scenarios that ship. */
export function shippedScenarios(): string[] {
  const names = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.yaml') && !name.endsWith(TARGET))
    .map((name) => bare(name.replaceAll('\\', '/')))
    .sort()
}

/** A path as a user would type it from here. */
export function asTyped(path: string): string {
  const near = relative(process.cwd(), path)
  return near === '' || near.startsWith('..') || isAbsolute(near) ? path : near
}

function bare(name: string): string {
  return name.replace(/^(\.\/)?scenarios\//, '').replace(/\.ya?ml$/, '')
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}
