import { generate } from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import type { Lies } from '../helpers/lies.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { groupOf, headerOf, runScenario } from '../helpers/run.ts'

/** What is retained at the end of a run, as a new subscriber sees it, from brokers that keep it and brokers that lie about it. */

const MESSAGES = 10
const CLIENTS = 20

const scenario = (changes: { version?: string; publish?: string; others?: string; thresholds?: string; clean?: boolean } = {}) => `
name: retained
settle: 100ms
groups:
  devices:
    clients: ${CLIENTS}
    version: ${changes.version ?? '5'}
    publish:
      - ${changes.publish ?? `{ topic: "state/{client}", every: 50ms, times: ${MESSAGES}, qos: 1, retain: true, payload: { bytes: 64 } }`}
  listeners: { subscribe: [{ filter: "state/#", qos: 1 }] }
${changes.others ?? ''}
phases: { warmUp: 0s, measure: 600ms, drain: 3s, cleanUp: ${changes.clean ?? true} }
thresholds: [${changes.thresholds ?? ''}]
`

/** The visitor, and nobody else. */
const isVisitor = (clientId: string) => clientId.startsWith('mqtt-scale-probe-')
const indexOf = (topic: string) => Number(topic.split('/')[1])

async function runOn(lie: Lies, text: string, workers = 1) {
  const broker = await startLyingBroker({ lie })
  const { report, exitCode } = await runScenario(text, [broker.url], { workers })
  await broker.close()
  return { report, exitCode, broker, retained: Object.values(report.nodes)[0]!.retained }
}

const allOf = (checked: number) => ({ checked, current: checked, stale: 0, missing: 0, doubled: 0 })

