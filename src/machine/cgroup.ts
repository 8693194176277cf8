/**
 * What the control groups of this process leave it of the machine: a container's limits, which `os` and `/proc` do not show.
 *
 * A limit of any group above holds too, so each is looked at, from the process's own group up to what is mounted; the tightest counts. In a
 * container the path in `/proc/self/cgroup` may be the host's and lead nowhere: then what is mounted is the container's own group.
 * Both versions are read, as the kernel's documents cgroup-v2.rst and cgroup-v1/ describe them.
 */

/** The text of a file; empty where there is none. */
export type Read = (path: string) => string

/** A number of things, and how many of them are taken. */
export interface Used {
  readonly max: number
  readonly used: number
}

export interface CgroupLimits {
  /** Cores' worth of time; null: no quota. */
  readonly cores: number | null
  /** Of the group that has least left; null: no limit. */
  readonly memory: { readonly limitBytes: number; readonly leftBytes: number } | null
  readonly tasks: Used | null
}

const MOUNT = '/sys/fs/cgroup'
/** Version 1 has no word for "no limit": it shows the largest number of whole pages. */
const UNLIMITED_BYTES = 2 ** 60

export function cgroupLimits(read: Read): CgroupLimits {
  const groups = groupsOf(read('/proc/self/cgroup'))
  const each = <T>(controller: string, limit: (folder: string, isFirst: boolean) => T | null): T[] => {
    const { folders, isFirst } = foldersOf(groups, controller)
    return folders.flatMap((folder) => limit(folder, isFirst) ?? [])
  }
  const cores = each('cpu', (folder, isFirst) => quota(read, folder, isFirst))
  const memory = each('memory', (folder, isFirst) => memoryOf(read, folder, isFirst))
  const tasks = each('pids', (folder) => tasksOf(read, folder))
  return {
    cores: cores.length === 0 ? null : Math.min(...cores),
    memory: least(memory, ({ leftBytes }) => leftBytes),
    tasks: least(tasks, ({ max, used }) => max - used),
  }
}

interface Hierarchy {
  /** Empty: version 2. */
  readonly controllers: readonly string[]
  readonly path: string
}

/** Lines of `/proc/self/cgroup`: `4:memory:/a/b`, and of version 2 `0::/a/b`. */
function groupsOf(text: string): Hierarchy[] {
  return [...text.matchAll(/^\d+:([^:]*):(.*)$/gm)].map(([, names, path]) => ({
    controllers: names === '' ? [] : names!.split(','),
    path: path!,
  }))
}

/** The process's group of a controller and all above it, as folders; `isFirst`: of version 1. */
function foldersOf(groups: readonly Hierarchy[], controller: string): { folders: string[]; isFirst: boolean } {
  const own = groups.find(({ controllers }) => controllers.includes(controller))
  const unified = groups.find(({ controllers }) => controllers.length === 0)
  const found = own ?? unified
  if (found === undefined) return { folders: [], isFirst: false }
  const isMixed = groups.some(({ controllers }) => controllers.length > 0)
  const mount = own ? `${MOUNT}/${controller}` : isMixed ? `${MOUNT}/unified` : MOUNT
  const parts = found.path.split('/').filter((part) => part !== '')
  // A group outside of what is mounted here is shown by way of `..`.
  const known = parts.includes('..') ? [] : parts
  const folders = Array.from({ length: known.length + 1 }, (_, i) => [mount, ...known.slice(0, known.length - i)].join('/'))
  return { folders, isFirst: own !== undefined }
}

function quota(read: Read, folder: string, isFirst: boolean): number | null {
  const text = isFirst ? `${read(`${folder}/cpu.cfs_quota_us`)} ${read(`${folder}/cpu.cfs_period_us`)}` : read(`${folder}/cpu.max`)
  const [, quotaUs, periodUs] = /^\s*(\d+)\s+(\d+)/.exec(text) ?? []
  return quotaUs === undefined ? null : Number(quotaUs) / Number(periodUs)
}

function memoryOf(read: Read, folder: string, isFirst: boolean): CgroupLimits['memory'] {
  const names = isFirst ? ['memory.limit_in_bytes'] : ['memory.max', 'memory.high']
  const limits = names.flatMap((name) => number(read(`${folder}/${name}`)) ?? []).filter((bytes) => bytes < UNLIMITED_BYTES)
  const usage = number(read(`${folder}/${isFirst ? 'memory.usage_in_bytes' : 'memory.current'}`))
  if (limits.length === 0 || usage === null) return null
  // Files that nobody has looked at for long are given up first: they are no usage that stands in the way.
  const idle = new RegExp(`^${isFirst ? 'total_' : ''}inactive_file (\\d+)`, 'm').exec(read(`${folder}/memory.stat`))?.[1]
  const limitBytes = Math.min(...limits)
  return { limitBytes, leftBytes: Math.max(0, limitBytes - Math.max(0, usage - Number(idle ?? 0))) }
}

function tasksOf(read: Read, folder: string): Used | null {
  const max = number(read(`${folder}/pids.max`))
  return max === null ? null : { max, used: number(read(`${folder}/pids.current`)) ?? 0 }
}

/** null: no number, such as `max`. */
function number(text: string): number | null {
  return /^\d+$/.test(text.trim()) ? Number(text) : null
}

function least<T>(items: readonly T[], of: (item: T) => number): T | null {
  return items.reduce<T | null>((best, item) => (best === null || of(item) < of(best) ? item : best), null)
}
