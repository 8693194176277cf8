import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freePort } from '../helpers/ports.ts'
import { folder, QUICK, tool } from './tool.ts'

/** A folder with a scenario that takes two seconds. */
function withQuick(): string {
  const cwd = folder()
  writeFileSync(join(cwd, 'quick.yaml'), QUICK)
  return cwd
}

const FILES = ['events.ndjson', 'histograms.hlog', 'report.html', 'report.json', 'timeline.ndjson']

/** A machine that other tests keep busy makes a run invalid, as it should: such a run is tried again. */
describe('run', { retry: 2 }, () => {
  test('of quickstart on the embedded broker passes, with the report on stdout and in the folder', async () => {
    const cwd = folder()
    const flags = [
      '--duration',
      '2s',
      '--set',
      'thresholds=[deliveries.lost == 0]',
      '--json',
      '--out',
      'out',
      '--label',
      'owner=sre',
      '--report',
      'text=summary.txt',
      '--report',
      'html=page.html',
    ]
    const { code, stdout, stderr } = await tool(['run', 'quickstart', ...flags], { cwd })
    const report = JSON.parse(stdout)
    expect({ code, reasons: report.reasons }).toEqual({ code: 0, reasons: [] })
    expect(report).toMatchObject({ schema: 'mqtt-scale/report@1', status: 'passed', clients: { connected: 170 }, deliveries: { lost: 0 } })
    expect(report.deliveries.owed).toBe(2 * 576)
    expect(report.run.labels).toEqual({ owner: 'sre' })
    expect(report.plan.nodes).toMatchObject([{ name: 'node-1', url: expect.stringMatching(/^mqtt:\/\/127\.0\.0\.1:\d+$/) }])
    expect(report.nodes['node-1'].broker).toEqual({
      software: expect.stringMatching(/^aedes \d+\.\d+\.\d+$/),
      versions: ['3.1', '3.1.1'],
      limits: null,
    })
    expect(readdirSync(join(cwd, 'out')).sort()).toEqual(FILES)
    expect(JSON.parse(readFileSync(join(cwd, 'out/report.json'), 'utf8'))).toEqual(report)
    expect(readFileSync(join(cwd, 'summary.txt'), 'utf8')).toMatch(/^✓ passed/)
    expect(readFileSync(join(cwd, 'page.html'), 'utf8')).toContain('<!doctype html>')
    // Without a terminal each phase is a line.
    expect(stderr.match(/^ +[\d.]+ s {2}\w+/gm)!.map((line) => line.split('  ').at(-1))).toEqual([
      'connect',
      'warmUp',
      'measure',
      'drain',
      'cleanUp',
    ])
  })

  test('makes a folder of its own and ends with three commands to try, the first time only', async () => {
    const cwd = withQuick()
    const first = await tool(['run', 'quick.yaml'], { cwd })
    expect(first.code).toBe(0)
    expect(first.stdout).toMatch(/^✓ passed/)
    const [name, ...others] = readdirSync(join(cwd, 'reports'))
    expect({ name, others }).toEqual({ name: expect.stringMatching(/^quick-\d{8}T\d{6}Z$/), others: [] })
    expect(first.stdout).toContain(`reports/${name}\n`)
    expect(first.stdout.slice(first.stdout.indexOf('Try next')).match(/^ {2}mqtt-scale /gm)).toHaveLength(3)
    const second = await tool(['run', 'quick.yaml'], { cwd })
    expect(second.code).toBe(0)
    expect(second.stdout).not.toContain('Try next')
    expect(readdirSync(join(cwd, 'reports'))).toHaveLength(2)
  })

  test('is quiet with --quiet, and 3 where a threshold does not hold', async () => {
    const ended = await tool(['run', 'quick.yaml', '--quiet', '--set', 'thresholds=[deliveries.owed < 5]'], { cwd: withQuick() })
    expect(ended).toEqual({ code: 3, stdout: '', stderr: '' })
  })

  test('refuses a folder that has a report, and takes it with --force', async () => {
    const cwd = withQuick()
    writeFileSync(join(cwd, 'report.json'), 'old')
    const refused = await tool(['run', 'quick.yaml', '--out', cwd], { cwd })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(
      `error: ${cwd} has a report already\nhint: give another folder with --out, or --force to write over it`,
    )
    expect(readFileSync(join(cwd, 'report.json'), 'utf8')).toBe('old')
    expect((await tool(['run', 'quick.yaml', '--out', cwd, '--force', '--quiet'], { cwd })).code).toBe(0)
    expect(JSON.parse(readFileSync(join(cwd, 'report.json'), 'utf8')).status).toBe('passed')
  })

  test('starts nothing where the folder can not be written', async () => {
    const cwd = withQuick()
    const { code, stdout, stderr } = await tool(['run', 'quick.yaml', '--out', 'quick.yaml/out'], { cwd })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe("error: can't write to quick.yaml/out (ENOTDIR)\nhint: choose a folder with --out\n")
  })

  test('says at once which node is not there, and why, and starts nothing', async () => {
    const broker = `mqtt://127.0.0.1:${await freePort()}`
    const cwd = withQuick()
    const { code, stdout, stderr } = await tool(['run', 'quick.yaml', '--broker', broker], { cwd })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^error: node node-1, mqtt:\/\/127\.0\.0\.1:\d+, can't be reached: ECONNREFUSED\nhint: .*--skip-probe/)
    expect(readdirSync(cwd)).toEqual(['quick.yaml'])
  })

  test.each([['--skip-probe'], ['--set', 'probe=false']])(
    'that nobody could connect in says why in its first line, with %s',
    async (...flags) => {
      const broker = `mqtt://127.0.0.1:${await freePort()}`
      const { code, stdout, stderr } = await tool(['run', 'quick.yaml', '--broker', broker, ...flags], { cwd: withQuick() })
      expect(code).toBe(2)
      expect(stdout.split('\n')[0]).toMatch(/^✗ FAILED {2}nobody could connect: ECONNREFUSED \(5 times\)/)
      expect(stderr).toMatch(/^fault {2}devices, client \w{6}-devices-\d, node node-1: ECONNREFUSED$/m)
    },
  )

  test.each(['SIGINT', 'SIGTERM'] as const)('ends with its report on %s', async (signal) => {
    const cwd = withQuick()
    let isSent = false
    const { code, stdout, stderr } = await tool(['run', 'quick.yaml', '--duration', '60s', '--out', 'out', '--json'], {
      cwd,
      onStderr(text, child) {
        if (!isSent && text.includes('measure')) isSent = child.kill(signal)
      },
    })
    expect(code).toBe(130)
    expect(JSON.parse(stdout)).toMatchObject({ status: 'interrupted', clients: { connected: 5 } })
    expect(stderr).toContain('ending: drain runs, then the report is written; press Ctrl-C again to skip the drain\n')
    expect(readdirSync(join(cwd, 'out')).sort()).toEqual(FILES)
  })

  test.skipIf(!existsSync('/dev/full'))(
    'on a full disk loses nothing: the report comes on stdout, and 4 says that something is wrong',
    async () => {
      const cwd = withQuick()
      // Whatever is written to /dev/full ends with ENOSPC.
      mkdirSync(join(cwd, 'out'))
      for (const file of FILES) symlinkSync('/dev/full', join(cwd, 'out', file))
      const { code, stdout, stderr } = await tool(['run', 'quick.yaml', '--out', 'out', '--force'], { cwd })
      expect(code).toBe(4)
      expect(JSON.parse(stdout)).toMatchObject({ status: 'passed', deliveries: { owed: 40, received: 40 } })
      expect(stderr).toMatch(/^error: out\/\w+\.\w+ could not be written \(ENOSPC\); the report follows on stdout$/m)
    },
  )

  test('takes secrets from the environment, and keeps them out of what it writes', async () => {
    const cwd = withQuick()
    const flags = ['--set', 'groups.devices.username=u', '--set', 'groups.devices.password=${env:SECRET_OF_TEST}', '--out', 'out', '--json']
    const unset = await tool(['run', 'quick.yaml', ...flags], { cwd })
    expect(unset.code).toBe(2)
    expect(unset.stderr).toContain('environment variable SECRET_OF_TEST is not set')
    const { code, stdout } = await tool(['run', 'quick.yaml', ...flags], { cwd, env: { SECRET_OF_TEST: 'correct-horse' } })
    expect(code).toBe(0)
    expect(JSON.parse(stdout).plan.groups[0]).toMatchObject({ username: '***', password: '${env:SECRET_OF_TEST}' })
    for (const file of FILES) expect(readFileSync(join(cwd, 'out', file), 'utf8')).not.toContain('correct-horse')
  })
})

