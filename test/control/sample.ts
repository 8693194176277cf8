/** Agents and what they tell, for tests: every field has a plain value, a test names only what it is about. */
import type { Assignment, Hello } from '../../src/control/protocol.ts'
import type { AgentFacts } from '../../src/report/types.ts'
import type { Gain } from '../../src/run/messages.ts'
import { Metrics } from '../../src/stats/metrics.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const { host: HOST } = sampleReport()

export function sampleHello(id: string, fields: Partial<Hello> & { readonly cores?: number } = {}): Hello {
  const { cores = 2, ...rest } = fields
  const host = { ...HOST, cores }
  return { protocol: 1, id, instance: `${id}-1`, host, maxClients: null, allowed: [], domain: id, run: null, ...rest }
}

export function sampleAgent(id: string, fields: Partial<AgentFacts> = {}): AgentFacts {
  return { id, clients: {}, host: HOST, processes: 1, workers: 2, transport: 'epoll', clock: { offsetUs: 0, boundUs: 0 }, ...fields }
}

export function sampleAssignment(fields: Partial<Assignment> = {}): Assignment {
  return {
    run: 'abcdef',
    controller: 'c1',
    slice: { index: 0, of: 1, ranges: [] },
    near: null,
    planPieces: 1,
    epochNs: 0n,
    unixEpochMs: 0,
    startedAt: '2026-03-01T12:00:00.000Z',
    domain: 'here',
    workers: null,
    processes: null,
    agents: ['a'],
    ...fields,
  }
}

/** What one worker gained in the second that ends then; nothing but what is named. */
export function sampleGain(endS: number, fields: Partial<Gain> = {}): Gain {
  return {
    fromUs: (endS - 1) * 1e6,
    toUs: endS * 1e6,
    metrics: new Metrics().take(),
    sent: 0,
    arrived: 0,
    fresh: 0,
    connected: 0,
    connectedByNode: [0],
    missing: 0,
    arrivedClients: 0,
    backlog: 0,
    fullest: 0,
    loops: [{ worker: 0, allUs: 1e6, busyUs: 0, cpuUs: 0, waitingUs: 0, gcUs: 0 }],
    processes: [],
    machines: [],
    unwritable: 0,
    sockets: [],
    unverified: 0,
    ...fields,
  }
}
