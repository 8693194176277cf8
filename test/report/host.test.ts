import { cpus } from 'node:os'
import { expect, test } from 'vitest'
import { hostFacts } from '../../src/report/host.ts'

test('the facts of a host are filled in, and survive JSON', () => {
  const facts = hostFacts()
  expect(JSON.parse(JSON.stringify(facts))).toEqual(facts)
  expect(facts).toMatchObject({ node: process.versions.node, tool: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  expect(facts.cores).toBeLessThanOrEqual(cpus().length)
  expect(facts.cores).toBeGreaterThan(0)
  expect(facts.os).toContain(process.arch)
})

test.runIf(process.platform === 'linux')('on Linux the limits are those of the kernel', () => {
  const { limits } = hostFacts()
  expect(limits.localPorts).toBeGreaterThan(0)
  expect(limits.localPorts).toBeLessThanOrEqual(65_536)
  expect(limits.openFiles === null || limits.openFiles >= 64).toBe(true)
})
