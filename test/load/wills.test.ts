import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heirs } from '../../src/load/heirs.ts'
import { Testator } from '../../src/load/testator.ts'
import {
  type Ending,
  WillBook,
  type WillDemand,
  type WillOutcome,
  Wills,
  type WillTerms,
  willEnd,
  willReturn,
} from '../../src/load/wills.ts'
import { MemoryRun } from './memory.ts'

const S = 1e6
/** Times in seconds; the connection ends at 100. */
const terms = (some: Partial<Record<'delay' | 'keepAlive' | 'expiry', number>> = {}): WillTerms => ({
  delayUs: (some.delay ?? 0) * S,
  keepAliveUs: (some.keepAlive ?? 10) * S,
  expiryUs: (some.expiry ?? 1000) * S,
  settleUs: 1 * S,
})

describe('what the end of a connection asks of the broker', () => {
  const rows: [what: string, ending: Ending, terms: WillTerms, sinceS: number, expected: [kind: string, fromS: number, byS: number]][] = [
    ['DISCONNECT deletes the will', 'disconnect', terms(), 100, ['forbidden', 100, 100]],
    ['and a delayed one', 'disconnect', terms({ delay: 20 }), 100, ['forbidden', 100, 100]],
    ['any other end publishes it, within settle and two seconds', 'closed', terms(), 100, ['required', 100, 103]],
    ['where the broker ended it, as soon as it may have', 'closed', terms(), 90, ['required', 90, 103]],
    ['after the delay; brokers count whole seconds', 'closed', terms({ delay: 20 }), 100, ['required', 119, 123]],
    ['or at the end of the session, if that comes first', 'closed', terms({ delay: 20, expiry: 5 }), 100, ['required', 104, 108]],
    ['at once if the session ends with the connection', 'closed', terms({ delay: 20, expiry: 0 }), 100, ['required', 100, 103]],
    ['a session for ever does not hurry it', 'closed', terms({ delay: 20, expiry: Infinity }), 100, ['required', 119, 123]],
    ['silence: 1.5 keep alives after the last packet', 'silent', terms(), 100, ['required', 110, 119]],
    ['which was sent before the silence began', 'silent', terms(), 95, ['required', 105, 114]],
    ['then the delay', 'silent', terms({ delay: 20 }), 100, ['required', 129, 139]],
    ['silence without a keep alive: the broker need not notice', 'silent', terms({ keepAlive: 0 }), 100, ['allowed', 100, 100]],
    ['what the broker saw is not known', 'unsure', terms(), 99, ['allowed', 99, 103]],
  ]
  it.each(rows)('%s', (_, ending, given, sinceS, [kind, fromS, byS]) => {
    expect(willEnd(ending, given, 100 * S, sinceS * S)).toEqual({ ending, kind, atUs: 100 * S, fromUs: fromS * S, byUs: byS * S })
  })
})

describe('what is left of it when the client is back', () => {
  type Row = [
    what: string,
    ending: Ending,
    terms: WillTerms,
    backS: number,
    session: 'present' | 'absent' | 'unknown',
    kind: string,
    fromS: number,
  ]
  const delayed = terms({ delay: 20 })
  const rows: Row[] = [
    ['a will without delay is due all the same', 'closed', terms(), 100.5, 'present', 'required', 100],
    ['in its session, before the delay has passed: never', 'closed', delayed, 110, 'present', 'forbidden', 119],
    ['about when it passes: perhaps', 'closed', delayed, 121, 'present', 'allowed', 119],
    ['after it: due long since', 'closed', delayed, 124, 'present', 'required', 119],
    ['with a new session: two rules contradict each other', 'closed', delayed, 110, 'absent', 'allowed', 110],
    ['nobody knows whether the CONNECT was seen', 'closed', delayed, 110, 'unknown', 'allowed', 110],
    ['a silent client is taken over: brokers differ', 'silent', terms(), 105, 'present', 'allowed', 105],
    ['even where it is new', 'silent', terms(), 105, 'absent', 'allowed', 105],
    ['or has perhaps been noticed before', 'silent', terms(), 112, 'present', 'allowed', 110],
    ['noticed long since', 'silent', terms(), 119, 'present', 'required', 110],
    ['taken over in its session, with a delay: never', 'silent', delayed, 105, 'present', 'forbidden', 129],
    ['taken over by a new session, with a delay', 'silent', delayed, 105, 'absent', 'allowed', 105],
    ['what was never to come', 'disconnect', delayed, 105, 'present', 'forbidden', 100],
    ['what might come', 'unsure', delayed, 105, 'present', 'allowed', 119],
  ]
  it.each(rows)('%s', (_, ending, given, backS, session, kind, fromS) => {
    const demand = willEnd(ending, given, 100 * S)
    expect(willReturn(demand, given, backS * S, session)).toEqual({ ...demand, kind, fromUs: fromS * S })
  })
})