/** Nobody is there, and nobody is asked: TEST-NET-1. */
const NOWHERE = ['--broker', 'mqtt://203.0.113.250:1883']

describe('a run that is too large for this machine', () => {
  test('ends before it begins, with what is short and the ways out', async () => {
    const cwd = folder()
    const { code, stdout, stderr } = await tool(['run', '10m', ...NOWHERE, '--skip-probe'], { cwd })
    expect({ code, stdout, files: readdirSync(cwd) }).toEqual({ code: 2, stdout: '', files: [] })
    expect(stderr).toMatch(/^error: the run needs more than this machine has: .*local ports/)
    expect(stderr).toMatch(/^ {2}files per process +[\d,]+ +[\d,]+ +any$/m)
    expect(stderr).toMatch(/^✗ local ports +10,001,100 +[\d,]+ +[\d,]+$/m)
    expect(stderr).toMatch(/^ {2}--agents \d+ +[\d,]+ machines like this one$/m)
    expect(stderr).toMatch(/^ {2}sysctl -w net\.ipv4\.ip_local_port_range="1024 65535" +local ports$/m)
    // What is said to fit does.
    const scale = /^hint: one of\n {2}--scale (\S+) +fits this machine$/m.exec(stderr)![1]!
    const plan = await tool(['plan', '10m', ...NOWHERE, '--scale', scale, '--json'], { cwd })
    expect(JSON.parse(plan.stdout).rows.filter(({ state }: { state: string }) => state === 'short')).toEqual([])
  })

  test('may be so for the embedded broker, which is one process', async () => {
    const cwd = withQuick()
    const flags = ['--set', 'groups.devices.clients=3M']
    const { code, stderr } = await tool(['run', 'quick.yaml', ...flags], { cwd })
    expect({ code, files: readdirSync(cwd) }).toEqual({ code: 2, files: ['quick.yaml'] })
    expect(stderr).toMatch(/^✗ files of the embedded broker /m)
    expect(stderr).toMatch(/^ {2}--broker URL: one of yours /m)
    expect(stderr).not.toContain('--agents')
  })
})
