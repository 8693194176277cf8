/**
 * `mqtt-scale plan SCENARIO`: what the run would do and need, and where this machine falls short, before a packet is sent.
 */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type ClusterEstimate, estimateCluster } from '../load/cluster.ts'
import { type Estimate, estimate } from '../load/estimate.ts'
import type { DropPlan, FaultPlan, Plan } from '../load/plan.ts'
import { loadScenario } from '../load/scenario.ts'
import { epollAvailable } from '../net/transport.ts'
import { localPortsNeeded, type Machine, type Need, type Shortage, shortages, thisMachine } from '../run/limits.ts'
import { EMBEDDED_URL, withEmbeddedNode, workerCount } from '../run/prepare.ts'
import { formatBytes, formatCount, formatDuration, formatRate, formatShare } from '../units.ts'
import { loadOptions, type RunFlags } from './options.ts'
import { readScenario } from './scenarios.ts'
import { commandLine, ink, print } from './terminal.ts'

/** @returns 0: a machine that is too small is a warning here */
export function plan(name: string, flags: RunFlags): number {
  const { file, text } = readScenario(name)
  const options = loadOptions(flags)
  const scaled = withEmbeddedNode(loadScenario(file, text, options), EMBEDDED_URL)
  const { scale } = scaled
  const settings = settingsOf(scaled, file, flags)
  const planned = estimate(scaled, settings)
  const whole =
    scale === 1 ? planned : estimate(withEmbeddedNode(loadScenario(file, text, { ...options, scale: null }), EMBEDDED_URL), settings)
  const cluster = estimateCluster(scaled)
  const machine = thisMachine()
  const need: Need = {
    ...planned.need,
    localPorts: localPortsNeeded(
      scaled,
      scaled.nodes.map(({ url }) => [destination(url)]),
    ),
  }
  const short = [...shortages(need, machine, settings.workers), ...reportShortage(flags), ...execShortage(scaled, flags)]
  if (flags.json) {
    const at100 = scale === 1 ? null : { clients: whole.clients, fanOut: whole.fanOut, publishesPerSec: whole.publishesPerSec }
    const { name, phases, faults } = scaled
    const figures = { name, scale, ...planned, ...cluster, phases, faults, need, machine, at100Percent: at100, shortages: short }
    print(`${JSON.stringify(figures, null, 2)}\n`)
  } else if (!flags.quiet) print(render(scaled, planned, cluster, scale === 1 ? null : whole, need, machine, short))
  return 0
}

/** Without a look-up of names: that would be a packet. Each name counts as one address. */
function destination(url: string): { address: string; port: number } {
  const { hostname, port, protocol } = new URL(url)
  return { address: hostname, port: port === '' ? protocol.length : Number(port) }
}

function settingsOf(plan: Plan, file: string, flags: RunFlags) {
  const isPlain = plan.nodes.every(({ url }) => url.startsWith('mqtt:'))
  const isEpoll = plan.transport !== 'stream' && isPlain && epollAvailable() === null
  return {
    fileBytes: (path: string) => statSync(resolve(dirname(file), path)).size,
    transport: isEpoll ? ('epoll' as const) : ('stream' as const),
    workers: workerCount(plan, flags.workers ?? null),
  }
}

/** What `run` would refuse of the folder. */
function reportShortage({ out, force }: RunFlags): Shortage[] {
  if (out === undefined || force || !existsSync(join(out, 'report.json'))) return []
  return [{ isRefusal: true, words: `would find a report in ${out}`, hint: 'give another folder with --out, or --force to write over it' }]
}

function execShortage({ faults }: Plan, { allowExec }: RunFlags): Shortage[] {
  const names = faults.filter(({ exec }) => exec !== null).map(({ name }) => name)
  if (names.length === 0 || allowExec) return []
  return [{ isRefusal: true, words: `runs commands, of ${names.join(', ')}`, hint: 'give --allow-exec to let it' }]
}

type Row = readonly string[]