describe('a testator', () => {
  /** What the book has in the end, by connection; undefined: nothing, which forbids. */
  function kept(tell: (testator: Testator) => void, given = terms({ delay: 20 })): Record<number, string> {
    const book = new WillBook()
    const kinds: Record<number, string> = {}
    book.ended = (publisher, connection, kind, _, fromUs) => {
      expect(publisher).toBe(7)
      kinds[connection] = `${kind} from ${fromUs / S}`
    }
    tell(new Testator(book, 7, given))
    return kinds
  }

  it('tells how each connection ended, and again when the client is back', () => {
    const kinds = kept((t) => {
      t.connecting(1, 0)
      t.connected(false)
      t.ended('closed', 100 * S)
      t.connecting(2, 105 * S)
      t.connected(true)
      t.ended('closed', 200 * S)
      t.connecting(3, 250 * S)
      t.connected(true)
      t.ended('disconnect', 300 * S)
    })
    expect(kinds).toEqual({ 1: 'forbidden from 119', 2: 'required from 219', 3: 'forbidden from 300' })
  })

  it('takes a refused CONNECT for none, and an unanswered one for one that may have counted', () => {
    const kinds = kept((t) => {
      t.connecting(1, 0)
      t.connected(false)
      t.ended('closed', 100 * S)
      t.connecting(2, 103 * S)
    })
    expect(kinds).toEqual({ 1: 'required from 119' })
    const doubtful = kept((t) => {
      t.connecting(1, 0)
      t.connected(false)
      t.ended('closed', 100 * S)
      t.connecting(2, 103 * S)
      t.ended('unsure', 104 * S)
      t.connecting(3, 110 * S)
      t.connected(true)
    })
    expect(doubtful).toEqual({ 1: 'allowed from 103', 2: 'allowed from 122' })
  })
})

/** A book of what ended and what came, of publisher 1: connection to (demand, when its will came). */
function judged(
  ends: Record<number, Pick<WillDemand, 'kind'> & { atS?: number; fromS?: number; byS?: number }>,
  arrivals: Record<number, number[]>,
  owed = true,
  settings: { endS?: number; isWhole?: boolean } = {},
): { outcomes: [atS: number, outcome: WillOutcome][]; late: number } {
  const book = new WillBook()
  for (const [connection, { kind, atS = 100, fromS = 100, byS = 103 }] of Object.entries(ends))
    book.ended(1, Number(connection), kind, atS * S, fromS * S, byS * S)
  for (const [connection, times] of Object.entries(arrivals)) for (const atS of times) book.arrived(1, Number(connection), atS * S)
  const wills = new Wills([book.facts((settings.endS ?? 200) * S)])
  const covered = [new Uint8Array(wills.open.length).fill(Number(owed))]
  const { all, ended, late } = wills.judge(covered, settings.isWhole ?? true)
  for (const outcome of ['fired', 'missing', 'false'] as const) expect(all[outcome]).toBe(ended.filter((e) => e.outcome === outcome).length)
  return { outcomes: ended.map(({ atUs, outcome }) => [atUs / S, outcome]), late }
}

