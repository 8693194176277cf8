/**
 * Prometheus's text format, and of OpenMetrics what is alike: a scrape as samples by the names that somebody asks for.
 *
 * A scrape has a thousand lines of which ten are wanted, and is read each second beside a load test: so other lines are only skipped. What is no
 * scrape at all (a page that asks for a login) shows in its first line. https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { labelsAt, nameAt, type Selector } from '../load/selector.ts'

export interface Sample {
  readonly labels: Selector['labels']
  readonly value: number
}

/** By name. */
export type Samples = ReadonlyMap<string, readonly Sample[]>

/**
 * Samples of the names that are wanted, in their order. Times and exemplars are left out.
 *
 * @throws Error  it is not in this format
 */
export function parseExposition(text: string, wanted: ReadonlySet<string>): Samples {
  const samples = new Map<string, Sample[]>()
  let isFirst = true
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    let at = start
    start = end + 1
    while (text[at] === ' ' || text[at] === '\t') at++
    if (at >= end || text[at] === '#' || (text[at] === '\r' && at + 1 === end)) continue
    const name = nameAt(text, at)
    if (name === null ? !isFirst : !isFirst && !wanted.has(name)) continue
    const sample = name === null ? null : sampleOf(text.slice(at, end), name)
    if (name === null || sample === null) throw new Error('its answer is not in the text format of Prometheus')
    isFirst = false
    if (!wanted.has(name)) continue
    const alike = samples.get(name)
    if (alike) alike.push(sample)
    else samples.set(name, [sample])
  }
  if (isFirst) throw new Error('its answer has no metrics')
  return samples
}

/** null: the line is none. */
function sampleOf(line: string, name: string): Sample | null {
  let at = name.length
  while (line[at] === ' ' || line[at] === '\t') at++
  const hasLabels = line[at] === '{'
  const found = hasLabels ? labelsAt(line, at) : { labels: {}, end: at }
  if (found === null || (!hasLabels && at === name.length)) return null
  const [word = ''] = line
    .slice(found.end)
    .trim()
    .split(/[ \t]+/)
  const value = numberOf(word)
  return value === null ? null : { labels: found.labels, value }
}

/** As Go's ParseFloat takes it. */
function numberOf(word: string): number | null {
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(word)
  if (infinite) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^[+-]?nan$/i.test(word)) return Number.NaN
  const value = Number(word)
  return word === '' || Number.isNaN(value) ? null : value
}
