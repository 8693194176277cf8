import { describe, expect, test } from 'vitest'
import type { MachineFacts } from '../../src/machine/facts.ts'
import { idleNeeds, type Needs } from '../../src/machine/needs.ts'
import { type Row, tableOf } from '../../src/machine/table.ts'
import { hasParityTrap, mendedRange } from '../../src/machine/traps.ts'
import { shortagesOf } from '../../src/machine/words.ts'
import { MAX_PAIRS } from '../../src/stats/ledger.ts'
import { factsOf, GIB, sampleFacts } from './sample-facts.ts'

/** 10,000 clients in one process, with a broker elsewhere. */
const NEEDS: Needs = {
  clients: 10_000,
  sockets: 10_000,
  processes: 1,
  workers: 2,
  processFiles: 10_100,
  files: 10_100,
  tasks: 13,
  ports: 10_000,
  sources: 0,
  ends: 10_000,
  memory: { fixedBytes: GIB, growingBytes: GIB },
  pairs: 2 * MAX_PAIRS,
  embeddedFiles: 0,
}

const ROWS = ['processFiles', 'files', 'tasks', 'epollWatches', 'ports', 'conntrack', 'memory', 'pairs', 'embeddedFiles'] as const

function rowOf(name: string, needs: Partial<Needs> = {}, facts: Partial<MachineFacts> = {}): Row {
  return tableOf(sampleFacts(facts), { ...NEEDS, ...needs }).rows.find((row) => row.name === name)!
}

const memory = (availableBytes: number, more: Partial<MachineFacts['memory']> = {}) => ({
  memory: { totalBytes: 32 * GIB, availableBytes, limitBytes: null, swapBytes: 0, ...more },
})

describe('a run is let through', () => {
  test('by a machine that has enough of everything', () => {
    const { rows, machines } = tableOf(sampleFacts(), NEEDS)
    expect(rows.filter(({ state }) => state !== 'enough')).toEqual([])
    expect(machines).toBe(1)
  })

  test.each<{ row: (typeof ROWS)[number]; needs: Partial<Needs>; facts: Partial<MachineFacts> }>([
    { row: 'processFiles', needs: {}, facts: { openFiles: { soft: 10_100, hard: 10_100 } } },
    { row: 'files', needs: {}, facts: { allFiles: { max: 20_000, used: 9900 } } },
    { row: 'tasks', needs: {}, facts: { tasks: { of: 'pids.max', max: 113, used: 100 } } },
    { row: 'epollWatches', needs: {}, facts: { epollWatches: 10_000 } },
    { row: 'ports', needs: { ports: 28_232 }, facts: {} },
    { row: 'conntrack', needs: {}, facts: { conntrack: { max: 10_001, used: 1 } } },
    { row: 'memory', needs: {}, facts: memory(2 * GIB) },
    { row: 'pairs', needs: {}, facts: {} },
    { row: 'embeddedFiles', needs: { embeddedFiles: 20_000 }, facts: {} },
  ])('at the very limit of $row, and not above', ({ row, needs, facts }) => {
    const stateOf = (more: Partial<Needs>) => rowOf(row, { ...needs, ...more }, facts).state
    const above: Record<typeof row, Partial<Needs>> = {
      processFiles: { processFiles: 10_101 },
      files: { files: 10_101 },
      tasks: { tasks: 14 },
      epollWatches: { sockets: 10_001 },
      ports: { ports: 28_233 },
      conntrack: { sockets: 10_001 },
      memory: { memory: { fixedBytes: GIB, growingBytes: GIB + 1 } },
      pairs: { pairs: 2 * MAX_PAIRS + 1 },
      embeddedFiles: { embeddedFiles: 20_001 },
    }
    expect([stateOf({}), stateOf(above[row])]).toEqual([row === 'ports' ? 'trap' : 'enough', 'short'])
  })

  test.each<{ row: string; facts: Partial<MachineFacts> }>([
    { row: 'processFiles', facts: { openFiles: { soft: null, hard: null } } },
    { row: 'files', facts: { allFiles: null } },
    { row: 'tasks', facts: { tasks: null } },
    { row: 'epollWatches', facts: { epollWatches: null } },
    { row: 'ports', facts: { ports: null } },
    { row: 'conntrack', facts: { conntrack: null } },
  ])('where no limit of $row is known', ({ row, facts }) => {
    const most = { sockets: 1e9, processFiles: 1e9, files: 1e9, tasks: 1e9, ports: 1e9 }
    expect(rowOf(row, most, facts)).toMatchObject({ state: 'enough', allows: null, lifts: row === 'ports' ? expect.anything() : [] })
  })

  test.each([
    { why: 'of half of what it needs', row: 'epollWatches', facts: { epollWatches: 5000 }, allows: 5000 },
    { why: 'of memory, beside what is there for any number', row: 'memory', facts: memory(1.5 * GIB), allows: 5000 },
    { why: 'of memory that is not even enough for one', row: 'memory', facts: memory(GIB / 2), allows: 0 },
    { why: 'of more than a plan can have', row: 'epollWatches', facts: { epollWatches: 2 ** 30 }, allows: null },
  ])('for as many clients as there is $why', ({ row, facts, allows }) => {
    expect(rowOf(row, {}, facts).allows).toBe(allows)
  })

  test('connections that nobody tracks are not counted, though the module is loaded', () => {
    const idle = rowOf('conntrack', { sockets: 1e6 }, { conntrack: { max: 262_144, used: 0 } })
    expect(idle).toMatchObject({ state: 'enough', need: null, allows: null, note: expect.stringMatching(/count is 0/) })
    expect(rowOf('conntrack', { sockets: 1e6 }, { conntrack: { max: 262_144, used: 1 } }).state).toBe('short')
  })

  test('files per process limit nobody who leaves the number of processes to us', () => {
    expect(rowOf('processFiles').allows).toBeNull()
    const row = rowOf('processFiles', { sockets: 100_000, processes: 2, processFiles: 50_100 })
    expect(row).toMatchObject({ state: 'short', lifts: expect.arrayContaining(['--processes 6']) })
  })
})

