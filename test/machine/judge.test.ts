import { describe, expect, test } from 'vitest'
import { processBytes } from '../../src/load/estimate.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'
import type { MachineFacts } from '../../src/machine/facts.ts'
import { type Judgement, judge, type Question } from '../../src/machine/judge.ts'
import { SOCKET_BYTES } from '../../src/machine/needs.ts'
import { fittingScale, refusalOf, shareThatFits } from '../../src/machine/refusal.ts'
import { aligned, NEED_COLUMNS, needCells } from '../../src/machine/words.ts'
import { GIB, sampleFacts } from './sample-facts.ts'

const HERE = { address: '127.0.0.1', port: 1883 }
const THERE = { address: '10.0.0.9', port: 1883 }

function planOf(clients: string, more = '') {
  const text = `
name: sample
brokers: [{ url: mqtt://10.0.0.9 }]
groups:
  sensors: { clients: ${clients}, publish: [{ topic: "t/{client}", every: 10s }]${more} }
  watcher: { subscribe: [{ filter: "t/#" }], scale: keep }`
  return loadScenario('sample.yaml', text, NO_OPTIONS)
}

function judged(
  clients: string,
  {
    at = THERE,
    facts = {},
    more = '',
    ...question
  }: { at?: typeof HERE; facts?: Partial<MachineFacts>; more?: string } & Partial<Omit<Question, 'facts'>> = {},
): Judgement {
  return judge(planOf(clients, more), {
    facts: sampleFacts(facts),
    routed: [],
    destinations: [[at]],
    transport: 'epoll',
    fileBytes: () => 0,
    wanted: { processes: null, workers: null },
    slice: null,
    ...question,
  })
}

describe('a plan needs', () => {
  test('a socket for each client, and each end that is on this machine', () => {
    const [near, far] = [judged('1M', { at: HERE }).needs, judged('1M').needs]
    expect(near).toMatchObject({ sockets: 1_000_001, ends: 2_000_002, files: 2_000_002 + 5100, processes: 51, processFiles: 19_708 })
    expect(far).toMatchObject({ sockets: 1_000_001, ends: 1_000_001, files: 1_000_001 + 5100 })
    expect(near.memory.growingBytes - far.memory.growingBytes).toBe(1_000_001 * SOCKET_BYTES)
  })

  test('an address of this machine is this machine', () => {
    expect(judged('1k', { at: { address: '10.0.0.5', port: 1883 } }).needs.ends).toBe(2002)
    expect(judged('1k', { at: { address: '::1', port: 1883 } }).needs.ends).toBe(2002)
  })

  test('addresses of 127.0.0.0/8, each with an eighth of its ports at most', () => {
    expect(judged('1M', { at: HERE }).needs).toMatchObject({ sources: 284, ports: 3522 })
    expect(judged('1M').needs).toMatchObject({ sources: 0, ports: 1_000_001 })
  })

  test('of a slice its share, and its own processes and addresses', () => {
    const slice = {
      index: 0,
      of: 4,
      ranges: [
        [0, 250_000],
        [0, 0],
      ] as const,
    }
    const [all, quarter] = [judged('1M', { at: HERE }).needs, judged('1M', { at: HERE, slice }).needs]
    expect(quarter).toMatchObject({ clients: 250_000, sockets: 250_000, ends: 500_000, processes: 13 })
    expect(quarter.sources).toBe(71)
    expect(quarter.pairs).toBe(Math.round(all.pairs / 4))
    expect(quarter.memory.fixedBytes).toBe(all.memory.fixedBytes)
    expect(quarter.memory.growingBytes).toBeLessThan(all.memory.growingBytes / 3.9)
  })

  test('files of the embedded broker, where it is to be used', () => {
    const plan = { ...planOf('25k'), embedded: true }
    const question = {
      facts: sampleFacts(),
      routed: [],
      destinations: [[HERE]],
      transport: 'epoll',
      fileBytes: () => 0,
      wanted: { processes: null, workers: null },
      slice: null,
    } as const
    const { table, needs } = judge(plan, question)
    expect(needs.embeddedFiles).toBe(25_101)
    expect(table.rows.filter(({ state }) => state === 'short').map(({ name }) => name)).toEqual(['embeddedFiles'])
  })

  test('no more memory for processes than they cost', () => {
    expect(processBytes({ processes: 1, workers: 1 })).toEqual({ fixedBytes: 115e6, growingBytes: 0 })
    expect(processBytes({ processes: 1, workers: 4 })).toEqual({ fixedBytes: 190e6, growingBytes: 0 })
    expect(processBytes({ processes: 51, workers: 51 })).toEqual({ fixedBytes: 90e6, growingBytes: 1530e6 })
    expect(processBytes({ processes: 2, workers: 6 })).toEqual({ fixedBytes: 190e6, growingBytes: 60e6 })
  })

  test('addresses that it is given, which have to be here', () => {
    const more = ', sourceAddresses: [10.0.0.5, 10.0.0.7]'
    expect(() => judged('1k', { more })).toThrow('this machine has no address 10.0.0.7')
    expect(judged('1k', { more, routed: ['10.0.0.7'] }).needs).toMatchObject({ sources: 2, ports: 500 })
  })
})

