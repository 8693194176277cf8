import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { environmentOf, rootOf } from './packages.ts'

/**
 * The workflows of docs/ci.md, run as GitHub's and GitLab's runners would run them: the scripts are not touched.
 *
 * A job gets a clone of a small repository, with the files that the page names, on a branch of its own, and the variables that those systems set.
 * What a machine of CI would install is there already, by programs that stand first in PATH:
 *
 *   sudo         runs what follows
 *   apt-get      update; install -y mosquitto: nothing else
 *   npm          install --global $MQTT_SCALE: nothing else
 *   mosquitto    that of the packages which the tests unpack
 *   mqtt-scale   this project's
 *   gh           notes what it is asked to do
 *
 * git, bash and sed are the system's. Steps that use an action are not run; the tests look at what they name.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGE = readFileSync(join(ROOT, 'docs/ci.md'), 'utf8')

/** What the page says a repository has, by path: blocks whose first line names it. */
export const FILES: ReadonlyMap<string, string> = new Map(
  [...PAGE.matchAll(/^```(?:yaml|sh)?\n(# (\S+)[^\n]*\n[\s\S]*?)^```$/gm)].map(([, text, path]) => [path!, text!]),
)

export interface GitHubStep {
  readonly name?: string
  readonly uses?: string
  readonly run?: string
  readonly if?: string
  readonly env?: Readonly<Record<string, string>>
  readonly with?: Readonly<Record<string, string | number>>
  readonly 'continue-on-error'?: boolean
}

interface GitHubWorkflow {
  readonly env: Readonly<Record<string, string | number>>
  readonly jobs: Readonly<Record<string, { readonly steps: readonly GitHubStep[] }>>
}

export interface GitLabJob {
  readonly variables: Readonly<Record<string, string>>
  readonly before_script: readonly string[]
  readonly script: readonly string[]
  readonly allow_failure: { readonly exit_codes: number }
  readonly artifacts: { readonly when: string; readonly paths: readonly string[]; readonly reports: { readonly junit: string } }
}

export const GITHUB = parse(FILES.get('.github/workflows/broker.yml')!) as GitHubWorkflow
export const STEPS = GITHUB.jobs.load!.steps
export const GITLAB = (parse(FILES.get('.gitlab-ci.yml')!) as { load: GitLabJob }).load

export interface Ended {
  readonly code: number
  /** Of all steps, stdout and stderr. */
  readonly log: string
}

/** A machine of CI with a clone of the repository. */
export class Machine {
  readonly checkout: string
  private readonly root = mkdtempSync(join(tmpdir(), 'mqtt-scale-ci-'))
  private readonly started: ChildProcess[] = []

  /**
   * @param base, change  files of the base branch, and those that the change has otherwise
   */
  constructor(base: ReadonlyMap<string, string>, change: ReadonlyMap<string, string>) {
    const origin = join(this.root, 'origin')
    this.checkout = join(this.root, 'checkout')
    const settings = ['user.name=tests', 'user.email=tests@localhost', 'commit.gpgsign=false'].flatMap((setting) => ['-c', setting])
    const git = (folder: string, ...args: string[]) => execFileSync('git', ['-C', folder, ...settings, ...args], { stdio: 'pipe' })
    write(origin, base)
    git(origin, 'init', '--initial-branch=main')
    git(origin, 'add', '.')
    git(origin, 'commit', '--message=base')
    execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${origin}`, this.checkout], { stdio: 'pipe' })
    write(this.checkout, change)
    write(join(this.root, 'bin'), SHIMS, 0o755)
  }

  /** The steps of the workflow, as `bash -e` each; steps after a failed one only where they say so. */
  async runGitHub(variables: Readonly<Record<string, string>>): Promise<Ended> {
    const summary = join(this.root, 'summary.md')
    const runner = { CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_BASE_REF: 'main', GITHUB_STEP_SUMMARY: summary }
    let code = 0
    let log = ''
    for (const step of STEPS) {
      if (step.run === undefined || !(step.if === 'always()' || (code === 0 && step.if === undefined))) continue
      const ended = await this.bash(['-e'], step.run, { ...runner, ...texts(GITHUB.env), ...variables, ...texts(step.env ?? {}) })
      log += ended.log
      if (ended.code !== 0 && !step['continue-on-error']) code ||= ended.code
    }
    return { code, log }
  }

  /** All lines in one shell. */
  runGitLab(variables: Readonly<Record<string, string>>): Promise<Ended> {
    const runner = { CI: 'true', GITLAB_CI: 'true', CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main' }
    const lines = [...GITLAB.before_script, ...GITLAB.script].join('\n')
    return this.bash(['-e', '-o', 'pipefail'], lines, { ...runner, ...texts(GITLAB.variables), ...variables })
  }

  /** Another mqtt-scale, as lines of `sh`: for what the real one does seldom. */
  pretend(script: string): void {
    write(join(this.root, 'bin'), new Map([['mqtt-scale', `#!/bin/sh\n${script}\n`]]), 0o755)
  }

