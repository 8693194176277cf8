/**
 * What the trials of a search come to: the interval in the variable's unit, the limit in words, and over several sizes the scaling law.
 */
import { Scaling, type ScalingFigures } from './scaling.ts'
import type { Search } from './search.ts'
import type { SearchResult, Trial } from './types.ts'

/** @param nodes  of the cluster; null: nobody said */
export function resultOf(
  nodes: number | null,
  { found, hasHysteresis }: Pick<Search, 'found' | 'hasHysteresis'>,
  trials: readonly Trial[],
): SearchResult {
  const { status, low, high } = found
  const isLimited = status === 'generatorLimited'
  const good = trials.filter(({ verdict }) => verdict === 'good').map(({ factor }) => factor)
  return {
    nodes,
    status,
    // Of an interval that was not confirmed the end may not have been tried.
    low: loadAt(trials, isLimited ? (good.length === 0 ? null : Math.max(...good)) : low),
    high: loadAt(trials, high),
    hasHysteresis,
    limit: limitOf(trials, status === 'found' ? high : null),
    trials,
  }
}

/** In the variable's unit, by the trial that was nearest. */
function loadAt(trials: readonly Trial[], factor: number | null): number | null {
  if (factor === null) return null
  const distance = (trial: Trial) => Math.abs(Math.log(trial.factor / factor))
  const nearest = trials.reduce((best, trial) => (distance(trial) < distance(best) ? trial : best))
  return (nearest.load * factor) / nearest.factor
}

/** What most of the loads from the high end on failed by, or else the lowest that failed. */
function limitOf(trials: readonly Trial[], high: number | null): string | null {
  const failed = trials.filter(({ verdict }) => verdict === 'bad' || verdict === 'undecided').sort((a, b) => a.factor - b.factor)
  const beyond = failed.filter(({ factor }) => high !== null && factor >= high)
  const alike = (trial: Trial) => beyond.filter((other) => kindOf(other) === kindOf(trial)).length
  const limit = beyond.length === 0 ? failed[0] : beyond.reduce((best, trial) => (alike(trial) > alike(best) ? trial : best))
  return limit?.criteria[0] ?? null
}

/** Its first criterion, without figures. */
function kindOf({ criteria }: Trial): string {
  return criteria[0]!.replaceAll(/[\d.,]+/g, '')
}

/** null: the sizes of the cluster were not told, or a search is not over. */
export function scalingOf(series: readonly SearchResult[]): ScalingFigures | null {
  if (series.some(({ nodes, status }) => nodes === null || status === 'interrupted')) return null
  const found = series.filter(({ status, low }) => status === 'found' && low !== null)
  return new Scaling(found.map(({ nodes, low, high }) => ({ nodes: nodes!, perSec: low!, badPerSec: high }))).figures
}
