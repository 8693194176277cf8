/**
 * What makes the generator suspect beside its own lateness: a machine at its limits, or a way to the broker that does not take what is sent.
 *
 * None of it proves a figure wrong, and the exit code stays; each says what to look at. What a system does not tell is not checked.
 */
import { formatCount, formatShare } from '../units.ts'
import type { GeneratorCheck, Limited, Report, ThreadFigures } from './types.ts'

/** Workers on a core from which on they do what is due, and read what arrives, once a tick. */
export const CROWD = 8

/** Shares of a thread's time. */
const CPU_LIMIT = 0.9
const WAITING_LIMIT = 0.1
const GC_LIMIT = 0.05
/** Of the connected clients, in the mean over measure. */
const UNWRITABLE_LIMIT = 0.1
/** Of what there is. */
const USED_LIMIT = 0.9

export function generatorChecks({
  generator: { threads, unwritable, files, ports, workers, agents },
  clients,
  host,
}: Report): GeneratorCheck[] {
  const ofThreads = (name: string, of: keyof ThreadFigures, limit: number, found: (share: string) => string, meaning: string) =>
    check(name, highest(threads.map((thread) => thread[of])), limit, (value) => found(formatShare(value)), meaning)
  const machines = agents.length > 0 ? agents.map((agent) => agent.workers / agent.host.cores) : [workers / host.cores]
  const stuck = clients.connected === 0 ? 0 : unwritable.mean / clients.connected
  return [
    ...ofThreads(
      'threadCpu',
      'cpu',
      CPU_LIMIT,
      (share) => `the busiest worker's thread used ${share} of a core`,
      'its latencies may hold waits of its own; use more --workers or fewer clients',
    ),
    ...ofThreads(
      'runQueue',
      'waiting',
      WAITING_LIMIT,
      (share) => `a worker's thread waited ${share} of the time for a core`,
      'other programs, or too many workers, want this machine too',
    ),
    ...ofThreads(
      'gc',
      'gc',
      GC_LIMIT,
      (share) => `the garbage collector stopped a worker ${share} of the time`,
      'latencies may hold its pauses; use more --workers or fewer clients',
    ),
    ...check(
      'crowd',
      Math.max(...machines),
      CROWD,
      (value) => `there are ${Number(value.toFixed(1))} workers to a core`,
      'each looks at its clients only once a tick, so latencies are too high by up to 8 ms; use a higher limit of open files (ulimit -n) and fewer processes',
    ),
    ...check(
      'unwritable',
      stuck,
      UNWRITABLE_LIMIT,
      (value) => `${formatShare(value)} of the clients' sockets took no bytes (mean of measure; at most ${formatCount(unwritable.peak)})`,
      'the broker or the network pushes back',
    ),
    ...left('files', files, 'open files', 'the next may be refused; raise the limit (ulimit -n, LimitNOFILE)'),
    ...left(
      'ports',
      ports,
      'local ports towards one broker address',
      'connects may fail; give the groups several sourceAddresses, or widen net.ipv4.ip_local_port_range',
    ),
  ]
}

function left(name: string, { used, limit }: Limited, what: string, meaning: string): GeneratorCheck[] {
  if (limit === null) return []
  return check(name, used / limit, USED_LIMIT, () => `${formatCount(used)} of ${formatCount(limit)} ${what} were in use`, meaning)
}

function check(name: string, value: number | null, limit: number, found: (value: number) => string, meaning: string): GeneratorCheck[] {
  if (value === null) return []
  const ok = value <= limit
  return [{ name, ok, level: 'suspect', value, limit, words: ok ? found(value) : `${found(value)}: ${meaning}` }]
}

/** null: none is known. */
function highest(shares: readonly (number | null)[]): number | null {
  const known = shares.filter((share) => share !== null)
  return known.length === 0 ? null : Math.max(...known)
}
