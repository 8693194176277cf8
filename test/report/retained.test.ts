import { describe, expect, test } from 'vitest'
import { metricProblem } from '../../src/load/threshold.ts'
import { retainedNotes } from '../../src/report/retained.ts'
import { lookUp } from '../../src/report/threshold.ts'
import type { RetainedCounts } from '../../src/report/types.ts'
import { sampleReport } from '../helpers/sample-report.ts'
import { sampleEntry, sampleGroup, samplePlan } from '../load/sample-plan.ts'

const FINE: RetainedCounts = { checked: 1000, current: 1000, stale: 0, missing: 0, doubled: 0 }

/** A report whose node a found this, and whose node b was not asked. */
function reportWith(retained: RetainedCounts) {
  const { a, b } = sampleReport().nodes
  return sampleReport({ nodes: { a: { ...a, retained }, b: b! } })
}

describe('a note tells what a new subscriber found', () => {
  test.each([
    { retained: FINE, notes: [] },
    { retained: { ...FINE, checked: 0, current: 0 }, notes: [] },
    {
      retained: { ...FINE, current: 1000 - 7, stale: 7 },
      notes: ['Of 1,000 retained messages, a new subscriber on node a found 7 not the last of their topic.'],
    },
    {
      retained: { checked: 12, current: 8, stale: 1, missing: 3, doubled: 2 },
      notes: ['Of 12 retained messages, a new subscriber on node a found 1 not the last of their topic, 3 missing, 2 there twice.'],
    },
  ])('$retained', ({ retained, notes }) => {
    expect(retainedNotes(reportWith(retained))).toEqual(notes)
  })
})

test('a threshold reads them by node, and has no sample where nothing was checked', () => {
  const report = reportWith({ checked: 12, current: 8, stale: 1, missing: 3, doubled: 2 })
  const figures = ['checked', 'current', 'stale', 'missing', 'doubled'].map((name) => lookUp(report, `nodes.a.retained.${name}`))
  expect(figures).toEqual([12, 8, 1, 3, 2])
  expect(lookUp(report, 'nodes.b.retained.stale')).toBeNull()
  expect(lookUp(reportWith({ ...FINE, checked: 0, current: 0 }), 'nodes.a.retained.stale')).toBeNull()
})

test('a threshold on them needs a node, and something that is retained', () => {
  const plan = (retain: boolean) => samplePlan({ groups: [sampleGroup({ publish: [sampleEntry({ retain })] })] })
  const problem = (metric: string, retain = true) => metricProblem(metric, plan(retain))?.problem ?? null
  expect(problem('nodes.a.retained.stale')).toBeNull()
  expect(problem('nodes.a.retained.stale', false)).toBe('nodes.a.retained.stale does not exist: no message is retained')
  expect(problem('retained.stale')).toBe('retained.stale does not exist: retained messages are counted by node')
  expect(problem('groups.sensors.retained.stale')).toContain('does not exist')
})
