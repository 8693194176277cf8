/**
 * How clients part from the broker while a run goes on: churn takes them away by the scenario's clock, faults strike them.
 *
 * A client that parts in silence leaves its socket behind (ghost.ts), so that the broker must find out by itself. While a fault keeps a client
 * off, its attempts to connect fail without a packet; its messages keep their intended times, and wait.
 */

import { US_PER_S } from '../units.ts'
import { Cleaning } from './cleaning.ts'
import type { Client } from './client.ts'
import type { ChurnPlan } from './plan.ts'
import { STATE } from './state.ts'
import type { Blow } from './strike.ts'

/** Ends the connection on the wire; a silent client's stays there. */
export function hangUp(client: Client, nowUs: number, how: 'disconnect' | 'reset' | 'silent'): void {
  const { fleet } = client
  if (how === 'silent') {
    fleet.ghosts.leaveBehind(client)
    return
  }
  if (how === 'disconnect') {
    client.session!.disconnect(nowUs, 0, fleet.out)
    fleet.flush(client)
  }
  fleet.close(client, how === 'disconnect' ? 'end' : 'reset')
}

/** How a connection ends. `lost`: the other side has ended it. `unheard`: it has not answered for a keep alive. */
export type Parting = 'lost' | 'unheard' | 'disconnect' | 'reset' | 'silent'

export const NO_PINGRESP = 'keep alive: no PINGRESP'

/** Between a broker's end of a connection and the news of it. */
const NEWS_US = 1e6

/** Says what the end of the client's connection, which stands until now, means for its will. */
export function bequeath(client: Client, nowUs: number, how: Parting): void {
  const { testator, state } = client
  if (testator === null) return
  if (state === STATE.greeting) testator.ended('unsure', nowUs)
  else if (!client.isConnected) return
  else if (how === 'silent') testator.ended('silent', nowUs, client.session!.sentAtUs)
  else if (how === 'reset') testator.ended('closed', nowUs)
  else if (how === 'disconnect') testator.ended(client.isWritable ? 'disconnect' : 'unsure', nowUs)
  else if (how === 'lost') testator.ended('closed', nowUs, Math.max(client.changedAtUs, nowUs - NEWS_US))
  // Nobody knows how long the broker has been gone when a keep alive fails; without one it may have been gone for ever.
  else testator.ended('closed', nowUs, Math.max(client.changedAtUs, nowUs - 2e6 * (client.group.plan.keepAliveS || Infinity)))
}

/**
 * When churn takes a client away for the first time, µs from the start of publishing: at any time the same share of the clients is there. Below 0
 * for a client that would be away by then.
 *
 * @param place  the client's in the group's order, 0 to 1
 */
export function firstLeave({ connectedUs, awayUs }: ChurnPlan, place: number): number {
  const us = place * (connectedUs + awayUs)
  return us < connectedUs ? us : us - connectedUs - awayUs
}

/** Publishing begins, and with it churn. */
export function startChurn(client: Client): void {
  const { churn, clients } = client.group.plan
  if (churn === null) return
  leaveAt(client, client.fleet.originUs + firstLeave(churn, (client.group.churnOrder!.at(client.index) + 0.5) / clients))
}

/** Who is away when drain begins comes back as the group has connected, though within half of drain. */
export function comeBackAfter({ group, fleet, index }: Client): number {
  const overUs = group.plan.connect.overS * US_PER_S
  return overUs === 0 ? 0 : group.arrivals.timeOf(index) * Math.min(1, fleet.plan.phases.drainUs / 2 / overUs)
}

/** Ends a connection, or an attempt: what it means for the will, on the wire, and for the session. @returns whether there was a connection */
export function sever(client: Client, nowUs: number, how: Parting): boolean {
  const { fleet, isConnected } = client
  bequeath(client, nowUs, how)
  if (how !== 'lost' && how !== 'unheard') hangUp(client, nowUs, how)
  client.endConnection(nowUs)
  if (!isConnected) {
    fleet.ghosts.release(client)
    return false
  }
  fleet.connected--
  client.attempts.lostAfter(nowUs - client.changedAtUs)
  client.changedAtUs = nowUs
  // Nobody is there any more not to be read from.
  if (client.blow?.how === 'stopReading') client.blow = null
  return true
}

