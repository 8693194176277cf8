/**
 * A small run of which nothing is kept but what it measured.
 */
import { join } from 'node:path'
import { loadScenario } from '../load/scenario.ts'
import { ReportFolder } from '../report/folder.ts'
import type { Report, TimelineRow } from '../report/types.ts'
import { Controller, type RunListener } from './controller.ts'
import { localRun } from './local.ts'
import { prepare } from './prepare.ts'

export interface TrialLayout {
  readonly workers: number
  readonly processes: number
}

export interface Tried {
  readonly report: Report
  /** Of measure. */
  readonly rows: readonly TimelineRow[]
}

/**
 * Runs a scenario against one broker, with nothing beside it.
 *
 * @param folder  exists, and is the trial's to write to
 * @throws ScenarioError, EnvironmentError  as a run does
 */
export async function tryOut(text: string, broker: string, folder: string, wanted: TrialLayout): Promise<Tried> {
  const scenario = join(folder, 'trial.yaml')
  const from = { brokers: [broker], set: [], scale: null, seed: null, durationUs: null }
  const plan = loadScenario(scenario, `sentinel: false\nprobe: false\n${text}`, from)
  const prepared = await prepare(plan, { scenario, wanted, allowed: [], planAt: null })
  const startedAt = new Date()
  const rows: TimelineRow[] = []
  const controller = new Controller({
    ...prepared,
    ...localRun(prepared, scenario),
    scenario,
    startedAt,
    folder: new ReportFolder(folder, true, startedAt),
    listener: { ...SILENT, onRow: (row) => void rows.push(row) },
    brokers: null,
    drops: null,
    sentinel: null,
    watch: null,
  })
  const { report } = await controller.runToReport()
  return { report, rows: rows.filter(({ phase }) => phase === 'measure') }
}

const SILENT: RunListener = { onPhase() {}, onRow() {}, onFault() {}, onAbort() {}, onMoment() {} }
