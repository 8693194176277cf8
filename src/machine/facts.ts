/**
 * What this machine has that a run may need, read once: null where the system does not tell, never a guess.
 *
 * A pure function of the texts of files and of what `os` says, so that other machines are a table in a test. The report shows fewer of these
 * facts (report/host.ts): addresses, for one, are nobody's business there.
 */
import { readdirSync } from 'node:fs'
import { availableParallelism, freemem, networkInterfaces, release, totalmem } from 'node:os'
import { cpuModel, fileLimits, portRange, readText } from '../report/host.ts'
import { cgroupLimits, type Read, type Used } from './cgroup.ts'

export interface MachineFacts {
  readonly kernel: string
  readonly cpu: string
  /** Threads that can run at once; a cgroup's quota counts, so it may be a fraction. */
  readonly cores: number
  readonly memory: {
    readonly totalBytes: number
    /** Without swapping, and within the cgroup's limit. */
    readonly availableBytes: number
    /** Of the cgroup; null: none. */
    readonly limitBytes: number | null
    readonly swapBytes: number | null
  }
  /** Of one process. null: unlimited, or unknown. */
  readonly openFiles: { readonly soft: number | null; readonly hard: number | null }
  /** Of all processes. */
  readonly allFiles: Used | null
  /** Processes and threads, by the limit that leaves least, which `of` names. */
  readonly tasks: (Used & { readonly of: TaskLimit }) | null
  /** Sockets that one user's epolls may watch. */
  readonly epollWatches: number | null
  readonly ports: PortFacts | null
  /** IP addresses of this machine, without loopback and those of one link only. */
  readonly addresses: readonly string[]
  /** Tracked connections; null: none are. */
  readonly conntrack: Used | null
  /** Bytes that wait in all TCP sockets: from `pressureBytes` on the kernel saves. */
  readonly socketBuffers: { readonly pressureBytes: number; readonly maxBytes: number; readonly pageBytes: number } | null
  /** Of one TCP socket, unless it asks for another size. */
  readonly bufferBytes: { readonly receive: number | null; readonly send: number | null }
  /** Connections that wait for a local broker to take them, and those whose handshake is not over. */
  readonly acceptQueue: number | null
  readonly synBacklog: number | null
  /** Lists that the kernel looks for a connection in, by its addresses and ports. */
  readonly connectionLists: number | null
  readonly clockSource: string | null
}

export type TaskLimit = 'kernel.threads-max' | 'kernel.pid_max' | 'ulimit -u' | 'pids.max'

export interface PortFacts {
  readonly first: number
  readonly last: number
  /** Of the range, not handed out. */
  readonly reserved: number
}

/** What `os` and `process` say. */
export interface System {
  readonly kernel: string
  readonly cpu: string
  readonly cores: number
  readonly totalBytes: number
  readonly freeBytes: number
  readonly isRoot: boolean
  readonly addresses: readonly string[]
}

/** Reads the facts of this machine. Never throws. */
export function machineFacts(): MachineFacts {
  return factsFrom(readText, {
    kernel: release(),
    cpu: cpuModel(),
    cores: availableParallelism(),
    totalBytes: totalmem(),
    freeBytes: freemem(),
    isRoot: process.getuid?.() === 0,
    addresses: ownAddresses(),
  })
}

/** Files that this process has open now; 0 where that can't be known. */
export function openFileCount(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    // Not Linux: they are few beside the sockets.
    return 0
  }
}

