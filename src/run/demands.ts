/**
 * What a scenario asks of its brokers that they say they don't do.
 *
 * With MQTT 5 a client that asks all the same is thrown out (MQTT 5.0 §3.2.2.3), so a stream of which no message would be taken, and a
 * subscription that can't be had, stop the run before it starts. Where only some messages are concerned, or an earlier version, whose clients a
 * broker may treat otherwise, it is a warning. So is a node whose weight is too small for a single client: that is seldom meant.
 */
import { clientsByNode } from '../load/cluster.ts'
import { Group, type Surroundings } from '../load/group.ts'
import type { GroupPlan, Plan, QoS } from '../load/plan.ts'
import { parseShare } from '../mqtt/topic.ts'
import type { BrokerFacts, BrokerLimits } from '../report/types.ts'
import { formatBytes, formatCount, formatDuration, US_PER_S } from '../units.ts'

/** Fixed header, topic length, packet identifier, properties' length: about that much is around topic and payload. */
const PACKET_BYTES = 10

export const VERSIONS = { 3: '3.1', 4: '3.1.1', 5: '5' } as const

export interface Unmet {
  readonly refusals: readonly string[]
  readonly troubles: readonly string[]
}

/** @param brokers  by node */
export function unmet(around: Pick<Surroundings, 'plan' | 'endpoints' | 'files'>, run: string, brokers: readonly BrokerFacts[]): Unmet {
  const refusals = new Set<string>()
  const troubles = new Set<string>()
  for (const group of around.plan.groups) {
    const sizes = new Group({ ...around, run, unixEpochMs: 0 }, group, [0, 0], null)
    for (const [node, { versions, limits }] of brokers.entries()) {
      if (group.placement.kind === 'nodes' && !group.placement.nodes.includes(node)) continue
      const { name } = around.plan.nodes[node]!
      const version = VERSIONS[group.version]
      if (!versions.includes(version)) troubles.add(`group ${group.name}: node ${name} does not take MQTT ${version}`)
      if (limits === null) continue
      for (const { words, isWhole } of demandsOf(group, sizes, limits)) {
        const list = isWhole && group.version === 5 ? refusals : troubles
        list.add(`group ${group.name}: ${words(name)}`)
      }
    }
  }
  return { refusals: [...refusals], troubles: [...troubles, ...nodesForNobody(around.plan)] }
}

/** Nodes with less weight than others that no client connects to first, though groups may use them by weight. */
function nodesForNobody(plan: Plan): string[] {
  const { nodes, groups } = plan
  const total = nodes.reduce((sum, { weight }) => sum + weight, 0)
  const round = (weight: number) => String(Number(weight.toPrecision(6)))
  return nodes.flatMap(({ name, weight }, node) => {
    const isFor = ({ placement }: GroupPlan) =>
      placement.kind === 'weighted' || (placement.kind === 'nodes' && placement.nodes.includes(node))
    const clients = groups.filter(isFor).reduce((sum, group) => sum + group.clients, 0)
    if (clients === 0 || weight * nodes.length >= total) return []
    // A sample of a large group may miss what is rare: all are asked only where it finds nobody.
    const isUsed = (group: GroupPlan) => clientsByNode(plan, group)[node]! > 0 || clientsByNode(plan, group, group.clients)[node]! > 0
    if (groups.some(isUsed)) return []
    return [`node ${name} gets none of the ${formatCount(clients)} clients: its weight is ${round(weight)} of ${round(total)}`]
  })
}

interface Demand {
  /** All messages of the stream are concerned, or the whole subscription. */
  readonly isWhole: boolean
  readonly words: (node: string) => string
}

function demandsOf(group: GroupPlan, sizes: Group, limits: BrokerLimits): Demand[] {
  const { maximumQoS, maximumPacketSize } = limits
  const demands: Demand[] = []
  const add = (is: boolean, isWhole: boolean, words: Demand['words']) => is && demands.push({ isWhole, words })
  for (const [i, { name, topic, qosShares, retain, payload }] of group.publish.entries()) {
    const above = ([0, 1, 2] as const).filter((qos) => qos > maximumQoS && qosShares[qos] > 0)
    const share = above.reduce<number>((sum, qos) => sum + qosShares[qos], 0)
    add(share > 0, share > 1 - 1e-9, (node) => `node ${node} takes no QoS ${above.join(' and ')}, which stream ${name} sends`)
    add(retain && !limits.retainAvailable, true, (node) => `node ${node} keeps no retained messages, which stream ${name} sends`)
    const { maxBytes } = sizes.payloads[i]!
    const minBytes = payload.kind === 'bytes' ? payload.min : payload.kind === 'json' ? 0 : maxBytes
    const around = topic.length + PACKET_BYTES
    add(
      maxBytes + around > maximumPacketSize,
      minBytes + around > maximumPacketSize,
      (node) => `node ${node} takes packets of up to ${formatBytes(maximumPacketSize)}, stream ${name} sends ${formatBytes(maxBytes)}`,
    )
  }
  for (const { filter, identifier } of group.subscribe) {
    const isShared = parseShare(filter) !== null
    add(isShared && !limits.sharedSubscriptionAvailable, true, (node) => `node ${node} has no shared subscriptions: ${filter}`)
    const hasWildcard = /[+#]/.test(filter)
    add(hasWildcard && !limits.wildcardSubscriptionAvailable, true, (node) => `node ${node} has no wildcard subscriptions: ${filter}`)
    add(
      identifier !== null && !limits.subscriptionIdentifierAvailable,
      true,
      (node) => `node ${node} has no subscription identifiers: ${filter}`,
    )
  }
  if (group.will !== null) {
    const { qos, retain }: { qos: QoS; retain: boolean } = group.will
    add(qos > maximumQoS, true, (node) => `node ${node} takes no QoS ${qos}, which its will has`)
    add(retain && !limits.retainAvailable, true, (node) => `node ${node} keeps no retained messages, which its will is to be`)
  }
  const granted = limits.sessionExpiryS ?? group.sessionExpiryS
  add(granted < group.sessionExpiryS, false, (node) => `node ${node} keeps sessions for ${formatDuration(granted * US_PER_S)} only`)
  return demands
}
