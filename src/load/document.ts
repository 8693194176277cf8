/**
 * A scenario's text as a value, and the way back: from the path of a value to its line and column.
 *
 * The value is plain data of our own: anchors and merge keys are resolved, nothing is shared, `--set` is applied. The parsed YAML stays beside
 * it for the places. A value that `--set` brought has no place, so a problem there says where it came from.
 *
 * What YAML itself finds wrong (syntax, duplicate keys, unknown anchors) ends the reading: no later check would make sense of it.
 */
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, parse, parseDocument, visit, type YAMLMap } from 'yaml'
import { type FileKind, type Place, type Problem, ScenarioError } from '../errors.ts'
import { suggest } from './nearest.ts'

/** Keys and list indices from the root of the scenario. */
export type Path = readonly (string | number)[]

/** More problems than this are a flood: the first ones are what a user works on. */
const MAX_PROBLEMS = 20

/** The path as `--set` takes it: `groups.sensors.publish[0].topic`. */
export function formatPath(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('') || 'scenario'
}

export class ScenarioDocument {
  /** What the text says, after `--set`. Every map and list is our own copy. */
  readonly value: unknown
  private readonly file: string
  private readonly lines = new LineCounter()
  private readonly root: ReturnType<typeof parseDocument>
  private readonly overridden: Path[] = []

  private readonly what: FileKind

  /**
   * @param set  `path=value` texts, applied in order; values are YAML
   * @throws ScenarioError  not YAML, or a `--set` that leads nowhere
   */
  constructor(file: string, text: string, set: readonly string[], what: FileKind = 'scenario') {
    this.file = file
    this.what = what
    this.root = parseDocument(text, { lineCounter: this.lines, merge: true, prettyErrors: false })
    this.throwIfAny([...this.root.errors.map((e) => this.yamlProblem(e.message, e.pos[0])), ...this.keyProblems()])
    this.value = this.read()
    const problems = set.map((text) => this.override(text)).filter((p) => p !== null)
    this.throwIfAny(problems)
  }

  /** Where the value is; with `key`, where its key is. Where there is no such value: where what should hold it is. */
  placeOf(path: Path, of: 'key' | 'value' = 'value'): Place | undefined {
    if (this.isOverridden(path)) return undefined
    let offset = this.root.contents?.range?.[0] ?? 0
    let node: unknown = this.root.contents
    for (const [i, step] of path.entries()) {
      const found = this.child(node, step)
      if (!found) break
      const at = (of === 'key' && i === path.length - 1 ? found.key : null) ?? found.value ?? found.key
      offset = at?.range?.[0] ?? offset
      node = found.value
    }
    return this.placeAt(offset)
  }

  /** Whether `--set` brought the value, or something that it is in. */
  isOverridden(path: Path): boolean {
    return this.overridden.some((set) => set.every((step, i) => String(step) === String(path[i])))
  }

  /** The problem of the value at `path`, with its place or its origin. */
  problem(path: Path, words: string, hint?: string, of: 'key' | 'value' = 'value'): Problem {
    const origin = this.isOverridden(path) ? ' (from --set)' : ''
    return { place: this.placeOf(path, of), path: path.length === 0 ? this.what : formatPath(path), problem: words + origin, hint }
  }

  /** @throws ScenarioError  with the problems in the order of the file, where there are any */
  throwIfAny(problems: readonly Problem[]): void {
    if (problems.length === 0) return
    const order = (p: Problem) => (p.place ? p.place.line * 1e6 + p.place.column : Number.POSITIVE_INFINITY)
    const rank = (a: number, b: number) => (a === b ? 0 : a - b)
    const sorted = problems.toSorted((a, b) => rank(order(a), order(b)))
    const more = sorted.length - MAX_PROBLEMS
    throw new ScenarioError(sorted.slice(0, MAX_PROBLEMS), more > 0 ? `${more} more problems are not shown` : undefined, this.what)
  }

  private read(): unknown {
    try {
      return ownCopy(this.root.toJS())
    } catch (error) {
      // Aliases that expand without end, or contain themselves.
      throw new ScenarioError([this.yamlProblem(`can't be expanded: ${(error as Error).message}`, 0)], undefined, this.what)
    }
  }

  private keyProblems(): Problem[] {
    const problems: Problem[] = []
    visit(this.root, {
      Alias: (_, node) => {
        if (!node.resolve(this.root)) problems.push(this.yamlProblem(`no anchor &${node.source} stands before it`, node.range?.[0] ?? 0))
      },
      Pair: (_, pair) => {
        const key = pair.key
        if (isScalar(key) && key.value === '__proto__') problems.push(this.yamlProblem('__proto__ is no key', key.range?.[0] ?? 0))
      },
    })
    return problems
  }