describe('judging', () => {
  const required = { kind: 'required' } as const
  const rows: [what: string, got: ReturnType<typeof judged>, expected: [number, string][], late?: number][] = [
    ['it had to come, and came', judged({ 1: required }, { 1: [101] }), [[100, 'fired']]],
    ['to several', judged({ 1: required }, { 1: [101, 101, 102] }), [[100, 'fired']]],
    ['late is not missing', judged({ 1: required }, { 1: [104] }), [[100, 'fired']], 1],
    ['only the first arrival says when it was published', judged({ 1: required }, { 1: [101, 150] }), [[100, 'fired']]],
    ['it had to come, and did not', judged({ 1: required }, {}), [[100, 'missing']]],
    ['nobody was there to get it', judged({ 1: required }, {}, false), []],
    ['the run ended before it had to', judged({ 1: required }, {}, true, { endS: 102 }), []],
    ['it came too early', judged({ 1: { ...required, fromS: 110, byS: 113 } }, { 1: [105] }), [[105, 'false']]],
    ['it might come, and came', judged({ 1: { kind: 'allowed' } }, { 1: [101] }), [[100, 'fired']]],
    ['it might come, and did not', judged({ 1: { kind: 'allowed' } }, {}), []],
    ['it might come later', judged({ 1: { kind: 'allowed', fromS: 110 } }, { 1: [101] }), [[101, 'false']]],
    ['it must not come, and came', judged({ 1: { kind: 'forbidden' } }, { 1: [101] }), [[101, 'false']]],
    ['it must not come, and did not', judged({ 1: { kind: 'forbidden' } }, {}), []],
    ['its connection stands', judged({ 1: required }, { 1: [101], 2: [150] }), [[100, 'fired'], [150, 'false']]], // biome-ignore format: a row
    ['its end may not have been noticed yet', judged({}, { 2: [199.9] }), []],
    ['a worker was lost, and with it what it knew', judged({}, { 2: [150] }, true, { isWhole: false }), []],
  ]
  it.each(rows)('%s', (_, got, expected, late = 0) => {
    expect(got).toEqual({ outcomes: expected, late })
  })

  it('lets the client’s return change what its end asked for', () => {
    const book = new WillBook()
    book.ended(1, 1, 'required', 100 * S, 119 * S, 123 * S)
    book.ended(1, 1, 'forbidden', 100 * S, 119 * S, 123 * S)
    expect(new Wills([book.facts(200 * S)]).open).toEqual([])
    book.arrived(1, 1, 121 * S)
    expect(new Wills([book.facts(200 * S)]).judge([], true).all).toEqual({ fired: 0, missing: 0, false: 1 })
  })

  it('makes the same of it however clients and subscribers are spread over workers', () => {
    const end = fc.record({
      publisher: fc.nat(5),
      connection: fc.nat(5),
      kind: fc.constantFrom('required' as const, 'forbidden' as const, 'allowed' as const),
      atS: fc.nat(100),
      byWorker: fc.nat(2),
    })
    const arrival = fc.record({ publisher: fc.nat(5), connection: fc.nat(5), atS: fc.nat(150), byWorker: fc.nat(2) })
    fc.assert(
      fc.property(fc.array(end), fc.array(arrival), fc.func(fc.boolean()), (ends, arrivals, isCovered) => {
        const unique = [...new Map(ends.map((e) => [`${e.publisher}/${e.connection}`, e])).values()]
        const result = (workers: number) => {
          const books = Array.from({ length: workers }, () => new WillBook())
          for (const e of unique) {
            books[e.byWorker % workers]!.ended(e.publisher, e.connection, e.kind, e.atS * S, e.atS * S, (e.atS + 3) * S)
          }
          // Each worker sees what comes in the order of time.
          for (const a of arrivals.toSorted((x, y) => x.atS - y.atS))
            books[a.byWorker % workers]!.arrived(a.publisher, a.connection, a.atS * S)
          const wills = new Wills(books.map((book) => structuredClone(book.facts(90 * S))))
          // Each subscriber is on one of the workers.
          const covered = books.map((_, w) =>
            Uint8Array.from(wills.open, (o) => Number(isCovered(o.publisher, o.connection) && o.publisher % workers === w)),
          )
          // What is overdue is not waited for.
          expect(wills.waiting(covered, 90 * S, 90 * S)).toBe(0)
          return { ...wills.judge(covered, true), waiting: wills.waiting(covered, 0, 90 * S) }
        }
        const whole = result(1)
        const byTime = (r: typeof whole) => ({ ...r, ended: r.ended.map((e) => `${e.atUs} ${e.outcome}`).sort() })
        expect(byTime(result(3))).toEqual(byTime(whole))
        expect(whole.waiting).toBe(whole.all.missing)
      }),
    )
  })
})