function render(
  plan: Plan,
  planned: Estimate,
  cluster: ClusterEstimate,
  whole: Estimate | null,
  need: Need,
  machine: Machine,
  short: readonly Shortage[],
): string {
  const where = plan.embedded
    ? 'the embedded broker'
    : plan.nodes.length === 1
      ? plan.nodes[0]!.url
      : `${formatCount(plan.nodes.length)} nodes`
  const scale = whole === null ? '' : `, at ${formatShare(plan.scale)} of the scenario’s ${formatCount(whole.clients)}`
  const head = `${ink.bold(plan.name)}: ${formatCount(planned.clients)} clients on ${where}${scale}, ${plan.phases.untilRecovered ? 'at most ' : ''}about ${formatDuration(planned.lengthS * 1e6)}`
  const sections = [
    section('Groups', ['', 'clients', 'connects', 'publishes', 'deliveries'], planned.groups.map(groupRow)),
    section('Streams', ['', 'publishes', 'fan-out', 'packet'], streamRows(planned)),
    section('Nodes', ['', ...NODE_COLUMNS], nodeRows(cluster)),
    section('Load', [], [...loadRows(plan, planned, whole), ...crossRows(cluster)]),
    section('Measure', [], measureRows(plan)),
    section(
      'Faults',
      [],
      plan.faults.map((fault) => faultRow(fault, plan)),
    ),
    section('Needs', ['', 'here', 'there is'], needRows(need, machine)),
  ]
  const warnings = short.map(({ words, hint }) => `${ink.yellow('⚠')} ${words}: ${hint}`)
  return `${[head, ...sections.filter((text) => text !== ''), ...(warnings.length > 0 ? ['', ...warnings] : [])].join('\n')}\n`
}

function groupRow({ name, clients, connectsPerSec, publishesPerSec, deliveriesPerSec }: Estimate['groups'][number]): Row {
  return [name, formatCount(clients), connects(connectsPerSec), rate(publishesPerSec), rate(deliveriesPerSec)]
}

function streamRows({ streams, groups }: Estimate): Row[] {
  return streams.map(({ name, group, publishesPerSec, fanOut, packetBytes }) => [
    name === group || groups.length === 1 ? name : `${group} ${name}`,
    publishesPerSec === null ? 'on connect' : formatRate(publishesPerSec),
    `× ${factor(fanOut)}`,
    formatBytes(packetBytes),
  ])
}

const NODE_COLUMNS = ['clients', 'share', 'zone']

/** One node is no news. */
function nodeRows({ nodes }: ClusterEstimate): Row[] {
  if (nodes.length < 2) return []
  const all = nodes.reduce((sum, { clients }) => sum + clients, 0)
  return nodes.map(({ name, clients, zone }) => [name, formatCount(clients), formatShare(clients / Math.max(1, all)), zone ?? '-'])
}

function crossRows({ nodes, crossNodeShare }: ClusterEstimate): Row[] {
  return nodes.length < 2 || crossNodeShare === null ? [] : [['from node to node', `${formatShare(crossNodeShare)} of deliveries`]]
}

function loadRows(plan: Plan, planned: Estimate, whole: Estimate | null): Row[] {
  const { publishesPerSec, peakPublishesPerSec, deliveriesPerSec, fanOut } = planned
  const isUneven = peakPublishesPerSec > 1.01 * publishesPerSec
  const before = whole?.fanOut == null ? '' : `; at 100 % it is ${factor(whole.fanOut)}`
  return [
    ['connects, at most', connects(planned.connectsPerSec)],
    ['publishes', `${formatRate(publishesPerSec)}${isUneven ? `, at the peak ${formatRate(peakPublishesPerSec)}` : ''}`],
    ['deliveries', `${formatRate(deliveriesPerSec)}${fanOut === null ? '' : ` (fan-out ${factor(fanOut)}${before})`}`],
    ['bytes to the broker', `${formatBytes(planned.bytesInPerSec)}/s`],
    ['bytes from the broker', `${formatBytes(planned.bytesOutPerSec)}/s`],
    [
      'owed deliveries',
      `${formatCount(planned.owed)} of ${formatCount(planned.publishes)} messages in ${formatDuration(plan.phases.measureUs)}`,
    ],
    ['persistent sessions', formatCount(planned.persistentSessions)],
  ]
}

