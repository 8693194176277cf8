/**
 * What the schema finds wrong, in words for users: zod's issues become problems with a place, a path, and the nearest known name.
 *
 * After a finding the reading goes on with harmless values in place of the wrong ones, so that `check.ts` can report too; unless a value is of the
 * kind that others hang on (a level, a topic, the version …), where it would only report echoes.
 */
import type { z } from 'zod'
import type { Problem } from '../errors.ts'
import { formatPath, type Path, type ScenarioDocument } from './document.ts'
import { type IssueParams, isMap } from './fields.ts'
import { nearest, suggest } from './nearest.ts'

export interface Reading<T> {
  /** null: too much is wrong to say more. */
  readonly value: T | null
  readonly problems: Problem[]
  /** Where the schema refused something. */
  readonly refused: readonly Path[]
}

/** Reads the document by a schema made of `fields.ts`. */
export function readSchema<T>(document: ScenarioDocument, schema: z.ZodType<T>): Reading<T> {
  const { value, unknown } = withKnownKeys(document.value, schema)
  const result = schema.safeParse(value)
  const renamed = unknown.flatMap((issue) => (issue.meant ? [[...issue.path.slice(0, -1), issue.meant]] : []))
  const wrong = result.success ? [] : result.error.issues.flatMap((issue) => flatten(issue, value))
  // What is inside a renamed key has no place under its new name; a rule about a map is not judged while a key of it is unknown.
  const holders = unknown.filter((issue) => !issue.meant).map((issue) => formatPath(issue.path.slice(0, -1)))
  const isEcho = ({ path }: Issue) => renamed.some((other) => isWithin(path, other)) || holders.includes(formatPath(path))
  const issues = [...unknown, ...wrong.filter((issue) => !isEcho(issue))]
  const problems = issues.map((issue) => document.problem(issue.path, issue.words, issue.hint, issue.of))
  const refused = [...issues.map((issue) => issue.path), ...renamed]
  if (result.success) return { value: result.data, problems, refused }
  if (wrong.some(isFarReaching)) return { value: null, problems, refused }
  const again = schema.safeParse(wrong.reduce((healed: unknown, issue) => heal(healed, issue.path), value))
  return { value: again.success ? again.data : null, problems, refused }
}

/** The value without unknown keys. A mistyped one is renamed to what was probably meant, so that nothing else looks wrong for want of it. */
function withKnownKeys(root: unknown, schema: z.ZodType): { value: unknown; unknown: Issue[] } {
  const result = schema.safeParse(root)
  const unknown = (result.error?.issues ?? []).flatMap((issue) => flatten(issue, root)).filter((issue) => issue.isUnknownKey)
  return { value: unknown.reduce((value: unknown, { path, meant }) => heal(value, path, meant), root), unknown }
}

/** One wrong value or key. */
interface Issue {
  readonly path: Path
  readonly words: string
  readonly hint?: string | undefined
  readonly of: 'key' | 'value'
  readonly isUnknownKey?: boolean
  /** The known key that an unknown one looks like. */
  readonly meant?: string | null
}

