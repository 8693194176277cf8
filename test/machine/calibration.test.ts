import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { estimate } from '../../src/load/estimate.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import { calibrationMachine, calibrationPath, readCalibration, writeCalibration } from '../../src/machine/calibration.ts'
import { ceilingsOf, rateWarnings, useOf } from '../../src/machine/ceiling.ts'
import { toolVersion } from '../../src/report/host.ts'
import type { TimelineRow } from '../../src/report/types.ts'
import { sampleCalibration } from './sample-calibration.ts'

const folder = mkdtempSync(join(tmpdir(), 'mqtt-scale-calibration-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a calibration', () => {
  const sample = sampleCalibration()
  const text = JSON.stringify(sample)
  const { receivesPerSec: _, ...partial } = sample

  test('is read as it was written, and leaves nothing else behind', () => {
    const path = join(folder, 'deep', 'er', 'calibration.json')
    writeCalibration(path, sample)
    writeCalibration(path, sample)
    expect(readCalibration(path, sample.machine)).toEqual({ calibration: sample, problem: null })
    expect(readdirSync(join(folder, 'deep', 'er'))).toEqual(['calibration.json'])
  })

  test('that is not there is no problem', () => {
    expect(readCalibration(join(folder, 'none.json'), sample.machine)).toEqual({ calibration: null, problem: null })
  })

  test.each([
    { why: 'cut short', text: text.slice(0, -9), problem: 'is not JSON' },
    { why: 'empty', text: '', problem: 'is not JSON' },
    { why: 'without a figure', text: JSON.stringify(partial), problem: 'is no calibration of this version of mqtt-scale' },
    {
      why: 'of another schema',
      text: text.replace('calibration@1', 'calibration@2'),
      problem: 'is no calibration of this version of mqtt-scale',
    },
    { why: 'something else', text: '[1, 2]', problem: 'is no calibration of this version of mqtt-scale' },
    { why: 'with a rate of nothing', text: text.replace('20000', '0'), problem: 'is no calibration of this version of mqtt-scale' },
    { why: 'of another CPU', text: text.replace('EPYC', 'Xeon'), problem: 'was made with the CPU Xeon, and this is EPYC' },
    {
      why: 'of another number of cores',
      text: text.replace('"cores":8', '"cores":4'),
      problem: 'was made with this number of cores: 4, and this is 8',
    },
    { why: 'of another kernel', text: text.replace('6.12', '6.1'), problem: 'was made with kernel 6.1, and this is 6.12' },
    { why: 'of another Node', text: text.replace('"20"', '"22"'), problem: 'was made with Node 22, and this is 20' },
    { why: 'of another version', text: text.replace('0.1.0', '0.0.9'), problem: 'was made with mqtt-scale 0.0.9, and this is 0.1.0' },
  ])('$why is ignored, with words', ({ text, problem }) => {
    const path = join(folder, 'foreign.json')
    writeFileSync(path, text)
    expect(readCalibration(path, sample.machine)).toEqual({ calibration: null, problem: `${path} ${problem}: it is ignored` })
  })

  test('that can’t be read is ignored too', () => {
    expect(readCalibration(folder, sample.machine).problem).toBe(`${folder} can't be read (EISDIR): it is ignored`)
  })

  test.each([
    { why: 'where it is told to be', env: { MQTT_SCALE_CALIBRATION: '/x/y.json', XDG_CACHE_HOME: '/cache' }, path: /^\/x\/y\.json$/ },
    { why: 'in the user’s cache', env: { XDG_CACHE_HOME: '/cache' }, path: /^\/cache\/mqtt-scale\/calibration\.json$/ },
    { why: 'at home', env: {}, path: /^\/.*\/\.cache\/mqtt-scale\/calibration\.json$/ },
    {
      why: 'at home, as a relative cache is none',
      env: { XDG_CACHE_HOME: 'cache' },
      path: /^\/.*\/\.cache\/mqtt-scale\/calibration\.json$/,
    },
  ])('is $why', ({ env, path }) => {
    expect(calibrationPath(env)).toMatch(path)
  })

  test('depends on the series of kernel and Node', () => {
    expect(calibrationMachine({ cpu: 'EPYC', cores: 8, kernel: '6.12.9-amd64' })).toEqual({
      ...{ cpu: 'EPYC', cores: 8, kernel: '6.12' },
      node: process.versions.node.split('.')[0],
      tool: toolVersion(),
    })
  })
})

describe('a plan', () => {
  /** 1,000 publishers at a rate each, which one client gets. */
  function plannedOf(group: string) {
    const text = `
brokers: [{ url: mqtt://a }]
phases: { warmUp: 0s }
groups:
  sensors: { clients: 1000, ${group} }
  watcher: { subscribe: [{ filter: "t/#" }] }`
    const plan = loadScenario('sample.yaml', text, NO_OPTIONS)
    return { plan, planned: estimate(plan, { fileBytes: () => 0, transport: 'epoll', workers: 1, processes: 1 }) }
  }

  function warningsOf(group: string, calibration = true) {
    const { plan, planned } = plannedOf(group)
    return rateWarnings(planned, ceilingsOf(plan, planned, calibration ? sampleCalibration() : null)).map(({ words }) => words)
  }

  test.each([
    { why: 'below all that was measured', group: 'connect: { rate: 900/s }, publish: [{ topic: "t/1", rate: 140k/s }]', words: [] },
    {
      why: 'that publishes more',
      group: 'connect: { rate: 900/s }, publish: [{ topic: "x/1", rate: 210k/s }]',
      words: ['publishes at 210,000/s, and this machine was measured to do 200,000/s'],
    },
    {
      why: 'that publishes more for its QoS',
      group: 'connect: { rate: 900/s }, publish: [{ topic: "x/1", rate: 140k/s, qos: { 0: 50%, 1: 50% } }]',
      words: ['publishes at 140,000/s, and this machine was measured to do 133,333/s'],
    },
    {
      why: 'that receives more',
      group: 'connect: { rate: 900/s }, publish: [{ topic: "t/1", rate: 160k/s }]',
      words: ['receives at 160,000/s, and this machine was measured to do 150,000/s'],
    },
    {
      why: 'whose peak is more',
      group: 'connect: { rate: 900/s }, publish: [{ topic: "x/1", rate: 150k/s, load: { 0s: 100%, 10s: 100%, 20s: 150% } }]',
      words: [expect.stringMatching(/^publishes at 2\d\d,\d{3}\/s, .* 200,000\/s$/)],
    },
  ])('$why', ({ group, words }) => {
    expect(warningsOf(group)).toEqual(words)
    expect(warningsOf(group, false)).toEqual([])
  })

  test('has ceilings for what it asks, and a run what it had of them', () => {
    const { plan, planned } = plannedOf('publish: [{ topic: "x/1", rate: 140k/s, qos: { 0: 50%, 1: 50% } }]')
    const ceilings = ceilingsOf(plan, planned, sampleCalibration())
    expect(ceilings).toEqual({ at: '2026-11-29T12:00:00.000Z', connects: 20_000, publishes: expect.closeTo(133_333, 0), receives: null })
    const row = { connectsPerSec: 0, sentPerSec: 0, receivedPerSec: 0 } as TimelineRow
    const rows = [
      { ...row, connectsPerSec: 1000 },
      { ...row, sentPerSec: 100_000 },
      { ...row, sentPerSec: 20_000 },
    ]
    expect(useOf(ceilings, rows)).toEqual({
      at: '2026-11-29T12:00:00.000Z',
      connects: { perSec: 20_000, peak: 0.05 },
      publishes: { perSec: 133_333, peak: 0.75 },
      receives: null,
    })
    expect(useOf(ceilingsOf(plan, planned, null), rows)).toBeNull()
  })

  test('that connects faster', () => {
    const words = ['connects at 51,000/s, and this machine was measured to do 20,000/s']
    expect(warningsOf('connect: { rate: 50k/s }').map((text) => text.replace(/5\d,\d{3}/, '51,000'))).toEqual(words)
  })
})
