import { describe, expect, test } from 'vitest'
import { FactBook } from '../../src/load/factbook.ts'
import { EXCEPTION, type ExceptionKind, type Facts } from '../../src/load/facts.ts'
import { Group } from '../../src/load/group.ts'
import type { Header } from '../../src/load/header.ts'
import type { GroupPlan, PublishPlan } from '../../src/load/plan.ts'
import { Retained, retains } from '../../src/load/retained.ts'
import { NO_ROWS, rowsOf } from '../../src/load/rows.ts'
import { streamOf } from '../../src/load/slice.ts'
import { sampleEntry, sampleGroup, samplePayload, samplePlan } from '../load/sample-plan.ts'

const SECOND = 1e6

/** What is retained of one group, each of whose clients has dealt with so many messages. */
function retainedOf({
  entry = {},
  group = {},
  sent = [],
  exceptions = [],
  isCalm = true,
}: {
  entry?: Partial<PublishPlan>
  group?: Partial<GroupPlan>
  sent?: readonly number[]
  isCalm?: boolean
  exceptions?: readonly [client: number, kind: ExceptionKind, from: number, to: number][]
}): Retained {
  const publish = [sampleEntry({ topic: 's/{client}', retain: true, payload: samplePayload(64), ...entry })]
  const plan = samplePlan({ groups: [sampleGroup({ clients: sent.length, publish, ...group })] })
  const around = { plan, run: 'abcdef', endpoints: [], unixEpochMs: 0, files: new Map() }
  const byStream = new Map<number, number[]>()
  for (const [client, ...interval] of exceptions) {
    const stream = streamOf(0, client)
    byStream.set(stream, [...(byStream.get(stream) ?? []), ...interval, 0])
  }
  const facts = {
    entries: [{ entry: 0, firstClient: 0, clients: sent.length, next: Uint32Array.from(sent) }],
    exceptions: rowsOf(byStream),
    connectTimes: NO_ROWS,
    moves: NO_ROWS,
    pending: 0,
  } as unknown as Facts
  return new Retained([new Group(around, plan.groups[0]!, [0, 0], null)], new FactBook([facts]), 0, 3600 * SECOND, isCalm)
}

const message = (publisher: number, seq: number): Header => ({ run: 0, publisher, entry: 0, seq, intendedUs: 0, node: 0 })
const { dropped, away, refused, unacknowledged, late } = EXCEPTION

describe('the retained message of a topic is', () => {
  test.each([
    { why: 'the last one', exceptions: [], current: [4] },
    { why: 'the last one that was sent', exceptions: [[dropped, 4, 5]], current: [3, 4] },
    { why: 'the last one before a client was away', exceptions: [[away, 2, 5]], current: [1, 2, 3, 4] },
    { why: 'the last one that was taken', exceptions: [[refused, 3, 5]], current: [2, 3, 4] },
    { why: 'the last one that is certain, or one after it that is not', exceptions: [[unacknowledged, 3, 5]], current: [2, 3, 4] },
    { why: 'the last one, however late', exceptions: [[late, 3, 5]], current: [4] },
    { why: 'the last one, whatever was wrong before', exceptions: [[dropped, 0, 4]], current: [4] },
  ] as const)('$why', ({ exceptions, current }) => {
    const retained = retainedOf({ sent: [5], exceptions: exceptions.map((exception) => [0, ...exception] as const) as never })
    expect(retained.topics(9, 0)).toEqual(['s/0'])
    expect([0, 1, 2, 3, 4].filter((seq) => retained.isCurrent('s/0', message(0, seq)))).toEqual(current)
  })

  test('of its own stream: none on another topic, from nobody, or of no such entry', () => {
    const retained = retainedOf({ sent: [5, 5] })
    expect(retained.isCurrent('s/1', message(1, 4))).toBe(true)
    expect(retained.isCurrent('s/0', message(1, 4))).toBe(false)
    expect(retained.isCurrent('s/2', message(2, 4))).toBe(false)
    expect(retained.isCurrent('s/0', { ...message(0, 4), entry: 1 })).toBe(false)
  })

  test('the last one of any stream where several share it', () => {
    const retained = retainedOf({ entry: { topic: 's' }, sent: [5, 9, 0] })
    expect(retained.topics(9, 0)).toEqual(['s'])
    const current = [
      [0, 3],
      [0, 4],
      [1, 4],
      [1, 8],
    ].filter(([publisher, seq]) => retained.isCurrent('s', message(publisher!, seq!)))
    expect(current).toEqual([
      [0, 4],
      [1, 8],
    ])
  })

  test('the last one in its lane', () => {
    const entry = { topic: 's/{client}/{slot}', route: { kind: 'each', level: 'slot', count: 3 } } as const
    const retained = retainedOf({ entry, sent: [7] })
    const topics = retained.topics(9, 0)
    expect(topics).toEqual(['s/0/slot-1', 's/0/slot-2', 's/0/slot-3'])
    const current = topics.map((topic) => [0, 1, 2, 3, 4, 5, 6].filter((seq) => retained.isCurrent(topic, message(0, seq))))
    expect(current.flat().sort()).toEqual([4, 5, 6])
  })
})

