import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ARRIVAL, isSet, Ledger, SharedLedger } from '../../src/stats/ledger.ts'

const NAMES = Object.fromEntries(Object.entries(ARRIVAL).map(([name, value]) => [value, name]))

function arrivals(seqs: readonly number[], qosOf: (seq: number) => number = () => 1): { ledger: Ledger; row: number; were: string[] } {
  const ledger = new Ledger()
  const row = ledger.add(7, 9, 0, 1)
  return { ledger, row, were: seqs.map((seq) => NAMES[ledger.arrive(row, seq, qosOf(seq))]!) }
}

function missing(ledger: Ledger, row: number, from: number, to: number): number[] {
  const found: number[] = []
  ledger.eachMissing(row, from, to, (seq) => found.push(seq))
  return found
}

describe('the delivery ledger', () => {
  // Known answers for messages 1 to 4, all sent and acknowledged.
  it.each([
    ['all in order', [1, 2, 3, 4], { duplicate: 0, reordered: 0, lost: [] }],
    ['two repeats', [1, 2, 3, 2, 3, 4], { duplicate: 2, reordered: 0, lost: [] }],
    ['one overtaken', [1, 3, 2, 4], { duplicate: 0, reordered: 1, lost: [] }],
    ['one missing', [1, 2, 4], { duplicate: 0, reordered: 0, lost: [3] }],
    ['the first missing', [2, 3, 4], { duplicate: 0, reordered: 0, lost: [1] }],
    ['the first late', [2, 3, 4, 1], { duplicate: 0, reordered: 1, lost: [] }],
    ['the last missing', [1, 2, 3], { duplicate: 0, reordered: 0, lost: [4] }],
    ['all backwards', [4, 3, 2, 1], { duplicate: 0, reordered: 3, lost: [] }],
    ['a repeat of one that came late', [1, 3, 2, 2, 4], { duplicate: 1, reordered: 1, lost: [] }],
  ])('knows %s', (_, seqs, { duplicate, reordered, lost }) => {
    const { ledger, row, were } = arrivals(seqs)
    expect(were.filter((was) => was === 'duplicate').length).toBe(duplicate)
    expect(were.filter((was) => was === 'reordered').length).toBe(reordered)
    expect(missing(ledger, row, 1, 5)).toEqual(lost)
  })

  it('makes order a promise within one QoS only', () => {
    const qosOf = (seq: number) => seq % 2
    expect(arrivals([1, 3, 0, 2], qosOf).were).toEqual(['first', 'first', 'first', 'first'])
    expect(arrivals([1, 3, 2, 0], qosOf).were).toEqual(['first', 'first', 'first', 'reordered'])
  })

  it('agrees with a set of numbers and a highest number a QoS, for any arrivals', () => {
    const stream = fc.array(fc.nat(40), { maxLength: 120 })
    fc.assert(
      fc.property(stream, fc.nat(45), fc.nat(45), (seqs, a, b) => {
        const qosOf = (seq: number) => seq % 3
        const seen = new Set<number>()
        const highest = [-1, -1, -1]
        const expected = seqs.map((seq) => {
          if (seen.has(seq)) return 'duplicate'
          seen.add(seq)
          const isReordered = seq < highest[qosOf(seq)]!
          highest[qosOf(seq)] = Math.max(highest[qosOf(seq)]!, seq)
          return isReordered ? 'reordered' : 'first'
        })
        const { ledger, row, were } = arrivals(seqs, qosOf)
        expect(were).toEqual(expected)
        for (let seq = 0; seq < 45; seq++) expect(ledger.has(row, seq), `has ${seq}`).toBe(seen.has(seq))
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const absent = Array.from({ length: to - from }, (_, i) => from + i).filter((seq) => !seen.has(seq))
        expect(missing(ledger, row, from, to)).toEqual(absent)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps any number of pairs apart while it grows', () => {
    const ledger = new Ledger()
    const pairs = Array.from({ length: 5000 }, (_, i) => ({ subscriber: i % 70, stream: Math.floor(i / 70) * 2 ** 24 + (i % 3) }))
    const rows = pairs.map(({ subscriber, stream }, i) => {
      expect(ledger.find(subscriber, stream)).toBe(-1)
      const row = ledger.add(subscriber, stream, -i, i)
      ledger.arrive(row, i, i % 3)
      return row
    })
    expect(ledger.size).toBe(5000)
    for (const [i, { subscriber, stream }] of pairs.entries()) {
      const row = ledger.find(subscriber, stream)
      expect(row).toBe(rows[i])
      expect(ledger.labelOf(row)).toBe(-i | 0)
      expect(ledger.maskOf(row)).toBe(i)
      expect(ledger.has(row, i)).toBe(true)
      expect(ledger.arrive(row, i, i % 3)).toBe(ARRIVAL.duplicate)
      expect(missing(ledger, row, i, i + 2)).toEqual([i + 1])
    }
  })

  it('says so when a pair has more gaps than can be kept, and then never forgets an arrival of the newer ones', () => {
    const { ledger, row } = arrivals([])
    const GAPS = 65_536
    for (let seq = 0; seq <= 2 * GAPS; seq += 2) ledger.arrive(row, seq, 0)
    expect(ledger.truncated).toBe(0)
    ledger.arrive(row, 2 * GAPS + 2, 0)
    expect(ledger.truncated).toBe(1)
    expect(ledger.arrive(row, 2 * GAPS, 0)).toBe(ARRIVAL.duplicate)
    expect(ledger.has(row, 2 * GAPS + 1)).toBe(false)
  })
})

describe('the ledger of shared subscriptions', () => {
  it('agrees with a set, for any shares, streams and numbers', () => {
    const arrival = fc.record({ share: fc.nat(2), stream: fc.nat(2), seq: fc.oneof(fc.nat(70), fc.nat(5000)) })
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 80 }), (all) => {
        const ledger = new SharedLedger()
        const seen = new Set<string>()
        for (const { share, stream, seq } of all) {
          const name = `${share} ${stream} ${seq}`
          expect(ledger.arrive(share, stream, seq)).toBe(!seen.has(name))
          seen.add(name)
        }
        for (const { stream, seq } of all)
          for (const share of [0, 1, 2]) {
            expect(isSet(ledger.bitmapsOf(share).get(stream), seq)).toBe(seen.has(`${share} ${stream} ${seq}`))
            expect(isSet(ledger.bitmapsOf(share).get(stream), seq + 1)).toBe(seen.has(`${share} ${stream} ${seq + 1}`))
          }
      }),
    )
  })

  it('has nothing of a share that nothing arrived of', () => {
    expect(new SharedLedger().bitmapsOf(3).size).toBe(0)
    expect(isSet(undefined, 0)).toBe(false)
  })
})
