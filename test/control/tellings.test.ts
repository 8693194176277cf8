import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { encode, partsOf } from '../../src/control/parcel.ts'
import type { Report } from '../../src/control/protocol.ts'
import { Tellings } from '../../src/control/tellings.ts'
import { Air } from './air.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  // After what a test leaves to be ended.
  onTestFinished(() => void vi.useRealTimers())
})

const gone = (why: string): Report => ({ type: 'gone', why })
const NOW = new Date().toISOString()
const LONG_AGO = new Date(Date.now() - 2 * 3600e3).toISOString()

interface Stream {
  readonly name: string
  readonly created: string
  readonly messages: number
}

/** What JetStream says of streams. Consumers can't be had: what comes in is the test's to hand over. */
async function start(streams: readonly Stream[] = []) {
  const air = new Air()
  const asked: string[] = []
  const deleted: string[] = []
  air.serve('$JS.API.*', ({ subject, data }) => {
    const words = subject.slice('$JS.API.'.length)
    asked.push(words)
    if (words.startsWith('STREAM.DELETE.')) {
      deleted.push(words.slice('STREAM.DELETE.'.length))
      return { success: true }
    }
    if (words === 'STREAM.LIST') {
      const found = streams.map(({ name, created, messages }) => ({ config: { name }, created, state: { messages } }))
      return { type: 'io.nats.jetstream.api.v1.stream_list_response', total: found.length, offset: 0, limit: 256, streams: found }
    }
    if (words.startsWith('CONSUMER.')) return { error: { code: 503, err_code: 10_008, description: 'away' } }
    if (words.startsWith('STREAM.CREATE.'))
      return { config: JSON.parse(new TextDecoder().decode(data)), created: NOW, state: { messages: 0 } }
    return { memory: 0 }
  })
  const reports: [agent: string, report: Report][] = []
  const gaps: string[] = []
  const tellings = await Tellings.create(air.connect(), 'abcdef', {
    onReport: (agent, report) => reports.push([agent, report]),
    onGap: (agent) => gaps.push(agent),
  })
  const end = async () => {
    const ended = tellings.end()
    await vi.advanceTimersByTimeAsync(1000)
    await ended
  }
  onTestFinished(end)
  const inside = tellings as unknown as { take(message: { seq: number; subject: string; data: Uint8Array }): void }
  let seq = 0
  /** Parts as an agent sends them, in the stream's order; the server numbers them. */
  const hand = (agent: string, ...parts: readonly Uint8Array[]) => {
    for (const data of parts) inside.take({ seq: ++seq, subject: `ms.tell.abcdef.${agent}`, data })
  }
  const again = (from: number, agent: string, part: Uint8Array) =>
    inside.take({ seq: from, subject: `ms.tell.abcdef.${agent}`, data: part })
  return { reports, gaps, deleted, asked, hand, again, end }
}

const partsOfReport = (report: Report, number: number) => partsOf(encode(report), number, 4096 + 20)

describe('the stream of a run', () => {
  test('is made, and taken away at the end', async () => {
    const { asked, deleted, end } = await start()
    expect(asked).toContain('STREAM.CREATE.MS_abcdef')
    expect(deleted).toEqual([])
    await end()
    expect(deleted).toEqual(['MS_abcdef'])
  })

  test('sweeps those of runs that nobody ends any more, and no other', async () => {
    const { deleted } = await start([
      { name: 'MS_aaaaaa', created: LONG_AGO, messages: 0 },
      { name: 'MS_bbbbbb', created: LONG_AGO, messages: 7 },
      { name: 'MS_cccccc', created: NOW, messages: 0 },
      { name: 'ORDERS', created: LONG_AGO, messages: 0 },
      { name: 'MS_accounts', created: LONG_AGO, messages: 0 },
      { name: 'KV_MS_RUNS', created: LONG_AGO, messages: 0 },
    ])
    expect(deleted).toEqual(['MS_aaaaaa'])
  })
})

describe('what agents tell', () => {
  test('is put together for each of them, though parts of several come in turn', async () => {
    const { hand, reports, gaps } = await start()
    const [a, b] = [partsOfReport(gone('of agent a, in parts'), 0), partsOfReport(gone('of agent b, in parts'), 0)]
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      hand('a', ...a.slice(i, i + 1))
      hand('b', ...b.slice(i, i + 1))
    }
    expect(reports).toEqual([
      ['a', gone('of agent a, in parts')],
      ['b', gone('of agent b, in parts')],
    ])
    expect(gaps).toEqual([])
  })

  test('counts once, whether the stream has it twice or is read twice', async () => {
    const { hand, again, reports, gaps } = await start()
    const [first, second] = [0, 1].map((number) => partsOf(encode(gone(`${number}`)), number, 1e6)[0]!)
    hand('a', first!, first!, second!, first!)
    again(2, 'a', partsOf(encode(gone('never')), 2, 1e6)[0]!)
    expect(reports.map(([, report]) => report)).toEqual([gone('0'), gone('1')])
    expect(gaps).toEqual([])
  })

  test('has a gap where a number is missing, told before what follows, and once', async () => {
    const { hand, reports, gaps } = await start()
    const [first, , third, fourth] = [0, 1, 2, 3].map((number) => partsOf(encode(gone(`${number}`)), number, 1e6)[0]!)
    hand('a', first!)
    expect(gaps).toEqual([])
    hand('a', third!, fourth!)
    expect(gaps).toEqual(['a'])
    hand('b', third!)
    expect(gaps).toEqual(['a', 'b'])
    expect(reports.map(([, report]) => report)).toEqual([gone('0'), gone('2'), gone('3'), gone('2')])
  })

  test('has a gap where a part is missing: of that message nothing can be known', async () => {
    const { hand, reports, gaps } = await start()
    const broken = partsOfReport(gone('x'.repeat(60)), 0)
    expect(broken.length).toBeGreaterThan(2)
    hand('a', broken[0]!, ...broken.slice(2), partsOf(encode(gone('1')), 1, 1e6)[0]!)
    expect(gaps).toEqual(['a'])
    expect(reports).toEqual([['a', gone('1')]])
  })
})
