import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { report } from '../../src/cli/report.ts'
import { Journal } from '../../src/control/journal.ts'
import { toolVersion } from '../../src/report/host.ts'
import { sampleAssignment, sampleHello } from '../control/sample.ts'
import { samplePlan } from '../load/sample-plan.ts'
import { folder } from './tool.ts'

/** What agent a of a run of a and b has kept, with an empty folder and a report beside it. */
function kept(): string {
  const top = folder()
  const { host } = sampleHello('a')
  const journal = new Journal(join(top, 'a', 'agent-a-abcdef'))
  const assignment = sampleAssignment({ agents: ['a', 'b'] })
  journal.write({ type: 'begin', version: toolVersion(), agent: 'a', host, assignment, parcel: { plan: samplePlan(), files: new Map() } })
  journal.close()
  for (const name of ['empty', 'report', 'report-2']) mkdirSync(join(top, name))
  for (const name of ['report', 'report-2']) writeFileSync(join(top, name, 'report.json'), '{}')
  return top
}

test.each([
  { what: 'a folder that is not there', paths: ['a', 'b'], error: /^there is no .*\/b$/ },
  { what: 'a folder with nothing of an agent', paths: ['a', 'empty'], error: /\/empty holds nothing that an agent has kept$/ },
  { what: 'a report beside journals', paths: ['report', 'a'], error: /\/report holds nothing that an agent has kept$/ },
  { what: 'several reports', paths: ['report', 'report-2'], error: /^several reports are not one$/ },
  { what: 'a folder twice', paths: ['a', 'a'], error: /journal\.bin and .*journal\.bin are both of agent a$/ },
])('$what is an error, and no report without a word', async ({ paths, error }) => {
  const top = kept()
  const named = paths.map((path) => join(top, path))
  await expect(report(named, { format: 'json', out: join(top, 'out.json') })).rejects.toThrow(error)
})
