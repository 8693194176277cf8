/**
 * Runs scenarios against a real broker: from a scenario written as an object to its report, by the built engine (`dist`), whose workers
 * are files of their own. And what an independent client sees of the broker meanwhile.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import type { Report } from '../../src/report/types.ts'

const dist = <T>(path: string): Promise<T> => import(new URL(`../../dist/${path}`, import.meta.url).href) as Promise<T>
const { loadScenario, NO_OPTIONS } = await dist<typeof import('../../src/load/scenario.ts')>('load/scenario.js')
const { Controller } = await dist<typeof import('../../src/run/controller.ts')>('run/controller.js')
const { resolveUrl } = await dist<typeof import('../../src/net/resolve.ts')>('net/resolve.js')
const { ReportFolder } = await dist<typeof import('../../src/report/folder.ts')>('report/folder.js')

export interface RunResult {
  readonly report: Report
  readonly exitCode: number
}

export interface Running {
  /** Resolves when a phase begins; rejects if the run ends without it. */
  phase(name: string): Promise<void>
  /** As Ctrl-C. */
  interrupt(): void
  readonly result: Promise<RunResult>
}

export interface RunSettings {
  readonly workers?: number
  /** Left out: epoll where every broker is plain TCP. */
  readonly transport?: 'epoll' | 'stream'
  /** What the scenario's paths are relative to. */
  readonly folder?: string
}

/** Runs a scenario to its end. */
export async function run(scenario: object, urls: readonly string[], settings: RunSettings = {}): Promise<RunResult> {
  return (await start(scenario, urls, settings)).result
}

/** Starts a run, whose phases can be waited for. */
export async function start(scenario: object, urls: readonly string[], settings: RunSettings = {}): Promise<Running> {
  const out = mkdtempSync(join(tmpdir(), 'run-'))
  const file = join(settings.folder ?? out, 'scenario.yaml')
  // Any JSON is YAML.
  const plan = loadScenario(file, JSON.stringify(scenario), { ...NO_OPTIONS, brokers: urls })
  const endpoints = await Promise.all(plan.nodes.map((node) => resolveUrl(node.url)))
  const isPlain = endpoints.flat().every(({ scheme }) => scheme === 'tcp')
  const startedAt = new Date()
  const folder = new ReportFolder(out, true, startedAt)
  const begun = new Map<string, Gate>()
  const gate = (name: string): Gate => {
    if (!begun.has(name)) begun.set(name, makeGate())
    return begun.get(name)!
  }
  const controller = new Controller({
    plan,
    shownPlan: plan,
    scenario: file,
    endpoints,
    files: new Map(),
    transport: settings.transport ?? (isPlain ? 'epoll' : 'stream'),
    workers: settings.workers ?? 1,
    startedAt,
    folder,
    listener: { onPhase: (name) => gate(name).open(), onRow: () => {}, onFault: () => {} },
  })
  const result = controller.runToReport().finally(() => {
    for (const { fail } of begun.values()) fail(new Error('the run has ended'))
    rmSync(out, { recursive: true, force: true })
  })
  return { phase: (name) => gate(name).opened, interrupt: () => controller.interrupt(), result }
}

interface Gate {
  readonly opened: Promise<void>
  readonly open: () => void
  readonly fail: (why: Error) => void
}

function makeGate(): Gate {
  let open!: () => void
  let fail!: (why: Error) => void
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  opened.catch(() => {})
  return { opened, open, fail }
}

/** An independent client that keeps what it receives. */
export interface Witness {
  readonly client: MqttClient
  readonly packets: readonly IPublishPacket[]
  /** Resolves when it has what `isEnough` says. */
  until(isEnough: (packets: readonly IPublishPacket[]) => boolean): Promise<void>
  stop(): Promise<void>
}

export async function witness(url: string, filter: string, options: IClientOptions = {}): Promise<Witness> {
  const client = await connectAsync(url, { reconnectPeriod: 0, ...options })
  const packets: IPublishPacket[] = []
  let check: () => void = () => {}
  client.on('message', (_topic, _payload, packet) => {
    packets.push(packet)
    check()
  })
  await client.subscribeAsync(filter, { qos: 2 })
  return {
    client,
    packets,
    until: (isEnough) =>
      new Promise((resolve) => {
        check = () => isEnough(packets) && resolve()
        check()
      }),
    stop: () => client.endAsync(),
  }
}

/** Mosquitto's own counter, such as `publish/messages/received`: the first value it tells from now on that `isEnough` takes. */
export async function counter(url: string, name: string, isEnough: (value: number) => boolean = () => true): Promise<number> {
  const { until, packets, stop } = await witness(url, `$SYS/broker/${name}`)
  const valueOf = (packet: IPublishPacket | undefined): number => Number(packet?.payload.toString())
  await until((told) => told.length > 0 && isEnough(valueOf(told.at(-1))))
  await stop()
  return valueOf(packets.at(-1))
}

/** A temporary folder with these files. */
export function folderWith(files: Readonly<Record<string, string | Buffer>>): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'scenario-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
