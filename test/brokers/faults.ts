/**
 * Faults of a real cluster, as a scenario has them: a node that is killed and started again, one that hangs and goes on, clients that come
 * back while their old connections stand. And what must be true of the report of each, whatever a broker makes of it.
 *
 * Windows and faults say the same twice, and windows that follow each other are all of measure: that is what their sums are held against.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { FaultFigures, Report, WindowFigures } from '../../src/report/types.ts'
import type { Cluster, Node } from './cluster.ts'
import { type Crossing, crossing, expectSound } from './crossing.ts'
import { run, start } from './helper.ts'

/** Until it is recovered from; what was never acknowledged is not waited for. */
const PHASES = { warmUp: '1500ms', measure: { min: '5s', max: '60s', until: 'recovered' }, drain: '2s' }
/** A node is a process of the test's own, so the command that starts it again waits until the test has done so. */
const BACK = 'node-is-back'
const WAIT = `until test -e ${BACK}; do sleep 0.1; done`
/** More than the slowest machine takes to run a command and to hear of it. */
const SOON_S = 3

/** How a node is killed and comes back. */
export interface Death {
  /** When the node is started again: what its death must have come to; null: after the run. */
  readonly back: 'restored' | 'recovered' | null
  readonly urls?: readonly string[]
}

