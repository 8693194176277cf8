import { cpus } from 'node:os'
import { describe, expect, test } from 'vitest'
import { factsFrom, machineFacts, openFileCount, portCount } from '../../src/machine/facts.ts'
import { factsOf, GIB } from './sample-facts.ts'

test('the facts of a machine, from the files of its system', () => {
  expect(factsOf()).toEqual({
    kernel: '6.12.9-amd64',
    cpu: 'EPYC',
    cores: 8,
    memory: { totalBytes: 32 * GIB, availableBytes: 30 * GIB, limitBytes: null, swapBytes: 0 },
    openFiles: { soft: 20_000, hard: 1_048_576 },
    allFiles: { max: 3_000_000, used: 1000 },
    tasks: { of: 'ulimit -u', max: 127_000, used: 250 },
    epollWatches: 7_400_000,
    ports: { first: 32_768, last: 60_999, reserved: 0 },
    addresses: ['10.0.0.5', 'fd00::5'],
    conntrack: null,
    socketBuffers: { pressureBytes: 500_000 * 4096, maxBytes: 760_000 * 4096, pageBytes: 4096 },
    bufferBytes: { receive: 131_072, send: 16_384 },
    connectionLists: 262_144,
    acceptQueue: 4096,
    synBacklog: 2048,
    clockSource: 'tsc',
  })
})

test('what a system does not tell is null', () => {
  const system = { kernel: '23.5', cpu: 'M2', cores: 8, totalBytes: 100, freeBytes: 50, isRoot: false, addresses: [] }
  expect(factsFrom(() => '', system)).toEqual({
    ...{ kernel: '23.5', cpu: 'M2', cores: 8, addresses: [] },
    memory: { totalBytes: 100, availableBytes: 50, limitBytes: null, swapBytes: null },
    openFiles: { soft: null, hard: null },
    bufferBytes: { receive: null, send: null },
    ...{ allFiles: null, tasks: null, epollWatches: null, ports: null, conntrack: null },
    ...{ socketBuffers: null, acceptQueue: null, synBacklog: null, connectionLists: null, clockSource: null },
  })
})

test('this machine is known, and survives JSON', () => {
  const facts = machineFacts()
  expect(JSON.parse(JSON.stringify(facts))).toEqual(facts)
  expect(facts.cores).toBeGreaterThan(0)
  expect(facts.cores).toBeLessThanOrEqual(cpus().length)
  expect(facts.memory.availableBytes).toBeGreaterThan(0)
  expect(facts.memory.availableBytes).toBeLessThanOrEqual(facts.memory.totalBytes)
  if (process.platform !== 'linux') return
  expect(openFileCount()).toBeGreaterThan(2)
  expect(facts.openFiles.soft ?? 64).toBeGreaterThanOrEqual(64)
  expect(portCount(facts)).toBeGreaterThan(0)
})

describe('limits', () => {
  const CONTAINER = '/sys/fs/cgroup'
  test.each([
    {
      why: 'files without a limit',
      files: { '/proc/self/limits': 'Max open files   unlimited   unlimited   files\n' },
      of: 'openFiles',
      is: { soft: null, hard: null },
    },
    {
      why: 'more files than can be counted are no limit',
      files: { '/proc/sys/fs/file-max': '9223372036854775807\n' },
      of: 'allFiles',
      is: null,
    },
    {
      why: 'pages of 64 KiB',
      files: { '/proc/self/smaps': 'KernelPageSize:       64 kB\n' },
      of: 'socketBuffers',
      is: { pressureBytes: 500_000 * 65_536, maxBytes: 760_000 * 65_536, pageBytes: 65_536 },
    },
    {
      why: 'connections that are tracked',
      files: { '/proc/sys/net/netfilter/nf_conntrack_max': '262144\n', '/proc/sys/net/netfilter/nf_conntrack_count': '1200\n' },
      of: 'conntrack',
      is: { max: 262_144, used: 1200 },
    },
    {
      why: 'few identifiers of processes',
      files: { '/proc/sys/kernel/pid_max': '32768\n' },
      of: 'tasks',
      is: { of: 'kernel.pid_max', max: 32_768, used: 250 },
    },
    {
      why: 'few tasks in a container',
      files: { [`${CONTAINER}/user.slice/pids.max`]: '512\n', [`${CONTAINER}/user.slice/pids.current`]: '12\n' },
      of: 'tasks',
      is: { of: 'pids.max', max: 512, used: 12 },
    },
  ])('$why', ({ files, of, is }) => {
    expect(factsOf(files as Record<string, string>)[of as 'tasks']).toEqual(is)
  })

  test('root has no limit of processes of its own', () => {
    expect(factsOf({}, { isRoot: true }).tasks).toEqual({ of: 'kernel.threads-max', max: 250_000, used: 250 })
  })

  test.each([
    { range: '32768\t60999', reserved: '', ports: 28_232 },
    { range: '1024 65535', reserved: '', ports: 64_512 },
    { range: '32768\t60999', reserved: '8080,40000-40009,60999', ports: 28_221 },
    { range: '32768\t60999', reserved: '30000-32768,60999-62000', ports: 28_230 },
  ])('$range without $reserved are $ports local ports', ({ range, reserved, ports }) => {
    const files = { '/proc/sys/net/ipv4/ip_local_port_range': `${range}\n`, '/proc/sys/net/ipv4/ip_local_reserved_ports': `${reserved}\n` }
    expect(portCount(factsOf(files))).toBe(ports)
  })
})
