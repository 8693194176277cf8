/**
 * Which runs would narrow the answer most: for each input, how many nodes lie between the ends of what is known of it.
 *
 * A measured input has its range. One that is assumed, or extrapolated, is given twice and half, since nobody knows better. What stands in the way of
 * a decision comes before all of them.
 */

import { formatCount } from '../units.ts'
import { CONSTRAINT_WORDS, lostClients, roomOfQueued } from './constraints.ts'
import { beyondOf, type Cluster, type Decision, QUEUED_RUN } from './decide.ts'
import { isRefusal, type Model } from './model.ts'
import { FARTHEST, factorWords } from './scaling.ts'
import { INPUTS, nodesOf } from './sensitivity.ts'
import type { NextRun } from './sizing.ts'

const UNSURE = 2

export function nextRunsOf(model: Model, { doubts, cluster, carried }: Decision): NextRun[] {
  const first = doubts.map(({ constraint, reason, measure }): NextRun => {
    return { what: measure, why: `${CONSTRAINT_WORDS[constraint]}: ${reason}`, narrows: null }
  })
  const open = new Set(doubts.map(({ constraint }) => constraint))
  const others = [
    ...(open.has('memory') ? [] : [...memoryRun(model, cluster), ...queuedRun(model, cluster)]),
    ...(open.has('throughput') ? [] : throughputRun(model, cluster, carried)),
    ...(open.has('storm') ? [] : stormRun(model, cluster)),
    ...capRun(model),
  ]
  return [...first, ...others.toSorted((a, b) => b.narrows! - a.narrows!)]
}

function memoryRun(model: Model, cluster: Cluster): NextRun[] {
  const { memory, load } = model
  if (isRefusal(memory)) return []
  const perNode = formatCount(load.clients / cluster.left)
  const beyond = beyondOf('memory', model, cluster)
  const what = `hold ${perNode} idle clients on a node (sizing/idle), at three numbers or more`
  if (beyond === null) return [{ what, why: 'memory of a connection is assumed', narrows: spread(model, 'memory of a connection', UNSURE) }]
  if (beyond > 1)
    return [
      { what, why: `memory was measured to 1/${factorWords(beyond)} of that`, narrows: spread(model, 'memory of a connection', UNSURE) },
    ]
  const { value, range } = memory.perConnection
  const narrows = spread(model, 'memory of a connection', (range?.high ?? value) / value)
  return narrows === 0 ? [] : [{ what: 'more plateaus of idle clients (sizing/idle)', why: 'memory of a connection has a range', narrows }]
}

/** It would change nothing: otherwise it is in doubt. */
function queuedRun(model: Model, { left }: Cluster): NextRun[] {
  const isOpen = roomOfQueued(model, left) !== null
  return isOpen ? [{ what: QUEUED_RUN, why: 'memory of a queued message is not measured', narrows: 0 }] : []
}

function throughputRun(model: Model, cluster: Cluster, carried: Decision['carried']): NextRun[] {
  const { throughput } = model
  if (isRefusal(throughput) || carried === null) return []
  const known = throughput.at(cluster.left)
  const provenance = known?.provenance ?? carried.after.provenance
  const name = 'throughput of a node'
  const what = `search for the rate (sizing/rate) with ${formatCount(Math.ceil(cluster.nodes / FARTHEST))} nodes or more, three times`
  if (provenance === 'assumed' || provenance === 'extrapolated')
    return [{ what, why: `throughput of the cluster is ${provenance}`, narrows: spread(model, name, UNSURE) }]
  if (known === null || known.value === null) return []
  const narrows = spread(model, name, known.value / known.range.low)
  return narrows === 0 ? [] : [{ what: 'repeat the searches (sizing/rate)', why: 'throughput has a range', narrows }]
}

function stormRun(model: Model, cluster: Cluster): NextRun[] {
  const { connectRate, target } = model
  if (isRefusal(connectRate) || target.survive === 'none') return []
  const beyond = beyondOf('storm', model, cluster)
  const name = 'connects a second of a node'
  const what = `let ${formatCount(lostClients(model, cluster.left) / cluster.left)} clients come back to a node (sizing/storm)`
  if (beyond === null) return [{ what, why: 'connects a second are assumed', narrows: spread(model, name, UNSURE) }]
  if (beyond <= 1) return []
  return [{ what, why: `the storm was measured at 1/${factorWords(beyond)} of that`, narrows: spread(model, name, UNSURE) }]
}

function capRun(model: Model): NextRun[] {
  const { connections } = model.node
  if (connections === undefined) return []
  const what = `hold ${formatCount(connections * 1.2)} idle clients on a node (sizing/idle): may the cap be higher?`
  return [{ what, why: 'the connection cap is stated, not measured', narrows: spread(model, 'connection cap', 1.2) }]
}

/** Nodes between an input that is so many times smaller and one that is so many times larger. */
function spread(model: Model, name: string, factor: number): number {
  const { times } = INPUTS.find((input) => input.name === name)!
  return Math.abs(nodesOf(times(model, factor)!) - nodesOf(times(model, 1 / factor)!))
}
