import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { freePort } from '../helpers/ports.ts'
import { FILES, GITHUB, GITLAB, Machine, STEPS } from './ci-workflows.ts'
import { requireMosquitto } from './mosquitto.ts'

/**
 * docs/ci.md, tried: its workflows are run on two mosquittos, with short runs. See ci-workflows.ts for what stands in for a machine of CI.
 */
const CONFIGURATION = FILES.get('mosquitto.conf')!
const LOAD = FILES.get('load.yaml')!
/** Shorter; and a threshold that leaves more to a machine that other tests keep busy, whose lateness is held against a tenth of it. */
const QUICK = `${LOAD.replace(/^phases:.*$/m, 'phases: { warmUp: 500ms, measure: 2s, drain: 2s }').replace('p99 < 1s', 'p99 < 10s')}
settle: 100ms
sentinel: false
`

/** In place of mqtt-scale: every run is good, and the comparison exits with $CODE. */
const COMPARISON = '[ "$1" = run ] || { echo "exit $CODE" > reports/compare.md; exit $CODE; }'

const machines: Machine[] = []
afterAll(() => {
  for (const machine of machines) machine.clear()
})

/** @param candidate  mosquitto.conf of the change */
function machineWith(candidate: string): Machine {
  const machine = new Machine(new Map([...FILES, ['load.yaml', QUICK]]), new Map([['mosquitto.conf', candidate]]))
  machines.push(machine)
  return machine
}

async function variables(runs: number): Promise<Record<string, string>> {
  return { RUNS: String(runs), BASE_PORT: String(await freePort()), CANDIDATE_PORT: String(await freePort()) }
}

test('the page has the files that its workflows work with', () => {
  expect([...FILES.keys()]).toEqual([
    'mosquitto.conf',
    'load.yaml',
    'ci/brokers.sh',
    '.github/workflows/broker.yml',
    '.gitlab-ci.yml',
    'jobs.load',
    'load',
  ])
  expect(QUICK).not.toMatch(/warmUp: 5s|< 1s/)
  expect(loadScenario('load.yaml', LOAD, NO_OPTIONS).gates).toEqual({ 'endToEnd.p50': '10%', 'endToEnd.p99': '25%' })
})

test('services have two brokers each', () => {
  const github = parse(FILES.get('jobs.load')!) as { services: Record<string, { ports: string[] }> }
  const published = Object.values(github.services).flatMap(({ ports }) => ports)
  expect(published).toEqual([`${GITHUB.env.BASE_PORT}:1883`, `${GITHUB.env.CANDIDATE_PORT}:1883`])
  const gitlab = parse(FILES.get('load')!) as { services: { alias: string }[] }
  expect(gitlab.services.map(({ alias }) => alias)).toEqual(['base', 'candidate'])
})

test('actions are of GitHub itself, with a version, and what they keep is kept in any case', () => {
  const used = STEPS.flatMap(({ uses }) => uses ?? [])
  expect(used.map((one) => one.replace(/@v\d+$/, ''))).toEqual(['actions/checkout', 'actions/setup-node', 'actions/upload-artifact'])
  expect(STEPS.at(-1)).toMatchObject({ if: 'always()', with: { path: 'reports' } })
  expect(GITLAB.artifacts).toMatchObject({ when: 'always', paths: ['reports'] })
})

