/**
 * The program under measurement: one run of a scenario, as the command line would do it, in a process of its own.
 *
 *   node bench/drive.mjs SCENARIO.json       { text, broker, transport, workers, folder }
 *
 * Prints JSON lines: {"phase"} as each begins, and at the end {"report"}, without its plan.
 */
import { readFileSync } from 'node:fs'

const dist = process.env.BENCH_DIST ?? new URL('../dist', import.meta.url).pathname
const load = (name) => import(`${dist}/${name}.js`)
const [{ loadScenario }, { Controller }, { localRun }, { resolveUrl }, { ReportFolder }] = await Promise.all(
  ['load/scenario', 'run/controller', 'run/local', 'net/resolve', 'report/folder'].map(load),
)

const { text, broker, transport, workers, folder: path } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const plan = loadScenario('bench.yaml', text, { brokers: [broker], set: [], scale: null, seed: null, durationUs: null })
const endpoints = await Promise.all(plan.nodes.map((node) => resolveUrl(node.url)))
const sourceAddresses = plan.groups.map((group) => group.sourceAddresses)
const startedAt = new Date()
const controller = new Controller({
  ...localRun({ plan, endpoints, sourceAddresses, files: new Map(), transport, workers, processes: 1 }, 'bench.yaml'),
  shownPlan: plan,
  scenario: 'bench.yaml',
  transport,
  startedAt,
  folder: new ReportFolder(path, true, startedAt),
  brokers: null,
  drops: null,
  sentinel: null,
  listener: { onPhase: (phase) => tell({ phase }), onRow() {}, onFault: (fault) => tell({ fault }) },
})
const { report } = await controller.runToReport()
const { plan: _, ...rest } = report
tell({ report: rest })
