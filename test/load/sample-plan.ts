/** Small plans for tests of the load model: every field has a plain value, a test names only what it is about. */
import type { GroupPlan, NodePlan, PayloadPlan, Plan, PublishPlan, SubscribePlan } from '../../src/load/plan.ts'

export function samplePlan(fields: Partial<Plan> = {}): Plan {
  return {
    name: 'sample',
    description: '',
    seed: 42,
    labels: {},
    nodes: [sampleNode('a')],
    embedded: false,
    levels: [],
    settleUs: 1e6,
    transport: 'auto',
    probe: true,
    onAgentLoss: 'degrade',
    sentinel: { ratePerSec: 10 },
    groups: [],
    phases: { connectUs: 6e8, warmUpUs: 0, measureUs: 1e7, untilRecovered: null, stretches: [], drainUs: 0, cleanUp: true },
    faults: [],
    thresholds: [],
    aborts: [],
    gates: {},
    clients: 0,
    scale: 1,
    ...fields,
  }
}

export function sampleNode(name: string, weight = 1): NodePlan {
  return { name, url: 'mqtt://127.0.0.1:1883', zone: null, weight }
}

export function sampleGroup(fields: Partial<GroupPlan> = {}): GroupPlan {
  return {
    name: 'sensors',
    index: 0,
    clients: 1,
    firstClient: 0,
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
    connect: { overS: 0, arrival: 'uniform', timeoutUs: 1e7 },
    reconnect: null,
    churn: null,
    unsent: { keep: 'all', drop: 'oldest' },
    spread: {},
    will: null,
    publish: [],
    subscribe: [],
    ...fields,
  }
}

export function sampleEntry(fields: Partial<PublishPlan> = {}): PublishPlan {
  return {
    index: 0,
    name: 'temperature',
    topic: 'plant/{client}',
    route: null,
    request: null,
    trigger: { kind: 'periodic', periodUs: 1e6 },
    atUs: 0,
    times: null,
    qosShares: [1, 0, 0],
    retain: false,
    payload: samplePayload(64),
    load: [[0, 1]],
    expiryS: null,
    contentType: null,
    responseTopic: null,
    correlationData: null,
    userProperties: [],
    topicAlias: false,
    ...fields,
  }
}

export function samplePayload(min: number, max = min): PayloadPlan {
  return { kind: 'bytes', min, max }
}

export function sampleSubscription(filter: string, index = 0): SubscribePlan {
  return {
    index,
    filter,
    qos: 0,
    ackAfterUs: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: null,
    reply: null,
    isResponse: false,
  }
}
