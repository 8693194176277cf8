/** A machine for tests: 8 cores, 32 GiB, as Debian sets it up; a test names only what it is about. */
import { factsFrom, type MachineFacts, type System } from '../../src/machine/facts.ts'

export const GIB = 1024 ** 3

const SYSTEM: System = {
  kernel: '6.12.9-amd64',
  cpu: 'EPYC',
  cores: 8,
  totalBytes: 32 * GIB,
  freeBytes: 20 * GIB,
  isRoot: false,
  addresses: ['10.0.0.5', 'fd00::5'],
}

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max processes             127000               127000               processes
Max open files            20000                1048576              files
`

/** What the system's files hold. */
export const FILES: Readonly<Record<string, string>> = {
  '/proc/meminfo': 'MemTotal:       33554432 kB\nMemAvailable:   31457280 kB\nSwapTotal:             0 kB\n',
  '/proc/self/limits': LIMITS,
  '/proc/self/cgroup': '0::/user.slice\n',
  '/proc/self/smaps': '5581a000-5581b000 r--p 00000000 08:01 1 /usr/bin/node\nKernelPageSize:        4 kB\n',
  '/proc/loadavg': '0.10 0.05 0.01 1/250 4711\n',
  '/proc/sys/fs/file-max': '3000000\n',
  '/proc/sys/fs/file-nr': '1500\t500\t3000000\n',
  '/proc/sys/fs/epoll/max_user_watches': '7400000\n',
  '/proc/sys/kernel/threads-max': '250000\n',
  '/proc/sys/kernel/pid_max': '4194304\n',
  '/proc/sys/net/core/somaxconn': '4096\n',
  '/proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n',
  '/proc/sys/net/ipv4/ip_local_reserved_ports': '\n',
  '/proc/sys/net/ipv4/tcp_mem': '380000\t500000\t760000\n',
  '/proc/sys/net/ipv4/tcp_rmem': '4096\t131072\t6291456\n',
  '/proc/sys/net/ipv4/tcp_wmem': '4096\t16384\t4194304\n',
  '/proc/sys/net/ipv4/tcp_max_syn_backlog': '2048\n',
  '/proc/sys/net/ipv4/tcp_ehash_entries': '262144\n',
  '/sys/devices/system/clocksource/clocksource0/current_clocksource': 'tsc\n',
}

/** @param files  in place of those above; '' is a file that is not there */
export function factsOf(files: Readonly<Record<string, string>> = {}, system: Partial<System> = {}): MachineFacts {
  const all = { ...FILES, ...files }
  return factsFrom((path) => all[path] ?? '', { ...SYSTEM, ...system })
}

export function sampleFacts(fields: Partial<MachineFacts> = {}): MachineFacts {
  return { ...factsOf(), ...fields }
}
