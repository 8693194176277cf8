/**
 * Last wills, each checked: did the broker publish it when it had to, and only then?
 *
 * A will belongs to one connection. Its payload carries the header of the client with the ordinal of the CONNECT, so that each will that comes
 * in names the connection that it is of. When a connection ends, how it ended says what the broker must do about its will, and between which
 * times: a *demand* (`willEnd`). The client's return may change it (`willReturn`). Each worker keeps a book of the demands of its own
 * clients and of the wills that came in to them; `Wills` puts the books of all workers together and judges.
 *
 *   how the connection ended         will
 *   DISCONNECT, 0x00                 forbidden
 *   anything else                    required; with a delay when it has passed, or when the session ends if that is earlier
 *   the client fell silent           required, one and a half keep alives after its last packet
 *   and then it was back             with a delay that has not passed, in its session: forbidden. Silent until then: allowed (brokers differ)
 *   unknown                          allowed
 *
 * Nothing but an end can justify a will, so what must not come needs no entry of its own: a will without one is false.
 *
 * MQTT 3.1.1 §3.1.2.5, §3.1.2.10; MQTT 5.0 §3.1.2.5, §3.1.2.10, §3.1.3.2.2.
 */

/** How a connection ended. `closed`: its network connection ended without DISCONNECT, by whomever. `unsure`: what the broker saw of it is
 * not known, e.g. a CONNECT that was not answered, or a DISCONNECT that could not be sent. */
export type Ending = 'disconnect' | 'closed' | 'silent' | 'unsure'

export type WillKind = 'required' | 'forbidden' | 'allowed'

/** What the broker must do about a will: publish it between two times, or may, or must not. Microseconds since the run's epoch. */
export interface WillDemand {
  readonly ending: Ending
  readonly kind: WillKind
  /** When the connection ended; when the silence began. */
  readonly atUs: number
  /** Earlier it is false. */
  readonly fromUs: number
  /** Later it is late. */
  readonly byUs: number
}

/** What a client and its broker have agreed on. */
export interface WillTerms {
  /** MQTT 5's Will Delay Interval; 0 below. */
  readonly delayUs: number
  /** 0: none. */
  readonly keepAliveUs: number
  /** How long the session outlives the connection; 0: not at all, Infinity: for ever. */
  readonly expiryUs: number
  readonly settleUs: number
}

/** Brokers look at their clocks every second or so, and give a keep alive some more time. */
const GRACE_US = 2e6
const KEEP_ALIVE_GRACE = 0.1
/** Will delays and expiries are whole seconds, and brokers count them so: one may come a second early. */
const GRAIN_US = 1e6

/**
 * What the end of a connection asks of the broker.
 *
 * @param atUs     when it ended, or fell silent
 * @param sinceUs  since when the broker may have ended it: its last sign of life, where the client did not end it itself; of a silent one,
 *                 when the client sent its last packet
 */
export function willEnd(ending: Ending, terms: WillTerms, atUs: number, sinceUs: number = atUs): WillDemand {
  const { settleUs, keepAliveUs } = terms
  const delayUs = delayOf(terms)
  const earliestUs = Math.max(0, delayUs - GRAIN_US)
  const latestUs = delayUs + settleUs + GRACE_US
  switch (ending) {
    case 'disconnect':
      return { ending, kind: 'forbidden', atUs, fromUs: atUs, byUs: atUs }
    case 'closed':
      return { ending, kind: 'required', atUs, fromUs: sinceUs + earliestUs, byUs: atUs + latestUs }
    case 'unsure':
      return { ending, kind: 'allowed', atUs, fromUs: sinceUs + earliestUs, byUs: atUs + latestUs }
    case 'silent':
      // Without a keep alive a broker need not notice, and may.
      if (keepAliveUs === 0) return { ending, kind: 'allowed', atUs, fromUs: atUs, byUs: atUs }
      return {
        ending,
        kind: 'required',
        atUs,
        fromUs: sinceUs + keepAliveUs + earliestUs,
        byUs: sinceUs + (1.5 + KEEP_ALIVE_GRACE) * keepAliveUs + latestUs,
      }
  }
}

