import { describe, expect, test } from 'vitest'
import { clockBoundOf, Machines, nearest } from '../../src/run/machines.ts'
import type { Gain, MachineUse } from '../../src/run/messages.ts'
import { sampleAgent, sampleGain } from '../control/sample.ts'

const use = (fields: Partial<MachineUse> = {}): MachineUse => ({
  host: { all: 200, idle: 100, steal: 2 },
  files: { used: 10, limit: 1000 },
  ports: { used: 5, limit: 500 },
  ...fields,
})
const process = (cpuUs: number, bytes = 0) => ({ cpuUs, bytes })

function figuresOf(...gains: readonly [gain: Gain, isMeasured: boolean][]) {
  const machines = new Machines()
  for (const [gain, isMeasured] of gains) machines.take(0, gain, isMeasured)
  return machines.figures([sampleAgent('a')])[0]!
}

describe('the figures of a machine', () => {
  test('are what its processes used and what its host did, over the seconds of measure', () => {
    const first = sampleGain(2, { processes: [process(300_000), process(200_000)], machines: [use()] })
    const second = sampleGain(3, { processes: [process(500_000), process(0)], machines: [use({ host: { all: 200, idle: 0, steal: 0 } })] })
    const { cpu } = figuresOf([first, true], [second, true])
    expect(cpu).toEqual({ processCores: 0.5, host: 0.75, steal: 0.005 })
  })

  test('are not of the time before measure, but for the most memory and what was in use at last', () => {
    const before = sampleGain(1, { processes: [process(900_000, 60), process(0, 40)], machines: [use()] })
    const measured = sampleGain(2, { processes: [process(100_000, 30)], machines: [use({ files: { used: 7, limit: 1000 } })] })
    const { cpu, memory, files, ports } = figuresOf([before, false], [measured, true])
    expect(cpu.processCores).toBe(0.1)
    expect(memory).toEqual({ residentBytes: 100 })
    expect([files, ports]).toEqual([
      { used: 7, limit: 1000 },
      { used: 5, limit: 500 },
    ])
  })

  test('of a host that tells nothing are not known', () => {
    const { cpu } = figuresOf([sampleGain(1, { machines: [use({ host: null })] }), true])
    expect(cpu).toEqual({ processCores: 0, host: null, steal: null })
  })

  test('of members that are no machines are nothing', () => {
    const { cpu, files } = figuresOf([sampleGain(1, { processes: [process(900_000)] }), true])
    expect([cpu.processCores, files]).toEqual([0, { used: 0, limit: null }])
  })

  test('are each of its own agent', () => {
    const machines = new Machines()
    machines.take(1, sampleGain(1, { processes: [process(250_000)], machines: [use()] }), true)
    const figures = machines.figures([sampleAgent('a'), sampleAgent('b', { workers: 7 })])
    expect(figures.map(({ id, workers, cpu }) => [id, workers, cpu.processCores])).toEqual([
      ['a', 2, 0],
      ['b', 7, 0.25],
    ])
  })

  test('tell when it was lost: the first time counts', () => {
    const machines = new Machines()
    machines.lost(1, 2_500_400)
    machines.lost(1, 9e6)
    expect(machines.figures([sampleAgent('a'), sampleAgent('b')]).map(({ lostAtS }) => lostAtS)).toEqual([null, 2.5])
  })
})

test.each([
  {
    why: 'has used most of its limit, not most',
    machines: [
      { used: 900, limit: 10_000 },
      { used: 50, limit: 100 },
    ],
    worst: 1,
  },
  {
    why: 'has a limit, before one that has none',
    machines: [
      { used: 9000, limit: null },
      { used: 1, limit: 100 },
    ],
    worst: 1,
  },
  {
    why: 'is the first of equal ones',
    machines: [
      { used: 0, limit: null },
      { used: 9, limit: null },
    ],
    worst: 0,
  },
])('the machine nearest to its limit $why', ({ machines, worst }) => expect(nearest(machines)).toEqual(machines[worst]))

describe('times from one machine to another are wrong', () => {
  test.each([
    { why: 'by what the two worst clocks can be, one each way', bounds: [100, 0, 300, 250], boundUs: 550 },
    { why: 'by one, where the other is the run’s own', bounds: [0, 120], boundUs: 120 },
    { why: 'not at all, where all have the run’s clock', bounds: [0, 0], boundUs: null },
    { why: 'not at all, where there is one machine', bounds: [], boundUs: null },
  ])('$why', ({ bounds, boundUs }) => {
    expect(clockBoundOf(bounds.map((us, i) => sampleAgent(`a${i}`, { clock: { offsetUs: 9, boundUs: us } })))).toBe(boundUs)
  })
})
