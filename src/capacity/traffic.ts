/**
 * What the clients of a plan send and have. A target's load is read from its scenario so, and what runs had from their plans: the two can be compared.
 */
import { estimate } from '../load/estimate.ts'
import type { Plan } from '../load/plan.ts'

export interface Traffic {
  readonly clients: number
  /** At the peak of measure. */
  readonly publishesPerSec: number
  /** 0: nothing is published. */
  readonly fanOut: number
  /** Mean of a PUBLISH, above TCP; 0: nothing is published. */
  readonly packetBytes: number
  /** Of messages, by QoS; all 0: nothing is published. */
  readonly qosShares: readonly [number, number, number]
  readonly persistentShare: number
  /** 0: no keep alive. */
  readonly keepAliveS: number
  readonly subscriptionsPerClient: number
}

/** @param fileBytes  size of a payload file, by the path that the plan has; left out: of a run nobody knows it any more */
export function trafficOf(plan: Plan, fileBytes: (path: string) => number = () => Number.NaN): Traffic {
  const { clients, peakPublishesPerSec, fanOut, streams, persistentSessions } = estimate(plan, {
    fileBytes,
    transport: 'stream',
    workers: 1,
    processes: 1,
  })
  const sent = streams.map(({ publishesPerSec, packetBytes }) => ({ perSec: publishesPerSec ?? 0, packetBytes }))
  const perSec = sent.reduce((sum, stream) => sum + stream.perSec, 0)
  const entries = plan.groups.flatMap((group) => group.publish)
  const pings = meanOf(plan, ({ keepAliveS }) => (keepAliveS === 0 ? 0 : 1 / keepAliveS))
  const qosOf = (qos: 0 | 1 | 2) => entries.reduce((sum, entry, i) => sum + entry.qosShares[qos] * sent[i]!.perSec, 0) / (perSec || 1)
  return {
    clients,
    publishesPerSec: peakPublishesPerSec,
    fanOut: fanOut ?? 0,
    packetBytes: sent.reduce((sum, stream) => sum + stream.perSec * stream.packetBytes, 0) / (perSec || 1),
    qosShares: [qosOf(0), qosOf(1), qosOf(2)],
    persistentShare: persistentSessions / clients,
    keepAliveS: pings === 0 ? 0 : 1 / pings,
    subscriptionsPerClient: meanOf(plan, ({ subscribe }) => subscribe.length),
  }
}

/** Over all clients. */
function meanOf({ groups, clients }: Plan, of: (group: Plan['groups'][number]) => number): number {
  return groups.reduce((sum, group) => sum + group.clients * of(group), 0) / clients
}
