import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Report } from '../../src/report/types.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { freePort } from '../helpers/ports.ts'
import { folder, QUICK, tool } from './tool.ts'

/** A folder with a scenario that takes two seconds. */
function withQuick(): string {
  const cwd = folder()
  writeFileSync(join(cwd, 'quick.yaml'), QUICK)
  return cwd
}

const reportIn = (...path: string[]): Report => JSON.parse(readFileSync(join(...path, 'report.json'), 'utf8'))

/** A machine that other tests keep busy makes a run invalid, as it should: such a run is tried again. */
describe('run --repeat', { retry: 2 }, () => {
  test('makes runs one after the other, each in a folder of its own, and says how to compare them', async () => {
    const cwd = withQuick()
    const { code, stdout, stderr } = await tool(['run', 'quick.yaml', '--repeat', '2', '--report', 'md=note.md'], { cwd })
    expect(code).toBe(0)
    const [name, ...others] = readdirSync(join(cwd, 'reports'))
    expect({ name, others }).toEqual({ name: expect.stringMatching(/^quick-\d{8}T\d{6}Z$/), others: [] })
    expect(readdirSync(join(cwd, 'reports', name!))).toEqual(['1', '2'])
    const reports = ['1', '2'].map((number) => reportIn(cwd, 'reports', name!, number))
    const [first, second] = reports as [Report, Report]
    expect(reports.map(({ status }) => status)).toEqual(['passed', 'passed'])
    expect(second.run.id).not.toBe(first.run.id)
    expect(second.run.scenarioHash).toBe(first.run.scenarioHash)
    expect(Date.parse(second.run.startedAt)).toBeGreaterThanOrEqual(Date.parse(first.run.startedAt) + first.run.durationS * 1000)
    expect(readdirSync(cwd).sort()).toEqual(['note-1.md', 'note-2.md', 'quick.yaml', 'reports'])
    expect(stdout.replaceAll(/[\d,.]+ (µs|ms|s|%)/g, '~').replaceAll(/ +/g, ' ')).toBe(`quick · 2 runs
 e2e p50 e2e p99 ack p99 connect p99 lost
 1 passed ~ ~ ~ ~ 0 reports/${name}/1
 2 passed ~ ~ ~ ~ 0 reports/${name}/2
 spread ~ ~ ~ ~

Compare with runs made in the same way, of another broker, version or setting
 mqtt-scale compare --base reports/${name} --candidate …
`)
    expect(stderr.match(/^run \d of \d$/gm)).toEqual(['run 1 of 2', 'run 2 of 2'])
  })

  test('prints an array with --json, also of one run', async () => {
    const cwd = withQuick()
    const { code, stdout } = await tool(['run', 'quick.yaml', '--repeat', '1', '--json', '--out', 'out'], { cwd })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual([reportIn(cwd, 'out/1')])
    expect(readdirSync(join(cwd, 'out'))).toEqual(['1'])
  })

  const withReport = (cwd: string, path: string) => {
    mkdirSync(join(cwd, path), { recursive: true })
    writeFileSync(join(cwd, path, 'report.json'), 'old')
  }

  test.each(['out', 'out/2', 'out/7'])('refuses before the first run where %s has a report', async (path) => {
    const cwd = withQuick()
    withReport(cwd, path)
    const refused = await tool(['run', 'quick.yaml', '--repeat', '2', '--out', 'out'], { cwd })
    expect(refused).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: ${path} has a report already\nhint: give another folder with --out, or --force to write over it\n`,
    })
    expect(existsSync(join(cwd, 'out/1'))).toBe(false)
  })

  test('takes such a folder with --force', async () => {
    const cwd = withQuick()
    for (const path of ['out', 'out/2', 'out/7']) withReport(cwd, path)
    const forced = await tool(['run', 'quick.yaml', '--repeat', '2', '--out', 'out', '--force', '--quiet'], { cwd })
    expect(forced).toEqual({ code: 0, stdout: '', stderr: '' })
    // What is left of an earlier series would be taken for a part of this one.
    const found = readdirSync(cwd, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('report.json'))
    expect(found.sort()).toEqual(['out/1/report.json', 'out/2/report.json'])
  })

  test('goes on where a threshold does not hold, and ends with 3', async () => {
    const cwd = withQuick()
    const flags = ['--repeat', '2', '--out', 'out', '--set', 'thresholds=[deliveries.owed < 5]']
    const { code, stdout } = await tool(['run', 'quick.yaml', ...flags], { cwd })
    expect({ code, folders: readdirSync(join(cwd, 'out')) }).toEqual({ code: 3, folders: ['1', '2'] })
    expect(stdout).toMatch(/^ {2}1: deliveries\.owed < 5 does not hold: 40$/m)
  })

  test('ends with the first run in which nobody could connect', async () => {
    const cwd = withQuick()
    const flags = ['--repeat', '3', '--out', 'out', '--skip-probe', '--broker', `mqtt://127.0.0.1:${await freePort()}`]
    const { code, stdout } = await tool(['run', 'quick.yaml', ...flags], { cwd })
    expect({ code, folders: readdirSync(join(cwd, 'out')) }).toEqual({ code: 2, folders: ['1'] })
    expect(stdout).toMatch(/^quick · 1 of 3 runs$/m)
    expect(stdout).toContain('1: nobody could connect: ECONNREFUSED')
  })

  test('keeps and shows what it has where a later run can not begin', async () => {
    const cwd = withQuick()
    const broker = await startLyingBroker()
    const flags = ['--repeat', '2', '--out', 'out', '--broker', broker.url, '--set', 'sentinel=false']
    let isGone = false
    const { code, stdout, stderr } = await tool(['run', 'quick.yaml', ...flags], {
      cwd,
      onStderr(text) {
        if (isGone || !/^passed: /m.test(text)) return
        isGone = true
        void broker.close()
      },
    })
    expect({ code, folders: readdirSync(join(cwd, 'out')) }).toEqual({ code: 2, folders: ['1'] })
    expect(stdout).toMatch(/^quick · 1 of 2 runs$/m)
    expect(stderr).toMatch(/^error: node node-1, .*can't be reached: ECONNREFUSED$/m)
  })

  test('is ended by an interrupt: no further run', async () => {
    const cwd = withQuick()
    let isSent = false
    const { code, stdout } = await tool(['run', 'quick.yaml', '--repeat', '3', '--duration', '60s', '--out', 'out', '--json'], {
      cwd,
      onStderr(text, child) {
        if (!isSent && text.includes('measure')) isSent = child.kill('SIGINT')
      },
    })
    expect({ code, folders: readdirSync(join(cwd, 'out')) }).toEqual({ code: 130, folders: ['1'] })
    expect(JSON.parse(stdout)).toMatchObject([{ status: 'interrupted', clients: { connected: 5 } }])
  })
})
