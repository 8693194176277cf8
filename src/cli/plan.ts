/**
 * `mqtt-scale plan SCENARIO`: what the run would do and need, and where this machine falls short, before a packet is sent.
 */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import { type ClusterEstimate, estimateCluster } from '../load/cluster.ts'
import { type Estimate, estimate } from '../load/estimate.ts'
import type { DropPlan, FaultPlan, Plan } from '../load/plan.ts'
import { loadScenario } from '../load/scenario.ts'
import { addressesHere } from '../machine/addresses.ts'
import { routedHere } from '../machine/bind.ts'
import { calibrationMachine, calibrationPath, readCalibration } from '../machine/calibration.ts'
import { ceilingsOf, rateWarnings } from '../machine/ceiling.ts'
import { machineFacts } from '../machine/facts.ts'
import { type Judgement, judge, type Question } from '../machine/judge.ts'
import type { Destination } from '../machine/ports.ts'
import { NEED_COLUMNS, needCells, type Shortage, shortagesOf } from '../machine/words.ts'
import { epollAvailable } from '../net/transport.ts'
import { EMBEDDED_URL, withEmbeddedNode } from '../run/prepare.ts'
import { formatBytes, formatCount, formatDuration, formatRate, formatShare } from '../units.ts'
import { loadOptions, type RunFlags, wantedOf } from './options.ts'
import { readScenario } from './scenarios.ts'
import { type Row, section } from './section.ts'
import { commandLine, ink, print } from './terminal.ts'

/** @returns 0: a machine that is too small is a warning here */
export async function plan(name: string, flags: RunFlags): Promise<number> {
  const { file, text } = readScenario(name)
  const options = loadOptions(flags)
  const scaled = withEmbeddedNode(loadScenario(file, text, options), EMBEDDED_URL)
  const { scale } = scaled
  const question = questionOf(scaled, file, flags)
  const judged = judge(scaled, question)
  const { planned, needs, table, layout } = judged
  const unscaled = () => withEmbeddedNode(loadScenario(file, text, { ...options, scale: null }), EMBEDDED_URL)
  const whole = scale === 1 ? null : estimate(unscaled(), { ...question, ...layout })
  const cluster = estimateCluster(scaled)
  const { calibration, problem } = readCalibration(calibrationPath(), calibrationMachine(question.facts))
  const short = [
    ...shortagesOf(table),
    ...(await addressShortage(scaled, question.facts.addresses)),
    ...rateWarnings(planned, ceilingsOf(scaled, planned, calibration)),
    ...reportShortage(flags),
    ...execShortage(scaled, flags),
  ]
  if (flags.json) {
    const at100 = whole && { clients: whole.clients, fanOut: whole.fanOut, publishesPerSec: whole.publishesPerSec }
    const { name, phases, faults } = scaled
    const here = { need: needs, machine: question.facts, calibration, calibrationProblem: problem }
    const verdict = { rows: table.rows, machines: table.machines, sourceAddresses: judged.sourceAddresses, shortages: short }
    print(`${JSON.stringify({ name, scale, ...planned, ...cluster, phases, faults, ...here, at100Percent: at100, ...verdict }, null, 2)}\n`)
  } else if (!flags.quiet) print(render(scaled, judged, cluster, whole, short))
  return 0
}

/** Without a look-up of names: that would be a packet. Each name counts as one address, and is elsewhere but for this one. */
function destination(url: string): Destination {
  const { hostname, port, protocol } = new URL(url)
  return {
    address: hostname === 'localhost' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? protocol.length : Number(port),
  }
}

function questionOf(plan: Plan, file: string, flags: RunFlags): Question {
  const isPlain = plan.nodes.every(({ url }) => url.startsWith('mqtt:'))
  const isEpoll = plan.transport !== 'stream' && isPlain && epollAvailable() === null
  return {
    facts: machineFacts(),
    // Addresses that this machine lacks have a line of their own; all else is said as if it had them.
    routed: plan.groups.flatMap((group) => group.sourceAddresses),
    destinations: plan.nodes.map(({ url }) => [destination(url)]),
    fileBytes: (path: string) => statSync(resolve(dirname(file), path)).size,
    transport: isEpoll ? ('epoll' as const) : ('stream' as const),
    wanted: wantedOf(flags),
    slice: null,
  }
}

async function addressShortage({ groups }: Plan, own: readonly string[]): Promise<Shortage[]> {
  const given = groups.map((group) => group.sourceAddresses)
  try {
    addressesHere(given, [...own, ...(await routedHere(given, own))], true)
    return []
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error
    return [{ isRefusal: true, words: error.message, hint: error.hint ?? '' }]
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

function render(plan: Plan, judged: Judgement, cluster: ClusterEstimate, whole: Estimate | null, short: readonly Shortage[]): string {
  const { planned } = judged
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
    section('Needs', NEED_COLUMNS, needCells(judged.table), needFoot(judged)),
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

/** What the run does with the machine, and with how many. */
function needFoot({ needs, table, sourceAddresses }: Judgement): string[] {
  const { processes, workers, sources } = needs
  const addresses =
    sources === 0 ? 'the system chooses source addresses' : `${plural(sources, 'source address', 'es')}, ${span(sourceAddresses)}`
  const made = `${plural(processes, 'process', 'es')} with ${plural(workers, 'worker')}; ${addresses}`
  const short = table.rows.filter(({ state }) => state === 'short').map(({ what }) => what)
  return [made, ...(table.machines > 1 ? [`it takes ${formatCount(table.machines)} machines like this one, for ${short.join(', ')}`] : [])]
}

/** The first and the last of all addresses, in the order of their use. */
function span(sources: Judgement['sourceAddresses']): string {
  const all = [...new Set(sources.flat())]
  return all.length < 4 ? all.join(', ') : `${all[0]} to ${all.at(-1)}`
}

function plural(count: number, noun: string, ending = 's'): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : ending}`
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
