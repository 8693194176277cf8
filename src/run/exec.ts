/**
 * The commands of faults: each runs in a shell, in the scenario's folder, and is not waited for by anybody.
 *
 * What a command prints goes into a file without a name, not into pipes of ours: a broker that it starts in the background goes on writing
 * there when we are gone, and would die of a broken pipe. A command is the leader of a process group of its own, so Ctrl-C does not reach it and
 * it can be ended with all that it has started; one that has exited is left in peace, and so is what it has left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecFigures } from '../report/types.ts'
import { US_PER_S } from '../units.ts'

/** Of what a command printed, its end is kept: there the errors are. */
const OUTPUT_BYTES = 64 * 1024
/** From the request to end (SIGTERM) to the end (SIGKILL). */
const GRACE_MS = 2000

export interface Executed {
  readonly figures: ExecFigures
  /** It still ran when the run was over, and was ended. */
  readonly wasEnded: boolean
}

interface Running {
  readonly child: ChildProcess
  readonly done: Promise<Executed>
  wasEnded: boolean
}

export class Commands {
  private readonly options: { readonly folder: string; readonly run: string; readonly clock: () => number }
  private readonly running = new Set<Running>()

  /**
   * @param options.folder  that the commands start in
   * @param options.clock  µs
   */
  constructor(options: { readonly folder: string; readonly run: string; readonly clock: () => number }) {
    this.options = options
  }

  /** Starts a command line at once; resolves when its shell has exited, or could not be started. */
  run(fault: string, command: string): Promise<Executed> {
    const { folder, run, clock } = this.options
    const startUs = clock()
    const figuresOf = (exitCode: number | null, signal: string | null, output: string): ExecFigures => ({
      command,
      exitCode,
      signal,
      lengthS: Math.round((clock() - startUs) / 1000) / (US_PER_S / 1000),
      output,
    })
    let file: number
    try {
      file = nameless(`mqtt-scale-${run}-${fault}`)
    } catch (error) {
      return Promise.resolve({ figures: figuresOf(null, null, (error as Error).message), wasEnded: false })
    }
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: folder,
      env: { ...process.env, MQTT_SCALE_FAULT: fault, MQTT_SCALE_RUN: run },
      stdio: ['ignore', file, file],
      detached: true,
    })
    const done = new Promise<Executed>((resolve) => {
      const finish = (exitCode: number | null, signal: string | null, trouble: string | null) => {
        this.running.delete(running)
        resolve({ figures: figuresOf(exitCode, signal, trouble ?? endOf(file)), wasEnded: running.wasEnded })
        closeSync(file)
      }
      child.once('exit', (code, signal) => finish(code, signal, null))
      // Of a child that runs, only `kill` could fail, and that is not asked for.
      child.once('error', (error) => finish(null, null, error.message))
    })
    const running: Running = { child, done, wasEnded: false }
    this.running.add(running)
    return done
  }

  /** Ends what still runs, with all that it has started; resolves when it has exited. */
  async end(): Promise<void> {
    await Promise.all([...this.running].map(endOne))
  }
}

async function endOne(running: Running): Promise<void> {
  running.wasEnded = true
  signal(running.child, 'SIGTERM')
  const timer = setTimeout(() => signal(running.child, 'SIGKILL'), GRACE_MS)
  await running.done
  clearTimeout(timer)
}

/** To the whole process group. */
function signal({ pid }: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch (error) {
    // It has exited by itself, and nobody has told us yet.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A new file that goes away with the last process that has it open. Two writers append to it without overwriting each other. */
function nameless(name: string): number {
  const path = join(tmpdir(), name)
  const file = openSync(path, 'ax+', 0o600)
  unlinkSync(path)
  return file
}

function endOf(file: number): string {
  const { size } = fstatSync(file)
  const bytes = Buffer.alloc(Math.min(size, OUTPUT_BYTES))
  const count = readSync(file, bytes, 0, bytes.length, size - bytes.length)
  // What is cut off may have been the beginning of a character (UTF-8: bytes 10xxxxxx go on with one).
  let start = 0
  while (start < count && (bytes[start]! & 0xc0) === 0x80) start++
  return bytes.toString('utf8', start, count)
}
