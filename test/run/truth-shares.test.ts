import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LyingBroker, startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, type Finished, groupOf, headerOf, runScenario } from '../helpers/run.ts'

/**
 * Shared subscriptions and overlapping filters, for any number of workers: members of one share sit in several workers, none of which
 * sees enough to say what is lost.
 */
const PUBLISHERS = 5
const MESSAGES = 40
const WANTED = 2 * PUBLISHERS * MESSAGES

const every = (n: number, at: number) =>
  2 * PUBLISHERS * Array.from({ length: MESSAGES }, (_, seq) => seq).filter((seq) => seq % n === at).length

const scenario = `
name: shares
seed: 11
settle: 100ms
groups:
  publishers:
    clients: ${PUBLISHERS}
    version: 5
    publish:
      - { name: q0, topic: "t/{client}/0", every: 25ms, times: ${MESSAGES}, qos: 0, payload: { bytes: 64 } }
      - { name: q1, topic: "t/{client}/1", every: 25ms, times: ${MESSAGES}, qos: 1, payload: { bytes: 64 } }
  plain: { clients: 3, version: 5, subscribe: [{ filter: "t/#", qos: 1 }] }
  doubled: { clients: 3, version: 5, subscribe: [{ filter: "$share/a/t/#", qos: 1 }] }
  lossy: { clients: 4, version: 5, subscribe: [{ filter: "$share/b/t/#", qos: 1 }] }
  few: { clients: 1, version: 5, subscribe: [{ filter: "$share/c/t/#", qos: 1 }] }
  more: { clients: 2, version: 5, subscribe: [{ filter: "$share/c/t/#", qos: 1 }] }
  both: { clients: 2, version: 5, subscribe: [{ filter: "t/#", qos: 1 }, { filter: "$share/d/t/#", qos: 1 }] }
  overlapping: { clients: 2, version: 5, subscribe: [{ filter: "t/#", qos: 1 }, { filter: "t/+/1", qos: 1 }] }
phases: { warmUp: 0s, measure: 1200ms, drain: 3s }
`

describe.each([1, 2, 3])('shared subscriptions and overlapping filters, with %i workers', (workers) => {
  let broker: LyingBroker
  let finished: Finished

  beforeAll(async () => {
    const seqOf = (d: { payload: Buffer }) => headerOf(d.payload).seq
    broker = await startLyingBroker({
      lie: {
        duplicate: (d) => {
          if (groupOf(d.subscriber) === 'doubled') return seqOf(d) % 8 === 1
          // One copy for each filter is allowed: t/+/1 adds one, for that stream only.
          return groupOf(d.subscriber) === 'overlapping' && d.topic.endsWith('/1') ? (seqOf(d) % 10 === 5 ? 2 : 1) : 0
        },
        drop: (d) => groupOf(d.subscriber) === 'lossy' && seqOf(d) % 10 === 3,
      },
    })
    finished = await runScenario(scenario, [broker.url], { workers })
  })
  afterAll(() => broker.close())

  const deliveries = (...groups: string[]) => {
    const sums: Record<string, number> = {}
    for (const group of groups)
      for (const [name, count] of Object.entries(counted(finished.report.groups[group]!.deliveries!)))
        sums[name] = (sums[name] ?? 0) + count
    return sums
  }

  it('each share is owed every message once, to any one member', () => {
    expect(deliveries('few', 'more')).toEqual({ owed: WANTED, received: WANTED })
    expect(deliveries('plain')).toEqual({ owed: 3 * WANTED, received: 3 * WANTED })
  })

  it('a client with a plain and a shared subscription is owed by both', () => {
    expect(deliveries('both')).toEqual({ owed: 3 * WANTED, received: 3 * WANTED })
  })

  it('a message that comes twice is duplicated', () => {
    expect(deliveries('doubled')).toEqual({ owed: WANTED, received: WANTED, duplicated: every(8, 1) })
  })

  it('a message that comes to no member is lost', () => {
    expect(deliveries('lossy')).toEqual({ owed: WANTED, received: WANTED - every(10, 3), lost: every(10, 3) })
  })

  it('further copies for overlapping filters are excused, and those beyond them are duplicated', () => {
    const copies = 2 * (WANTED / 2)
    expect(deliveries('overlapping')).toEqual({ owed: 2 * WANTED, received: 2 * WANTED, excused: copies, duplicated: every(10, 5) })
  })

  it('says of each share how its messages were spread over all its members', () => {
    const shares = (group: string) => finished.report.groups[group]!.shares
    const even = { filter: '$share/c/t/#', members: 3, received: WANTED, least: expect.any(Number), most: expect.any(Number) }
    expect(shares('few')).toEqual([{ ...even, fairness: 1 }])
    expect(shares('more')).toEqual(shares('few'))
    // In turn: no member is more than one message ahead.
    const [few] = shares('few')!
    expect([few!.least, few!.most]).toEqual([Math.floor(WANTED / 3), Math.ceil(WANTED / 3)])
    expect(shares('doubled')).toMatchObject([{ filter: '$share/a/t/#', members: 3, received: WANTED + every(8, 1) }])
    expect(shares('lossy')).toMatchObject([{ members: 4, received: WANTED - every(10, 3) }])
    expect(shares('plain')).toBeUndefined()
  })

  it('latencies are of what is owed, and of no copy', () => {
    const { endToEndUs } = finished.report.groups.doubled!
    expect(endToEndUs!.count).toBe(WANTED)
    expect(endToEndUs!.max).toBeGreaterThan(0)
    expect(finished.report.endToEndUs).toMatchObject({ count: (3 + 1 + 1 + 1 + 3 + 2) * WANTED, max: null })
    expect(finished.report.generator.workers).toBe(workers)
  })
})

