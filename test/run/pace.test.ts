import { describe, expect, test } from 'vitest'
import { isSteady, normalOf, type Second } from '../../src/run/pace.ts'

const PLAIN = { sent: 100, dropped: 0, received: 300, backlog: 0, connected: 50, missing: 0, connectedByNode: [50] }

/** Seconds from 0 on, each with what is different about it. */
function seconds(...rows: readonly Partial<Second>[]): Second[] {
  return rows.map((row, i) => ({ fromUs: i * 1e6, toUs: (i + 1) * 1e6, ...PLAIN, ...row }))
}

const many = (count: number, row: Partial<Second> = {}): Partial<Second>[] => Array.from({ length: count }, () => row)

describe('what is normal', () => {
  test.each([
    { of: 'all of a long calm', rows: [...many(20, { received: 0 }), ...many(5, { received: 200 }), ...many(15)], fromS: 20, ratio: 2.75 },
    { of: 'the seconds before it too, where it is short', rows: [...many(35, { received: 0 }), ...many(5)], fromS: 35, ratio: 1.5 },
    {
      of: 'none of those in which nothing was published yet',
      rows: [...many(38, { received: 0 }), ...many(2)],
      originS: 38,
      fromS: 39,
      ratio: 3,
    },
    { of: 'none behind it', rows: [...many(30), ...many(20, { received: 0 })], fromS: 0, toS: 30, ratio: 3 },
  ])('is taken from $of', ({ rows, originS = 0, fromS, toS = 40, ratio }) => {
    const normal = normalOf(seconds(...rows), { originUs: originS * 1e6, fromUs: fromS * 1e6, toUs: toS * 1e6, connected: 50 })
    expect(normal.receivedRatio).toBeCloseTo(ratio)
  })

  test('is how many are connected, where nothing was published yet', () => {
    const rows = seconds(...[10, 20, 50].map((connected) => ({ connected, sent: 0, received: 0 })))
    const known = { receivedRatio: null, sentRatio: null, connected: 35, leastConnected: 35, backlog: 0, missing: 0 }
    // Churn takes 15 of them away as soon as publishing begins.
    expect(normalOf(rows, { originUs: 3e6, fromUs: 3e6, toUs: 3.05e6, connected: 35 })).toEqual(known)
    expect(normalOf([], { originUs: 0, fromUs: 0, toUs: 1e6, connected: 35 })).toEqual(known)
  })

  test.each([
    { from: 'before it', rows: [{ received: 900 }, { received: 600 }, ...many(9)], ratio: 3 },
    { from: 'before it, and some is lacking later on', rows: [{ received: 450 }, ...many(9), { received: 210 }], ratio: 2.9 },
    { from: 'its own first seconds', rows: [...many(2, { received: 0 }), { received: 900 }, ...many(9)], ratio: 3 },
    { from: 'its only messages', rows: [{ received: 300 }, ...many(11, { sent: 0, received: 0 })], ratio: 3 },
    {
      from: 'its first messages, as the last are on their way',
      rows: [{ received: 300 }, ...many(10, { sent: 0, received: 0 }), { received: 0 }],
      ratio: 1.5,
    },
    { from: 'before it, in a time too short to tell', rows: [{ received: 600 }, ...many(4)], ratio: 3.6 },
  ])('has no more received than came due in it: what is late is from $from', ({ rows, ratio }) => {
    const calm = { originUs: 0, fromUs: 0, toUs: rows.length * 1e6, connected: 50 }
    expect(normalOf(seconds(...rows), calm).receivedRatio).toBeCloseTo(ratio)
  })

  test('has no more sent than comes due', () => {
    const rows = seconds({ sent: 60, backlog: 40 }, { sent: 140 }, ...many(11))
    expect(normalOf(rows, { originUs: 1e6, fromUs: 1e6, toUs: 13e6, connected: 50 }).sentRatio).toBe(1)
    expect(normalOf(rows.slice(0, 1), { originUs: 0, fromUs: 0, toUs: 1e6, connected: 50 }).sentRatio).toBeCloseTo(0.6)
  })

  test('is the most that waited, and the most and the fewest clients', () => {
    const rows = seconds({ backlog: 7, sent: 93 }, { connected: 40, missing: 3, sent: 107 }, { connected: 60 })
    const normal = normalOf(rows, { originUs: 0, fromUs: 0, toUs: 3e6, connected: 0 })
    expect(normal).toEqual({ receivedRatio: 3, sentRatio: 1, connected: 50, leastConnected: 40, backlog: 7, missing: 3 })
  })
})

