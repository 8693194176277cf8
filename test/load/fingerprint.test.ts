import { describe, expect, test } from 'vitest'
import { fingerprint } from '../../src/load/fingerprint.ts'
import { loadScenario } from '../../src/load/scenario.ts'

const SCENARIO = `
groups:
  sensors:
    clients: 300
    connect: { over: 10s, arrival: poisson }
    publish: [{ topic: "t/{client}", rate: 50/s, arrival: poisson, qos: { 0: 50%, 1: 50% } }]
  boards: { clients: 3, subscribe: [{ filter: "t/#" }] }`
const NO_FILES = new Map<string, Uint8Array>()

function printOf(text = SCENARIO, { seed = 1, files = NO_FILES } = {}): string {
  const from = { brokers: ['mqtt://127.0.0.1:1'], set: [], scale: null, seed, durationUs: null }
  return fingerprint(loadScenario('print.yaml', text, from), files)
}

describe('the fingerprint of a plan', () => {
  test('is the same wherever it is made', () => {
    expect(printOf()).toBe(printOf())
    expect(printOf()).toMatch(/^[0-9a-f]{64}$/)
  })

  test.each([
    { what: 'a rate', other: () => printOf(SCENARIO.replace('50/s', '51/s')) },
    { what: 'the seed', other: () => printOf(SCENARIO, { seed: 2 }) },
    { what: 'a name', other: () => printOf(SCENARIO.replace('boards', 'board')) },
    { what: 'a file', other: () => printOf(SCENARIO, { files: new Map([['ca.pem', Uint8Array.of(1)]]) }) },
    { what: 'nothing but the curve of connects', other: () => printOf(SCENARIO.replace('poisson }', 'uniform }')) },
  ])('is another for $what', ({ other }) => expect(other()).not.toBe(printOf()))

  test('knows files by name and by content', () => {
    const files = [
      ['a', 1],
      ['a', 2],
      ['b', 1],
    ] as const
    const prints = files.map(([path, byte]) => printOf(SCENARIO, { files: new Map([[path, Uint8Array.of(byte)]]) }))
    expect(new Set(prints).size).toBe(3)
  })

  test.each([
    { what: 'the logarithms of Poisson streams', method: 'log' as const },
    { what: 'the logarithms of every other draw', method: 'log' as const, every: 2 },
  ])('is another where $what have another last bit', ({ method, every = 1 }) => {
    const print = printOf()
    const real = Math[method]
    let calls = 0
    Math[method] = (x: number) => real(x) * (calls++ % every === 0 ? 1 + Number.EPSILON : 1)
    try {
      expect(printOf()).not.toBe(print)
    } finally {
      Math[method] = real
    }
  })
})
