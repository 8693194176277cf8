import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { plateaus, search, storm, TARGET } from '../capacity/sample-evidence.ts'
import { folder, tool } from './tool.ts'

/** A folder with the worked case's target, runs and search. */
function workedCase(): string {
  const cwd = folder()
  const write = (file: string, value: unknown) => {
    mkdirSync(join(cwd, file, '..'), { recursive: true })
    writeFileSync(join(cwd, file), typeof value === 'string' ? value : JSON.stringify(value))
  }
  write('10m.target.yaml', TARGET)
  for (const { path, report } of [...plateaus(2e5, 5e5, 9e5, 1.2e6), storm(33_333)]) write(`reports/${path}/report.json`, report)
  write('reports/rate/search.json', search([1, 2, 3, 4]).report)
  return cwd
}

describe('size', () => {
  test('says how many nodes, and exits with 0', async () => {
    const { code, stdout, stderr } = await tool(['size', '10m.target.yaml', '--from', 'reports'], { cwd: workedCase() })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^✓ 15 nodes, 5 in each of 3 zones {2}10 have to be left when a zone is lost: connection cap binds/)
  })

  test('exits with 5 where more runs are needed, with another target by --set, as JSON', async () => {
    const args = ['size', '10m.target.yaml', '--from', 'reports', '--set', 'publish=600k/s', '--format', 'json']
    const { code, stdout } = await tool(args, { cwd: workedCase() })
    expect(code).toBe(5)
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'mqtt-scale/size@1',
      verdict: 'inconclusive',
      answer: null,
      load: { publishesPerSec: 600_000 },
    })
  })

  test('writes a page to --out', async () => {
    const cwd = workedCase()
    const ended = await tool(['size', '10m.target.yaml', '--from', 'reports', '--format', 'html', '--out', 'size.html'], { cwd })
    expect(ended).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(readFileSync(join(cwd, 'size.html'), 'utf8')).toMatch(/^<!doctype html>/)
  })

  test('takes a target that ships, and says what it wants where there is no run at all', async () => {
    const { code, stdout, stderr } = await tool(['size', 'sizing/10m'], { cwd: folder() })
    expect({ code, stderr }).toEqual({ code: 5, stderr: '' })
    expect(stdout).toMatch(/^! inconclusive {2}at least 15 nodes, 5 in each of 3 zones; memory: no run has a plateau/)
    expect(stdout).toMatch(/ 1 {2}hold idle clients at three numbers or more \(sizing\/idle\)/)
  })

  test.each(['cross-node', 'bridge', 'zone-loss', 'estate', 'sizing/idle'])(
    'takes the load of %s, whatever brokers it wants',
    async (load) => {
      const cwd = folder()
      writeFileSync(join(cwd, 'x.target.yaml'), `load: ${load}\nslo: [endToEnd.p99 < 1s]\nsurvive: none\nnode: { memory: 4GiB }\n`)
      const { code, stdout, stderr } = await tool(['size', 'x.target.yaml'], { cwd })
      expect({ code, stderr }).toEqual({ code: 5, stderr: '' })
      expect(stdout).toMatch(/^! inconclusive/)
      expect(stdout.includes('no search for a rate')).toBe(load !== 'sizing/idle')
    },
  )

  test.each([
    { args: ['size'], error: "missing required argument 'target'" },
    { args: ['size', 'nothing.yaml'], error: "can't read nothing.yaml (ENOENT)" },
    { args: ['size', '10m.target.yaml', '--from', 'nowhere'], error: 'there is no nowhere' },
    { args: ['size', '10m.target.yaml', '--set', 'zoens=2'], error: 'zoens: unknown key (from --set) (did you mean zones?)' },
    { args: ['size', '10m.target.yaml', '--set', 'zones=none'], error: 'this is wrong in the target; nothing was started' },
    { args: ['size', '10m.target.yaml', '--set', 'load=nothing'], error: 'no scenario nothing: there is no such file' },
    { args: ['size', '10m.target.yaml', '--allow', 'host'], error: '--allow host: there is no such rule' },
    { args: ['size', '10m.target.yaml', '--format', 'md'], error: 'expected one of text, json, html' },
    { args: ['size', '10m.target.yaml', '--out', '/nowhere/x'], error: '/nowhere/x could not be written (ENOENT)' },
  ])('exits with 2 for $args', async ({ args, error }) => {
    const { code, stdout, stderr } = await tool(args, { cwd: workedCase() })
    expect(stderr).toContain(error)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('has a calibration that runs: what it measures is what a size is made from', { timeout: 60_000 }, async () => {
    const cwd = folder()
    const run = (name: string, ...flags: string[]) =>
      tool(['run', `sizing/${name}`, '--scale', '10%', '--quiet', '--out', `reports/${name}`, ...flags], { cwd })
    const short = ['--set', 'phases.warmUp=0s', '--duration', '1s']
    const codes = [
      await run('idle', ...short),
      // A machine that other tests keep busy is late, which is of no matter here.
      await run('rate', ...short, '--set', 'thresholds=[endToEnd.p99 < 10s]'),
      await run('storm', '--set', 'phases.measure={min: 5s, max: 1m, until: recovered}'),
    ]
    expect(codes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(3).fill({ code: 0, stderr: '' }))
    const { code, stdout } = await tool(['size', 'sizing/10m', '--from', 'reports'], { cwd })
    expect(code).toBe(5)
    expect(stdout).toMatch(/connects a second of one node +[\d.]+\/s +measured +fault storm of sizing-storm: 100 clients/)
  })
})
