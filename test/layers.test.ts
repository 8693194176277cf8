import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/**
 * The layers of docs/architecture.md and the house rules that a program can check, held by reading the sources.
 * `faultsOf` is a function of a file's path and text, so that each rule is also seen to fail.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const BASE = ['errors', 'units']
const MIDDLE = ['mqtt', 'net', 'stats']
const ABOVE = ['watch', 'machine', 'report', 'load', 'sink', ...MIDDLE, ...BASE]
const MAY_IMPORT: Record<string, readonly string[]> = {
  errors: BASE,
  units: BASE,
  mqtt: BASE,
  net: BASE,
  stats: BASE,
  sink: ['mqtt', 'net', ...BASE],
  load: [...MIDDLE, ...BASE],
  report: ['load', ...MIDDLE, ...BASE],
  compare: ['report', 'load', ...MIDDLE, ...BASE],
  capacity: ['compare', 'report', 'load', ...MIDDLE, ...BASE],
  machine: ['report', 'load', ...MIDDLE, ...BASE],
  watch: ['report', 'load', ...MIDDLE, ...BASE],
  run: ABOVE,
  control: ['run', ...ABOVE],
  cli: ['control', 'run', 'capacity', 'compare', ...ABOVE],
  index: ['cli', 'control', 'run', 'capacity', 'compare', ...ABOVE],
}
const LINE_LIMIT = 400

/** The layer of `src/load/plan.ts` is `load`, that of `src/errors.ts` is `errors`. */
const layerOf = (path: string): string => normalize(path).split('/')[1]!.replace(/\.ts$/, '')

function importsOf(text: string): string[] {
  const statements = /^\s*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]/gm
  return [...text.matchAll(statements)].map((match) => match[1] ?? match[2]!)
}

/** The text without comments, and with every string emptied. */
function codeOf(text: string): string {
  const tokens = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g
  return text.replace(tokens, (token) => (token.startsWith('/') ? '' : `''`))
}

function faultsOf(path: string, text: string, dependencies: readonly string[]): string[] {
  const layer = layerOf(path)
  const faults: string[] = []
  for (const name of importsOf(text)) {
    if (name.startsWith('.')) {
      const target = layerOf(join(dirname(path), name))
      if (target !== layer && !MAY_IMPORT[layer]?.includes(target)) faults.push(`imports ${name}`)
      if (!/\.(ts|json)$/.test(name)) faults.push(`imports ${name} without .ts`)
    } else if (layer === 'mqtt') {
      faults.push(`imports ${name}`)
    } else if (!name.startsWith('node:')) {
      const dependency = name.split('/', name.startsWith('@') ? 2 : 1).join('/')
      if (!dependencies.includes(dependency)) faults.push(`imports ${name}, which is no dependency`)
    }
  }
  const code = codeOf(text)
  const ban = (pattern: RegExp, where: boolean) => {
    const found = where ? pattern.exec(code) : null
    if (found) faults.push(`has ${found[0].trim()}`)
  }
  ban(/\b(Date|performance|setTimeout|setInterval|setImmediate)\b|\bMath\.random\b|\b(process|crypto)\./, layer === 'mqtt')
  ban(/\bprocess\.exit\b|\bconsole\.\w+/, layer !== 'cli')
  ban(/\bas any\b|: any\b|<any>|\bany\[\]/, true)
  if (/\b(TODO|FIXME|XXX)\b|@ts-(ignore|expect-error|nocheck)|biome-ignore-all/.test(text)) faults.push('has something left for later')
  if (text.split('\n').length > LINE_LIMIT) faults.push(`has over ${LINE_LIMIT} lines`)
  return faults
}

const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
const sources = (readdirSync(join(ROOT, 'src'), { recursive: true }) as string[])
  .filter((name) => name.endsWith('.ts'))
  .map((name) => `src/${name}`)
  .sort()