/** Names the issue's values in our words; one issue of zod may be several of ours. */
function flatten(issue: z.core.$ZodIssue, root: unknown, base: Path = []): Issue[] {
  const path: Path = [...base, ...(issue.path as (string | number)[])]
  const value = valueAt(root, path)
  const is = (words: string, hint?: string): Issue[] => [
    { path, words: value === undefined ? missing(words) : words + got(words, value, path), hint, of: 'value' },
  ]
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = JSON.parse(issue.message) as string[]
      return issue.keys.map(
        (key): Issue => ({
          path: [...path, key],
          of: 'key',
          isUnknownKey: true,
          words: 'unknown key',
          hint: suggest(key, known),
          meant: nearest(key, known),
        }),
      )
    }
    case 'invalid_union': {
      // The branch that fits the value so far has its issues further in: only those help.
      const inner = issue.errors.find(
        (branch) => branch.length > 0 && branch.every((i) => i.path.length > 0 || i.code === 'unrecognized_keys'),
      )
      if (inner) return inner.flatMap((i) => flatten(i, root, path))
      const own = issue.errors.flat().find((i) => i.code === 'custom')
      return is(own && !isMap(value) ? own.message : issue.message)
    }
    case 'invalid_key':
      return [{ path, words: `the name ${issue.issues[0]?.message ?? 'is wrong'}`, of: 'key' }]
    case 'invalid_value':
      if (issue.message.startsWith('Invalid')) {
        const words = issue.values.map(String)
        const found = typeof value === 'string' ? nearest(value, words) : null
        return is(`expected ${words.join(', ').replace(/, ([^,]*)$/, ' or $1')}`, found ? `did you mean ${found}?` : undefined)
      }
      return is(issue.message)
    case 'invalid_type':
      return is(issue.message.startsWith('Invalid') ? `expected ${TYPES[issue.expected] ?? issue.expected}` : issue.message)
    case 'custom': {
      const { hint, at } = (issue.params ?? {}) as IssueParams
      return at === 'key' ? [{ path, words: issue.message, hint, of: 'key' }] : is(issue.message, hint)
    }
    default:
      return is(issue.message)
  }
}

const TYPES: Readonly<Record<string, string>> = { object: 'a map', record: 'a map', array: 'a list', string: 'a text', number: 'a number' }

function missing(words: string): string {
  return words.startsWith('expected') ? `is missing: ${words}` : words
}

const SECRET_KEYS = ['username', 'password', 'headers', 'url', 'prometheus', 'nats']

/** `, got -5/s`, where it helps: never a secret, never a whole map for a rule about its keys. */
function got(words: string, value: unknown, path: Path): string {
  const isRule = words.startsWith('must')
  if (!words.startsWith('expected') && !isRule) return ''
  if (Array.isArray(value) || isMap(value)) return isRule ? '' : `, got a ${Array.isArray(value) ? 'list' : 'map'}`
  if (value === null) return ', got nothing'
  if (path.some((step) => SECRET_KEYS.includes(String(step)))) return ''
  const text = String(value)
  return `, got ${text === '' ? 'an empty text' : text.length > 60 ? `${text.slice(0, 60)}…` : text}`
}

/** Keys on which other keys hang: a wrong one would make right ones look wrong. */
const FAR_REACHING = [
  'topics',
  'brokers',
  'groups',
  'faults',
  'version',
  'clients',
  'clientId',
  'publish',
  'subscribe',
  'will',
  'topic',
  'filter',
  'qos',
  'name',
  'spread',
]

function isFarReaching(issue: Issue): boolean {
  const last = issue.path.at(-1)
  return typeof last !== 'string' || issue.path[0] === 'topics' || issue.path[1] === 'measure' || FAR_REACHING.includes(last)
}

/** What takes the place of a wrong value; most keys have a default and are left out. */
const STAND_INS: Readonly<Record<string, unknown>> = { every: '1s', rate: '1/s', connected: '1s', away: '1s', bytes: 64 }

/** The value with a harmless one, or none, at `path`; with `name`, its last key is called so instead, unless there is such a key. */
function heal(value: unknown, path: Path, name?: string | null): unknown {
  const [step, ...rest] = path
  if (Array.isArray(value)) return value.map((member, i) => (i === step ? heal(member, rest, name) : member))
  if (!isMap(value) || step === undefined) return value
  const { [step]: member, ...others } = value
  if (rest.length > 0) return member === undefined ? value : { ...value, [step]: heal(member, rest, name) }
  if (name) return { [name]: member, ...others }
  return step in STAND_INS ? { ...others, [step]: STAND_INS[step] } : others
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (v, step) => (typeof v === 'object' && v !== null && Object.hasOwn(v, step) ? (v as Record<string, unknown>)[step] : undefined),
    value,
  )
}

/** Whether a path is another one or leads into it. */
export function isWithin(path: Path, outer: Path): boolean {
  return outer.every((step, i) => step === path[i])
}
