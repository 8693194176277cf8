import { describe, expect, it } from 'vitest'
import { AUTH } from '../helpers/lies.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { counted, groupOf, headerOf, indexOf, runScenario } from '../helpers/run.ts'

/** Who could connect, who was refused, and what one client's trouble means for the others: nothing. */

const CONNECT = 'connect: { at: once, timeout: 500ms }, reconnect: { backoff: fixed, first: 200ms }'

describe('a broker that refuses', () => {
  it('some connects leaves those clients failed, and the rest is measured', async () => {
    const broker = await startLyingBroker({ lie: { refuseConnect: (id) => (groupOf(id) === 'some' && indexOf(id) < 2 ? 5 : null) } })
    const text = `
name: refused
settle: 100ms
groups:
  some: { clients: 10, ${CONNECT}, publish: [{ topic: "t/{client}", every: 50ms, payload: { bytes: 32 } }] }
  subscriber: { clients: 1, subscribe: [{ filter: "#" }] }
phases: { warmUp: 0s, measure: 500ms, drain: 2s }
`
    const { report, exitCode } = await runScenario(text, [broker.url])
    await broker.close()
    expect(report.clients).toEqual({ planned: 11, connected: 9, failed: 2, disconnected: 0, reconnected: 0 })
    // At 0, 200 and 400 ms; the next would be past the timeout.
    expect(broker.counts.refusedConnects).toBe(6)
    expect(report.reasonCodes.CONNACK).toEqual({ '0x00': 9, '0x05': 6 })
    expect(report.groups.some!.connectUs).toMatchObject({ count: 10, p90: null, max: null })
    expect(report.groups.some!.connectUs!.p50).toBeGreaterThan(0)
    // A client that never connected could not send: its messages were planned all the same.
    expect(report.publishes).toEqual({ planned: 100, sent: 80, acked: 0, refused: 0, dropped: 20 })
    expect(counted(report.deliveries)).toEqual({ owed: 80, received: 80 })
    expect(report.endToEndUs).toMatchObject({ count: 100, p90: null, max: null })
    expect(report.thresholds).toEqual([{ expression: 'clients.failed == 0', actual: 2, ok: false }])
    expect(exitCode).toBe(3)
  })

  it('every connect ends the run with exit code 2 and the reason', async () => {
    const broker = await startLyingBroker({ lie: { refuseConnect: () => 4 } })
    const text = `
name: nobody
groups: { all: { clients: 3, ${CONNECT}, publish: [{ topic: t, every: 50ms, payload: { bytes: 32 } }] } }
phases: { warmUp: 0s, measure: 500ms, drain: 1s }
`
    const { report, exitCode } = await runScenario(text, [broker.url])
    await broker.close()
    expect(exitCode).toBe(2)
    expect(report.status).toBe('failed')
    expect(report.reasons[0]).toMatch(/nobody could connect: CONNACK 0x04 \(\d+ times\)/)
    expect(report.clients).toMatchObject({ connected: 0, failed: 3 })
    expect(report.connectUs).toMatchObject({ count: 3, p50: null })
  })

  it('some subscriptions has them counted, and owes them nothing', async () => {
    const broker = await startLyingBroker({
      lie: { subackCode: (id) => (groupOf(id) === 'subscribers' && indexOf(id) === 0 ? 0x80 : null) },
    })
    const text = `
name: subacks
settle: 100ms
groups:
  publisher: { publish: [{ topic: t, every: 20ms, payload: { bytes: 32 } }] }
  subscribers: { clients: 4, subscribe: [{ filter: "#" }] }
phases: { warmUp: 0s, measure: 500ms, drain: 2s }
`
    const { report, exitCode } = await runScenario(text, [broker.url])
    await broker.close()
    expect(report.subscriptions).toEqual({ planned: 4, granted: 3, refused: 1 })
    expect(report.reasonCodes.SUBACK).toEqual({ '0x00': 3, '0x80': 1 })
    expect(counted(report.deliveries)).toEqual({ owed: 75, received: 75 })
    expect(exitCode).toBe(0)
  })

  it('all subscriptions fails the run', async () => {
    const broker = await startLyingBroker({ lie: { subackCode: () => 0x80 } })
    const text = `
name: subacks
settle: 100ms
groups: { subscribers: { clients: 4, subscribe: [{ filter: "#" }] } }
phases: { warmUp: 0s, measure: 100ms, drain: 1s }
`
    const { report, exitCode } = await runScenario(text, [broker.url])
    await broker.close()
    expect(report.subscriptions).toEqual({ planned: 4, granted: 0, refused: 4 })
    expect(report.reasons[0]).toBe('none of the planned subscriptions was granted')
    expect(exitCode).toBe(3)
  })
})

describe('a broker that breaks the protocol', () => {
  it('loses that one connection for it, is named for it, and all others go on', async () => {
    const at = (payload: Buffer) => headerOf(payload).seq
    const broker = await startLyingBroker({
      lie: {
        answerConnect: (id) => (groupOf(id) === 'greeted' ? AUTH : null),
        // A PUBLISH of QoS 3, in the middle of a run.
        inject: (d) => (groupOf(d.subscriber) === 'garbled' && at(d.payload) === 10 ? Uint8Array.of(0x36, 2, 0, 0) : null),
        // DISCONNECT 0x8B (server shutting down), and gone.
        closeAfter: (m) => (groupOf(m.clientId) === 'closed' && at(m.payload) === 10 ? 0x8b : null),
      },
    })
    const reconnect = 'reconnect: { backoff: fixed, first: 100ms }'
    const text = `
name: broken
settle: 200ms
groups:
  steady: { clients: 3, publish: [{ name: steady, topic: "t/{client}", every: 20ms, times: 40, payload: { bytes: 32 } }] }
  closed: { clients: 1, version: 5, ${reconnect}, publish: [{ name: closed, topic: "u/{client}", every: 20ms, times: 40, payload: { bytes: 32 } }] }
  greeted: { clients: 2, connect: { at: once, timeout: 300ms }, ${reconnect}, subscribe: [{ filter: "t/#" }] }
  garbled: { clients: 1, ${reconnect}, subscribe: [{ filter: "t/0" }] }
  honest: { clients: 1, subscribe: [{ filter: "t/#" }] }
phases: { warmUp: 0s, measure: 1s, drain: 2s }
`
    const { report, faults } = await runScenario(text, [broker.url])
    await broker.close()
    expect(counted(report.groups.honest!.deliveries!)).toEqual({ owed: 120, received: 120 })
    expect(report.groups.greeted!.clients).toMatchObject({ connected: 0, failed: 2 })
    expect(report.groups.garbled!.clients).toMatchObject({ connected: 1, disconnected: 1, reconnected: 1 })
    expect(report.groups.closed!.clients).toMatchObject({ connected: 1, disconnected: 1, reconnected: 1 })
    expect(report.reasonCodes.DISCONNECT).toEqual({ '0x8B': 1 })
    // While its subscriber was away nothing was owed; around it, excused.
    const { deliveries } = report.groups.garbled!
    expect(deliveries!.lost).toBe(0)
    expect(deliveries!.owed).toBeLessThan(40)
    const protocolErrors = Object.entries(report.errors).filter(([name]) => name.startsWith('protocol error'))
    expect(protocolErrors.length).toBe(2)
    expect(faults.some(({ group, reason }) => group === 'garbled' && reason.startsWith('protocol error'))).toBe(true)
    expect(report.publishes).toEqual({ planned: 160, sent: 160, acked: 0, refused: 0, dropped: 0 })
  })
})
