import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { freePort } from '../helpers/ports.ts'
import { type Command, Process } from './process.ts'

/**
 * Real clusters on loopback. A recipe says how one node is configured and started; this file finds ports, starts the nodes, waits until
 * they are one cluster (a publish on each node reaches a subscriber on every other), and leaves nothing behind.
 */
export interface Node {
  readonly name: string
  readonly url: string
  /** By role, and that of MQTT. */
  readonly ports: Readonly<Record<string, number>>
  readonly pid: number
  readonly isRunning: boolean
  log(): string
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP. */
  pause(): void
  resume(): void
  /** SIGTERM; resolves when it is gone. */
  stop(): Promise<void>
  /** Starts it again with the data it had; resolves when the nodes that run are one cluster again. */
  start(): Promise<void>
}

export interface Cluster {
  readonly nodes: readonly Node[]
  readonly urls: readonly string[]
  /** Resolves when a publish on each node that runs reaches a subscriber on each of them. */
  whole(): Promise<void>
  /** Ends all processes and removes their folders. May be called twice. */
  stop(): Promise<void>
}

export interface Spec<Role extends string> {
  /** From 0. */
  readonly index: number
  readonly name: string
  /** Where its data is; not made yet. */
  readonly folder: string
  readonly ports: Readonly<Record<Role | 'mqtt', number>>
}

export interface Recipe<Role extends string> {
  readonly name: string
  readonly nodes: number
  /** Ports that a node needs beside that of MQTT. */
  readonly roles: readonly Role[]
  /** Before the @ of the URL: who may log in. */
  readonly account?: string
  /** A node starts when the one before is in the cluster; otherwise all start together. */
  readonly inTurn?: boolean
  /** A process that the nodes need, started first. */
  readonly helper?: (folder: string) => Promise<Command>
  /** Writes the node's configuration. */
  command(spec: Spec<Role>, all: readonly Spec<Role>[]): Command
}

/** How often ports that somebody took in between are replaced by others. */
const START_ATTEMPTS = 3
/** RabbitMQ needs half a minute on an idle machine. */
const WHOLE_MS = 90_000
/** A cluster that spreads a subscription later than this is tried again from the start. */
const ROUND_MS = 4_000
const RETRY_MS = 100

/** @throws Error  with the nodes' logs */
export async function startCluster<Role extends string>(recipe: Recipe<Role>): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    const folder = mkdtempSync(join(tmpdir(), `${recipe.name}-`))
    try {
      return await launch(recipe, folder)
    } catch (error) {
      if (attempt >= START_ATTEMPTS || !/address already in use|eaddrinuse/i.test(String(error))) throw error
    }
  }
}

async function launch<Role extends string>(recipe: Recipe<Role>, folder: string): Promise<Cluster> {
  const processes: Process[] = []
  const stop = async () => {
    await Promise.all(processes.map((process) => process.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const specs: Spec<Role>[] = []
    for (let index = 0; index < recipe.nodes; index++) {
      const ports = {} as Record<Role | 'mqtt', number>
      for (const role of [...recipe.roles, 'mqtt'] as const) ports[role] = await freePort()
      specs.push({ index, name: `node-${index + 1}`, folder: join(folder, `node-${index + 1}`), ports })
    }
    const helper = recipe.helper && new Process(await recipe.helper(folder))
    const members = specs.map((spec) => new Process(recipe.command(spec, specs)))
    // Helpers last: stopping is not in turn, but a node that can't reach its helper any more still ends.
    processes.push(...members, ...(helper ? [helper] : []))
    helper?.spawn()
    const urls = specs.map(({ ports }) => `mqtt://${recipe.account ? `${recipe.account}@` : ''}127.0.0.1:${ports.mqtt}`)
    const whole = () => untilWhole(members.flatMap((process, i) => (process.isRunning ? [{ url: urls[i]!, process }] : [])))
    for (const member of members) {
      member.spawn()
      if (recipe.inTurn) await whole()
    }
    await whole()
    return { nodes: members.map((process, i) => nodeOf(process, specs[i]!.name, urls[i]!, whole, specs[i]!.ports)), urls, whole, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A process that speaks MQTT, as a test sees it. */
export function nodeOf(process: Process, name: string, url: string, whole: () => Promise<void>, ports: Node['ports'] = {}): Node {
  return {
    name,
    url,
    ports,
    get pid() {
      return process.pid
    },
    get isRunning() {
      return process.isRunning
    },
    log: () => process.log,
    kill: () => process.kill(),
    pause: () => process.pause(),
    resume: () => process.resume(),
    stop: () => process.stop(),
    async start() {
      process.spawn()
      await whole()
    },
  }
}

/**
 * Waits until a QoS 1 message published at each URL reaches a subscriber at each.
 *
 * @throws Error  a process has ended, or it takes too long: with their logs
 */
export async function untilWhole(members: readonly { readonly url: string; readonly process: Process }[]): Promise<void> {
  const deadline = performance.now() + WHOLE_MS
  while (!(await isWhole(members.map(({ url }) => url)))) {
    const isLost = members.some(({ process }) => !process.isRunning)
    if (isLost || performance.now() > deadline) {
      const logs = members.map(({ url, process }) => `--- ${url}\n${process.log}`).join('\n')
      throw new Error(`${isLost ? 'a node has ended' : 'no cluster after 90 s'}:\n${logs}`)
    }
    await delay(RETRY_MS)
  }
}

let round = 0

async function isWhole(urls: readonly string[]): Promise<boolean> {
  const connecting = urls.map((url) => connectAsync(url, { reconnectPeriod: 0, connectTimeout: ROUND_MS }, false))
  const clients = (await Promise.allSettled(connecting)).flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const topic = `ready/${process.pid}/${++round}`
  const heard = urls.map(() => new Set<string>())
  const check = async (): Promise<boolean> => {
    if (clients.length < urls.length) return false
    const complete = new Promise<true>((resolve) => {
      for (const [to, client] of clients.entries()) {
        client.on('message', (_topic, payload) => {
          heard[to]!.add(payload.toString())
          if (heard.every(({ size }) => size === urls.length)) resolve(true)
        })
      }
    })
    await Promise.all(clients.map((client) => client.subscribeAsync(topic, { qos: 1 })))
    for (const deadline = performance.now() + ROUND_MS; performance.now() < deadline; ) {
      await Promise.all(clients.map((client, from) => client.publishAsync(topic, String(from), { qos: 1 })))
      if (await Promise.race([complete, delay(RETRY_MS)])) return true
    }
    return false
  }
  try {
    for (const client of clients) client.on('error', () => undefined)
    const late = delay(2 * ROUND_MS, false, { ref: false })
    return await Promise.race([check(), late])
  } catch {
    return false // refused, closed, not granted: not ready yet
  } finally {
    for (const client of clients) client.end(true)
  }
}
