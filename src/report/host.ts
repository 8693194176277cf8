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
  return {
    os: `${distribution() ?? type()} ${arch()}`,
    kernel: release(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.versions.node,
    limits: { openFiles: openFiles(), localPorts: localPorts() },
    tool: toolVersion(),
  }
}

/** mqtt-scale's version, from its package. */
export function toolVersion(): string {
  // The same two folders up from src/report and from dist/report.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function distribution(): string | null {
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(read('/etc/os-release'))?.[1] ?? null
}

/** The soft limit, which is the one that holds; null for "unlimited". */
function openFiles(): number | null {
  return numberOrNull(/^Max open files\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1])
}

function localPorts(): number | null {
  const [first, last] = read('/proc/sys/net/ipv4/ip_local_port_range').trim().split(/\s+/).map(Number)
  return first === undefined || last === undefined || Number.isNaN(first) ? null : last - first + 1
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined ? null : Number(text)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not Linux, or not for us to read: the fact is then null.
    return ''
  }
}
