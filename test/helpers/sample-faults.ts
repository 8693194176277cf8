import type { FaultFigures, LatencySummary, Report, WindowFigures } from '../../src/report/types.ts'
import { emptyLatency, latency, sampleReport } from './sample-report.ts'

/**
 * The sample's run with three faults: a node dies and all is well again after 6 s, a carrier is out until the end, and what was to follow
 * its recovery never began.
 */
export function faultyReport(changes: Partial<Report> = {}): Report {
  const sample = sampleReport()
  const drop = { how: 'silent', groups: [0], where: { region: 'eu' }, nodes: null, share: 0.62, forUs: 8_000_000, return: null } as const
  return {
    ...sample,
    clients: { ...sample.clients, disconnected: 8_120, reconnected: 5_022 },
    reconnectUs: latency(8_120, 1_400_000, 0.7, 3_098),
    unqueueUs: latency(31, 240_000, 0.5),
    sessions: { resumed: 240, forgotten: 12, takenOver: 31, doubled: 2 },
    offline: { queued: 12_400, perSec: 1_612.4 },
    wills: { fired: 5, missing: 1, false: 0 },
    windows: {
      calm: window(26.2, 10, 100_000, latency(100_000, 1_840, 0.5)),
      'node-b-dies-before': window(26.2, 8, 80_000, latency(80_000, 1_830, 0.5)),
      'node-b-dies-during': window(34.2, 7, 70_000, latency(70_000, 2_900, 1.4, 41), 41, 3),
      'node-b-dies-after': window(41.2, 5, 50_000, latency(50_000, 1_850, 0.5)),
      'carrier-out-during': window(46.2, 10, 100_000, latency(100_000, 2_100, 0.8)),
    },
    faults: {
      'node-b-dies': fault(),
      'carrier-out': fault({
        startS: 46.2,
        ended: 8,
        exec: null,
        struck: 3_100,
        disconnected: 3_100,
        detect: null,
        restored: null,
        recover: null,
        reconnect: { count: 3_100, p50: 8.2, p99: null, max: null },
        resume: { count: 0, p50: null, p99: null, max: null },
        attemptsPerClient: 3.4,
        tlsUs: latency(2, 7_000, 0.2),
        lost: 0,
        duplicated: 0,
        owed: 100_000,
        bySession: { clean: { 0: { owed: 80_000, lost: 0, duplicated: 0 }, 1: { owed: 20_000, lost: 0, duplicated: 0 } }, persistent: {} },
        wills: { fired: 0, missing: 0, false: 0 },
        takeovers: { count: 0, doubled: 0 },
        sessionsResumed: 0,
        sessionsForgotten: 0,
        unavailability: { clients: 0.31, messages: 0, limitUs: 50_000 },
      }),
      'next-node': NEVER,
    },
    timeline: sample.timeline.map((row) =>
      row.tS > 34 && row.tS < 41 ? { ...row, receivedPerSec: 6_200, endToEndP99Us: 2_100_000 } : row,
    ),
    plan: {
      ...sample.plan,
      faults: [
        { name: 'node-b-dies', index: 0, trigger: { kind: 'at', atUs: 8_000_000 }, exec: './kill-node b', drop: null },
        { name: 'carrier-out', index: 1, trigger: { kind: 'at', atUs: 20_000_000 }, exec: null, drop },
        {
          name: 'next-node',
          index: 2,
          trigger: { kind: 'after', fault: 1, is: 'recovered', waitUs: 0 },
          exec: './restart c',
          drop: null,
        },
      ],
    },
    ...changes,
  }
}

const NOTHING = { count: 0, p50: null, p99: null, max: null }
const NEVER: FaultFigures = {
  startS: null,
  ended: null,
  exec: null,
  struck: 0,
  disconnected: 0,
  detect: null,
  restored: null,
  recover: null,
  reconnect: NOTHING,
  resume: NOTHING,
  attemptsPerClient: 0,
  peakAttemptsPerSec: 0,
  peakAcceptedPerSec: 0,
  tcpUs: emptyLatency(),
  tlsUs: emptyLatency(),
  connackUs: emptyLatency(),
  owed: 0,
  lost: 0,
  duplicated: 0,
  bySession: { clean: {}, persistent: {} },
  wills: { fired: 0, missing: 0, false: 0 },
  takeovers: { count: 0, doubled: 0 },
  sessionsResumed: 0,
  sessionsForgotten: 0,
  unavailability: { clients: 0, messages: null, limitUs: 50_000 },
  clientsPerNode: { a: 0, b: 0 },
}

/** That node's death, as the report has it. */
export function fault(changes: Partial<FaultFigures> = {}): FaultFigures {
  return {
    startS: 34.2,
    ended: 0.11,
    exec: { command: './kill-node b', exitCode: 0, signal: null, lengthS: 0.11, output: 'stopping b\n' },
    struck: 0,
    disconnected: 5_020,
    detect: 0.12,
    restored: 5.1,
    recover: 6.3,
    reconnect: { count: 5_020, p50: 1.4, p99: 4.2, max: 5.1 },
    resume: { count: 20, p50: 1.6, p99: 4.4, max: 4.4 },
    attemptsPerClient: 1.72,
    peakAttemptsPerSec: 2_912,
    peakAcceptedPerSec: 1_640,
    tcpUs: latency(5_020, 210, 0.5),
    tlsUs: emptyLatency(),
    connackUs: latency(5_020, 2_400, 0.7),
    owed: 70_000,
    lost: 41,
    duplicated: 3,
    bySession: {
      clean: { 0: { owed: 56_000, lost: 41, duplicated: 0 } },
      persistent: { 1: { owed: 14_000, lost: 0, duplicated: 3 } },
    },
    wills: { fired: 5, missing: 1, false: 0 },
    takeovers: { count: 31, doubled: 2 },
    sessionsResumed: 240,
    sessionsForgotten: 12,
    unavailability: { clients: 0.106, messages: 0.0421, limitUs: 50_000 },
    clientsPerNode: { a: 8_230, b: 1_810 },
    ...changes,
  }
}

function window(startS: number, lengthS: number, count: number, endToEndUs: LatencySummary, lost = 0, duplicated = 0): WindowFigures {
  const { publishes, deliveries } = sampleReport()
  return {
    startS,
    lengthS,
    clients: { disconnected: 0, reconnected: 0 },
    publishes: { ...publishes, planned: count, sent: count, acked: count / 5 },
    deliveries: { ...deliveries, owed: count, received: count - lost, lost, duplicated, excused: 0 },
    endToEndUs,
  }
}