describe.skipIf(!requireMosquitto())('the workflows', { timeout: 120_000, retry: 2 }, () => {
  test('GitHub: a configuration that makes everything slower fails with 3, and the summary says why', async () => {
    const machine = machineWith(CONFIGURATION.replace('set_tcp_nodelay true\n', ''))
    const { code, log } = await machine.runGitHub(await variables(3))
    expect(code, log).toBe(3)
    expect(JSON.parse(machine.read('reports/compare.json')!)).toMatchObject({ verdict: 'regression', scenario: 'ci' })
    const summary = machine.read('../summary.md')!
    expect(summary).toMatch(/^### ❌ REGRESSION: endToEnd\.p50 \+[\d,.]+ % \(.*\), over its margin of 10 %$/m)
    expect(summary).toMatch(/^### ✅ passed: all 3 thresholds hold$/m)
    expect(machine.read('reports/summary.md')).toBe(summary)
    expect(machine.read('../gh.txt')).toBe('pr comment 17 --edit-last --create-if-none --body-file reports/summary.md\n')
    expect(machine.read('reports/compare.xml')).toMatch(/<failure message="regression: /)
    expect(machine.read('reports/gate.xml')).toMatch(/failures="0"/)
    expect(machine.read('reports/compare.html')).toMatch(/^<!doctype html>/)
    // Runs that could not be trusted are kept beside these, and were made again.
    expect(machine.find('reports/ab/[bc]a*/*/report.html')).toHaveLength(6)
  })

  test('GitLab: the same configuration once more is no regression', async () => {
    const machine = machineWith(`${CONFIGURATION}# A comment changes nothing.\n`)
    const { code, log } = await machine.runGitLab(await variables(2))
    const { verdict } = JSON.parse(machine.read('reports/compare.json') ?? '{}')
    expect(['ok', 'improvement', 'inconclusive'], log).toContain(verdict)
    expect(GITLAB.allow_failure).toEqual({ exit_codes: 5 })
    expect(code).toBe(verdict === 'inconclusive' ? 5 : 0)
    expect(machine.find(GITLAB.artifacts.reports.junit)).toEqual(['reports/compare.xml', 'reports/gate.xml'])
    expect(machine.read('reports/compare.md')).toContain('| deliveries.lost == 0 | holds in all 2 | holds in all 2 | ✅ holds |')
    expect(machine.find('reports/*.log')).toEqual(['reports/base.log', 'reports/candidate.log'])
  })

  test('GitHub: a configuration that drops messages fails at the first run, and nothing is compared', async () => {
    const machine = machineWith(`${CONFIGURATION}message_size_limit 32\n`)
    const { code, log } = await machine.runGitHub(await variables(2))
    expect(code, log).toBe(3)
    expect(machine.read('../summary.md')).toMatch(/^### ❌ FAILED: deliveries\.lost == 0 does not hold: [\d,]+$/m)
    expect(machine.find('reports/compare*')).toEqual([])
  })

  test.each([
    { code: 0, job: 0, warns: false },
    { code: 2, job: 2, warns: false },
    { code: 3, job: 3, warns: false },
    { code: 4, job: 4, warns: false },
    { code: 5, job: 0, warns: true },
  ])('GitHub: a comparison that exits with $code ends the job with $job, and is told in any case', async ({ code, job, warns }) => {
    const machine = machineWith(CONFIGURATION)
    machine.pretend(COMPARISON)
    const ended = await machine.runGitHub({ ...(await variables(2)), CODE: String(code) })
    expect(ended.code, ended.log).toBe(job)
    expect(ended.log.includes('::warning::')).toBe(warns)
    expect(machine.read('../summary.md')).toBe(`exit ${code}\n`)
  })

  test.each([0, 2, 3, 4, 5])('GitLab: the job exits with what the comparison exits with: %i', async (code) => {
    const machine = machineWith(CONFIGURATION)
    machine.pretend(COMPARISON)
    const ended = await machine.runGitLab({ ...(await variables(2)), CODE: String(code) })
    expect(ended.code, ended.log).toBe(code)
  })

  test('GitLab: a configuration that mosquitto does not take fails, and shows its log', async () => {
    const machine = machineWith('no_such_option 1\n')
    const { code, log } = await machine.runGitLab(await variables(2))
    expect(code).toBe(1)
    expect(log).toContain('no_such_option')
  })

  test('GitLab: a port that somebody else has fails, and nobody else is measured', async () => {
    const machine = machineWith(CONFIGURATION)
    const taken = await variables(2)
    const server = createServer().listen(Number(taken.CANDIDATE_PORT), '127.0.0.1')
    await once(server, 'listening')
    const { code, log } = await machine.runGitLab(taken)
    server.close()
    expect(code).toBe(1)
    expect(log).toContain('Address already in use')
  })
})
