import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Header, OK, readHeader } from '../../src/load/header.ts'
import type { Outcome } from '../../src/report/build.ts'
import type { Report } from '../../src/report/types.ts'
import type { Fault } from '../../src/run/messages.ts'

/**
 * A whole run in a test: a scenario's text against brokers that listen already, with real workers and sockets.
 *
 * Workers are threads of built files, so runs come from `dist`: `npm run build` goes before the tests, as `npm test` does it.
 */
export interface RunSettings {
  readonly workers?: number
  readonly processes?: number
  readonly transport?: 'epoll' | 'stream'
  readonly seed?: number
  /** Whether a sentinel runs beside it: most tests count all that a broker sees. */
  readonly sentinel?: boolean
  /** Called as each phase begins. */
  readonly onPhase?: (phase: string) => void
  /** The controller, before it runs: to interrupt it, or to take a worker from it. */
  readonly onController?: (controller: RunningController) => void
}

type RunningController = InstanceType<typeof import('../../src/run/controller.ts')['Controller']>

export interface Finished {
  readonly report: Report
  readonly exitCode: Outcome['exitCode']
  readonly faults: readonly Fault[]
  /** Events of events.ndjson. */
  readonly events: readonly { readonly tS: number; readonly event: string; readonly [key: string]: unknown }[]
}

const DIST = new URL('../../dist/', import.meta.url)
const fromDist = (path: string): Promise<unknown> => import(new URL(path, DIST).href)

/** Runs a scenario to its report; the folder is gone when this returns. */
export async function runScenario(text: string, urls: readonly string[], settings: RunSettings = {}): Promise<Finished> {
  const { loadScenario } = (await fromDist('load/scenario.js')) as typeof import('../../src/load/scenario.ts')
  const { Controller } = (await fromDist('run/controller.js')) as typeof import('../../src/run/controller.ts')
  const { localRun } = (await fromDist('run/local.js')) as typeof import('../../src/run/local.ts')
  const { resolveUrl } = (await fromDist('net/resolve.js')) as typeof import('../../src/net/resolve.ts')
  const { startSentinel } = (await fromDist('run/sentinel.js')) as typeof import('../../src/run/sentinel.ts')
  const { ReportFolder } = (await fromDist('report/folder.js')) as typeof import('../../src/report/folder.ts')
  const path = mkdtempSync(join(tmpdir(), 'mqtt-scale-run-'))
  try {
    const from = { brokers: urls, set: [], scale: null, seed: settings.seed ?? null, durationUs: null }
    const plan = loadScenario(join(path, 'scenario.yaml'), text, from)
    const startedAt = new Date()
    const faults: Fault[] = []
    const endpoints = await Promise.all(plan.nodes.map((node) => resolveUrl(node.url)))
    const sourceAddresses = plan.groups.map((group) => group.sourceAddresses)
    const sentinel = settings.sentinel ? startSentinel({ plan, endpoints, sourceAddresses }, path) : null
    const scenario = join(path, 'scenario.yaml')
    const { transport = 'epoll', workers = 1, processes = 1 } = settings
    const controller = new Controller({
      ...localRun({ plan, endpoints, sourceAddresses, files: new Map(), transport, workers, processes }, scenario),
      shownPlan: plan,
      scenario,
      transport,
      startedAt,
      folder: new ReportFolder(path, true, startedAt),
      brokers: null,
      drops: null,
      ceilings: null,
      sentinel,
      watch: null,
      listener: {
        onPhase: (phase) => settings.onPhase?.(phase),
        onRow: () => undefined,
        onFault: (fault) => faults.push(fault),
        onAbort: () => undefined,
        onMoment: () => undefined,
      },
    })
    settings.onController?.(controller)
    const { report, exitCode } = await controller.runToReport()
    const events = readFileSync(join(path, 'events.ndjson'), 'utf8').trim().split('\n')
    return { report, exitCode, faults, events: events.map((line) => JSON.parse(line)) }
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

/** The group in a client id of the default form, `{run}-{group}-{client}`. */
export function groupOf(clientId: string): string {
  return clientId.split('-')[1] ?? ''
}

/** The index in a client id of the default form. */
export function indexOf(clientId: string): number {
  return Number(clientId.split('-')[2])
}

/** The header that a payload carries, in any form but a user property. */
export function headerOf(payload: Uint8Array): Header {
  const header: Header = { run: 0, publisher: 0, entry: 0, seq: 0, intendedUs: 0, node: 0 }
  if (readHeader(payload, 0, payload.length, header) !== OK) throw new Error('the payload has no header')
  return header
}

/** What the delivery ledger says, without what is only zero. */
export function counted(deliveries: Report['deliveries']): Partial<Report['deliveries']> {
  return Object.fromEntries(Object.entries(deliveries).filter(([, count]) => count !== 0))
}
