import type { Plan } from '../../src/load/plan.ts'
import { type Figures, type LatencySummary, REPORT_SCHEMA, type Report, type TimelineRow } from '../../src/report/types.ts'
import { Histogram, summarize } from '../../src/stats/histogram.ts'

/**
 * A report as a real run gives it: a factory floor of 10,040 clients on two nodes, 10,000 messages a second for 30 s, one of which had a
 * pause. Every figure is the same each time; counts add up as the contract says.
 */
export function sampleReport(changes: Partial<Report> = {}): Report {
  const publishes = { planned: 300_000, sent: 300_000, acked: 60_000, refused: 0, dropped: 0 }
  const deliveries = {
    owed: 300_000,
    received: 299_988,
    lost: 12,
    excused: 41,
    duplicated: 3,
    reordered: 0,
    unexpected: 0,
    unverified: 0,
  }
  const whole = {
    clients: { planned: 10_040, connected: 10_040, failed: 0, disconnected: 7, reconnected: 7 },
    subscriptions: { planned: 40, granted: 40, refused: 0 },
    publishes,
    deliveries,
    bytes: { sent: 38_400_000, received: 37_100_000 },
    endToEndUs: latency(300_000, 1_840, 0.5, 12),
    ackUs: latency(60_000, 1_210, 0.4),
    connectUs: latency(10_040, 2_900, 0.6),
    reconnectUs: latency(7, 1_400_000, 0.7),
    subscribeUs: latency(40, 900, 0.3),
    sendLagUs: latency(300_000, 210, 0.6),
    blockedUs: latency(300_000, 0.2, 0.9),
    roundTripUs: emptyLatency(),
    connectLagUs: latency(10_040, 340, 0.5),
    unqueueUs: emptyLatency(),
    sessions: { resumed: 0, forgotten: 0, unexpected: 0, takenOver: 0, doubled: 0 },
    offline: { queued: 0, perSec: null },
  }
  return {
    schema: REPORT_SCHEMA,
    drops: null,
    windows: {},
    faults: {},
    wills: null,
    run: {
      id: 'k3v9qa',
      scenario: 'factory',
      scenarioHash: '5f0c2a91d7e44b6c',
      seed: 42,
      labels: { owner: 'iot-sre' },
      startedAt: '2026-03-01T12:00:00.250Z',
      durationS: 61.4,
      phases: [
        { name: 'connect', startS: 0, lengthS: 21.2 },
        { name: 'warmUp', startS: 21.2, lengthS: 5 },
        { name: 'measure', startS: 26.2, lengthS: 30 },
        { name: 'drain', startS: 56.2, lengthS: 3.1 },
        { name: 'cleanUp', startS: 59.3, lengthS: 2.1 },
      ],
      leftovers: { sessions: 0, retained: 0 },
      insecureTls: false,
    },
    status: 'failed',
    reasons: ['deliveries.lost == 0 does not hold: 12'],
    ...whole,
    groups: {
      sensors: {
        clients: { planned: 10_000, connected: 10_000, failed: 0, disconnected: 7, reconnected: 7 },
        publishes,
        ackUs: whole.ackUs,
        connectUs: whole.connectUs,
        sendLagUs: whole.sendLagUs,
        blockedUs: whole.blockedUs,
      },
      dashboards: {
        clients: { planned: 40, connected: 40, failed: 0, disconnected: 0, reconnected: 0 },
        subscriptions: whole.subscriptions,
        deliveries,
        endToEndUs: whole.endToEndUs,
        connectUs: latency(40, 2_700, 0.4),
        subscribeUs: whole.subscribeUs,
      },
    },
    nodes: { a: half(whole), b: half(whole) },
    streams: {
      temperature: { publishes, deliveries, endToEndUs: whole.endToEndUs, ackUs: whole.ackUs, sendLagUs: whole.sendLagUs },
    },
    qos: {
      0: { deliveries: { ...deliveries, owed: 240_000, received: 239_988 }, endToEndUs: latency(240_000, 1_700, 0.5, 12) },
      1: {
        deliveries: { ...deliveries, owed: 60_000, received: 60_000, lost: 0 },
        endToEndUs: latency(60_000, 2_100, 0.5),
        ackUs: whole.ackUs,
      },
    },
    pairs: ['a', 'b'].flatMap((from) =>
      ['a', 'b'].map((to) => ({
        from,
        to,
        endToEndUs: latency(75_000, from === to ? 1_600 : 2_100, 0.5, 3),
        deliveries: { ...deliveries, owed: 75_000, received: 74_997, lost: 3, excused: 10, duplicated: 0 },
      })),
    ),
    timeline: timeline(),
    reasonCodes: { CONNACK: { '0x00': 10_047 }, SUBACK: { '0x01': 40 }, PUBACK: { '0x00': 45_000 } },
    errors: { ECONNRESET: 7 },
    generator: {
      valid: true,
      suspect: false,
      checks: [
        {
          name: 'sendLag',
          ok: true,
          level: 'invalid',
          value: 890,
          limit: 5_000,
          words: 'messages left within 0.89 ms (p99) of when they could',
        },
        { name: 'sent', ok: true, level: 'invalid', value: 1, limit: 0.995, words: 'all of what could be sent was sent' },
        { name: 'busy', ok: true, level: 'suspect', value: 0.31, limit: 0.85, words: 'the busiest worker waited 69 % of the time' },
      ],
      busy: 0.31,
      cpu: { processCores: 0.34, host: 0.62, steal: 0.001 },
      memory: { residentBytes: 187_000_000 },
      processes: 1,
      agents: [],
      clockBoundUs: null,
      calibration: null,
      workers: 1,
      transport: 'epoll',
      threads: [{ cpu: 0.29, waiting: 0.004, gc: 0.01 }],
      unwritable: { mean: 0.2, peak: 3 },
      files: { used: 10_070, limit: 1_048_576 },
      ports: { used: 5_020, limit: 28_232 },
      sentinel: { status: 'ok', ratePerSec: 10, count: 300, p50Us: 1_790, p99Us: 5_200 },
    },
    thresholds: [
      { expression: 'endToEnd.p99 < 50ms', actual: whole.endToEndUs.p99, ok: true },
      { expression: 'deliveries.lost == 0', actual: 12, ok: false },
    ],
    host: {
      os: 'Debian GNU/Linux 12 (bookworm) x64',
      kernel: '6.1.0-28-amd64',
      cpu: 'Intel(R) Xeon(R) CPU @ 2.80GHz',
      cores: 2,
      memoryBytes: 24 * 1024 ** 3,
      node: '20.20.2',
      limits: { openFiles: 20_000, localPorts: 28_232 },
      tool: '0.1.0',
    },
    plan: samplePlan(),
    ...changes,
  }
}

