/**
 * How many ghosts (ghost.ts) a plan may have at a time: sockets beyond one for each client.
 *
 * A client has one at most where the broker does as it must: it ends the old connection when the same client id connects again, and before
 * that when nothing has come for too long. A ghost that is gone when its client is back costs nothing: the client was without a socket.
 */
import { US_PER_S } from '../units.ts'
import { RUN } from './links.ts'
import { sample } from './order.ts'
import { Placer } from './placement.ts'
import type { GroupPlan, Plan } from './plan.ts'
import { isWhere } from './strike.ts'
import { Renderer } from './template.ts'

/** Keep alives until a broker has ended a silent connection: one and a half (MQTT 5.0 §3.1.2.10), and until it looks. */
const PATIENCE = 2
/** Clients of a group that are looked at; of larger groups they stand for all. */
const MOST_CLIENTS = 50_000

/** Sockets that a run may have at a time: one for each client, and one for each ghost. */
export function socketsOf(plan: Plan): number {
  const ghosts = plan.groups.flatMap((group) => ghostsByNode(plan, group)).reduce((sum, count) => sum + count, 0)
  return plan.clients + Math.round(ghosts)
}

/**
 * Of a group, by node index; clients where they first connect. A pure function of the plan.
 *
 * Every client that silent faults may strike is counted, once: whom a share means is not looked up. Of churn, those away at a time.
 */
export function ghostsByNode(plan: Plan, group: GroupPlan): number[] {
  const counts = plan.nodes.map(() => 0)
  const patienceUs = group.keepAliveS === 0 ? Infinity : PATIENCE * group.keepAliveS * US_PER_S
  const drops = plan.faults.flatMap(({ drop }) =>
    drop?.how === 'silent' && drop.groups.includes(group.index) && drop.forUs < patienceUs ? [drop] : [],
  )
  const away = awayShare(group, patienceUs)
  if (drops.length === 0 && away === 0) return counts
  const placer = new Placer(plan, group)
  const renderer = new Renderer(plan, group, RUN)
  const each = group.clients / Math.min(group.clients, MOST_CLIENTS)
  sample(group.clients, MOST_CLIENTS, (client) => {
    const node = placer.nodeOf(client, 0)
    let share = away
    for (const { where, nodes, share: ofDrop } of drops) {
      if (isWhere(where, renderer, client) && (nodes === null || nodes.includes(node))) share += ofDrop
    }
    counts[node]! += each * Math.min(1, share)
  })
  return counts
}

/** Clients that churn has taken away in silence and that come back before the broker has noticed: all of them at once when drain begins. */
function awayShare({ churn }: GroupPlan, patienceUs: number): number {
  if (churn?.leave !== 'silent') return 0
  return Math.min(churn.awayUs, patienceUs) / (churn.awayUs + churn.connectedUs)
}
