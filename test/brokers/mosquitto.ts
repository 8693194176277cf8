import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certificates } from '../helpers/certs.ts'
import { freePort } from '../helpers/ports.ts'
import { environmentOf, requireBrokers, rootOf } from './packages.ts'

/**
 * A real mosquitto for tests, from the packages that fetch.sh unpacks.
 *
 * Each broker has a temporary folder and ports of its own and listens on 127.0.0.1 only. It is ready when its log says so, and
 * `stop` leaves nothing behind; a broker that a crashed test forgot dies with the test's process.
 */
export type Listener = 'plain' | 'password' | 'tls' | 'mtls' | 'ws' | 'wss'

export interface MosquittoOptions {
  /** The TLS ones use test/helpers/certs.ts. `plain` is always there as well: mosquitto 2.0.11 ends at once when all its listeners are WebSocket ones. */
  readonly listeners: readonly Listener[]
  /** Further lines for the global part of mosquitto.conf, e.g. `max_queued_messages 5`. */
  readonly config?: string
}

export interface Mosquitto {
  readonly pid: number
  readonly ports: Readonly<Record<Listener, number>>
  url(listener: Listener): string
  /** What it has logged: errors, warnings, connections. */
  log(): string
  /** Ends it and waits until it has ended. May be called twice. */
  stop(): Promise<void>
}

/** The account of the `password` listener. */
export const ACCOUNT = { username: 'tester', password: 'correct horse' } as const

const ROOT = rootOf('mosquitto')

/** How often ports that somebody took in between are replaced by others. */
const START_ATTEMPTS = 5

/** For `describe.skipIf(!requireMosquitto())`. */
export const requireMosquitto = (): boolean => requireBrokers('mosquitto')

/** Starts a broker; it accepts connections when the promise resolves. */
export async function startMosquitto(options: MosquittoOptions): Promise<Mosquitto> {
  const listeners = [...new Set<Listener>(['plain', ...options.listeners])]
  for (let attempt = 1; ; attempt++) {
    const ports = {} as Record<Listener, number>
    for (const listener of listeners) ports[listener] = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'mosquitto-'))
    try {
      writeFileSync(join(folder, 'mosquitto.conf'), configure({ ...options, listeners }, ports, folder))
      return await launch(folder, ports)
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      if (attempt >= START_ATTEMPTS || !String(error).includes('Address already in use')) throw error
    }
  }
}

async function launch(folder: string, ports: Record<Listener, number>): Promise<Mosquitto> {
  const child = spawn(join(ROOT, 'usr/sbin/mosquitto'), ['-c', join(folder, 'mosquitto.conf')], {
    env: environmentOf('mosquitto'),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  void ended.then(() => process.off('exit', killWithUs))
  const log = await readUntilRunning(child)
  return {
    pid: child.pid!,
    ports,
    url: (listener) => `${SCHEMES[listener]}://127.0.0.1:${ports[listener]}`,
    log,
    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves when mosquitto says that it runs, with a function that returns its log so far; rejects with the log if it ends. */
function readUntilRunning(child: ChildProcess): Promise<() => string> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-LOG_LIMIT)
      if (text.includes(' running')) resolve(() => text)
    })
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`mosquitto ended with ${code}:\n${text}`)))
  })
}

/** Enough to explain a failed test; a thousand connecting clients log 100 KB. */
const LOG_LIMIT = 1 << 20

const SCHEMES: Record<Listener, string> = { plain: 'mqtt', password: 'mqtt', tls: 'mqtts', mtls: 'mqtts', ws: 'ws', wss: 'wss' }

function configure(options: MosquittoOptions, ports: Record<Listener, number>, folder: string): string {
  const server = () => `certfile ${certificates().server.cert}\nkeyfile ${certificates().server.key}`
  const client = () => `cafile ${certificates().ca}\nrequire_certificate true\nuse_identity_as_username true`
  const lines: Record<Listener, () => string> = {
    plain: () => 'allow_anonymous true',
    password: () => `allow_anonymous false\npassword_file ${writePasswords(folder)}`,
    tls: () => `allow_anonymous true\n${server()}`,
    mtls: () => `allow_anonymous false\n${server()}\n${client()}`,
    ws: () => 'protocol websockets\nallow_anonymous true',
    wss: () => `protocol websockets\nallow_anonymous true\n${server()}`,
  }
  return [
    // Started by root it would switch to a user who can't read its own folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'per_listener_settings true',
    'log_dest stderr',
    ...['error', 'warning', 'notice', 'information'].map((type) => `log_type ${type}`),
    'sys_interval 1',
    options.config ?? '',
    ...options.listeners.map((listener) => `listener ${ports[listener]} 127.0.0.1\n${lines[listener]()}`),
    '',
  ].join('\n')
}

function writePasswords(folder: string): string {
  const file = join(folder, 'passwords')
  execFileSync(join(ROOT, 'usr/bin/mosquitto_passwd'), ['-b', '-c', file, ACCOUNT.username, ACCOUNT.password], {
    env: environmentOf('mosquitto'),
  })
  return file
}