/** What a lognormal law gives, `lost` of it never: without chance, by its quantiles. */
export function latency(wanted: number, medianUs: number, sigma: number, lost = 0): LatencySummary {
  const arrived = wanted - lost
  const samples = Math.min(arrived, 1_000)
  const shape = new Histogram()
  for (let i = 0; i < samples; i++) shape.record(medianUs * Math.exp(sigma * normalQuantile((i + 0.5) / samples)))
  const { indices, counts, min, max, sum } = shape.toSparse()
  const times = Math.floor(arrived / samples)
  const histogram = new Histogram()
  histogram.add({
    indices,
    counts: Float64Array.from(counts, (count) => count * times),
    count: samples * times,
    min,
    max,
    sum: sum * times,
  })
  while (histogram.count < arrived) histogram.record(medianUs)
  return summarize(histogram, wanted)
}

export function emptyLatency(): LatencySummary {
  return summarize(null, 0)
}

function half(figures: Figures): Figures {
  const { clients, publishes, deliveries, endToEndUs, ackUs, connectUs } = figures
  return {
    clients: { ...clients!, planned: 5_020, connected: 5_020 },
    publishes: { ...publishes!, planned: 150_000, sent: 150_000, acked: 30_000 },
    deliveries: { ...deliveries!, owed: 150_000, received: 149_994, lost: 6 },
    endToEndUs: endToEndUs!,
    ackUs: ackUs!,
    connectUs: connectUs!,
  }
}

function timeline(): TimelineRow[] {
  return Array.from({ length: 62 }, (_, second) => {
    const phase = second < 21 ? 'connect' : second < 26 ? 'warmUp' : second < 56 ? 'measure' : second < 59 ? 'drain' : 'cleanUp'
    const sends = phase === 'warmUp' || phase === 'measure'
    const stalled = second === 40
    const received = sends ? (stalled ? 4_100 : second === 41 ? 15_900 : 10_000 + ((second * 37) % 61) - 30) : 0
    return {
      tS: second + 1,
      phase,
      connected: Math.min(10_040, (second + 1) * 500),
      plannedPerSec: sends ? 10_000 : 0,
      sentPerSec: sends ? 10_000 : 0,
      receivedPerSec: received,
      endToEndP50Us: sends ? (stalled || second === 41 ? 290_000 : 1_800 + ((second * 53) % 97)) : null,
      endToEndP99Us: sends ? (stalled || second === 41 ? 610_000 : 5_600 + ((second * 131) % 900)) : null,
      sendLagP99Us: sends ? 800 + ((second * 17) % 90) : null,
      connectsPerSec: second < 20 ? 500 : second === 20 ? 40 : 0,
      attemptsPerSec: second < 20 ? 500 : second === 20 ? 40 : 0,
      backlog: stalled ? 5_900 : 0,
      busy: sends ? 0.3 : 0.12,
    }
  })
}

