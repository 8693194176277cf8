/**
 * A sink: processes that share one address and port, each of which takes the connections that the kernel deals it, acknowledges everything, and passes
 * messages on among its own. It is there to see what a generator can do, where a broker would be the limit.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { EnvironmentError } from '../errors.ts'
import { epollAvailable } from '../net/transport.ts'
import type { SinkCounts } from './connections.ts'
import type { Place, SinkTelling } from './process.ts'

export interface SinkOptions {
  /** An IP literal of this machine. */
  readonly address: string
  /** 0: any that is free. */
  readonly port: number
  readonly processes: number
}

export interface Sink {
  readonly port: number
  /** Of those processes that are alive. */
  counts(): Promise<SinkCounts>
  /** Settles with what ended, once a process does: early, unless it was told to. */
  readonly ended: Promise<EnvironmentError>
  /** @returns what it has seen */
  stop(): Promise<SinkCounts>
}

const STOP_TIMEOUT_MS = 3000
const COUNTS_TIMEOUT_MS = 10_000
const LONGEST_GATHER_MS = 16
/** The young generation is small, since nothing is made per message; V8's helper threads would take other processes' cores. */
const FLAGS = ['--max-semi-space-size=2', '--single-threaded']

/** @throws EnvironmentError  it can't listen there */
export async function startSink({ address, port, processes }: SinkOptions): Promise<Sink> {
  const obstacle = epollAvailable()
  if (obstacle !== null) throw new EnvironmentError(`there is no sink on this machine: ${obstacle}`)
  const place = { address, port: await freePort(address, port), gatherMs: gatherFor(processes) }
  const children = Array.from({ length: processes }, () => startChild())
  const ended = firstEnd(children)
  const stopAll = () => Promise.all(children.map(stop))
  try {
    await Promise.race([Promise.all(children.map((child) => listening(child, place))), ended.then((error) => Promise.reject(error))])
  } catch (error) {
    await stopAll()
    throw error
  }
  const counts = async () => sum(await Promise.all(children.filter(isAlive).map(countsOf)))
  return {
    port: place.port,
    counts,
    ended,
    async stop() {
      const last = await counts()
      await stopAll()
      return last
    },
  }
}

/** Dozens of processes on a few cores that each woke for every message would do little else. */
function gatherFor(processes: number): number {
  return Math.min(LONGEST_GATHER_MS, Math.floor(processes / availableParallelism() / 2))
}

/**
 * The processes may share a port, and so would somebody else's with the same user: whether it is free is seen by taking it for oneself.
 *
 * @throws EnvironmentError  it is not
 */
async function freePort(address: string, port: number): Promise<number> {
  const server = createServer()
  try {
    server.listen({ host: address, port })
    await once(server, 'listening')
    const taken = server.address()
    return typeof taken === 'object' && taken !== null ? taken.port : port
  } catch (error) {
    throw cannotListen({ address, port }, (error as NodeJS.ErrnoException).code ?? (error as Error).message)
  } finally {
    server.close()
  }
}

function cannotListen({ address, port }: Pick<Place, 'address' | 'port'>, code: string): EnvironmentError {
  const hint = HINTS[code]
  return new EnvironmentError(`the sink can't listen on ${address}:${port} (${code})`, hint === undefined ? {} : { hint })
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'somebody does already: name another port with --port',
  EADDRNOTAVAIL: 'it is no address of this machine: name another with --host',
  EACCES: 'ports below 1024 are for root: name another with --port',
}

function startChild(): ChildProcess {
  // Ctrl-C in a terminal goes to the whole process group; the parent says when the end is.
  const options = { detached: true, serialization: 'advanced', execArgv: FLAGS, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] } as const
  return fork(fileURLToPath(new URL('./process.js', import.meta.url)), ['serve'], { ...options, stdio: [...options.stdio] })
}

function listening(child: ChildProcess, place: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', (telling: SinkTelling) => {
      if (telling.type === 'failed') reject(cannotListen(place, telling.code))
      else resolve()
    })
    child.send(place)
  })
}

function countsOf(child: ChildProcess): Promise<SinkCounts> {
  return new Promise((resolve) => {
    const done = (counts: SinkCounts) => {
      clearTimeout(timer)
      child.off('message', hear).off('exit', gone).off('disconnect', gone)
      resolve(counts)
    }
    const hear = (telling: SinkTelling) => done(telling.type === 'counts' ? telling.counts : NOTHING)
    const gone = () => done(NOTHING)
    const timer = setTimeout(gone, COUNTS_TIMEOUT_MS)
    child.once('message', hear).once('exit', gone).once('disconnect', gone)
    child.send('counts', (error) => error && gone())
  })
}

function isAlive({ connected, exitCode, signalCode }: ChildProcess): boolean {
  return connected && exitCode === null && signalCode === null
}

function firstEnd(children: readonly ChildProcess[]): Promise<EnvironmentError> {
  return new Promise((resolve) => {
    for (const child of children) {
      const end = (how: string) => resolve(new EnvironmentError(`a process of the sink ended early: ${how}`))
      child.on('error', (error) => end(error.message))
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `by ${signal}`))
    }
  })
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    if (child.connected) child.disconnect()
  })
}

const NOTHING: SinkCounts = { connects: 0, connected: 0, publishes: [0, 0, 0], deliveries: 0, refused: 0, full: 0 }

function sum(all: readonly SinkCounts[]): SinkCounts {
  return all.reduce(
    (a, b) => ({
      connects: a.connects + b.connects,
      connected: a.connected + b.connected,
      publishes: [a.publishes[0] + b.publishes[0], a.publishes[1] + b.publishes[1], a.publishes[2] + b.publishes[2]],
      deliveries: a.deliveries + b.deliveries,
      refused: a.refused + b.refused,
      full: a.full + b.full,
    }),
    NOTHING,
  )
}