  /** A file of the checkout, or of what is beside it: `../summary.md`; null: it is not there. */
  read(path: string): string | null {
    const file = join(this.checkout, path)
    return existsSync(file) ? readFileSync(file, 'utf8') : null
  }

  /** @param pattern  with `*` for anything but a slash */
  find(pattern: string): string[] {
    const wanted = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`)
    const all = readdirSync(this.checkout, { recursive: true, encoding: 'utf8' })
    return all.filter((path) => wanted.test(path)).sort()
  }

  /** As a runner does at the end of a job: whatever a step has left running ends. */
  clear(): void {
    for (const { pid } of this.started) {
      try {
        process.kill(-pid!, 'SIGKILL')
      } catch {
        // Nothing of that step was left.
      }
    }
    rmSync(this.root, { recursive: true, force: true })
  }

  private bash(flags: readonly string[], script: string, env: Readonly<Record<string, string>>): Promise<Ended> {
    const { FORCE_COLOR: _, ...outer } = process.env
    const path = [join(this.root, 'bin'), dirname(process.execPath), outer.PATH].join(delimiter)
    const child = spawn('bash', [...flags, '-c', script], {
      cwd: this.checkout,
      env: { ...outer, ...env, PATH: path },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.started.push(child)
    let log = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        log += text
      })
    }
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code: code ?? -1, log }))
    })
  }
}

const MOSQUITTO = rootOf('mosquitto')

const only = (...allowed: readonly string[]) =>
  `#!/bin/sh\ncase "$*" in ${allowed.map((args) => `"${args}") ;;`).join(' ')} *) echo "$0 $* is more than was expected"; exit 9 ;; esac\n`

const SHIMS: ReadonlyMap<string, string> = new Map([
  ['sudo', '#!/bin/sh\nexec "$@"\n'],
  ['apt-get', only('update', 'install -y mosquitto')],
  ['npm', only('install --global $MQTT_SCALE')],
  [
    'mosquitto',
    `#!/bin/sh\nLD_LIBRARY_PATH='${environmentOf('mosquitto').LD_LIBRARY_PATH}' exec '${join(MOSQUITTO, 'usr/sbin/mosquitto')}' "$@"\n`,
  ],
  ['mqtt-scale', `#!/bin/sh\nexec node '${join(ROOT, 'bin/mqtt-scale.js')}' "$@"\n`],
  ['gh', '#!/bin/sh\necho "$*" > ../gh.txt\n'],
])

/** What GitHub puts in place of its expressions. */
const EXPRESSIONS: Readonly<Record<string, string>> = { 'github.token': 'a-token', 'github.event.number': '17' }

function texts(values: Readonly<Record<string, string | number>>): Record<string, string> {
  const filled = (text: string) =>
    text.replaceAll(/\$\{\{ (\S+) \}\}/g, (_, name: string) => {
      const value = EXPRESSIONS[name]
      if (value === undefined) throw new Error(`nobody knows ${name}`)
      return value
    })
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, filled(String(value))]))
}

function write(folder: string, files: ReadonlyMap<string, string>, mode = 0o644): void {
  for (const [path, text] of files) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    chmodSync(file, mode)
  }
}