/** SIGKILL of a node under load (`dies`), and its start (`back`). The cluster is whole again when the promise resolves or rejects. */
export async function runDeath(cluster: Cluster, node: Node, what: Crossing, { back, urls = cluster.urls }: Death): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'death-'))
  const dies = { name: 'dies', at: '3s', exec: `kill -9 ${node.pid}` }
  const faults = back === null ? [dies] : [dies, { name: 'back', after: { fault: 'dies', is: back }, exec: WAIT }]
  try {
    const clients = { keepAlive: '2s', ...what.clients }
    const { groups, ...scenario } = crossing(cluster.urls.length, { ...what, clients, phases: { ...PHASES, ...what.phases } })
    const { pub, monitor } = withWills(groups)
    const running = await start({ ...scenario, groups: { pub, monitor }, faults }, urls, { folder })
    const returned = back === null ? null : running.fault('back').then(() => node.start())
    returned?.then(
      () => writeFileSync(join(folder, BACK), ''),
      () => {},
    )
    const { report } = await running.result
    await returned
    expectSound(report)
    expectFaults(report)
    for (const fault of Object.values(report.faults)) expect(fault.exec!.exitCode).toBe(0)
    expect(report.wills!.false).toBe(0)
    // The kernel of a killed node closes its connections.
    expect(faultOf(report, 'dies').detect).toBeLessThan(SOON_S)
    return report
  } finally {
    if (!node.isRunning) await node.start()
    await cluster.whole()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * SIGSTOP of a node under load (`hangs`), and SIGCONT (`wakes`) when even those have noticed who sent until their windows were full.
 *
 * Leaves the cluster as it is then: NATS may need another 20 s to be whole.
 */
export async function runHang(cluster: Cluster, node: Node, what: Crossing): Promise<Report> {
  const keepAliveS = 2
  const faults = [
    { name: 'hangs', at: '2s', exec: `kill -STOP ${node.pid}` },
    { name: 'wakes', after: { fault: 'hangs', is: 'detected', wait: '3s' }, exec: `kill -CONT ${node.pid}` },
  ]
  try {
    const clients = { keepAlive: `${keepAliveS}s`, ...what.clients }
    const scenario = crossing(cluster.urls.length, { ...what, clients, phases: { ...PHASES, ...what.phases } })
    const { report } = await run({ ...scenario, faults }, cluster.urls)
    expectSound(report)
    expectFaults(report)
    const hangs = faultOf(report, 'hangs')
    for (const fault of Object.values(report.faults)) expect(fault.exec!.exitCode).toBe(0)
    // Its sockets stay open: a client asks when the keep alive is over, and waits for as long for the answer.
    expect(hangs.detect).toBeGreaterThanOrEqual(keepAliveS)
    expect(hangs.detect).toBeLessThan(2 * keepAliveS + SOON_S)
    expect(hangs.disconnected).toBeGreaterThanOrEqual(3)
    expect(hangs.unavailability.messages).toBeGreaterThan(0)
    return report
  } finally {
    node.resume()
  }
}

/** Clients of all nodes come back, on any node, while the cluster still holds their old connections. */
export async function runTakeover(urls: readonly string[], session: object): Promise<Report> {
  const { groups, ...scenario } = crossing(urls.length, { phases: { warmUp: '1s', measure: '4s', drain: '2s' } })
  const { pub, monitor } = withWills(groups)
  const subscribe = [{ filter: 'route/{client}', qos: 1 }]
  const cars = { ...pub, clients: 4 * urls.length, cleanSession: false, ...session, subscribe }
  const faults = [{ name: 'cell', at: '1s', clients: { groups: ['cars'] }, drop: 'silent' }]
  const { report } = await run({ ...scenario, placement: 'random', groups: { cars, monitor }, faults }, urls)
  expectSound(report)
  expectFaults(report)
  const cell = faultOf(report, 'cell')
  const { count, p99 } = cell.reconnect
  expect({ count, disconnected: cell.disconnected, struck: cell.struck }).toEqual({ count: 12, disconnected: 12, struck: 12 })
  expect(p99).not.toBeNull()
  // The old connections end when the new ones come, and the nodes agree on who has the session.
  expect(cell.takeovers).toEqual({ count: 12, doubled: 0 })
  expect(cell).toMatchObject({ sessionsResumed: 12, sessionsForgotten: 0 })
  expect(cell.wills).toMatchObject({ missing: 0, false: 0 })
  return report
}

/** Publishers leave a will, which all subscribers hear. */
function withWills({ pub, sub }: ReturnType<typeof crossing>['groups']) {
  return {
    pub: { ...pub, will: { topic: 'gone/{client}', qos: 1, payload: { json: {} } } },
    monitor: { ...sub, subscribe: [...sub.subscribe, { filter: 'gone/#', qos: 1 }] },
  }
}

export const faultOf = (report: Report, name: string): FaultFigures => report.faults[name]!

/** What holds for all faults and windows. */
function expectFaults(report: Report): void {
  for (const [name, fault] of Object.entries(report.faults)) {
    const window = report.windows[`${name}-during`]!
    const { owed, received, lost, duplicated } = window.deliveries!
    expect(owed).toBe(received + lost)
    expect({ owed: fault.owed, lost: fault.lost, duplicated: fault.duplicated }).toEqual({ owed, lost, duplicated })
    const sessions = Object.values(fault.bySession).flatMap((byQos) => Object.values(byQos))
    expect(sum(sessions, (counts) => counts.owed)).toBe(owed)
    expect(sum(sessions, (counts) => counts.lost)).toBe(lost)
    expect(fault.disconnected).toBe(window.clients.disconnected)
    expect(fault.reconnect.count).toBe(fault.disconnected)
    expect(sum(Object.values(fault.clientsPerNode), (clients) => clients)).toBeLessThanOrEqual(report.clients.planned)
    if (fault.recover !== null) expect(fault.recover).toBeLessThanOrEqual(window.lengthS)
  }
  // Two of which one begins in the other and outlasts it are cut by no window's end: they add up to more than measure.
  if (isOverlapping(report)) return
  const all = sequenceOf(report)
  const measure = report.run.phases.find(({ name }) => name === 'measure')!
  expect(sum(all, ({ lengthS }) => lengthS)).toBeCloseTo(measure.lengthS, 1)
  for (const key of ['planned', 'sent', 'acked', 'dropped'] as const) {
    expect([key, sum(all, ({ publishes }) => publishes![key])]).toEqual([key, report.publishes[key]])
  }
  for (const key of ['owed', 'received', 'lost', 'reordered'] as const) {
    expect([key, sum(all, ({ deliveries }) => deliveries![key])]).toEqual([key, report.deliveries[key]])
  }
  // Those of wills, which nobody has published at any time, are in no window.
  for (const key of ['excused', 'duplicated'] as const) {
    expect(sum(all, ({ deliveries }) => deliveries![key])).toBeLessThanOrEqual(report.deliveries[key])
  }
}

/** A fault begins while another has not been recovered from, and is recovered from later. */
function isOverlapping({ windows, faults }: Report): boolean {
  const during = Object.keys(faults).flatMap((name) => windows[`${name}-during`] ?? [])
  const endOf = ({ startS, lengthS }: WindowFigures) => startS + lengthS
  return during.some((one) => during.some((two) => one.startS < two.startS && two.startS < endOf(one) && endOf(one) < endOf(two)))
}

/** Windows that follow each other from the start of measure to its end. */
function sequenceOf({ windows, run: { phases } }: Report): WindowFigures[] {
  const measure = phases.find(({ name }) => name === 'measure')!
  const sequence: WindowFigures[] = []
  for (let atS = measure.startS; ; ) {
    const next = Object.values(windows).find(({ startS }) => Math.abs(startS - atS) < 0.01)
    if (next === undefined) return sequence
    sequence.push(next)
    atS = next.startS + next.lengthS
  }
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((total, item) => total + of(item), 0)
