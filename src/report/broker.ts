/**
 * What the probe found, in words: nodes that allow the same are said together.
 */
import { formatBytes, formatCount, formatDuration, US_PER_S } from '../units.ts'
import type { BrokerFacts, Report } from './types.ts'

/** One item is one thing that a node takes; `nodes` is null where all do alike. */
export interface BrokerView {
  readonly nodes: string | null
  readonly items: readonly string[]
}

/** Nothing where there was no probe. */
export function brokerViews({ nodes }: Report): BrokerView[] {
  const byWords = new Map<string, { names: string[]; items: string[] }>()
  let unknown = 0
  for (const [name, { broker }] of Object.entries(nodes)) {
    if (broker === undefined) {
      unknown++
      continue
    }
    const items = itemsOf(broker)
    const alike = byWords.get(items.join())
    if (alike) alike.names.push(name)
    else byWords.set(items.join(), { names: [name], items })
  }
  const isOne = byWords.size === 1 && unknown === 0
  return [...byWords.values()].map(({ names, items }) => ({ nodes: isOne ? null : names.join(', '), items }))
}

function itemsOf({ software, versions, limits }: BrokerFacts): string[] {
  const taken = [...(software === null ? [] : [software]), `MQTT ${versions.join(', ')}`]
  if (limits === null) return taken
  const lacks = [
    limits.retainAvailable ? [] : ['retained messages'],
    limits.sharedSubscriptionAvailable ? [] : ['shared subscriptions'],
    limits.wildcardSubscriptionAvailable ? [] : ['wildcards'],
    limits.subscriptionIdentifierAvailable ? [] : ['subscription identifiers'],
  ].flat()
  return [
    ...taken,
    `QoS up to ${limits.maximumQoS}`,
    ...lacks.map((what) => `no ${what}`),
    `receive maximum ${formatCount(limits.receiveMaximum)}`,
    `packets up to ${formatBytes(limits.maximumPacketSize)}`,
    limits.topicAliasMaximum === 0 ? 'no topic aliases' : `${formatCount(limits.topicAliasMaximum)} topic aliases`,
    ...(limits.sessionExpiryS === null ? [] : [`session expiry ${formatDuration(limits.sessionExpiryS * US_PER_S)}`]),
    ...(limits.serverKeepAliveS === null ? [] : [`keep alive ${formatDuration(limits.serverKeepAliveS * US_PER_S)}`]),
  ]
}