  private yamlProblem(words: string, offset: number): Problem {
    return { place: this.placeAt(offset), path: formatPath(pathAt(this.root.contents, offset)), problem: words }
  }

  private placeAt(offset: number): Place {
    const { line, col } = this.lines.linePos(offset)
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  private child(node: unknown, step: string | number): { key: Node | null; value: Node | null } | null {
    if (isAlias(node)) node = node.resolve(this.root)
    if (isSeq(node)) return { key: null, value: (node.items[Number(step)] as Node | undefined) ?? null }
    return isMap(node) ? this.member(node, String(step)) : null
  }

  private member(map: YAMLMap, name: string): { key: Node | null; value: Node | null } | null {
    const own = map.items.find((pair) => keyOf(pair) === name && name !== '<<')
    if (own) return { key: own.key as Node, value: own.value as Node | null }
    for (const pair of map.items.filter((p) => keyOf(p) === '<<')) {
      const merged = isAlias(pair.value) ? pair.value.resolve(this.root) : pair.value
      for (const source of isSeq(merged) ? merged.items : [merged]) {
        const found = this.child(source, name)
        if (found) return found
      }
    }
    return null
  }

  private override(text: string): Problem | null {
    const equals = text.indexOf('=')
    const path = equals < 0 ? null : parsePath(text.slice(0, equals).trim())
    const wrong = (words: string, at: Path | null = path): Problem => ({
      path: at ? formatPath(at) : text,
      problem: `${words} (from --set)`,
    })
    if (!path) return wrong('expected path=value, such as groups.sensors.clients=500')
    if (path.includes('__proto__')) return wrong('__proto__ is no key')
    let value: unknown
    try {
      value = ownCopy(parse(text.slice(equals + 1), { prettyErrors: false }))
    } catch (error) {
      return wrong(`the value is not YAML: ${(error as Error).message}`)
    }
    let holder = this.value
    for (const [i, step] of path.entries()) {
      const at = path.slice(0, i)
      if (Array.isArray(holder)) {
        const index = Number(step)
        if (!Number.isInteger(index) || index < 0 || index > holder.length) return wrong(`has ${holder.length} entries, counted from 0`, at)
      } else if (typeof holder !== 'object' || holder === null) return wrong('is not a map or list: nothing can be set in it', at)
      const map = holder as Record<string | number, unknown>
      if (i === 1 && path.length > 2 && path[0] === 'groups' && !Object.hasOwn(map, step)) {
        const hint = suggest(String(step), Object.keys(map))
        return { ...wrong(`there is no group ${step}`), hint }
      }
      if (i === path.length - 1) map[step] = value
      else if (!Object.hasOwn(map, step) || map[step] === null) map[step] = typeof path[i + 1] === 'number' ? [] : {}
      holder = map[step]
    }
    this.overridden.push(path)
    return null
  }
}

/** `a.b[0].c` or `a.b.0.c`; null where it is neither. */
function parsePath(text: string): Path | null {
  if (!/^[^.[\]]+(\.[^.[\]]+|\[\d+\])*$/.test(text)) return null
  return [...text.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([step, index]) => (index === undefined ? step : Number(index)))
}

/** The path of the deepest value or key around an offset. */
function pathAt(node: unknown, offset: number): Path {
  const items: readonly unknown[] = isMap(node) || isSeq(node) ? node.items : []
  for (const [i, item] of items.entries()) {
    if (isPair(item)) {
      const start = (item.key as Node | null)?.range?.[0] ?? Number.POSITIVE_INFINITY
      const end = ((item.value ?? item.key) as Node | null)?.range?.[2] ?? 0
      if (offset >= start && offset < end) return [keyOf(item), ...pathAt(item.value, offset)]
    } else {
      const range = (item as Node | null)?.range
      if (range && offset >= range[0] && offset < range[2]) return [i, ...pathAt(item, offset)]
    }
  }
  return []
}

function keyOf(pair: Pair): string {
  const key = isScalar(pair.key) ? pair.key.value : pair.key
  return typeof key === 'symbol' ? key.description! : String(key) // the merge key is a symbol
}

/** A deep copy in which nothing is shared: aliases give one object to many places, and `--set` changes one place. */
function ownCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ownCopy)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, ownCopy(member)]))
}
