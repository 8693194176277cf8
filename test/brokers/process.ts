import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/**
 * One broker's process, which tests start, hurt and end: by its own process id, never by a name.
 *
 * A process that a crashed test forgot ends when the test's own exits (not if that is killed). What it says is kept, up to a limit, to explain a failure.
 */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Made if it is missing; the process runs in it. */
  readonly folder: string
}

/** Enough to explain a failed test. */
const LOG_LIMIT = 1 << 18

/** A process that does not end by SIGTERM in this time gets SIGKILL. */
const STOP_MS = 10_000

export class Process {
  readonly #command: Command
  #child: ChildProcess | null = null
  #ended: Promise<void> = Promise.resolve()
  #log = ''

  constructor(command: Command) {
    this.#command = command
  }

  get isRunning(): boolean {
    return this.#child !== null
  }

  /** @throws Error  it does not run */
  get pid(): number {
    if (!this.#child?.pid) throw new Error(`${this.#command.program} does not run:\n${this.#log}`)
    return this.#child.pid
  }

  /** Standard output and error of all its lives. */
  get log(): string {
    return this.#log
  }

  spawn(): void {
    const { program, args, env, folder } = this.#command
    mkdirSync(folder, { recursive: true })
    const child = spawn(program, args, { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    const killWithUs = () => child.kill('SIGKILL')
    const say = (chunk: string) => {
      this.#log = (this.#log + chunk).slice(-LOG_LIMIT)
    }
    process.once('exit', killWithUs)
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', say)
    this.#child = child
    // Not 'close': a helper process of the broker may hold the pipes for longer.
    this.#ended = new Promise((resolve) => {
      const end = (why: unknown) => {
        say(`[ended: ${why}]\n`)
        process.off('exit', killWithUs)
        if (this.#child === child) this.#child = null
        resolve()
      }
      child.once('error', end)
      child.once('exit', (code, signal) => end(signal ?? code))
    })
  }

  /** SIGKILL: as a crash. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  /** SIGSTOP: it hangs, with its sockets open. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  /** SIGTERM, as an operator stops it; resolves when it is gone. May be called twice. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === null) return
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await this.#ended
    clearTimeout(late)
  }
}
