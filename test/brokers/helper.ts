/**
 * Runs scenarios against a real broker: from a scenario written as an object to its report, by the built engine (`dist`), whose workers
 * are files of their own. And what an independent client sees of the broker meanwhile.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect, connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import type { MetricsSource } from '../../src/load/plan.ts'
import type { Report } from '../../src/report/types.ts'

const dist = <T>(path: string): Promise<T> => import(new URL(`../../dist/${path}`, import.meta.url).href) as Promise<T>
const { loadScenario, NO_OPTIONS } = await dist<typeof import('../../src/load/scenario.ts')>('load/scenario.js')
const { Controller } = await dist<typeof import('../../src/run/controller.ts')>('run/controller.js')
const { localRun } = await dist<typeof import('../../src/run/local.ts')>('run/local.js')
const { prepare } = await dist<typeof import('../../src/run/prepare.ts')>('run/prepare.js')
const { readDrops } = await dist<typeof import('../../src/run/drops.ts')>('run/drops.js')
const { startWatch } = await dist<typeof import('../../src/run/watching.ts')>('run/watching.js')
const { startSentinel } = await dist<typeof import('../../src/run/sentinel.ts')>('run/sentinel.js')
const { ReportFolder } = await dist<typeof import('../../src/report/folder.ts')>('report/folder.js')

export interface RunResult {
  readonly report: Report
  readonly exitCode: number
  /** What was said of nodes whose figures could not be read. */
  readonly words: readonly string[]
  /** Everything in the report's folder. */
  readonly written: string
}

export interface Running {
  /** Resolves when a phase begins; rejects if the run ends without it. */
  phase(name: string): Promise<void>
  /** Resolves when a fault begins; rejects if the run ends without it. */
  fault(name: string): Promise<void>
  /** As Ctrl-C. */
  interrupt(): void
  readonly result: Promise<RunResult>
}

export interface RunSettings {
  readonly workers?: number
  /** What the scenario's paths are relative to. */
  readonly folder?: string
  /** Whether a sentinel runs beside it: most tests count all that a broker sees. */
  readonly sentinel?: boolean
  /** Where each node's own figures are read. */
  readonly metrics?: readonly (readonly MetricsSource[])[]
  /** Whether the broker is asked what it drops. */
  readonly drops?: boolean
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
  const loaded = loadScenario(file, JSON.stringify(scenario), { ...NO_OPTIONS, brokers: urls })
  const nodes = loaded.nodes.map((node, i) => ({ ...node, ...(settings.metrics?.[i] && { metrics: settings.metrics[i] }) }))
  const plan = { ...loaded, nodes }
  const prepared = await prepare(plan, {
    scenario: file,
    wanted: { workers: settings.workers ?? 1, processes: null },
    allowed: [],
    planAt: null,
  })
  const startedAt = new Date()
  const folder = new ReportFolder(out, true, startedAt)
  const begun = new Map<string, Gate>()
  const gate = (name: string): Gate => {
    if (!begun.has(name)) begun.set(name, makeGate())
    return begun.get(name)!
  }
  const local = localRun(prepared, file)
  const words: string[] = []
  const watching = { epochNs: local.epochNs, baseDir: dirname(file), folder, onWords: (line: string) => words.push(line) }
  const controller = new Controller({
    ...prepared,
    ...local,
    scenario: file,
    startedAt,
    folder,
    brokers: null,
    drops: settings.drops ? await readDrops(prepared, dirname(file), false) : null,
    sentinel: settings.sentinel ? startSentinel(prepared, dirname(file)) : null,
    watch: startWatch(prepared, watching),
    listener: {
      onPhase: (name) => gate(name).open(),
      onRow: () => {},
      onFault: () => {},
      onAbort: () => {},
      onMoment: (name) => gate(`fault ${name}`).open(),
    },
  })
  const finish = async (): Promise<RunResult> => {
    try {
      const outcome = await controller.runToReport()
      folder.finish(outcome.report)
      return {
        ...outcome,
        words,
        written: readdirSync(out)
          .map((name) => readFileSync(join(out, name), 'utf8'))
          .join('\n'),
      }
    } finally {
      for (const { fail } of begun.values()) fail(new Error('the run has ended'))
      rmSync(out, { recursive: true, force: true })
    }
  }
  const result = finish()
  const fault = (name: string) => gate(`fault ${name}`).opened
  return { phase: (name) => gate(name).opened, fault, interrupt: () => controller.interrupt(), result }
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
  const numberIn = (packet: IPublishPacket | undefined): number => Number(packet?.payload.toString())
  await until((told) => told.length > 0 && isEnough(numberIn(told.at(-1))))
  await stop()
  return numberIn(packets.at(-1))
}

/** Whether the broker has kept a session for this client. Leaves one of its own, with the same client id. */
export async function hasSession(url: string, clientId: string): Promise<boolean> {
  const client = connect(url, { clientId, clean: false, reconnectPeriod: 0 })
  const present = await new Promise<boolean>((resolve, reject) => {
    client.once('connect', ({ sessionPresent }) => resolve(sessionPresent))
    client.once('error', reject)
  })
  await client.endAsync()
  return present
}

/** Topics of the retained messages below `prefix`. */
export async function retainedTopics(url: string, prefix: string): Promise<string[]> {
  const { client, until, packets, stop } = await witness(url, `${prefix}/#`)
  const isMarker = ({ topic }: IPublishPacket): boolean => topic === `${prefix}/marker`
  // What is retained comes before what is published after the subscription.
  await client.publishAsync(`${prefix}/marker`, '')
  await until((seen) => seen.some(isMarker))
  await stop()
  return packets.filter((packet) => !isMarker(packet)).map(({ topic }) => topic)
}
