import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readReport } from '../../src/report/read.ts'
import type { Report } from '../../src/report/types.ts'
import { sampleReport } from '../helpers/sample-report.ts'

function kept(report: object): Report {
  const folder = mkdtempSync(join(tmpdir(), 'mqtt-scale-read-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'report.json'), JSON.stringify(report))
  return readReport(folder)
}

test('a report is read as it was written', () => {
  const { a } = sampleReport().nodes
  const report = sampleReport({ nodes: { a: { ...a, broker: { software: 'EMQX 5.8.0', versions: ['5'], limits: null } } } })
  expect(kept(report)).toEqual(JSON.parse(JSON.stringify(report)))
})

test('a report from before has nothing of what was added since', () => {
  const { plan, nodes, generator, ...rest } = sampleReport()
  const { aborts: _, ...oldPlan } = plan
  const { agents: __, clockBoundUs: ___, calibration: ____, ...oldGenerator } = generator
  const old = {
    ...rest,
    plan: oldPlan,
    generator: oldGenerator,
    nodes: { ...nodes, a: { ...nodes.a, broker: { versions: ['5'], limits: null } } },
  }
  const report = kept(old)
  expect(report.plan.aborts).toEqual([])
  expect(report.generator).toMatchObject({ agents: [], clockBoundUs: null, calibration: null })
  expect(report.nodes.a!.broker).toEqual({ software: null, versions: ['5'], limits: null })
  // What a node has not was not made up for it.
  expect(Object.keys(report.nodes.b!)).toEqual(Object.keys(nodes.b!))
})
