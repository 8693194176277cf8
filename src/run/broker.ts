/**
 * The embedded broker: aedes in a process of its own, on loopback, on any free port.
 *
 * It is there so that a first run needs nothing else. It speaks MQTT 3.1 and 3.1.1, keeps everything in memory, and its figures are its own.
 * This file is both ends: `startEmbeddedBroker` for the controller, and what runs in the child.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EnvironmentError } from '../errors.ts'
import type { BrokerFacts } from '../report/types.ts'

export interface EmbeddedBroker {
  readonly url: string
  /** What a probe would find. */
  readonly facts: BrokerFacts
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 3000

/** @throws EnvironmentError  if it does not come up */
export async function startEmbeddedBroker(): Promise<EmbeddedBroker> {
  // Ctrl-C in a terminal goes to the whole process group; the broker must outlive it to see the run's end.
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], detached: true })
  const port = await new Promise<number>((resolve, reject) => {
    const fail = (why: string) =>
      reject(
        new EnvironmentError(`the embedded broker did not start: ${why}`, { hint: 'give a broker of your own with --broker mqtt://HOST' }),
      )
    const timer = setTimeout(() => fail(`no answer within ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS)
    child.once('message', (message) => {
      clearTimeout(timer)
      resolve((message as { port: number }).port)
    })
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`it ended with code ${code}`))
  })
  return { url: `mqtt://127.0.0.1:${port}`, facts: aedesFacts(), stop: () => stop(child) }
}

/** Its package does not let its own description be imported. */
function aedesFacts(): BrokerFacts {
  const path = join(dirname(createRequire(import.meta.url).resolve('aedes')), 'package.json')
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
  return { software: `aedes ${version}`, versions: ['3.1', '3.1.1'], limits: null }
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    // It ends by itself when the channel closes: also if this process dies.
    if (child.connected) child.disconnect()
    else child.kill('SIGTERM')
  })
}

async function serve(): Promise<void> {
  const { Aedes } = await import('aedes')
  const broker = await Aedes.createBroker({ concurrency: 1000, queueLimit: 1_000_000 })
  const server = createServer({ noDelay: true }, broker.handle)
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
    const address = server.address()
    process.send!({ port: typeof address === 'object' && address ? address.port : 0 })
  })
  process.once('disconnect', () => {
    server.close()
    broker.close()
  })
}

if (process.argv[2] === 'serve' && process.argv[1] === fileURLToPath(import.meta.url)) await serve()
