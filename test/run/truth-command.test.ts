import hdrHistogram from 'hdr-histogram-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/types.ts'
import type { Delivery } from '../helpers/lies.ts'
import { type LyingBroker, startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, headerOf, indexOf, runScenario } from '../helpers/run.ts'

/**
 * Commands to single clients and their replies, on a broker that lies about both: the report has to say exactly what it did.
 *
 * 2 controllers × 60 commands to 11 machines; a gateway with 5 streams × 8 messages; a watcher that sees all of it.
 */
const MACHINES = 11
const MESSAGES = 60
const COMMANDS = 2 * MESSAGES

const scenario = (version: string, pick: string) => `
name: commands
settle: 100ms
groups:
  controllers:
    clients: 2
    version: ${version}
    publish:
      - name: command
        topic: "cmd/{client}/{from}"
        to: machines
        pick: ${pick}
        every: 20ms
        times: ${MESSAGES}
        qos: 1
        request: { response: "resp/{from}", timeout: 800ms }
  machines:
    clients: ${MACHINES}
    version: ${version}
    subscribe: [{ filter: "cmd/{client}/#", qos: 1, reply: { after: 30ms, qos: 1, payload: { bytes: 32 } } }]
  gateways:
    version: ${version}
    publish: [{ name: reading, topic: "gate/{machine}", each: { machine: 5 }, every: 150ms, times: 8, qos: 0 }]
  watcher:
    version: ${version}
    subscribe: [{ filter: "#", qos: 1 }]
phases: { warmUp: 0s, measure: 2s, drain: 4s }
thresholds: ["clients.failed == 0"]
`

const isReply = ({ topic }: Delivery) => topic.startsWith('resp/')
const isTo = (group: string, { subscriber }: Delivery) => subscriber.split('-')[1] === group

describe.each([
  ['3.1.1', 'inTurn', 1],
  ['3.1.1', 'shuffled', 2],
  ['5', 'inTurn', 1],
  ['5', '{ zipf: 1.1 }', 7],
])('commands with version %s, %s, and %i workers', (version, pick, workers) => {
  let broker: LyingBroker
  let report: Report
  let droppedCommands = 0
  let lateReplies = 0
  const received: Delivery[] = []

  beforeAll(async () => {
    broker = await startLyingBroker({
      lie: {
        // One command of six doesn't reach its machine; of the replies, one of five is lost on its way, another comes too late.
        drop: (d) => {
          if (isTo('machines', d) && headerOf(d.payload).seq % 6 === 2) {
            droppedCommands++
            return true
          }
          if (isTo('machines', d)) received.push(d)
          return isReply(d) && isTo('controllers', d) && headerOf(d.payload).seq % 5 === 3
        },
        duplicate: (d) => isReply(d) && isTo('controllers', d) && headerOf(d.payload).seq % 5 === 1,
        delay: (d) => {
          if (!isReply(d) || !isTo('controllers', d) || headerOf(d.payload).seq % 10 !== 4) return 0
          lateReplies++
          return 900
        },
      },
    })
    report = (await runScenario(scenario(version, pick), [broker.url], { workers })).report
  }, 30_000)
  afterAll(() => broker.close())

  const seqs = Array.from({ length: MESSAGES }, (_, seq) => seq)
  const answered = seqs.filter((seq) => seq % 6 !== 2 && seq % 5 !== 3 && seq % 10 !== 4).length

  it('owes each command to one machine, and loses those that were dropped', () => {
    expect(droppedCommands).toBe(2 * seqs.filter((seq) => seq % 6 === 2).length)
    expect(counted(report.groups.machines!.deliveries!)).toEqual({
      owed: COMMANDS,
      received: COMMANDS - droppedCommands,
      lost: droppedCommands,
    })
  })

  it('sends each command on the topic of the machine that gets it, with the sender in it', () => {
    expect(received.length).toBe(COMMANDS - droppedCommands)
    for (const d of received) expect(d.topic).toBe(`cmd/${indexOf(d.subscriber)}/${d.clientId}`)
    const machines = new Set(received.map((d) => d.subscriber))
    if (pick !== '{ zipf: 1.1 }') expect(machines.size).toBe(MACHINES)
  })

  it('takes a reply that is missing or late as infinitely late, and each request once', () => {
    const { roundTripUs } = report.streams.command!
    expect(lateReplies).toBeGreaterThan(0)
    expect(roundTripUs!.count).toBe(COMMANDS)
    expect(roundTripUs!.max).toBeNull()
    // The quantiles say how many came: the last finite one is the answered share.
    expect(arrivedOf(roundTripUs!.hdr!)).toBe(2 * answered)
    expect(roundTripUs!.min).toBeGreaterThanOrEqual(30_000)
    expect(report.roundTripUs).toEqual(roundTripUs)
    expect(report.groups.controllers!.roundTripUs).toEqual(roundTripUs)
  })

  it('has every message at the watcher, streams of each among them, and replies nowhere in the ledger', () => {
    const readings = 5 * 8
    expect(counted(report.groups.watcher!.deliveries!)).toEqual({ owed: COMMANDS + readings, received: COMMANDS + readings })
    expect(report.streams.reading!.publishes).toMatchObject({ planned: readings, sent: readings })
    expect(report.deliveries).toMatchObject({ unexpected: 0, duplicated: 0, reordered: 0 })
    expect(report.groups.controllers!.deliveries).toBeUndefined()
  })

  it('plans a subscription of its own for the replies', () => {
    expect(report.groups.controllers!.subscriptions).toEqual({ planned: 2, granted: 2, refused: 0 })
  })
})

it('a reply that was not acknowledged is sent again when its session goes on, and counts once', async () => {
  const closed = new Set<string>()
  const broker = await startLyingBroker({
    lie: {
      // The first reply of each machine gets lost together with its connection's answers.
      closeAfter: (m) => (m.topic.startsWith('resp/') && !closed.has(m.clientId) && closed.add(m.clientId) ? 'reset' : null),
    },
  })
  try {
    const text = scenario('3.1.1', 'inTurn').replace(
      `clients: ${MACHINES}`,
      `clients: ${MACHINES}\n    cleanSession: false\n    reconnect: { backoff: fixed, first: 20ms }`,
    )
    const { report } = await runScenario(text, [broker.url])
    expect(closed.size).toBe(MACHINES)
    expect(broker.counts.publishedAgain).toBe(MACHINES)
    expect(report.clients.reconnected).toBe(MACHINES)
    expect(arrivedOf(report.roundTripUs.hdr!)).toBe(COMMANDS)
    expect(report.roundTripUs.count).toBe(COMMANDS)
    expect(report.deliveries).toMatchObject({ lost: 0, unexpected: 0, duplicated: 0 })
  } finally {
    await broker.close()
  }
}, 20_000)

/** How many values a summary's histogram holds. */
function arrivedOf(text: string): number {
  return hdrHistogram.decodeFromCompressedBase64(text).totalCount
}