describe('what limits first', () => {
  test('is the row that lets the fewest through', () => {
    const facts = sampleFacts({ epollWatches: 8000, tasks: { of: 'pids.max', max: 7, used: 0 }, ...memory(1.9 * GIB) })
    const { rows, clients } = tableOf(facts, NEEDS)
    expect(rows.filter(({ limitsFirst }) => limitsFirst).map(({ name }) => name)).toEqual(['tasks'])
    expect(clients).toBe(5384)
  })

  test('is nothing where nothing is known', () => {
    const facts = sampleFacts({ allFiles: null, tasks: null, epollWatches: null, ports: null, ...memory(1e15) })
    const { rows, clients } = tableOf(facts, { ...NEEDS, pairs: 0 })
    expect(clients).toBeNull()
    expect(rows.some(({ limitsFirst }) => limitsFirst)).toBe(false)
  })
})

describe('so many machines are enough', () => {
  test.each<{ why: string; facts: Partial<MachineFacts>; needs?: Partial<Needs>; machines: number }>([
    { why: 'three for two and a bit', facts: { epollWatches: 4999 }, machines: 3 },
    { why: 'two for twice', facts: { epollWatches: 5000 }, machines: 2 },
    { why: 'each has what is there for any number', facts: memory(1.25 * GIB), machines: 4 },
    { why: 'the most of what is short', facts: { epollWatches: 5000, ...memory(1.25 * GIB) }, machines: 4 },
    { why: 'each has ports of its own', facts: {}, needs: { ports: 30_000 }, machines: 2 },
    { why: 'none helps where there is no room for one client', facts: memory(GIB), machines: 1 },
  ])('$why', ({ facts, needs, machines }) => {
    expect(tableOf(sampleFacts(facts), { ...NEEDS, ...needs }).machines).toBe(machines)
  })
})

