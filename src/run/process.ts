/**
 * Workers as a process of their own, where the file limit of one process is too low: what runs there, and what its controller holds of it.
 *
 * A single worker has the process's main thread: a thread of its own would cost a heap more. Several are threads behind a relay. The process ends
 * with its controller: what it measured up to then has been told.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Loop } from './loop.ts'
import type { Recruit } from './member.ts'
import type { Command, Telling, WorkerData } from './messages.ts'
import { OwnUse } from './own.ts'

/** The young generation is small, since clients are made once and stay; V8's helper threads would take other processes' cores; and each of many processes has little time to get fast. */
const FLAGS = ['--max-semi-space-size=2', '--single-threaded', '--no-lazy-feedback-allocation']

/** @param data  of its workers, at least one */
export function processOf(name: string, data: readonly WorkerData[]): Recruit {
  return {
    name,
    start({ onTelling, onEnd }) {
      const child = fork(fileURLToPath(new URL('./process.js', import.meta.url)), ['serve'], {
        // Ctrl-C in a terminal goes to the whole process group; the controller says when the end is.
        detached: true,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        serialization: 'advanced',
        execArgv: FLAGS,
      })
      const end = ended(child, onEnd)
      child.on('message', (message) => onTelling(message as Telling))
      const send = (message: object) => {
        // What can't be sent to it any more, its end explains.
        if (child.connected) child.send(message, (error) => error && end(error))
      }
      send(data)
      return {
        post: (command) => send(command),
        kill: () => void child.kill('SIGKILL'),
      }
    },
  }
}

/** Tells the end once, with what explains it. */
function ended(child: ChildProcess, onEnd: (error: Error | null) => void): (error: Error) => void {
  let trouble: Error | null = null
  const note = (error: Error) => {
    trouble ??= error
  }
  child.on('error', (error) => {
    note(error)
    // One that could not be started does not exit.
    if (child.pid === undefined) onEnd(trouble)
  })
  child.once('exit', (code, signal) => {
    const isClean = code === 0 && signal === null
    onEnd(trouble ?? (isClean ? null : new Error(signal === null ? `exit code ${code}` : `ended by ${signal}`)))
  })
  return note
}

/** The member that a process is. */
interface Served {
  take(command: Command): void
  stop(): void
}

async function serve(data: readonly WorkerData[]): Promise<void> {
  const own = new OwnUse()
  const tell = (telling: Telling) => {
    if (!process.connected) return
    process.send!(telling.type === 'gained' ? { type: 'gained', gain: own.withSockets(telling.gain) } : telling)
  }
  const served = data.length === 1 ? alone(data[0]!, tell) : await together(data, tell)
  process.on('message', (command: Command) => {
    if (command.type !== 'stop') served.take(command)
    else process.disconnect()
  })
  process.once('disconnect', () => served.stop())
}

function alone(data: WorkerData, tell: (telling: Telling) => void): Served {
  const loop = new Loop(data, tell)
  loop.run()
  return loop
}

async function together(data: readonly WorkerData[], tell: (telling: Telling) => void): Promise<Served> {
  const [{ Relay }, { threadOf }] = await Promise.all([import('./relay.ts'), import('./thread.ts')])
  const recruits = data.map((one, i) => threadOf(`worker ${i + 1} of ${data.length}`, one))
  return new Relay(recruits, {
    onTelling: tell,
    // Part of a process is no member: it ends as a whole, and its controller sees that.
    onLoss: (_, error) => {
      throw error ?? new Error('a worker of this process ended early')
    },
  })
}

if (process.argv[2] === 'serve' && process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('message', (data) => void serve(data as readonly WorkerData[]))
}