test('the table of a plan on a machine with enough', () => {
  const text = aligned([NEED_COLUMNS, ...needCells(judged('1M', { at: HERE }).table)], (column) => column > 0)
  expect(`\n${text.join('\n')}\n`).toMatchInlineSnapshot(`
    "
                                        needs       there is  enough for
    files per process                  19,708         20,000         any
    files in all                    2,005,102      2,999,000   1,495,686
    processes and threads                 612        126,750         any
    epoll watches                   1,000,001      7,400,000   7,400,000
    local ports                         3,522         28,232   8,015,908
    memory                           11.3 GiB         30 GiB   2,658,711
    pairs of subscriber and stream  1,000,000  3,422,552,064         any
    "
  `)
})

describe('a refusal', () => {
  test('shows what is short, and three ways out', () => {
    const small = judged('1M', { facts: { memory: { totalBytes: 8 * GIB, availableBytes: 4 * GIB, limitBytes: null, swapBytes: 0 } } })
    const { message, hint } = refusalOf(small, 0.028)
    expect(`\n${message}\nhint: ${hint}\n`).toMatchInlineSnapshot(`
      "
      the run needs more than this machine has: local ports and memory
                                            needs       there is  enough for
        files per process                  19,708         20,000         any
        files in all                    1,005,101      2,999,000   2,983,782
        processes and threads                 612        126,750         any
        epoll watches                   1,000,001      7,400,000   7,400,000
      ✗ local ports                     1,000,001         28,232      28,232
      ✗ memory                           7.42 GiB          4 GiB     533,497
        pairs of subscriber and stream  1,000,000  3,422,552,064         any
      hint: one of
        --scale 2.8%                                                      fits this machine
        --agents 36                                                       36 machines like this one
        sysctl -w net.ipv4.ip_local_port_range="1024 65535"               local ports
        ip address add ADDRESS/PREFIX dev INTERFACE, and sourceAddresses  local ports
        more addresses or ports of the broker                             local ports
        more RAM                                                          memory
      "
    `)
  })

  test('has no way by machines where none helps', () => {
    const few = judged('100k', { wanted: { processes: 2, workers: null } })
    expect(refusalOf(few, null).hint).not.toMatch(/--scale/)
    const embedded = { ...few, needs: { ...few.needs, embeddedFiles: 1 } }
    expect([few, embedded].map((it) => refusalOf(it, null).hint!.includes('--agents'))).toEqual([true, false])
  })
})

describe('a scale that fits', () => {
  test.each([
    { why: 'is readable and never above', scale: 1, share: 0.7489, fits: () => true, found: 0.74 },
    { why: 'is small for very much', scale: 1, share: 0.0028232, fits: () => true, found: 0.0028 },
    { why: 'is of the scale that was wanted', scale: 2.5, share: 0.5, fits: () => true, found: 1.2 },
    { why: 'may have to be smaller, for what does not shrink', scale: 1, share: 0.8, fits: (scale: number) => scale < 0.5, found: 0.47 },
    { why: 'is what there is, where that has two digits', scale: 1, share: 0.29, fits: () => true, found: 0.29 },
    { why: 'is not what was too much', scale: 0.5, share: 1, fits: () => true, found: 0.45 },
    { why: 'may not be there', scale: 1, share: 0.5, fits: () => false, found: null },
    { why: 'is not nothing', scale: 1, share: 0, fits: () => true, found: null },
  ])('$why', ({ scale, share, fits, found }) => {
    expect(fittingScale(scale, share, fits)).toBe(found)
  })

  test('begins with the least share of what is short', () => {
    expect(shareThatFits(judged('1M'))).toBeCloseTo(28_232 / 1_000_001, 6)
    expect(shareThatFits(judged('1k'))).toBe(1)
  })
})
