/**
 * What the kernel, the memory or our own tables would refuse in the midst of a run, each as a row: what is needed of it, what is free of it now, for how
 * many clients that is enough, and what lifts it.
 */
import { MAX_CLIENTS } from '../load/schema.ts'
import { MAX_PAIRS } from '../stats/ledger.ts'
import { formatBytes, formatCount } from '../units.ts'
import type { Used } from './cgroup.ts'
import { addresses4, type MachineFacts, portCount } from './facts.ts'
import { processesFor, socketsPerProcess } from './layout.ts'
import { memoryBytes, type Needs } from './needs.ts'
import type { OpenRow } from './table.ts'

/** What `ulimit -n` may be raised to: the kernel's usual fs.nr_open. */
const MOST_FILES = 1_048_576
/** Ports that programs of the system do not listen on. */
const WIDE = { first: 1024, last: 65_535 } as const

export function limitRows(facts: MachineFacts, needs: Needs): OpenRow[] {
  return [
    processRow(facts, needs),
    ...kernelRows(facts, needs),
    portsRow(facts, needs),
    conntrackRow(facts, needs),
    memoryRow(facts, needs),
    ...ownRows(facts, needs),
  ]
}

type Counted = Pick<OpenRow, 'name' | 'what' | 'need' | 'have'> &
  Partial<OpenRow> & { /** Of the need, whatever the number of clients. */ readonly fixed?: number }

/** A row of what is needed in proportion to the clients. */
function rowOf(clients: number, counted: Counted): OpenRow {
  const { need, have, fixed = 0, unit = 'count', lifts = [], ...more } = counted
  const isCounted = need !== null && need > fixed && have !== null
  const share = isCounted ? Math.max(0, Math.floor((clients * (have - fixed)) / (need - fixed))) : MAX_CLIENTS
  const allows = share < MAX_CLIENTS ? share : null
  return {
    words: have === null ? 'no limit known' : unit === 'bytes' ? formatBytes(have) : formatCount(have),
    note: null,
    ...more,
    need,
    have,
    unit,
    allows,
    // What is enough for anybody needs no lifting.
    lifts: isCounted && allows === null ? [] : lifts,
    state: isCounted && need > have ? 'short' : 'enough',
  }
}

/** More clients take more processes, so it limits nobody but who wants a number of processes. */
function processRow(facts: MachineFacts, needs: Needs): OpenRow {
  const room = socketsPerProcess(facts)
  const row = rowOf(needs.clients, {
    name: 'processFiles',
    what: 'files per process',
    need: needs.processFiles,
    have: facts.openFiles.soft,
    note: room === null ? null : `${formatCount(room)} clients each: more take more processes`,
  })
  const more = row.state === 'short' ? [`--processes ${processesFor(needs.sockets, facts, needs.workers)}`] : []
  const higher = [`ulimit -n ${MOST_FILES}`, `LimitNOFILE=${MOST_FILES} (systemd)`, `--ulimit nofile=${MOST_FILES} (docker)`]
  return { ...row, allows: null, lifts: room === null ? [] : [...more, ...higher] }
}

function kernelRows({ allFiles, tasks, epollWatches }: MachineFacts, needs: Needs): OpenRow[] {
  const row = (counted: Counted) => rowOf(needs.clients, counted)
  return [
    row({
      name: 'files',
      what: 'files in all',
      need: needs.files,
      have: left(allFiles),
      lifts: allFiles ? [`sysctl -w fs.file-max=${raised(allFiles, needs.files)}`] : [],
    }),
    row({
      name: 'tasks',
      what: 'processes and threads',
      need: needs.tasks,
      have: left(tasks),
      lifts: tasks ? [liftOfTasks(tasks.of, raised(tasks, needs.tasks))] : [],
    }),
    row({
      name: 'epollWatches',
      what: 'epoll watches',
      need: needs.sockets,
      have: epollWatches,
      lifts: epollWatches === null ? [] : [`sysctl -w fs.epoll.max_user_watches=${raised({ max: epollWatches, used: 0 }, needs.sockets)}`],
    }),
  ]
}

