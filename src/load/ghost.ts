/**
 * A connection that its client has left without a word, while its socket still stands: to the broker the client is there, until nothing has
 * come for one and a half keep alives (MQTT 5.0 §3.1.2.10), or until the same client id connects again and takes over (MQTT 5.0 §3.1.4).
 *
 * Nothing is sent and nothing is read here until the client is about to send its new CONNECT. From then on the broker must end the connection:
 * what it says is read, for its reason code. One that stands on, `settle` after the new CONNACK, is a second live connection of one client.
 */
import { EventKind } from '../mqtt/output.ts'
import { ProtocolError } from '../mqtt/protocol-error.ts'
import type { Session } from '../mqtt/session.ts'
import type { Client } from './client.ts'
import type { Fleet } from './fleet.ts'
import { count } from './tally.ts'

const NEVER = Number.POSITIVE_INFINITY

export class Ghost {
  readonly client: Client
  readonly socket: number
  /** What the transport knows it by. */
  readonly owner: number
  /** Index of the node that it stands at: the client may go elsewhere. */
  readonly node: number
  readonly session: Session
  /** Which of the client's attempts it was. */
  readonly connection: number
  /** The client has a new connection, and asks the broker for its place. */
  isChallenged = false
  /** It was found standing too long, once. */
  isLate = false
  /** The new CONNACK. */
  takenOverAtUs = NEVER

  constructor(client: Client, socket: number, owner: number, session: Session) {
    this.client = client
    this.socket = socket
    this.owner = owner
    this.node = client.node
    this.session = session
    this.connection = client.attempts.count
  }
}

/** Those of a fleet. The transport knows them by owner numbers above those of the clients. */
export class Ghosts {
  private readonly fleet: Fleet
  private readonly byOwner = new Map<number, Ghost>()
  private nextOwner: number

  constructor(fleet: Fleet) {
    this.fleet = fleet
    this.nextOwner = fleet.clients.length
  }

  all(): Iterable<Ghost> {
    return this.byOwner.values()
  }

  /** The client parts from its connection, which stands on. */
  leaveBehind(client: Client): void {
    const ghost = new Ghost(client, client.socket, this.nextOwner++, client.session!.leaveBehind())
    this.fleet.transport.abandon(ghost.socket, ghost.owner)
    this.byOwner.set(ghost.owner, ghost)
    client.ghosts ??= []
    client.ghosts.push(ghost)
    client.socket = -1
    client.isWritable = false
  }

  /** The client is about to send CONNECT: an answer may come here before it comes there. */
  challenge(client: Client): void {
    for (const ghost of client.ghosts ?? []) {
      if (ghost.isChallenged) continue
      ghost.isChallenged = true
      this.fleet.transport.resume(ghost.socket)
    }
  }

  /** The client has not got in: whatever ends now, it is not for its sake. */
  release(client: Client): void {
    for (const ghost of client.ghosts ?? []) ghost.isChallenged = ghost.takenOverAtUs !== NEVER
  }

  /** The client has its CONNACK: the broker must end the old ones. */
  takeOver(client: Client, nowUs: number): void {
    for (const ghost of client.ghosts ?? []) {
      if (ghost.takenOverAtUs !== NEVER) continue
      ghost.takenOverAtUs = nowUs
      count(client, 'takenOver', nowUs)
    }
  }

  /** Only reason codes are of interest: what else the broker has sent here, nobody has got. */
  receive(owner: number, nowUs: number, chunk: Uint8Array, end: number): void {
    const { out } = this.fleet
    try {
      this.byOwner.get(owner)!.session.receive(nowUs, chunk, end, out)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
    }
    for (let i = 0; i < out.eventCount; i++) if (out.events[i]!.kind === EventKind.DISCONNECT) this.fleet.reasons.count(out.events[i]!)
    out.clear()
  }

  closed(owner: number, nowUs: number): void {
    const ghost = this.byOwner.get(owner)!
    this.forget(ghost)
    // A broker that ends what nobody wants to take over has noticed the silence.
    if (!ghost.isChallenged) {
      this.fleet.faults.notice(nowUs)
      ghost.client.testator?.ghostEnded(ghost.connection, nowUs)
    } else if (ghost.takenOverAtUs === NEVER) count(ghost.client, 'takenOver', nowUs)
  }

  /** Counts and ends those that should long have been ended; once a second is enough. */
  check(nowUs: number): void {
    for (const ghost of this.byOwner.values()) {
      if (nowUs <= ghost.takenOverAtUs + this.fleet.plan.settleUs) continue
      // Its end may be waiting to be read, where this worker was late itself.
      if (!ghost.isLate) {
        ghost.isLate = true
        continue
      }
      count(ghost.client, 'doubled', ghost.takenOverAtUs)
      this.drop(ghost)
    }
  }

  /** Ends them all. */
  end(): void {
    for (const ghost of this.byOwner.values()) this.drop(ghost)
  }

  private drop(ghost: Ghost): void {
    this.fleet.transport.close(ghost.socket, 'reset')
    this.forget(ghost)
  }

  private forget(ghost: Ghost): void {
    this.byOwner.delete(ghost.owner)
    const others = ghost.client.ghosts!.filter((other) => other !== ghost)
    ghost.client.ghosts = others.length > 0 ? others : null
  }
}
