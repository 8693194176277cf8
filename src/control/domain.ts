/**
 * The clock that a process reads: CLOCK_MONOTONIC counts from the boot of a host, for all its processes alike, but in a time namespace of its own.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'

/** The same text for two processes means the same clock. */
export function clockDomain(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${timeNamespace()}`
  } catch {
    // Not Linux: nothing is known to be shared.
    return randomUUID()
  }
}

function timeNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/time')
  } catch {
    // A kernel before 5.6 has one clock.
    return ''
  }
}