export function factsFrom(read: Read, system: System): MachineFacts {
  const cgroup = cgroupLimits(read)
  const sysctl = (name: string) => read(`/proc/sys/${name}`).trim()
  const value = (name: string) => whole(sysctl(name))
  const memory = read('/proc/meminfo')
  const available = kibibytes(memory, 'MemAvailable') ?? system.freeBytes
  const pages = numbers(sysctl('net/ipv4/tcp_mem'))
  const pageBytes = kibibytes(read('/proc/self/smaps'), 'KernelPageSize')
  return {
    kernel: system.kernel,
    cpu: system.cpu,
    cores: Math.min(system.cores, cgroup.cores ?? system.cores),
    memory: {
      totalBytes: system.totalBytes,
      availableBytes: Math.min(available, cgroup.memory?.leftBytes ?? available),
      limitBytes: cgroup.memory?.limitBytes ?? null,
      swapBytes: kibibytes(memory, 'SwapTotal'),
    },
    openFiles: fileLimits(read('/proc/self/limits')),
    allFiles: allFiles(numbers(sysctl('fs/file-nr')), value('fs/file-max')),
    tasks: tasks(read, value, cgroup.tasks, system.isRoot),
    epollWatches: value('fs/epoll/max_user_watches'),
    ports: ports(portRange(sysctl('net/ipv4/ip_local_port_range')), sysctl('net/ipv4/ip_local_reserved_ports')),
    addresses: system.addresses,
    conntrack: used(value('net/netfilter/nf_conntrack_max'), value('net/netfilter/nf_conntrack_count')),
    socketBuffers:
      pages.length === 3 && pageBytes !== null
        ? { pressureBytes: pages[1]! * pageBytes, maxBytes: pages[2]! * pageBytes, pageBytes }
        : null,
    bufferBytes: {
      receive: numbers(sysctl('net/ipv4/tcp_rmem'))[1] ?? null,
      send: numbers(sysctl('net/ipv4/tcp_wmem'))[1] ?? null,
    },
    // Negative where it is another network namespace's, and shared.
    connectionLists: whole(sysctl('net/ipv4/tcp_ehash_entries').replace('-', '')),
    acceptQueue: value('net/core/somaxconn'),
    synBacklog: value('net/ipv4/tcp_max_syn_backlog'),
    clockSource: read('/sys/devices/system/clocksource/clocksource0/current_clocksource').trim() || null,
  }
}

/** Local ports that one source address has towards one destination; null: unknown. */
export function portCount({ ports }: Pick<MachineFacts, 'ports'>): number | null {
  return ports && Math.max(0, ports.last - ports.first + 1 - ports.reserved)
}

/** How many IPv4 addresses this machine has, without loopback. */
export function addresses4({ addresses }: Pick<MachineFacts, 'addresses'>): number {
  return addresses.filter((address) => !address.includes(':')).length
}

/** `file-nr` has the open ones, those of them that are free, and the maximum (proc(5)). */
function allFiles([open, free]: readonly number[], max: number | null): Used | null {
  return open === undefined ? null : used(max, open - (free ?? 0))
}

/** The limit that leaves least. Of a user's tasks only this is known: they are at most all tasks. Root has no limit of its own. */
function tasks(read: Read, value: (name: string) => number | null, cgroup: Used | null, isRoot: boolean): MachineFacts['tasks'] {
  const all = whole(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(read('/proc/loadavg'))?.[1] ?? '') ?? 0
  const perUser = isRoot ? null : whole(/^Max processes\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1] ?? '')
  const limits: readonly (readonly [TaskLimit, Used | null])[] = [
    ['kernel.threads-max', used(value('kernel/threads-max'), all)],
    ['kernel.pid_max', used(value('kernel/pid_max'), all)],
    ['ulimit -u', used(perUser, all)],
    ['pids.max', cgroup],
  ]
  const known = limits.flatMap(([of, limit]) => (limit === null ? [] : [{ of, ...limit }]))
  return known.reduce<MachineFacts['tasks']>((best, it) => (best === null || it.max - it.used < best.max - best.used ? it : best), null)
}

function ports(range: ReturnType<typeof portRange>, reserved: string): PortFacts | null {
  if (range === null) return null
  const { first, last } = range
  let count = 0
  for (const [, from, to] of reserved.matchAll(/(\d+)(?:-(\d+))?/g)) {
    count += Math.max(0, Math.min(last, Number(to ?? from)) - Math.max(first, Number(from)) + 1)
  }
  return { first, last, reserved: count }
}

/** Some systems write the largest number there is where they mean none: that is no limit. */
function used(max: number | null, count: number | null): Used | null {
  return max === null || !Number.isSafeInteger(max) ? null : { max, used: count ?? 0 }
}

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address)).map(({ address }) => address)
}

function kibibytes(text: string, name: string): number | null {
  const count = whole(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? '')
  return count === null ? null : count * 1024
}

function numbers(text: string): number[] {
  return text === '' ? [] : text.split(/\s+/).map(Number)
}

function whole(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null
}