describe('a trap', () => {
  test.each([
    { range: [32_768, 60_999], isTrap: false, mended: null },
    { range: [1024, 65_535], isTrap: false, mended: null },
    { range: [32_768, 61_000], isTrap: true, mended: '32768 61001' },
    { range: [1025, 65_535], isTrap: true, mended: '1024 65535' },
    { range: [2000, 65_534], isTrap: true, mended: '2000 65535' },
  ])('of a port range $range with two ends alike: $isTrap', ({ range: [first = 0, last = 0], isTrap, mended }) => {
    expect(hasParityTrap({ first, last })).toBe(isTrap)
    const row = rowOf('portRange', {}, { ports: { first, last, reserved: 0 } })
    expect(row.state).toBe(isTrap ? 'trap' : 'enough')
    expect(row.lifts).toEqual(mended === null ? [] : [`sysctl -w net.ipv4.ip_local_port_range="${mended}"`])
    if (!isTrap) return
    const [a, b] = mendedRange({ first, last }).split(' ').map(Number)
    expect(hasParityTrap({ first: a!, last: b! })).toBe(false)
  })

  test.each([
    { clockSource: 'tsc', isTrap: false },
    { clockSource: 'kvm-clock', isTrap: false },
    { clockSource: 'arch_sys_counter', isTrap: false },
    { clockSource: 'hpet', isTrap: true },
    { clockSource: 'acpi_pm', isTrap: true },
    { clockSource: 'jiffies', isTrap: true },
  ])('of the clock $clockSource: $isTrap', ({ clockSource, isTrap }) => {
    expect(rowOf('clock', {}, { clockSource }).state).toBe(isTrap ? 'trap' : 'enough')
  })

  test.each([
    { why: 'short, of a broker here', acceptQueue: 128, synBacklog: 2048, ends: 20_000, isTrap: true },
    { why: 'short for handshakes', acceptQueue: 4096, synBacklog: 128, ends: 20_000, isTrap: true },
    { why: 'long enough', acceptQueue: 4096, synBacklog: null, ends: 20_000, isTrap: false },
    { why: 'short, of no broker', acceptQueue: 128, synBacklog: 2048, ends: 10_000, isTrap: false },
  ])('of an accept queue that is $why: $isTrap', ({ acceptQueue, synBacklog, ends, isTrap }) => {
    expect(rowOf('acceptQueue', { ends }, { acceptQueue, synBacklog }).state).toBe(isTrap ? 'trap' : 'enough')
  })

  test.each([
    { ends: 1_048_576, state: 'enough', lifts: [] },
    {
      ends: 2_000_000,
      state: 'trap',
      lifts: [expect.stringContaining('tcp_child_ehash_entries=2097152'), expect.stringMatching(/^thash_entries=2097152 /)],
    },
  ])('of a connection table for $ends connections: $state', ({ ends, state, lifts }) => {
    expect(rowOf('connectionLists', { ends })).toMatchObject({ state, lifts })
    expect(tableOf(sampleFacts({ connectionLists: null }), { ...NEEDS, ends }).rows.some(({ name }) => name === 'connectionLists')).toBe(
      false,
    )
  })

  test('of more than half of the local ports', () => {
    expect([14_116, 14_117].map((ports) => rowOf('ports', { ports }).state)).toEqual(['enough', 'trap'])
  })
})

test('what stands in the way is said with what lifts it; traps only warn', () => {
  const facts = factsOf({ '/proc/sys/net/ipv4/ip_local_port_range': '32768 61000', '/proc/sys/fs/epoll/max_user_watches': '5000' })
  const needs = { ...NEEDS, ports: 30_000, memory: { fixedBytes: 0, growingBytes: 64 * GIB } }
  expect(shortagesOf(tableOf(facts, needs))).toEqual([
    {
      isRefusal: true,
      words: 'needs 10,000 epoll watches, this machine has 5,000',
      hint: 'sysctl -w fs.epoll.max_user_watches=20000',
    },
    {
      isRefusal: true,
      words: 'needs 30,000 local ports (towards one broker address), this machine has 28,233',
      hint: 'sysctl -w net.ipv4.ip_local_port_range="1024 65535", or ip address add ADDRESS/PREFIX dev INTERFACE, and sourceAddresses, or more addresses or ports of the broker',
    },
    { isRefusal: true, words: 'needs about 64 GiB of memory, this machine has 30 GiB', hint: 'more RAM' },
    {
      isRefusal: false,
      words: 'local port range 32768–61000: both ends are even; in one test connects fell from 6,000/s to 70/s',
      hint: 'sysctl -w net.ipv4.ip_local_port_range="32768 61001"',
    },
  ])
})

test('idle clients are as many as memory has room for, and a broker elsewhere has the other ends', () => {
  const facts = sampleFacts({ allFiles: null, tasks: null, epollWatches: null })
  const { clients, rows } = tableOf(facts, idleNeeds(facts))
  expect(rows.find(({ limitsFirst }) => limitsFirst)?.name).toBe('memory')
  // 30 GiB less the controller's 90 MB, over 2,048 B of a client, 4,200 B of its socket, and 30 MB for each 19,900 clients or so.
  expect(clients! / ((30 * GIB - 90e6) / (2048 + 4200 + 30e6 / 19_900))).toBeCloseTo(1, 1)
})
