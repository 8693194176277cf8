/**
 * What so many nodes do at the SLO, measured or assumed, as the sizing asks it: how many are needed, and whether a given cluster carries the load.
 *
 * The second is a question of its own. The cluster that memory or connections ask for may have far more nodes than were measured, and with
 * coherency more nodes may do less. So that few nodes do it says nothing of many.
 */
import { formatCount, formatRate } from '../units.ts'
import { type Interval, nodeWords, type Refusal, type Scaling, sizeWords } from './scaling.ts'
import type { Provenance, Quantity } from './types.ts'
import { limitPerSec, nodesFor, throughputAt, type Usl } from './usl.ts'

/**
 * A law that no cluster in use should fall below: twice the contention and ten times the coherency of the worst published data set in docs/capacity.md.
 * A judgement, and said as one where it decides.
 */
export const WORST_LAW = { alpha: 0.12, beta: 0.016 } as const

export interface Need {
  /** Surely enough; null: not known. */
  readonly nodes: number | null
  /** Fewer are surely too few. */
  readonly fewest: number
  readonly provenance: Provenance | null
  readonly basis: string
  readonly refusal: Refusal | null
}

/** Whether a cluster of a size does so much, and how that is known. */
export interface Carried {
  readonly isSure: boolean
  readonly provenance: Provenance
  readonly basis: string
  readonly refusal: Refusal | null
}

/** Of a size; `value` null: only the range may be shown. */
export interface Known {
  readonly value: number | null
  readonly range: Interval
  readonly provenance: Provenance
}

export interface Throughput {
  needed(perSec: number): Need
  carries(nodes: number, perSec: number): Carried
  /** null: nothing can be said. */
  at(nodes: number): Known | null
  /** Of one node, for the list of inputs. */
  readonly ofOne: Quantity | null
  /** Nodes of the largest size that was searched, where there is no law; null: there is one, whose refusals say how far it goes. */
  readonly largest: number | null
}

/** @param scaling  with at least one size */
export function measuredThroughput(scaling: Scaling): Throughput {
  const { sizes, law } = scaling
  const known = (nodes: number): Known | null => {
    const { quantity, envelope } = scaling.predict(nodes)
    if (quantity !== null) return { value: quantity.value, range: quantity.range!, provenance: quantity.provenance }
    return envelope && { value: null, range: envelope, provenance: 'extrapolated' }
  }
  const [smallest] = sizes
  return {
    needed(perSec) {
      const { nodes, refusal } = scaling.nodesFor(perSec)
      const fewest = scaling.fewestFor(perSec)
      if (nodes === null) return { nodes, fewest, provenance: null, basis: `measured with ${sizeWords(sizes)}`, refusal }
      const { provenance, value, basis } = scaling.predict(nodes).quantity!
      const does = `${formatRate(value)} with ${formatCount(nodes)}: ${basis}`
      return { nodes, fewest: Math.min(nodes, fewest), provenance, basis: does, refusal: null }
    },
    carries(nodes, perSec) {
      const { quantity, refusal, envelope } = scaling.predict(nodes)
      const low = (quantity?.range ?? envelope)?.low ?? 0
      if (quantity !== null) {
        const { provenance, basis } = quantity
        const short = { reason: `${formatCount(nodes)} nodes may do no more than ${formatRate(low)}`, measure: searchWith(nodes) }
        return { isSure: low >= perSec, provenance, basis, refusal: low >= perSec ? null : short }
      }
      if (low >= perSec) return { isSure: true, provenance: 'extrapolated', basis: 'even the low end of all laws that fit', refusal: null }
      if (scaling.isBetween(nodes, perSec))
        return { isSure: true, provenance: 'interpolated', basis: 'between two sizes that do', refusal: null }
      // Per node no cluster does more than a smaller one, so one node does at least the share of the smallest that was measured.
      const worst = throughputAt({ gamma: smallest!.lowPerSec / smallest!.nodes, ...WORST_LAW }, nodes)
      const isSure = law === null && smallest!.measurements > 1 && worst >= perSec
      const { alpha, beta } = WORST_LAW
      return {
        isSure,
        provenance: 'assumed',
        basis: `that it scales no worse than with α ${alpha}, β ${beta}`,
        refusal: isSure ? null : refusal,
      }
    },
    at: known,
    ofOne: smallest === undefined ? null : ofSmallest(scaling),
    largest: law === null ? scaling.largest : null,
  }
}

/** By a law that the target states. */
export function assumedThroughput(law: Usl): Throughput {
  const basis = `target file: ${formatRate(law.gamma)} of one node, α ${law.alpha}, β ${law.beta}`
  return {
    needed(perSec) {
      const nodes = nodesFor(law, perSec)
      const most = formatRate(limitPerSec(law))
      const refusal = { reason: `by the law that the target assumes no number of nodes does more than ${most}`, measure: 'measure the law' }
      if (nodes === null) return { nodes, fewest: Math.ceil(perSec / law.gamma), provenance: 'assumed', basis, refusal }
      const whole = Math.max(1, Math.ceil(nodes - 1e-9))
      return { nodes: whole, fewest: whole, provenance: 'assumed', basis, refusal: null }
    },
    carries(nodes, perSec) {
      const isSure = throughputAt(law, nodes) >= perSec
      const refusal = {
        reason: `by the law that the target assumes ${formatCount(nodes)} nodes do less than fewer`,
        measure: 'measure the law',
      }
      return { isSure, provenance: 'assumed', basis, refusal: isSure ? null : refusal }
    },
    at(nodes) {
      const value = throughputAt(law, nodes)
      return { value, range: { low: value, high: value }, provenance: 'assumed' }
    },
    ofOne: { value: law.gamma, range: null, provenance: 'assumed', basis: 'target file' },
    largest: null,
  }
}

function ofSmallest({ sizes }: Scaling): Quantity {
  const { nodes, meanPerSec, lowPerSec, highPerSec, measurements } = sizes[0]!
  return {
    value: meanPerSec / nodes,
    range: { low: lowPerSec / nodes, high: highPerSec / nodes },
    provenance: 'measured',
    basis: `${measurements} ${measurements === 1 ? 'search' : 'searches'} with ${nodeWords(nodes)}`,
  }
}

function searchWith(nodes: number): string {
  return `search with ${formatCount(nodes)} nodes, three times`
}
