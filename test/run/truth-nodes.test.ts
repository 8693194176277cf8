import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LyingBroker, startLyingBroker } from '../helpers/lying-broker.ts'
import { type Finished, headerOf, indexOf, runScenario } from '../helpers/run.ts'

/**
 * Two nodes that are one broker: what crosses between them is known, and so is what is lost on the way, for any number of workers.
 */
const PAIRS = 20
const MESSAGES = 20

const scenario = `
name: nodes
seed: 5
settle: 100ms
brokers:
  - { name: a, url: "mqtt://h" }
  - { name: b, url: "mqtt://h" }
groups:
  senders:
    clients: ${PAIRS}
    publish: [{ topic: "pair/{client}", every: 50ms, times: ${MESSAGES}, qos: 1, payload: { bytes: 64 } }]
  receivers:
    clients: ${PAIRS}
    placement: { crossNode: 70% }
    subscribe: [{ filter: "pair/{client}", qos: 1 }]
phases: { warmUp: 0s, measure: 1200ms, drain: 3s }
`

describe.each([1, 3])('pairs of which 70 % cross between two nodes, with %i workers', (workers) => {
  let broker: LyingBroker
  let finished: Finished

  beforeAll(async () => {
    broker = await startLyingBroker({ lie: { drop: (d) => indexOf(d.subscriber) === 3 && headerOf(d.payload).seq < 4 } })
    const { port } = new URL(broker.url)
    finished = await runScenario(scenario, [broker.url, `mqtt://127.0.0.1:${port}`], { workers })
  })
  afterAll(() => broker.close())

  const owed = (isCrossing: boolean) =>
    finished.report.pairs.filter(({ from, to }) => (from !== to) === isCrossing).reduce((sum, { deliveries }) => sum + deliveries.owed, 0)

  it('owes exactly that share from node to node', () => {
    expect({ crossing: owed(true), staying: owed(false) }).toEqual({ crossing: 0.7 * PAIRS * MESSAGES, staying: 0.3 * PAIRS * MESSAGES })
  })

  it('has what was lost at one pair of nodes', () => {
    expect(finished.report.pairs.map(({ deliveries }) => deliveries.lost).filter((lost) => lost > 0)).toEqual([4])
  })

  it('spreads publishers evenly, and has all clients where they were planned', () => {
    const counts = Object.values(finished.report.nodes).map(({ clients }) => ({ ...clients }))
    expect(counts.map(({ planned }) => planned).reduce((a, b) => a! + b!)).toBe(2 * PAIRS)
    for (const { planned, connected } of counts) expect(connected).toBe(planned)
  })
})
