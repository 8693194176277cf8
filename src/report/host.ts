/**
 * The machine a run was made on: figures without it can't be compared.
 *
 * Only facts that shape a measurement: no host name, address or user. What a system doesn't tell is null, never a guess.
 */
import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'
import type { HostFacts } from './types.ts'

/** Reads the facts of this host. Never throws. */
export function hostFacts(): HostFacts {
  const range = portRange(readText('/proc/sys/net/ipv4/ip_local_port_range'))
  return {
    os: `${distribution() ?? type()} ${arch()}`,
    kernel: release(),
    cpu: cpuModel(),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.versions.node,
    limits: {
      openFiles: fileLimits(readText('/proc/self/limits')).soft,
      localPorts: range && range.last - range.first + 1,
    },
    tool: toolVersion(),
  }
}

/** mqtt-scale's version, from its package. */
export function toolVersion(): string {
  // The same two folders up from src/report and from dist/report.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

export function cpuModel(): string {
  return cpus()[0]?.model.trim() ?? 'unknown'
}

/**
 * Files that a process may have open, of the text of `/proc/self/limits`: the soft limit is the one that holds, and may be raised to the hard
 * one. null: unlimited, or not told. Node raises its own soft limit to the hard one when it starts.
 */
export function fileLimits(text: string): { readonly soft: number | null; readonly hard: number | null } {
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(text) ?? []
  return { soft: count(soft), hard: count(hard) }
}

/** First and last local port, of the text of `ip_local_port_range`; null: not told. */
export function portRange(text: string): { readonly first: number; readonly last: number } | null {
  const [, first, last] = /^\s*(\d+)\s+(\d+)/.exec(text) ?? []
  return first === undefined ? null : { first: Number(first), last: Number(last) }
}

/** The text of a file of the system; empty where it can't be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not Linux, or not for us to read: the fact is then null.
    return ''
  }
}

function distribution(): string | null {
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(readText('/etc/os-release'))?.[1] ?? null
}

function count(text: string | undefined): number | null {
  return text === undefined || !/^\d+$/.test(text) ? null : Number(text)
}