describe('topics are chosen', () => {
  const sent = Array.from({ length: 1000 }, () => 5)

  test('evenly over all streams, each once', () => {
    expect(retainedOf({ sent }).topics(4, 0)).toEqual(['s/125', 's/375', 's/625', 's/875'])
    expect(retainedOf({ sent }).topics(2000, 0)).toHaveLength(1000)
    expect(retainedOf({ sent, entry: { topic: 's' } }).topics(10, 0)).toEqual(['s'])
  })

  test('where something was sent that is certain', () => {
    const all = [0, 1, 2].map((client) => [client, client === 0 ? dropped : unacknowledged, 0, client === 2 ? 4 : 5] as const)
    expect(retainedOf({ sent: [5, 5, 5, 0], exceptions: all as never }).topics(9, 0)).toEqual(['s/2'])
  })

  test('where it will not have expired', () => {
    // Message 4 of client 0 of two is due at 4.25 s.
    const of = (untilS: number) => retainedOf({ sent: [5, 0], entry: { expiryS: 10 } }).topics(9, untilS * SECOND)
    expect(of(14)).toEqual(['s/0'])
    expect(of(15)).toEqual([])
  })

  test('where a client that was addressed had something from somebody', () => {
    const route = { kind: 'to', group: 0, pick: 'inTurn', zipf: 0 } as const
    // Each of four publishers has sent one message, to another client each.
    expect(retainedOf({ sent: [1, 1, 1, 1], entry: { route } }).topics(9, 0)).toEqual(['s/0', 's/1', 's/2', 's/3'])
    expect(retainedOf({ sent: [1, 0, 0, 0], entry: { route } }).topics(9, 0)).toHaveLength(1)
  })

  test.each([
    { what: 'not retained', entry: { retain: false } },
    { what: 'sometimes empty', entry: { payload: samplePayload(0, 64) } },
    { what: 'an empty text', entry: { payload: { kind: 'text', text: '' } as const } },
  ])('not where it is $what', ({ entry }) => {
    expect(retainedOf({ sent, entry }).topics(9, 0)).toEqual([])
    expect(retains(samplePlan({ groups: [sampleGroup({ publish: [sampleEntry({ retain: true, ...entry })] })] }))).toBe(false)
  })
})

describe('all that can be seen of a topic is whether there is a message', () => {
  const text = { kind: 'text', text: 'on' } as const
  test.each([
    { why: 'never, with a header', group: {}, entry: {}, bare: false, below5: false },
    { why: 'without room for a header', group: {}, entry: { payload: samplePayload(4) }, bare: true, below5: true },
    { why: 'where properties are not seen', group: { version: 5 as const }, entry: { payload: text }, bare: false, below5: true },
    {
      why: 'where a retained will may be',
      group: { will: { topic: 's/{client}', payload: text, qos: 1 as const, retain: true, delayS: 0 } },
      entry: {},
      bare: true,
      below5: true,
    },
    {
      why: 'never, for a will that is not retained',
      group: { will: { topic: 's/{client}', payload: text, qos: 1 as const, retain: false, delayS: 0 } },
      entry: {},
      bare: false,
      below5: false,
    },
  ])('$why', ({ group, entry, bare, below5 }) => {
    const retained = retainedOf({ sent: [1], group, entry })
    expect(retained.isBare('s/0', true)).toBe(bare)
    expect(retained.isBare('s/0', false)).toBe(below5)
    expect(retained.isBare('other', false)).toBe(false)
  })
})