describe('the layers', () => {
  test('there are sources to read', () => {
    expect(sources.length).toBeGreaterThan(1)
  })

  test.each(sources)('%s keeps to them', (path) => {
    expect(faultsOf(path, read(path), Object.keys(dependencies))).toEqual([])
  })

  test('are those of docs/architecture.md', () => {
    const rows = [...read('docs/architecture.md').matchAll(/^\| `src\/(\w+)` \|/gm)].map((match) => match[1])
    expect(rows).toEqual(Object.keys(MAY_IMPORT).filter((layer) => ![...BASE, 'index'].includes(layer)))
  })

  test('every dependency has its line in docs/architecture.md', () => {
    const text = read('docs/architecture.md')
    expect(Object.keys(dependencies).filter((name) => !text.includes(`\`${name}\``))).toEqual([])
  })
})

describe('a file is at fault', () => {
  test.each([
    {
      why: 'protocol that imports a transport',
      path: 'src/mqtt/a.ts',
      text: `import { x } from '../net/b.ts'`,
      fault: 'imports ../net/b.ts',
    },
    { why: 'protocol with a socket', path: 'src/mqtt/a.ts', text: `import net from 'node:net'`, fault: 'imports node:net' },
    { why: 'protocol with a library', path: 'src/mqtt/a.ts', text: `import 'ws'`, fault: 'imports ws' },
    { why: 'protocol with a clock', path: 'src/mqtt/a.ts', text: `const t = performance.now()`, fault: 'has performance' },
    { why: 'protocol with chance', path: 'src/mqtt/a.ts', text: `const t = Math.random()`, fault: 'has Math.random' },
    {
      why: 'an import over several lines',
      path: 'src/load/a.ts',
      text: `import {\n  a,\n} from '../run/b.ts'`,
      fault: 'imports ../run/b.ts',
    },
    { why: 'a re-export', path: 'src/stats/a.ts', text: `export * from '../load/b.ts'`, fault: 'imports ../load/b.ts' },
    { why: 'a type of a higher layer', path: 'src/net/a.ts', text: `import type { P } from '../load/p.ts'`, fault: 'imports ../load/p.ts' },
    { why: 'a dynamic import', path: 'src/report/a.ts', text: `await import('../cli/b.ts')`, fault: 'imports ../cli/b.ts' },
    { why: 'errors that know a layer', path: 'src/errors.ts', text: `import { x } from './load/b.ts'`, fault: 'imports ./load/b.ts' },
    {
      why: 'a package nobody installs',
      path: 'src/cli/a.ts',
      text: `import x from '@a/b/c'`,
      fault: 'imports @a/b/c, which is no dependency',
    },
    { why: 'an import without ending', path: 'src/cli/a.ts', text: `import x from './b'`, fault: 'imports ./b without .ts' },
    { why: 'a print below the command line', path: 'src/run/a.ts', text: `console.log(1)`, fault: 'has console.log' },
    { why: 'an exit below the command line', path: 'src/run/a.ts', text: `process.exit(1)`, fault: 'has process.exit' },
    { why: 'a type given up', path: 'src/cli/a.ts', text: `let x: any`, fault: 'has : any' },
    { why: 'work left over', path: 'src/cli/a.ts', text: `// TODO: more`, fault: 'has something left for later' },
    { why: 'length', path: 'src/cli/a.ts', text: '\n'.repeat(LINE_LIMIT), fault: `has over ${LINE_LIMIT} lines` },
  ])('for $why', ({ path, text, fault }) => {
    expect(faultsOf(path, text, [])).toEqual([fault])
  })

  test.each([
    { why: 'words in a comment', path: 'src/mqtt/a.ts', text: `/* Date.now(), console.log */ // performance.now()\nlet x = 1` },
    { why: 'words in a string', path: 'src/mqtt/a.ts', text: `const s = 'mqtt://process.exit' + "console.log"` },
    { why: 'a lower layer', path: 'src/run/a.ts', text: `import { x } from '../mqtt/b.ts'` },
    { why: 'its own layer', path: 'src/mqtt/a.ts', text: `import { x } from './b.ts'` },
    { why: 'a dependency', path: 'src/cli/a.ts', text: `import x from 'chalk/x'` },
    { why: 'an exit of the command line', path: 'src/cli/a.ts', text: `process.exit(1)` },
  ])('but not for $why', ({ path, text }) => {
    expect(faultsOf(path, text, ['chalk'])).toEqual([])
  })
})