/**
 * What is left of a demand once the client has come back.
 *
 * With Clean Start before the delay has passed, a will may come or not: the session ends, which calls for it (MQTT 5.0 §3.1.3.2.2), and there
 * is a new network connection of the client id, which deletes it (§3.1.2.5). Of two connections at once MQTT wants the will of the old one
 * unless it is delayed and the session goes on (MQTT 5.0 §3.1.3.2.2); brokers differ.
 *
 * @param connectUs  when the client sent its CONNECT
 * @param session    whether the CONNACK had session present; `unknown`: it was not answered
 */
export function willReturn(demand: WillDemand, terms: WillTerms, connectUs: number, session: 'present' | 'absent' | 'unknown'): WillDemand {
  if (demand.kind !== 'required' || connectUs >= demand.byUs) return demand
  const isDelayed = delayOf(terms) > 0
  if (!isDelayed && demand.ending === 'closed') return demand
  if (isDelayed && session === 'present') return { ...demand, kind: connectUs < demand.fromUs ? 'forbidden' : 'allowed' }
  return { ...demand, kind: 'allowed', fromUs: Math.min(connectUs, demand.fromUs) }
}

/** The session's end calls for the will if it comes before the delay's. */
function delayOf({ delayUs, expiryUs }: WillTerms): number {
  return Math.min(delayUs, expiryUs)
}

/** What a worker knows of wills: plain data. */
export interface WillFacts {
  /** (key, kind, at, from, by) of each connection of its own clients that has ended and whose will may or must come, flat. */
  readonly ends: Float64Array
  /** (key, at) of each will that came in, where it came first, flat. */
  readonly arrivals: Float64Array
  /** False: there were more than can be kept. */
  readonly isWhole: boolean
  /** When this was so. */
  readonly atUs: number
}

/** Ends, and arrivals, that a worker keeps: 40 to 100 MB. Beyond it wills without an end are no longer called false. */
const MAX_WILLS = 1_000_000
/** Of a key: ordinals are below it, since a compact header has 28 bits. Publishers have 24. */
const CONNECTIONS = 2 ** 28
const END_FIELDS = 5
/** A worker may see a will before another one has seen that the connection is gone. */
export const NOTICE_US = 500_000

const KIND = { forbidden: 0, allowed: 1, required: 2 } as const

/** One worker's wills. */
export class WillBook {
  private readonly rows = new Map<number, number>()
  private readonly ends: number[] = []
  private readonly arrivals = new Map<number, number>()
  private isWhole = true

  /**
   * A connection with a will has ended, or what is to become of its will has changed.
   *
   * @param publisher   global client index
   * @param connection  ordinal of the client's CONNECT
   */
  ended(publisher: number, connection: number, kind: WillKind, atUs: number, fromUs: number, byUs: number): void {
    const key = publisher * CONNECTIONS + connection
    let row = this.rows.get(key)
    if (row === undefined) {
      if (kind === 'forbidden') return
      if (this.rows.size >= MAX_WILLS) {
        this.isWhole = false
        return
      }
      this.rows.set(key, (row = this.ends.length))
    }
    const { ends } = this
    ends[row] = key
    ends[row + 1] = KIND[kind]
    ends[row + 2] = atUs
    ends[row + 3] = fromUs
    ends[row + 4] = byUs
  }

  /** A will came in to one of the worker's clients, and not as a retained copy. */
  arrived(publisher: number, connection: number, atUs: number): void {
    const key = publisher * CONNECTIONS + connection
    if (this.arrivals.has(key)) return
    if (this.arrivals.size < MAX_WILLS) this.arrivals.set(key, atUs)
    else this.isWhole = false
  }

  facts(nowUs: number): WillFacts {
    const arrivals = new Float64Array(2 * this.arrivals.size)
    let at = 0
    for (const [key, atUs] of this.arrivals) {
      arrivals[at++] = key
      arrivals[at++] = atUs
    }
    return { ends: Float64Array.from(this.ends), arrivals, isWhole: this.isWhole, atUs: nowUs }
  }
}

