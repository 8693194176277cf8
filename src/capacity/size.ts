/**
 * A target against the evidence: how large a cluster it needs, and how sure that is. A pure function of its arguments.
 */
import { toolVersion } from '../report/host.ts'
import { formatCount } from '../units.ts'
import { availabilityOf, downMinutes, inSeries, MINUTES_PER_YEAR } from './availability.ts'
import { CONSTRAINT_WORDS, clientBytes, lostClients, neededPerSec } from './constraints.ts'
import { beyondOf, type Cluster, decide } from './decide.ts'
import type { Evidence } from './evidence.ts'
import { inputsOf, isRefusal, type Model, modelOf } from './model.ts'
import { networkOf } from './network.ts'
import { nextRunsOf } from './next-runs.ts'
import { sizeWords } from './scaling.ts'
import { decidedNodes, leversOf } from './sensitivity.ts'
import { notCoveredOf, reasonsOf } from './size-words.ts'
import { type AvailabilityFigures, type Cost, type LoadFigure, type NodeLoad, SIZE_SCHEMA, type Sizing, type Storm } from './sizing.ts'
import type { Load, Target } from './target.ts'
import type { Provenance } from './types.ts'

export const HOURS_PER_MONTH = 730

export function size(target: Target, load: Load, evidence: Evidence): Sizing {
  const model = modelOf(target, load, evidence)
  const decision = decide(model)
  const { cluster, atLeast, binding, constraints, doubts, slack } = decision
  const { name, description, slo, survive, zones, node, use } = target
  const { scaling } = evidence
  return {
    schema: SIZE_SCHEMA,
    verdict: doubts.length === 0 ? 'decided' : 'inconclusive',
    reasons: reasonsOf(model, decision),
    target: { name, description, slo, survive, zones, node, use, recoveryS: model.recoveryS },
    load,
    answer: doubts.length === 0 ? cluster : null,
    atLeast,
    cluster,
    binding,
    constraints: constraints.map((one) => ({
      ...one,
      title: CONSTRAINT_WORDS[one.name],
      binds: one.name === binding,
      slack: slack[one.name],
    })),
    doubts,
    inputs: inputsOf(model).map(({ name, text, quantity }) => ({ name, text, ...quantity })),
    loads: loadsOf(model, cluster),
    alternatives: alternativesOf(model),
    scaling: scaling.figures,
    availability: availabilityFigures(model, cluster),
    storm: stormOf(model, cluster),
    network: networkOf(load, cluster.nodes),
    cost: costOf(model, cluster),
    sensitivity: leversOf(model, binding),
    notCovered: notCoveredOf(model, evidence, decision),
    nextRuns: nextRunsOf(model, decision),
    evidence: { reports: evidence.reports, searches: evidence.searches },
    notes: [...evidence.notes, ...unusedOf(target, evidence)],
    tool: toolVersion(),
  }
}

/** A law that is assumed stands in for one that can't be fitted, and then goes before what few sizes say. */
function unusedOf({ assume }: Target, { scaling }: Evidence): string[] {
  if (assume.perNode === undefined || scaling.law !== null || scaling.sizes.length === 0) return []
  return [`The target’s throughput is used, not the searches with ${sizeWords(scaling.sizes)}: ${scaling.refusal!.reason}.`]
}

function loadsOf(model: Model, cluster: Cluster): NodeLoad[] {
  const { load, node, memory, throughput, target } = model
  const sizes = { before: cluster.nodes, after: cluster.left }
  const row = (name: string, unit: NodeLoad['unit'], limit: number | null, of: (nodes: number) => LoadFigure | null): NodeLoad[] => {
    const [before, after] = [of(sizes.before), of(sizes.after)]
    return before === null || after === null ? [] : [{ name, unit, limit, before, after }]
  }
  const figure = (value: number, provenance: Provenance): LoadFigure => ({ value, range: null, provenance })
  return [
    ...row('connections', 'clients', node.connections ?? null, (nodes) => figure(load.clients / nodes, load.provenance)),
    ...row('memory', 'bytes', node.memory, (nodes) => {
      if (isRefusal(memory)) return null
      const most = memory.mostConnections
      const provenance = most === null ? 'assumed' : load.clients / nodes > most ? 'extrapolated' : 'interpolated'
      const bytes = (end: 'value' | 'high') => memory.base.value + clientBytes(model, end) / nodes
      const isWide = bytes('high') > 1.001 * bytes('value')
      return { value: bytes('value'), range: isWide ? { low: bytes('value'), high: bytes('high') } : null, provenance }
    }),
    ...row('throughput at the SLO', 'share', target.use.cpu, (nodes) => {
      const known = isRefusal(throughput) ? null : throughput.at(nodes)
      if (known === null) return null
      const perSec = neededPerSec(model) * target.use.cpu
      const { value, range, provenance } = known
      return { value: value === null ? null : perSec / value, range: { low: perSec / range.high, high: perSec / range.low }, provenance }
    }),
    ...row('network, each way', 'bitsPerSec', node.network ?? null, (nodes) => {
      const { inBitsPerSec, outBitsPerSec, forwardedBitsPerSec } = networkOf(load, nodes)
      return figure((Math.max(inBitsPerSec, outBitsPerSec) + forwardedBitsPerSec) / nodes, load.provenance)
    }),
  ]
}

