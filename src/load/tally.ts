/**
 * What is counted of clients' connections: attempts, how long they took and in which legs, losses, returns, and what became of sessions.
 *
 * Everything goes into the cell of the client's group and node. Where the plan has windows it also goes into the cell of the second in which it
 * happened; how long a client was without a connection, into the second in which it had lost it.
 */
import type { Cell, Counter } from '../stats/metrics.ts'
import type { Client } from './client.ts'

type Counts = Counter<'clients'>

export function count(client: Client, name: Counts, atUs: number, by = 1): void {
  client.cell.counts[name] += by
  const second = client.fleet.secondAt(atUs)
  if (second !== null) second.counts[name] += by
}

/** An attempt begins. */
export function attempted(client: Client, nowUs: number): void {
  count(client, 'attempts', nowUs)
  client.fleet.legs?.begin(client.owner, nowUs)
}

/** The broker has accepted the client. */
export function accepted(client: Client, nowUs: number, sessionPresent: boolean): void {
  const { fleet, cell } = client
  const second = fleet.secondAt(nowUs)
  if (second !== null) fleet.legs?.end(client.owner, nowUs, second)
  if (client.hasConnected) judgeSession(client, nowUs, sessionPresent)
  else {
    cell.counts.connected++
    cell.record('connect', nowUs - client.connectIntendedUs)
  }
  if (!client.hasConnected || client.lostAtUs === Number.POSITIVE_INFINITY) return
  const downUs = nowUs - client.lostAtUs
  client.connectedOn.record('reconnect', downUs)
  if (client.isReturning) return
  cell.counts.reconnected++
  const lost = fleet.secondAt(client.lostAtUs)
  if (lost === null) return
  lost.counts.reconnected++
  lost.record('reconnect', downUs)
  down(client, lost, nowUs)
}

/** A connection is lost that nobody wanted to end, but perhaps a fault. */
export function lost(client: Client, nowUs: number): void {
  count(client, 'disconnected', nowUs)
  if (client.receiver?.isInterrupted) count(client, 'interrupted', nowUs)
}

/** The run ends: who has not come back has been away up to the end of measure. */
export function never(client: Client): void {
  if (client.lostAtUs === Number.POSITIVE_INFINITY || client.isReturning) return
  const lost = client.fleet.secondAt(client.lostAtUs)
  if (lost !== null) down(client, lost, Number.POSITIVE_INFINITY)
}

/** Behind measure nobody is missed any more. */
function down({ fleet, lostAtUs }: Client, second: Cell<'clients'>, untilUs: number): void {
  second.counts.downUs += Math.min(untilUs, fleet.measureEndUs) - lostAtUs
}

/** A session outlives its connection for its expiry: then it has to be there. */
function judgeSession(client: Client, nowUs: number, sessionPresent: boolean): void {
  if (client.endsWithConnection || nowUs - client.changedAtUs >= client.expiryUs) return
  count(client, sessionPresent ? 'resumed' : 'forgotten', nowUs)
}

/** When each client's attempt began, TCP was up, and TLS and WebSocket were: 24 bytes a client, kept where there are faults. */
export class Legs {
  private readonly times: Float64Array

  constructor(clients: number) {
    this.times = new Float64Array(3 * clients)
  }

  begin(owner: number, nowUs: number): void {
    this.times[3 * owner] = nowUs
    this.times[3 * owner + 1] = Number.NaN
  }

  /** TCP is up, and more is to come. */
  tcp(owner: number, nowUs: number): void {
    this.times[3 * owner + 1] = nowUs
  }

  open(owner: number, nowUs: number): void {
    this.times[3 * owner + 2] = nowUs
  }

  /** The attempt has succeeded. */
  end(owner: number, nowUs: number, cell: Cell<'clients'>): void {
    const beginUs = this.times[3 * owner]!
    const tcpUs = this.times[3 * owner + 1]!
    const openUs = this.times[3 * owner + 2]!
    const isPlain = Number.isNaN(tcpUs)
    cell.record('tcp', (isPlain ? openUs : tcpUs) - beginUs)
    if (!isPlain) cell.record('tls', openUs - tcpUs)
    cell.record('connack', nowUs - openUs)
  }
}
