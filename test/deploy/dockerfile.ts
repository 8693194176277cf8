/**
 * Reads a Dockerfile, and builds the tree of its last stage without Docker: COPY lines are done, RUN lines are run, in folders in place of stages.
 *
 * One line is not run but stood in for: `npm ci`, which would ask a registry, is a copy of the packages that were installed here by the same lock file.
 * What this does not know is an error, never skipped.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface Instruction {
  readonly word: string
  /** Variables of ARG lines are filled in. */
  readonly rest: string
}

export interface Stage {
  readonly name: string | null
  readonly image: string
  readonly instructions: readonly Instruction[]
}

/** @throws Error  an instruction goes on over several lines, or comes before the first stage and is no ARG */
export function parseDockerfile(text: string): Stage[] {
  const variables = new Map<string, string>()
  const stages: { name: string | null; image: string; instructions: Instruction[] }[] = []
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue
    const [, word = '', raw = ''] = /^(\S+)\s*(.*)$/.exec(line)!
    if (raw.endsWith('\\')) throw new Error(`this reads lines that are whole: ${line}`)
    const rest = raw.replaceAll(/\$\{(\w+)\}/g, (reference, name: string) => variables.get(name) ?? reference)
    if (word === 'FROM') {
      const [image = '', , name = null] = rest.split(/\s+/)
      stages.push({ name, image, instructions: [] })
    } else if (stages.length > 0) stages.at(-1)!.instructions.push({ word, rest })
    else if (word === 'ARG') variables.set(rest.split('=')[0]!, rest.slice(rest.indexOf('=') + 1))
    else throw new Error(`${word} comes before the first FROM`)
  }
  return stages
}

/** Whether .dockerignore keeps a file of the context from the builder. Knows names in the top folder, `*` and `!NAME`; the last that fits decides. */
export function isIgnored(dockerignore: string, path: string): boolean {
  const top = path.split('/')[0]!
  let ignored = false
  for (const line of dockerignore.split('\n').filter((it) => !/^\s*(#|$)/.test(it))) {
    if (!/^(\*|!?[\w.-]+)$/.test(line)) throw new Error(`this knows no ${line}`)
    if (line === '*' || line === top) ignored = true
    if (line === `!${top}`) ignored = false
  }
  return ignored
}

/** A COPY line: where from (null: the context), what, and where to. */
export function copyOf({ rest }: Instruction): { from: string | null; sources: readonly string[]; target: string } {
  const words = rest.split(/\s+/)
  const flags = words.filter((word) => word.startsWith('--'))
  const paths = words.slice(flags.length)
  const target = paths.pop()!
  const from = flags.map((flag) => /^--from=(.*)$/.exec(flag)?.[1])
  if (from.includes(undefined) || paths.length === 0) throw new Error(`this can't COPY ${rest}`)
  return { from: from[0] ?? null, sources: paths, target }
}

/**
 * Builds all stages below `folder`.
 *
 * @param context  the repository; what its .dockerignore keeps back is not there
 * @returns the root folder of the last stage
 */
export function replay(stages: readonly Stage[], context: string, folder: string): string {
  const dockerignore = readFileSync(join(context, '.dockerignore'), 'utf8')
  const roots = stages.map((_, index) => join(folder, String(index)))
  for (const [index, { instructions }] of stages.entries()) {
    const root = roots[index]!
    let cwd = '/'
    for (const instruction of instructions) {
      const { word, rest } = instruction
      if (word === 'WORKDIR') {
        cwd = rest
        mkdirSync(join(root, cwd), { recursive: true })
      } else if (word === 'COPY') {
        const { from, sources, target } = copyOf(instruction)
        const origin = from === null ? context : roots[stages.findIndex(({ name }) => name === from)]!
        for (const source of sources) {
          if (from === null && isIgnored(dockerignore, source)) throw new Error(`.dockerignore keeps ${source} back`)
          copy(join(origin, source), join(root, cwd), target)
        }
      } else if (word === 'RUN' && /^npm ci\b/.test(rest)) {
        // `cp` keeps links between packages as they are, and nothing that npm changes later is a link to the original.
        execFileSync('cp', ['-a', realpathSync(join(context, 'node_modules')), join(root, cwd, 'node_modules')])
      } else if (word === 'RUN') {
        // Nothing of the npm that runs the tests, lest it takes the repository for the project.
        const env = { PATH: process.env.PATH, HOME: process.env.HOME, npm_config_offline: 'true', npm_config_update_notifier: 'false' }
        execFileSync('bash', ['-c', rest], { cwd: join(root, cwd), env, stdio: 'pipe' })
      } else if (!['ENV', 'USER', 'ENTRYPOINT'].includes(word)) throw new Error(`this can't ${word}`)
    }
  }
  return roots.at(-1)!
}

/** As Docker does: what a folder holds, or a file; into a folder where the target ends in a slash. */
function copy(source: string, cwd: string, target: string): void {
  if (!existsSync(source)) throw new Error(`there is no ${source} to COPY`)
  const isInto = target.endsWith('/') && !statSync(source).isDirectory()
  cpSync(source, join(cwd, target, isInto ? basename(source) : ''), { recursive: true, verbatimSymlinks: true })
}