function alternativesOf(model: Model): Sizing['alternatives'] {
  const { survive, zones } = model.target
  const ways = (['zone', 'node', 'none'] as const).filter((way) => way !== survive && (way !== 'zone' || zones > 1))
  const words = { zone: 'to survive a zone', node: 'to survive a node only', none: 'to survive nothing' }
  const others = ways
    .filter((way) => way === 'none' || model.recoveryS !== null)
    .map((way) => ({ what: words[way], nodes: decidedNodes({ ...model, target: { ...model.target, survive: way } }) }))
  const { growth, clients, publishesPerSec, queued } = model.load
  if (growth === 1) return others
  const today = { ...model.load, clients: clients / growth, publishesPerSec: publishesPerSec / growth, queued: queued / growth }
  return [...others, { what: 'for the load of today', nodes: decidedNodes({ ...model, load: today }) }]
}

function availabilityFigures(model: Model, { nodes, survivors }: Cluster): AvailabilityFigures {
  const { availability: stated, survive, zones } = model.target
  const { goal, others } = stated
  const parts: AvailabilityFigures['parts'][number][] = []
  const notKnown: string[] = []
  const add = (name: string, minutes: number, basis: string, provenance: Provenance = 'assumed') =>
    parts.push({ name, minutes, provenance, basis })
  const percent = (share: number) => `${Number((share * 100).toPrecision(9))} %`
  const together = (k: number, n: number, a: number, noun: string) => {
    const all = availabilityOf(k, n, a)
    const why = k < n ? 'if they fail independently, which is an upper bound' : 'since all of them have to be up'
    add(`${k} of ${n} ${noun}`, downMinutes(all), `each ${percent(a)}, together ${percent(all)} ${why}`)
  }
  if (stated.zone === undefined) notKnown.push('availability of a zone (availability.zone)')
  else {
    // What has no node needs not be up. Zones are as full as each other, so that one is lost with more than a node unless each has just one.
    const used = Math.min(zones, nodes)
    const spared = survive === 'zone' || (survive === 'node' && nodes <= zones) ? 1 : 0
    together(used - spared, used, stated.zone, used === 1 ? 'zone' : 'zones')
  }
  if (stated.node !== undefined) together(survivors, nodes, stated.node, 'nodes')
  const failover = model.failoverS
  const restartS = stated.restartTime === undefined ? failover?.value : stated.restartTime / 1e6
  if (stated.restarts === undefined) notKnown.push('planned restarts (availability.restarts)')
  else if (restartS === undefined) notKnown.push('what a restart costs a client (availability.restartTime, or a run with a fault)')
  else
    add(
      'planned restarts',
      (stated.restarts * restartS) / 60,
      `${stated.restarts} a year × ${Number(restartS.toPrecision(3))} s of each client`,
      stated.restartTime === undefined ? failover!.provenance : 'assumed',
    )
  if (stated.failures === undefined) notKnown.push('failures of nodes (availability.failures)')
  else if (failover === null) notKnown.push('failover time (a run with a fault, or assume.failover)')
  else {
    const basis = `${stated.failures} a year × ${Number(failover.value.toPrecision(3))} s (${failover.provenance}) × 1/${formatCount(nodes)} of the clients`
    add('node failures', (stated.failures * failover.value) / 60 / nodes, basis, failover.provenance)
  }
  const series = Object.entries(others)
  if (series.length > 0)
    add(series.map(([name]) => name).join(', '), downMinutes(inSeries(series.map(([, a]) => a))), 'in series, says the target')
  const minutes = parts.length === 0 ? null : parts.reduce((sum, part) => sum + part.minutes, 0)
  return { goal, budgetMinutes: (1 - goal) * MINUTES_PER_YEAR, parts, minutes, notKnown }
}

function stormOf(model: Model, { left }: Cluster): Storm | null {
  const { connectRate, recoveryS, target } = model
  if (isRefusal(connectRate) || recoveryS === null || target.survive === 'none') return null
  const clients = lostClients(model, left)
  const beyond = beyondOf('storm', model, { survivors: left, nodes: left, perZone: null, left })
  return {
    clients,
    connectsPerSec: clients / recoveryS,
    seconds: clients / (left * connectRate.value),
    recoveryS,
    provenance: beyond !== null && beyond > 1 ? 'extrapolated' : connectRate.provenance,
  }
}

function costOf({ target, load }: Model, { nodes }: Cluster): Cost | null {
  const { price, zones } = target
  if (price === undefined) return null
  const nodesPerMonth = nodes * (price.perMonth ?? price.perHour! * HOURS_PER_MONTH)
  // Nodes of one zone are 1/Z of all: the rest of what is forwarded leaves it.
  const crossBits = zones === 1 ? 0 : networkOf(load, zones).forwardedBitsPerSec
  const crossZonePerMonth = ((crossBits / 8) * 3600 * HOURS_PER_MONTH * price.crossZonePerGB) / 1e9
  const perMonth = nodesPerMonth + crossZonePerMonth + price.fixedPerMonth
  const { currency, fixedPerMonth } = price
  return { currency, perMonth, perClientMonth: perMonth / load.clients, nodesPerMonth, crossZonePerMonth, fixedPerMonth }
}
