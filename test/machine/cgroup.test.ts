import { describe, expect, test } from 'vitest'
import { type CgroupLimits, cgroupLimits } from '../../src/machine/cgroup.ts'
import { factsOf, GIB } from './sample-facts.ts'

const NOTHING: CgroupLimits = { cores: null, memory: null, tasks: null }
const limitsOf = (files: Readonly<Record<string, string>>) => cgroupLimits((path) => files[path] ?? '')

/** Version 2, as a container with its own view of it has them. */
const TWO = '/sys/fs/cgroup'
const OWN_VIEW = { '/proc/self/cgroup': '0::/\n' }
/** Version 1, in which each controller has a tree. */
const ONE = { '/proc/self/cgroup': '9:name=systemd:/\n4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n1:pids:/docker/abc\n0::/\n' }

describe('a control group leaves', () => {
  test.each<{ why: string; files: Record<string, string>; limits: Partial<CgroupLimits> }>([
    { why: 'all, where there is none', files: {}, limits: {} },
    {
      why: 'all, where it has no limits',
      files: { ...OWN_VIEW, [`${TWO}/memory.max`]: 'max\n', [`${TWO}/cpu.max`]: 'max 100000\n', [`${TWO}/pids.max`]: 'max\n' },
      limits: {},
    },
    { why: 'one and a half cores', files: { ...OWN_VIEW, [`${TWO}/cpu.max`]: '150000 100000\n' }, limits: { cores: 1.5 } },
    {
      why: 'memory that is not in use, nor only for files that nobody reads',
      files: {
        ...OWN_VIEW,
        [`${TWO}/memory.max`]: `${4 * GIB}\n`,
        [`${TWO}/memory.current`]: `${3 * GIB}\n`,
        [`${TWO}/memory.stat`]: `anon 1\ninactive_file ${GIB}\n`,
      },
      limits: { memory: { limitBytes: 4 * GIB, leftBytes: 2 * GIB } },
    },
    {
      why: 'memory up to where it is slowed down',
      files: {
        ...OWN_VIEW,
        [`${TWO}/memory.max`]: 'max\n',
        [`${TWO}/memory.high`]: `${2 * GIB}\n`,
        [`${TWO}/memory.current`]: `${3 * GIB}\n`,
      },
      limits: { memory: { limitBytes: 2 * GIB, leftBytes: 0 } },
    },
    {
      why: 'what the tightest group above leaves',
      files: {
        '/proc/self/cgroup': '0::/a/b\n',
        [`${TWO}/a/b/cpu.max`]: '400000 100000\n',
        [`${TWO}/a/cpu.max`]: '200000 100000\n',
        [`${TWO}/a/b/pids.max`]: '1000\n',
        [`${TWO}/a/b/pids.current`]: '10\n',
        [`${TWO}/a/pids.max`]: '1500\n',
        [`${TWO}/a/pids.current`]: '1400\n',
      },
      limits: { cores: 2, tasks: { max: 1500, used: 1400 } },
    },
    {
      why: 'what is mounted, where the path is the host’s',
      files: { '/proc/self/cgroup': '0::/system.slice/docker-abc.scope\n', [`${TWO}/cpu.max`]: '50000 100000\n' },
      limits: { cores: 0.5 },
    },
    {
      why: 'what is mounted, where the group is outside of it',
      files: { '/proc/self/cgroup': '0::/../other\n', [`${TWO}/cpu.max`]: '50000 100000\n' },
      limits: { cores: 0.5 },
    },
    {
      why: 'the same in version 1',
      files: {
        ...ONE,
        [`${TWO}/cpu/docker/abc/cpu.cfs_quota_us`]: '300000\n',
        [`${TWO}/cpu/docker/abc/cpu.cfs_period_us`]: '100000\n',
        [`${TWO}/memory/memory.limit_in_bytes`]: `${8 * GIB}\n`,
        [`${TWO}/memory/memory.usage_in_bytes`]: `${5 * GIB}\n`,
        [`${TWO}/memory/memory.stat`]: `inactive_file 7\ntotal_inactive_file ${GIB}\n`,
        [`${TWO}/pids/docker/abc/pids.max`]: '99\n',
      },
      limits: { cores: 3, memory: { limitBytes: 8 * GIB, leftBytes: 4 * GIB }, tasks: { max: 99, used: 0 } },
    },
    {
      why: 'all, where version 1 says so in its own way',
      files: {
        ...ONE,
        [`${TWO}/cpu/docker/abc/cpu.cfs_quota_us`]: '-1\n',
        [`${TWO}/cpu/docker/abc/cpu.cfs_period_us`]: '100000\n',
        [`${TWO}/memory/docker/abc/memory.limit_in_bytes`]: '9223372036854771712\n',
        [`${TWO}/memory/docker/abc/memory.usage_in_bytes`]: '4096\n',
        [`${TWO}/pids/docker/abc/pids.max`]: 'max\n',
      },
      limits: {},
    },
    {
      why: 'what version 2 says beside version 1',
      files: { '/proc/self/cgroup': '4:memory:/\n0::/x\n', [`${TWO}/unified/x/cpu.max`]: '100000 100000\n' },
      limits: { cores: 1 },
    },
  ])('$why', ({ files, limits }) => {
    expect(limitsOf(files)).toEqual({ ...NOTHING, ...limits })
  })
})

test('a machine has no more than its control group leaves it', () => {
  const group = '/sys/fs/cgroup/user.slice'
  const files = { [`${group}/cpu.max`]: '250000 100000', [`${group}/memory.max`]: `${4 * GIB}`, [`${group}/memory.current`]: `${GIB}` }
  const { cores, memory } = factsOf(files)
  expect({ cores, memory }).toEqual({
    cores: 2.5,
    memory: { totalBytes: 32 * GIB, availableBytes: 3 * GIB, limitBytes: 4 * GIB, swapBytes: 0 },
  })
})

test('a control group does not make a machine larger', () => {
  const group = '/sys/fs/cgroup/user.slice'
  const files = { [`${group}/cpu.max`]: '6400000 100000', [`${group}/memory.max`]: `${400 * GIB}`, [`${group}/memory.current`]: '0' }
  expect(factsOf(files)).toMatchObject({ cores: 8, memory: { availableBytes: 30 * GIB } })
})