function liftOfTasks(of: NonNullable<MachineFacts['tasks']>['of'], count: number): string {
  if (of === 'ulimit -u') return `ulimit -u ${count}`
  if (of === 'pids.max') return `a higher limit of the container (docker --pids-limit ${count})`
  return `sysctl -w ${of}=${count}`
}

function portsRow(facts: MachineFacts, needs: Needs): OpenRow {
  const { ports } = facts
  const have = portCount(facts)
  const own = addresses4(facts)
  const isNarrow = ports !== null && (ports.first > WIDE.first || ports.last < WIDE.last)
  const row = rowOf(needs.clients, {
    name: 'ports',
    what: 'local ports',
    need: needs.ports === 0 ? null : needs.ports,
    have,
    lifts: [
      ...(isNarrow ? [`sysctl -w net.ipv4.ip_local_port_range="${WIDE.first} ${WIDE.last}"`] : []),
      'ip address add ADDRESS/PREFIX dev INTERFACE, and sourceAddresses',
      'more addresses or ports of the broker',
    ],
    note:
      needs.ports === 0
        ? `× ${formatCount(own)} ${own === 1 ? 'address' : 'addresses'} here, × those of the broker`
        : needs.sources > 1
          ? `from each of ${formatCount(needs.sources)} source addresses`
          : 'towards one broker address',
  })
  // Linux hands out every second port first, and from then on each connect looks at all of those in vain.
  if (have === null || needs.ports <= have / 2 || row.state === 'short') return row
  return { ...row, state: 'trap', note: `${formatCount(needs.ports)} in use are more than half of them: connects get slow` }
}

function conntrackRow({ conntrack }: MachineFacts, needs: Needs): OpenRow {
  const row = (need: number | null, more: Partial<Counted>) =>
    rowOf(needs.clients, { name: 'conntrack', what: 'tracked connections', need, have: left(conntrack), ...more })
  if (conntrack === null) return row(null, { words: 'none', note: 'tracking is not loaded' })
  // The module is there on many machines whose firewall has no rule that asks for it.
  if (conntrack.used === 0) return row(null, { note: 'the count is 0: it seems that none are' })
  return row(needs.sockets, { lifts: [`sysctl -w net.netfilter.nf_conntrack_max=${raised(conntrack, needs.sockets)}`] })
}

function memoryRow({ memory: { availableBytes, limitBytes, swapBytes } }: MachineFacts, needs: Needs): OpenRow {
  const hasSwap = swapBytes !== null && swapBytes > 0
  return rowOf(needs.clients, {
    name: 'memory',
    what: 'memory',
    unit: 'bytes',
    need: memoryBytes(needs),
    fixed: needs.memory.fixedBytes,
    have: availableBytes,
    lifts: [limitBytes === null ? 'more RAM' : 'a higher memory limit of the container (docker --memory)'],
    note:
      limitBytes !== null ? `the container’s limit is ${formatBytes(limitBytes)}` : hasSwap ? 'swap is not counted: it answers late' : null,
  })
}

/** Limits of ours. */
function ownRows(facts: MachineFacts, needs: Needs): OpenRow[] {
  const pairs: Counted = {
    name: 'pairs',
    what: 'pairs of subscriber and stream',
    need: needs.pairs,
    have: MAX_PAIRS * needs.workers,
    lifts: [`--workers ${Math.ceil(needs.pairs / MAX_PAIRS)}`, 'narrower filters'],
  }
  const embedded: Counted = {
    name: 'embeddedFiles',
    what: 'files of the embedded broker',
    need: needs.embeddedFiles,
    have: facts.openFiles.soft,
    lifts: ['--broker URL: one of yours'],
  }
  return [...(needs.pairs > 0 ? [pairs] : []), ...(needs.embeddedFiles > 0 ? [embedded] : [])].map((it) => rowOf(needs.clients, it))
}

function left(of: Used | null): number | null {
  return of && Math.max(0, of.max - of.used)
}

/** A readable limit: at least twice as high, and with some room above what is needed. */
function raised({ max, used }: Used, need: number): number {
  const wanted = Math.max(2 * max, 1.2 * (used + need))
  const step = 10 ** Math.floor(Math.log10(wanted))
  return Math.ceil(wanted / step) * step
}