/** Churn takes the client away. */
export function goAway(client: Client, nowUs: number): void {
  const { leave, awayUs, connectedUs } = client.group.plan.churn!
  const returnsAtUs = client.leavesAtUs + awayUs
  client.publisher?.away(client.leavesAtUs, returnsAtUs)
  client.isReturning = true
  sever(client, nowUs, leave)
  client.state = STATE.away
  client.cell.counts.returning++
  client.lostAtUs = client.untilUs = returnsAtUs
  leaveAt(client, returnsAtUs + connectedUs)
}

/** A client that an outage has kept away while churn would have had it leave and return does not make up for it. */
export function skipMissedLeaves(client: Client, nowUs: number): void {
  const { churn } = client.group.plan
  if (churn === null || client.leavesAtUs === Number.POSITIVE_INFINITY) return
  while (client.leavesAtUs + churn.awayUs <= nowUs) client.leavesAtUs += churn.awayUs + churn.connectedUs
}

/** Nobody leaves behind the end of measure, in the moments before drain is told. */
export function leaveAt(client: Client, timeUs: number): void {
  client.leavesAtUs = timeUs < client.fleet.measureEndUs ? timeUs : Number.POSITIVE_INFINITY
}

/** A fault strikes. Who has no connection is kept off all the same. @returns whether there was a connection to strike */
export function strike(client: Client, nowUs: number, blow: Blow): boolean {
  if (client.state === STATE.idle || client.state >= STATE.failed) return false
  const wasConnected = client.isConnected
  if (blow.how !== 'stopReading') {
    // Another fault may keep it off for longer.
    const isShorter = client.blow !== null && client.blow.how !== 'stopReading' && client.blow.untilUs > blow.untilUs
    if (!isShorter) client.blow = blow
    if (client.state !== STATE.away) cutOff(client, nowUs, blow.how)
    if (client.blow?.isReturning && client.state === STATE.waiting) client.untilUs = client.blow.untilUs
  } else if (wasConnected) {
    client.fleet.transport.pause(client.socket)
    client.blow = blow
  }
  client.setTimer()
  return wasConnected
}

function cutOff(client: Client, nowUs: number, how: 'disconnect' | 'reset' | 'silent'): void {
  if (client.state === STATE.waiting) return
  client.part(nowUs, client.isConnected ? how : 'reset')
  client.tryAgain(nowUs)
}

/** What a fault does to the client is over. */
export function recover(client: Client): void {
  if (client.isDeaf) client.fleet.transport.resume(client.socket)
  client.blow = null
}

/** The run's end: leaves the broker as it was. What the session had under way is given up. */
export function clean(client: Client, nowUs: number, dueUs: number): void {
  leave(client, nowUs)
  client.cleaning = new Cleaning(client, dueUs)
  client.state = STATE.cleaning
  client.setTimer()
}

/** Says goodbye without cleaning up. */
export function leave(client: Client, nowUs: number): void {
  bequeath(client, nowUs, 'disconnect')
  if (client.isConnected) hangUp(client, nowUs, 'disconnect')
  else client.fleet.close(client, 'end')
  client.endConnection(nowUs)
  client.state = STATE.gone
  client.untilUs = Number.POSITIVE_INFINITY
  client.setTimer()
}

/** Ends whatever connection it has, without a word, and for good. */
export function cutDown(client: Client, nowUs: number): void {
  if (client.state === STATE.gone) return
  const { isConnected, fleet } = client
  bequeath(client, nowUs, 'reset')
  fleet.close(client, 'reset')
  client.endConnection(nowUs)
  if (isConnected) fleet.connected--
  client.state = STATE.gone
  client.setTimer()
}

/** The run ends here: what is in flight will never be known to have arrived. */
export function giveUpInFlight(client: Client, nowUs: number): void {
  client.session?.abandonAll(client.fleet.out)
  client.fleet.drainEvents(client, nowUs)
}
