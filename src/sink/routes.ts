/**
 * Who gets what: the subscriptions of one process of a sink. A filter without wildcards is found at once; those with wildcards are tried one after the other,
 * each once, however many have subscribed to it. Topics that are as long as no such filter, mostly those that nobody has subscribed to, are not even read.
 */
import type { QoS } from '../mqtt/packet.ts'
import type { Wish } from '../mqtt/served.ts'
import { matches } from '../mqtt/topic.ts'

type Takers = Map<number, Wish>

const encoder = new TextEncoder()

export class Routes {
  private readonly byFilter = new Map<string, Takers>()
  private readonly patterns = new Set<string>()
  /** How many filters without wildcards have so many bytes. */
  private readonly lengths = new Map<number, number>()
  private readonly filtersOf = new Map<number, Set<string>>()

  /** Whether somebody may have subscribed to a topic of so many bytes. */
  mayLead(topicBytes: number): boolean {
    return this.patterns.size > 0 || this.lengths.has(topicBytes)
  }

  add(socket: number, wish: Wish): void {
    const { filter } = wish
    let takers = this.byFilter.get(filter)
    if (takers === undefined) {
      this.byFilter.set(filter, (takers = new Map()))
      if (/[+#]/.test(filter)) this.patterns.add(filter)
      else this.count(filter, 1)
    }
    takers.set(socket, wish)
    let filters = this.filtersOf.get(socket)
    if (filters === undefined) this.filtersOf.set(socket, (filters = new Set()))
    filters.add(filter)
  }

  /** Whether there was such a subscription. */
  remove(socket: number, filter: string): boolean {
    const takers = this.byFilter.get(filter)
    if (!takers?.delete(socket)) return false
    this.filtersOf.get(socket)!.delete(filter)
    if (takers.size === 0) {
      this.byFilter.delete(filter)
      if (!this.patterns.delete(filter)) this.count(filter, -1)
    }
    return true
  }

  forget(socket: number): void {
    for (const filter of this.filtersOf.get(socket) ?? []) this.remove(socket, filter)
    this.filtersOf.delete(socket)
  }

  private count(filter: string, more: number): void {
    const bytes = encoder.encode(filter).length
    const filters = (this.lengths.get(bytes) ?? 0) + more
    if (filters === 0) this.lengths.delete(bytes)
    else this.lengths.set(bytes, filters)
  }

  /** Calls `deliver` once for each subscriber of the topic, with the highest QoS that its subscriptions want. */
  each(topic: string, from: number, deliver: (socket: number, qos: QoS) => void): void {
    const found = this.byFilter.get(topic)
    const filters = [...this.patterns].filter((filter) => matches(filter, topic))
    if (filters.length === 0) {
      for (const [socket, wish] of found ?? []) if (!(wish.noLocal && socket === from)) deliver(socket, wish.qos)
      return
    }
    const wanted = new Map<number, QoS>()
    for (const takers of [found ?? NOBODY, ...filters.map((filter) => this.byFilter.get(filter)!)]) {
      for (const [socket, { qos, noLocal }] of takers) {
        if (noLocal && socket === from) continue
        wanted.set(socket, Math.max(qos, wanted.get(socket) ?? 0) as QoS)
      }
    }
    for (const [socket, qos] of wanted) deliver(socket, qos)
  }
}

const NOBODY: Takers = new Map()