/** A will that had to come and has not. */
export interface OpenWill {
  readonly publisher: number
  readonly connection: number
  /** Between these times it was to come. */
  readonly fromUs: number
  readonly byUs: number
}

export type WillOutcome = 'fired' | 'missing' | 'false'

export interface WillResult {
  readonly all: Readonly<Record<WillOutcome, number>>
  /** In order of time: when the connection ended, or when the false will came. */
  readonly ended: readonly { readonly atUs: number; readonly outcome: WillOutcome }[]
  /** Of those that fired, the ones that came later than they had to. */
  readonly late: number
}

/** The wills of a run, of what all workers know. The same facts in the same order give the same `open`, wherever. */
export class Wills {
  /** What had to come and has not, whoever was to get it. */
  readonly open: readonly OpenWill[]
  private readonly facts: readonly WillFacts[]
  private readonly arrivals = new Map<number, number>()

  constructor(facts: readonly WillFacts[]) {
    this.facts = facts
    for (const { arrivals } of facts) {
      for (let i = 0; i < arrivals.length; i += 2) {
        const [key, atUs] = [arrivals[i]!, arrivals[i + 1]!]
        this.arrivals.set(key, Math.min(atUs, this.arrivals.get(key) ?? atUs))
      }
    }
    const open: OpenWill[] = []
    this.eachEnd((key, kind, _, fromUs, byUs) => {
      if (kind !== KIND.required || this.arrivals.has(key)) return
      open.push({ publisher: Math.floor(key / CONNECTIONS), connection: key % CONNECTIONS, fromUs, byUs })
    })
    this.open = open
  }

  /**
   * How many open wills are owed to somebody and may still come in time, by then: what a drain waits for.
   *
   * @param covered  from each worker, for each of `open`, whether one of its subscribers had to get it
   */
  waiting(covered: readonly Uint8Array[], nowUs: number, untilUs: number): number {
    return this.open.reduce((sum, will, i) => sum + Number(will.byUs > nowUs && will.byUs <= untilUs && isOwed(covered, i)), 0)
  }

  /**
   * What is to come after the facts were told is neither missing nor there.
   *
   * @param covered  as in `waiting`
   * @param isWhole  no worker was lost: what its clients did is not known
   */
  judge(covered: readonly Uint8Array[], isWhole: boolean): WillResult {
    const endUs = Math.min(...this.facts.map(({ atUs }) => atUs))
    const ended: { atUs: number; outcome: WillOutcome }[] = []
    let late = 0
    let opened = 0
    const unexplained = new Map(this.arrivals)
    this.eachEnd((key, kind, atUs, fromUs, byUs) => {
      const arrivedUs = unexplained.get(key)
      if (arrivedUs === undefined) {
        if (kind === KIND.required && isOwed(covered, opened++) && byUs <= endUs) ended.push({ atUs, outcome: 'missing' })
        return
      }
      unexplained.delete(key)
      if (kind === KIND.forbidden || arrivedUs < fromUs) ended.push({ atUs: arrivedUs, outcome: 'false' })
      else {
        ended.push({ atUs, outcome: 'fired' })
        late += Number(arrivedUs > byUs)
      }
    })
    if (isWhole && this.facts.every((facts) => facts.isWhole)) {
      for (const atUs of unexplained.values()) if (atUs <= endUs - NOTICE_US) ended.push({ atUs, outcome: 'false' })
    }
    const all = { fired: 0, missing: 0, false: 0 }
    for (const { outcome } of ended) all[outcome]++
    return { all, ended: ended.sort((a, b) => a.atUs - b.atUs), late }
  }

  private eachEnd(visit: (key: number, kind: number, atUs: number, fromUs: number, byUs: number) => void): void {
    for (const { ends } of this.facts) {
      for (let i = 0; i < ends.length; i += END_FIELDS) visit(ends[i]!, ends[i + 1]!, ends[i + 2]!, ends[i + 3]!, ends[i + 4]!)
    }
  }
}

function isOwed(covered: readonly Uint8Array[], i: number): boolean {
  return covered.some((part) => part[i] === 1)
}