describe('who had to get a will', () => {
  interface Scene {
    /** Of the subscriber's group, of the clients with a will, and of their wills. */
    readonly subscriber?: string
    readonly dying?: string
    readonly will?: string
    readonly happens?: (run: MemoryRun, subscriber: number) => void
  }

  it('is asked of a connection that the broker ends from then on, and not since the last keep alive', () => {
    const run = new MemoryRun('groups: { dying: { keepAlive: 60s, will: { topic: t, payload: { bytes: 32 } } } }')
    run.start()
    run.until(200 * S)
    run.kick(0)
    const [, , atUs, fromUs] = run.fleet.wills.facts(run.nowUs).ends
    expect({ atUs, fromUs }).toEqual({ atUs: 200 * S, fromUs: 199 * S })
  })

  /** A run of two clients with wills on t/0 and t/1 (QoS 1, to come from 8 s to 10 s) and one subscriber; whether each will is owed at 20 s. */
  function owed(subscription: string, { subscriber = '', dying = '', will = '', happens = () => {} }: Scene = {}): number[] {
    const run = new MemoryRun(`
name: heirs
settle: 1s
groups:
  dying: { clients: 2, ${dying}will: { topic: "t/{client}", qos: 1, payload: { bytes: 32 }${will} } }
  living: { clients: 1, ${subscriber}reconnect: { backoff: fixed, first: 5s }, subscribe: [${subscription}] }
phases: { warmUp: 0s, measure: 30s, drain: 1s }
`)
    run.start()
    expect(run.fleet.connected).toBe(3)
    happens(run, 2)
    run.until(20 * S)
    return [...new Heirs(run.fleet).covered([0, 1].map((publisher) => ({ publisher, connection: 1, fromUs: 8 * S, byUs: 10 * S })))]
  }
  /** The subscriber loses its connection, and is back five seconds later. */
  const lost = (timeS: number, subscriber = 'cleanSession: false, ', sessionPresent = true): Scene => ({
    subscriber,
    happens: (run, owner) => {
      run.until(timeS * S)
      run.sessionPresent = sessionPresent
      run.kick(owner)
    },
  })
  const v5 = 'version: 5, '
  const own = `${v5}subscribe: [{ filter: "t/+", qos: 1, noLocal: true }], `

  const rows: [what: string, got: () => number[], expected: number[]][] = [
    ['a filter for all', () => owed('{ filter: "#", qos: 1 }'), [1, 1]],
    ['a wildcard', () => owed('{ filter: "t/+", qos: 1 }'), [1, 1]],
    ['the topic itself', () => owed('{ filter: "t/1", qos: 1 }'), [0, 1]],
    ['a topic and what is below it', () => owed('{ filter: "t/1/#", qos: 1 }'), [0, 1]],
    ['another topic', () => owed('{ filter: "u/#", qos: 1 }'), [0, 0]],
    ['too long a filter', () => owed('{ filter: "t/+/+", qos: 1 }'), [0, 0]],
    ['any of several filters', () => owed('{ filter: "u/#", qos: 1 }, { filter: "t/0", qos: 0 }'), [1, 0]],
    ['a shared subscription: it may be another’s turn', () => owed('{ filter: "$share/x/#", qos: 1 }'), [0, 0]],
    ['a lost connection and QoS 0', () => owed('{ filter: "#", qos: 0 }', lost(9)), [0, 0]],
    ['a lost connection and a session that stays', () => owed('{ filter: "#", qos: 1 }', lost(9)), [1, 1]],
    ['a lost connection and a session that ends with it', () => owed('{ filter: "#", qos: 1 }', lost(9, '')), [0, 0]],
    ['a connection that is lost afterwards', () => owed('{ filter: "#", qos: 0 }', lost(11)), [1, 1]],
    ['one that came back too late', () => owed('{ filter: "#", qos: 0 }', lost(2.5)), [0, 0]],
    ['one that is away still', () => owed('{ filter: "#", qos: 1 }', lost(16)), [0, 0]],
    [
      'a session that expires before its client is back',
      () => owed('{ filter: "#", qos: 1 }', { ...lost(9, `${v5}cleanSession: false, sessionExpiry: 2s, `, false), dying: v5 }),
      [0, 0],
    ],
    ['a retained will', () => owed('{ filter: "#", qos: 1 }', { will: ', retain: true' }), [1, 1]],
    [
      'a retained will that looks like an old one',
      () => owed('{ filter: "#", qos: 1, retainAsPublished: true }', { subscriber: v5, dying: v5, will: ', retain: true' }),
      [0, 0],
    ],
    ['who does not want to hear of itself hears of others', () => owed('{ filter: "u" }', { subscriber: v5, dying: own }), [1, 1]],
    ['and of nobody else’s here', () => owed('{ filter: "u" }', { subscriber: v5, dying: own.replace('t/+', 't/{client}') }), [0, 0]],
  ]
  it.each(rows)('%s', (_, got, expected) => expect(got()).toEqual(expected))
})
