/**
 * The sentinel: an independent client that measures the same nodes while the fleet does.
 *
 * One publisher and one subscriber on MQTT.js, in an otherwise idle process: where the fleet's latencies are far above the sentinel's, the fleet may
 * be measuring itself. It keeps to the fleet's rules: times are intended ones, on a fixed schedule, and what does not come back is infinitely
 * late. It uses a topic under `mqtt-scale/sentinel/`, is in none of the run's counts, and whatever becomes of it, the run goes on.
 *
 * This file is both ends: `startSentinel` for the controller, and what runs in the child.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { IClientOptions, MqttClient } from 'mqtt'
import type { SentinelFigures } from '../report/types.ts'
import { Histogram, summarize } from '../stats/histogram.ts'
import { startClock } from './clock.ts'
import { type Guest, guestOf, type Hosts } from './guest.ts'
import { newName } from './name.ts'

export interface Sentinel {
  /** It is connected and subscribed, or there is no more waiting for it. */
  readonly ready: Promise<void>
  /** Publishing begins. Times as in `Watch`. */
  begin(watch: Watch): void
  /** Measure ends earlier than planned. */
  cut(endUs: number): void
  /** Ends it. Never rejects. */
  finish(): Promise<SentinelFigures>
}

/** When to publish: µs since the epoch, and the epoch itself as ns of CLOCK_MONOTONIC. */
export interface Watch {
  readonly epochNs: string
  readonly originUs: number
  readonly startUs: number
  readonly endUs: number
}

/** What the child starts with. */
interface Orders {
  readonly topic: string
  readonly ratePerSec: number
  readonly publisher: Door
  readonly subscriber: Door
}

interface Door {
  readonly guest: Guest
  readonly clientId: string
}

type Command =
  | { readonly type: 'orders'; readonly orders: Orders }
  | { readonly type: 'begin'; readonly watch: Watch }
  | { readonly type: 'cut'; readonly endUs: number }
  | { readonly type: 'finish' }

type Telling = { readonly type: 'ready' } | { readonly type: 'figures'; readonly figures: SentinelFigures }

/** The run does not wait longer for it to be ready, or for its figures. */
const READY_TIMEOUT_MS = 3000
const FIGURES_TIMEOUT_MS = 1000
const KILL_AFTER_MS = 1000

/**
 * Starts the sentinel of a plan that has one: with several nodes it publishes on the first and subscribes on the second.
 *
 * @param folder  what relative paths of certificates are relative to
 */
export function startSentinel(hosts: Omit<Hosts, 'run'>, folder: string): Sentinel {
  const ratePerSec = hosts.plan.sentinel?.ratePerSec ?? 0
  const run = newName()
  const door = (node: number, part: string): Door => ({
    guest: guestOf({ ...hosts, run }, node, folder),
    clientId: `mqtt-scale-${part}-${run}`,
  })
  const orders: Orders = {
    topic: `mqtt-scale/sentinel/${run}`,
    ratePerSec,
    publisher: door(0, 'pub'),
    subscriber: door(Math.min(1, hosts.plan.nodes.length - 1), 'sub'),
  }
  // As with the embedded broker, Ctrl-C in a terminal is not for it.
  const child = fork(fileURLToPath(import.meta.url), ['sentinel'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], detached: true })
  // A child that can't be started, spoken to or is killed is an unavailable one: `told` never comes.
  child.on('error', () => {})
  const send = (command: Command) => {
    if (child.connected) child.send(command, () => {})
  }
  send({ type: 'orders', orders })
  const unavailable: SentinelFigures = { status: 'unavailable', ratePerSec, count: 0, p50Us: null, p99Us: null }
  return {
    ready: told(child, 'ready', READY_TIMEOUT_MS).then(() => undefined),
    begin: (watch) => send({ type: 'begin', watch }),
    cut: (endUs) => send({ type: 'cut', endUs }),
    async finish() {
      send({ type: 'finish' })
      const telling = await told(child, 'figures', FIGURES_TIMEOUT_MS)
      await end(child)
      return telling?.figures ?? unavailable
    },
  }
}

/** The next telling of a type; null: the child has ended, or says nothing in time. */
function told<T extends Telling['type']>(child: ChildProcess, type: T, timeoutMs: number): Promise<Extract<Telling, { type: T }> | null> {
  return new Promise((resolve) => {
    const done = (telling: Extract<Telling, { type: T }> | null) => {
      clearTimeout(timer)
      child.off('message', take)
      child.off('exit', lose)
      child.off('error', lose)
      resolve(telling)
    }
    const take = (telling: Telling) => {
      if (telling.type === type) done(telling as Extract<Telling, { type: T }>)
    }
    const lose = () => done(null)
    const timer = setTimeout(lose, timeoutMs)
    child.on('message', take)
    child.once('exit', lose)
    child.once('error', lose)
    if (!child.connected) lose()
  })
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    // It ends by itself when the channel closes: also if this process dies.
    if (child.connected) child.disconnect()
  })
}

/** The child: what it was told, and what it has seen. */
class Watchman {
  private readonly orders: Orders
  private readonly publisher: MqttClient
  private readonly subscriber: MqttClient
  private readonly latencies = new Histogram()
  private readonly periodUs: number
  private watch: Watch | null = null
  private clock: () => number = () => 0
  private endUs = 0
  private nextSeq = 0
  private lastSeen = -1
  private timer: NodeJS.Timeout | undefined