export function samplePlan(): Plan {
  const group = {
    version: 4,
    clientId: '{run}-{group}-{client}',
    username: null,
    password: null,
    tls: { ca: null, cert: null, key: null, serverName: null, alpn: [], resume: false, insecure: false },
    ws: { path: '/mqtt', headers: {} },
    sourceAddresses: [],
    cleanShare: 1,
    sessionExpiryS: 0,
    receiveMaximum: null,
    maximumPacketSize: null,
    topicAliasMaximum: null,
    userProperties: [],
    keepAliveS: 60,
    inFlight: 20,
    placement: { kind: 'weighted' },
    connect: { overS: 20, arrival: 'uniform', timeoutUs: 10_000_000 },
    reconnect: { backoff: 'fullJitter', firstUs: 1_000_000, maxUs: 30_000_000, factor: 2, attempts: null, resetAfterUs: 30_000_000 },
    churn: null,
    unsent: { keep: 'all', drop: 'oldest' },
    spread: {},
    will: null,
  } as const
  return {
    name: 'factory',
    description: 'a factory floor on one topic tree, watched by plant dashboards',
    seed: 42,
    labels: { owner: 'iot-sre' },
    nodes: [
      { name: 'a', url: 'mqtt://127.0.0.1:1883', zone: 'eu-1', weight: 1 },
      { name: 'b', url: 'mqtt://127.0.0.1:1884', zone: 'eu-2', weight: 1 },
    ],
    embedded: false,
    levels: [
      { name: 'region', count: 2, values: ['eu', 'us'] },
      { name: 'plant', count: 20, values: null },
      { name: 'line', count: 10, values: null },
    ],
    settleUs: 1_000_000,
    transport: 'auto',
    onAgentLoss: 'degrade',
    probe: true,
    sentinel: { ratePerSec: 10 },
    groups: [
      {
        ...group,
        name: 'sensors',
        index: 0,
        clients: 10_000,
        firstClient: 0,
        publish: [
          {
            index: 0,
            name: 'temperature',
            topic: '{region}/{plant}/{line}/device-{client}/temperature',
            route: null,
            request: null,
            trigger: { kind: 'periodic', periodUs: 1_000_000 },
            atUs: 0,
            times: null,
            qosShares: [0.8, 0.15, 0.05],
            retain: false,
            payload: { kind: 'bytes', min: 64, max: 64 },
            load: [[0, 1]],
            expiryS: null,
            contentType: null,
            responseTopic: null,
            correlationData: null,
            userProperties: [],
            topicAlias: false,
          },
        ],
        subscribe: [],
      },
      {
        ...group,
        name: 'dashboards',
        index: 1,
        clients: 40,
        firstClient: 10_000,
        publish: [],
        subscribe: [
          {
            index: 0,
            filter: '{region}/{plant}/#',
            qos: 1,
            ackAfterUs: 0,
            noLocal: false,
            retainAsPublished: false,
            retainHandling: 0,
            identifier: null,
            reply: null,
            isResponse: false,
          },
        ],
      },
    ],
    phases: {
      connectUs: 600_000_000,
      warmUpUs: 5_000_000,
      measureUs: 30_000_000,
      untilRecovered: null,
      stretches: [],
      drainUs: 10_000_000,
      cleanUp: true,
    },
    faults: [],
    thresholds: ['endToEnd.p99 < 50ms', 'deliveries.lost == 0'],
    aborts: [],
    gates: {},
    clients: 10_040,
    scale: 1,
  }
}

/** The inverse of the normal distribution's integral, by bisection: slow, plain, and exact enough for a picture. */
function normalQuantile(p: number): number {
  let low = -6
  let high = 6
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2
    if (normalIntegral(middle) < p) low = middle
    else high = middle
  }
  return low
}

/** Abramowitz and Stegun 26.2.17: within 1e-7. */
function normalIntegral(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const tail =
    (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return x < 0 ? tail : 1 - tail
}