// Nearly all of their time is waiting for the visitor.
describe.concurrent('retained messages', () => {
  it.each([1, 3])('are all there, and the last ones, with %i workers; and the visitor leaves nothing', async (workers) => {
    const { retained, broker, report } = await runOn({}, scenario(), workers)
    expect(retained).toEqual(allOf(CLIENTS))
    expect(report.deliveries).toMatchObject({ owed: CLIENTS * MESSAGES, lost: 0, excused: 0, unexpected: 0 })
    expect(broker.connects.filter(({ clientId }) => isVisitor(clientId))).toMatchObject([{ clean: true, protocolVersion: 5 }])
    expect(broker.sessions()).toEqual([])
    expect(broker.retained()).toEqual([])
    expect(broker.counts).toMatchObject({ malformed: 0, retainedSent: CLIENTS })
  })

  it.each([
    { why: 'the first one is kept', lie: () => true },
    { why: 'the last one does not take its place', lie: ({ payload }: { payload: Buffer }) => headerOf(payload).seq === MESSAGES - 1 },
  ])('are stale where $why', async ({ lie }) => {
    const { retained, report, exitCode } = await runOn(
      { staleRetained: (m) => indexOf(m.topic) % 4 === 1 && lie(m) },
      scenario({ thresholds: '"nodes.node-1.retained.stale == 0", "nodes.node-1.retained.checked == 20"' }),
    )
    const stale = CLIENTS / 4
    expect(retained).toEqual({ checked: CLIENTS, current: CLIENTS - stale, stale, missing: 0, doubled: 0 })
    // Everybody who was there had everything live: nothing else shows it.
    expect(report.deliveries).toMatchObject({ owed: CLIENTS * MESSAGES, lost: 0 })
    expect(exitCode).toBe(3)
    expect(report.reasons).toEqual(['nodes.node-1.retained.stale == 0 does not hold: 5'])
  })

  it('are missing where they do not come, and doubled where they come twice', async () => {
    const { retained } = await runOn(
      {
        drop: (d) => isVisitor(d.subscriber) && indexOf(d.topic) % 5 === 2,
        duplicate: (d) => isVisitor(d.subscriber) && indexOf(d.topic) % 10 === 3,
      },
      scenario(),
    )
    expect(retained).toEqual({ checked: CLIENTS, current: 16, stale: 0, missing: 4, doubled: 2 })
  })

  it('are none of what somebody publishes meanwhile', async () => {
    const live = (topic: string) =>
      generate({ cmd: 'publish', topic, payload: 'live', qos: 0, retain: false, dup: false }, { protocolVersion: 5 })
    const { retained, broker } = await runOn({ inject: (d) => (isVisitor(d.subscriber) ? live(d.topic) : null) }, scenario())
    expect(broker.counts.injected).toBe(CLIENTS)
    expect(retained).toEqual(allOf(CLIENTS))
  })

  it('are not looked for where a subscription is refused', async () => {
    const { retained } = await runOn(
      { subackCode: (clientId, filter) => (isVisitor(clientId) && indexOf(filter) < 5 ? 0x87 : null) },
      scenario(),
    )
    expect(retained).toEqual(allOf(CLIENTS - 5))
  })

  it('of a node that takes no visitor are not known: no threshold on them holds', async () => {
    const { retained, report } = await runOn(
      { refuseConnect: (clientId) => (isVisitor(clientId) ? 0x87 : null) },
      scenario({ thresholds: '"nodes.node-1.retained.stale == 0"' }),
    )
    expect(retained).toEqual(allOf(0))
    expect(report.thresholds).toEqual([{ expression: 'nodes.node-1.retained.stale == 0', actual: null, ok: false, note: 'no samples' }])
  })

  it('are those of each node: of two that are no cluster, one has nothing', async () => {
    const brokers = [await startLyingBroker(), await startLyingBroker()]
    const text = scenario().replace('    clients:', '    placement: [node-2]\n    clients:')
    const { report } = await runScenario(
      text,
      brokers.map(({ url }) => url),
    )
    for (const broker of brokers) await broker.close()
    expect(Object.values(report.nodes).map(({ retained }) => retained)).toEqual([
      { checked: CLIENTS, current: 0, stale: 0, missing: CLIENTS, doubled: 0 },
      allOf(CLIENTS),
    ])
  })

  it('stay without cleanUp, and are looked at all the same', async () => {
    const { retained, broker } = await runOn({}, scenario({ clean: false }))
    expect(retained).toEqual(allOf(CLIENTS))
    expect(broker.retained()).toHaveLength(CLIENTS)
  })

  it('are nobody’s business where nothing is retained', async () => {
    const { retained, broker } = await runOn({}, scenario({ publish: '{ topic: "state/{client}", every: 50ms, payload: { bytes: 64 } }' }))
    expect(retained).toBeUndefined()
    expect(broker.connects.filter(({ clientId }) => isVisitor(clientId))).toEqual([])
  })

  const entry = (rest: string) => `{ every: 50ms, times: ${MESSAGES}, qos: 1, retain: true, ${rest} }`
  it.each([
    { what: 'JSON', publish: entry('topic: "state/{client}", payload: { json: { on: true } }'), current: 10, stale: 10 },
    { what: 'a compact header', publish: entry('topic: "state/{client}", payload: { bytes: 16 }'), current: 10, stale: 10 },
    { what: 'a user property', publish: entry('topic: "state/{client}", payload: { text: "on" }'), current: 10, stale: 10 },
    { what: 'one topic for all', publish: entry('topic: state/1, payload: { bytes: 64 }'), current: 0, stale: 1 },
    {
      what: 'a topic for each value',
      publish: entry('topic: "state/{client}/{slot}", each: { slot: 3 }, payload: { bytes: 64 }'),
      current: 30,
      stale: 30,
    },
    {
      // Three messages from each client to each.
      what: 'the clients of a group',
      publish:
        '{ every: 10ms, times: 60, qos: 1, retain: true, topic: "state/{client}", to: devices, pick: shuffled, payload: { bytes: 64 } }',
      current: 10,
      stale: 10,
    },
  ])('are known by their headers: $what', async ({ publish, current, stale }) => {
    const { retained } = await runOn({ staleRetained: (m) => indexOf(m.topic) % 2 === 1 }, scenario({ publish }))
    expect(retained).toEqual({ checked: current + stale, current, stale, missing: 0, doubled: 0 })
  })

  it.each([
    { what: 'without a header', changes: { version: '3.1.1', publish: entry('topic: "state/{client}", payload: { text: "on" }') } },
    {
      what: 'on the topic of a retained will',
      changes: { others: '  risky: { will: { topic: "state/{client}", payload: { text: gone }, retain: true } }' },
    },
  ])('$what are there or not', async ({ changes }) => {
    const { retained } = await runOn(
      { staleRetained: () => true, drop: (d) => isVisitor(d.subscriber) && indexOf(d.topic) % 5 === 2 },
      scenario(changes),
    )
    expect(retained).toEqual({ checked: CLIENTS, current: 16, stale: 0, missing: 4, doubled: 0 })
  })

  it('that were refused, or never acknowledged, are not owed', async () => {
    const seqOf = (m: { payload: Buffer }) => (m.payload.length > 0 ? headerOf(m.payload).seq : -1)
    const isDevice = (m: { clientId: string }) => groupOf(m.clientId) === 'devices'
    const { retained } = await runOn(
      {
        refusePublish: (m) => (isDevice(m) && indexOf(m.topic) < 5 && seqOf(m) >= 6 ? 0x97 : null),
        // Taken or not: both is right.
        staleRetained: (m) => indexOf(m.topic) >= 10 && seqOf(m) >= 8 && indexOf(m.topic) % 2 === 0,
        noAck: (m) => isDevice(m) && indexOf(m.topic) >= 10 && seqOf(m) >= 8,
      },
      scenario(),
    )
    expect(retained).toEqual(allOf(CLIENTS))
  })

  it('of an earlier run are stale', async () => {
    let isSecond = false
    const broker = await startLyingBroker({ lie: { staleRetained: () => isSecond } })
    await runScenario(scenario({ clean: false }), [broker.url])
    isSecond = true
    const { report } = await runScenario(scenario(), [broker.url])
    await broker.close()
    expect(report.nodes['node-1']!.retained).toEqual({ ...allOf(CLIENTS), current: 0, stale: CLIENTS })
  })
})
