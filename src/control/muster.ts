/**
 * Gathers the agents of a run, and brings them to where all can start at one instant:
 *
 *   call ─▶ assign ─▶ prepare ─▶ arm ─▶ (run) ─▶ end
 *
 * Whatever is wrong with one of them before the run ends it: nobody has connected yet.
 */
import type { NatsConnection } from '@nats-io/transport-node'
import { EnvironmentError, Interrupted } from '../errors.ts'
import { fingerprint } from '../load/fingerprint.ts'
import type { Plan } from '../load/plan.ts'
import type { AgentFacts } from '../report/types.ts'
import { startClock } from '../run/clock.ts'
import type { Team } from '../run/member.ts'
import { newName } from '../run/name.ts'
import { call } from './agent.ts'
import { type ControlOptions, connectControl } from './connect.ts'
import { clockDomain } from './domain.ts'
import { Orders } from './orders.ts'
import { type Answer, type Assignment, type Hello, OPEN_SECONDS, type Order, PROTOCOL, type RunState } from './protocol.ts'
import { Pulses } from './pulses.ts'
import { Remote } from './remote.ts'
import { Runs } from './runs.ts'
import { rangesByGroup, rangesInWords, type Share, sharesOf } from './shares.ts'
import { Tellings } from './tellings.ts'

export interface MusterOptions {
  readonly control: ControlOptions
  /** How many there are to be. */
  readonly agents: number
  /** As the user knows it: references in place of secrets, and with nodes. */
  readonly plan: Plan
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly startedAt: Date
  /** No run comes after it that wants the same agents. */
  readonly isLast: boolean
  /** Of each agent; null: as it sees fit. */
  readonly workers: number | null
  readonly processes: number | null
  readonly onWords: (words: string) => void
  readonly waitMs?: number
}

/** They may have to be pulled and started first. */
const WAIT_MS = 120_000
const CALL_MS = 1000
const ASSIGN_MS = 20_000
const PREPARE_MS = 60_000
/** Dozens of processes on few cores take their time. */
const ARM_MS = 120_000
const ABORT_MS = 5000
/** For what is cleared away at the end: a server that is away must not hold the report. */
const CLEAR_MS = 10_000
/** Between a command and the moment it is for: time for a server that hiccups. */
const LEAD_US = 1e6

interface Mustered extends Share {
  readonly orders: Orders
  readonly remote: Remote
}

type Prepared = Extract<Answer, { type: 'prepared' }>

export class Muster {
  readonly run = newName()
  readonly epochNs = process.hrtime.bigint()
  readonly unixEpochMs = Date.now()
  private readonly options: MusterOptions
  private readonly connection: NatsConnection
  private readonly runs: Runs
  private readonly controller = `${newName()}${newName()}`
  private members: readonly Mustered[] = []
  private planPieces = 0
  private tellings: Tellings | null = null
  private pulses: Pulses | null = null
  private isOver = false

  private constructor(options: MusterOptions, connection: NatsConnection, runs: Runs) {
    this.options = options
    this.connection = connection
    this.runs = runs
  }

  /** @throws EnvironmentError  there is no such server */
  static async connect(options: MusterOptions): Promise<Muster> {
    const connection = await connectControl(options.control, 'mqtt-scale controller')
    try {
      return new Muster(options, connection, await Runs.create(connection))
    } catch (cause) {
      await connection.close()
      throw new EnvironmentError(`NATS at ${connection.getServer()} can't keep a run: ${(cause as Error).message}`, {
        cause,
        hint: 'JetStream must be on (nats-server --jetstream), and this user allowed to use it',
      })
    }
  }

