import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Report } from '../../src/report/types.ts'
import { type Ended, type ToolOptions, tool } from '../cli/tool.ts'
import { freePort } from '../helpers/ports.ts'
import { environmentOf, rootOf } from './packages.ts'
import { Process } from './process.ts'

/**
 * Agents and controllers as their users start them, and a NATS server between them. Each is a process of its own, in a folder of its own.
 */
const PROGRAM = fileURLToPath(new URL('../../bin/mqtt-scale.js', import.meta.url))
const START_MS = 20_000

export class Field {
  readonly folder = mkdtempSync(join(tmpdir(), 'agents-'))
  readonly port: number
  readonly server: Process
  private readonly agents: Process[] = []

  /** @param config  of the server, beside its port and store */
  static async start(config = '', env: Readonly<Record<string, string>> = {}): Promise<Field> {
    const field = new Field(await freePort(), config, env)
    field.server.spawn()
    await field.isUp()
    return field
  }

  private constructor(port: number, config: string, env: Readonly<Record<string, string>>) {
    this.port = port
    const file = join(this.folder, 'nats.conf')
    writeFileSync(file, `listen: "0.0.0.0:${port}"\njetstream { store_dir: ${JSON.stringify(join(this.folder, 'js'))} }\n${config}`)
    const program = join(rootOf('nats'), 'usr/sbin/nats-server')
    this.server = new Process({
      program,
      args: ['-c', file],
      env: { ...environmentOf('nats'), ...env, GOMAXPROCS: '1' },
      folder: this.folder,
    })
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  /** Starts one, and waits until it is ready. `before`: a command that it is started with. */
  async agent(id: string, { before = [], args = [], url = this.url, env = {} }: AgentOptions = {}): Promise<Process> {
    const [program, ...rest] = [...before, process.execPath, PROGRAM, 'agent', '--id', id, '--control', url]
    const folder = join(this.folder, id)
    mkdirSync(folder, { recursive: true })
    const allowed = args.includes('--allow-target') ? [] : ['--allow-target', '127.0.0.1']
    const all = [...rest, ...allowed, ...args]
    const agent = new Process({ program: program!, args: all, env: { ...process.env, ...env, NO_COLOR: '1' }, folder })
    this.agents.push(agent)
    agent.spawn()
    await said(agent, 'is ready')
    return agent
  }

  /** Runs a scenario on agents; `onStderr` as in tool(). */
  async run(scenario: object, broker: string, agents: number, options: RunOptions = {}): Promise<Ran> {
    const { args = [], onStderr = () => {}, url = this.url, env = {} } = options
    const folder = mkdtempSync(join(this.folder, 'run-'))
    const file = join(folder, 'scenario.yaml')
    // Any JSON is YAML.
    writeFileSync(file, JSON.stringify({ sentinel: false, probe: false, ...scenario }))
    const out = join(folder, 'report')
    const command = ['run', file, '--control', url, '--agents', String(agents), '--broker', broker, '--out', out, ...args]
    const ended = await tool(command, { cwd: folder, onStderr, env })
    return { ...ended, report: () => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Report }
  }

  /** What agents kept, as a report. @param paths  of their folders; none: of all */
  async merged(...paths: readonly string[]): Promise<{ code: number | null; report: Report }> {
    const { code, stdout, stderr } = await tool(['report', '--format', 'json', ...(paths.length > 0 ? paths : [this.folder])])
    if (stdout === '') throw new Error(stderr)
    return { code, report: JSON.parse(stdout) as Report }
  }

  /** Ends the agents, and forgets what they kept. */
  async clear(): Promise<void> {
    for (const agent of this.agents.splice(0)) await agent.kill()
    for (const name of readdirSync(this.folder))
      if (!['js', 'nats.conf'].includes(name)) rmSync(join(this.folder, name), { recursive: true })
  }

  async stop(): Promise<void> {
    await this.clear()
    await this.server.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** It takes connections. */
  async isUp(): Promise<void> {
    for (const end = Date.now() + START_MS; !(await accepts(this.port)); await delay(50)) {
      if (Date.now() > end || !this.server.isRunning) throw new Error(`NATS does not start:\n${this.server.log}`)
    }
  }

  /** Folders of what agents kept. */
  journals(): string[] {
    return readdirSync(this.folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('journal.bin'))
      .map((name) => join(this.folder, name, '..'))
  }
}

export interface RunOptions {
  readonly args?: readonly string[]
  readonly onStderr?: NonNullable<ToolOptions['onStderr']>
  readonly url?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface AgentOptions {
  /** What it is started with. */
  readonly before?: readonly string[]
  readonly args?: readonly string[]
  readonly url?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Ran extends Ended {
  report(): Report
}

/** Waits until a process has said something. */
export async function said(process: Process, words: string): Promise<void> {
  for (const end = Date.now() + START_MS; !process.log.includes(words); await delay(20)) {
    if (Date.now() > end || !process.isRunning) throw new Error(`it did not say "${words}":\n${process.log}`)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