/** A measure of one piece is no news. */
function measureRows({ phases: { untilRecovered, stretches, measureUs } }: Plan): Row[] {
  if (untilRecovered !== null) {
    return [
      ['at least', formatDuration(untilRecovered.minUs)],
      ['at most', `${formatDuration(measureUs)}, or until every fault is recovered`],
    ]
  }
  let fromUs = 0
  return stretches.map(({ name, lengthUs }) => [name, `from ${moment(fromUs)} to ${moment((fromUs += lengthUs))}`])
}

function faultRow({ name, trigger, exec, drop }: FaultPlan, plan: Plan): Row {
  const when = () => {
    if (trigger.kind === 'at') return `at ${moment(trigger.atUs)}`
    const wait = trigger.waitUs === 0 ? 'when' : `${formatDuration(trigger.waitUs)} after`
    return `${wait} ${plan.faults[trigger.fault]!.name} ${trigger.is === 'ended' ? 'has' : 'is'} ${trigger.is}`
  }
  const runs = exec === null ? [] : [`runs ${commandLine(exec)}`]
  return [name, when(), [...runs, ...(drop === null ? [] : [dropWords(drop, plan)])].join('; ')]
}

/** Since the start of measure. */
function moment(us: number): string {
  return us === 0 ? '0 s' : formatDuration(us)
}

function dropWords({ how, groups, where, nodes, share, forUs, return: comeBack }: DropPlan, plan: Plan): string {
  const names = (indices: readonly number[], of: readonly { readonly name: string }[]) => indices.map((i) => of[i]!.name).join(', ')
  const values = Object.entries(where).map(([level, value]) => `${level} ${value}`)
  const words = [
    `${how}: ${share < 1 ? `${formatShare(share)} of ` : ''}${names(groups, plan.groups)}`,
    ...(values.length > 0 ? [`with ${values.join(' and ')}`] : []),
    ...(nodes === null ? [] : [`on ${names(nodes, plan.nodes)}`]),
    ...(forUs === 0 ? [] : [`for ${formatDuration(forUs)}`]),
  ].join(' ')
  if (comeBack === null) return words
  return `${words}, then back ${comeBack.overS === 0 ? 'at once' : `over ${formatDuration(comeBack.overS * 1e6)} (${comeBack.arrival})`}`
}

function needRows(need: Need, machine: Machine): Row[] {
  const limit = (count: number | null) => (count === null ? 'no limit known' : formatCount(count))
  return [
    ['open files', formatCount(need.openFiles), limit(machine.openFiles)],
    ['local ports', formatCount(need.localPorts), limit(machine.localPorts)],
    ['memory', formatBytes(need.memoryBytes), `${formatBytes(machine.freeBytes)} free`],
    ['pairs of subscriber and stream', formatCount(need.pairs), ''],
  ]
}

function connects(perSec: number | null): string {
  return perSec === null ? 'all at once' : formatRate(perSec)
}

function rate(perSec: number): string {
  return perSec === 0 ? '-' : formatRate(perSec)
}

/** 0.05, 1.2, 24, 10,000. */
function factor(value: number): string {
  return value >= 100 ? formatCount(value) : String(Number(value.toPrecision(3)))
}

/** A title and its rows, in columns: names to the left, numbers to the right where there is a head. */
function section(title: string, head: Row, rows: readonly Row[]): string {
  if (rows.length === 0) return ''
  const all = head.length > 0 ? [head, ...rows] : rows
  const widths = all[0]!.map((_, i) => Math.max(...all.map((row) => row[i]!.length)))
  const lines = all.map((row, n) => {
    const cells = row.map((cell, i) => (i === 0 || head.length === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
    const line = `  ${cells.join('  ')}`.trimEnd()
    return n === 0 && head.length > 0 ? ink.dim(line) : line
  })
  return `\n${[ink.bold(title), ...lines].join('\n')}`
}