  /**
   * All agents armed.
   *
   * @throws EnvironmentError  they can't be had, or one of them can't do its part; Interrupted: `end` was called meanwhile
   */
  async gather(): Promise<Team> {
    const { plan, files } = this.options
    const domain = clockDomain()
    const shares = sharesOf(plan, await this.agents(), domain)
    this.members = shares.map((share) => {
      const { id } = share.agent
      const orders = new Orders({ connection: this.connection, agent: id, controller: this.controller })
      return { ...share, orders, remote: new Remote(`agent ${id} (${rangesInWords(plan, share.slice)})`, orders) }
    })
    this.planPieces = await this.runs.putPlan(this.run, { plan, files })
    this.checkGoesOn()
    const byId = new Map(this.members.map((member) => [member.agent.id, member]))
    this.tellings = await Tellings.create(this.connection, this.run, {
      onReport: (agent, report) => {
        if (report.type === 'gone') this.pulses?.forget(agent)
        byId.get(agent)?.remote.hear(report)
      },
      onGap: (agent) => byId.get(agent)?.remote.miss(),
    })
    if (this.isOver) await this.tellings.end()
    this.checkGoesOn()
    this.pulses = new Pulses({
      connection: this.connection,
      run: this.run,
      instances: new Map(this.members.map(({ agent }) => [agent.id, agent.instance])),
      clock: startClock(0n),
      onDead: (agent, why) => byId.get(agent)!.remote.lose(new Error(why)),
    })
    await this.state('assigned')
    await this.everyone('assign', ASSIGN_MS, (share) => ({ type: 'assign', assignment: this.assignment(share, domain) }))
    const prepared = await this.everyone('prepare', PREPARE_MS, () => ({ type: 'prepare' }))
    this.agree(prepared)
    await this.state('prepared')
    const armed = await this.everyone('arm', ARM_MS, () => ({ type: 'arm' }))
    await this.state('armed')
    const facts = this.members.map((member, i) => factsOf(plan, member, prepared[i]!, armed[i]!))
    const sum = (of: (it: Prepared) => number) => prepared.reduce((total, it) => total + of(it), 0)
    return {
      recruits: this.members.map(({ remote }) => remote),
      leadUs: LEAD_US,
      processes: sum(({ processes }) => processes),
      workers: sum(({ workers }) => workers),
      openSeconds: OPEN_SECONDS,
      agents: () => facts.map((agent) => ({ ...agent, clock: this.pulses!.clockOf(agent.id) ?? agent.clock })),
    }
  }

  /** The run begins: from now on agents without a controller bring it to its end. */
  begin(): Promise<void> {
    return this.state('running')
  }

  /** Never rejects, and takes some seconds at most, whatever has become of the server. @param why  null: the run has ended in order */
  async end(why: string | null): Promise<void> {
    this.isOver = true
    if (why !== null) await Promise.all(this.members.map(({ orders }) => abort(orders, why)))
    for (const { orders } of this.members) orders.end()
    this.pulses?.stop()
    // Before anything that can fail: on a closed connection it would read for ever.
    this.tellings?.stop()
    try {
      await soon(this.clear(why === null ? 'done' : 'aborted'))
    } catch (error) {
      this.options.onWords(`the run's stream is still on the server: ${(error as Error).message}`)
    } finally {
      await soon(this.connection.close()).catch(() => {})
    }
  }

  /** In this order: who finds the run without a plan finds it done as well. */
  private async clear(state: 'done' | 'aborted'): Promise<void> {
    await this.state(state)
    await this.tellings?.end()
    await this.runs.removePlan(this.run, this.planPieces)
  }

  /** So many that are free, found by calling until they are there. */
  private async agents(): Promise<Hello[]> {
    const { agents: wanted, isLast, onWords, waitMs = WAIT_MS } = this.options
    const untilMs = performance.now() + waitMs
    let said = ''
    for (;;) {
      const found = await call(this.connection, CALL_MS)
      // On a closed connection a call ends at once: without this, the loop would spin.
      this.checkGoesOn()
      checkNames(found)
      const free = found.filter(({ run, protocol }) => run === null && protocol === PROTOCOL).sort((a, b) => (a.id < b.id ? -1 : 1))
      const staying = free.filter(({ once }) => isLast || !once)
      if (staying.length >= wanted) return staying.slice(0, wanted)
      if (free.length >= wanted) throw onlyOnce(free)
      const words = `${free.length} of ${wanted} agents ${free.length === 1 ? 'is' : 'are'} here${listed(found)}`
      if (performance.now() > untilMs) {
        throw new EnvironmentError(words, {
          hint: `start more: mqtt-scale agent --control … --id NAME, or run with --agents ${Math.max(1, free.length)}`,
        })
      }
      if (words !== said) onWords(`${words}; waiting for the others`)
      said = words
    }
  }

