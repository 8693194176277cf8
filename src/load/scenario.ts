/**
 * From the scenario's text to the plan: the one place where a scenario is judged.
 *
 * The schema judges every key alone (`issues.ts` says what it found), `check.ts` what hangs together, `files.ts` what is named outside. All problems
 * are reported at once, but for echoes: what is around a refused value is not judged further.
 */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { assert } from '../errors.ts'
import { buildPlan } from './build.ts'
import { checkScenario } from './check.ts'
import { type Path, ScenarioDocument } from './document.ts'
import { isMap } from './fields.ts'
import { checkFiles } from './files.ts'
import { isWithin, readSchema } from './issues.ts'
import { nodesOf } from './nodes.ts'
import type { GroupPlan, Plan } from './plan.ts'
import { scenario as schema } from './schema.ts'

/** What the command line changes of a scenario. */
export interface LoadOptions {
  /** URLs of --broker: they take the scenario's node names in order, then node-3 … */
  readonly brokers: readonly string[]
  /** `path=value` of --set. */
  readonly set: readonly string[]
  /** 0.1 for --scale 10%; above 0. */
  readonly scale: number | null
  readonly seed: number | null
  /** Length of measure. */
  readonly durationUs: number | null
}

export const NO_OPTIONS: LoadOptions = { brokers: [], set: [], scale: null, seed: null, durationUs: null }

/**
 * The plan of a scenario, frozen all through.
 *
 * @param file  the path as the user gave it: it stands before each problem, its folder is what relative paths are relative to
 * @throws ScenarioError  with every problem found, in the order of the file
 */
export function loadScenario(file: string, text: string, options: LoadOptions): Plan {
  const document = new ScenarioDocument(file, text, options.set)
  const { value: scenario, problems, refused } = readSchema(document, schema)
  let plan: Plan | null = null
  if (scenario) {
    const add = (path: Path, words: string, hint?: string, of?: 'key' | 'value'): void => {
      const isEcho = refused.some((other) => isWithin(path, other) || isWithin(other, path))
      if (!isEcho) problems.push(document.problem(path, words, hint, of))
    }
    const { nodes, access } = nodesOf(scenario.brokers, options.brokers, (i, key, words, hint) => {
      if (options.brokers.length === 0) add(['brokers', i, key], words, hint)
      else problems.push({ path: `brokers[${i}].${key}`, problem: `${words} (from --broker)`, hint })
    })
    plan = buildPlan(scenario, {
      name: basename(file).replace(/\.ya?ml$/i, ''),
      nodes,
      access,
      scale: options.scale ?? 1,
      seed: options.seed,
      measureUs: options.durationUs,
    })
    checkScenario(scenario, plan, add)
    checkFiles(plan, file, add)
  }
  document.throwIfAny(problems)
  assert(plan !== null, 'a scenario without problems has a plan')
  return deepFreeze(plan)
}

/**
 * Identifies what shapes the load: two runs with the same hash asked the same of their brokers. 16 hexadecimal digits.
 *
 * Not in it: name, description, labels, broker addresses, credentials, thresholds, gates.
 */
export function scenarioHash(plan: Plan): string {
  const { seed, levels, settleUs, transport, phases } = plan
  const nodes = plan.embedded
    ? [{ name: 'node-1', zone: null, weight: 1 }]
    : plan.nodes.map(({ name, zone, weight }) => ({ name, zone, weight }))
  const shape = { seed, nodes, levels, settleUs, transport, groups: plan.groups.map(shapeOf), phases, faults: plan.faults }
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(shape)))
    .digest('hex')
    .slice(0, 16)
}

function shapeOf(group: GroupPlan): object {
  const { username: _, password: __, tls, ws: ___, ...shape } = group
  return { ...shape, tls: { resume: tls.resume, alpn: tls.alpn } }
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isMap(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortKeys(value[key])]),
  )
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}
