import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FactBook } from '../../src/load/factbook.ts'
import { EXCEPTION, Exceptions, type Facts } from '../../src/load/facts.ts'
import { NO_ROWS, rowsOf } from '../../src/load/rows.ts'
import { streamOf } from '../../src/load/slice.ts'
import { WillBook } from '../../src/load/wills.ts'

const facts = (fields: Partial<Facts>): Facts => ({
  entries: [],
  exceptions: NO_ROWS,
  connectTimes: NO_ROWS,
  moves: NO_ROWS,
  pending: 0,
  wills: new WillBook().facts(0),
  ...fields,
})

describe('exceptions', () => {
  it('that follow one another become one interval, with the largest value', () => {
    const exceptions = new Exceptions()
    exceptions.add(1, EXCEPTION.late, 3, 4, 500)
    exceptions.add(1, EXCEPTION.late, 4, 6, 900)
    exceptions.add(1, EXCEPTION.late, 6, 7, 100)
    exceptions.add(1, EXCEPTION.dropped, 7, 9)
    exceptions.add(1, EXCEPTION.dropped, 10, 10)
    exceptions.add(2, EXCEPTION.away, 0, 5)
    expect([...exceptions.byStream]).toEqual([
      [1, [EXCEPTION.late, 3, 7, 900, EXCEPTION.dropped, 7, 9, 0]],
      [2, [EXCEPTION.away, 0, 5, 0]],
    ])
    expect(exceptions.intervals).toBe(3)
  })
})

describe('a book of facts', () => {
  it('knows the kind of every message, in whatever order its exceptions came', () => {
    const kinds = fc.constantFrom(0, EXCEPTION.dropped, EXCEPTION.away, EXCEPTION.refused, EXCEPTION.unacknowledged)
    fc.assert(
      fc.property(fc.array(fc.record({ kind: kinds, at: fc.nat() }), { maxLength: 60 }), (messages) => {
        const exceptions = new Exceptions()
        const order = messages.map(({ kind, at }, seq) => ({ kind, at, seq })).sort((a, b) => a.at - b.at)
        for (const { kind, seq } of order) if (kind !== 0) exceptions.add(5, kind, seq, seq + 1)
        const book = new FactBook([facts({ exceptions: rowsOf(exceptions.byStream) })])
        for (const [seq, { kind }] of messages.entries()) expect(book.kindOf(5, seq)).toBe(kind)
        expect(book.kindOf(5, messages.length)).toBe(0)
        expect(book.kindOf(6, 0)).toBe(0)
      }),
    )
  })

  it('keeps late apart from the others: a late message is owed all the same', () => {
    const exceptions = new Exceptions()
    exceptions.add(5, EXCEPTION.late, 2, 4, 1_500_000)
    exceptions.add(5, EXCEPTION.unacknowledged, 3, 4)
    const book = new FactBook([facts({ exceptions: rowsOf(exceptions.byStream) })])
    expect([1, 2, 3, 4].map((seq) => book.kindOf(5, seq))).toEqual([0, 0, EXCEPTION.unacknowledged, 0])
    expect([1, 2, 3, 4].map((seq) => book.delayOf(5, seq))).toEqual([0, 1_500_000, 1_500_000, 0])
  })

  it('takes the last of the delays of a message that was sent again and again', () => {
    const exceptions = new Exceptions()
    exceptions.add(5, EXCEPTION.late, 2, 3, 1_000_000)
    exceptions.add(5, EXCEPTION.late, 3, 4, 1_100_000)
    exceptions.add(5, EXCEPTION.late, 2, 3, 4_000_000)
    exceptions.add(5, EXCEPTION.late, 7, 8, 2_000_000)
    exceptions.add(5, EXCEPTION.late, 7, 8, 6_000_000)
    const book = new FactBook([facts({ exceptions: rowsOf(exceptions.byStream) })])
    expect([2, 6, 7, 8].map((seq) => book.delayOf(5, seq))).toEqual([4_000_000, 0, 6_000_000, 0])
  })

  it('puts the slices of an entry together, and knows nothing of a slice that was lost', () => {
    const part = (firstClient: number, clients: number, next: number[] | null) =>
      facts({ entries: [{ entry: 1, firstClient, clients, next: next && Uint32Array.from(next) }], pending: 2 })
    const book = new FactBook([part(25, 1, [9]), part(20, 2, [7, 8]), part(26, 2, null)])
    const known = [19, 20, 21, 22, 25, 26, 27, 28].map((publisher) => book.dealtWith(1, publisher))
    expect(known).toEqual([null, 7, 8, null, 9, Infinity, Infinity, null])
    expect(book.dealtWith(0, 20)).toBe(null)
    expect(book.pending).toBe(6)
  })

  it('knows where a publisher was, and when it sent on connecting', () => {
    const stream = streamOf(1, 20)
    const book = new FactBook([
      facts({ moves: rowsOf(new Map([[20, [100, 3, 200, 4]]])), connectTimes: rowsOf(new Map([[stream, [10, 30]]])) }),
    ])
    expect([50, 100, 199, 200].map((timeUs) => book.nodeAt(20, timeUs, 1))).toEqual([1, 3, 3, 4])
    expect(book.nodeAt(21, 500, 2)).toBe(2)
    expect([book.hasMoved(20), book.hasMoved(21)]).toEqual([true, false])
    expect(Array.from(book.timesOf(stream))).toEqual([10, 30])
    expect(Array.from(book.timesOf(stream + 1))).toEqual([])
  })
})