  private assignment({ slice, near }: Share, domain: string): Assignment {
    const { run, controller, planPieces, epochNs, unixEpochMs } = this
    const { startedAt, workers, processes } = this.options
    const agents = this.members.map(({ agent }) => agent.id)
    return {
      run,
      controller,
      slice,
      near,
      planPieces,
      epochNs,
      unixEpochMs,
      startedAt: startedAt.toISOString(),
      domain,
      workers,
      processes,
      agents,
    }
  }

  /** Gives all the same order at once. @throws EnvironmentError  one of them refuses, or does not answer */
  private async everyone<T extends 'assign' | 'prepare' | 'arm'>(
    type: T,
    withinMs: number,
    orderFor: (member: Mustered) => Extract<Order, { type: T }>,
  ): Promise<Extract<Answer, { type: (typeof ANSWERS)[T] }>[]> {
    this.checkGoesOn()
    const answers = await Promise.all(
      this.members.map(async (member) => {
        const answer = await member.orders.send(orderFor(member), withinMs)
        const name = `agent ${member.agent.id}`
        if (answer === null) {
          throw new EnvironmentError(`${name} did not ${type} within ${withinMs / 1000} s; nobody has connected`, {
            hint: 'is it still running?',
          })
        }
        if (answer.type === 'refused') throw new EnvironmentError(`${name}: ${answer.words}`, { hint: answer.hint ?? undefined })
        return answer
      }),
    )
    return answers as Extract<Answer, { type: (typeof ANSWERS)[T] }>[]
  }

  /** @throws EnvironmentError  some agent makes something else of the plan */
  private agree(prepared: readonly Prepared[]): void {
    const { plan, files, onWords } = this.options
    const own = fingerprint(plan, files)
    for (const [i, answer] of prepared.entries()) {
      const { id, host } = this.members[i]!.agent
      if (answer.fingerprint !== own) {
        throw new EnvironmentError(`agent ${id} makes another schedule of this plan; nobody has connected`, {
          hint: `it runs mqtt-scale ${host.tool} on Node ${host.node} (${host.os}): let all have the same`,
        })
      }
      for (const warning of answer.warnings) onWords(`agent ${id}: ${warning}`)
    }
  }

  private checkGoesOn(): void {
    if (this.isOver) throw new Interrupted('the run was ended before it began')
  }

  private state(state: RunState['state']): Promise<void> {
    return this.runs.putState(this.run, { state, agents: this.members.map(({ agent }) => agent.id) })
  }
}

/** @throws Error  it takes too long */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined
  const lateness = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error(`no answer within ${CLEAR_MS / 1000} s`)), CLEAR_MS)
  })
  try {
    return await Promise.race([promise, lateness])
  } finally {
    clearTimeout(late)
  }
}

function abort(orders: Orders, why: string): Promise<unknown> {
  orders.cancel()
  return orders.send({ type: 'abort', why }, ABORT_MS)
}

const ANSWERS = { assign: 'done', prepare: 'prepared', arm: 'armed' } as const

function factsOf(plan: Plan, { agent, slice }: Share, prepared: Prepared, { clock }: Extract<Answer, { type: 'armed' }>): AgentFacts {
  const { workers, processes, transport } = prepared
  return { id: agent.id, clients: rangesByGroup(plan, slice), host: agent.host, processes, workers, transport, clock }
}

/** @throws EnvironmentError  two agents have one name */
function checkNames(found: readonly Hello[]): void {
  const byId = new Map<string, string>()
  for (const { id, instance } of found) {
    const other = byId.get(id)
    if (other !== undefined && other !== instance) {
      throw new EnvironmentError(`two agents are called ${id}`, { hint: 'give each a name of its own with --id' })
    }
    byId.set(id, instance)
  }
}

/** Some of them would be gone when the next run begins. */
function onlyOnce(found: readonly Hello[]): EnvironmentError {
  const names = found.flatMap(({ id, once }) => (once ? [id] : []))
  return new EnvironmentError(`more runs are to come, and agents serve but one (--once): ${names.join(', ')}`, {
    hint: 'start them without --once, or leave out --repeat',
  })
}

function listed(found: readonly Hello[]): string {
  if (found.length === 0) return ''
  const words = found.map(({ id, run, protocol, host }) => {
    if (protocol !== PROTOCOL) return `${id} has version ${host.tool}`
    return run === null ? id : `${id} serves run ${run}`
  })
  return ` (${words.join(', ')})`
}