  constructor(orders: Orders, connect: (options: IClientOptions) => MqttClient) {
    this.orders = orders
    this.periodUs = 1e6 / orders.ratePerSec
    this.publisher = connect(optionsFor(orders.publisher))
    this.subscriber = connect(optionsFor(orders.subscriber))
    this.subscriber.on('message', (_, payload) => this.take(Number(payload.toString())))
    // What goes wrong shows in what does not come back; MQTT.js tries again.
    for (const client of [this.publisher, this.subscriber]) client.on('error', () => {})
  }

  async arrive(): Promise<void> {
    const connected = (client: MqttClient) => new Promise<void>((resolve) => client.once('connect', () => resolve()))
    await Promise.all([
      connected(this.publisher),
      connected(this.subscriber).then(() => this.subscriber.subscribeAsync(this.orders.topic, { qos: 0 })),
    ])
  }

  begin(watch: Watch): void {
    this.watch = watch
    this.endUs = watch.endUs
    this.clock = startClock(BigInt(watch.epochNs))
    this.publishDue()
  }

  cut(endUs: number): void {
    this.endUs = Math.min(this.endUs, endUs)
  }

  figures(): SentinelFigures {
    const { watch, periodUs, endUs } = this
    // As many as the schedule has in measure, whether they could be sent or not.
    const before = (timeUs: number) => Math.max(0, Math.ceil((timeUs - watch!.originUs) / periodUs - 0.5))
    const count = watch === null ? 0 : Math.max(0, before(endUs) - before(watch.startUs))
    const { p50, p99 } = summarize(this.latencies, Math.max(count, this.latencies.count))
    const status = this.latencies.count > 0 ? 'ok' : 'unavailable'
    return { status, ratePerSec: this.orders.ratePerSec, count: status === 'ok' ? count : 0, p50Us: p50, p99Us: p99 }
  }

  end(): void {
    clearTimeout(this.timer)
    for (const client of [this.publisher, this.subscriber]) client.end(true)
  }

  private publishDue(): void {
    const nowUs = this.clock()
    for (; this.dueUs(this.nextSeq) <= nowUs; this.nextSeq++) {
      if (this.dueUs(this.nextSeq) >= this.endUs) return
      if (this.publisher.connected) this.publisher.publish(this.orders.topic, String(this.nextSeq), { qos: 0 })
    }
    this.timer = setTimeout(() => this.publishDue(), Math.max(1, (this.dueUs(this.nextSeq) - nowUs) / 1000))
  }

  /** Each in the middle of its period. */
  private dueUs(seq: number): number {
    return this.watch!.originUs + (seq + 0.5) * this.periodUs
  }

  private take(seq: number): void {
    const nowUs = this.clock()
    // QoS 0 comes in order: what does not is a repeat, or nothing of ours.
    if (this.watch === null || !(seq > this.lastSeen && seq < this.nextSeq)) return
    this.lastSeen = seq
    const dueUs = this.dueUs(seq)
    if (dueUs >= this.watch.startUs && dueUs < this.endUs) this.latencies.record(nowUs - dueUs)
  }
}

function optionsFor({ guest, clientId }: Door): IClientOptions {
  const { endpoint, level, username, password, tls, ws } = guest
  const name = tls.serverName ?? endpoint.hostname
  const isWs = endpoint.scheme === 'ws' || endpoint.scheme === 'wss'
  const read = (path: string | null) => (path === null ? undefined : readFileSync(path))
  const [ca, cert, key] = [read(tls.ca), read(tls.cert), read(tls.key)]
  const secure = {
    rejectUnauthorized: !tls.insecure,
    ...(isIP(name) === 0 && { servername: name }),
    ...(tls.alpn.length > 0 && { ALPNProtocols: [...tls.alpn] }),
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
  }
  const hostPort = `${isIP(endpoint.hostname) === 6 ? `[${endpoint.hostname}]` : endpoint.hostname}:${endpoint.port}`
  return {
    protocol: PROTOCOLS[endpoint.scheme],
    host: isWs && endpoint.family === 6 ? `[${endpoint.address}]` : endpoint.address,
    port: endpoint.port,
    clientId,
    protocolId: level === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: level,
    clean: true,
    keepalive: guest.keepAliveS,
    reconnectPeriod: 1000,
    queueQoSZero: false,
    ...secure,
    ...(username !== null && { username }),
    ...(password !== null && { password }),
    ...(isWs && { path: ws.path, wsOptions: { headers: { host: hostPort, ...ws.headers }, perMessageDeflate: false, ...secure } }),
  }
}

const PROTOCOLS = { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss' } as const

async function serve(): Promise<void> {
  const { connect } = await import('mqtt')
  let watchman: Watchman | null = null
  const tell = (telling: Telling) => process.send?.(telling)
  process.on('message', (command: Command) => {
    if (command.type === 'orders') {
      watchman = new Watchman(command.orders, connect)
      void watchman.arrive().then(() => tell({ type: 'ready' }))
    } else if (command.type === 'begin') watchman?.begin(command.watch)
    else if (command.type === 'cut') watchman?.cut(command.endUs)
    else if (watchman !== null) tell({ type: 'figures', figures: watchman.figures() })
  })
  process.once('disconnect', () => watchman?.end())
}

if (process.argv[2] === 'sentinel' && process.argv[1] === fileURLToPath(import.meta.url)) await serve()
