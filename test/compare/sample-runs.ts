import type { Run } from '../../src/compare/runs.ts'
import type { DeliveryCounts, Report } from '../../src/report/types.ts'
import { latency, samplePlan, sampleReport } from '../helpers/sample-report.ts'

/** What runs of one side have in common, and by how much each scatters. */
export interface SideOptions {
  readonly count?: number
  readonly medianUs?: number
  /** Of each run, times the median: as many as there are runs, or fewer, which repeat. */
  readonly scatter?: readonly number[]
  /** Of 20,000 wanted. */
  readonly lost?: readonly number[]
  readonly changes?: (number: number) => Partial<Report>
}

/** Five runs that scatter by about 1 %. */
const QUIET = [1, 1.01, 0.99, 1.005, 0.995]

const sample = sampleReport()

/** Runs of one side; those of `candidate` were made in turn with those of `base`. */
export function side(name: 'base' | 'candidate', options: SideOptions = {}): Run[] {
  const { count = 5, medianUs = 2000, scatter = QUIET, lost = [0], changes = () => ({}) } = options
  return Array.from({ length: count }, (_, i) => {
    const minute = 2 * i + (name === 'base' ? 0 : 1)
    const median = medianUs * scatter[i % scatter.length]!
    const endToEndUs = latency(20_000, median, 0.5, lost[i % lost.length]!)
    const report: Report = {
      ...sample,
      run: {
        ...sample.run,
        id: `${name[0]}${String(i).padStart(5, '0')}`,
        startedAt: new Date(Date.UTC(2026, 2, 1, 12, minute)).toISOString(),
      },
      status: 'passed',
      reasons: [],
      thresholds: [{ expression: 'endToEnd.p99 < 50ms', actual: endToEndUs.p99, ok: true }],
      plan: { ...samplePlan(), thresholds: ['endToEnd.p99 < 50ms'] },
      endToEndUs,
      qos: { 0: { deliveries: counts() }, 1: { deliveries: counts() }, 2: { deliveries: counts() } },
      ...changes(i),
    }
    return { path: `${name}/${i + 1}`, report }
  })
}

/** Of one QoS. */
export function counts(changes: Partial<DeliveryCounts> = {}): DeliveryCounts {
  const { lost = 0 } = changes
  return { owed: 10_000, received: 10_000 - lost, lost, excused: 0, duplicated: 0, reordered: 0, unexpected: 0, unverified: 0, ...changes }
}