describe('a message that two members of one share get', () => {
  it.each([1, 2])('is one delivery and one duplicate, with %i workers', async (workers) => {
    // Every fifth message goes to the member that it was not sent to, too: at QoS 0, past the broker's own share.
    let chosen = ''
    const broker = await startLyingBroker({
      lie: {
        drop: (d) => {
          chosen = d.subscriber
          return false
        },
        misdeliver: (m) =>
          headerOf(m.payload).seq % 5 === 2 ? (broker.sessions().find((id) => groupOf(id) === 'members' && id !== chosen) ?? null) : null,
      },
    })
    const text = `
name: twice
settle: 100ms
groups:
  publisher: { version: 5, publish: [{ topic: t, every: 20ms, times: 50, qos: 1, payload: { bytes: 64 } }] }
  members: { clients: 2, version: 5, subscribe: [{ filter: "$share/a/t", qos: 1 }] }
phases: { warmUp: 0s, measure: 1200ms, drain: 2s }
`
    const { report } = await runScenario(text, [broker.url], { workers })
    await broker.close()
    expect(broker.counts.misdelivered).toBe(10)
    expect(counted(report.deliveries)).toEqual({ owed: 50, received: 50, duplicated: 10 })
    expect(report.endToEndUs.count).toBe(50)
  })
})

describe('a broker that is unfair to the members of a share', () => {
  it.each([1, 2, 3])('loses nothing, and it is said how unfair, with %i workers', async (workers) => {
    const had = new Map<string, number>()
    const broker = await startLyingBroker({
      lie: {
        drop: ({ subscriber }) => {
          had.set(subscriber, (had.get(subscriber) ?? 0) + 1)
          return false
        },
        // Half of the messages go to one member, and each fifth to two.
        favour: (m, members) => (headerOf(m.payload).seq % 2 === 0 ? members.findIndex((id) => id.endsWith('-0')) : null),
        doubledShare: (m) => headerOf(m.payload).seq % 5 === 0,
      },
    })
    const text = `
name: unfair
settle: 100ms
groups:
  publisher: { version: 5, publish: [{ topic: t, every: 10ms, times: 100, qos: 1, payload: { bytes: 64 } }] }
  members: { clients: 3, version: 5, subscribe: [{ filter: "$share/a/t", qos: 1 }, { filter: "$share/none/u" }] }
phases: { warmUp: 0s, measure: 1200ms, drain: 2s }
`
    const { report } = await runScenario(text, [broker.url], { workers })
    await broker.close()
    expect(broker.counts.doubledShares).toBe(20)
    expect(counted(report.deliveries)).toEqual({ owed: 100, received: 100, duplicated: 20 })
    const loads = [...had.values()]
    expect(loads).toHaveLength(3)
    const fairness = 120 ** 2 / (3 * loads.reduce((sum, load) => sum + load ** 2, 0))
    expect(fairness).toBeLessThan(0.9)
    expect(report.groups.members!.shares).toEqual([
      {
        filter: '$share/a/t',
        members: 3,
        received: 120,
        least: Math.min(...loads),
        most: Math.max(...loads),
        fairness: Math.round(fairness * 1000) / 1000,
      },
      { filter: '$share/none/u', members: 3, received: 0, least: 0, most: 0, fairness: null },
    ])
  })
})

describe('a share whose members have all gone', () => {
  it('is owed nothing for that time, and has lost nothing', async () => {
    const broker = await startLyingBroker()
    const text = `
name: gone
settle: 100ms
groups:
  publisher: { version: 5, publish: [{ topic: t, every: 10ms, times: 100, qos: 1, payload: { bytes: 64 } }] }
  members: { clients: 2, version: 5, reconnect: { backoff: fixed, first: 300ms }, subscribe: [{ filter: "$share/a/t", qos: 1 }] }
phases: { warmUp: 0s, measure: 1200ms, drain: 3s }
`
    void broker
      .until((counts) => counts.published >= 30)
      .then(() => {
        for (const id of broker.sessions()) if (groupOf(id) === 'members') broker.kick(id, 'end')
      })
    const { report } = await runScenario(text, [broker.url])
    await broker.close()
    expect(report.clients.reconnected).toBe(2)
    expect(report.deliveries.lost).toBe(0)
    expect(report.deliveries.owed).toBeLessThan(80)
    expect(report.deliveries.owed).toBeGreaterThan(20)
  })
})
