/**
 * What a new subscriber gets of the messages that the run has left retained, on each node: the last one of each topic, once.
 *
 * A guest (`guest.ts`) subscribes to topics on which something must be. A cluster keeps its retained messages on every node, or fetches them:
 * whether it does shows only to somebody who comes afterwards, since who had subscribed before was served live.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { FactBook } from '../load/factbook.ts'
import type { Surroundings } from '../load/group.ts'
import { type Header, NONE, OK, readHeader, readText, sameRun } from '../load/header.ts'
import { Retained, retains } from '../load/retained.ts'
import { topicText } from '../load/topic-of.ts'
import { headerProperty } from '../load/wire.ts'
import type { Event } from '../mqtt/output.ts'
import type { RetainedCounts } from '../report/types.ts'
import type { Accounts } from './accounts.ts'
import { type Guest, guestOf } from './guest.ts'
import { type Visit, Visits } from './visit.ts'

/** Topics that a node is asked for, and at once: brokers queue about a thousand messages for a client, some fewer. */
const MOST_TOPICS = 1000
const BATCH = 100
const CONNECT_TIMEOUT_MS = 10_000
const SUBACK_TIMEOUT_MS = 10_000
/** Without a message, what is missing has not come; and what is all there does not come twice. */
const PATIENCE_MS = 2000
const REPEAT_MS = 250
/** No node is listened to for longer. */
const LONGEST_MS = 60_000
/** Between two looks at what has come. */
const LOOK_MS = 25

export interface RetainedOptions {
  readonly around: Surroundings
  /** What relative paths of certificates are relative to. */
  readonly folder: string
  readonly accounts: Accounts
  /** µs since the run's epoch. */
  readonly clock: () => number
  /** When publishing began and ended; Infinity: it never began. */
  readonly originUs: number
  readonly endUs: number
  /** No client has lost a connection. */
  readonly isCalm: boolean
  /** Nobody wants to wait for it any more. */
  readonly isUnwanted: () => boolean
}

/** By node; a node that can't be asked has checked nothing. null: nothing is retained, or nobody wants to know. */
export async function checkRetained(options: RetainedOptions): Promise<RetainedCounts[] | null> {
  const { around, folder, accounts, clock, originUs, endUs, isCalm, isUnwanted } = options
  const { plan } = around
  if (!retains(plan) || originUs === Number.POSITIVE_INFINITY) return null
  while (!isUnwanted() && clock() < endUs + plan.settleUs) await delay(LOOK_MS)
  if (isUnwanted()) return null
  const { groups } = accounts
  const retained = new Retained(groups, new FactBook(await accounts.facts()), originUs, endUs, isCalm)
  const topics = retained.topics(MOST_TOPICS, clock() + LONGEST_MS * 1000)
  const patienceMs = plan.settleUs / 1000 + PATIENCE_MS
  const visits = new Visits()
  const check = async (guest: Guest): Promise<RetainedCounts> => {
    const visit = topics.length === 0 ? null : await visits.knock(guest, CONNECT_TIMEOUT_MS)
    if (visit === null) return NOTHING
    const seen = new Seen(retained, groups[0]!.run, guest.level === 5)
    const asked = await listen(visit, topics, seen, patienceMs, isUnwanted)
    visit.end()
    return seen.countsOf(asked)
  }
  try {
    const counts = await Promise.all(plan.nodes.map((_, node) => check(guestOf(around, node, folder))))
    return isUnwanted() ? null : counts
  } finally {
    visits.dispose()
  }
}

const NOTHING: RetainedCounts = { checked: 0, current: 0, stale: 0, missing: 0, doubled: 0 }

/** Subscribes to the topics, and waits until nothing more comes. @returns the topics whose answer is known */
async function listen(
  visit: Visit,
  topics: readonly string[],
  seen: Seen,
  patienceMs: number,
  isUnwanted: () => boolean,
): Promise<string[]> {
  const untilMs = performance.now() + LONGEST_MS
  const asked: string[] = []
  visit.onPublish = (event) => seen.take(event)
  for (let i = 0; i < topics.length && performance.now() < untilMs && !isUnwanted(); i += BATCH) {
    const batch = topics.slice(i, i + BATCH)
    const late = delay(SUBACK_TIMEOUT_MS, null, { ref: false })
    const codes = await Promise.all(batch.map((topic) => Promise.race([visit.request(topic, 1), late])))
    asked.push(...batch.filter((_, b) => codes[b] !== null && codes[b]! < 0x80))
    const isLast = i + BATCH >= topics.length
    await quiet(asked, seen, isLast ? REPEAT_MS : 0, isLast ? patienceMs : REPEAT_MS, untilMs, isUnwanted)
  }
  // What has not come on a connection that broke might have.
  return visit.isOver ? asked.filter((topic) => seen.has(topic)) : asked
}

/** Waits until all that is asked for has come, and nothing for a moment more; or nothing for `patienceMs`. */
async function quiet(
  asked: readonly string[],
  seen: Seen,
  repeatMs: number,
  patienceMs: number,
  untilMs: number,
  isUnwanted: () => boolean,
): Promise<void> {
  const fromMs = performance.now()
  while (!isUnwanted()) {
    const quietMs = seen.size >= asked.length ? repeatMs : patienceMs
    const leftMs = Math.min(Math.max(fromMs, seen.lastMs) + quietMs, untilMs) - performance.now()
    if (leftMs <= 0) return
    await delay(Math.min(leftMs, LOOK_MS))
  }
}

const header: Header = { run: 0, publisher: 0, entry: 0, seq: 0, intendedUs: 0, node: 0 }

/** What has come on each topic. */
class Seen {
  lastMs = 0
  private readonly retained: Retained
  private readonly run: number
  private readonly hasProperties: boolean
  private readonly found = new Map<string, { count: number; isCurrent: boolean }>()

  constructor(retained: Retained, run: number, hasProperties: boolean) {
    this.retained = retained
    this.run = run
    this.hasProperties = hasProperties
  }

  get size(): number {
    return this.found.size
  }

  has(topic: string): boolean {
    return this.found.has(topic)
  }

  take(event: Event): void {
    if (!event.retain) return
    this.lastMs = performance.now()
    const topic = topicText(event)
    const isCurrent = this.retained.isBare(topic, this.hasProperties) || this.isCurrent(topic, event)
    const before = this.found.get(topic)
    this.found.set(topic, { count: (before?.count ?? 0) + 1, isCurrent: isCurrent && before?.isCurrent !== false })
  }

  countsOf(topics: readonly string[]): RetainedCounts {
    const found = topics.map((topic) => this.found.get(topic))
    const count = (is: (some: { count: number; isCurrent: boolean }) => boolean) => found.filter((some) => some && is(some)).length
    return {
      checked: topics.length,
      current: count(({ isCurrent }) => isCurrent),
      stale: count(({ isCurrent }) => !isCurrent),
      missing: found.filter((some) => some === undefined).length,
      doubled: count((some) => some.count > 1),
    }
  }

  private isCurrent(topic: string, event: Event): boolean {
    let read = readHeader(event.bytes, event.payloadStart, event.payloadEnd, header)
    if (read === NONE && event.propertiesEnd > event.propertiesStart) {
      const text = headerProperty(event)
      if (text !== null) read = readText(text, 0, text.length, header)
    }
    return read === OK && sameRun(header.run, this.run) && this.retained.isCurrent(topic, header)
  }
}
