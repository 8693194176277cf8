/**
 * An agent: answers whoever calls, and serves one run after the other.
 */
import { randomUUID } from 'node:crypto'
import type { NatsConnection, Subscription } from '@nats-io/transport-node'
import { EnvironmentError } from '../errors.ts'
import { hostFacts } from '../report/host.ts'
import { clockDomain } from './domain.ts'
import { OrderTaker } from './orders.ts'
import { decode, encode } from './parcel.ts'
import { type Answer, type Assignment, type Hello, type Order, PROTOCOL } from './protocol.ts'
import { type Ending, refusal, Service, type ServiceHost } from './service.ts'
import { clientsOf } from './shares.ts'
import { CALL } from './subjects.ts'

export interface AgentOptions extends Pick<ServiceHost, 'connection' | 'id' | 'allowed' | 'maxClients' | 'out' | 'onWords'> {
  /** It is to end with the first run. */
  readonly once: boolean
  readonly onRun: (run: string, clients: number) => void
  readonly onEnd: (run: string, ending: Ending, folder: string) => void
}

export class Agent {
  private readonly options: AgentOptions
  private readonly host: ServiceHost
  private readonly subscriptions: readonly Subscription[]
  private service: Service | null = null
  private beginning: string | null = null

  constructor(options: AgentOptions) {
    this.options = options
    this.host = { ...options, instance: randomUUID(), domain: clockDomain() }
    const { connection, id } = options
    const admit = (controller: string) => this.admit(controller)
    const orders = new OrderTaker(connection, id, admit, (order) => this.take(order))
    this.subscriptions = [orders.subscription, answerCalls(connection, () => this.hello())]
  }

  /** It can be called. @throws EnvironmentError  the server does not let it listen */
  async ready(): Promise<void> {
    const refused = Promise.race(this.subscriptions.map(({ closed }) => closed))
    await this.options.connection.flush()
    // A refusal comes before the answer to the flush.
    const why = await Promise.race([refused, new Promise<null>((resolve) => setImmediate(resolve, null))])
    if (why instanceof Error) {
      throw new EnvironmentError(`NATS does not let this agent listen: ${why.message}`, {
        cause: why,
        hint: `its user must be allowed what an agent called ${this.options.id} needs: see deploy/kubernetes/base/nats.conf`,
      })
    }
  }

  /** Leaves the run that it serves. */
  async leave(why: string): Promise<void> {
    await this.service?.leave(why)
  }

  private hello(): Hello {
    const { id, maxClients, allowed, once } = this.options
    const { instance, domain } = this.host
    const run = this.service?.assignment.run ?? this.beginning
    return { protocol: PROTOCOL, id, instance, host: hostFacts(), maxClients, allowed, domain, run, once }
  }

  /** One controller at a time. */
  private admit(controller: string): Answer | null {
    const run = this.service?.assignment.run ?? this.beginning
    if (run === null || this.service?.assignment.controller === controller) return null
    return { type: 'refused', words: `it serves run ${run}`, hint: null }
  }

  private async take(order: Order): Promise<Answer> {
    if (order.type === 'assign' && this.service === null) return this.begin(order.assignment)
    if (this.service === null) return { type: 'refused', words: 'it has no run', hint: null }
    return this.service.take(order)
  }

  private async begin(assignment: Assignment): Promise<Answer> {
    const clients = clientsOf(assignment.slice)
    const { maxClients, onRun } = this.options
    if (maxClients !== null && clients > maxClients) {
      return { type: 'refused', words: `it is to have ${clients} clients, and takes no more than ${maxClients}`, hint: null }
    }
    this.beginning = assignment.run
    try {
      const service = await Service.begin(this.host, assignment)
      this.service = service
      void service.ended.then((ending) => this.end(service, ending))
      onRun(assignment.run, clients)
      return { type: 'done' }
    } catch (error) {
      return refusal(error as Error)
    } finally {
      this.beginning = null
    }
  }

  private end(service: Service, ending: Ending): void {
    this.service = null
    this.options.onEnd(service.assignment.run, ending, service.folder)
  }
}

function answerCalls(connection: NatsConnection, hello: () => Hello): Subscription {
  return connection.subscribe(CALL, {
    callback: (error, message) => {
      if (error === null) message.respond(encode(hello()))
    },
  })
}

/** Asks who is there. Answers of other versions are of no use: what they say can't be read. */
export async function call(connection: NatsConnection, waitMs: number): Promise<Hello[]> {
  const found: Hello[] = []
  try {
    const answers = await connection.requestMany(CALL, undefined, { strategy: 'timer', maxWait: waitMs })
    for await (const { data } of answers) found.push(...readHello(data))
  } catch {
    // Nobody is there.
  }
  return found
}

/** Nothing where it is none: one that can't be read must not hide the others. */
function readHello(data: Uint8Array): [Hello] | [] {
  try {
    return [decode(data) as Hello]
  } catch {
    // Not by `encode`: no agent of ours.
    return []
  }
}
