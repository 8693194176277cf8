/**
 * What stops no run and can spoil one: a port range that makes connects slow, a slow clock, a short accept queue. And what is only good to know.
 */
import { formatBytes, formatCount } from '../units.ts'
import type { MachineFacts, PortFacts } from './facts.ts'
import { defaultWorkers } from './layout.ts'
import type { Needs } from './needs.ts'
import type { OpenRow } from './table.ts'

/** Each reading of such a clock goes out of the core, and takes microseconds. */
const SLOW_CLOCKS: readonly string[] = ['hpet', 'acpi_pm', 'jiffies', 'refined-jiffies', 'pit']
/** Connections in one list of the kernel from which on to find one takes a good part of what a packet takes: with 8, a tenth of all of it. */
const LONG_LIST = 4
/** A broker on this machine that accepts in bursts is behind by that much in no time: old kernels had 128. */
const SHORT_QUEUE = 1024

export function trapRows(facts: MachineFacts, needs: Needs): OpenRow[] {
  return [
    ...rangeRow(facts.ports),
    ...bufferRow(facts),
    coresRow(facts),
    ...queueRow(facts, needs),
    ...listsRow(facts, needs),
    ...clockRow(facts),
  ]
}

/**
 * A port range whose two ends are both even or both odd. The kernel's ip-sysctl.rst wants one of each, and in one test connects fell from 6,000/s to
 * 70/s without; on Linux 6.18, with one process and 90 % of a small range in use, they did not.
 */
export function hasParityTrap({ first, last }: Pick<PortFacts, 'first' | 'last'>): boolean {
  return first % 2 === last % 2
}

/** The range, with one end moved by one. */
export function mendedRange({ first, last }: Pick<PortFacts, 'first' | 'last'>): string {
  return last < 65_535 ? `${first} ${last + 1}` : `${first - 1} ${last}`
}

function about(row: Pick<OpenRow, 'name' | 'what' | 'words'> & Partial<OpenRow>): OpenRow {
  return { need: null, have: null, unit: 'count', allows: null, lifts: [], note: null, state: 'enough', ...row }
}

function rangeRow(ports: PortFacts | null): OpenRow[] {
  if (ports === null) return []
  const row = about({ name: 'portRange', what: 'local port range', words: `${ports.first}–${ports.last}` })
  if (!hasParityTrap(ports)) return [row]
  const ends = ports.first % 2 === 0 ? 'even' : 'odd'
  return [
    {
      ...row,
      state: 'trap',
      note: `both ends are ${ends}; in one test connects fell from 6,000/s to 70/s`,
      lifts: [`sysctl -w net.ipv4.ip_local_port_range="${mendedRange(ports)}"`],
    },
  ]
}

/** Of bytes on their way only: idle sockets take none of it. How much waits nobody knows before. */
function bufferRow({ socketBuffers }: MachineFacts): OpenRow[] {
  if (socketBuffers === null) return []
  const { maxBytes, pageBytes } = socketBuffers
  const pages = Math.floor(maxBytes / pageBytes)
  return [
    about({
      name: 'socketBuffers',
      what: 'socket buffers',
      words: formatBytes(maxBytes),
      have: maxBytes,
      unit: 'bytes',
      note: `one page each for ${formatCount(pages)} sockets`,
      lifts: [`sysctl -w net.ipv4.tcp_mem="${pages} ${2 * pages} ${4 * pages}"`],
    }),
  ]
}

function coresRow(facts: MachineFacts): OpenRow {
  const workers = defaultWorkers(facts)
  return about({
    name: 'cores',
    what: 'cores',
    words: `${Number(facts.cores.toFixed(2))}`,
    have: facts.cores,
    note: `${formatCount(workers)} worker${workers === 1 ? '' : 's'} by default`,
  })
}

/** Of brokers on this machine: those elsewhere have their own. */
function queueRow({ acceptQueue, synBacklog }: MachineFacts, { ends, sockets }: Needs): OpenRow[] {
  if (acceptQueue === null) return []
  const backlog = synBacklog ?? acceptQueue
  const row = about({
    name: 'acceptQueue',
    what: 'accept queue',
    words: formatCount(acceptQueue),
    have: acceptQueue,
    note: `and ${formatCount(backlog)} handshakes, of a broker here`,
  })
  if (Math.min(acceptQueue, backlog) >= SHORT_QUEUE) return [row]
  const lifts = ['sysctl -w net.core.somaxconn=65535 net.ipv4.tcp_max_syn_backlog=65535']
  return [{ ...row, state: ends > sockets ? 'trap' : 'enough', lifts }]
}

/** The table is as large as the kernel made it at its start, but a network namespace can have one of its own. */
function listsRow({ connectionLists }: MachineFacts, { ends }: Needs): OpenRow[] {
  if (connectionLists === null) return []
  const row = about({
    name: 'connectionLists',
    what: 'connection table',
    words: `${formatCount(connectionLists)} lists`,
    have: connectionLists,
  })
  if (ends <= LONG_LIST * connectionLists) return [row]
  const entries = 2 ** Math.ceil(Math.log2(ends))
  return [
    {
      ...row,
      state: 'trap',
      note: `${formatCount(Math.ceil(ends / connectionLists))} connections in each: every packet looks for its own`,
      lifts: [
        `sysctl -w net.ipv4.tcp_child_ehash_entries=${entries} && ip netns add NAME`,
        `thash_entries=${entries} (kernel command line)`,
      ],
    },
  ]
}

function clockRow({ clockSource }: MachineFacts): OpenRow[] {
  if (clockSource === null) return []
  const row = about({ name: 'clock', what: 'clock source', words: clockSource })
  if (!SLOW_CLOCKS.includes(clockSource)) return [row]
  return [
    {
      ...row,
      state: 'trap',
      note: 'each reading of this clock takes microseconds, and every message takes some',
      lifts: ['echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource'],
    },
  ]
}