describe('ten seconds are as good as normal', () => {
  const NORMAL = { receivedRatio: 3, sentRatio: 1, connected: 50, leastConnected: 50, backlog: 0, missing: 0 }

  test.each([
    { why: 'all is as before', rows: many(10), isGood: true },
    { why: 'a hundredth is lacking', rows: [...many(9), { received: 270 }], isGood: true },
    { why: 'a little more is lacking', rows: [...many(9), { received: 269 }], isGood: false },
    { why: 'one second makes up for another', rows: [{ received: 0 }, { received: 600 }, ...many(8)], isGood: true },
    { why: 'somebody is missing', rows: [{ missing: 1 }, ...many(9)], isGood: false },
    { why: 'less comes due, and less arrives', rows: many(10, { sent: 50, received: 150 }), isGood: true },
    { why: 'more comes due, and as much arrives', rows: many(10, { sent: 110 }), isGood: false },
    { why: 'as much comes due, and some is dropped', rows: many(10, { sent: 90, dropped: 10, received: 270 }), isGood: false },
    { why: 'a message waits that came due just now', rows: [...many(9), { sent: 99, backlog: 1 }], isGood: true },
    { why: 'two messages wait', rows: [...many(9), { sent: 98, backlog: 2 }], isGood: false },
    { why: 'many wait, as before', rows: many(10, { backlog: 20 }), normal: { backlog: 20 }, first: { backlog: 20 }, isGood: true },
    {
      why: 'messages had waited when they began',
      rows: [{ sent: 120, received: 360 }, ...many(9)],
      first: { backlog: 20, sent: 80 },
      isGood: false,
    },
    {
      why: 'what had waited goes out, as ever',
      rows: [{ sent: 120 }, ...many(9)],
      normal: { backlog: 20 },
      first: { backlog: 20 },
      isGood: true,
    },
    { why: 'one of a few messages is on its way', rows: [...many(9, { sent: 2, received: 6 }), { sent: 2, received: 3 }], isGood: true },
    { why: 'two of a few messages are lacking', rows: [...many(9, { sent: 2, received: 6 }), { sent: 2, received: 0 }], isGood: false },
    {
      why: 'one message came due, and everybody is there',
      rows: [{ sent: 1, received: 0 }, ...many(9, { sent: 0, received: 0 })],
      isGood: true,
    },
    {
      why: 'one message came due, and somebody is not there',
      rows: [{ sent: 1, received: 3 }, ...many(9, { sent: 0, received: 0 })].map((row) => ({ ...row, connected: 49 })),
      isGood: false,
    },
    {
      why: 'nothing was received before, and as much is sent',
      rows: many(10, { received: 0 }),
      normal: { receivedRatio: null },
      isGood: true,
    },
    {
      why: 'nothing was received before, and less is sent',
      rows: many(10, { received: 0, sent: 98, dropped: 2 }),
      normal: { receivedRatio: null },
      isGood: false,
    },
    {
      why: 'nothing was sent before, and fewer are there',
      rows: many(10, { connected: 49 }),
      normal: { receivedRatio: null, sentRatio: null },
      isGood: false,
    },
    {
      why: 'nothing came due before, and all is sent now',
      rows: many(10, { received: 0 }),
      normal: { receivedRatio: null, sentRatio: null },
      isGood: true,
    },
    {
      why: 'nothing came due before, and not all is sent now',
      rows: many(10, { sent: 98, dropped: 2 }),
      normal: { receivedRatio: null, sentRatio: null },
      isGood: false,
    },
    {
      why: 'nothing of it was sent before, and everybody is there',
      rows: many(10, { sent: 0, dropped: 100, received: 0 }),
      normal: { receivedRatio: null, sentRatio: 0 },
      isGood: true,
    },
    {
      why: 'nothing of it was sent before, and fewer are there',
      rows: many(10, { connected: 49 }),
      normal: { receivedRatio: null, sentRatio: 0 },
      isGood: false,
    },
  ])('$why: $isGood', ({ rows, normal = {}, first = {}, isGood }) => {
    expect(isSteady(seconds(first, ...rows), 1, { ...NORMAL, ...normal })).toBe(isGood)
  })
})
